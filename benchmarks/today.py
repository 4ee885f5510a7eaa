"""Against what people do today: CPU time of the same maps and pictures by captum, pytorch-grad-cam and matplotlib.

The same photographs through the same network in the same process, one thread, in turn, each from its file to files
that are drawn, encoded and written; the least of several rounds counts. Theirs are a call or two of the library for
each map (vanilla backprop is computed once for colour and grey) and the plainest way to save it. The first CAM has no
rival in either library: theirs is one map less. Activations are one matplotlib figure for each layer with a picture
for each channel. Those are thousands: every sixth layer is drawn, its time counted for all by their number of
channels, and the figures of the first photograph stand for both.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch

from generator.data.preprocess import photo

from .core import MAPS, PICTURES, Subject, cpu, least, scratch, subject
from .rivals import Rivals, save_figure, save_maps
from .rows import Row

ROUNDS = {"vgg-cifar10": 4, "alexnet": 4, "squeezenet1_0": 3, "vgg19": 1}
SIXTH = 6


def rows() -> Iterator[Row]:
    """Ratios of CPU time: theirs over ours."""
    for name, rounds in ROUNDS.items():
        yield from _of(subject(name), rounds, scratch())


def _of(network: Subject, rounds: int, folder: Path) -> Iterator[Row]:
    rivals = rivals_of(network)
    theirs = ours = whole = 0.0
    for picture in PICTURES:
        maps, core = (network.task(picture, methods) for methods in (MAPS, (*MAPS, "activations")))
        found = least(
            rounds,
            lambda maps=maps: network.seconds(maps),
            lambda picture=picture: cpu(lambda: their_maps(network, rivals, picture, folder)),
            lambda core=core: network.seconds(core),
        )
        ours, theirs, whole = ours + found[0], theirs + found[1], whole + found[2]
    words = f"{1000 * theirs:,.0f} over {1000 * ours:,.0f} ms"
    yield Row(f"{network.name}: maps alone, theirs over ours", theirs / ours, "x", 4, lower=False, note=words)
    figures = len(PICTURES) * _figures(network, rivals, folder)
    words = f"{theirs + figures:,.1f} over {whole:,.2f} s"
    ratio = (theirs + figures) / whole
    yield Row(f"{network.name}: core set, theirs over ours", ratio, "x", 30, lower=False, note=words)


def rivals_of(network: Subject) -> Rivals:
    """The other libraries, with a copy of the network; they look at the module that makes the default layer.

    Of a module that is called several times, as a block's rectifier is, it is the one around it: its last call gives
    what the block gives.
    """
    layer = network.card.default_layer
    owner = layer.partition(".cat@")[0] if ".cat@" in layer else layer
    owner = owner.rpartition(".")[0] if "@" in owner else owner
    return Rivals(network.loaded.model, owner)


def their_maps(network: Subject, rivals: Rivals, picture: Path, folder: Path) -> None:
    """From the picture's file to one file for each map."""
    x = network.x(picture)
    with torch.no_grad():
        target = int(rivals.model(x).argmax())
    seen = photo(network.example(picture), network.card.input)
    save_maps(rivals.gradients(x, target), rivals.cams(x, target), seen, folder)


def _figures(network: Subject, rivals: Rivals, folder: Path) -> float:
    """Seconds for a figure of each layer."""
    x = network.x(PICTURES[0])
    found = rivals.activations(x)
    drawn = list(found)[::SIXTH]
    spent = cpu(lambda: rivals.activations(x))
    saved = sum(cpu(lambda name=name: save_figure(found[name], folder / f"{name}.png")) for name in drawn)
    count = {name: values.shape[1] if values.ndim == 4 else 1 for name, values in found.items()}
    return spent + saved * sum(count.values()) / sum(count[name] for name in drawn)
