"""Measure a network over a whole data set, as numbers that travel beside its weights."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from generator.core.errors import ModelError
from generator.core.records import Network
from generator.core.store import Store
from generator.core.tasks import Source
from generator.engine.model_card import describe
from generator.models.load import load
from generator.models.specs import changes, file_digest

from . import jobs, results
from .tasks import task_of

PICTURED = ("model", "sheet", "wrong", "unsure", "unreadable")  # what a summary says of single images


def measure(
    network: Network, source: Source, *, device: str = "cpu", say: Callable[[str], None] = lambda line: None
) -> dict[str, Any]:
    """Return what the images of `source` show of a network: answers, confusions, and the channels of each stage.

    It is a probe's summary without what it says of single images, for the stages alone: dead, constant and broken
    channels, near-duplicates, and shares of zeros. Raises `ModelError` for a network that was changed, `DataError`.
    """
    if changes(network):
        raise ModelError(f"{network.name}: expected a network as it is; this one was changed")
    loaded = load(network, device)
    card = describe(loaded)
    stages = {stage.layer for stage in card.stages}
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        task = task_of(network, card, source, (), file_digest, device=device)
        images = len(jobs.pictures_of(task))
        for number in range(task.parts(images)):
            jobs.part(task, number, loaded, store)
            say(f"{min(images, task.part * (number + 1)):,} of {images:,} images")
        jobs.combine(task, loaded, store)
        summary = results.summary(task, store)
    layers = [
        {key: value for key, value in layer.items() if key != "raising"}  # of a few images alone
        for layer in summary["layers"]
        if layer["layer"] in stages
    ]
    return {"name": loaded.slug, "sha256": "", **_without_images(summary), "layers": layers}


def _without_images(summary: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in summary.items() if key not in PICTURED}
