"""What a single unit saw: a layer's strongest channels, each projected down to the image."""

from __future__ import annotations

import torch

from generator.engine.method_registry import method


@method(
    "Deconvnet, unit by unit",
    family="inside",
    draw="units",
    at="stages",
    preset="full",
    passes=33,
    order=60,
    roles=("units",),
    cites="Zeiler & Fergus 2014, arXiv:1311.2901",
)
def deconvnet_units(activation, project_units, rectifiers, *, units: int = 16):
    """The part of the image that each of a layer's strongest channels responded to, and which pattern in it.

    For each channel the single position with the largest value is kept, everything else in the layer is set to zero,
    and that one value is sent down through the transposed network: transposed convolutions, max-pools undone at the
    recorded places, a ReLU at every ReLU.

    Formula: deconvnet of A_{k,p} at p = argmax A_k, for the channels k with the largest maximum

    Reading: One tile for each channel, cut to what the unit can see, each with its own contrast; mid-grey is zero.
    Early layers show edges and spots of colour, middle ones textures and corners, late ones parts of the object.

    Limits: It is drawn for this image alone: the same channel may answer to something else in another one. A tile shows
    one position of its channel, and no tile can be compared with another in strength.
    """
    strengths = activation[0].flatten(1).amax(1)
    strongest = strengths.argsort(descending=True, stable=True)[:units].tolist()
    tiles = torch.cat(list(project_units(strongest)))  # (units, C, H, W)
    return tiles, {"channels": strongest, "rectifiers": rectifiers}
