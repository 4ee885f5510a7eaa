"""What the settings choose: the networks, and for each of them its pictures, its targets and its methods."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from generator.config.settings import InputEntry, ModelEntry, Settings, colour
from generator.config.validation import nearest
from generator.config.yaml_reader import as_number
from generator.core.errors import ConfigError, ModelError
from generator.core.naming import RESERVED, slug
from generator.core.records import Example, Input, MeasureCard, MethodCard, Network
from generator.models.specs import checkpoint_files, network_slug, resolve

STYLE = "style"  # the set of pictures that are there for their style alone
PRESETS = ("forward", "quick", "standard", "full")  # each holds the ones before


def networks(settings: Settings, only: Sequence[str] = ()) -> list[Network]:
    """Return the networks of the gallery in order, each followed by its pruned copies.

    `only` picks by name; a name that is not configured is a network of its own (`--model alexnet`). Raises
    `ConfigError` for a name that means nothing, that two networks share, or that is a folder of the site.
    """
    chosen: dict[str, Network] = {}
    for number, entry in enumerate(settings.models):
        place = f"{settings.file}: models[{number}].name:"
        for network in _family(entry, settings, place):
            name = network_slug(network)
            if name in RESERVED:
                raise ConfigError(f"{place} {name!r} is a folder of the site; expected another name")
            if name in chosen:
                raise ConfigError(f"{place} {name!r} is there already; expected another name")
            chosen[name] = network
    return [chosen.get(slug(name)) or _further(name, settings, chosen) for name in only] or list(chosen.values())


def _further(name: str, settings: Settings, own: Iterable[str]) -> Network:
    """Return a network that `--model` names beside the gallery's `own`; of a mistyped one of these it says so."""
    try:
        return _named(name, settings, "--model:")
    except ConfigError:
        if near := get_close_matches(slug(name), own, n=1):
            raise ConfigError(f"--model: no network is called {name!r}; did you mean {near[0]!r}?") from None
        raise


def couples(settings: Settings) -> list[tuple[str, str]]:
    """Return the slugs of the networks that `compare` sets side by side; raises `ConfigError` for one that is not
    here.
    """
    if not settings.compare:
        return []
    slugs = [network_slug(network) for network in networks(settings)]
    for number, pair in enumerate(settings.compare):
        for name in pair:
            if slug(name) not in slugs:
                place = f"{settings.file}: compare[{number}]:"
                raise ConfigError(f"{place} no network here is called {name!r}{nearest(slug(name), slugs)}")
    return [(slug(left), slug(right)) for left, right in settings.compare]


def entry_of(settings: Settings, network: Network) -> ModelEntry:
    """Return the model entry that `network`, or the network it was pruned from, was written as."""
    for entry in settings.models:
        if network in _family(entry, settings, settings.file):
            return entry
    return ModelEntry(name=network.name)


def images_for(
    settings: Settings,
    network: Network,
    examples: Sequence[Example],
    vocabulary: str = "",
    others: Collection[str] = (),
) -> list[Example]:
    """Return the pictures of one network: those of the sets and ids its entry names, in the order of `examples`.

    Without such names: those in the set called like its vocabulary (the model card knows it) and those in no set;
    all but those of the set `style`, where that leaves none. Raises `ConfigError` for a name that no picture carries,
    nor one of those that are not among `examples` as they cannot be read or were not asked for: `others` are their ids
    and sets.
    """
    entry = entry_of(settings, network)
    if not entry.images:
        language = vocabulary or network.vocabulary
        own = [example for example in examples if not example.sets or language in example.sets]
        return own or [example for example in examples if STYLE not in example.sets]
    names = {name for example in examples for name in (example.id, *example.sets)}.union(others)
    for name in entry.images:
        if name not in names:
            place = f"{settings.file}: models[{settings.models.index(entry)}].images:"
            raise ConfigError(f"{place} no picture has the id or set {name!r}{nearest(name, names)}")
    return [example for example in examples if {example.id, *example.sets} & set(entry.images)]


