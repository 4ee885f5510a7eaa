"""The images that a network's units are asked about, and the key under which is kept what they answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from generator import data
from generator.sources import closure_digest
from generator.store import key_of
from generator.types import ConfigError, Example, ModelCard, Network

KEEP = 9  # images that are kept of each channel
PART = 2000  # images that one worker looks at before it stores what it has seen, at most
WORK = 2e12  # multiply-adds that it does before, about


@dataclass(frozen=True)
class Source:
    """Where the images of a probe come from: a folder, an archive or where a data set was unpacked."""

    path: str = ""  # "" for the curated set
    known: str = ""  # the data set's name, where it was asked for by one
    most: int = 0  # images at most, evenly spread; 0: all


@dataclass(frozen=True)
class ProbeTask:
    """One network and the images that its units are asked about; what a worker process is given."""

    network: Network
    card: ModelCard
    source: Source
    examples: tuple[Example, ...]  # the curated set, where the source names nothing
    batch: int  # images in one pass
    key: str

    @property
    def part(self) -> int:
        """How many images one worker looks at before it stores what it has seen."""
        return max(self.batch, min(PART, int(WORK // max(1, self.card.macs)) // self.batch * self.batch))

    def parts(self, images: int) -> int:
        """Into how many parts so many images fall."""
        return max(1, -(-images // self.part))

    def part_key(self, number: int) -> str:
        """Under which key what was seen in one part of the images is kept until all parts are."""
        return key_of("probe part", self.key, number)


def task_of(
    network: Network,
    card: ModelCard,
    source: Source,
    examples: Sequence[Example],
    digest: Callable[[Path], str],
    *,
    device: str = "cpu",
    memory: int = 2**30,
) -> ProbeTask:
    """The task of one network; `digest` gives the SHA-256 of a file, from memory where the file did not change."""
    batch = batch_size(card, memory)
    curated = () if source.path else tuple(examples)
    key = key_of(
        "probe",
        card.digest,
        asdict(card.input),
        card.classes,
        [(layer.name, layer.kind, layer.stage) for layer in card.layers],
        [(str(file), digest(file)) for file in files(source)],
        [(one.id, one.digest, one.background, one.fit, one.targets.get(card.vocabulary, "")) for one in curated],
        source.most,
        batch,
        closure_digest("generator.probe.stream", "generator.probe.pictures"),
        [version(name) for name in ("torch", "numpy", "pillow")],
        device.partition(":")[0],
    )
    return ProbeTask(network, card, source, curated, batch, key)


def find_source(wanted: str, most: int, folder: Path, sets: Path | None, place: str) -> Source:
    """The images that gallery.yml names: a folder or archive beside it, or a data set by name; raises `ConfigError`.

    `folder` is the gallery's, `sets` the one given as --data, `place` the file and key for the message.
    """
    path = folder / Path(wanted).expanduser()
    if path.exists():
        return Source(str(path), "", most)
    known = data.whereabouts(sets, wanted) if "/" not in wanted else None
    if known is not None:
        return Source(str(known), wanted, most)
    raise ConfigError(
        f"{place} expected a folder of pictures, an archive of one, or the name of a data set in the folder given as "
        f"--data; there is no {wanted!r}"
    )


def files(source: Source) -> list[Path]:
    """The files whose bytes decide what a probe sees, in order."""
    path = Path(source.path)
    if not source.path:
        return []
    if path.is_file():
        return [path]
    below = path / data.UNPACKED.get(source.known, "")
    below = below if below.is_dir() else path
    test = next((below / name for name in ("test", "val") if (below / name).is_dir()), below)
    return sorted(file for file in test.rglob("*") if file.is_file() and not file.name.startswith("."))


def batch_size(card: ModelCard, memory: int) -> int:
    """How many images share a pass: a function of the network and of `memory` in bytes alone."""
    largest = max(_product(layer.shape) for layer in card.layers)
    return max(1, min(64, memory // (32 * largest)))  # 4 bytes for each of about eight such tensors at a time


def _product(shape: Sequence[int]) -> int:
    total = 1
    for side in shape:
        total *= side
    return total
