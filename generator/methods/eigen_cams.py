"""Maps without weights: the direction in which a layer's activations vary most."""

from __future__ import annotations

import torch

from generator.engine.method_registry import method


@method(
    "Eigen-CAM",
    family="cam",
    draw="overlay",
    order=250,
    cites="Muhammad & Yeasin 2020, arXiv:2008.00299",
)
def eigen_cam(activation):
    """The main variation of a layer over the image, whatever the class: the first principal component of its values.

    Each place of the layer has a value for each channel. The direction along which these values differ most is found,
    and each place is drawn by how far it lies along it. No class and no gradient is involved.

    Formula: relu(X v), with X the activations (places × channels) less their mean and v the eigenvector of XᵀX with the
    largest eigenvalue, turned so that the map correlates positively with the mean activation

    Reading: In yellow regions the layer's values differ most from the rest of the image; often that is the object.

    Limits: It is independent of the class: a striking background dominates. The direction of a principal component is a
    convention.
    """
    return first_component(activation)


@method(
    "EigenGrad-CAM",
    slug="eigengrad-cam",
    family="cam",
    draw="overlay",
    order=260,
    cites="Gildenblat et al. 2021, pytorch-grad-cam",
)
def eigengrad_cam(activation, gradient):
    """Class-specific Eigen-CAM: the first principal component of activations times gradients.

    Formula: as Eigen-CAM, with X = A · G, turned so that the map correlates positively with the mean of A · G

    Reading: Yellow places are where the evidence for the class varies most.

    Limits: The component that varies most need not be the evidence that counts most.
    """
    return first_component(activation * gradient)


def first_component(maps: torch.Tensor) -> torch.Tensor:
    """Return the positive part of the first principal component (1, h, w) of maps (1, K, h, w), by the smaller Gram
    matrix.

    A singular value decomposition of the whole would need gigabytes for an early layer.
    """
    values = maps[0].flatten(1).T.double()  # places x channels
    values = values - values.mean(0)
    if values.shape[0] <= values.shape[1]:
        sizes, vectors = torch.linalg.eigh(values @ values.T)
        component = vectors[:, -1] * sizes[-1].clamp(min=0).sqrt()
    else:
        component = values @ torch.linalg.eigh(values.T @ values).eigenvectors[:, -1]
    if component @ values.mean(1) < 0:
        component = -component
    return component.reshape(1, *maps.shape[2:]).relu().to(maps.dtype)
