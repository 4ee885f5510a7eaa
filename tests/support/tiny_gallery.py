"""A gallery of a tiny network of one's own and a few tiny pictures, on disk, as a user would have it."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

from generator.pipeline.options import Options, Progress
from generator.site.build import Report, build

METHODS = ["input", "activations", "filters", "vanilla-backprop", "saliency", "cam", "grad-cam"]
INPUT = {"size": [10, 12], "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]}
NETWORK = '''
"""A network of one's own."""

import os
import time

import torch
from torch import nn


def net():
    torch.manual_seed(3)
    stem = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.MaxPool2d(2)
    head = nn.Conv2d(4, 6, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3)
    return nn.Sequential(*stem, *head)
'''


def lay(folder: Path, images=("one", "two"), network=NETWORK, module="tiny_network_of_mine", **settings) -> Options:
    """Write a gallery into `folder`; the options that build it here, in this process."""
    images_folder = folder / "images"
    images_folder.mkdir(parents=True, exist_ok=True)
    for name in images:
        draw(images_folder / f"{name}.png", seed=len(name))
    listing = [{"file": f"{name}.png", "credit": "me", "targets": {"mine": "bee"}} for name in images]
    write(images_folder / "images.yml", {"images": listing})
    (folder / f"{module}.py").write_text(network)
    entry = {"name": "mine", "source": f"{module}:net", "input": INPUT, "classes": ["ant", "bee", "cat"]}
    models = [{**entry, "vocabulary": "mine"}]
    write(folder / "gallery.yml", {"models": models, "methods": METHODS, "preset": "quick", **settings})
    here = {"workers": 0, "isolate": False}  # so that a test sees what its network does
    return Options(root=folder, config=folder / "gallery.yml", device="cpu", no_site=True, **here)


def bundled(folder: Path, images=("frog",), **settings) -> Options:
    """A gallery of the bundled network, whose code is known, so that a build can tell that nothing changed."""
    lay(folder, images)
    for file in folder.glob("*.py"):
        file.unlink()
    methods = ["saliency", "grad-cam"]
    write(folder / "gallery.yml", {"models": ["vgg-cifar10"], "methods": methods, "preset": "quick", **settings})
    return Options(root=folder, config=folder / "gallery.yml", workers=0, device="cpu", no_site=True)


def draw(path: Path, seed: int = 0, size=(16, 14)) -> None:
    """A picture with some structure."""
    generator = np.random.default_rng(seed)
    coarse = Image.fromarray(generator.integers(0, 256, (4, 5, 3), dtype=np.uint8))
    coarse.resize(size, Image.Resampling.BILINEAR).save(path)


def write(path: Path, content) -> None:
    """As YAML."""
    path.write_text(yaml.safe_dump(content, sort_keys=False))


def run(options: Options, **changes) -> tuple[Report, list[str]]:
    """Build; the report, and what was told on the way."""
    lines: list[str] = []
    progress = Progress(say=lines.append, start=lambda total: lines.append(f"start {total}"), step=lines.append)
    return build(replace(options, **changes), progress), lines


@contextlib.contextmanager
def without_torch(monkeypatch):
    """No worker may be asked anything meanwhile."""

    def refuse(self, *_):
        raise AssertionError("a worker was asked for")

    with monkeypatch.context() as patch:
        patch.setattr("generator.pipeline.pool.Pool._worker", refuse)
        patch.setattr("generator.pipeline.pool.Pool._take", refuse)
        yield
