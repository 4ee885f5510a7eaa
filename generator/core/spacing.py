"""Evenly spaced samples of a sequence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")


def evenly_spaced(items: Sequence[Item], most: int) -> list[Item]:
    """Return at most `most` of `items`, evenly spaced, the first and the last among them.

    >>> evenly_spaced("abcdefgh", 3), evenly_spaced("ab", 4), evenly_spaced(range(64), 4), evenly_spaced(range(5), 1)
    (['a', 'e', 'h'], ['a', 'b'], [0, 21, 42, 63], [0])
    """
    if len(items) <= most:
        return list(items)
    return [items[round(place * (len(items) - 1) / max(1, most - 1))] for place in range(most)]
