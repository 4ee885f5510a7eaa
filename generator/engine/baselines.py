"""Pictures that stand for no evidence: the mean colour, black, white, grey, or the picture itself, blurred."""

from __future__ import annotations

from typing import Literal

import torch

Baseline = Literal["mean", "black", "white", "grey", "blur"]
EVEN = {"black": 0.0, "grey": 0.5, "white": 1.0}  # of the range of values that a pixel may have
BLUR = 0.125  # standard deviation of the Gaussian, of the shorter side


def baseline_of(x: torch.Tensor, low: torch.Tensor, high: torch.Tensor, kind: Baseline) -> torch.Tensor:
    """Return the baseline of an input `x` (1, C, H, W), of its shape.

    `low` and `high` (1, C, 1, 1) are what the smallest and the largest value of a pixel are as the network wants them.
    """
    if kind == "mean":
        return torch.zeros_like(x)
    if kind == "blur":
        return blurred(x, BLUR * min(x.shape[-2:]))
    return (low + EVEN[kind] * (high - low)).expand_as(x).clone()


def blurred(x: torch.Tensor, sigma: float) -> torch.Tensor:
    """`x` (..., H, W) blurred by a Gaussian of standard deviation `sigma` in pixels; at the edges by what is there."""
    tall, wide = (_mixing(side, sigma).to(x) for side in x.shape[-2:])
    return tall @ x @ wide.T


def _mixing(side: int, sigma: float) -> torch.Tensor:
    """(side, side): row i holds what each pixel gives to the blurred pixel i."""
    place = torch.arange(side, dtype=torch.float64)
    weights = (-((place[:, None] - place) ** 2) / (2 * sigma**2)).exp()
    return weights / weights.sum(1, keepdim=True)
