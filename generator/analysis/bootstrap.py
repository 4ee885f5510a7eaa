"""Scores of methods over images become an order: means, bootstrap intervals, and ties that are called ties."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

FEWEST = 8  # images without which no order is claimed
DRAWS = 2000  # bootstrap samples
LEVEL = 0.95


@dataclass(frozen=True)
class Standing:
    """How one method does among the others by one measure."""

    method: str
    mean: float
    low: float  # the bootstrap interval of the mean, 95 %
    high: float
    images: int
    rank: int  # 1 + how many methods are better beyond chance; methods with one rank are tied; 0: too few images
    beats: tuple[str, ...]  # the methods that it is better than beyond chance


def standings(
    scores: Mapping[str, Sequence[float | None]], better: str, draws: int = DRAWS, seed: int = 0
) -> list[Standing]:
    """Return the methods, the best mean first; `scores` has one value per image and method, None where there is none.

    `better` is "low" or "high". Images are drawn with replacement, `draws` times, the same ones for all methods. One
    method is better than another beyond chance when 95 % of the drawn means of their differences, over the images that
    both have, lie on its side of zero: the percentile interval of the paired difference leaves zero out. No correction
    is made for the number of pairs.
    """
    names = [name for name, values in scores.items() if any(value is not None for value in values)]
    if not names:
        return []
    values = np.array([[np.nan if v is None else v for v in scores[name]] for name in names])  # (methods, images)
    there = ~np.isnan(values)
    filled = np.where(there, values, 0.0)
    drawn = _drawn(values.shape[1], draws, seed)  # (draws, images): how often each image was drawn
    means = filled.sum(1) / there.sum(1)
    low, high = _interval(_means(drawn, filled, there))
    enough = int(there.sum(1).min()) >= FEWEST
    sign = -1.0 if better == "low" else 1.0
    better_than = np.zeros((len(names), len(names)), bool)
    for index in range(len(names)) if enough else ():
        both = there & there[index]
        difference = sign * (filled[index] - filled) * both
        better_than[index] = _interval(_means(drawn, difference, both))[0] > 0
    entries = [
        Standing(
            method=name,
            mean=float(means[index]),
            low=float(low[index]),
            high=float(high[index]),
            images=int(there[index].sum()),
            rank=1 + int(better_than[:, index].sum()) if enough else 0,
            beats=tuple(names[other] for other in np.flatnonzero(better_than[index])),
        )
        for index, name in enumerate(names)
    ]
    return sorted(entries, key=lambda entry: (entry.rank, -sign * entry.mean, entry.method))


def difference(
    better: Mapping[str, Sequence[float | None]], worse: Mapping[str, Sequence[float | None]]
) -> dict[str, list[float | None]]:
    """Image by image one score less another: insertion less deletion says both in one number."""
    return {
        name: [None if a is None or b is None else a - b for a, b in zip(values, worse[name], strict=True)]
        for name, values in better.items()
        if name in worse
    }


def _drawn(images: int, draws: int, seed: int) -> np.ndarray:
    """Return how often each image is drawn: (draws, images), each row adds up to the number of images."""
    generator = np.random.default_rng(seed)
    return generator.multinomial(images, np.full(images, 1 / images), size=draws).astype(np.float64)


def _means(drawn: np.ndarray, values: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Return the mean of each row of values (rows, images) in each draw: (draws, rows); NaN where nothing of it was
    drawn.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        return (drawn @ values.T) / (drawn @ there.T.astype(np.float64))


def _interval(means: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the middle 95 % of the drawn means, by row: (rows,) and (rows,)."""
    rest = 50 * (1 - LEVEL)
    filled = np.where(np.isnan(means).all(0), 0.0, means)  # a row without any image is level with everything
    low, high = np.nanpercentile(filled, [rest, 100 - rest], axis=0)
    return low, high
