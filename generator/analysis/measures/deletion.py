"""Deletion: take away what the map calls important, and the class should go."""

from __future__ import annotations

import torch

from generator.analysis.measure_registry import measure

from .pixel_order import area, exchanged, rounded, strongest_first


@measure(
    "Deletion", better="low", preset="standard", passes=21, cites="Petsiuk et al. 2018, arXiv:1806.07421", order=10
)
def deletion(heatmap, x, probability, *, steps: int = 20):
    """How fast the class is lost when the pixels that the map calls most important are painted over first.

    In equal steps more and more pixels get the mean colour of the training pictures, which is zero for the network, and
    each time the probability of the class is read. The score is the area under that curve.

    Formula: (1/n) Σ_{k=1..n} (p_{k−1} + p_k) / 2, with p_k = softmax_c of x whose k/n strongest pixels are at the mean
    colour

    Reading: Low is good: the class is gone after few pixels. Compare with the random map, not with zero.

    Limits: Painted-over pictures are like nothing the network was trained on, so the class may go because the picture
    became strange. Maps of scattered single pixels profit from that: they break textures everywhere at once.
    """
    pictures = exchanged(strongest_first(heatmap), x, torch.zeros_like(x), steps)
    curve = rounded(probability(pictures))
    return {"score": round(area(curve), 5), "curve": curve}
