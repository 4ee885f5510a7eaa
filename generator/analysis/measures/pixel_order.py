"""From a map to an order of its pixels, and from an order to pictures in which they are exchanged bit by bit."""

from __future__ import annotations

from collections.abc import Iterator

import torch


def strongest_first(heatmap: torch.Tensor) -> torch.Tensor:
    """Return the indices of a map's pixels (H, W), the largest value first, (H * W,).

    Equal values stand in an order by chance, the same in every run: where a map says nothing, as where a CAM is zero,
    its pixels must not profit from where they lie. A flat map is therefore as good as a random one.
    """
    values = heatmap.flatten()
    chance = torch.randperm(len(values), generator=torch.Generator().manual_seed(0)).to(values.device)
    return chance[values[chance].argsort(descending=True, stable=True)]


def exchanged(order: torch.Tensor, start: torch.Tensor, end: torch.Tensor, steps: int) -> Iterator[torch.Tensor]:
    """`start` (1, C, H, W) whose first 0, 1/steps, 2/steps, ... of the pixels are `end`s: `steps` + 1 pictures."""
    for step in range(steps + 1):
        taken = order[: round(step * len(order) / steps)]
        sample = start.clone()
        sample.flatten(2)[:, :, taken] = end.flatten(2)[:, :, taken]
        yield sample


def area(curve: list[float]) -> float:
    """Return the area under values at equal distances over an axis of length 1, by the trapezoid rule."""
    return (sum(curve) - (curve[0] + curve[-1]) / 2) / (len(curve) - 1)


def rounded(values: torch.Tensor) -> list[float]:
    """For people and files: five places."""
    return [round(float(value), 5) for value in values]
