"""Training and measuring for the command line: what takes minutes tells how far it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

from .evaluation import evaluate
from .models import load, resolve
from .options import device as device_of
from .training import Progress, train

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


def measured(model: str, weights: str, data: Path | None, device: str, say: Say) -> dict[str, Any]:
    """`{"accuracy", "top5", "loss", "images", "classes"}` of a network, by name, over a folder per class.

    Raises `InnerviewError` where network, weights or pictures are not what they should be.
    """
    network = resolve(model)
    loaded = load(replace(network, weights=weights) if weights else network, device_of(device))
    spoke = monotonic()

    def report(done: int, total: int) -> None:
        nonlocal spoke
        if monotonic() - spoke > EVERY:
            spoke = monotonic()
            say(f"{done:,} of {total:,} pictures")

    return evaluate(loaded.model, data, loaded.input, loaded.classes, device=device_of(device), report=report)


def _told(now: Progress) -> str:
    line = f"epoch {now.epoch} of {now.epochs}, step {now.step} of {now.steps}: loss {now.loss:.3f}, "
    line += f"{100 * now.accuracy:.1f} % right"
    line += f", {100 * now.test:.1f} % of test pictures" if now.test is not None else ""
    minutes, seconds = divmod(round(now.seconds_left), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{line}, {f'{hours} h {minutes} min' if hours else f'{minutes} min {seconds} s'} left"
