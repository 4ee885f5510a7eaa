"""SmoothGrad: the gradient's noise averaged away."""

from __future__ import annotations

import torch

from generator.engine.method_registry import method

FRAMES_AFTER = (1, 2, 3, 5, 8, 12, 17, 23, 30, 38, 44)  # numbers of samples after which a frame is shown


@method(
    "SmoothGrad",
    family="gradient",
    draw="colour",
    preset="standard",
    passes=150,
    order=150,
    roles=("smoothed",),
    film="how the mean settles, sample by sample",
    cites="Smilkov et al. 2017, arXiv:1706.03825",
)
def smoothgrad(x, noise, score_gradient, *, n: int = 50, sigma: float = 0.15, seed: int = 0):
    """The mean of the gradients of many slightly noisy copies of the image.

    A gradient jumps from pixel to pixel, because each small change switches some ReLUs. What is common to copies that
    differ only by noise is what the score depends on.

    Formula: (1/n) Σ_i g(x + ε_i), with ε_i ~ N(0, σ²) and σ = sigma · (max x − min x)

    Reading: As vanilla backprop: mid-grey is no influence, a tint is the direction of colour that would raise the
    score. The film shows how the picture settles as copies are added. The spread over seeds says by how much,
    relative to the picture, it would differ with other noise.

    Limits: With much noise the picture becomes that of another, blurred question; sigma is a matter of taste. It shows
    what would raise the score of noisy images near this one.
    """
    width = sigma * (x.max() - x.min())
    samples = (x + width * noise(seed * n + index) for index in range(n))
    mean = spread = torch.zeros_like(x)
    for count, gradient in enumerate(score_gradient(samples), 1):
        change = gradient - mean
        mean = mean + change / count
        spread = spread + change * (gradient - mean)  # Welford: sum of squared distances from the mean
        if count in FRAMES_AFTER and count < n:
            yield mean
    size = float(mean.square().mean().sqrt())
    error = float((spread / max(1, n - 1) / n).mean().sqrt())
    yield mean, {"copies": n, "spread over seeds": error / size if size else 0.0}
