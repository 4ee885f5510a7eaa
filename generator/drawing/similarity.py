"""How alike two pictures or two arrays are: SSIM, correlation, relative difference."""

from __future__ import annotations

import numpy as np


def likeness(left: np.ndarray, right: np.ndarray) -> dict[str, float]:
    """Pearson's correlation of the values, and the length of their difference over the length of the left ones."""
    if np.array_equal(left, right):
        return {"correlation": 1.0, "relative difference": 0.0}
    reference, other = (array.astype(np.float64).ravel() for array in (left, right))
    length = float(np.linalg.norm(reference))
    relative = float(np.linalg.norm(other - reference)) / length if length else float(np.any(other != 0))
    centred = reference - reference.mean(), other - other.mean()
    spread = float(np.linalg.norm(centred[0]) * np.linalg.norm(centred[1]))
    correlation = float(centred[0] @ centred[1]) / spread if spread else 0.0  # a flat one is like no other
    return {"correlation": min(1.0, max(-1.0, correlation)), "relative difference": relative}


WINDOW, SIGMA = 11, 1.5  # pixels, as in the paper
DARK, FLAT = (0.01 * 255) ** 2, (0.03 * 255) ** 2  # keep the quotients finite where it is dark, or flat


def ssim(picture: np.ndarray, other: np.ndarray) -> float:
    """Mean structural similarity of two pictures (H, W) with values from 0 to 255: 1 for the same one, at least -1.

    Formula: (2 μ₁μ₂ + C₁)(2 σ₁₂ + C₂) / ((μ₁² + μ₂² + C₁)(σ₁² + σ₂² + C₂)), in Gaussian windows that lie wholly inside
    (Wang, Bovik, Sheikh & Simoncelli 2004, eq. 13); in a picture smaller than the window, as many pixels as there are.
    Raises `ValueError` for pictures of different sizes.
    """
    if picture.shape != other.shape:
        raise ValueError(f"expected pictures of one size, theirs are {picture.shape} and {other.shape}")
    if np.array_equal(picture, other):
        return 1.0
    picture, other = picture.astype(np.float64), other.astype(np.float64)
    mean, mean_other = _windowed(picture), _windowed(other)
    variance = _windowed(picture * picture) - mean**2
    variance_other = _windowed(other * other) - mean_other**2
    covariance = _windowed(picture * other) - mean * mean_other
    alike = (2 * mean * mean_other + DARK) * (2 * covariance + FLAT)
    return float((alike / ((mean**2 + mean_other**2 + DARK) * (variance + variance_other + FLAT))).mean())


def _windowed(picture: np.ndarray) -> np.ndarray:
    """Return the Gaussian mean around every pixel whose window lies inside, first down the columns, then along the
    rows.
    """
    for _ in range(2):
        weights = _weights(min(WINDOW, len(picture)))
        count = len(picture) - len(weights) + 1
        picture = sum(weight * picture[at : at + count] for at, weight in enumerate(weights)).T
    return picture


def _weights(size: int) -> np.ndarray:
    distance = np.arange(size) - (size - 1) / 2
    weights = np.exp(-(distance**2) / (2 * SIGMA**2))
    return weights / weights.sum()
