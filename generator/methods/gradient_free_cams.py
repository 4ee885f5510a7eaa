"""Maps that ask the network instead of its gradient: show it, or hide from it, one channel at a time."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from generator.engine.method_registry import method


@method(
    "Score-CAM",
    family="cam",
    draw="overlay",
    preset="full",
    passes=512,
    order=270,
    cites="Wang et al. 2020, arXiv:1910.01279",
)
def score_cam(x, activation, score):
    """Each channel counts by the score of the image seen through that channel alone.

    A channel's map is resized to the image, stretched from 0 to 1 and multiplied with the image. The higher the network
    scores what is left, the more the channel weighs. No gradient is needed.

    Formula: relu(Σ_k w_k A_k), with w = softmax over k of S_c(x · M_k), M_k being A_k resized (corner on corner) and
    scaled to 0 to 1

    Reading: As Grad-CAM; smoother, as the weights do not suffer from noisy gradients.

    Limits: It costs a forward pass for each channel. A masked image is unlike any the network has learned from. The
    softmax often leaves two or three channels that decide the map.
    """

    def masked():
        for channel in activation[0]:
            mask = F.interpolate(channel[None, None], x.shape[-2:], mode="bilinear", align_corners=True)
            low, high = mask.aminmax()
            yield x * ((mask - low) / (high - low) if high > low else torch.zeros_like(mask))

    weights = score(masked()).softmax(0)
    return (weights[:, None, None] * activation[0]).sum(0, keepdim=True).relu()


@method(
    "Ablation-CAM",
    family="cam",
    draw="overlay",
    preset="full",
    passes=512,
    order=280,
    cites="Desai & Ramaswamy 2020, WACV",
)
def ablation_cam(activation, ablated_score, score, x):
    """Each channel counts by how far the score falls when that channel is set to zero.

    Formula: relu(Σ_k w_k A_k), with w_k = S_c(x) − S_c(x with A_k = 0)

    Reading: As Grad-CAM, with weights that are measured and not derived.

    Limits: It costs a forward pass for each channel. Channels that can stand in for each other all seem to be worth
    nothing. The paper divides the weights by the score, which only changes the scale.
    """
    fall = score([x]) - ablated_score(range(activation.shape[1]))
    return (fall[:, None, None] * activation[0]).sum(0, keepdim=True).relu()
