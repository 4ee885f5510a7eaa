"""Guided Grad-CAM: the fine lines of guided backprop where Grad-CAM says that they count."""

from __future__ import annotations

from torch.nn import functional as F

from generator.engine.method_registry import method


@method(
    "Guided Grad-CAM",
    family="cam",
    draw="colour",
    order=290,
    cites="Selvaraju et al. 2017, arXiv:1610.02391",
)
def guided_grad_cam(guided_backprop, grad_cam, rectifiers):
    """Guided backprop, kept where Grad-CAM supports the class and faded out elsewhere.

    Guided backprop is sharp but hardly knows the class; Grad-CAM knows the class but is coarse. Their product has the
    detail of the one at the places of the other.

    Formula: guided backprop · Grad-CAM, the map resized bilinearly to the input

    Reading: Mid-grey means no influence or no evidence for this class at that place. Compare the two classes: the lines
    should move from one object to the other.

    Limits: The lines themselves come from guided backprop, with its limits: within a region they show which
    pattern is there, not why it counts.
    """
    size = guided_backprop.shape[-2:]
    place = F.interpolate(grad_cam[:, None], size, mode="bilinear", align_corners=False)  # (1, 1, H, W)
    return guided_backprop * place, {"rectifiers": rectifiers}
