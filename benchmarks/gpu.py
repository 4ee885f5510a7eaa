"""On a GPU: what it shows beside the CPU, and images per second beside captum and pytorch-grad-cam.

    python -m benchmarks.gpu [--networks vgg19 resnet50] [--pictures 24] [--out gpu.json]

Not part of `make bench`, which any machine can run. Networks have random weights, which are as fast. Agreement is the
largest difference between the arrays of the GPU and of the CPU, over the CPU's largest magnitude, for each method, with
and without TF32 in convolutions and products. Speed is wall time, the least of three rounds over the same pictures,
from each picture's file to the files of its maps; ours in one process, then builds with several workers.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch

from generator.core.errors import InnerviewError
from generator.models.load import load
from generator.models.specs import resolve
from generator.notebook import Model
from generator.notebook import look as look_at
from generator.pipeline.worker import Worker

from .core import MAPS, ROOT, Subject, scratch
from .rows import Row
from .today import rivals_of, their_maps

SKIPPED = {"style", "epochs"}  # inputs of methods that need more than a network and a picture
ROUNDS = 3


def main() -> int:
    """Print rows as they come, and keep them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--networks", nargs="+", default=["vgg19", "resnet50"])
    parser.add_argument("--trained", nargs="*", default=["vgg-cifar10"], help="whose arrays are compared besides")
    parser.add_argument("--pictures", type=int, default=24)
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 4, 8])
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    rows: list[dict[str, Any]] = []
    pictures = _pictures(asked.pictures)
    for measured in (
        *(_speed(name, asked.device, pictures) for name in asked.networks),
        *(_oracles(name, asked.device) for name in asked.networks),
        *(_agreement(name, asked.device) for name in asked.trained),
        _builds(asked.networks, asked.device, pictures, asked.workers),
        *(_agreement(name, asked.device) for name in asked.networks),
    ):
        for row in measured:
            rows.append(row.record())
            print(f"{row.name}: {row.value:.4g} {row.unit}  {row.note}", flush=True)
            if asked.out:
                asked.out.write_text(json.dumps({"machine": _machine(asked.device), "rows": rows}, indent=1) + "\n")
    return 0


def _machine(device: str) -> dict[str, str]:
    card = torch.cuda.get_device_name(device) if device.startswith("cuda") else "CPU"
    return {"card": card, "torch": torch.__version__, "cores": str(os.cpu_count())}


def _pictures(count: int) -> list[Path]:
    """The project's photographs, as often as it takes, each a file of its own."""
    photos = sorted((ROOT / "images" / "photos").glob("*.jpg"))
    folder = scratch()
    files = []
    for number in range(count):
        files.append(folder / f"{number:03d}-{photos[number % len(photos)].name}")
        files[-1].write_bytes(photos[number % len(photos)].read_bytes())
    return files


def _subject(name: str, device: str) -> Subject:
    loaded = load(resolve(_network(name)), device)
    worker = Worker(scratch(), device)
    worker.preload(loaded)
    return Subject(name, loaded, worker, worker.describe(loaded.network), device)


def _network(name: str) -> str:
    return name if name.startswith("vgg-cifar10") else f"{name}~random"


# --- agreement ------------------------------------------------------------------------------------------------


def _agreement(name: str, device: str) -> Iterable[Row]:
    network = resolve(_network(name))
    here, there = (Model(load(network, place), place) for place in ("cpu", device))
    picture = ROOT / "images" / "photos" / "chelsea.png"
    wanted = [
        card
        for card in here.methods.values()
        if "image" in card.axes and not SKIPPED & {*card.axes, *card.inputs} and card.preset in ("quick", "standard")
    ]
    arrays: dict[str, np.ndarray] = {}
    for card in wanted:
        try:
            arrays[card.slug] = look_at(here, picture).array(card.slug)
        except InnerviewError as error:
            print(f"{name}: {card.slug}: {error}", flush=True)
    for tf32 in (False, True):
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
        worst: dict[str, float] = {}
        for slug, values in arrays.items():
            difference = np.abs(look_at(there, picture).array(slug) - values).max()
            worst[slug] = float(difference / (np.abs(values).max() or 1.0))
        ordered = sorted(worst, key=worst.__getitem__, reverse=True)
        words = ", ".join(f"{slug} {worst[slug]:.1e}" for slug in ordered)
        yield Row(f"{name}: GPU beside CPU, {'TF32' if tf32 else 'float32'}", worst[ordered[0]], "", note=words)


