"""Every method measured over labelled pictures: which maps of a network deserve belief, and which are tied."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import torch

from generator.analysis.measures.controls import CONTROLS
from generator.config.validation import nearest
from generator.core.errors import ConfigError, ModelError, NotApplicable
from generator.core.records import Job, MethodCard, ModelCard, Network
from generator.data.batches import about, batches, match_classes, normalised
from generator.data.datasets import Labelled
from generator.engine.batch_size import chunk_size
from generator.engine.method_card import card
from generator.engine.method_registry import METHODS, load_methods
from generator.engine.model_card import describe
from generator.engine.scene import SceneRequest
from generator.models.load import Loaded, load

from .bootstrap import DRAWS, difference, standings
from .evidence import Bench, seed_of
from .evidence_tasks import Subject
from .measure_registry import MEASURES, load_measures

COMPARED = ("deletion", "insertion")  # what every method is measured by here; their difference makes the order
CHEAP = 200.0  # forward passes that a method may cost to be among them unasked
CHUNK_MEMORY = 2**30

Ranking = dict[str, Any]


def rank(
    network: Network,
    data: Labelled,
    *,
    images: int = 200,
    methods: Sequence[str] = (),
    device: str = "cpu",
    say: Callable[[str], None] = lambda line: None,
) -> Ranking:
    """Return the order of the methods over labelled pictures, ready for JSON and for `keep`.

    Of `data` at most `images` pictures are taken, evenly spread over it; explained is the class that a picture belongs
    to. `methods` are slugs; without them all whose maps have a value per pixel and that cost at most `CHEAP` passes.
    `"measures"` has for each measure, and for `"difference"` (insertion less deletion), a `ranking.Standing` for every
    method and control, the best first. Raises `ModelError`, `DataError`, `ConfigError`.
    """
    load_methods()
    load_measures()
    loaded = load(network, device)
    network_card = describe(loaded)
    cards = {slug: card(method) for slug, method in METHODS.items()}
    chosen = _chosen(methods, cards)
    some = data.some(images)
    index = match_classes(some, network_card.classes)
    say(f"{len(some.items):,} of {len(data.items):,} pictures, {len(chosen)} methods, {len(CONTROLS)} controls")
    by_measure: dict[str, dict[str, list[float | None]]] = {measure: {} for measure in COMPARED}
    right = 0
    for number, (pixels, labels) in enumerate(batches(some, loaded.input, 1)):
        x = normalised(torch.from_numpy(pixels).to(device), loaded.input)
        label = network_card.classes[index[labels[0]]]
        name = some.items[number][0]
        scores, correct = _scores(loaded, network_card, cards, x, label, chosen, seed_of(name))
        right += correct
        for measure, by_method in scores.items():
            for method in [*chosen, *CONTROLS]:
                by_measure[measure].setdefault(method, []).append(by_method.get(method))
        say(f"{number + 1:,} of {len(some.items):,} pictures")
    orders = {measure: standings(scores, MEASURES[measure].better) for measure, scores in by_measure.items()}
    orders["difference"] = standings(difference(by_measure["insertion"], by_measure["deletion"]), "high")
    return {
        "name": loaded.slug,
        "sha256": "",
        "data": about(data),
        "images": len(some.items),
        "right": right,
        "bootstrap": DRAWS,
        "controls": list(CONTROLS),
        "parameters": {measure: MEASURES[measure].parameters for measure in COMPARED},
        "measures": {measure: [_rounded(asdict(standing)) for standing in order] for measure, order in orders.items()},
        "versions": {"torch": torch.__version__, "numpy": np.__version__},
    }


def in_words(ranked: Ranking) -> list[tuple[str, ...]]:
    """Return a row per method: its place by the difference, that number with its interval, deletion and insertion."""
    others = {measure: {entry["method"]: entry for entry in order} for measure, order in ranked["measures"].items()}
    rows = []
    for entry in ranked["measures"]["difference"]:
        name = entry["method"] + (" (control)" if entry["method"] in ranked["controls"] else "")
        interval = f"{entry['mean']:.3f} [{entry['low']:.3f}, {entry['high']:.3f}]"
        parts = (f"{others[measure][entry['method']]['mean']:.3f}" for measure in ("deletion", "insertion"))
        rows.append((name, str(entry["rank"] or "-"), interval, *parts, str(entry["images"])))
    return rows


def _scores(
    loaded: Loaded,
    network_card: ModelCard,
    cards: Mapping[str, MethodCard],
    x: torch.Tensor,
    label: str,
    chosen: Sequence[str],
    seed: int,
) -> tuple[dict[str, dict[str, float]], bool]:
    """Return the score of each map of one picture by each measure; and whether the network is right about it."""
    chunk = chunk_size(network_card, CHUNK_MEMORY)
    parameters = {slug: dict(method.parameters) for slug, method in METHODS.items()}
    try:
        bench = Bench(loaded, SceneRequest(network_card, x, (), label, parameters, chunk), "label", cards)
    except ModelError:  # not finite for this picture: it counts for no method
        return {measure: {} for measure in COMPARED}, False
    bench.seed = seed
    layer = network_card.default_layer
    jobs = [
        Job(network_card.slug, "", slug, layer if "layer" in cards[slug].axes else "", "label" * ("target" in axes))
        for slug in chosen
        if (axes := cards[slug].axes)
    ]
    made = bench.heatmaps(jobs)
    maps = {Subject(job.method, job): made[job.method, job.layer] for job in jobs if (job.method, job.layer) in made}
    maps |= {Subject(slug): bench.control(slug) for slug in CONTROLS}
    scores: dict[str, dict[str, float]] = {measure: {} for measure in COMPARED}
    for subject, heatmap in maps.items():
        for measure in COMPARED:
            with contextlib.suppress(NotApplicable):  # met again below
                bench.look_ahead(measure, subject, heatmap, {})
    for subject, heatmap in maps.items():
        for measure in COMPARED:
            try:
                scores[measure][subject.slug] = bench.measure(measure, subject, heatmap, {})["score"]
            except NotApplicable:
                continue
    return scores, bench.target.index == bench.top


def _chosen(methods: Sequence[str], cards: Mapping[str, MethodCard]) -> list[str]:
    possible = [slug for slug, card in cards.items() if card.counts]
    for name in methods:
        if name not in possible:
            reason = f"{name!r} has no map with a value per pixel" if name in cards else f"no method is called {name!r}"
            raise ConfigError(f"--method: {reason}{nearest(name, possible)}")
    return list(dict.fromkeys(methods)) or [slug for slug in possible if cards[slug].passes <= CHEAP]


def _rounded(standing: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, 5) if isinstance(value, float) else value for name, value in standing.items()}
