"""Faithfulness of a map: its curves as sparklines, and the ranking of a network's methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from generator.analysis.bootstrap import FEWEST, Standing, difference, standings
from generator.core.manifest_types import EvidenceRecord, FigureRecord, ModelRanking

from . import format
from .components import Link
from .manifest_index import NOTHING, Gallery
from .tutorials import GLOSSARY
from .urls import method_page, model_page, relative

WIDE, TALL = 60, 20  # of the small drawing, in its own pixels
LEFT, TOP, FIELD = 34, 8, (300, 150)  # of the large one
CURVES = ("deletion", "insertion")
RANDOM = "random-map"


@dataclass(frozen=True)
class Spark:
    """Deletion and insertion of one map in the space of a word; `words` is the same for those who do not see it."""

    href: str
    deletion: str  # paths
    insertion: str
    numbers: str
    words: str


@dataclass(frozen=True)
class Line:
    """One curve of the large drawing."""

    kind: str  # deletion or insertion
    control: bool  # of the random map, to compare with
    path: str
    label: str
    at: float  # where the label stands, from the top


@dataclass(frozen=True)
class Finding:
    """What one measure found."""

    title: Link
    score: str
    control: str  # what the random map scores; "" where it was not measured
    more: str


@dataclass(frozen=True)
class Proof:
    """All evidence of one figure."""

    lines: list[Line]
    summary: str
    findings: list[Finding]
    order: str  # the way to the table of all methods


@dataclass(frozen=True)
class Place:
    """One method in the order of a network's methods."""

    rank: str
    name: Link
    control: bool
    here: bool  # the method of this page
    score: str
    interval: str
    bar: tuple[float, float, float]  # of the interval and the mean, in percent of the axis: left, width, mean
    beats: str  # the controls that it is better than beyond chance
    cells: list[str]


@dataclass(frozen=True)
class Order:
    """The methods of one network, the best first."""

    id: str
    title: str
    caption: str
    heads: list[Link]
    score: str  # what is ranked
    places: list[Place]
    zero: float  # where nothing is on the axis, in percent


# --- one figure ---------------------------------------------------------------------------------------


def spark(figure: FigureRecord, href: str) -> Spark | None:
    """Return the small drawing beside a picture, where both curves were measured."""
    evidence = [(figure.get("evidence") or {}).get(measure) for measure in CURVES]
    if not all(evidence):
        return None
    deletion, insertion = evidence
    scores = f"{_two(deletion['score'])}, insertion AUC {_two(insertion['score'])}"
    return Spark(
        href=href,
        deletion=_small(deletion["curve"]),
        insertion=_small(insertion["curve"]),
        numbers=f"{_two(deletion['score'])} / {_two(insertion['score'])}",
        words=f"Faithfulness: deletion AUC {scores}",
    )


