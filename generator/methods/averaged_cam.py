"""Averaged CAM: Grad-CAM of several layers, of the picture and of its mirror image, laid over each other."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from generator.core.answer_kinds import PIXEL
from generator.core.errors import NotApplicable
from generator.engine.method_registry import method


@method(
    "Averaged CAM",
    slug="averaged-cam",
    family="cam",
    draw="overlay",
    preset="standard",
    passes=6,
    order=248,
    cites="Selvaraju et al. 2017, arXiv:1610.02391",
)
def averaged_cam(x, layer_gradients, target, *, flips: bool = True):
    """Where most layers support the class, for the image and its mirror image.

    Grad-CAM is computed at each stage with space, for the picture and, with `flips`, for its mirror image, whose map is
    mirrored back. Each map is divided by its maximum and enlarged; drawn is the mean of all. What a single layer or the
    border of a picture does to a map weighs less.

    Formula: mean over layers and both pictures of F⁻¹(M / max M), with M = relu(Σ_k mean_ij(G_k) A_k) of F(x)

    Reading: Yellow regions support the class in most layers. Fine detail comes from early layers, the place from late
    ones.

    Limits: Early layers hardly depend on the class, and count as much as late ones. A network that distinguishes left
    from right, as one that reads text, predicts something else for the mirror image.
    """
    if target.role == PIXEL and flips:
        raise NotApplicable("a single pixel is another one in the mirror image; ask with flips: false")
    maps = []
    for mirrored in (False, True)[: 1 + flips]:
        activations, gradients = layer_gradients(x.flip(3) if mirrored else x)
        for layer, gradient in gradients.items():
            cam = (gradient.mean((2, 3), keepdim=True) * activations[layer]).sum(1, keepdim=True).relu()
            top = cam.max()
            large = F.interpolate(cam / top if top > 0 else cam, x.shape[-2:], mode="bilinear", align_corners=False)
            maps.append(large.flip(3) if mirrored else large)
    if not maps:
        raise NotApplicable("no stage with channels and space hands back a gradient")
    return torch.stack(maps).mean(0)[:, 0], {"maps": len(maps)}
