"""The commands by name: the command `x` is the function `x` of the module `x` in this package."""

from __future__ import annotations

from importlib import import_module

import click

# In the order in which one meets them, which is that of `innerview --help`.
NAMES = "new build look add plan merge pages serve show embed check diff schema train evaluate rank live".split()


def commands() -> dict[str, click.Command]:
    """Return every command by name. Their modules load what computes only when they are called."""
    return {name: getattr(import_module(f"{__package__}.{name}"), name) for name in NAMES}
