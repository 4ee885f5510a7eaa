"""The product of a model, images and methods: which jobs there are, and their keys in the store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from generator.core import channel_blocks
from generator.core.answer_kinds import FURTHER, MOST_FURTHER
from generator.core.code_digest import closure_digest
from generator.core.records import Example, Job, MethodCard, ModelCard, Network
from generator.core.roles import ACTIVATIONS, slug_with
from generator.core.store import key_of
from generator.core.tasks import MODEL_LEVEL, ProbeTask, SceneTask, groups
from generator.engine.batch_size import chunk_size
from generator.models.layers import answer_layer, stage_layers
from generator.models.specs import bundled_modules

from .keys import LIBRARIES, version
from .method_needs import drives_network, inputs_of, with_dependencies


@dataclass(frozen=True)
class NetworkRequest:
    """What one network is asked for: methods times images times targets."""

    network: Network
    card: ModelCard
    examples: Sequence[Example]
    targets: Sequence[str]  # symbols such as "label" or "class:frog"
    methods: Mapping[str, Mapping[str, Any]]  # slug -> parameters
    cards: Mapping[str, MethodCard]  # of all methods, those that chosen ones build on among them
    device: str = "cpu"
    memory: int = 2**30  # bytes for passes of many samples
    styles: Mapping[str, Sequence[Example]] = field(default_factory=dict)  # image id -> whose style it is to get
    probe: ProbeTask | None = None
    layers: Mapping[str, Sequence[str]] = field(default_factory=dict)  # slug -> the layers chosen for a method


def scene_tasks(request: NetworkRequest) -> list[SceneTask]:
    """Return one task per image, and one before them for what needs no image.

    The class probabilities are always among the jobs: every page needs them. Jobs of methods that drive the network
    themselves take minutes and share no pass with others: they come last, in tasks of their own, so that all workers
    have something to do.
    """
    cards, card = request.cards, request.card
    parameters = {slug: dict(method.parameters) for slug, method in cards.items()}
    parameters |= {slug: dict(values) for slug, values in request.methods.items()}
    common = _Common(request, parameters)
    tasks: list[SceneTask] = []
    long: list[SceneTask] = []

    def add(example: Example | None, label: str, jobs: list[Job]) -> None:
        task = SceneTask(
            request.network,
            card,
            example,
            label,
            (),
            parameters,
            chunk=common.chunk,
            keyed_chunk=common.keyed_chunk,
            styles=tuple(request.styles.get(example.id, ())) if example else (),
            probe=request.probe if example is None else None,
        )
        driven = [job for job in jobs if drives_network(job.method, cards)]
        short = [job for job in jobs if job not in driven]
        if short:
            tasks.append(replace(task, jobs=tuple(short)))
        long.extend(replace(task, jobs=group) for group in groups(replace(task, jobs=tuple(driven))))

    still = [slug for slug in request.methods if "image" not in cards[slug].axes]
    if still:
        add(None, "", list(common.jobs(still, None, "", ())))
    activations = slug_with(ACTIVATIONS, cards.values())
    seen = [slug for slug in request.methods if "image" in cards[slug].axes]
    for example in request.examples:
        label = example.targets.get(card.vocabulary, "")
        label = label if label in card.classes else ""
        symbols = _symbols(request.targets, label, card.output["kind"])
        jobs = list(common.jobs(seen, example, label, symbols))
        if activations not in request.methods:
            jobs += common.jobs([activations], example, label, (), layers=[card.layers[-1].name])
        add(example, label, jobs)
    return tasks + long


class _Common:
    """What the keys of all jobs of one network have in common."""

    def __init__(self, request: NetworkRequest, parameters: Mapping[str, Mapping[str, Any]]) -> None:
        card = request.card
        self.card, self.cards, self.parameters, self.chosen = card, request.cards, parameters, request.layers
        self.pictures, self.probe = request.styles, request.probe.key if request.probe else ""
        self.tokens = any(
            layer.layout.startswith(("tokens", "windows")) or (layer.layout and layer.kind == "softmax")
            for layer in card.layers
        )
        self.chunk = chunk_size(card, request.memory, request.device)
        self.keyed_chunk = self.chunk if request.device == "cpu" else 0
        self.base = key_of(
            card.digest,
            asdict(card.input),
            card.default_layer,
            {name: value for name, value in card.output.items() if name != "unit"},
            [(layer.name, layer.kind) for layer in card.layers],
            [stage.layer for stage in card.stages],
            closure_digest(
                "generator.engine.scene",
                "generator.engine.quantise",
                "generator.data.preprocess",
                *bundled_modules(card.source),
            ),
            [version(name) for name in LIBRARIES],
            request.device.partition(":")[0],
        )

    def jobs(
        self, slugs: Iterable[str], example: Example | None, label: str, targets: Sequence[str], layers: Sequence = ()
    ) -> Iterable[Job]:
        for slug in slugs:
            method, wants = self.cards[slug], inputs_of(slug, self.cards)
            there = {"epochs": self.card.checkpoints, "first_kernels": self.card.becoming, "token_grid": self.tokens}
            if any(name in wants and not it for name, it in there.items()):
                continue  # nobody kept how the network came to be, or there are no tokens; windows are refused in words
            for layer in layers or self.layers(method):
                for target in targets if "target" in method.axes else [""]:
                    for style, more in self.styles(method, layer, example):
                        job = Job(self.card.slug, example.id if example else MODEL_LEVEL, slug, layer, target, style)
                        yield replace(job, key=self.key(job, example, label, more))

    def styles(self, method: MethodCard, layer: str, example: Example | None) -> list[tuple[str, Any]]:
        """Return the styles of a method's figures, each with what its key must hold of it."""
        if "style" not in method.axes:
            return [("", None)]
        if "style_image" in inputs_of(method.slug, self.cards):
            pictures = self.pictures.get(example.id, ()) if example else ()
            return [(style.id, [style.digest, style.frame, style.background, style.fit]) for style in pictures]
        count = next((entry.shape[0] for entry in self.card.layers if entry.name == layer), 0)
        return [(style, style) for style in channel_blocks.styles(self.parameters[method.slug]["units"], count)]

    def layers(self, method: MethodCard) -> list[str]:
        if "layer" not in method.axes:
            return [""]
        if method.slug in self.chosen:
            answer = [self.card.layers[-1].name] if ACTIVATIONS in method.roles else []
            return list(dict.fromkeys([*self.chosen[method.slug], *answer]))
        if method.at == "default":
            return [self.card.default_layer]
        if method.at == "stages":
            return stage_layers(self.card)
        if method.at == "walk":
            return [stage.layer for stage in self.card.stages]
        if method.at == "units":
            return [*stage_layers(self.card), *answer_layer(self.card)]
        if method.at == "attention":
            return [layer.name for layer in self.card.layers if layer.heads]
        if method.at == "every":
            return [layer.name for layer in self.card.layers if layer.kind != "identity"]
        return [layer.name for layer in self.card.layers if layer.kind == method.at and "@" not in layer.name]

    def key(self, job: Job, example: Example | None, label: str, style: Any) -> str:
        method = self.cards[job.method]
        image: Any = [example.digest, example.frame, example.background, example.fit] if example else None
        image = self.probe if "probe" in method.inputs else image
        used = {slug: self.parameters[slug] for slug in with_dependencies(job.method, self.cards)}
        named = job.target or job.layer == self.card.layers[-1].name  # the class probabilities carry names too
        names = [label if job.target in ("label", "rival", "contrast") else "", self.card.classes if named else ()]
        sampled = self.keyed_chunk if any(self.cards[slug].passes for slug in used) else 0
        epochs = self.card.becoming if {"epochs", "first_kernels"} & inputs_of(job.method, self.cards) else ""
        axes = (job.layer, job.target, style, epochs)
        return key_of("array", self.base, image, method.key, method.style.values, used, *axes, names, sampled)


def _symbols(targets: Sequence[str], label: str, kind: str) -> list[str]:
    """Return the targets of one image: where it has no label, the top prediction stands for it.

    Of a network that answers with labels, further ones that may reach its threshold follow the rival.
    """
    symbols = ["top" if target == "label" and not label else target for target in targets]
    if kind == "labels" and "rival" in symbols:
        symbols += [f"{FURTHER}:{place}" for place in range(1, MOST_FURTHER + 1)]
    return list(dict.fromkeys(symbols))
