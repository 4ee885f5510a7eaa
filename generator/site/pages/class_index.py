"""Which classes of each network have a page, and the images that each of them has something to do with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from generator.core.manifest_types import FigureRecord, ModelRecord, PredictionRecord, ProbeRecord
from generator.core.naming import class_slugs

from .urls import class_page, relative

KINDS = ("classes", "binary", "labels")  # of outputs whose classes have pages


@dataclass
class Touched:
    """The images that a class of one network has something to do with, in the gallery's order."""

    probabilities: dict[str, float] = field(default_factory=dict)  # by image, as far as the manifest states them
    labelled: list[str] = field(default_factory=list)
    predicted: list[str] = field(default_factory=list)
    runner_up: list[str] = field(default_factory=list)


class Classes:
    """Which classes of each network have a page: those that an image, a figure or a measurement touches."""

    def __init__(
        self,
        models: Mapping[str, ModelRecord],
        images: Container[str],
        predictions: Iterable[PredictionRecord],
        statistics: Callable[[str], ProbeRecord | None],
        figures: Callable[[str], Sequence[FigureRecord]],
    ) -> None:
        """Look at the `predictions` of `images`, and at what `statistics` and `figures` give of a network by slug."""
        self._slugs = {slug: class_slugs(tuple(card["classes"])) for slug, card in models.items()}
        self._indices = {slug: places(card["classes"]) for slug, card in models.items()}
        by_model: dict[str, list[PredictionRecord]] = defaultdict(list)
        for prediction in predictions:
            if prediction["image"] in images and prediction["top"]:
                by_model[prediction["model"]].append(prediction)
        self.touched = {
            slug: _touched(card, by_model[slug], _measured(card, statistics(slug), figures(slug)))
            for slug, card in models.items()
            if card["output"]["kind"] in KINDS
        }

    def of(self, model: str) -> list[int]:
        """Return the indices of a network's classes that have a page."""
        return list(self.touched.get(model, ()))

    def page(self, model: str, index: int) -> str:
        """Return the page of a class, from the site's root."""
        return class_page(model, self._slugs[model][index])

    def href(self, model: str, name: str, page: str) -> str:
        """Return the way from `page` to a class by its name; "" where it has no page."""
        index = self._indices[model].get(name, -1)
        return relative(self.page(model, index), page) if index in self.touched.get(model, ()) else ""


def places(classes: Sequence[str]) -> dict[str, int]:
    """Return the index of each name; of a name that stands twice the first.

    >>> places(["crane", "bee", "crane"])
    {'crane': 0, 'bee': 1}
    """
    indices: dict[str, int] = {}
    for index, name in enumerate(classes):
        indices.setdefault(name, index)
    return indices


def same_classes(statistics: ProbeRecord, card: ModelRecord) -> bool:
    """Return whether the statistics hold a matrix of confusions of the network's own classes."""
    return bool(statistics["confusion"]) and list(statistics.get("classes", ())) == list(card["classes"])


def _touched(card: ModelRecord, predictions: list[PredictionRecord], measured: set[int]) -> dict[int, Touched]:
    """Return the classes of a network that have a page by index, in order."""
    indices = places(card["classes"])
    touched: dict[int, Touched] = defaultdict(Touched, {index: Touched() for index in measured})
    for prediction in predictions:
        image, names = prediction["image"], [entry["name"] for entry in prediction["top"]]
        several = prediction.get("kind") == "labels"
        if prediction["label"] in indices:
            touched[indices[prediction["label"]]].labelled.append(image)
        for name in prediction["above"] if several else names[:1]:
            if name in indices:
                touched[indices[name]].predicted.append(image)
        if not several and len(names) > 1 and names[1] in indices:
            touched[indices[names[1]]].runner_up.append(image)
    for prediction in predictions:
        shares = {entry["name"]: entry["probability"] for entry in prediction["top"]}
        if prediction["label"] and prediction["label_probability"] is not None:
            shares.setdefault(prediction["label"], prediction["label_probability"])
        for name, probability in shares.items():
            if indices.get(name, -1) in touched:
                touched[indices[name]].probabilities[prediction["image"]] = probability
    return {index: touched[index] for index in sorted(touched)}


def _measured(card: ModelRecord, statistics: ProbeRecord | None, figures: Sequence[FigureRecord]) -> set[int]:
    """Return the classes of which something is measured, or a figure of the network itself is drawn."""
    indices = places(card["classes"])
    drawn = (figure["target"] for figure in figures if figure["target"] and figure["status"] == "drawn")
    measured = {indices.get(target["name"], -1) for target in drawn}
    if statistics and same_classes(statistics, card):
        measured |= {index for index, count in enumerate(statistics.get("labels") or ()) if count}
    for pair in statistics.get("confused", ()) if statistics else ():
        measured |= {indices.get(pair["label"], -1), indices.get(pair["said"], -1)}
    return measured - {-1}
