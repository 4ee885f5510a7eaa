"""How alike two maps are by the order of their pixels: Spearman's rank correlation."""

from __future__ import annotations

import torch


def spearman(left: torch.Tensor, right: torch.Tensor) -> float:
    """Rank correlation of two maps of one shape, in [-1, 1]; equal values share their mean rank.

    A flat map has no order and nothing in common with any other: 0.
    """
    first, second = (ranks(values.flatten()) for values in (left, right))
    first, second = first - first.mean(), second - second.mean()
    length = float(first.norm() * second.norm())
    return float(first @ second) / length if length else 0.0


def ranks(values: torch.Tensor) -> torch.Tensor:
    """Return the rank of each of `values` (n,), from 1; float64."""
    _, place, count = torch.unique(values, return_inverse=True, return_counts=True)
    last = count.cumsum(0).double()
    return (last - (count - 1) / 2)[place]
