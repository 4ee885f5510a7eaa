"""Resolve a gallery once: settings, options and pictures become one record of what each network is asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from generator.analysis import evidence_tasks
from generator.analysis.probe.tasks import find_source, task_of
from generator.config.settings import Settings
from generator.config.settings import load as load_settings
from generator.config.validation import nearest
from generator.core.errors import ConfigError
from generator.core.records import ControlCard, Example, MeasureCard, MethodCard, ModelCard, Network
from generator.core.roles import slug_with
from generator.core.store import Store
from generator.core.tasks import ProbeTask, Source
from generator.data.images import Problem, known_names, read_images

from . import chosen_layers, memory_budget, model_pairs, selection
from .catalogue import measure_cards, method_cards, model_cards
from .fingerprint import Digests
from .options import Options
from .pool import Pool

STANDARD_SIDE = 128  # pixels a side up to which the preset is `standard` where nobody chooses one, `quick` beyond
MEASURED_SIDE = 64  # the same for measures of faithfulness


@dataclass(frozen=True)
class ResolvedNetwork:
    """Everything that one network of a gallery is asked for."""

    network: Network
    card: ModelCard
    examples: tuple[Example, ...]
    targets: tuple[str, ...]  # symbols: "label", "rival", "top", "class:frog", "contrast:frog:deer"
    methods: Mapping[str, Mapping[str, Any]]  # slug -> all parameters, in the order of drawing
    measures: Mapping[str, Mapping[str, Any]]  # the same for measures of faithfulness
    dearest: float  # forward passes that it may take to measure one map
    probe: ProbeTask | None = None  # the images that its units are asked about
    layers: Mapping[str, Sequence[str]] = field(default_factory=dict)  # slug -> the layers chosen for a method


@dataclass(frozen=True)
class ResolvedGallery:
    """A gallery as its settings, the options of a command and the pictures at hand decide it."""

    settings: Settings
    networks: tuple[ResolvedNetwork, ...]
    methods: tuple[MethodCard, ...]  # all there are, drawn or not
    measures: tuple[MeasureCard, ...]
    controls: tuple[ControlCard, ...]
    examples: tuple[Example, ...]  # those that a network is given
    styles: Mapping[str, Sequence[Example]]  # image id -> the pictures whose style it is to get
    couples: tuple[tuple[ModelCard, ModelCard], ...]  # set side by side
    device: str
    memory: int  # bytes for methods of many passes, in each worker
    problems: tuple[str, ...] = ()  # lines to tell
    failed: tuple[tuple[str, str], ...] = ()  # models and images that cannot be used: name, why
    unreadable: tuple[tuple[str, str], ...] = field(default=())  # the images among them


def resolve_gallery(options: Options, pool: Pool, store: Store) -> ResolvedGallery:
    """Read the configuration and the images, and ask the workers about networks and methods.

    Raises `ConfigError` for what the settings or options name and nothing here is called.
    """
    settings = load_settings(options.config, preset=options.preset)
    if not store.folder.is_dir():  # of a first build the methods themselves are asked for, by a worker
        pool.warm()
    methods = method_cards(pool, store)
    measures, controls = measure_cards(pool, store)
    _check_methods(options.methods, methods)
    networks = selection.networks(settings, options.models)
    examples, problems = read_images(settings.images_folder, options.data, options.images, options.work)
    styles, style_problems = _styles(settings, options)
    problems += [problem for problem in style_problems if problem not in problems]
    digests = Digests(options.work / "probes.json")
    cards, failed = model_cards(networks, pool, store, digests.of)
    names = known_names(settings.images_folder)
    by_slug = {method.slug: method for method in methods}
    resolved = []
    for network, card in cards:
        images = tuple(selection.images_for(settings, network, examples, card.vocabulary, names))
        source = _probe_source(settings, network, options)
        chosen = _methods_of(settings, options, methods, card, source)
        probe = None
        if source.path or (images and any(_compares_images(by_slug[slug]) for slug in chosen)):
            memory = options.memory or memory_budget.USUAL
            probe = task_of(network, card, source, images, digests.of, device=pool.setup.device, memory=memory)
        measured = preset(settings, card, MEASURED_SIDE)
        resolved.append(
            ResolvedNetwork(
                network=network,
                card=card,
                examples=images,
                targets=tuple(selection.targets_for(settings, network)),
                methods=chosen,
                measures=selection.methods_for(settings, measures, measured, "measures"),
                dearest=evidence_tasks.MOST_PASSES_PER_MAP[measured],
                probe=probe,
                layers=chosen_layers.of(settings, options.layers, network, card, methods),
            )
        )
    digests.save()
    chosen_layers.check(options.layers, [card for _, card in cards], methods)
    _check_targets(resolved)
    used = {example.id for each in resolved for example in each.examples}
    if options.images and cards and examples and not used:
        raise ConfigError(f"--image {', '.join(options.images)}: no network here is given this picture by its `images`")
    unreadable = tuple((problem.name, problem.message) for problem in problems if problem.kind == "failed")
    warnings = [problem.message for problem in problems if problem.kind != "failed"]
    return ResolvedGallery(
        settings=settings,
        networks=tuple(resolved),
        methods=tuple(methods),
        measures=tuple(measures),
        controls=tuple(controls),
        examples=tuple(example for example in examples if example.id in used),
        styles=styles,
        couples=tuple(model_pairs.couples([card for _, card in cards], selection.couples(settings))),
        device=pool.setup.device,
        memory=options.room,
        problems=tuple(dict.fromkeys([*warnings, *_equal_names(resolved), *_unknown_labels(resolved)])),
        failed=(*failed, *unreadable),
        unreadable=unreadable,
    )


def preset(settings: Settings, card: ModelCard, small: int = STANDARD_SIDE) -> str:
    """Return how much is made of a network: what the settings say, else more where its input is at most `small` pixels.

    Of a copy `full` is no more than `standard`: what takes minutes to paint is not set beside the whole network's.
    """
    if settings.preset == "auto" and card.input.fit == "native":
        return "forward"  # what goes back through a large picture takes five times the memory
    if settings.preset != "auto":
        return "standard" if settings.preset == "full" and card.derived_from else settings.preset
    return "standard" if max(card.input.size[1:]) <= small and not card.derived_from else "quick"


def _check_methods(names: Sequence[str], methods: Sequence[MethodCard]) -> None:
    slugs = [card.slug for card in methods]
    for name in names:
        if name not in slugs:
            raise ConfigError(f"--method {name!r}: no such method{nearest(name, slugs)}")


def _methods_of(
    settings: Settings, options: Options, methods: Sequence[MethodCard], card: ModelCard, probe: Source
) -> dict[str, dict[str, Any]]:
    """Return the methods of one network with their parameters: those of the options, else those of the settings."""
    chosen = selection.methods_for(settings, methods, preset(settings, card))
    defaults = {method.slug: dict(method.parameters) for method in methods}
    if options.methods:
        return {name: {**defaults[name], **chosen.get(name, {})} for name in options.methods}
    examples_of = slug_with("dataset-examples", methods)
    if probe.path and selection.allowed(settings, examples_of):
        chosen[examples_of] = chosen.get(examples_of, defaults[examples_of])
    return chosen


def _compares_images(card: MethodCard) -> bool:
    """Return whether a method shows the strongest images of each channel, or is set beside what they reach."""
    paints_channels = card.style.values == "colours" and card.style.look == "sprite"
    return "probe" in card.inputs or paints_channels


def _probe_source(settings: Settings, network: Network, options: Options) -> Source:
    """Return which images the units of a network are asked about; raises `ConfigError` where they are not at hand."""
    entry = selection.entry_of(settings, network)
    if entry.probe is None:
        return Source()
    place = f"{settings.file}: models[{settings.models.index(entry)}].probe:"
    return find_source(entry.probe.data, entry.probe.images, settings.folder.absolute(), options.data, place)


def _styles(settings: Settings, options: Options) -> tuple[dict[str, list[Example]], list[Problem]]:
    """Return the pictures whose style an image is to get, by its id, and why others cannot be had.

    A picture that cannot be read costs the pairs it is in, and no more. Raises `ConfigError` where an id is unknown.
    """
    names = dict.fromkeys(name for pair in settings.styles for name in pair)
    if not names:
        return {}, []
    examples, problems = read_images(settings.images_folder, options.data, list(names), options.work)
    by_id = {example.id: example for example in examples}
    pairs: dict[str, list[Example]] = {}
    for content, style in settings.styles:
        if content in by_id and style in by_id:
            pairs.setdefault(content, []).append(by_id[style])
    return pairs, [problem for problem in problems if problem.kind != "warning"]


def _equal_names(networks: Sequence[ResolvedNetwork]) -> Iterator[str]:
    """Yield a line for each network of whose classes some have one name; ImageNet's own two cranes need no word."""
    for card in (resolved.card for resolved in networks):
        counts = Counter(card.classes)
        equal = [name for name in counts if counts[name] > 1]
        if card.output["kind"] not in ("classes", "labels") or not equal or card.vocabulary == "imagenet":
            continue
        indices = [str(index) for index, name in enumerate(card.classes) if name == equal[0]]
        which = ", ".join(indices[:4]) + (", ..." if len(indices) > 4 else "")
        more = f", and {len(equal) - 1} more names are equal" if len(equal) > 1 else ""
        name = equal[0]
        yield f"{card.slug}: {name!r} is the name of {len(indices)} classes ({which}){more}; a label means the first"


