"""Class activation maps: which regions of a layer support the class."""

from __future__ import annotations

from generator.engine.method_registry import method


@method(
    "CAM",
    family="cam",
    draw="overlay",
    order=180,
    roles=("class-map",),
    cites="Zhou et al. 2016, arXiv:1512.04150",
)
def cam(activation, class_weight):
    """Which places of the last feature maps the classifier weighs in favour of the class.

    Defined for networks that take the mean over space and then one linear layer: there the score is the mean of this
    map (up to the bias).

    Formula: relu(Σ_k W_{c,k} A_k)

    Reading: Yellow regions support the class; blue ones contribute little or nothing. The map has as few cells as the
    last layer; it is shown smoothed over the photo.

    Limits: Coarse: the map marks a region, not an outline. Evidence against the class is cut off.
    """
    return (class_weight[:, None, None] * activation).sum(1).relu()


@method(
    "Grad-CAM",
    family="cam",
    draw="overlay",
    order=190,
    roles=("region",),
    cites="Selvaraju et al. 2017, arXiv:1610.02391",
)
def grad_cam(activation, gradient):
    """Weigh each channel of a layer by how much the class's score depends on it, and keep what supports the class.

    Formula: relu(Σ_k w_k A_k), with w_k = mean over space of ∂S_c / ∂A_k (eq. 1 and 2)

    Reading: Yellow regions support the class; blue ones contribute little or nothing. At the layer before the mean over
    space it equals CAM, up to a factor.

    Limits: In earlier layers the averaged weights lose their meaning: a channel may count in one corner and not in
    another. The map is scaled to its own maximum, so look at the number beside it: a map can be bright and weak.
    """
    weights = gradient.mean((2, 3), keepdim=True)  # (1, K, 1, 1)
    return (weights * activation).sum(1).relu()  # (1, h, w)


@method(
    "Grad-CAM over depth",
    family="cam",
    draw="strip",
    order=200,
    cites="Selvaraju et al. 2017, arXiv:1610.02391",
)
def grad_cam_over_depth(activations, gradients):
    """Grad-CAM at every stage, from the first convolution to the last: where each supports the class.

    Formula: Grad-CAM at each stage's layer, each divided by its own maximum

    Reading: From left to right the maps get coarser; compare where each of them is brightest.

    Limits: Only the last maps can be read as "where the class is"; the early ones show which edges took part.
    """
    maps = [grad_cam(activations[layer], gradients[layer]) for layer in gradients]
    return maps, {"layers": list(gradients)}
