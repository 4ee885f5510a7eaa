"""The mean of several maps, each brought to one size of values first, and its picture."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from .encode import indexed_png
from .palettes import GREYS, HEAT, SIGNED
from .rendered_image import Picture, factor_for, finite, to_codes
from .tiles import enlarge

RAMPS = {"heat": HEAT, "grey": GREYS, "signed": SIGNED}  # those in which a mean is drawn


def mean_map(maps: Iterable[np.ndarray], signed: bool) -> tuple[np.ndarray, int, int]:
    """Return the mean (h, w) of maps (1, h, w), how many there are, and how many of them are zero everywhere.

    Each map is divided by its largest absolute value, so that all weigh alike; zero ones stay zero and count. Where
    values are not `signed`, negative ones are zero, as their pictures show them; so are those that are not finite.
    """
    total, count, zero = np.zeros(0), 0, 0
    for array in maps:
        values = finite(array)[0].astype(np.float64)
        values = values if signed else np.maximum(values, 0)
        largest = np.abs(values).max()
        values = values / largest if largest > 0 else np.zeros_like(values)
        total = total + values if count else values
        count, zero = count + 1, zero + (not largest > 0)
    return (total / max(1, count)).astype(np.float32), count, zero


def picture(mean: np.ndarray, ramp: str) -> Picture:
    """Return a mean (h, w) in colours that end at its largest absolute value, each cell a square; `ramp` is one of
    `RAMPS`.
    """
    limit = float(np.abs(mean).max())
    unit = mean / limit if limit else np.zeros_like(mean)
    codes = (128 + (unit * 127).round()).astype(np.uint8) if ramp == "signed" else to_codes(unit)
    board = enlarge(codes, factor_for(*codes.shape))
    scale = (-limit if ramp == "signed" else 0.0, limit)
    return Picture({"file": (".png", indexed_png(board, RAMPS[ramp]))}, board.shape[1], board.shape[0], scale)
