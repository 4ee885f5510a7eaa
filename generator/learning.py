"""Training and measuring for the command line: what takes minutes tells how far it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

from . import contest, pruning
from .download import labelled
from .evaluation import evaluate
from .models import load, resolve
from .models.names import PRUNING, RANKING
from .models.weights import keep_beside
from .options import device as device_of
from .training import RECIPES, Progress, train
from .types import Network

EVERY = 10.0  # seconds between lines
Say = Callable[[str], None]


def trained(say: Say, *, device: str = "auto", **wishes: Any) -> Path:
    """Train as `training.train` does; the weights file. `wishes` are its arguments, None where there is none."""
    spoke = monotonic()

    def report(now: Progress) -> None:
        nonlocal spoke
        if now.test is None and monotonic() - spoke < EVERY:
            return
        spoke = monotonic()
        say(_told(now))

    wishes = {name: value for name, value in wishes.items() if value is not None}
    return train(device=device_of(device), report=report, **wishes)


def measured(model: str, weights: str, data: Path | None, device: str, say: Say) -> tuple[dict[str, Any], str]:
    """`{"accuracy", "top5", "loss", "images", "classes"}` of a network, by name, over a folder per class; and in words.

    Raises `InnerviewError` where network, weights or pictures are not what they should be.
    """
    loaded = load(_network(model, weights), device_of(device))
    spoke = monotonic()

    def report(done: int, total: int) -> None:
        nonlocal spoke
        if monotonic() - spoke > EVERY:
            spoke = monotonic()
            say(f"{done:,} of {total:,} pictures")

    pictures = labelled(data, "test", _set_of(model))
    found = evaluate(loaded.model, pictures, loaded.input, loaded.classes, device=device_of(device), report=report)
    shares = f"top-1 {100 * found['accuracy']:.2f} %, top-5 {100 * found['top5']:.2f} %"
    return found, f"{found['images']:,} images: {shares}, loss {found['loss']:.4f}"


def pruned(
    model: str,
    weights: str,
    data: Path | None,
    device: str,
    sparsities: Sequence[float],
    sample: int,
    say: Say,
) -> tuple[dict[str, Any], str]:
    """The curve of a network over its pruned copies, as `pruning.measure` returns it; and where it was kept.

    Raises `InnerviewError` as `measured` does, and where the network is a pruned copy itself.
    """
    network = _network(model, weights)
    chosen = sorted(set(sparsities)) or pruning.SPARSITIES
    pictures = labelled(data, "test", _set_of(model))
    found = pruning.measure(network, pictures, sparsities=chosen, sample=sample, device=device_of(device), say=say)
    path = keep_beside(found, network, PRUNING)
    if path is None:
        return found, "The curve was not kept: there is no weights file for it to lie beside; --json prints it"
    return found, f"The curve is in {path}"


def _set_of(model: str) -> str:
    """The data set that a bundled network has learnt, or a copy of it; "" for others."""
    recipe = RECIPES.get(model.partition("~")[0])
    return recipe.data if recipe else ""


def ranked(
    model: str,
    weights: str,
    data: Path | None,
    device: str,
    images: int,
    methods: Sequence[str],
    say: Say,
) -> tuple[dict[str, Any], list[tuple[str, ...]], str]:
    """The order of methods as `contest.rank` returns it; its rows, and in words where it was kept.

    Raises `InnerviewError` as `measured` does, and where a method is unknown or has no map to be measured.
    """
    network = _network(model, weights)
    spoke = monotonic()

    def sometimes(line: str) -> None:
        nonlocal spoke
        if monotonic() - spoke > EVERY:
            spoke = monotonic()
            say(line)

    pictures = labelled(data, "test", load(network).vocabulary)
    found = contest.rank(network, pictures, images=images, methods=methods, device=device_of(device), say=sometimes)
    path = keep_beside(found, network, RANKING)
    told = f"The order is in {path}" if path else "The order was not kept: no weights file is there to lie beside"
    return found, contest.in_words(found), told


def _network(model: str, weights: str) -> Network:
    network = resolve(model)
    return replace(network, weights=weights) if weights else network


def _told(now: Progress) -> str:
    line = f"epoch {now.epoch} of {now.epochs}, step {now.step} of {now.steps}: loss {now.loss:.3f}, "
    line += f"{100 * now.accuracy:.1f} % right"
    line += f", {100 * now.test:.1f} % of test pictures" if now.test is not None else ""
    minutes, seconds = divmod(round(now.seconds_left), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{line}, {f'{hours} h {minutes} min' if hours else f'{minutes} min {seconds} s'} left"
