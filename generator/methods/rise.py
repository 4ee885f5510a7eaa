"""RISE: many random masks, each counting by the score it leaves."""

from __future__ import annotations

from typing import Annotated

import torch
from torch.nn import functional as F

from generator.core.bounds import Between
from generator.engine.method_registry import method


@method(
    "RISE",
    family="perturbation",
    draw="signed",
    preset="full",
    passes=1000,
    order=310,
    cites="Petsiuk et al. 2018, arXiv:1806.07421",
)
def rise(
    x, score, *, masks: int = 1000, cells: int = 7, share: Annotated[float, Between(0.01, 1)] = 0.5, seed: int = 0
):
    """By how much the score is above its average while a pixel can be seen through a random mask.

    Masks with soft edges, a grid of `cells` by `cells` squares of which the share `share` is open, each shifted by
    chance, are laid over the image. Each pixel gets the mean score of the masks, weighed by how far they show it,
    less the mean over all masks.

    Formula: Σ_i S_c(x · M_i) M_i / Σ_i M_i − mean of S_c(x · M_i)

    Reading: Green pixels raise the score when they are seen, purple ones lower it.

    Limits: Coarse: details smaller than a cell are lost. With few masks it is speckled, and other masks give a somewhat
    different map: the seed is fixed so that it can be repeated. The paper weighs by probabilities, not by scores.
    """

    def draws():  # twice the same: all of them at once would fill the memory
        return (_mask(x, cells, share, seed * masks + index) for index in range(masks))

    scores = score(x * mask for mask in draws())
    weighed, seen = torch.zeros_like(x[:, 0]), torch.zeros_like(x[:, 0])
    mean = scores.mean()
    for mask, value in zip(draws(), scores, strict=True):
        weighed += (value - mean) * mask[:, 0]
        seen += mask[:, 0]
    return weighed / seen.clamp(min=1e-6), {"masks": masks}


def _mask(x: torch.Tensor, cells: int, share: float, index: int) -> torch.Tensor:
    """Mask number `index`, (1, 1, H, W), the same in every run: a random grid, enlarged and shifted."""
    generator = torch.Generator().manual_seed(1_000_003 * (index + 1))
    height, width = x.shape[-2:]
    tall, wide = -(-height // cells), -(-width // cells)  # pixels of a cell, rounded up
    grid = (torch.rand(1, 1, cells + 1, cells + 1, generator=generator) < share).float()
    large = F.interpolate(grid, ((cells + 1) * tall, (cells + 1) * wide), mode="bilinear", align_corners=False)
    top, left = (int(torch.randint(side, (), generator=generator)) for side in (tall, wide))
    return large[..., top : top + height, left : left + width].to(x.device)
