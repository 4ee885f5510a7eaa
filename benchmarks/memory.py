"""Memory: flat in the number of pictures, and as little as their size allows.

Peaks are the resident set's, read from the kernel and set back before each measurement. A hundred pictures go through
alexnet one after the other, the core set drawn and stored. Then fifty pictures of mixed sizes and one of 3840 x 2160
go through vgg19 at their own size, every layer's activations drawn, under a limit on the process's address space; the
large one's peak beyond what the loaded network needs is set against the two largest activations that follow each
other, which any forward pass has to hold. Methods that run many passes have to keep to what `--memory` gives. Last, a
worker as a build starts it draws all that the preset quick shows of a hundred photographs of 12 megapixels.
"""

from __future__ import annotations

import io
import re
import resource
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from generator.core.records import Network
from generator.core.tasks import SceneTask
from generator.data.images import read_image
from generator.models.load import load
from generator.models.specs import resolve
from generator.pipeline.jobs import NetworkRequest, scene_tasks
from generator.pipeline.processes import Processes, Setup
from generator.pipeline.worker import Worker

from .core import MAPS, PICTURES
from .rows import Row

LIMIT = 8  # GiB of address space, for torch and its code too
LARGE = (3840, 2160)
SIDES = range(64, 764, 14)  # fifty pictures of these widths
PHOTO = (4000, 3000)
GIVEN = 2**30  # what `--memory` gives by default


def rows() -> Iterator[Row]:
    """Ratios of memory, and how many pictures were lost for want of it."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="innerview-bench-") as folder:
        yield _many(Path(folder) / "many")
        yield _sampling(Path(folder) / "sampling")
        yield from _large(Path(folder) / "large")
        yield from _worker(Path(folder))


def _many(folder: Path) -> Row:
    """A hundred pictures over four."""
    runner = _Runner(folder, resolve("alexnet~random"), (*MAPS, "activations"))
    _reset()
    peaks = []
    for number in range(100):
        runner.draw(picture(folder / f"{number}.png", (300, 260), number))
        peaks.append(_peak())
    spent = f"{peaks[3] / 2**20:.0f} MB, then {peaks[-1] / 2**20:.0f} MB"
    return Row("alexnet: peak of 100 pictures over that of 4", peaks[-1] / peaks[3], "", 1.05, note=spent)


def _sampling(folder: Path) -> Row:
    """Methods of many passes, beyond what the network itself holds."""
    runner = _Runner(folder, resolve("vgg19~random"), ("smoothgrad", "integrated-gradients"), GIVEN)
    before = _reset()
    runner.draw(PICTURES[0])
    used = _peak() - before
    return Row("vgg19: SmoothGrad and IG over --memory 1024", used / GIVEN, "", 1.0, note=f"{used / 2**20:.0f} MB")


def _large(folder: Path) -> Iterator[Row]:
    """Fifty and one at their own size, with little to spare."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT * 2**30, before[1]))
    try:
        runner = _Runner(folder, replace(resolve("vgg19~random"), native=True), ("activations",))
        for number, side in enumerate(SIDES):
            runner.draw(picture(folder / f"{side}.png", (side, 64 + 97 * number % 600), number))
        loaded = _reset()
        shapes = runner.draw(picture(folder / "large.png", LARGE, 0))
        peak = _peak() - loaded
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
    sizes = [4 * prod(shape) for shape in shapes]
    neighbours = max(one + other for one, other in pairwise(sizes))
    said = f"{peak / 2**20:.0f} over {neighbours / 2**20:.0f} MB"
    yield Row("vgg19: activations of 3840 x 2160 over its two largest", peak / neighbours, "", 1.5, note=said)
    lost = f"of 51 with {LIMIT} GiB of address space"
    yield Row("vgg19: pictures of mixed sizes lost", runner.lost, "", 0, note=lost)


