"""The core set of one network and one picture as a worker does it, and the bare passes it cannot do without."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from time import process_time

import torch

from generator.core.records import Example, ModelCard
from generator.core.store import Store, unsealed
from generator.core.tasks import SceneTask
from generator.data.images import read_image
from generator.data.preprocess import normalise, photo
from generator.models.load import Loaded, load
from generator.models.specs import resolve
from generator.pipeline.jobs import NetworkRequest, scene_tasks
from generator.pipeline.worker import Worker

ROOT = Path(__file__).parents[1]
WEIGHTS = ROOT.parent / "shared" / "weights"  # where present; a network with random weights is as fast
MEMORY = Path("/dev/shm")  # a file system in memory
GRADIENTS = ("vanilla-backprop", "saliency", "gradient-x-input", "guided-backprop", "deconvnet")
CAMS = ("cam", "grad-cam", "grad-cam-plus-plus", "xgrad-cam", "hires-cam", "layer-cam", "eigen-cam")
MAPS = GRADIENTS + CAMS
PICTURES = tuple(ROOT / "images" / "photos" / name for name in ("chelsea.png", "flower.jpg"))


@dataclass
class Subject:
    """A network, ready in a worker."""

    name: str
    loaded: Loaded
    worker: Worker
    card: ModelCard
    device: str = "cpu"

    def example(self, picture: Path) -> Example:
        """The picture as a build reads it, which it does once for all networks."""
        return read_image(picture)

    def task(self, picture: Path, methods: Sequence[str], targets: Sequence[str] = ("top",)) -> SceneTask:
        """The jobs of some methods for the network's own answer."""
        cards = {card.slug: card for card in self.worker.methods()}
        chosen = {slug: cards[slug].parameters for slug in methods}
        (task,) = scene_tasks(
            NetworkRequest(self.loaded.network, self.card, [self.example(picture)], targets, chosen, cards, self.device)
        )
        return replace(task, jobs=tuple(job for job in task.jobs if job.method in methods))

    def x(self, picture: Path) -> torch.Tensor:
        """What the network is given of a picture, (1, C, H, W)."""
        input = self.card.input
        return torch.from_numpy(normalise(photo(self.example(picture), input), input)).to(self.device)

    def seconds(self, task: SceneTask) -> float:
        """CPU time of a task from a picture's file to its figures in the store, which holds none of them."""
        self.worker.store = Store(_folder_in_use())
        failed: list[str] = []

        def tell(event: str, key: str, words: str) -> None:
            if event == "failed":
                failed.append(words)

        spent = cpu(lambda: self.worker.scene(task, tell))
        if failed:
            raise RuntimeError(f"{self.name}: {failed[0]}")
        return spent

    def published(self, task: SceneTask) -> int:
        """Bytes of all pictures of a task, thumbs and bare maps among them."""
        self.seconds(task)
        records = [unsealed(file.read_bytes()) for file in self.worker.store.folder.glob("records/*/*")]
        shown = {digest for one in records if "files" in one for digest in one["payloads"].values()}
        return sum(self.worker.store.path(digest).stat().st_size for digest in shown)

    @cached_property
    def values(self) -> int:
        """How many activation values the sprites of one picture show."""
        shapes = [layer.shape for layer in self.card.layers if layer.kind != "identity"]
        return sum(int(torch.Size(shape).numel()) for shape in shapes)

    def bare(self, x: torch.Tensor) -> float:
        """CPU time of the passes alone: one forward, three backwards through its graph, parameters frozen."""

        def passes() -> None:
            given = x.clone().requires_grad_()
            logits = self.loaded.model(given)
            score = logits[0, logits.argmax()]
            for number in range(3):
                torch.autograd.grad(score, given, retain_graph=number < 2)

        return cpu(passes)


def subject(name: str) -> Subject:
    """A network by its name, loaded and described."""
    torch.set_num_threads(1)
    network = resolve(name if name.startswith("vgg-cifar10") else f"{name}~random")
    file = WEIGHTS / f"{name}-imagenet.safetensors"
    if file.is_file():
        network = replace(resolve(name), weights=str(file))
    loaded = load(network)
    worker = Worker(_folder_in_use())
    worker.preload(loaded)
    return Subject(name, loaded, worker, worker.describe(loaded.network))


def scratch() -> Path:
    """A new folder, in memory where the system offers that; it goes when the process ends.

    What a file costs on a disk depends on what was deleted there in the minutes before: on ext4 30 to 700 us.
    """
    folder = Path(tempfile.mkdtemp(prefix="innerview-bench-", dir=MEMORY if MEMORY.is_dir() else None))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _folder_in_use() -> Path:
    """A store's folder that has all its folders, as after some pictures."""
    folder = scratch()
    for kind in ("payloads", "records"):
        for number in range(256):
            (folder / kind / f"{number:02x}").mkdir(parents=True)
    return folder


def cpu(work: Callable[[], object]) -> float:
    """Seconds of CPU that `work` takes in this process, all its threads together."""
    start = process_time()
    work()
    return process_time() - start


def least(times: int, *works: Callable[[], float]) -> list[float]:
    """The least of what each of some measurements gives, done in turn so that all see the same machine."""
    rounds = [[work() for work in works] for _ in range(times)]
    return [min(column) for column in zip(*rounds, strict=True)]
