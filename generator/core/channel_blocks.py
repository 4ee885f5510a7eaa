"""Which channels of a layer one figure shows: a few chosen ones, or all in blocks that can be taken up again."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .spacing import evenly_spaced

BLOCK = 16  # channels of one figure
_STYLE = re.compile(r"channels-(\d+)-(\d+)")

Units = int | str | Sequence[int]  # how many, "all", or which


def styles(units: Units, count: int) -> list[str]:
    """Return the styles of the figures of a layer with `count` channels: "" for the chosen ones, or one per block for
    all.

    >>> styles(16, 40), styles("all", 40)
    ([''], ['channels-0-15', 'channels-16-31', 'channels-32-39'])
    """
    if units != "all":
        return [""]
    return [f"channels-{first}-{min(first + BLOCK, count) - 1}" for first in range(0, count, BLOCK)]


def block_of(style: str) -> tuple[int, int] | None:
    """Return the first and the last channel of a block, None for the chosen channels."""
    match = _STYLE.fullmatch(style)
    return (int(match[1]), int(match[2])) if match else None


def said(style: str) -> str:
    """Return a block in words, "" for what is none.

    >>> said("channels-16-31")
    'channels 16 to 31'
    """
    block = block_of(style)
    return f"channels {block[0]} to {block[1]}" if block else ""


def channels(units: Units, count: int, block: tuple[int, int] | None = None) -> list[int]:
    """Return the channels of a layer with `count` of them that one figure shows.

    >>> channels(4, 64), channels(16, 10)[-1], channels([7, 3, 99], 64), channels("all", 40, (32, 39))[:2]
    ([0, 21, 42, 63], 9, [7, 3], [32, 33])
    """
    if block:
        return list(range(block[0], block[1] + 1))
    if units == "all":
        return list(range(count))
    if isinstance(units, int):
        return evenly_spaced(range(count), units)  # no channel is like its neighbour, so this is a fair sample
    return [unit for unit in units if isinstance(unit, int) and 0 <= unit < count]
