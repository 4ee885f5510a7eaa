"""How fast Innerview is, measured: `python -m benchmarks [NAME ...]`."""
