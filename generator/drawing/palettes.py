"""The colours that values become."""

from __future__ import annotations

import numpy as np


def gradient(*stops: tuple[float, str]) -> np.ndarray:
    """Return a palette (256, 3) through colours `#rrggbb` at positions from 0 to 1."""
    places = np.array([place for place, _ in stops])
    colours = np.array([[int(stop[i : i + 2], 16) for i in (1, 3, 5)] for _, stop in stops], float)
    along = np.linspace(0, 1, 256)
    return np.stack([np.interp(along, places, colours[:, i]) for i in range(3)], -1).round().astype(np.uint8)


BETWEEN = (223, 230, 224)  # between the tiles of a sprite, the one code that no value has
GREENS = gradient((0, "#ffffff"), (0.25, "#cbe8c3"), (0.55, "#5fb56c"), (0.8, "#1f7a3d"), (1, "#00381a"))
GREENS[255] = BETWEEN
_below = gradient((0, "#3f0a52"), (0.5, "#9a6bab"), (1, "#ffffff"))[::2]
_above = gradient((0, "#ffffff"), (0.45, "#5fb56c"), (1, "#00381a"))[::2]
SIGNED = np.concatenate([_below, _above])  # 128 is zero
SIGNED[0] = BETWEEN
GREYS = gradient((0, "#000000"), (1, "#ffffff"))
HEAT = gradient((0, "#1b1464"), (0.3, "#6a1b9a"), (0.55, "#d6336c"), (0.8, "#ff922b"), (1, "#fff35c"))
# The colours under a picture, by the name of its scale; codes that only mean "between two tiles" are left out.
RAMPS = {"green": GREENS[:255], "signed": SIGNED[1:], "grey": GREYS, "colour": GREYS, "heat": HEAT}


def hexadecimal() -> dict[str, str]:
    """Return the colours of codes 0 to 255, by the name of their scale, six hexadecimal digits each: for browsers.

    >>> len(hexadecimal()["green"]), hexadecimal()["grey"][:12]
    (1536, '000000010101')
    """
    tables = {"green": GREENS, "signed": SIGNED, "grey": GREYS, "heat": HEAT}
    return {name: table.tobytes().hex() for name, table in tables.items()}


def ramp_of(ramp: str, low: float) -> str:
    """Return which of `RAMPS` a scale that begins at `low` has: of some styles it depends on whether that is negative.

    >>> ramp_of("by sign", -1.0), ramp_of("by sign", 0.0), ramp_of("heat", 0.0)
    ('signed', 'green', 'heat')
    """
    return ("signed" if low < 0 else "green") if ramp == "by sign" else ramp
