"""Occlusion: hide a part of the image and see what the score says."""

from __future__ import annotations

import math

import torch

from generator.engine.baselines import Baseline
from generator.engine.method_registry import method


@method(
    "Occlusion",
    family="perturbation",
    draw="signed",
    preset="standard",
    passes=50,
    order=300,
    roles=("covered",),
    cites="Zeiler & Fergus 2014, arXiv:1311.2901",
)
def occlusion(x, score, baseline, *, window: int = 0, stride: int = 0, cover: Baseline = "mean"):
    """How far the score falls when a patch of the image is covered with the mean colour.

    A square slides over the image. Each pixel is drawn by the mean fall over all squares that covered it. `window` and
    `stride` are in pixels; 0 stands for a quarter of the shorter side and half a window. What the square shows is
    `cover`: the mean colour, "black", "white", "grey", or "blur", the image itself without its details.

    Formula: mean over the windows that hold the pixel of S_c(x) − S_c(x with the window at the mean colour)

    Reading: Green: covering this place lowers the score, so it supports the class. Purple: covering it raises the
    score.

    Limits: The result depends on the size of the square, and a grey square is itself something to see. Evidence that is
    present twice looks worthless, as one copy is enough.
    """
    height, width = x.shape[-2:]
    window = window or max(1, min(height, width) // 4)
    stride = stride or max(1, window // 2)
    corners = [(top, left) for top in _starts(height, window, stride) for left in _starts(width, window, stride)]

    beneath = baseline(cover)

    def covered():
        for top, left in corners:
            sample = x.clone()
            place = (..., slice(top, top + window), slice(left, left + window))
            sample[place] = beneath[place]
            yield sample

    falls = score([x]) - score(covered())
    total, count = torch.zeros_like(x[:, 0]), torch.zeros_like(x[:, 0])
    for (top, left), fall in zip(corners, falls, strict=True):
        total[:, top : top + window, left : left + window] += fall
        count[:, top : top + window, left : left + window] += 1
    return total / count.clamp(min=1), {"window": window, "stride": stride, "positions": len(corners)}


def _starts(length: int, window: int, stride: int) -> range:
    """Return where windows begin: as many as cover the length, the last one cut at the edge."""
    return range(0, math.ceil(max(0, length - window) / stride) * stride + 1, stride)
