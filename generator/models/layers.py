"""The layers that stand for the stages of a network."""

from __future__ import annotations

import math

from generator.core.records import ModelCard
from generator.core.spacing import evenly_spaced

STRIP = 8  # maps in a strip over depth, at most


def strip_layers(card: ModelCard) -> list[str]:
    """Return the pictures of convolutional stages with space: at most eight, the default layer the last of them."""
    kinds = {layer.name: layer.kind for layer in card.layers}
    shapes = {layer.name: layer.shape for layer in card.layers}
    spatial = [
        stage.layer
        for stage in card.stages
        if len(shapes[stage.layer]) == 3
        and math.prod(shapes[stage.layer][1:]) > 1
        and kinds[stage.layers[0]] in ("conv", "join")
    ]
    order = [layer.name for layer in card.layers]
    if card.default_layer in order:
        end = order.index(card.default_layer)
        spatial = [name for name in spatial if order.index(name) < end] + [card.default_layer]
    return evenly_spaced(spatial, STRIP)


def stage_layers(card: ModelCard) -> list[str]:
    """Return the layer of each convolutional stage whose output has channels and space: (K, h, w)."""
    by_name = {layer.name: layer for layer in card.layers}
    convolved = [stage for stage in card.stages if by_name[stage.layers[0]].kind in ("conv", "join")]
    shapes = {stage.layer: by_name[stage.layer].shape for stage in convolved}
    return [layer for layer, shape in shapes.items() if len(shape) == 3 and math.prod(shape[1:]) > 1]


def answer_layer(card: ModelCard) -> list[str]:
    """Return the layer whose values, or whose channels, are the classes before the softmax."""
    answers = [layer.name for layer in card.layers if layer.kind not in ("softmax", "identity")]
    return answers[-1:]
