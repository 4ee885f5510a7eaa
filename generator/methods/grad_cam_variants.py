"""Grad-CAM's relatives: the same activations and gradients, weighed in other ways."""

from __future__ import annotations

import torch

from generator.engine.method_registry import method


@method(
    "Grad-CAM++",
    family="cam",
    draw="overlay",
    order=210,
    cites="Chattopadhay et al. 2018, arXiv:1710.11063",
)
def grad_cam_plus_plus(activation, gradient):
    """Grad-CAM that weighs every occurrence of the object equally, however small it is.

    Grad-CAM averages gradients over the whole map, so that a feature seen in a few cells counts little. Here each cell
    has a weight that makes its contribution count alike, and only gradients that support the class are added.

    Formula: w_k = Σ α_k relu(G_k), with α_k = G_k² / (2 G_k² + (Σ A_k) G_k³), and 0 where that denominator is not
    positive; the map is relu(Σ_k w_k A_k)

    Reading: As Grad-CAM. Several objects of the class should all be covered.

    Limits: The weights come from a formula that takes the score for an exponential; cells with tiny gradients can weigh
    as much as others. Contours are often wider than Grad-CAM's.
    """
    square, total = gradient**2, activation.sum((2, 3), keepdim=True)
    below = 2 * square + total * gradient * square
    alpha = torch.where(below > 0, square / torch.where(below > 0, below, 1), 0)
    weights = (alpha * gradient.relu()).sum((2, 3), keepdim=True)
    return (weights * activation).sum(1).relu()


@method(
    "XGrad-CAM",
    family="cam",
    draw="overlay",
    order=220,
    cites="Fu et al. 2020, arXiv:2008.02312",
)
def xgrad_cam(activation, gradient):
    """Grad-CAM whose weights are averaged where the channel is active, so that the map adds up to the score.

    A gradient counts for as much as the activation at its place: what a channel would do where it is silent has no
    influence.

    Formula: relu(Σ_k w_k A_k), with w_k = Σ G_k A_k / Σ A_k, and 0 for a channel that sums to zero

    Reading: As Grad-CAM.

    Limits: As Grad-CAM. The weights are ill-defined for channels whose positive and negative values cancel, as before a
    ReLU.
    """
    total = activation.sum((2, 3), keepdim=True)
    weights = (gradient * activation).sum((2, 3), keepdim=True) / torch.where(total == 0, 1, total)
    return (torch.where(total == 0, 0, weights) * activation).sum(1).relu()


@method(
    "HiRes-CAM",
    family="cam",
    draw="overlay",
    order=230,
    cites="Draelos & Carin 2020, arXiv:2011.08891",
)
def hires_cam(activation, gradient):
    """Each cell's own gradient times its own activation: only places that contribute to the score.

    Formula: relu(Σ_k G_k · A_k), cell by cell

    Reading: As Grad-CAM, but no place can light up because its channel counts elsewhere. At the layer before the mean
    over space it equals Grad-CAM, up to a factor.

    Limits: In early layers it is as noisy as the gradient itself.
    """
    return (gradient * activation).sum(1).relu()


@method(
    "LayerCAM",
    slug="layer-cam",
    family="cam",
    draw="overlay",
    order=240,
    cites="Jiang et al. 2021, IEEE TIP 30",
)
def layer_cam(activation, gradient):
    """Each cell's activation, as far as its own gradient supports the class.

    Formula: relu(Σ_k relu(G_k) · A_k), cell by cell

    Reading: As Grad-CAM. It also reads well in middle layers, where it traces parts and outlines.

    Limits: Evidence against the class is dropped before the sum: a place with as much evidence against as for the
    class lights up all the same.
    """
    return (gradient.relu() * activation).sum(1).relu()