def _worker(folder: Path) -> Iterator[Row]:
    """A worker of a build from its start, by what the kernel says of its process."""
    network, worker = resolve("imagenette"), Processes(Setup(folder / "worker")).start()

    def answer(name: str, *arguments: Any) -> Any:
        worker.send((name, arguments))
        while (message := worker.connection.recv())[0] == "event":
            pass
        if message[0] != "answer":
            raise RuntimeError(f"{name}: {message}")
        return message[1]

    cards, card = {card.slug: card for card in answer("methods")}, answer("describe", network)
    quick = {slug: card.parameters for slug, card in cards.items() if card.preset in ("forward", "quick")}
    chosen = {slug: given for slug, given in quick.items() if not {"style", "epochs"} & {*cards[slug].inputs}}
    photo, peaks = io.BytesIO(), []
    with Image.open(PICTURES[1]) as picture:
        picture.convert("RGB").resize(PHOTO, Image.Resampling.BICUBIC).save(photo, "JPEG")
    for number in range(100):
        file = folder / f"photo-{number}.jpg"
        file.write_bytes(_commented(photo.getvalue(), number))
        request = NetworkRequest(network, card, [read_image(file)], ["top", "rival"], chosen, cards, memory=GIVEN)
        for task in scene_tasks(request):
            answer("scene", task)
        peaks.append(_status("VmHWM", worker.id))
    worker.stop()
    yield Row("imagenette, quick: peak of a worker", peaks[-1] / 2**20, "MB", 450, note="photographs of 12 megapixels")
    spent = f"{peaks[3] / 2**20:.0f} MB, then {peaks[-1] / 2**20:.0f} MB"
    yield Row("imagenette, quick: peak of 100 such over that of 4", peaks[-1] / peaks[3], "", 1.05, note=spent)


def _commented(photo: bytes, number: int) -> bytes:
    """The same JPEG with a comment, so that it counts as another one."""
    return photo[:2] + b"\xff\xfe\x00\x06" + b"%04d" % number + photo[2:]


class _Runner:
    """One network in a worker, and pictures that go through it into a store."""

    def __init__(self, folder: Path, network: Network, methods: tuple[str, ...], memory: int = GIVEN) -> None:
        folder.mkdir()
        self.worker, self.network, self.memory, self.lost = Worker(folder / "store"), network, memory, 0
        self.worker.preload(load(network))
        self.card = self.worker.describe(network)
        self.cards = {card.slug: card for card in self.worker.methods()}
        self.chosen = {slug: self.cards[slug].parameters for slug in methods}

    def draw(self, picture: Path) -> list[tuple[int, ...]]:
        """Every figure of a picture; the shapes of its layers."""
        failed: list[str] = []
        for task in self._tasks(picture):
            self.worker.scene(task, lambda event, key, words: failed.append(words) if event == "failed" else None)
        self.lost += bool(failed)
        found = [self.worker.store.get(job.key) for task in self._tasks(picture) for job in task.jobs]
        return [tuple(record["meta"]["shape"]) for record in found if record and record["status"] == "drawn"]

    def _tasks(self, picture: Path) -> list[SceneTask]:
        example = [read_image(picture)]
        return scene_tasks(
            NetworkRequest(self.network, self.card, example, ["top"], self.chosen, self.cards, memory=self.memory)
        )


def picture(path: Path, size: tuple[int, int], number: int) -> Path:
    """A photograph brought to a size, so that no two are alike."""
    with Image.open(PICTURES[number % 2]) as photo:
        photo.convert("RGB").rotate(number).resize(size, Image.Resampling.BICUBIC).save(path, compress_level=1)
    return path


def _peak() -> int:
    """Bytes that the process had in memory at most since the last reset."""
    return _status("VmHWM")


def _reset() -> int:
    """Bytes that it has now, from where the peak is looked for anew."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _status(name: str, process: int | str = "self") -> int:
    status = Path(f"/proc/{process}/status").read_text()
    return 1024 * int(re.search(rf"^{name}:\s*(\d+)", status, re.MULTILINE)[1])
