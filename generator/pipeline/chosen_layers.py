"""Which layers gallery.yml and the command line choose for methods that look at one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

from generator.config.settings import Settings
from generator.config.validation import nearest
from generator.core.errors import ConfigError
from generator.core.records import MethodCard, ModelCard, Network

from .selection import entry_of

OFFERED = 8  # names that a message offers where none is near


def of(
    settings: Settings, options: Sequence[str], network: Network, card: ModelCard, methods: Sequence[MethodCard]
) -> dict[str, tuple[str, ...]]:
    """Return the layers chosen for methods of one network, by slug; those of the options win.

    A list without a method is for all that look at the default layer. Raises `ConfigError` for a method that looks at
    no layer, and for a layer of gallery.yml that the network does not have.
    """
    entry = entry_of(settings, network)
    given = entry.layers if isinstance(entry.layers, dict) else {"": entry.layers}
    place = f"{settings.file}: models[{settings.models.index(entry)}].layers" if any(given.values()) else ""
    chosen: dict[str, tuple[str, ...]] = {}
    for name, layers in given.items():
        where = f"{place}.{name}:" if name else f"{place}:"
        for method in _methods(name, methods, where):
            for layer in layers:
                _check(layer, [card], method, where)
            chosen[method.slug] = tuple(layers)
    here = {name: layers for name, layers in _by_method(options).items() if name in _slugs(methods)}
    for name, layers in here.items():
        for method in _methods(name, methods, "--layer:"):
            own = tuple(layer for layer in layers if layer in _names(card, method))
            chosen |= {method.slug: own} if own else {}
    return {slug: layers for slug, layers in chosen.items() if layers}


def check(options: Sequence[str], cards: Sequence[ModelCard], methods: Sequence[MethodCard]) -> None:
    """Raise `ConfigError` for a layer on the command line that no network has, or a method that looks at none."""
    for name, layers in _by_method(options).items():
        for method in _methods(name, methods, f"--layer {name}={layers[0]}:" if name else "--layer:"):
            for layer in layers if cards else ():
                _check(layer, cards, method, "--layer:")


def _by_method(options: Iterable[str]) -> dict[str, list[str]]:
    """
    >>> _by_method(["layer4", "grad-cam=layer3", "grad-cam=layer2"])
    {'': ['layer4'], 'grad-cam': ['layer3', 'layer2']}
    """
    chosen: dict[str, list[str]] = {}
    for option in options:
        name, _, layer = option.rpartition("=")
        chosen.setdefault(name, []).append(layer)
    return chosen


def _slugs(methods: Iterable[MethodCard]) -> list[str]:
    return ["", *(method.slug for method in methods)]


def _methods(name: str, methods: Sequence[MethodCard], where: str) -> list[MethodCard]:
    if not name:
        return [method for method in methods if method.at == "default" and _chooses(method)]
    named = [method for method in methods if method.slug == name]
    if not named:
        slugs = [method.slug for method in methods]
        raise ConfigError(f"{where} no method is called {name!r}{nearest(name, slugs)}")
    if not _chooses(named[0]):
        raise ConfigError(f"{where} {name} looks at no layer that could be chosen")
    return named


def _chooses(method: MethodCard) -> bool:
    """Return whether a method looks at any one layer; the weights of the classifier belong to the last one alone."""
    return "layer" in method.axes and "class_weight" not in method.inputs


def _names(card: ModelCard, method: MethodCard) -> list[str]:
    """Return the layers that a method can be asked about: those with space, or with attention, for methods that need
    it.
    """
    if method.at == "attention":
        return [layer.name for layer in card.layers if layer.heads]
    spatial = method.at in ("default", "stages")
    return [layer.name for layer in card.layers if layer.kind != "identity" and (not spatial or len(layer.shape) == 3)]


def _check(layer: str, cards: Sequence[ModelCard], method: MethodCard, where: str) -> None:
    names: Mapping[str, None] = dict.fromkeys(name for card in cards for name in _names(card, method))
    if layer not in names:
        listed = list(names)
        near = nearest(layer, get_close_matches(layer, listed, n=3) or listed[-OFFERED:])
        kinds = {"default": " with space", "stages": " with space", "attention": " with attention heads"}
        space = kinds.get(method.at, "")
        lacks = f"{cards[0].slug} has no such layer" if len(cards) == 1 else "no network here has such a layer"
        raise ConfigError(f"{where} layer {layer!r}: {lacks}{space}{near}")
