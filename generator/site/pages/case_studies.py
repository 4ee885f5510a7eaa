"""Worked readings: what pictures of this gallery told about its networks, and what those pictures cannot say."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean

from generator.core.manifest_types import FigureRecord
from generator.core.roles import FILTERS, INPUT

from . import components, format, tutorials
from .channel_table import probe_words
from .components import Bar, FigureView, Link, Pager
from .faithfulness import RANDOM
from .manifest_index import MODEL_LEVEL, NOTHING, Gallery
from .tutorials import CASES, GLOSSARY, LIMITS
from .urls import layer_page, method_page, model_page, relative, report_page

TOLD = ("top", "label")  # the class that the network named
MOST = 6  # rows of the table of forgetful networks
EDGES = "sobel-edges"

# The cases are about these pictures of the bundled networks; where a gallery has them not, the case is left out.
SCENE = ("efficientnet-lite0", "drum-kit-and-guitar")
UNKNOWN = ("imagenette", "rocket")
SHORTCUT = ("imagenette", "fish")
DEAD_FILTERS = FORGETFUL = "vgg-cifar10"


@dataclass(frozen=True)
class Seen:
    """One answer of a network, and the pictures that help to understand it."""

    report: Link
    predicted: str
    percent: str
    second: str
    second_percent: str
    bars: list[Bar]
    figures: list[FigureView]
    rival: FigureView | None


@dataclass(frozen=True)
class Stage:
    """How many channels of a layer do nothing of their own."""

    name: Link
    channels: str
    dead: str
    twins: str


@dataclass(frozen=True)
class Filters:
    """The first kernels of a network, and how its channels do."""

    model: Link
    figure: FigureView
    images: str
    dead: int
    twins: int
    stages: list[Stage]


@dataclass(frozen=True)
class Left:
    """How much of a method's map is left when the network forgets."""

    method: Link
    mean: str
    last: str
    deletion: str


@dataclass(frozen=True)
class Forgetful:
    """Maps that outlive the network they are of."""

    model: Link
    images: str
    figures: list[FigureView]
    rows: list[Left]
    edges: str
    random: str  # deletion of the random map; "" where it was not measured


@dataclass(frozen=True)
class CasesPage:
    """What templates/pages/cases.md needs."""

    title: str
    breadcrumb: list[Link]
    pager: list[Pager]
    scene: Seen | None
    unknown: Seen | None
    filters: Filters | None
    forgetful: Forgetful | None
    shortcut: Seen | None
    limits: str
    glossary: str


def cases(gallery: Gallery) -> CasesPage:
    """Return the page of worked readings."""
    return CasesPage(
        title="Case studies",
        breadcrumb=tutorials.breadcrumb(CASES),
        pager=tutorials.pager(CASES),
        scene=seen(gallery, *SCENE),
        unknown=seen(gallery, *UNKNOWN),
        filters=_filters(gallery, DEAD_FILTERS),
        forgetful=_forgetful(gallery, FORGETFUL),
        shortcut=seen(gallery, *SHORTCUT),
        limits=relative(LIMITS, CASES),
        glossary=relative(GLOSSARY, CASES),
    )


def seen(gallery: Gallery, model: str, image: str, page: str = CASES) -> Seen | None:
    """Return one answer with the pictures that help to understand it, for `page`; None where the gallery has it not."""
    answer = gallery.predictions.get((model, image))
    if not answer or len(answer["top"]) < 2:
        return None
    wanted = [(INPUT, ()), ("region", TOLD), ("relevance", TOLD), ("covered", TOLD)]
    figures = [gallery.in_role(model, image, role, targets) for role, targets in wanted]
    rival = gallery.in_role(model, image, "region", ("rival",))
    first, second = answer["top"][:2]
    return Seen(
        report=Link(gallery.images[image]["title"], relative(report_page(model, image), page)),
        predicted=first["name"],
        percent=format.percent(first["probability"]),
        second=second["name"],
        second_percent=format.percent(second["probability"]),
        bars=components.bars(answer),
        figures=[components.figure_view(gallery, figure, page) for figure in figures if figure],
        rival=components.figure_view(gallery, rival, page) if rival else None,
    )


def _filters(gallery: Gallery, model: str) -> Filters | None:
    probe = gallery.statistics(model)
    kernels = gallery.in_role(model, MODEL_LEVEL, FILTERS)
    if not probe or not kernels:
        return None
    by_layer = {layer["layer"]: layer for layer in probe["layers"]}
    stages = [
        (stage, by_layer[stage["layer"]])
        for stage in gallery.models[model]["stages"][:-1]
        if stage["title"].startswith("conv") and stage["layer"] in by_layer
    ]
    rows = [
        Stage(
            name=Link(stage["title"], relative(_layer(gallery, model, stage["layer"]), CASES)),
            channels=format.count(layer["channels"]),
            dead=format.count(len(layer["dead"])),
            twins=format.count(len(layer["twins"])),
        )
        for stage, layer in stages
    ]
    return Filters(
        model=Link(gallery.models[model]["title"], relative(model_page(model), CASES)),
        figure=components.figure_view(gallery, kernels, CASES),
        images=probe_words(probe["data"], probe["images"]),
        dead=sum(len(layer["dead"]) for _, layer in stages),
        twins=sum(len(layer["twins"]) for _, layer in stages),
        stages=rows,
    )


def _layer(gallery: Gallery, model: str, name: str) -> str:
    return layer_page(model, name) if gallery.at_layer(model, name) else model_page(model)


def _forgetful(gallery: Gallery, model: str) -> Forgetful | None:
    by_method: dict[str, list[FigureRecord]] = {}
    for figure in gallery.figures:
        if figure["model"] == model and (figure.get("evidence") or {}).get("randomisation"):
            by_method.setdefault(figure["method"], []).append(figure)
    if not by_method:
        return None
    means = {method: _mean(figures, "randomisation") for method, figures in by_method.items()}
    ordered = sorted(means, key=means.__getitem__, reverse=True)
    shown = [by_method[method][0] for method in (ordered[0], ordered[-1])]
    rows = [
        Left(
            method=Link(gallery.methods[method]["title"], relative(method_page(method), CASES)),
            mean=_two(means[method]),
            last=_two(fmean(figure["evidence"]["randomisation"]["curve"][-1] for figure in by_method[method])),
            deletion=_two(_mean(by_method[method], "deletion")),
        )
        for method in ordered
    ]
    return Forgetful(
        model=Link(gallery.models[model]["title"], relative(model_page(model), CASES)),
        images=format.count(max(len(figures) for figures in by_method.values())),
        figures=[components.figure_view(gallery, figure, CASES) for figure in shown],
        rows=rows if len(rows) <= 2 * MOST else rows[:MOST] + rows[-MOST:],
        edges=_of_control(gallery, model, EDGES, "randomisation"),
        random=_of_control(gallery, model, RANDOM, "deletion"),
    )


def _mean(figures: list[FigureRecord], measure: str) -> float:
    return fmean(figure["evidence"][measure]["score"] for figure in figures if measure in figure["evidence"])


def _of_control(gallery: Gallery, model: str, control: str, measure: str) -> str:
    held = gallery.controls.get(control, NOTHING).get("measured", [])
    scores = [
        entry["evidence"][measure]["score"]
        for entry in held
        if entry["model"] == model and measure in entry["evidence"]
    ]
    return _two(fmean(scores)) if scores else ""


def _two(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def listed(values: list[float]) -> str:
    """Return numbers as pages print them, with commas between."""
    return ", ".join(format.number(value) for value in values)