def targets_for(settings: Settings, network: Network) -> list[str]:
    """Return what to explain: "label", "rival", "top", "class:frog", "contrast:frog:deer"."""
    return entry_of(settings, network).targets or settings.targets


def methods_for(
    settings: Settings, cards: Sequence[MethodCard | MeasureCard], preset: str, which: str = "methods"
) -> dict[str, dict[str, Any]]:
    """Return the slugs to draw with all their parameters, in the order of `cards`; with `which="measures"` those to
    measure.

    A list in gallery.yml means these and no others. A mapping means those of the preset, without those that are
    `false`, and with those that are `true` or have parameters.
    """
    check_methods(settings, cards, which)
    given = getattr(settings, which)
    chosen = {}
    for card in cards:
        in_preset = PRESETS.index(card.preset) <= PRESETS.index(preset)
        wish = card.slug in given if isinstance(given, list) else given.get(card.slug, in_preset)
        if wish is not False:
            given_values = wish if isinstance(wish, dict) else {}
            chosen[card.slug] = {
                key: _like(default, _as_stated(given_values.get(key, default), default, card.accepts.get(key, ())))
                for key, default in card.parameters.items()
            }
    return chosen


def allowed(settings: Settings, method: str) -> bool:
    """Return whether gallery.yml leaves it open to draw a method: it neither forbids it nor lists others alone."""
    given = settings.methods
    return method in given if isinstance(given, list) else given.get(method) is not False


def check_methods(settings: Settings, cards: Sequence[MethodCard | MeasureCard], which: str = "methods") -> None:
    """Raise `ConfigError` unless the methods and parameters that the settings name exist and are of the right type."""
    given = getattr(settings, which)
    defaults = {card.slug: card.parameters for card in cards}
    accepts = {card.slug: card.accepts for card in cards}
    stated = {card.slug: card.bounds for card in cards}
    for name in given:
        place = f"{settings.file}: {which}.{name}"
        if name not in defaults:
            raise ConfigError(f"{place}: unknown {which[:-1]}{nearest(name, defaults)}")
        wish = given[name] if isinstance(given, dict) else {}
        for key, value in (wish if isinstance(wish, dict) else {}).items():
            if key not in defaults[name]:
                raise ConfigError(f"{place}.{key}: unknown parameter{nearest(key, defaults[name])}")
            choices = accepts[name].get(key, ())
            try:
                value = _as_stated(value, defaults[name][key], choices)
            except ValueError as error:
                raise ConfigError(f"{place}.{key}: {error}; there is {value!r}") from None
            if choices:
                if not _chosen(value, choices):
                    raise ConfigError(f"{place}.{key}: expected {_alternatives(choices)}; there is {value!r}")
            elif not _same_kind(value, defaults[name][key]):
                raise ConfigError(f"{place}.{key}: expected a value like {defaults[name][key]!r}; there is {value!r}")
            elif fault := _out_of_bounds(value, defaults[name][key], stated[name].get(key)):
                raise ConfigError(f"{place}.{key}: expected {fault}; there is {value}")


def _as_stated(value: Any, default: Any, choices: Sequence[str]) -> Any:
    """Return a value that is expected to be a float, or a list of them, with numbers such as "1e-6" as numbers.

    Raises `ValueError` for one that is too large or too small.
    """
    if isinstance(default, float) or "<float>" in choices:
        return as_number(value)
    floats = isinstance(default, tuple | list) and any(isinstance(item, float) for item in default)
    return list(map(as_number, value)) if floats and isinstance(value, list) else value


def _like(default: Any, value: Any) -> Any:
    """Return the value as the type of the default, so that 1 and 1.0 are one key."""
    return type(default)(value) if isinstance(default, float | tuple) and not isinstance(value, str) else value


