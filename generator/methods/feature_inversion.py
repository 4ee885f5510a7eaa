"""Inversion: what a layer still knows of a photo, seen by painting a picture that looks the same to it."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from generator.engine.image_optimisation import ascend, canvas, joined
from generator.engine.method_registry import method
from generator.engine.progress import Step


@method(
    "Inversion, layer by layer",
    slug="inversion",
    family="optimisation",
    draw="dreams",
    preset="full",
    passes=3,
    per=("steps", "stages"),
    order=360,
    film="the reconstruction of the image, stage by stage",
    cites="Mahendran & Vedaldi 2015, arXiv:1412.0035",
)
def inversion(network, x, *, steps: int = 200, smooth: float = 0.05, seed: int = 0):
    """For every stage an image, optimised from noise, with the same activations as the photo.

    The picture is changed until the layer's values are those that the photo gave, while neighbouring pixels are kept
    alike: of all pictures with the same values at the layer, a smooth one is chosen. The first tile is the photo as
    the network gets it.

    Formula: min_x ‖A(x) − A(photo)‖² / ‖A(photo)‖² + smooth · mean (x_{i+1,j} − x_{i,j})² + (x_{i,j+1} − x_{i,j})²

    Reading: What is lost from one tile to the next is no longer determined by the layer's values: often exact colours
    and fine detail first, then places. The numbers are the part of the layer's values that the
    picture misses. The film shows how each tile comes about.

    Limits: One of many pictures with these values. Where a tile is vague, the layer may hold no more, or the search
    may have ended too early; a large number under a late tile indicates the latter.
    """
    layers = network.stages()
    panels: list[Any] = [network.rgb(x)]
    missed: list[float] = []
    for place, layer in enumerate(layers):
        goal = network.activation(x, layer).detach()
        if not goal.any():  # a layer that is silent knows nothing
            panels, missed = [*panels, torch.full_like(panels[0], 0.5)], [*missed, 0.0]
            continue
        blank = canvas(network, "pixels", 1, tuple(x.shape[1:]), seed, place)
        size = goal.square().sum().clamp(min=1e-12)

        def gain(x, number, part, rule, layer=layer, goal=goal, size=size):
            difference = (network.activation(x, layer) - goal).square().flatten(1).sum(1)
            return -(difference / size + smooth * total_variation(x))

        for step in ascend(network, blank, gain, steps, []):
            made = place * steps + step.number
            rest = [torch.full_like(panels[0], 0.5)] * (len(layers) - place - 1)
            row = [*panels, step.picture, *rest]
            yield Step(made, len(layers) * steps, partial(joined, row))
        panels.append(blank.show(blank.paint))
        reached = network.activation(network.normalised(panels[-1]), layer)
        missed.append(float(f"{float((reached - goal).square().sum() / size):.3g}"))
    yield torch.cat(panels), {"layers": ["the photo", *layers], "missed": missed}


def total_variation(x):
    """Return the mean squared difference between neighbours in a column and in a row, of pictures (N, C, H, W):
    (N,).
    """
    down = (x[:, :, 1:] - x[:, :, :-1]).square().flatten(1).mean(1)
    along = (x[:, :, :, 1:] - x[:, :, :, :-1]).square().flatten(1).mean(1)
    return down + along
