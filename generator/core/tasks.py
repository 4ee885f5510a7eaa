"""What a worker process is given: one image and one network, a probe's images, or two networks side by side."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .answer_kinds import PIXEL
from .records import Example, Input, Job, ModelCard, Network
from .store import key_of


@dataclass(frozen=True)
class Pair:
    """One picture of the left network and the same of the right one."""

    name: str  # "compare/<left>--<right>/<image>/<method>[--<layer>][--class-<name>]"
    left: Job
    right: Job
    style: str
    key: str


@dataclass(frozen=True)
class PairTask:
    """The pairs of two networks on one image; what a worker process is given."""

    left: str  # slugs
    right: str
    image: str
    photo: tuple[Any, Input] | None  # the example and the input that crops it
    pairs: tuple[Pair, ...]


@dataclass(frozen=True)
class LiveTask:
    """One network that visitors may give pictures of their own; what a worker process is given."""

    network: Network
    card: ModelCard
    key: str


MODEL_LEVEL = "model"  # the image of jobs about a network alone


@dataclass(frozen=True)
class SceneTask:
    """All jobs of one image and one network; what a worker process is given."""

    network: Network
    card: ModelCard
    example: Example | None  # None: jobs about the network alone
    label: str  # the image's class in the network's vocabulary, or ""
    jobs: tuple[Job, ...]
    parameters: dict[str, dict[str, Any]]  # of the methods
    chunk: int  # samples of the image that share a pass
    keyed_chunk: int = 0  # the same as keys know it: 0 on a GPU, where it follows what is free and bytes differ anyway
    skipped: frozenset[str] = frozenset()  # keys of jobs not to be tried: a worker was lost over them
    careful: frozenset[str] = frozenset()  # keys of jobs to be done with one sample in a pass: likewise, perhaps
    styles: tuple[Example, ...] = ()  # the pictures whose style a job wants
    probe: ProbeTask | None = None  # the images whose strongest are wanted
    measures: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # of its maps, with their parameters
    dearest: float = float("inf")  # forward passes that it may take to measure one map

    @property
    def image(self) -> str:
        """The image's id, or the name under which the network's own figures stand."""
        return self.example.id if self.example else MODEL_LEVEL


def groups(task: SceneTask) -> list[tuple[Job, ...]]:
    """Return the jobs whose pictures share one colour scale: those that differ in nothing but the target.

    Pixels have one of their own: the gradient of a single logit is larger than that of a mean over a mask by about as
    many times as the mask has pixels, and would leave the classes blank.
    """
    grouped: dict[tuple[str, str, str, bool], list[Job]] = defaultdict(list)
    for job in task.jobs:
        grouped[job.method, job.layer, job.style, job.target.startswith(f"{PIXEL}:")].append(job)
    return [tuple(jobs) for jobs in grouped.values()]


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
    digests: tuple[str, ...] = ()  # SHA-256 of the source's files in order, as the key has them

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
