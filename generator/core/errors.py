"""What a user can put right: one small family of exceptions."""

from __future__ import annotations

from .text import harmless


class InnerviewError(Exception):
    """Something a user can put right: names the thing, what was expected and what is there."""

    def __str__(self) -> str:
        return harmless(super().__str__())


class ConfigError(InnerviewError):
    """A key of gallery.yml or images.yml, or an option, is not what it should be; told in one line."""

    def __str__(self) -> str:
        line = " ".join(super().__str__().split())
        return line if len(line) <= 600 else line[:597] + "..."


class ImageError(InnerviewError):
    """A picture cannot be read, or not safely."""


class ModelError(InnerviewError):
    """A network cannot be built, or its weights do not fit it."""


class NotApplicable(InnerviewError):
    """A method has nothing to say about this network or layer; the message is shown in its place."""
