"""The whole work of a gallery: settings, images, networks and methods multiplied, and what of it is still missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any

from generator.analysis import evidence_tasks
from generator.analysis.probe.tasks import find_source, task_of
from generator.config.settings import Settings
from generator.config.settings import load as load_settings
from generator.config.validation import nearest
from generator.core.errors import ConfigError
from generator.core.records import ControlCard, Example, Job, MeasureCard, MethodCard, ModelCard, Network
from generator.core.store import Store
from generator.core.tasks import MODEL_LEVEL, ProbeTask, SceneTask, Source, groups
from generator.data.images import Problem, known_names, read_images

from . import memory_budget, model_pairs, selection
from .catalogue import measure_cards, method_cards, model_cards
from .cost import price
from .fingerprint import Digests
from .jobs import scene_tasks
from .keys import picture_key
from .options import Options
from .pool import Pool

DRAWN, MEASURED = 128, 64  # pixels a side up to which the standard is drawn, and measured, where nobody says how much
DRAWING_SECONDS = 0.012  # one picture drawn, encoded and stored, on one core


@dataclass
class Plan:
    """The whole work of a gallery, and what of it is not in the store."""

    settings: Settings
    models: list[ModelCard]
    methods: list[MethodCard]
    measures: list[MeasureCard]
    controls: list[ControlCard]
    examples: list[Example]
    tasks: list[SceneTask]
    problems: list[str]  # lines to tell
    failed: list[tuple[str, str]]  # models and images that cannot be used: name, why
    unreadable: list[tuple[str, str]]  # the images among them
    couples: list[tuple[ModelCard, ModelCard]]  # set side by side
    probes: dict[str, ProbeTask] = field(default_factory=dict)  # by model
    missing: dict[int, list[Job]] = field(default_factory=dict)  # index of a task -> jobs without array or picture
    unmeasured: dict[int, list[tuple[evidence_tasks.Subject, str]]] = field(
        default_factory=dict
    )  # the same for evidence

    @property
    def cards(self) -> dict[str, MethodCard]:
        """The methods by slug."""
        return {card.slug: card for card in self.methods}

    @property
    def known(self) -> evidence_tasks.Registry:
        """Methods, measures and controls by slug."""
        lists = (self.methods, self.measures, self.controls)
        return evidence_tasks.Registry(*({card.slug: card for card in cards} for cards in lists))

    def leave_out(self, images: Mapping[str, str]) -> None:
        """Go on without the images of these ids, which cannot be read; why is known of each."""
        self.examples = [example for example in self.examples if example.id not in images]
        self.tasks = [task for task in self.tasks if task.example is None or task.example.id not in images]
        self.failed += images.items()
        self.unreadable += images.items()

    def open_jobs(self) -> Iterator[tuple[SceneTask, Job]]:
        """The jobs that are missing, with their tasks."""
        return ((self.tasks[index], job) for index, jobs in self.missing.items() for job in jobs)


def make_plan(options: Options, pool: Pool, store: Store) -> Plan:
    """Read the configuration and the images, ask the workers about networks and methods, and multiply.

    Raises `ConfigError` for what the settings or options name and nothing here is called.
    """
    settings = load_settings(options.config, preset=options.preset)
    methods = method_cards(pool, store)
    measures, controls = measure_cards(pool, store)
    by_slug = {card.slug: card for card in methods}
    for name in options.methods:
        if name not in by_slug:
            raise ConfigError(f"--method {name!r}: no such method{nearest(name, by_slug)}")
    networks = selection.networks(settings, options.models)
    examples, problems = read_images(settings.images_folder, options.data, options.images, options.work)
    styles, unpainted = _styles(settings, options)
    problems += [problem for problem in unpainted if problem not in problems]
    digests, room = Digests(options.work / "probes.json"), options.room
    cards, failed = model_cards(networks, pool, store, digests.of)
    tasks: list[SceneTask] = []
    used: set[str] = set()
    told: dict[str, None] = {}
    named = known_names(settings.images_folder)
    asked: list[tuple[str, ModelCard]] = []
    probes: dict[str, ProbeTask] = {}
    for network, card in cards:
        chosen = selection.methods_for(settings, methods, preset(settings, card))
        if options.methods:
            chosen = {name: {**by_slug[name].parameters, **chosen.get(name, {})} for name in options.methods}
        mine = selection.images_for(settings, network, examples, card.vocabulary, named)
        told |= dict.fromkeys(_unknown_labels(mine, card))
        used |= {example.id for example in mine}
        targets = selection.targets_for(settings, network)
        asked += [(target, card) for target in targets]
        weighed = selection.methods_for(settings, measures, preset(settings, card, MEASURED), "measures")
        source = _probed(settings, network, options)
        if source.path and not options.methods and selection.allowed(settings, "top-images"):
            chosen = {**chosen, "top-images": chosen.get("top-images", by_slug["top-images"].parameters)}
        if source.path or (mine and any(_compares_images(by_slug[slug]) for slug in chosen)):
            given = {"device": pool.setup.device, "memory": options.memory or memory_budget.USUAL}
            probes[card.slug] = task_of(network, card, source, mine, digests.of, **given)
        planned = scene_tasks(
            network,
            card,
            mine,
            targets,
            chosen,
            by_slug,
            device=pool.setup.device,
            memory=room,
            styles=styles,
            probe=probes.get(card.slug),
        )
        dearest = evidence_tasks.DEAREST[preset(settings, card, MEASURED)]
        tasks += [replace(task, measures=weighed, dearest=dearest) for task in planned]
    digests.save()
    _check_targets(asked)
    if options.images and cards and examples and not used:
        raise ConfigError(f"--image {', '.join(options.images)}: no network here is given this picture by its `images`")
    models = [card for _, card in cards]
    unreadable = [(problem.name, problem.message) for problem in problems if problem.kind == "failed"]
    plan = Plan(
        settings,
        models,
        methods,
        measures,
        controls,
        [example for example in examples if example.id in used],
        tasks,
        [*(problem.message for problem in problems if problem.kind != "failed"), *told],
        failed + unreadable,
        unreadable,
        model_pairs.couples(models, selection.couples(settings)),
        probes,
    )
    find_missing(plan, store)
    return plan


def find_missing(plan: Plan, store: Store) -> None:
    """Note the jobs whose array or picture the store does not hold, and the maps that are not measured."""
    plan.missing, plan.unmeasured = {}, {}
    cards, registry = plan.cards, plan.known
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
        if asked := evidence_tasks.missing(task, registry, store, ahead=True):
            plan.unmeasured[index] = asked


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


def preset(settings: Settings, card: ModelCard, small: int = DRAWN) -> str:
    """How much is made of a network: what the settings say, else the more where its input is `small` pixels or less.

    Of a copy `full` is no more than `standard`: what takes minutes to paint is not set beside the whole network's.
    """
    if settings.preset == "auto" and card.input.fit == "native":
        return "forward"  # what goes back through a large picture takes five times the memory
    if settings.preset != "auto":
        return "standard" if settings.preset == "full" and card.derived_from else settings.preset
    return "standard" if max(card.input.size[1:]) <= small and not card.derived_from else "quick"


def _compares_images(card: MethodCard) -> bool:
    """Whether a method shows the strongest images of each channel, or is set beside what they reach."""
    return "probe" in card.inputs or card.draw == "pictures"


def _probed(settings: Settings, network: Network, options: Options) -> Source:
    """Which images the units of a network are asked about. Raises `ConfigError` where they are not at hand."""
    entry = selection.entry_of(settings, network)
    if entry.probe is None:
        return Source()
    place = f"{settings.file}: models[{settings.models.index(entry)}].probe:"
    return find_source(entry.probe.data, entry.probe.images, settings.folder, options.data, place)


def _styles(settings: Settings, options: Options) -> tuple[dict[str, list[Example]], list[Problem]]:
    """The pictures whose style an image is to get, by its id, and why others cannot be had.

    A picture that cannot be read costs the pairs it is in, and no more. Raises `ConfigError` where an id is unknown.
    """
    names = dict.fromkeys(name for pair in settings.styles for name in pair)
    if not names:
        return {}, []
    found, problems = read_images(settings.images_folder, options.data, list(names), options.work)
    known = {example.id: example for example in found}
    pairs: dict[str, list[Example]] = {}
    for content, style in settings.styles:
        if content in known and style in known:
            pairs.setdefault(content, []).append(known[style])
    return pairs, [problem for problem in problems if problem.kind != "warning"]


def _unknown_labels(examples: Sequence[Example], card: ModelCard) -> Iterator[str]:
    """A line for each picture whose class is no word of the network's vocabulary: it is taken for one without."""
    for example in examples:
        label = example.targets.get(card.vocabulary, "")
        if label and label not in card.classes:
            near = nearest(label, get_close_matches(label, card.classes, n=1))
            yield f"image {example.id}: targets.{card.vocabulary}: {label!r} is no class of {card.slug}{near}"


def _check_targets(asked: Sequence[tuple[str, ModelCard]]) -> None:
    """A class that one network does not know is said in its place; one that none knows is a mistake."""
    for target in dict.fromkeys(target for target, _ in asked):
        kind, _, name = target.partition(":")
        classes = {known for other, card in asked if other == target for known in card.classes}
        if kind == "contrast" and name:
            parts = name.split(":")
            cuts = [(":".join(parts[:cut]), ":".join(parts[cut:])) for cut in range(1, len(parts))]
            if any({*pair} <= classes for pair in cuts):
                continue
            name = next(part for part in cuts[0] if part not in classes)
        if kind in ("class", "contrast") and name and name not in classes:
            near = nearest(name, get_close_matches(name, sorted(classes), n=1))  # of a thousand the rest would not help
            raise ConfigError(f"target {target!r}: no network here knows this class{near}")