def _oracles(name: str, device: str) -> Iterable[Row]:
    """Gradients and Grad-CAM beside captum's, both on the GPU in float32."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    network = _subject(name, device)
    picture = ROOT / "images" / "photos" / "chelsea.png"
    rivals, view = rivals_of(network), look_at(Model(network.loaded, device), picture)
    x = network.x(picture)
    target = int(network.loaded.model(x).argmax())
    theirs: dict[str, np.ndarray] = rivals.gradients(x, target)
    theirs["grad-cam"] = rivals.cams(x, target)["grad-cam"]
    worst = {}
    for slug, expected in theirs.items():
        values = view.array(slug, layer=network.card.default_layer if slug == "grad-cam" else "")
        if slug == "grad-cam":
            coarse = torch.from_numpy(values)[None, None].clamp(min=0)
            values = torch.nn.functional.interpolate(coarse, expected.shape, mode="bilinear")[0, 0].numpy()
            values /= values.max() or 1.0
        expected = expected if expected.shape == values.shape else expected.sum(0)
        worst[slug] = float(np.abs(values - expected).max() / (np.abs(expected).max() or 1.0))
    words = ", ".join(f"{slug} {value:.1e}" for slug, value in worst.items())
    yield Row(f"{name}: beside captum, both on the GPU", max(worst.values()), "", note=words)


# --- speed ----------------------------------------------------------------------------------------------------


def _speed(name: str, device: str, pictures: Sequence[Path]) -> Iterable[Row]:
    network = _subject(name, device)
    rivals, folder = rivals_of(network), scratch()
    for tf32 in (False, True):
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
        works: dict[str, Callable[[Path], object]] = {
            "bare passes": lambda picture: network.bare(network.x(picture)),
            "maps": lambda picture: network.seconds(network.task(picture, MAPS)),
            "maps and activations": lambda picture: network.seconds(network.task(picture, (*MAPS, "activations"))),
            "maps by captum and pytorch-grad-cam": lambda picture: their_maps(network, rivals, picture, folder),
        }
        arithmetic = "TF32" if tf32 else "float32"
        for words, work in works.items():
            work(pictures[0])
            rate = len(pictures) / min(_wall(work, pictures, device) for _ in range(ROUNDS))
            yield Row(f"{name}: {words}, {arithmetic}", rate, "images/s", lower=False)


def _wall(work: Callable[[Path], object], pictures: Sequence[Path], device: str) -> float:
    began = perf_counter()
    for picture in pictures:
        work(picture)
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
    return perf_counter() - began


def _builds(names: Sequence[str], device: str, pictures: Sequence[Path], workers: Sequence[int]) -> Iterable[Row]:
    """Whole builds without a site: pictures a second, starting the workers counted in."""
    for name in names:
        for count in workers:
            with tempfile.TemporaryDirectory(dir=scratch()) as folder:
                seconds = _build(_network(name), device, pictures, count, Path(folder))
            words = f"{seconds:.1f} s for {len(pictures)}, starting included"
            yield Row(f"{name}: build, {count} workers", len(pictures) / seconds, "images/s", lower=False, note=words)


def _build(network: str, device: str, pictures: Sequence[Path], workers: int, folder: Path) -> float:
    (folder / "images").mkdir()
    for picture in pictures:
        os.link(picture, folder / "images" / picture.name)
    settings = {
        "models": [network],
        "methods": [*MAPS, "activations"],
        "targets": ["top"],
        "preset": "quick",
        "measures": [],
    }
    (folder / "gallery.yml").write_text(json.dumps(settings))
    call = [sys.executable, "-m", "generator", "build", "--no-site", "--device", device, "--workers", str(workers)]
    began = perf_counter()
    done = subprocess.run(
        call, cwd=folder, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
