"""Insertion: show first what the map calls important, and the class should come."""

from __future__ import annotations

from typing import Annotated

from generator.analysis.measure_registry import measure
from generator.core.bounds import Between
from generator.engine.baselines import blurred

from .pixel_order import area, exchanged, rounded, strongest_first


@measure(
    "Insertion", better="high", preset="standard", passes=21, cites="Petsiuk et al. 2018, arXiv:1806.07421", order=20
)
def insertion(heatmap, x, probability, *, steps: int = 20, blur: Annotated[float, Between(0.001, 1)] = 0.125):
    """How fast the class appears when a blurred picture gets its sharp pixels back, the map's strongest first.

    It begins with the whole picture blurred, by a Gaussian whose width is `blur` of the shorter side, and ends with the
    picture itself. Each time the probability of the class is read; the score is the area under that curve.

    Formula: (1/n) Σ_{k=1..n} (p_{k−1} + p_k) / 2, with p_k = softmax_c of the blurred x whose k/n strongest pixels are
    sharp

    Reading: High is good: few pixels are enough. Compare with the random map: where the blurred picture is recognised
    already, every map scores high.

    Limits: Smooth, compact maps profit, as a network finds a whole sharp part easier to read than scattered sharp
    pixels. So it tends to prefer the maps that deletion dislikes; a map that is good at both is worth more.
    """
    pictures = exchanged(strongest_first(heatmap), blurred(x, blur * min(x.shape[-2:])), x, steps)
    curve = rounded(probability(pictures))
    return {"score": round(area(curve), 5), "curve": curve}
