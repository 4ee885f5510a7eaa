"""What other packages bring along: methods and networks, named by the entry points of installed packages."""

from __future__ import annotations

from importlib.metadata import entry_points

from .errors import InnerviewError

METHODS = "innerview.methods"  # each a module that registers methods
MODELS = "innerview.models"  # each a `module:function`, under a name of its own


class PackageError(InnerviewError):
    """What another package brings cannot be used."""


def methods() -> tuple[str, ...]:
    """Return the modules with methods of other packages, by name; a package that is installed twice counts once."""
    return tuple(sorted({point.module for point in entry_points(group=METHODS)}))


def models() -> dict[str, str]:
    """Return the networks of other packages: `module:function` by name. Raises `PackageError` where two have one
    name.
    """
    networks: dict[str, str] = {}
    for point in sorted(entry_points(group=MODELS)):
        if networks.setdefault(point.name, point.value) != point.value:
            raise PackageError(f"two packages bring a network {point.name!r}: {networks[point.name]} and {point.value}")
    return networks
