"""The findings page: for those who debug a network, what stands out in it, the wrong and unsure answers first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from generator.core.manifest_types import AnswerRecord, ModelRecord, ProbeLayer, ProbeRecord

from . import format
from .channel_table import findings_page, has_units, noted, probe_words
from .components import Link
from .diagnostics import faults, resolved
from .diagnostics_channels import Fault, looked_at
from .manifest_index import Gallery
from .urls import gallery_file, home_page, hub_page, layer_page, model_page, relative, report_page

WIDEST = 20  # classes of which the whole matrix is drawn


@dataclass(frozen=True)
class Answer:
    """One image and what the network said of it."""

    name: str
    href: str  # its report; "" where the gallery has none
    place: str  # CSS that shows it from the sheet of all
    predicted: str
    percent: str
    instead: str  # the label, or the runner-up, with its probability


@dataclass(frozen=True)
class Cell:
    """How often one class was called another."""

    count: str
    share: int  # of the class's images, in per cent
    right: bool


@dataclass(frozen=True)
class Confusion:
    """A row of the matrix."""

    label: str
    cells: list[Cell]


@dataclass(frozen=True)
class LayerLine:
    """The channels of one layer in numbers."""

    layer: Link
    channels: str
    dead: str
    constant: str
    twins: str
    zeros: str
    first: list[Link]


@dataclass(frozen=True)
class FindingsPage:
    """What templates/pages/findings.md needs."""

    title: str
    model: Link
    breadcrumb: list[Link]
    probe: str  # what was shown; "" where no probe was
    curated: bool
    score: str  # how often it was right
    faults: list[Fault]
    examples: str  # the images whose answers are shown, where they are others: "the 10 images of this gallery"
    sheet: str  # the picture with all images of answers
    side: int
    wrong: list[Answer]
    wrong_count: str
    unsure: list[Answer]
    classes: list[str]
    confusions: list[Confusion]
    confused: list[str]  # the most frequent mistakes in words
    untabled: str  # why there is no matrix, where there are mistakes and none
    layers: list[LayerLine]
    unreadable: list[str]


def findings(gallery: Gallery, model: str) -> FindingsPage:
    """Return what stands out in a network (slug)."""
    page, card, probe = findings_page(model), gallery.models[model], gallery.probes.get(model)
    statistics = gallery.statistics(model)
    resolved_faults = [
        Fault(fault.kind, fault.level, fault.title, fault.text, resolved(gallery, model, fault.evidence))
        for fault in faults(gallery, model)
    ]
    shared: dict[str, Any] = {
        "title": f"Diagnostics: {card['title']}",
        "model": Link(card["title"], relative(model_page(model), page)),
        "breadcrumb": [
            Link("Home", relative(home_page(), page)),
            Link("Models", relative(hub_page("models"), page)),
            Link(card["title"], relative(model_page(model), page)),
            Link("Diagnostics", ""),
        ],
        "faults": resolved_faults,
    }
    measured = _measured(gallery, card, statistics, page) if statistics else _unmeasured()
    if probe is None:
        return FindingsPage(**shared, **measured, **_without(gallery, model, page))
    wrong, unsure = probe["wrong"], probe["unsure"]
    answers = [_answer(gallery, model, probe, page, entry, number) for number, entry in enumerate([*wrong, *unsure])]
    return FindingsPage(
        **shared,
        **measured,
        sheet=relative(gallery_file(probe["sheet"]["file"]), page) if probe["sheet"] else "",
        side=probe["sheet"]["side"] if probe["sheet"] else 0,
        wrong=answers[: len(wrong)],
        wrong_count=format.count(probe["labelled"] - probe["correct"]),
        unsure=answers[len(wrong) :],
        examples="" if probe is statistics else probe_words(probe["data"], probe["images"]),
        unreadable=probe["unreadable"],
    )


def _without(gallery: Gallery, model: str, page: str) -> dict[str, Any]:
    """Without a probe: what the gallery's own predictions say."""
    wrong = [
        Answer(
            name=gallery.images[image]["title"],
            href=relative(report_page(model, image), page),
            place="",
            predicted=prediction["top"][0]["name"],
            percent=format.percent(prediction["top"][0]["probability"]),
            instead=f"label: {prediction['label']}",
        )
        for (slug, image), prediction in gallery.predictions.items()
        if slug == model and prediction["correct"] is False
    ]
    images = probe_words("", len(gallery.images_of(model)))
    empty: dict[str, Any] = {"sheet": "", "side": 0, "wrong": wrong, "unsure": [], "examples": images}
    return empty | {"wrong_count": format.count(len(wrong)), "unreadable": []}


