"""The architectures that come with Innerview."""
