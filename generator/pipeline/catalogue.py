"""What networks and methods say of themselves: asked of a worker once, then kept in the store."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from generator.core import plugins
from generator.core.code_digest import closure_digest, module_files
from generator.core.read_once import Changed
from generator.core.records import (
    ControlCard,
    Input,
    Layer,
    MeasureCard,
    MethodCard,
    ModelCard,
    Network,
    Stage,
    StyleCard,
)
from generator.core.resources import PACKAGE
from generator.core.store import Store, key_of
from generator.models.specs import MODELS, file_digest, known_code, weights_files

from . import fingerprint
from .pool import Pool, WorkerError

Card = TypeVar("Card")


def method_cards(pool: Pool, store: Store) -> list[MethodCard]:
    """Return the card of every method in order; those that state none, as most of other packages, come last."""
    files = sorted(PACKAGE.joinpath("methods").glob("*.py"))
    modules = [f"generator.methods.{file.stem}" for file in files if file.stem != "__init__"]
    code = closure_digest("generator.engine.method_card", *modules, *plugins.methods())
    words = [fingerprint.digest(file) for file in module_files(*plugins.methods())]  # which are on the cards
    key = key_of("methods", code, fingerprint.folder_digest("methods"), plugins.methods(), words)
    cards = _readable(_method_cards, store.get(key, "cards"))
    if cards is None:
        (answer,) = pool.ask([("methods", ())])
        if isinstance(answer, WorkerError):
            raise answer
        cards = _method_cards(store.put(key, {"cards": [dataclasses.asdict(card) for card in answer]}))
    return cards


def measure_cards(pool: Pool, store: Store) -> tuple[list[MeasureCard], list[ControlCard]]:
    """Return the card of every measure in order, and of every control."""
    files = sorted(PACKAGE.joinpath("analysis/measures").glob("*.py"))
    modules = [f"generator.analysis.measures.{file.stem}" for file in files if file.stem != "__init__"]
    key = key_of(
        "measures",
        closure_digest("generator.analysis.measure_registry", *modules),
        fingerprint.folder_digest("analysis/measures"),
    )
    cards = _readable(_measure_cards, store.get(key, "measures", "controls"))
    if cards is None:
        (answer,) = pool.ask([("measures", ())])
        if isinstance(answer, WorkerError):
            raise answer
        measures, controls = ([dataclasses.asdict(card) for card in cards] for cards in answer)
        cards = _measure_cards(store.put(key, {"measures": measures, "controls": controls}))
    return cards


def model_cards(
    networks: Sequence[Network], pool: Pool, store: Store, digest: Callable[[Path], str]
) -> tuple[list[tuple[Network, ModelCard]], list[tuple[str, str]]]:
    """Return the card of each network, and the names of those that cannot be loaded with the reason.

    `digest` gives the SHA-256 of a file, perhaps from memory, and "" where there is none. It only decides whether a
    worker is asked: a network that is not the one of its card is never drawn.
    """
    hashed = [_hashed(network) for network in networks]
    keys = [_card_key(network, files) for network, files in zip(networks, hashed, strict=True)]
    records = [_fresh(store.get(key, "card", "files"), digest) if key else None for key in keys]
    missing = [index for index, record in enumerate(records) if record is None]
    failed = []
    answers = pool.ask([("describe_files", (networks[index],)) for index in missing])
    for index, answer in zip(missing, answers, strict=True):
        network, key = networks[index], keys[index]
        if isinstance(answer, WorkerError):
            failed.append((network.name, str(answer)))
            continue
        card, files = answer
        ours = {str(file) for file in weights_files(network)}
        if key and (changed := [name for name in ours & files.keys() if files[name] != hashed[index].get(name)]):
            failed.append((network.name, str(Changed(Path(min(changed)).name))))
            continue
        others = {name: value for name, value in files.items() if name not in ours}  # which the key does not hold
        plain = {"card": dataclasses.asdict(card), "files": others}
        records[index] = store.put(key, plain) if key else plain
    cards = [(network, _model(record["card"])) for network, record in zip(networks, records, strict=True) if record]
    return cards, failed


def forget(network: Network, store: Store) -> None:
    """Have the network described anew by the next build, as figures of it failed: its files may not fit the card."""
    if key := _card_key(network, _hashed(network)):
        store.drop(key)


def _fresh(record: dict[str, Any] | None, digest: Callable[[Path], str]) -> dict[str, Any] | None:
    """Return a card's record, unless a file elsewhere that it was read from is another one by now."""
    if record is None or _readable(lambda record: _model(record["card"]), record) is None:
        return None
    files = record["files"]
    return None if any(digest(Path(name)) not in ("", content) for name, content in files.items()) else record


def _hashed(network: Network) -> dict[str, str]:
    """Return the digests of the files that a network's weights come with, by path."""
    files = weights_files(network) if known_code(network) else []
    return {str(file): file_digest(file) for file in files if file.is_file()}


def _card_key(network: Network, files: Mapping[str, str]) -> str:
    """Under which key a network's card is kept; "" where its code may have changed without our seeing it."""
    if not known_code(network):
        return ""
    weights = list(files.values())
    code = closure_digest("generator.engine.model_card", *MODELS.values(), "generator.models.torchvision_zoo")
    anywhere = dataclasses.replace(network, folder="")
    return key_of("card", dataclasses.asdict(anywhere), weights, code, fingerprint.versions())


def _readable(read: Callable[[dict[str, Any]], Any], record: dict[str, Any] | None) -> Any:
    """Return what is read of a record; None where there is none, or it has another shape than we wrote."""
    try:
        return read(record) if record is not None else None
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _method_cards(record: dict[str, Any]) -> list[MethodCard]:
    cards = [_made(MethodCard, {**card, "style": _made(StyleCard, card["style"])}) for card in record["cards"]]
    return sorted(cards, key=lambda card: card.order)


def _measure_cards(record: dict[str, Any]) -> tuple[list[MeasureCard], list[ControlCard]]:
    controls = [ControlCard(**card) for card in record["controls"]]
    return sorted((_made(MeasureCard, card) for card in record["measures"]), key=lambda card: card.order), controls


def _model(plain: dict[str, Any]) -> ModelCard:
    parts = {
        "layers": tuple(_made(Layer, layer) for layer in plain["layers"]),
        "stages": tuple(_made(Stage, stage) for stage in plain["stages"]),
        "input": _made(Input, plain["input"]),
    }
    return _made(ModelCard, {**plain, **parts})


def _made(kind: type[Card], plain: dict[str, Any]) -> Card:
    """Return a record from what JSON made of it: lists were tuples."""
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in plain.items()})