def proof(gallery: Gallery, figure: FigureRecord, page: str) -> Proof | None:
    """Return the evidence of a figure on its own page; None where nothing was measured."""
    measured = figure.get("evidence")
    if not measured:
        return None
    control = control_of(gallery, figure["model"], figure["image"], RANDOM)
    lines = []
    for measure in CURVES:
        for of, numbers in ((False, measured.get(measure)), (True, control.get(measure))):
            if numbers:
                curve = numbers["curve"]
                label = f"{measure}{', random map' if of else ''}"
                lines.append(Line(measure, of, _large(curve), label, _y(curve[len(curve) // 2])))
    findings = [
        Finding(
            title=Link(card["title"], relative(f"{GLOSSARY}#{slug}", page)),
            score=_rounded(measured[slug]["score"]),
            control=_rounded(control[slug]["score"]) if slug in control else "",
            more=", ".join(_more(measured[slug])),
        )
        for slug, card in gallery.measures.items()
        if slug in measured
    ]
    order = f"{model_page(figure['model'])}{'#belief' if is_ranked(gallery, figure['model']) else ''}"
    return Proof(lines, _summary(measured, control), findings, relative(order, page))


def _summary(measured: Mapping[str, EvidenceRecord], control: Mapping[str, EvidenceRecord]) -> str:
    clauses = [f"{measure} AUC {_two(measured[measure]['score'])}" for measure in CURVES if measure in measured]
    if control:
        clauses += [f"random map: {m} AUC {_two(control[m]['score'])}" for m in CURVES if m in control]
    text = "; ".join(clauses) + "."
    return text[:1].upper() + text[1:]


def control_of(gallery: Gallery, model: str, image: str, slug: str) -> Mapping[str, EvidenceRecord]:
    """Return what was measured of a control on one image of a model; empty where nothing was."""
    return gallery.measured_control(slug, model, image)


def is_ranked(gallery: Gallery, model: str) -> bool:
    """Return whether the page of a model ranks its methods."""
    return bool(_curated(gallery, model) or gallery.models[model].get("ranking"))


def _more(numbers: EvidenceRecord) -> list[str]:
    shown: dict[str, Any] = {name: value for name, value in numbers.items() if name not in ("score", "curve", "layers")}
    lines = [
        f"{name} {format.percent(value) if ' on it' in name else _rounded(value)}" for name, value in shown.items()
    ]
    if "layers" in numbers:
        pairs = zip(numbers["layers"], numbers["curve"], strict=True)
        lines += [f"{_two(value)} with {top} randomised" for top, value in pairs]
    return lines


def _small(curve: Sequence[float]) -> str:
    """Return a curve as a path in few letters: absolute first, then steps in whole pixels."""
    points = [(round(WIDE * i / (len(curve) - 1)), round(TALL * (1 - value))) for i, value in enumerate(curve)]
    steps = [(x - before[0], y - before[1]) for before, (x, y) in zip(points, points[1:], strict=False)]
    return f"M0 {points[0][1]}l" + " ".join(f"{x}{y}" if y < 0 else f"{x} {y}" for x, y in steps)


def _large(curve: Sequence[float]) -> str:
    points = (f"{LEFT + FIELD[0] * i / (len(curve) - 1):.4g} {_y(value):g}" for i, value in enumerate(curve))
    return "M" + "L".join(points)


def _y(value: float) -> float:
    return round(TOP + FIELD[1] * (1 - min(1.0, max(0.0, value))), 1)


def _rounded(value: float) -> str:
    return format.number(round(value, 3))


def _two(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


# --- all methods of a network -------------------------------------------------------------------------


def orders(gallery: Gallery, model: str, page: str, here: str = "") -> list[Order]:
    """Return the methods of a network in the order of their evidence: over this gallery's pictures, over labelled ones.

    `here` is the method of the page. Of a method's page only the orders that it is in.
    """
    candidates = []
    curated = _curated(gallery, model)
    if curated:
        candidates.append(_order(gallery, page, here, curated))
    ranked = gallery.models[model].get("ranking") or {}
    if ranked:
        candidates.append(_order(gallery, page, here, _labelled(ranked)))
    return [order for order in candidates if not here or any(place.here for place in order.places)]


@dataclass(frozen=True)
class _Ranked:
    """The order of a network's methods over some pictures, before it is a table."""

    id: str
    title: str
    over: str  # which pictures, in words
    standings: Sequence[Standing]
    means: Mapping[str, Mapping[str, float]]  # measure -> method -> mean


@lru_cache(maxsize=64)
def _curated(gallery: Gallery, model: str) -> _Ranked | None:
    """Return the order over the pictures of the gallery, and the means of every measure by method."""
    images = gallery.images_of(model)
    shown = set(images)
    scores: dict[str, dict[str, list[float | None]]] = {slug: {} for slug in gallery.measures}

    def note(name: str, image: str, evidence: Mapping[str, EvidenceRecord]) -> None:
        for measure, numbers in evidence.items():
            row = scores[measure].setdefault(name, [None] * len(images))
            row[images.index(image)] = numbers["score"]

    for figure in gallery.figures:
        if figure["model"] == model and figure.get("evidence"):
            note(figure["method"], figure["image"], figure["evidence"])
    for slug, control in gallery.controls.items():
        for entry in control["measured"]:
            if entry["model"] == model and entry["image"] in shown:
                note(slug, entry["image"], entry["evidence"])
    both = difference(scores.get("insertion", {}), scores.get("deletion", {}))
    ranked = standings(both, "high")
    if not ranked:
        return None
    means = {measure: {name: _mean(row) for name, row in rows.items()} for measure, rows in scores.items()}
    count = max(entry.images for entry in ranked)
    over = f"{count} images of this gallery"
    return _Ranked("belief-here", "On the images of this gallery", over, ranked, means)


def _labelled(ranked: ModelRanking) -> _Ranked:
    """Return the order that was measured over labelled pictures and kept beside the weights."""
    entries: list[dict[str, Any]] = [{**row} for row in ranked["measures"]["difference"]]
    ranking = [Standing(**{**entry, "beats": tuple(entry["beats"])}) for entry in entries]
    means = {
        measure: {row["method"]: row["mean"] for row in rows}
        for measure, rows in ranked["measures"].items()
        if measure != "difference"
    }
    sampling = ranked.get("sampling", "sampled evenly")
    over = f"{format.count(ranked['images'])} images {sampling} from {ranked['data']}"
    return _Ranked("belief-labelled", "On labelled images", over, ranking, means)


def _order(gallery: Gallery, page: str, here: str, order: _Ranked) -> Order:
    ranked, means = order.standings, order.means
    shown = [measure for measure in means if measure in gallery.measures or measure in CURVES]
    low, high = min(0.0, *(standing.low for standing in ranked)), max(standing.high for standing in ranked)
    span = (high - low) or 1.0

    def share(value: float) -> float:
        return round(100 * (value - low) / span, 1)

    places = [
        Place(
            rank=str(standing.rank) if standing.rank else "",
            name=_name(gallery, standing.method, page),
            control=standing.method in CONTROLS,
            here=standing.method == here,
            score=_two(standing.mean),
            interval=f"{_two(standing.low)} to {_two(standing.high)}",
            bar=(share(standing.low), round(share(standing.high) - share(standing.low), 1), share(standing.mean)),
            beats=", ".join(control_title for slug, control_title in CONTROLS.items() if slug in standing.beats),
            cells=[_two(means[m][standing.method]) if standing.method in means[m] else "" for m in shown],
        )
        for standing in ranked
    ]
    titles = {slug: card["title"] for slug, card in gallery.measures.items()}
    heads = [
        Link(titles.get(m, m.capitalize()), relative(f"{GLOSSARY}#{m}", page) if m in titles else "") for m in shown
    ]
    return Order(order.id, order.title, _caption(order.over, ranked), heads, "Insertion − deletion", places, share(0.0))


CONTROLS = {RANDOM: "random map", "centred-blob": "centred blob", "sobel-edges": "Sobel edges"}


def _name(gallery: Gallery, slug: str, page: str) -> Link:
    if slug in gallery.methods:
        return Link(gallery.methods[slug]["title"], relative(method_page(slug), page))
    title = gallery.controls.get(slug, NOTHING).get("title") or CONTROLS.get(slug, slug)
    return Link(title[:1].upper() + title[1:], "")


def _caption(over: str, ranked: Sequence[Standing]) -> str:
    if not any(standing.rank for standing in ranked):
        return f"Means over {over}. Too few images to rank (minimum {FEWEST})."
    return (
        f"Means over {over}, with 95 % bootstrap intervals. Rank = 1 + number of significantly better methods (paired "
        "bootstrap, 95 %); equal ranks are ties. Italic: model-independent baselines."
    )


def _mean(values: Sequence[float | None]) -> float:
    present = [value for value in values if value is not None]
    return sum(present) / len(present)
