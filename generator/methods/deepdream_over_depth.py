"""The hallucination strip: one photo dreamt through every stage of a network."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import torch

from generator.core.bounds import Between
from generator.engine.image_optimisation import joined
from generator.engine.method_registry import method
from generator.engine.progress import Step

from .deepdream import DREAM, at_most, dream


@method(
    "Hallucinations, layer by layer",
    slug="deepdream-over-depth",
    family="optimisation",
    draw="dreams",
    preset="full",
    passes=1.4,
    per=("steps", "octaves", "stages"),
    order=350,
    film="the dream, stage by stage",
    cites=DREAM,
)
def deepdream_over_depth(
    network,
    photograph,
    *,
    octaves: int = 4,
    scale: Annotated[float, Between(1, 10)] = 1.4,
    steps: int = 10,
    rate: float = 1.5,
    jitter: int = 32,
    size: int = 224,
    seed: int = 0,
):
    """The same photo dreamt through every stage of the network, one picture per stage, from the first to the last.

    The first tile is the photo itself. Of more than eight stages eight are taken, evenly spread.

    Formula: DeepDream with A the output of each convolutional stage in turn

    Reading: From left to right the network thinks in larger and larger pieces: first strokes and
    colours, then textures and ornaments, in the end parts of what it was trained on. The film fills the strip stage by
    stage.

    Limits: As of DeepDream. Deep layers see so much at once that in a small picture there is room for few of their
    figures.
    """
    x, layers = photograph(at_most(network, size)), network.stages()
    times = (octaves, scale, steps)
    panels = [network.rgb(x)] * (1 + len(layers))
    for place, layer in enumerate(layers):
        for made, picture in dream(network, x, layer, "", times, rate, jitter, seed):
            number = place * octaves * steps + made
            shown = [*panels[: place + 1], picture, *panels[place + 2 :]]
            yield Step(number, len(layers) * octaves * steps, partial(joined, shown))
        panels[place + 1] = picture()
    yield torch.cat(panels), {"layers": ["the photo", *layers]}
