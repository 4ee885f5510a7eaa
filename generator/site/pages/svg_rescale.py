"""A stored sprite on a wider scale, by SVG filters: colours become values, these shrink and become colours again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from generator.drawing.palettes import GREENS, SIGNED

KNOTS = 65  # entries of a table; the browser interpolates between them
ZERO = 128 / 255  # where a signed value of zero lies between purple and green

_GREENS, _ABOVE, _BELOW = GREENS[:255], SIGNED[128:], SIGNED[128:0:-1]  # each from zero to its end


@dataclass(frozen=True)
class Shrink:
    """How one picture's values are brought to the common scale: `slope * value + intercept`."""

    id: str
    slope: float
    intercept: float


@dataclass(frozen=True)
class Rescale:
    """Tables for SVG's `tableValues`: a colour's red, or green, leads to a value, and a value to three colours.

    Unsigned values run from 0 to 1, signed ones from 0 to 1 with zero at `ZERO`. A sprite in greens enters by its red;
    one in purple and green by its red where it is green, by its green where it is purple.
    """

    greens: str  # "" where no sprite is in greens
    above: str  # "" where none is in purple and green
    below: str
    colours: tuple[str, str, str]
    shrinks: list[Shrink]


def rescale(signed: bool, shrinks: list[Shrink], kinds: set[bool]) -> Rescale:
    """Return the filters for a page whose common scale is `signed` or not, and whose sprites are of these `kinds`:
    signed?
    """
    target = SIGNED[np.maximum(1, np.arange(256))] if signed else _GREENS
    red, green, blue = (_table(np.linspace(0, 1, len(target)), target[:, channel] / 255) for channel in range(3))
    return Rescale(
        greens=_values(_GREENS[:, 0], 0, 1) if False in kinds else "",
        above=_values(_ABOVE[:, 0], ZERO, 1) if True in kinds else "",
        below=_values(_BELOW[:, 1], ZERO, 1 / 255) if True in kinds else "",
        colours=(red, green, blue),
        shrinks=shrinks,
    )


def shrink(id: str, share: float, signed: bool, onto_signed: bool) -> Shrink:
    """For a sprite whose scale ends at `share` (0 to 1) of the common scale; either may be signed."""
    if signed:
        return Shrink(id, round(share, 4), round(ZERO * (1 - share), 4))
    return Shrink(id, round(share * (1 - ZERO), 4), round(ZERO, 4)) if onto_signed else Shrink(id, round(share, 4), 0)


def _values(levels: np.ndarray, first: float, last: float) -> str:
    """From a channel's levels (n,) in a palette, ever darker, to the values behind them: from `first` to `last`."""
    return _table(levels[::-1] / 255, np.linspace(last, first, len(levels)))


def _table(places: np.ndarray, values: np.ndarray) -> str:
    sampled = np.interp(np.linspace(0, 1, KNOTS), places, values)
    return " ".join(f"{value:.3f}".lstrip("0").rstrip("0").rstrip(".") or "0" for value in sampled)
