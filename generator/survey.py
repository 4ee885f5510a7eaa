"""The whole work of a gallery: settings, images, networks and methods multiplied, and what of it is still missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from . import compare, config, selection
from .cards import method_cards, model_cards
from .entries import nearest
from .images import read_images
from .options import Options
from .plan import MODEL_LEVEL, SceneTask, groups, picture_key, price, scene_tasks
from .run import Pool
from .store import Store
from .types import ConfigError, Example, Job, MethodCard, ModelCard

DRAWING_SECONDS = 0.012  # one picture drawn, encoded and stored, on one core


@dataclass
class Plan:
    """The whole work of a gallery, and what of it is not in the store."""

    settings: config.Settings
    models: list[ModelCard]
    methods: list[MethodCard]
    examples: list[Example]
    tasks: list[SceneTask]
    problems: list[str]  # lines to tell
    failed: list[tuple[str, str]]  # models and images that cannot be used: name, why
    unreadable: list[tuple[str, str]]  # the images among them
    couples: list[tuple[ModelCard, ModelCard]]  # set side by side
    missing: dict[int, list[Job]] = field(default_factory=dict)  # index of a task -> jobs without array or picture

    @property
    def cards(self) -> dict[str, MethodCard]:
        """The methods by slug."""
        return {card.slug: card for card in self.methods}

    def open_jobs(self) -> Iterator[tuple[SceneTask, Job]]:
        """The jobs that are missing, with their tasks."""
        return ((self.tasks[index], job) for index, jobs in self.missing.items() for job in jobs)


def make_plan(options: Options, pool: Pool, store: Store) -> Plan:
    """Read the configuration and the images, ask the workers about networks and methods, and multiply.

    Raises `ConfigError` for what the settings or options name and nothing here is called.
    """
    settings = config.load(options.config, preset=options.preset)
    methods = method_cards(pool, store)
    by_slug = {card.slug: card for card in methods}
    for name in options.methods:
        if name not in by_slug:
            raise ConfigError(f"--method {name!r}: no such method{nearest(name, by_slug)}")
    networks = selection.networks(settings, options.models)
    examples, problems = read_images(settings.images_folder, options.data, options.images, options.work)
    cards, failed = model_cards(networks, pool, store)
    tasks: list[SceneTask] = []
    used: set[str] = set()
    asked: list[tuple[str, ModelCard]] = []
    for network, card in cards:
        chosen = selection.methods_for(settings, methods, preset(settings, card))
        if options.methods:
            chosen = {name: {**by_slug[name].parameters, **chosen.get(name, {})} for name in options.methods}
        mine = selection.images_for(settings, network, examples, card.vocabulary)
        used |= {example.id for example in mine}
        targets = selection.targets_for(settings, network)
        asked += [(target, card) for target in targets]
        tasks += scene_tasks(
            network, card, mine, targets, chosen, by_slug, device=pool.setup.device, memory=options.memory
        )
    _check_targets(asked)
    models = [card for _, card in cards]
    unreadable = [(problem.name, problem.message) for problem in problems if problem.kind == "failed"]
    plan = Plan(
        settings,
        models,
        methods,
        [example for example in examples if example.id in used],
        tasks,
        [problem.message for problem in problems if problem.kind != "failed"],
        failed + unreadable,
        unreadable,
        compare.couples(models, selection.couples(settings)),
    )
    find_missing(plan, store)
    return plan


def find_missing(plan: Plan, store: Store) -> None:
    """Note the jobs whose array or picture the store does not hold."""
    plan.missing = {}
    cards = plan.cards
    for index, task in enumerate(plan.tasks):
        missing = []
        for group in groups(task):
            records = {job: store.get(job.key) for job in group}
            known = all(record and store.whole(record) for record in records.values())
            drawn = [job for job in group if known and records[job]["status"] == "drawn"]
            pictures = (store.get(picture_key(job, drawn, task, cards)) for job in drawn)
            if known and all(picture and store.whole(picture) for picture in pictures):
                continue
            missing += group
        if missing:
            plan.missing[index] = missing


def price_list(plan: Plan) -> list[dict[str, Any]]:
    """For each model: figures in all, how many are in store, and what the rest costs in forward passes and seconds."""
    rows = []
    for card in plan.models:
        tasks = [(index, task) for index, task in enumerate(plan.tasks) if task.card.slug == card.slug]
        passes = sum(price(task, plan.missing.get(index, []), plan.cards) for index, task in tasks)
        jobs = sum(len(task.jobs) for _, task in tasks)
        missing = sum(len(plan.missing.get(index, [])) for index, _ in tasks)
        rows.append(
            {
                "model": card.slug,
                "images": sum(task.image != MODEL_LEVEL for _, task in tasks),
                "figures": jobs,
                "in_store": jobs - missing,
                "passes": round(passes, 1),
                "seconds": round(passes * card.passes_seconds + missing * DRAWING_SECONDS, 1),
            }
        )
    return rows


def preset(settings: config.Settings, card: ModelCard) -> str:
    """How much is drawn of a network: what the settings say, else the more the smaller its input is."""
    if settings.preset != "auto":
        return settings.preset
    small = max(card.input.size[1:]) <= 64
    return "standard" if small and not card.derived_from else "quick"


def _check_targets(asked: Sequence[tuple[str, ModelCard]]) -> None:
    """A class that one network does not know is said in its place; one that none knows is a mistake."""
    for target in dict.fromkeys(target for target, _ in asked):
        kind, _, name = target.partition(":")
        classes = {known for other, card in asked if other == target for known in card.classes}
        if kind == "class" and name not in classes:
            near = nearest(name, get_close_matches(name, sorted(classes), n=1))  # of a thousand the rest would not help
            raise ConfigError(f"target {target!r}: no network here knows this class{near}")