def _measured(gallery: Gallery, card: ModelRecord, statistics: ProbeRecord, page: str) -> dict[str, Any]:
    """Return what the answers and channels over most images say: a probe's, or those that travel with the weights."""
    confused = (
        f"{pair['label']} predicted as {pair['said']} ({format.count(pair['count'])})"
        for pair in statistics["confused"]
    )
    return {
        "probe": probe_words(statistics["data"], statistics["images"]),
        "curated": not statistics["data"],
        "score": _score(statistics),
        "classes": _seen_classes(statistics),
        "confusions": _confusions(statistics),
        "confused": list(confused),
        "untabled": _untabled(card, statistics),
        "layers": [_line(gallery, card["slug"], layer, page) for layer in _judged(card, statistics)],
    }


def _unmeasured() -> dict[str, Any]:
    words: dict[str, Any] = {"probe": "", "curated": True, "score": ""}
    return words | {"classes": [], "confusions": [], "confused": [], "untabled": "", "layers": []}


def _score(probe: ProbeRecord) -> str:
    if not probe["labelled"]:
        return ""
    share = format.percent(probe["correct"] / probe["labelled"])
    return f"{format.count(probe['correct'])} of {format.count(probe['labelled'])} labelled images correct ({share})"


def _answer(gallery: Gallery, model: str, probe: ProbeRecord, page: str, entry: AnswerRecord, number: int) -> Answer:
    sheet, curated = probe["sheet"], not probe["data"]
    row, column = divmod(number, sheet["columns"])
    image = gallery.images.get(entry["name"]) if curated else None
    if entry["label"] and entry["label"] != entry["said"]:
        instead = f"label: {entry['label']}, {format.percent(entry['label_probability'] or 0.0)}"
    else:
        instead = f"runner-up: {entry['second']}, {format.percent(entry['second_probability'])}"
    return Answer(
        name=image["title"] if image else entry["name"],
        href=relative(report_page(model, entry["name"]), page) if image else "",
        place=f"background-position:{-column * sheet['side']}px {-row * sheet['side']}px",
        predicted=entry["said"],
        percent=format.percent(entry["probability"]),
        instead=instead,
    )


def _seen_classes(probe: ProbeRecord) -> list[str]:
    matrix = probe["confusion"]
    return probe["classes"] if matrix and len(probe["classes"]) <= WIDEST and probe["labelled"] else []


def _confusions(probe: ProbeRecord) -> list[Confusion]:
    rows = []
    for label, name in enumerate(_seen_classes(probe)):
        row = probe["confusion"][label]
        total = sum(row)
        cells = [
            Cell(format.count(count) if count else "", round(100 * count / total) if total else 0, predicted == label)
            for predicted, count in enumerate(row)
        ]
        rows.append(Confusion(name, cells))
    return rows


def _untabled(card: ModelRecord, probe: ProbeRecord) -> str:
    """Return that the whole matrix is not shown, and how many of the wrong answers the listed ones are."""
    if _seen_classes(probe) or not probe["confused"]:
        return ""
    shown, wrong = sum(pair["count"] for pair in probe["confused"]), probe["labelled"] - probe["correct"]
    classes, few = format.count(len(card["classes"])), len(probe["confused"])
    these = f"only the {few} most frequent confusions are" if few > 1 else "only the most frequent confusion is"
    of = f"{format.count(shown)} of {format.count(wrong)} wrong answers"
    return f"The matrix of {classes} classes is not shown: {these} listed, {of}."


def _judged(card: ModelRecord, probe: ProbeRecord) -> list[ProbeLayer]:
    by_name = {layer["layer"]: layer for layer in probe["layers"]}
    return [by_name[name] for name in looked_at(card) if name in by_name]


def _line(gallery: Gallery, model: str, layer: ProbeLayer, page: str) -> LayerLine:
    name = layer["layer"]
    has_page = name in gallery.layers_of(model)
    href = relative(layer_page(model, name), page) if has_page else ""
    rows = noted(layer)[:6] if href and has_units(gallery, model, name) else []
    first = [Link(str(row.channel), f"{href}#{row.anchor}", row.why) for row in rows]
    return LayerLine(
        layer=Link(name, href),
        channels=format.count(layer["channels"]),
        dead=format.count(len(layer["dead"])) if layer["dead"] else "",
        constant=format.count(len(layer["constant"])) if layer["constant"] else "",
        twins=format.count(len(layer["twins"])) if layer["twins"] else "",
        zeros=format.percent(layer["zeros"]),
        first=first,
    )
