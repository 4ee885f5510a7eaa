"""Integrated gradients: contributions that add up to the score."""

from __future__ import annotations

import torch
from numpy.polynomial.legendre import leggauss

from generator.engine.baselines import Baseline
from generator.engine.method_registry import method


@method(
    "Integrated gradients",
    family="gradient",
    draw="signed",
    preset="standard",
    passes=150,
    order=160,
    film="how the contributions add up along the way",
    roles=("path",),
    cites="Sundararajan et al. 2017, arXiv:1703.01365",
)
def integrated_gradients(x, score, score_gradient, baseline, *, nodes: int = 50, start: Baseline = "mean"):
    """What each pixel contributed on the way from an empty picture to this one.

    The image is faded in from a picture of the mean colour, or from what `start` says: "black", "white", "grey", or
    "blur", the image itself without its details. On the way the gradient is summed up; times the change of
    each pixel this gives contributions which together are the difference of the two scores.

    Formula: (x − x′) · ∫ g(x′ + a (x − x′)) da from 0 to 1, summed over colours; x′ = 0, the mean colour,
    unless another start is chosen; the integral by Gauss and Legendre

    Reading: Green pixels raised the score, purple ones lowered it. The film shows the contributions adding up along the
    way. The completeness gap is what is missing from, or too much in, the sum: near zero, the integral is exact.

    Limits: All is relative to the start: a pixel of its colour contributes nothing, however important it is. The
    half-faded images on the way are unlike any that the network has learned from.
    """
    places, weights = leggauss(nodes)
    places, weights = (places + 1) / 2, weights / 2  # from [-1, 1] to [0, 1]
    empty = baseline(start)
    change = x - empty
    gradients = score_gradient(empty + change * float(place) for place in places)
    total = torch.zeros_like(x)
    for number, (weight, gradient) in enumerate(zip(weights, gradients, strict=True), 1):
        total = total + float(weight) * gradient
        if number < nodes and number % max(1, nodes // 12) == 0:
            yield (change * total).sum(1)
    gain = score([x, empty])
    contributions = (change * total).sum(1)
    rise = float(gain[0] - gain[1])
    yield contributions, {"rise of the score": rise, "completeness gap": float(contributions.sum()) - rise}
