"""Which maps of a scene are measured, by what, at what price, and under which keys the evidence is kept; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from generator.core.code_digest import closure_digest
from generator.core.records import ControlCard, Job, MeasureCard, MethodCard
from generator.core.roles import ACTIVATIONS, slug_with
from generator.core.store import Store, key_of
from generator.core.tasks import SceneTask
from generator.engine.method_registry import SHARED_PASSES

# Forward passes that it may take to measure one map. Random weights under RISE would take five thousand.
MOST_PASSES_PER_MAP = {"forward": 0.0, "quick": 60.0, "standard": 60.0, "full": 1000.0}


@dataclass(frozen=True)
class Registry:
    """What is known of methods, measures and controls, by slug."""

    methods: Mapping[str, MethodCard]
    measures: Mapping[str, MeasureCard]
    controls: Mapping[str, ControlCard]


@dataclass(frozen=True)
class Subject:
    """A map to be measured: a method's, or a control's."""

    slug: str
    job: Job | None = None  # None: a control


def subjects(task: SceneTask, registry: Registry) -> list[Subject]:
    """Return the maps of a task that are measured, and behind them the controls.

    Of a method it is the map for the first of the targets, and at the layer where class activation maps belong: the
    rival's class has next to no probability that could be lost. A task without such maps has no controls.
    """
    if task.example is None or not task.measures:
        return []
    target = explained(task)
    measured = [
        Subject(job.method, job)
        for job in task.jobs
        if registry.methods[job.method].counts
        and job.target in ("", target)
        and job.layer in ("", task.card.default_layer)
        and not job.style
    ]
    return [*measured, *map(Subject, registry.controls)] if measured else []


def explained(task: SceneTask) -> str:
    """Return the symbol of the class for which the maps of a task are measured: its first target."""
    return next((job.target for job in task.jobs if job.target), "label" if task.label else "top")


def evidence_key(task: SceneTask, subject: Subject, measure: str, registry: Registry) -> str:
    """Under which key is kept what a measure found of a map."""
    card = registry.measures[measure]
    of = (
        subject.job.key if subject.job else [subject.slug, registry.controls[subject.slug].key, _answer(task, registry)]
    )
    where = [task.example.box, task.example.mask_digest] if "inside" in card.inputs else []
    code = closure_digest("generator.analysis.evidence")
    counts = registry.methods[subject.slug].counts if subject.job else ""
    settings = [task.measures[measure], counts, explained(task), task.label, task.keyed_chunk, where]
    return key_of("evidence", of, card.key, settings, code)


def missing(task: SceneTask, registry: Registry, store: Store, ahead: bool = False) -> list[tuple[Subject, str]]:
    """Return what is still to be measured of the maps in the store; looking `ahead`, also of those that are not drawn
    yet.
    """
    return [
        (subject, measure)
        for subject in subjects(task, registry)
        if _drawn(subject, store, ahead)
        for measure in task.measures
        if price(task, [(subject, measure)], registry) <= task.dearest
        and store.get(evidence_key(task, subject, measure, registry), shape="evidence") is None
    ]


def results(task: SceneTask, registry: Registry, store: Store) -> Iterator[tuple[Subject, str, dict[str, Any]]]:
    """Yield what was measured of a task: map, measure and its numbers; what had nothing to say is left out."""
    for subject in subjects(task, registry):
        for measure in task.measures:
            record = store.get(evidence_key(task, subject, measure, registry), shape="evidence")
            if record and record["status"] == "measured":
                yield subject, measure, record["numbers"]


def price(task: SceneTask, pairs: Sequence[tuple[Subject, str]], registry: Registry) -> float:
    """Return what it costs to measure that, in forward passes of the network."""
    total = 0.0
    for subject, measure in pairs:
        card = registry.measures[measure]
        again = registry.methods[subject.slug].passes + 1 + max(SHARED_PASSES.values()) if subject.job else 0.0
        total += card.passes + card.runs * again
    return total


def _answer(task: SceneTask, registry: Registry) -> str:
    """Return the key of the class probabilities: it holds the network, the image and how it is prepared."""
    last = task.card.layers[-1].name
    activations = slug_with(ACTIVATIONS, registry.methods.values())
    return next((job.key for job in task.jobs if (job.method, job.layer) == (activations, last)), "")


def _drawn(subject: Subject, store: Store, ahead: bool) -> bool:
    if subject.job is None:
        return True
    record = store.get(subject.job.key)
    return record["status"] == "drawn" if record else ahead
