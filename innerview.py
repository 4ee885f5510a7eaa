"""Innerview under its own name: `import innerview`, then `innerview.load` and `innerview.look`."""

from generator import __all__, __dir__, __getattr__, __version__  # noqa: F401 - the lazy names of the package
