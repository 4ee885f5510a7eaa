"""The product of models, images and methods: which jobs there are, their keys in the store, their price."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from typing import Any

from . import render
from .sources import closure_digest
from .store import key_of
from .types import Example, Job, MethodCard, ModelCard, Network

LIBRARIES = ("torch", "torchvision", "numpy", "pillow")
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
    skipped: frozenset[str] = frozenset()  # keys of jobs not to be tried: a worker was lost over them

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
) -> list[SceneTask]:
    """One task per image, and one before them for what needs no image.

    `chosen` maps the slugs of methods to their parameters, `targets` are symbols such as "label" or "class:frog".
    The class probabilities are always among the jobs: every page needs them.
    """
    parameters = {slug: dict(values) for slug, values in chosen.items()}
    for slug, one in cards.items():  # methods that chosen ones build on have their defaults
        parameters.setdefault(slug, dict(one.parameters))
    chunk = chunk_size(card, memory)
    common = _Common(card, cards, parameters, chunk, device)
    tasks = []
    still = [slug for slug in chosen if "image" not in cards[slug].axes]
    if still:
        jobs = tuple(common.jobs(still, None, "", ()))
        tasks.append(SceneTask(network, card, None, "", jobs, parameters, chunk))
    seen = [slug for slug in chosen if "image" in cards[slug].axes]
    for example in examples:
        label = example.targets.get(card.vocabulary, "")
        label = label if label in card.classes else ""
        jobs = list(common.jobs(seen, example, label, _symbols(targets, label)))
        if "activations" not in chosen:
            jobs += common.jobs(["activations"], example, label, (), layers=[card.layers[-1].name])
        tasks.append(SceneTask(network, card, example, label, tuple(jobs), parameters, chunk))
    return tasks


def chunk_size(card: ModelCard, memory: int) -> int:
    """How many samples of one image share a pass: a function of the network and of `memory` in bytes alone."""
    values = sum(_product(layer.shape) for layer in card.layers) + _product(card.input.size)
    sample = 10 * values  # bytes: float32, kept for the backward pass, with its gradients and copies
    return max(1, min(16, memory // sample))


def stage_layers(card: ModelCard) -> list[str]:
    """The layer that stands for each convolutional stage which has space."""
    known = {layer.name: layer for layer in card.layers}
    convolved = [stage for stage in card.stages if known[stage.layers[0]].kind in ("conv", "join")]
    return [stage.layer for stage in convolved if _product(known[stage.layer].shape[1:]) > 1]


def groups(task: SceneTask) -> list[tuple[Job, ...]]:
    """The jobs whose pictures share one colour scale: those that differ in nothing but the target."""
    found: dict[tuple[str, str], list[Job]] = defaultdict(list)
    for job in task.jobs:
        found[job.method, job.layer].append(job)
    return [tuple(jobs) for jobs in found.values()]


def picture_key(job: Job, drawn: Iterable[Job], task: SceneTask, cards: Mapping[str, MethodCard]) -> str:
    """Under which key the picture of `job` is kept: its array, those it shares a scale with, and how it is drawn.

    `drawn` are those jobs of its group, itself among them, that have an array.
    """
    style = cards[job.method].draw
    shared = sorted(other.key for other in drawn) if style in render.LIMITS else []
    names = task.card.classes if job.layer == task.card.layers[-1].name else ()
    return key_of("picture", job.key, shared, style, names, closure_digest("generator.render"), version("pillow"))


def price(task: SceneTask, jobs: Iterable[Job], cards: Mapping[str, MethodCard]) -> float:
    """What `jobs` of a task cost, in forward passes of its network."""
    jobs = list(jobs)
    if not jobs or task.example is None:
        return 0.0
    shared = {(name, job.target) for job in jobs for name in _inputs(job.method, cards) if name in SHARED_PASSES}
    rules = {("input_gradient" if name in ("gradient", "gradients") else name, target) for name, target in shared}
    own = sum(cards[job.method].passes for job in jobs)
    return 1.0 + sum(SHARED_PASSES[name] for name, _ in rules) + own


class _Common:
    """What the keys of all jobs of one network have in common."""

    def __init__(
        self, card: ModelCard, cards: Mapping[str, MethodCard], parameters: Mapping, chunk: int, device: str
    ) -> None:
        self.card, self.cards, self.parameters, self.chunk = card, cards, parameters, chunk
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
            one = self.cards[slug]
            for layer in layers or self.layers(one):
                for target in targets if "target" in one.axes else [""]:
                    job = Job(self.card.slug, example.id if example else MODEL_LEVEL, slug, layer, target)
                    yield replace(job, key=self.key(job, example, label))

    def layers(self, one: MethodCard) -> list[str]:
        if "layer" not in one.axes:
            return [""]
        if one.at == "default":
            return [self.card.default_layer]
        if one.at == "stages":
            return stage_layers(self.card)
        if one.at == "every":
            return [layer.name for layer in self.card.layers if layer.kind != "identity"]
        return [layer.name for layer in self.card.layers if layer.kind == one.at and "@" not in layer.name]

    def key(self, job: Job, example: Example | None, label: str) -> str:
        one = self.cards[job.method]
        image = [example.digest, example.background, example.fit] if example else None
        used = {slug: self.parameters[slug] for slug in _with_dependencies(job.method, self.cards)}
        named = job.target or job.layer == self.card.layers[-1].name  # the class probabilities carry names too
        spoken = [label if job.target in ("label", "rival", "contrast") else "", self.card.classes if named else ()]
        sampled = self.chunk if any(self.cards[slug].passes for slug in used) else 0
        return key_of("array", self.base, image, one.key, one.draw, used, job.layer, job.target, spoken, sampled)


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
