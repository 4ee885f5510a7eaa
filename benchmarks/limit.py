"""Against the limit: what a report costs beyond the passes that no program could save.

The maps of the core set, from the picture's file to stored files, over one forward and three backwards of the same
network in the same process, with parameters frozen: the passes that vanilla backprop, guided backprop and the
deconvnet need; the class activation maps share the first. The sprites on top: what all layers' activation pictures add
to that, over the number of values they show; and what a layer costs beyond its values, at what one of vgg19's costs,
which has so many that its layers do not count. CPU time of one thread, the least of several rounds in turn.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import NamedTuple

from .core import MAPS, PICTURES, Subject, least, subject
from .rows import Row

BARS = {"alexnet": 1.6, "squeezenet1_0": 1.6, "vgg19": 1.25}
ROUNDS = {"alexnet": 9, "squeezenet1_0": 9, "vgg19": 4}


def rows() -> Iterator[Row]:
    """Ratios, and nanoseconds a value."""
    beyond: dict[str, Sprites] = {}
    for name in BARS:
        network = subject(name)
        beyond[name] = yield from _of(network)
    value = beyond["vgg19"].seconds / beyond["vgg19"].values
    for name, sprites in beyond.items():
        if name != "vgg19":
            layer = (sprites.seconds - sprites.values * value) / sprites.layers
            spent = f"of {sprites.layers}, values at {value * 1e9:.1f} ns"
            yield Row(f"{name}: sprites on top, a layer beyond its values", 1000 * layer, "ms", 0.5, note=spent)


class Sprites(NamedTuple):
    """What all activation pictures of a network cost, and how many values and layers they show."""

    seconds: float
    values: int
    layers: int


def _report(network: Subject) -> Row:
    cards = [card for card in network.worker.methods() if card.preset in ("forward", "quick")]
    methods = [
        card.slug for card in cards if "image" in card.axes and not {"style", "epochs"} & {*card.axes, *card.inputs}
    ]
    size = network.published(network.task(PICTURES[0], methods, ("top", "rival"))) / 1e6
    return Row(f"{network.name}: all pictures of a report", size, "MB", 4, note="preset quick, label and rival")


def _of(network: Subject) -> Generator[Row, None, Sprites]:
    x = network.x(PICTURES[0])
    maps, core = (network.task(PICTURES[0], methods) for methods in (MAPS, (*MAPS, "activations")))
    works = (lambda: network.bare(x), lambda: network.seconds(maps), lambda: network.seconds(core))
    bare, drawn, whole = least(ROUNDS[network.name], *works)
    spent = f"{1000 * drawn:.0f} over {1000 * bare:.0f} ms"
    yield Row(f"{network.name}: maps over bare passes", drawn / bare, "", BARS[network.name], note=spent)
    if network.name == "vgg19":
        yield _report(network)
    many = f"{network.values / 1e6:.2f} million values"
    yield Row(f"{network.name}: sprites on top, a value", (whole - drawn) / network.values * 1e9, "ns", 15, note=many)
    return Sprites(whole - drawn, network.values, len(core.jobs) - len(maps.jobs))
