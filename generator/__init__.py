"""Innerview: what a convolutional network sees, as a gallery of pictures."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"
__all__ = ["Figure", "Look", "Model", "load", "look"]


def __getattr__(name: str) -> Any:
    """For notebooks: what `generator.notebook` offers; loaded when it is asked for, because torch takes long."""
    if name in __all__:
        return getattr(import_module(f"{__name__}.notebook"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
