"""A whole gallery over its bare passes: the multiply-adds behind its figures and numbers, counted and then timed.

Of each network two photographs are drawn and measured in this process, and the multiply-adds of all convolutions,
products and their derivatives are noted, forward and back; those that the second photograph adds count for each of the
others too. The same number is then timed as plain passes of the network through frozen parameters, with as many
pictures in each as samples share there.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from generator.models.load import load
from generator.models.specs import resolve
from generator.pipeline.options import Options, Progress
from generator.site.build import build

from .core import cpu, least

ROUNDS = 5


@dataclass
class Passes:
    """What a network's passes take, in CPU seconds for a multiply-add, forward and back."""

    forward: float
    back: float

    def seconds(self, counts: Mapping[str, float]) -> float:
        """Return the CPU seconds of so many multiply-adds."""
        return counts["forward"] * self.forward + counts["back"] * self.back


def bare(folder: Path) -> float:
    """Return the CPU seconds of the bare passes behind a gallery that was built in `folder`."""
    torch.set_num_threads(1)
    config = folder / "gallery.yml" if (folder / "gallery.yml").is_file() else None
    total = 0.0
    for model, images in _images(folder).items():
        first, second = _counted(config, model, images[:2])
        passes = _timed(model)
        total += passes.seconds(first) + (len(images) - 1) * passes.seconds(second)
    return total


def _images(folder: Path) -> dict[str, list[str]]:
    """Return the photographs that each network of a gallery was given."""
    manifest = json.loads((folder / ".innerview" / "manifest.json").read_text())
    images: dict[str, list[str]] = {}
    for prediction in manifest["predictions"]:
        images.setdefault(prediction["model"], []).append(prediction["image"])
    return images


def _counted(config: Path | None, model: str, images: list[str]) -> tuple[Counter[str], Counter[str]]:
    """Return the multiply-adds of a network with a first photograph, and those that a second one adds."""
    with tempfile.TemporaryDirectory(prefix="innerview-bench-") as name:
        more = {"models": (model,), "workers": 0, "device": "cpu", "no_site": True}
        options = Options(Path(name), config, **more)
        first = _counting(replace(options, images=(images[0],)))
        return first, _counting(replace(options, images=tuple(images))) if len(images) > 1 else Counter()


def _counting(options: Options) -> Counter[str]:
    """Return the multiply-adds of a build in this process, forward and back."""
    with FlopCounterMode(display=False) as counter:
        build(options, Progress())
    counts: Counter[str] = Counter()
    for operation, flops in counter.get_flop_counts()["Global"].items():
        counts["back" if "backward" in str(operation) else "forward"] += flops / 2
    return counts


def _timed(model: str) -> Passes:
    """Return what a multiply-add takes in plain passes of a network."""
    loaded = load(resolve(model))
    network = loaded.model.eval().requires_grad_(False)
    together = 5 if loaded.input.size[1] > 200 else 16  # as many as samples share a pass there
    x = torch.randn(together, *loaded.input.size, generator=torch.Generator().manual_seed(0))

    def back() -> None:
        given = x.clone().requires_grad_()
        torch.autograd.grad(network(given).amax(1).sum(), given)

    def forward() -> None:
        with torch.no_grad():
            network(x)

    forward(), back()
    there, both = least(ROUNDS, lambda: cpu(forward), lambda: cpu(back))
    with FlopCounterMode(display=False) as counter:
        forward()
    size = counter.get_total_flops() / 2
    return Passes(there / size, (both - there) / size)
