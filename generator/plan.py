"""The product of models, images and methods: which jobs there are, their keys in the store, their price."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from importlib import metadata
from typing import Any

from . import blocks, render
from .probe import ProbeTask
from .sources import closure_digest
from .stages import answer_layer, spread, stage_layers
from .store import key_of
from .types import Example, Job, MethodCard, ModelCard, Network

LIBRARIES = ("torch", "torchvision", "numpy", "pillow")
STRIP = 8  # stages in a strip over depth, at most
MODEL_LEVEL = "model"  # the image of jobs about a network alone
SHARED_PASSES = {  # what an input costs once per scene, or once per target, in forward passes
    "input_gradient": 2.0,
    "guided_gradient": 2.0,
    "deconvnet_gradient": 2.0,
    "gradient": 2.0,
    "gradients": 2.0,
}


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
    measures: dict[str, dict[str, Any]] = field(default_factory=dict)  # of its maps, with their parameters
    dearest: float = float("inf")  # forward passes that it may take to measure one map

    @property
    def image(self) -> str:
        """The image's id, or the name under which the network's own figures stand."""
        return self.example.id if self.example else MODEL_LEVEL


def scene_tasks(
    network: Network,
    card: ModelCard,
    examples: Sequence[Example],
    targets: Sequence[str],
    chosen: Mapping[str, Mapping[str, Any]],
    cards: Mapping[str, MethodCard],
    *,
    device: str = "cpu",
    memory: int = 2**30,
    styles: Mapping[str, Sequence[Example]] | None = None,
    probe: ProbeTask | None = None,
) -> list[SceneTask]:
    """One task per image, and one before them for what needs no image.

    `chosen` maps the slugs of methods to their parameters, `targets` are symbols such as "label" or "class:frog".
    `styles` are the pictures whose style an image (by id) is to get. The class probabilities are always among the
    jobs: every page needs them. Jobs of methods that drive the network themselves take minutes and share no pass with
    others: they come last, in tasks of their own, so that all workers have something to do.
    """
    parameters = {slug: dict(values) for slug, values in chosen.items()}
    for slug, one in cards.items():  # methods that chosen ones build on have their defaults
        parameters.setdefault(slug, dict(one.parameters))
    chunk = chunk_size(card, memory, device)
    common = _Common(card, cards, parameters, chunk, device, styles or {}, probe.key if probe else "")
    tasks: list[SceneTask] = []
    long: list[SceneTask] = []

    def add(example: Example | None, label: str, jobs: list[Job]) -> None:
        pictures = tuple((styles or {}).get(example.id, ())) if example else ()
        asked = probe if example is None else None
        chunks = (chunk, common.chunk)
        whole = SceneTask(network, card, example, label, (), parameters, *chunks, styles=pictures, probe=asked)
        driven = [job for job in jobs if _drives(job.method, cards)]
        short = [job for job in jobs if job not in driven]
        if short:
            tasks.append(replace(whole, jobs=tuple(short)))
        long.extend(replace(whole, jobs=group) for group in groups(replace(whole, jobs=tuple(driven))))

    still = [slug for slug in chosen if "image" not in cards[slug].axes]
    if still:
        add(None, "", list(common.jobs(still, None, "", ())))
    seen = [slug for slug in chosen if "image" in cards[slug].axes]
    for example in examples:
        label = example.targets.get(card.vocabulary, "")
        label = label if label in card.classes else ""
        jobs = list(common.jobs(seen, example, label, _symbols(targets, label)))
        if "activations" not in chosen:
            jobs += common.jobs(["activations"], example, label, (), layers=[card.layers[-1].name])
        add(example, label, jobs)
    return tasks + long


def chunk_size(card: ModelCard, memory: int, device: str = "cpu") -> int:
    """How many samples of one image share a pass: a function of the network, of `memory` in bytes and the device.

    A core has enough to do with a few, a GPU with a few hundred.
    """
    values = sum(_product(layer.shape) for layer in card.layers) + _product(card.input.size)
    sample = 10 * values  # bytes: float32, kept for the backward pass, with its gradients and copies
    return max(1, min(256 if device.startswith("cuda") else 16, memory // sample))


def groups(task: SceneTask) -> list[tuple[Job, ...]]:
    """The jobs whose pictures share one colour scale: those that differ in nothing but the target."""
    found: dict[tuple[str, str, str], list[Job]] = defaultdict(list)
    for job in task.jobs:
        found[job.method, job.layer, job.style].append(job)
    return [tuple(jobs) for jobs in found.values()]


def picture_key(job: Job, drawn: Iterable[Job], task: SceneTask, cards: Mapping[str, MethodCard]) -> str:
    """Under which key the picture of `job` is kept: its array, those it shares a scale with, and how it is drawn.

    `drawn` are those jobs of its group, itself among them, that have an array.
    """
    style = cards[job.method].draw
    shared = sorted(other.key for other in drawn) if style in render.LIMITS else []
    names = task.card.classes if job.layer == task.card.layers[-1].name else ()
    encoders = [version("pillow"), version("isal")]
    return key_of("picture", job.key, shared, style, names, closure_digest("generator.render"), encoders)


@cache
def version(library: str) -> str:
    """The version of an installed library; to look it up takes half a millisecond."""
    return metadata.version(library)


def price(task: SceneTask, jobs: Iterable[Job], cards: Mapping[str, MethodCard]) -> float:
    """What `jobs` of a task cost, in forward passes of its network."""
    jobs = list(jobs)
    own = sum(_own_price(task, job, cards[job.method]) for job in jobs)
    if not jobs or task.example is None or all(_drives(job.method, cards) for job in jobs):
        return own
    shared = {(name, job.target) for job in jobs for name in _inputs(job.method, cards) if name in SHARED_PASSES}
    rules = {("input_gradient" if name in ("gradient", "gradients") else name, target) for name, target in shared}
    return 1.0 + sum(SHARED_PASSES[name] for name, _ in rules) + own


def _own_price(task: SceneTask, job: Job, one: MethodCard) -> float:
    """What one job adds: times its steps, its pictures, their size and the part of the network that it computes."""
    given = {**one.parameters, **task.parameters.get(one.slug, {})}
    found = one.passes
    for name in one.per:
        found *= given[name] if name != "stages" else _depths(task.card)
    if "block" in one.inputs:
        layer = next(layer for layer in task.card.layers if layer.name == job.layer)
        found *= len(blocks.channels(given["units"], layer.shape[0], blocks.block_of(job.style)))
    if "network" in one.inputs and "size" in given:
        largest = 4 * max(task.card.input.size[1:])
        found *= min(given["size"] or task.card.input.canvas, largest) ** 2 / _product(task.card.input.size[1:])
    if {"network", "layer"} <= set(one.inputs):
        found *= _depth(task.card, job.layer)
    return found


def _depth(card: ModelCard, layer: str) -> float:
    """Which share of a pass it takes to come as far as a layer."""
    costs = [one.macs for one in card.layers]
    behind = next((index for index, one in enumerate(card.layers) if one.name == layer), len(costs)) + 1
    return sum(costs[:behind]) / sum(costs) if sum(costs) else 1.0


def _depths(card: ModelCard) -> float:
    """The passes it takes to come as far as each of the stages that a strip shows, in full ones."""
    return sum(_depth(card, layer) for layer in spread(stage_layers(card), STRIP))


def _drives(slug: str, cards: Mapping[str, MethodCard]) -> bool:
    """Whether a method drives the network itself, and takes its time."""
    return bool({"network", "epochs"} & _inputs(slug, cards))


class _Common:
    """What the keys of all jobs of one network have in common."""

    def __init__(
        self,
        card: ModelCard,
        cards: Mapping[str, MethodCard],
        parameters: Mapping,
        chunk: int,
        device: str,
        pictures: Mapping[str, Sequence[Example]],
        probe: str,
    ) -> None:
        self.pictures, self.probe = pictures, probe
        self.card, self.cards, self.parameters = card, cards, parameters
        self.chunk = chunk if device == "cpu" else 0
        self.base = key_of(
            card.digest,
            asdict(card.input),
            card.default_layer,
            [(layer.name, layer.kind) for layer in card.layers],
            [stage.layer for stage in card.stages],
            closure_digest("generator.scene", "generator.reduce", "generator.photo"),
            [version(name) for name in LIBRARIES],
            device.partition(":")[0],
        )

    def jobs(
        self, slugs: Iterable[str], example: Example | None, label: str, targets: Sequence[str], layers: Sequence = ()
    ) -> Iterable[Job]:
        for slug in slugs:
            one, wants = self.cards[slug], _inputs(slug, self.cards)
            kept = {"epochs": self.card.checkpoints, "first_kernels": self.card.becoming}
            if any(name in wants and not there for name, there in kept.items()):
                continue  # of how a network came to be there is nothing to say unless someone kept it
            for layer in layers or self.layers(one):
                for target in targets if "target" in one.axes else [""]:
                    for style, more in self.styles(one, layer, example):
                        job = Job(self.card.slug, example.id if example else MODEL_LEVEL, slug, layer, target, style)
                        yield replace(job, key=self.key(job, example, label, more))

    def styles(self, one: MethodCard, layer: str, example: Example | None) -> list[tuple[str, Any]]:
        """The styles of a method's figures, each with what its key must hold of it."""
        if "style" not in one.axes:
            return [("", None)]
        if "style_image" in _inputs(one.slug, self.cards):
            pictures = self.pictures.get(example.id, ()) if example else ()
            return [(style.id, [style.digest, style.background, style.fit]) for style in pictures]
        count = next((known.shape[0] for known in self.card.layers if known.name == layer), 0)
        return [(style, style) for style in blocks.styles(self.parameters[one.slug]["units"], count)]

    def layers(self, one: MethodCard) -> list[str]:
        if "layer" not in one.axes:
            return [""]
        if one.at == "default":
            return [self.card.default_layer]
        if one.at == "stages":
            return stage_layers(self.card)
        if one.at == "walk":
            return [stage.layer for stage in self.card.stages]
        if one.at == "units":
            return [*stage_layers(self.card), *answer_layer(self.card)]
        if one.at == "every":
            return [layer.name for layer in self.card.layers if layer.kind != "identity"]
        return [layer.name for layer in self.card.layers if layer.kind == one.at and "@" not in layer.name]

    def key(self, job: Job, example: Example | None, label: str, style: Any) -> str:
        one = self.cards[job.method]
        image = [example.digest, example.background, example.fit] if example else None
        image = self.probe if "probe" in one.inputs else image
        used = {slug: self.parameters[slug] for slug in _with_dependencies(job.method, self.cards)}
        named = job.target or job.layer == self.card.layers[-1].name  # the class probabilities carry names too
        spoken = [label if job.target in ("label", "rival", "contrast") else "", self.card.classes if named else ()]
        sampled = self.chunk if any(self.cards[slug].passes for slug in used) else 0
        epochs = self.card.becoming if {"epochs", "first_kernels"} & _inputs(job.method, self.cards) else ""
        asked = (job.layer, job.target, style, epochs)
        return key_of("array", self.base, image, one.key, one.draw, used, *asked, spoken, sampled)


def _symbols(targets: Sequence[str], label: str) -> list[str]:
    """The targets of one image: where it has no label, the top prediction stands for it."""
    return list(dict.fromkeys("top" if target == "label" and not label else target for target in targets))


def _with_dependencies(slug: str, cards: Mapping[str, MethodCard]) -> list[str]:
    found = [slug]
    for name in cards[slug].inputs:
        other = name.replace("_", "-")
        if other in cards and other != slug:
            found += _with_dependencies(other, cards)
    return found


def _inputs(slug: str, cards: Mapping[str, MethodCard]) -> set[str]:
    return {name for one in _with_dependencies(slug, cards) for name in cards[one].inputs}


def _product(shape: Iterable[int]) -> int:
    total = 1
    for side in shape:
        total *= side
    return total
