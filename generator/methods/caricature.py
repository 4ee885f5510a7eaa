"""Caricature: an image optimised to exaggerate the activations of a photo in a layer."""

from __future__ import annotations

from functools import partial

import torch

from generator.engine.image_optimisation import ascend, canvas, joined, random_affine, rounded
from generator.engine.method_registry import method
from generator.engine.progress import Step


@method(
    "Caricature, layer by layer",
    slug="caricature",
    family="optimisation",
    draw="dreams",
    preset="full",
    passes=5,
    per=("steps", "stages"),
    order=370,
    film="how each stage paints the photo anew",
    cites="Olah 2018, Lucid; Nguyen et al. 2016, arXiv:1602.03616",
)
def caricature(network, x, *, steps: int = 128, alike: float = 1.0, seed: int = 0):
    """For every stage an image, optimised from noise, that exaggerates the activations of the photo.

    Unlike an inversion it need not give the layer the same values: stronger ones are better. The photo and
    the picture are moved alike at every step. The first tile is the photo as the network gets it.

    Formula: max_x ⟨A(photo), A(x)⟩ · cos(A(photo), A(x))^alike, parametrised as in activation maximisation

    Reading: Patterns that the layer responds to are drawn large and clear, others are missing. Compare a tile with its
    neighbours: edges become textures, textures become parts. The film shows how each tile comes about.

    Limits: A few strong channels dominate the others; `alike` weighs how well all of them agree. The colours are the
    network's, not the photo's.
    """
    layers = network.stages()
    panels = [network.rgb(x)]
    numbers: dict[str, list] = {"layers": ["the photo", *layers], "reached": [], "grey": [], "the photo": []}
    for place, layer in enumerate(layers):
        if not network.activation(x, layer).any():  # a layer that is silent has nothing to exaggerate
            panels.append(torch.full_like(panels[0], 0.5))
            for name in ("reached", "grey", "the photo"):
                numbers[name].append(0.0)
            continue
        blank = canvas(network, "fourier", 1, tuple(x.shape[1:]), seed, place)

        def gain(made, number, part, rule, layer=layer):
            pair = random_affine(torch.cat([x.to(made.dtype), made]), network.random(seed, number + 1))
            photo, own = network.activation(pair, layer, rule).flatten(1)
            return _likeness(photo.detach(), own, alike)[None]

        for step in ascend(network, blank, gain, steps, []):
            rest = [torch.full_like(panels[0], 0.5)] * (len(layers) - place - 1)
            row = [*panels, step.picture, *rest]
            made = place * steps + step.number
            yield Step(made, len(layers) * steps, partial(joined, row))
        panels.append(blank.show(blank.paint))
        shown = [panels[-1], blank.show(torch.zeros_like(blank.paint))]
        own, grey, photo = (
            network.activation(image, layer).flatten() for image in (*map(network.normalised, shown), x)
        )
        for name, values in (("reached", own), ("grey", grey), ("the photo", photo)):
            numbers[name] += rounded(_likeness(photo, values, alike)[None])
    yield torch.cat(panels), numbers


def _likeness(photo, own, alike):
    """Return how strongly values (n,) of a layer agree with those of the photo: their mean product, times a power of
    their cosine."""
    dot = (photo * own).sum()
    cosine = dot / (photo.norm() * own.norm()).clamp(min=1e-12)
    return dot / photo.numel() * cosine.clamp(min=0.1) ** alike
