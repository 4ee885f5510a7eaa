"""The layers that stand for the stages of a network, where a method looks at several of them."""

from __future__ import annotations

from collections.abc import Iterable

from .types import ModelCard


def stage_layers(card: ModelCard) -> list[str]:
    """The layer that stands for each convolutional stage which has space."""
    known = {layer.name: layer for layer in card.layers}
    convolved = [stage for stage in card.stages if known[stage.layers[0]].kind in ("conv", "join")]
    return [stage.layer for stage in convolved if _cells(known[stage.layer].shape[1:]) > 1]


def answer_layer(card: ModelCard) -> list[str]:
    """The layer whose values, or whose channels, are the classes before the softmax."""
    answers = [layer.name for layer in card.layers if layer.kind not in ("softmax", "identity")]
    return answers[-1:]


def spread(layers: list[str], most: int) -> list[str]:
    """At most so many of them, evenly spread, the first and the last among them.

    >>> spread(list("abcdefgh"), 3), spread(["a", "b"], 3)
    (['a', 'e', 'h'], ['a', 'b'])
    """
    if len(layers) <= most:
        return layers
    return [layers[round(place * (len(layers) - 1) / (most - 1))] for place in range(most)]


def _cells(sides: Iterable[int]) -> int:
    total = 1
    for side in sides:
        total *= side
    return total