def _unknown_labels(networks: Sequence[ResolvedNetwork]) -> Iterator[str]:
    """Yield a line for each picture whose class is no word of a network's vocabulary: it is taken for one without."""
    for resolved in networks:
        card = resolved.card
        for example in resolved.examples:
            label = example.targets.get(card.vocabulary, "")
            if label and label not in card.classes:
                near = nearest(label, get_close_matches(label, card.classes, n=1))
                yield f"image {example.id}: targets.{card.vocabulary}: {label!r} is no class of {card.slug}{near}"


def _check_targets(networks: Sequence[ResolvedNetwork]) -> None:
    """Raise `ConfigError` for a class that no network knows; one that a single network lacks is said in its place."""
    for target in dict.fromkeys(target for resolved in networks for target in resolved.targets):
        kind, _, name = target.partition(":")
        classes = {label for resolved in networks if target in resolved.targets for label in resolved.card.classes}
        if kind == "contrast" and name:
            parts = name.split(":")
            cuts = [(":".join(parts[:cut]), ":".join(parts[cut:])) for cut in range(1, len(parts))]
            if any({*pair} <= classes for pair in cuts):
                continue
            name = next(part for part in cuts[0] if part not in classes)
        if kind in ("class", "contrast") and name and name not in classes:
            near = nearest(name, get_close_matches(name, sorted(classes), n=1))  # of a thousand the rest would not help
            raise ConfigError(f"target {target!r}: no network here knows this class{near}")
