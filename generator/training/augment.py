"""Pictures in memory, and what makes a batch of them new in every epoch."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F

from generator.data import Labelled
from generator.evaluation import batches, match_classes, normalised
from generator.models import Loaded
from generator.types import Input


def in_memory(data: Labelled, network: Loaded) -> tuple[torch.Tensor, torch.Tensor]:
    """Every picture decoded once: uint8 `(N, C, H, W)`, and the network's class indices `(N,)`."""
    pixels, labels = zip(*batches(data, network.input, 1000), strict=True)
    index = torch.tensor(match_classes(data, network.classes))
    return torch.from_numpy(np.concatenate(pixels)), index[torch.from_numpy(np.concatenate(labels))]


def augmented(
    pixels: torch.Tensor, input: Input, side: int, padding: int, cutout: float, random: torch.Generator
) -> torch.Tensor:
    """Normalised `(N, C, side, side)`, channels last: each picture cropped at random, mirrored or not, a square greyed.

    The square takes the share `cutout` of the crop's side and the mean colour; `padding` pixels are reflected first.
    """
    count, _, height, width = pixels.shape
    device = pixels.device
    x = F.pad(normalised(pixels, input), (padding,) * 4, mode="reflect").permute(0, 2, 3, 1)

    def draw(below: int) -> torch.Tensor:
        return torch.randint(below, (count, 1, 1), generator=random).to(device)

    down = torch.arange(side, device=device)[:, None]  # (side, 1)
    across = torch.arange(side, device=device)
    rows = draw(height + 2 * padding - side + 1) + down  # (N, side, 1)
    mirrored = torch.where(draw(2) == 1, across.flip(0), across)  # (N, 1, side)
    columns = draw(width + 2 * padding - side + 1) + mirrored
    x = x[torch.arange(count, device=device)[:, None, None], rows, columns]  # (N, side, side, C)
    hole = round(cutout * side)
    if hole:
        top, left = draw(side - hole + 1), draw(side - hole + 1)
        x[(top <= down) & (down < top + hole) & (left <= across) & (across < left + hole)] = 0
    return x.permute(0, 3, 1, 2)
