"""The whole work of a gallery: what its networks are asked for, as tasks, and what of it is still missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from generator.analysis import evidence_tasks
from generator.config.settings import Settings
from generator.core.records import ControlCard, Example, Job, MeasureCard, MethodCard, ModelCard
from generator.core.store import Store
from generator.core.tasks import MODEL_LEVEL, LiveTask, ProbeTask, SceneTask, groups

from .cost import price
from .jobs import NetworkRequest, scene_tasks
from .keys import PICTURE, picture_key
from .live_models import tasks_of as live_tasks
from .options import Options
from .pool import Pool
from .portions import DRAWING_SECONDS, seconds
from .resolve import ResolvedGallery, ResolvedNetwork, resolve_gallery


@dataclass
class Plan:
    """The whole work of a gallery, and what of it is not in the store."""

    gallery: ResolvedGallery
    tasks: list[SceneTask]
    examples: list[Example]  # less those that turn out to be unreadable
    failed: list[tuple[str, str]]  # models and images that cannot be used: name, why
    unreadable: list[tuple[str, str]]  # the images among them
    problems: list[str]  # lines to tell
    probes: dict[str, ProbeTask]  # by model
    live: list[LiveTask] = field(default_factory=list)  # networks for visitors' own pictures
    missing: dict[int, list[Job]] = field(default_factory=dict)  # index of a task -> jobs without array or picture
    unmeasured: dict[int, list[tuple[evidence_tasks.Subject, str]]] = field(default_factory=dict)  # likewise, evidence

    @property
    def settings(self) -> Settings:
        """What gallery.yml says."""
        return self.gallery.settings

    @property
    def models(self) -> list[ModelCard]:
        """The networks that could be loaded."""
        return [resolved.card for resolved in self.gallery.networks]

    @property
    def methods(self) -> tuple[MethodCard, ...]:
        """All methods there are."""
        return self.gallery.methods

    @property
    def measures(self) -> tuple[MeasureCard, ...]:
        """All measures there are."""
        return self.gallery.measures

    @property
    def controls(self) -> tuple[ControlCard, ...]:
        """The maps that know no network."""
        return self.gallery.controls

    @property
    def couples(self) -> tuple[tuple[ModelCard, ModelCard], ...]:
        """The networks that are set side by side."""
        return self.gallery.couples

    @property
    def cards(self) -> dict[str, MethodCard]:
        """The methods by slug."""
        return {card.slug: card for card in self.methods}

    @property
    def known(self) -> evidence_tasks.Registry:
        """Methods, measures and controls by slug."""
        measures = {card.slug: card for card in self.measures}
        return evidence_tasks.Registry(self.cards, measures, {card.slug: card for card in self.controls})

    def leave_out(self, images: Mapping[str, str]) -> None:
        """Go on without the images of these ids, which cannot be read; why is known of each."""
        self.examples = [example for example in self.examples if example.id not in images]
        self.tasks = [task for task in self.tasks if task.example is None or task.example.id not in images]
        self.failed += images.items()
        self.unreadable += images.items()

    def open_jobs(self) -> Iterator[tuple[SceneTask, Job]]:
        """Return the jobs that are missing, with their tasks."""
        return ((self.tasks[index], job) for index, jobs in self.missing.items() for job in jobs)


def make_plan(options: Options, pool: Pool, store: Store) -> Plan:
    """Resolve the gallery, multiply its networks, images and methods, and look up what the store lacks.

    Raises `ConfigError` for what the settings or options name and nothing here is called.
    """
    gallery = resolve_gallery(options, pool, store)
    tasks = [task for resolved in gallery.networks for task in _tasks_of(resolved, gallery)]
    plan = Plan(
        gallery,
        tasks,
        examples=[*gallery.examples],
        failed=[*gallery.failed],
        unreadable=[*gallery.unreadable],
        problems=[*gallery.problems],
        probes={resolved.card.slug: resolved.probe for resolved in gallery.networks if resolved.probe},
        live=live_tasks(gallery.settings, [(resolved.network, resolved.card) for resolved in gallery.networks]),
    )
    find_missing(plan, store)
    return plan


def _tasks_of(resolved: ResolvedNetwork, gallery: ResolvedGallery) -> Iterator[SceneTask]:
    request = NetworkRequest(
        network=resolved.network,
        card=resolved.card,
        examples=resolved.examples,
        targets=resolved.targets,
        methods=resolved.methods,
        cards={card.slug: card for card in gallery.methods},
        device=gallery.device,
        memory=gallery.memory,
        styles=gallery.styles,
        probe=resolved.probe,
        layers=resolved.layers,
    )
    for task in scene_tasks(request):
        yield replace(task, measures=resolved.measures, dearest=resolved.dearest)


def find_missing(plan: Plan, store: Store) -> None:
    """Note the jobs whose array or picture the store does not hold, and the maps that are not measured."""
    plan.missing, plan.unmeasured = {}, {}
    cards, registry = plan.cards, plan.known
    for index, task in enumerate(plan.tasks):
        missing: list[Job] = []
        for group in groups(task):
            records = {job: store.get(job.key, "status") or {} for job in group}
            stored = all(record and store.has_payloads(record) for record in records.values())
            drawn = [job for job in group if stored and records[job]["status"] == "drawn"]
            pictures = (store.get(picture_key(job, drawn, task, cards), *PICTURE) for job in drawn)
            if stored and all(picture and store.has_payloads(picture) for picture in pictures):
                continue
            missing += group
        if missing:
            plan.missing[index] = missing
        if unmeasured := evidence_tasks.missing(task, registry, store, ahead=True):
            plan.unmeasured[index] = unmeasured


def measuring_seconds(plan: Plan) -> float:
    """Return about how long one core takes to measure the maps that are not measured, in seconds."""
    waiting = ((plan.tasks[index], pairs) for index, pairs in plan.unmeasured.items())
    return sum(evidence_tasks.price(task, pairs, plan.known) * task.card.passes_seconds for task, pairs in waiting)


def drawing_seconds(plan: Plan) -> float:
    """Return about how long one core takes over the jobs that are missing, in seconds."""
    return sum(seconds(plan.tasks[index], jobs, plan.cards) for index, jobs in plan.missing.items())


def price_list(plan: Plan) -> list[dict[str, Any]]:
    """For each model: figures in all, how many are in store, and what the rest costs in forward passes and seconds."""
    rows = []
    for card in plan.models:
        tasks = [(index, task) for index, task in enumerate(plan.tasks) if task.card.slug == card.slug]
        passes = sum(price(task, plan.missing.get(index, []), plan.cards) for index, task in tasks)
        passes += sum(evidence_tasks.price(task, plan.unmeasured.get(index, []), plan.known) for index, task in tasks)
        jobs = sum(len(task.jobs) for _, task in tasks)
        missing = sum(len(plan.missing.get(index, [])) for index, _ in tasks)
        rows.append(
            {
                "model": card.slug,
                "images": len({task.image for _, task in tasks} - {MODEL_LEVEL}),
                "figures": jobs,
                "in_store": jobs - missing,
                "passes": round(passes, 1),
                "seconds": round(passes * card.passes_seconds + missing * DRAWING_SECONDS, 1),
            }
        )
    return rows
