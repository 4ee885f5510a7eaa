"""How right a network is, and how alike its pictures stay, the more of its weights are pruned."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch

from generator.core.errors import ModelError
from generator.core.records import Job, ModelCard, Network
from generator.core.roles import ACTIVATIONS, slugs_with
from generator.data.batches import about, batches, match_classes, normalised
from generator.data.datasets import Labelled
from generator.drawing.similarity import likeness
from generator.engine.method_registry import METHODS, load_methods
from generator.engine.model_card import describe
from generator.engine.readout import readout_of
from generator.engine.scene import Scene, SceneRequest
from generator.models.derive import derive, nonzero
from generator.models.load import Loaded, load
from generator.models.specs import changes

SPARSITIES = (0.1, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
SCOPES = ("global", "layer")
COMPARED = (ACTIVATIONS, "direction", "region")  # roles of methods; of activations the stages of the walk
MAX_PICTURES = 20  # pictures of the data set whose pictures by these methods are compared

Measured = dict[str, Any]


def measure(  # noqa: PLR0913 - keyword parameters are the interface
    network: Network,
    data: Labelled,
    *,
    sparsities: Sequence[float] = SPARSITIES,
    sample: int = 1000,
    whole: Sequence[float] = (0.5,),
    device: str = "cpu",
    batch: int = 200,
    say: Callable[[str], None] = lambda line: None,
) -> Measured:
    """Return the curve of a network over labelled pictures, ready for JSON and for `keep`.

    `"points"` has one entry for the network as it is (`"scope": ""`) and one per scope and sparsity: `"top1"` and
    `"agreement"` with the answers of the whole network, both shares in [0, 1] of `sample` pictures, evenly spread over
    `data`, and `"correlation"`: for each method Pearson's correlation with the pictures of the whole network, mean over
    `MAX_PICTURES` of them. `"whole"` has the accuracy over all of `data`, of the network as it is and globally pruned
    to the sparsities in `whole`. Raises `ModelError`, `DataError`.
    """
    if changes(network):
        raise ModelError(f"{network.name}: expected a network as it is, to be pruned here; this one is changed already")
    load_methods()
    loaded = load(network, device)
    some, shown = data.some(sample), _first_of_each(data, MAX_PICTURES)
    say(f"original: {len(some.items):,} of {len(data.items):,} pictures")
    dense = answers(loaded, some, batch)
    points = [_point("", 0.0, loaded, dense, dense, some, {})]
    say(_summary(points[0]))
    card = describe(loaded)
    for scope in SCOPES:
        for sparsity in sparsities:
            pruned = _pruned(loaded, scope, sparsity)
            alike = similarity(loaded, pruned, card, shown)
            points.append(_point(scope, sparsity, pruned, answers(pruned, some, batch), dense, some, alike))
            say(_summary(points[-1]))
    every = []
    for scope, sparsity in [("", 0.0), *(("global", sparsity) for sparsity in whole)] if whole else []:
        changed = _pruned(loaded, scope, sparsity) if scope else loaded
        accuracy = {} if scope else loaded.accuracy
        same_data = (accuracy.get("data"), accuracy.get("images")) == (about(data), len(data.items))
        right = accuracy["top1"] if same_data else _right(answers(changed, data, batch), data, loaded)
        every.append({"scope": scope, "sparsity": sparsity, "images": len(data.items), "top1": right})
        say(f"{_named(scope, sparsity)}: {100 * right:.2f} % of all {len(data.items):,} pictures")
    return {
        "name": loaded.slug,
        "sha256": "",
        "data": about(data),
        "images": len(some.items),
        "shown": len(shown.items),
        "points": points,
        "whole": every,
        "versions": {"torch": torch.__version__, "numpy": np.__version__},
    }


def answers(loaded: Loaded, data: Labelled, batch: int = 200) -> np.ndarray:
    """Return the index of the most probable class for each picture (N,), in the order of `data`."""
    indices = []
    with torch.inference_mode():
        for pixels, _ in batches(data, loaded.input, batch):
            x = normalised(torch.from_numpy(pixels).to(loaded.device), loaded.input)
            indices.append(readout_of(loaded).scores(loaded.model, x).argmax(1).cpu().numpy())
    return np.concatenate(indices)


def similarity(left: Loaded, right: Loaded, card: ModelCard, data: Labelled) -> dict[str, float]:
    """For each method the correlation between the two networks' pictures, mean over layers and pictures of `data`.

    What is explained is the picture's own class. A method that says nothing about the network is left out.
    """
    load_methods()
    index = match_classes(data, left.classes)
    correlations: dict[str, list[float]] = defaultdict(list)
    for pixels, labels in batches(data, left.input, 1):
        x = normalised(torch.from_numpy(pixels).to(left.device), left.input)
        label = left.classes[index[labels[0]]]
        theirs = _pictures(right, card, x, label)
        for job, picture in _pictures(left, card, x, label).items():
            if job in theirs:
                correlations[job.method].append(likeness(picture, theirs[job])["correlation"])
    return {method: round(float(np.mean(correlations[method])), 5) for method in compared() if method in correlations}


def _pictures(loaded: Loaded, card: ModelCard, x: torch.Tensor, label: str) -> dict[Job, np.ndarray]:
    pictures: dict[Job, np.ndarray] = {}

    def done(job: Job, outcome: Any) -> None:
        if outcome.error is None:
            pictures[job] = outcome.value.detach().cpu().numpy().copy()

    Scene(loaded, SceneRequest(card, x, list(_jobs(card)), label), done).run()
    return pictures


def compared() -> list[str]:
    """Return the slugs of the methods whose pictures are compared."""
    return [slug for role in COMPARED for slug in slugs_with(role, METHODS.values())[:1]]


def _jobs(card: ModelCard) -> Iterable[Job]:
    for method in compared():
        target = "label" if "target" in METHODS[method].axes else ""
        if METHODS[method].at == "every":
            yield from (Job(card.slug, "", method, stage.layer, target) for stage in card.stages[:-1])
        else:
            yield Job(card.slug, "", method, card.default_layer if "layer" in METHODS[method].axes else "", target)


def _first_of_each(data: Labelled, count: int) -> Labelled:
    """At most `count` pictures, as many of each class as can be."""
    each = max(1, count // len(data.classes))
    seen: dict[int, int] = defaultdict(int)
    items: list[tuple[str, int]] = []
    for name, label in data.items:
        seen[label] += 1
        if seen[label] <= each and len(items) < count:
            items.append((name, label))
    return Labelled(data.name, data.classes, tuple(items), data.read)


def _pruned(loaded: Loaded, scope: str, sparsity: float) -> Loaded:
    model = derive(loaded.model, ((f"prune-{scope}", sparsity),), loaded.network.seed)
    return Loaded(**{**vars(loaded), "model": model.requires_grad_(False)})


def _point(
    scope: str, sparsity: float, loaded: Loaded, predicted: np.ndarray, dense: np.ndarray, data: Labelled, alike: dict
) -> Measured:
    return {
        "scope": scope,
        "sparsity": sparsity,
        "nonzero": nonzero(loaded.model)[0],
        "top1": _right(predicted, data, loaded),
        "agreement": float((predicted == dense).mean()),
        "correlation": alike or dict.fromkeys(compared(), 1.0),
    }


def _right(predicted: np.ndarray, data: Labelled, loaded: Loaded) -> float:
    index = np.array(match_classes(data, loaded.classes))
    return float((predicted == index[[label for _, label in data.items]]).mean())


def _summary(point: Measured) -> str:
    line = f"{_named(point['scope'], point['sparsity'])}: {100 * point['top1']:.1f} % right"
    if not point["scope"]:
        return line
    alike = ", ".join(f"{method} {value:.3f}" for method, value in point["correlation"].items())
    return f"{line}, {100 * point['agreement']:.1f} % answered alike; pictures correlate: {alike}"


def _named(scope: str, sparsity: float) -> str:
    return f"{100 * sparsity:g} % pruned, {'per layer' if scope == 'layer' else 'global'}" if scope else "original"