def _out_of_bounds(value: Any, default: Any, stated: Sequence[float] | None) -> str:
    """Return what was expected of a number that is too small or too large; "" for others.

    Where a method states nothing, what counts something is at least 1, and any other number at least 0, unless it is
    negative by default.
    """
    if stated and not stated[0] <= value <= stated[1]:
        return f"a number from {stated[0]:g} to {stated[1]:g}"
    if stated or type(default) not in (int, float) or default < 0:
        return ""
    least = min(default, 1) if isinstance(default, int) else 0
    kind = "a whole number" if isinstance(default, int) else "a number"
    return f"{kind} of at least {least}" if value < least else ""


def _same_kind(value: Any, default: Any) -> bool:
    if default is None or type(value) is type(default):
        return True
    if isinstance(default, float):
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(default, tuple | list) and isinstance(value, list)


KINDS = {"<int>": (int, "a whole number"), "<list>": (list, "a list"), "<float>": (float, "a number")}


def _chosen(value: Any, choices: Sequence[str]) -> bool:
    """Return whether a value is one of the words, or of one of the kinds, that a parameter accepts."""
    kinds = tuple(KINDS[choice][0] for choice in choices if choice in KINDS)
    return value in choices if isinstance(value, str) else isinstance(value, kinds) and not isinstance(value, bool)


def _alternatives(choices: Sequence[str]) -> str:
    return " or ".join(KINDS[choice][1] if choice in KINDS else choice for choice in choices)


# --- a model entry becomes networks -----------------------------------------------------------------


def _family(entry: ModelEntry, settings: Settings, place: str) -> list[Network]:
    """Return the network of one entry and its pruned copies."""
    named = Network(entry.name, entry.source) if entry.source else _named(entry.name, settings, place)
    unpruned = replace(
        named,
        title=entry.title,
        weights=entry.weights or named.weights,
        folder=str(settings.folder.absolute()),
        input=_input(entry.input) if entry.input else None,
        classes=tuple(_class_names(entry, settings)),
        vocabulary=entry.vocabulary,
        layer=entry.layer,
        output=entry.output,
        output_key=entry.output_key,
        threshold=entry.threshold,
        unit=entry.unit,
        constants=tuple(sorted((name, json.dumps(value)) for name, value in entry.constants.items())),
        text=entry.text.vectors if entry.text else "",
        text_scale=entry.text.scale if entry.text else 0.0,
        seed=entry.seed,
        checkpoints=entry.checkpoints,
        native=entry.native,
    )
    try:
        checkpoint_files(unpruned)
    except ModelError as error:
        raise ConfigError(f"{settings.file}: {error}") from error
    pruned = [
        replace(unpruned, derive=(*unpruned.derive, (f"prune-{pruning.scope}", pruning.sparsity)))
        for pruning in entry.prune
    ]
    return [unpruned, *(replace(network, name=network_slug(network)) for network in pruned)]


def _named(name: str, settings: Settings, place: str) -> Network:
    try:
        return replace(resolve(name), folder=str(settings.folder.absolute()))
    except ModelError as error:
        raise ConfigError(f"{place} {error}") from error


def _input(entry: InputEntry) -> Input:
    channels, height, width = entry.size
    return Input(
        size=(channels, height, width),
        mean=tuple(entry.mean),
        std=tuple(entry.std),
        fit=entry.fit,
        resize=entry.resize,
        interpolation=entry.interpolation,
        background=colour(entry.background),
        range=tuple(entry.range),
        display=tuple(entry.display),
    )


def _class_names(entry: ModelEntry, settings: Settings) -> list[str]:
    """Return the names as given, or the lines of the file that is named."""
    if not isinstance(entry.classes, str):
        return entry.classes
    place = f"{settings.file}: models[{settings.models.index(entry)}].classes:"
    path = settings.folder / entry.classes
    if not path.is_file():
        raise ConfigError(f"{place} file not found: {path} (expected a text file with one name per line)")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{place} expected a text file with one name a line, {path.name}: {error}") from error
    return [line.strip() for line in lines if line.strip()]
