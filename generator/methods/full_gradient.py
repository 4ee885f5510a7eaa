"""FullGrad: the gradient of the input together with what the biases of all layers add to the score."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from generator.engine.derivatives import pulled_back
from generator.engine.method_registry import method

ADDING = ("conv2d", "conv_transpose2d", "batch_norm", "linear", "add", "sub")
DRAWN = ("conv2d", "conv_transpose2d", "batch_norm")


@method(
    "FullGrad",
    slug="fullgrad",
    family="gradient",
    draw="grey",
    preset="standard",
    passes=8,
    order=165,
    cites="Srinivas & Fleuret 2019, arXiv:1905.00780",
)
def full_gradient(tape, target):
    """What the pixels and the biases of all layers add to the score, laid over each other.

    The score of a network of rectifiers is, exactly, what each pixel adds (its value times its gradient) plus what each
    bias adds. Biases of convolutions and batch norms have a place in the image: their parts, without sign and brought
    to the range from 0 to 1 layer by layer, are enlarged and added to those of the pixels. The completeness gap is what
    all parts, those of linear layers too, lack of the score: near zero in networks of rectifiers and poolings.

    Formula: ψ(x · g) + Σ_l Σ_k ψ(b_{l,k} · ∂S_c/∂z_{l,k}), with ψ the absolute value, brought to 0 to 1 and enlarged

    Reading: White pixels matter, directly or by the biases of layers that look at them. Layers count alike, whatever
    they add: broad light comes from deep layers, fine lines from early ones.

    Limits: Without its sign a part may support or oppose the class. With GELU, SiLU or norms over channels the parts
    do not add up to the score; the gap is the difference.
    """
    seed = torch.zeros_like(tape.values[tape.logits])
    seed[:, target.column] = 1.0
    if target.against >= 0:
        seed[:, target.against] = -1.0
    parts: list[torch.Tensor] = []
    others: list[torch.Tensor] = []

    def rule(step, values, arrived):
        if step.op in ADDING and len(values) == 1:
            with torch.no_grad():
                part = step.call(torch.zeros_like(values[0])) * arrived[0]
            (parts if step.op in DRAWN and part.ndim == 4 else others).append(part)
        return pulled_back(step.call, values, arrived)

    pixels = tape.values[0] * tape.walk_back(seed, rule)
    size = tuple(pixels.shape[-2:])
    drawn = _ranged(pixels).sum(1)
    for part in parts:  # channels are added before they are enlarged, which is linear
        channels = _ranged(part).sum(1, keepdim=True)
        drawn = drawn + F.interpolate(channels, size, mode="bilinear", align_corners=True)[:, 0]
    total = float(torch.stack([part.double().sum() for part in [pixels, *parts, *others]]).sum())
    score = float(target.pick(tape.values[tape.logits]))
    return drawn, {"score": score, "completeness gap": total - score, "layers with biases": len(parts)}


def _ranged(part):
    """Return absolute values (1, K, h, w) between 0, the smallest, and 1, the largest; of equal ones zeros."""
    size = part.abs()
    low, high = size.min(), size.max()
    return (size - low) / (high - low) if high > low else torch.zeros_like(size)
