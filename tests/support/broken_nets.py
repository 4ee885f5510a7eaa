"""A small network that has learnt four kinds of pictures, the same one broken in five ways, and probes of them."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import tiny_nets
import torch
from PIL import Image
from torch import nn

from generator.analysis.probe import jobs, results
from generator.analysis.probe.tasks import task_of
from generator.core.store import Store
from generator.core.tasks import ProbeTask, Source
from generator.engine.model_card import describe
from generator.models.load import Loaded
from generator.models.specs import file_digest

CLASSES = ("bars", "blot", "rain", "snow")
SIZE = (3, 16, 16)


def pictures(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures uint8 (count, 16, 16, 3) of the four kinds in turn, and their classes."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 4
    rows, columns = np.mgrid[:16, :16]
    shift = random.integers(0, 8, (count, 1, 1))
    shapes = {
        0: (rows[None] + shift) % 8 < 4,
        1: (rows[None] - 4 - shift) ** 2 + (columns[None] - 8) ** 2 < 16,
        2: (columns[None] + shift) % 4 < 1,
        3: random.random((count, 16, 16)) < 0.12,
    }
    drawn = np.stack([shapes[label][index] for index, label in enumerate(labels)]).astype(float)
    colour = random.uniform(0.5, 1, (count, 1, 1, 3))
    values = 90 + 110 * drawn[..., None] * colour + random.normal(0, 14, (count, 16, 16, 3))
    return np.clip(values, 0, 255).astype(np.uint8), labels


def folder(path: Path, count: int = 96) -> Path:
    """A folder per class."""
    found, labels = pictures(count, seed=1)
    for number, (picture, label) in enumerate(zip(found, labels, strict=True)):
        file = path / CLASSES[label] / f"{number:03d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(file)
    return path


def healthy() -> Loaded:
    """Trained until it is right; the same weights every time."""
    found, labels = pictures(400, seed=2)
    mean, std = found.mean((0, 1, 2)) / 255, found.std((0, 1, 2)) / 255
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = nn.Sequential(
            nn.Conv2d(3, 6, 5, padding=2, bias=False), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(6, 8, 3, padding=1), nn.ReLU(), nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(8, 4),
        )  # fmt: skip
        x = torch.from_numpy((found / 255 - mean) / std).float().permute(0, 3, 1, 2)
        optimiser = torch.optim.Adam(model.parameters(), 0.01)
        with torch.enable_grad():
            for step in range(90):
                chosen = torch.arange(step * 40, step * 40 + 40) % 400
                loss = nn.functional.cross_entropy(model(x[chosen]), torch.from_numpy(labels)[chosen])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
    loaded = tiny_nets.loaded(model, SIZE, "learnt", CLASSES)
    loaded.input = replace(loaded.input, mean=tuple(mean.tolist()), std=tuple(std.tolist()), resize=16)
    return loaded


def broken(loaded: Loaded, way: str) -> Loaded:
    """A copy broken in one way: dead-layer, labels, numbers, normalisation or twins."""
    copied = replace(loaded, model=copy.deepcopy(loaded.model))
    first, norm, second = copied.model[0], copied.model[1], copied.model[4]
    if way == "dead-layer":
        second.bias.fill_(-1000.0)
    if way == "labels":
        copied.classes = ("rain", "blot", "bars", "snow")
    if way == "numbers":
        second.weight[3, 0, 1, 1] = torch.nan
    if way == "normalisation":
        copied.input = replace(loaded.input, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    if way == "twins":
        first.weight[1] = first.weight[0]
        for values in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
            values[1] = values[0]
    copied.digest = way
    return copied


def planned(loaded: Loaded, images: Path) -> ProbeTask:
    """The probe of a network, to be done."""
    return task_of(loaded.network, describe(loaded), Source(str(images)), (), file_digest)


def probed(loaded: Loaded, images: Path, store: Store) -> ProbeTask:
    """The probe of a network, done."""
    task = planned(loaded, images)
    for number in range(task.parts(len(jobs.pictures_of(task)))):
        jobs.part(task, number, loaded, store)
    jobs.combine(task, loaded, store)
    assert results.record_of(task, store)
    return task
