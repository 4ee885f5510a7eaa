"""The report page: one image seen by one network, from the pixels that counted to the walk through all layers."""

from __future__ import annotations

import math
from dataclasses import dataclass

from generator.core.manifest_types import FigureRecord, ImageRecord, MethodRecord, ModelLayer, ModelStage
from generator.core.naming import slug
from generator.core.roles import ACTIVATIONS, FILTERS, INPUT

from . import components, format, live
from .components import Bar, FigureView, Link, Pager, Verdict
from .faithfulness import Spark, spark
from .manifest_index import NOTHING, Gallery
from .pair_summary import related
from .urls import (
    figure_page,
    home_page,
    hub_page,
    image_page,
    layer_page,
    method_page,
    model_page,
    relative,
    report_page,
)

LABEL, RIVAL = ("label", "top"), ("rival",)
OWN_PLACE = (INPUT, ACTIVATIONS, FILTERS)  # roles of what a report shows outside the table, as it does strips


@dataclass(frozen=True)
class MethodRow:
    """One method in the table: for the label, and for the class that came closest."""

    method: Link
    summary: str
    label: FigureView | None
    faithfulness: Spark | None  # the faithfulness of that map
    rival: FigureView | None


@dataclass(frozen=True)
class Chapter:
    """The methods of one family."""

    id: str
    title: str
    summary: str
    rows: list[MethodRow]
    fades: bool  # some of its pictures lie over the photo


@dataclass(frozen=True)
class Block:
    """One stage in the architecture of a network: as high as its maps, as wide as its channels."""

    title: str
    href: str
    height: int
    width: int
    kind: str


@dataclass(frozen=True)
class LayerStep:
    """One stage of the walk: its picture, and the tensors folded under it."""

    id: str
    number: int
    title: str
    layer: Link  # to its page, where it has one
    shape: str
    sees: str
    figure: FigureView | None
    folded: list[FigureView]  # intermediate outputs
    folded_types: str  # `Conv2d, BatchNorm2d`
    final: bool  # the classes: shown as bars


@dataclass(frozen=True)
class ReportPage:
    """What templates/pages/report.md needs."""

    title: str
    breadcrumb: list[Link]
    pager: list[Pager]
    image: Link
    model: Link
    live: str  # where the network takes a picture of one's own; "" where it does not
    verdict: Verdict | None
    photo: FigureView
    input: FigureView | None
    input_text: str
    bars: list[Bar]
    credit: str
    note: str  # what to notice in the image
    label: str
    rival: str
    kind: str  # of the network's output
    chapters: list[Chapter]
    measured: bool  # whether some of their pictures have evidence beside them
    strips: list[FigureView]
    paintings: list[FigureView]  # strips of optimised images
    more: list[FigureView]  # what has no place above: other classes, other layers
    architecture: list[Block]
    layers: list[LayerStep]
    related: list[Link]  # the same image in this and another network


def report(gallery: Gallery, model: str, image: str) -> ReportPage:
    """Return the report of `image` by `model` (slugs)."""
    page = report_page(model, image)
    card, example = gallery.models[model], gallery.images[image]
    prediction = gallery.predictions.get((model, image))
    input_figure = gallery.in_role(model, image, INPUT)
    chapters = _chapters(gallery, model, image, page)
    return ReportPage(
        title=f"{example['title']} in {card['title']}",
        breadcrumb=[
            Link("Home", relative(home_page(), page)),
            Link("Models", relative(hub_page("models"), page)),
            Link(card["title"], relative(model_page(model), page)),
            Link(example["title"], ""),
        ],
        pager=_pager(gallery, model, image, page),
        image=Link(example["title"], relative(image_page(image), page)),
        model=Link(card["title"], relative(model_page(model), page)),
        live=live.href(gallery, model, page),
        verdict=components.verdict(prediction),
        photo=components.photo(gallery, example, page),
        input=components.figure_view(gallery, input_figure, page) if input_figure else None,
        input_text=" × ".join(str(side) for side in card["input"]["size"][1:]),
        bars=components.bars(prediction, lambda name: gallery.classes.href(model, name, page)),
        credit=_credit(example),
        note=example["note"],
        label=_target_name(gallery, model, image, LABEL),
        rival=_target_name(gallery, model, image, RIVAL),
        kind=card["output"]["kind"],
        chapters=chapters,
        measured=any(row.faithfulness for chapter in chapters for row in chapter.rows),
        strips=_strips(gallery, model, image, page, painted=False),
        paintings=_strips(gallery, model, image, page, painted=True),
        more=_more(gallery, model, image, page),
        architecture=architecture(gallery, model, page, page),
        layers=layer_steps(gallery, model, image, page),
        related=related(gallery, model, page, image),
    )


def _credit(example: ImageRecord) -> str:
    return ", ".join(part for part in (example["credit"], example["licence"]) if part)


def _pager(gallery: Gallery, model: str, image: str, page: str) -> list[Pager]:
    def to_image(key: str) -> Link:
        return Link(gallery.images[key]["title"], relative(report_page(model, key), page))

    def to_model(key: str) -> Link:
        return Link(gallery.models[key]["title"], relative(report_page(key, image), page))

    axes = [components.pager("image", gallery.images_of(model), image, to_image)]
    if len(gallery.models_of(image)) > 1:
        axes.append(components.pager("model", gallery.models_of(image), model, to_model))
    return axes


def _target_name(gallery: Gallery, model: str, image: str, roles: tuple[str, ...]) -> str:
    for figure in gallery.report(model, image):
        if (figure["target"] or NOTHING).get("role") in roles:
            return figure["target"]["name"]
    return ""


def _chapters(gallery: Gallery, model: str, image: str, page: str) -> list[Chapter]:
    chapters = []
    for family, title, summary, cards in gallery.families():
        rows = [
            row
            for card in cards
            if not _has_own_place(gallery, card["slug"]) and (row := _method_row(gallery, model, image, card, page))
        ]
        if rows:
            fades = any(view and view.fade for row in rows for view in (row.label, row.rival))
            chapters.append(Chapter(slug(family), title, summary, rows, fades))
    return chapters


def _method_row(gallery: Gallery, model: str, image: str, card: MethodRecord, page: str) -> MethodRow | None:
    label = gallery.find(model, image, card["slug"], LABEL) or gallery.find(model, image, card["slug"])
    rival = gallery.find(model, image, card["slug"], RIVAL)
    if label is None:
        return None
    return MethodRow(
        method=Link(card["title"], relative(method_page(card["slug"]), page)),
        summary=card["summary"],
        label=components.figure_view(gallery, label, page, thumb=True),
        faithfulness=spark(label, f"{relative(figure_page(label), page)}#belief"),
        rival=components.figure_view(gallery, rival, page, thumb=True) if rival and rival is not label else None,
    )


def _has_own_place(gallery: Gallery, method: str) -> bool:
    return method in map(gallery.with_role, OWN_PLACE) or gallery.style(method).look == "strip"


def _strips(gallery: Gallery, model: str, image: str, page: str, painted: bool) -> list[FigureView]:
    """Return the strips of a report: those of optimised images, or those of maps."""
    return [
        components.figure_view(gallery, figure, page)
        for figure in sorted(gallery.report(model, image), key=lambda f: list(gallery.methods).index(f["method"]))
        if (style := gallery.style(figure["method"])).look == "strip" and (style.values == "colours") == painted
    ]


def _more(gallery: Gallery, model: str, image: str, page: str) -> list[FigureView]:
    """Return pictures beyond the first of a method for the label and for the rival."""
    first = set()
    for method in gallery.methods:
        label = gallery.find(model, image, method, LABEL) or gallery.find(model, image, method)
        rival = gallery.find(model, image, method, RIVAL)
        first |= {figure["id"] for figure in (label, rival) if figure}
    return [
        components.figure_view(gallery, figure, page)
        for figure in gallery.report(model, image)
        if not _has_own_place(gallery, figure["method"]) and figure["id"] not in first
    ]


def architecture(gallery: Gallery, model: str, page: str, target: str) -> list[Block]:
    """Return the network as a row of blocks, linked to the steps of the walk on `target`."""
    card = gallery.models[model]
    layers = [gallery.layer(model, stage["layer"]) for stage in card["stages"]]
    tallest = max((layer["shape"][-2] for layer in layers if layer and len(layer["shape"]) == 3), default=1)
    return [
        Block(
            title=stage["title"],
            href=relative(f"{target}#{stage_id(number)}", page),
            height=round(14 + 82 * math.sqrt(_side(layer) / tallest)) if layer else 14,
            width=round(5 + 5.5 * math.log2(max(2, layer["shape"][0]))) if layer else 10,
            kind=layer["kind"] if layer else "other",
        )
        for number, (stage, layer) in enumerate(zip(card["stages"], layers, strict=True), start=1)
    ]


def _side(layer: ModelLayer) -> int:
    return layer["shape"][-2] if len(layer["shape"]) == 3 else 0


def stage_id(number: int) -> str:
    """Return the anchor of a stage of the walk."""
    return f"stage-{number}"


def layer_steps(gallery: Gallery, model: str, image: str, page: str) -> list[LayerStep]:
    """Return the stages in order, each with the activations that stand for it."""
    card = gallery.models[model]
    figures = gallery.of_layer(model, image)
    last = len(card["stages"])
    return [
        _walk_step(gallery, model, stage, figures, page, number, number == last)
        for number, stage in enumerate(card["stages"], start=1)
    ]


def _walk_step(
    gallery: Gallery,
    model: str,
    stage: ModelStage,
    figures: dict[str, FigureRecord],
    page: str,
    number: int,
    final: bool,
) -> LayerStep:
    layer = gallery.layer(model, stage["layer"]) or NOTHING
    field = layer.get("receptive_field")
    sees = f"receptive field {field[0]} × {field[1]} px" if field else "receptive field: the whole input"
    shown = figures.get(stage["layer"])
    shown_somewhere = gallery.at_layer(model, stage["layer"])
    folded = [name for name in stage["layers"] if name != stage["layer"] and name in figures]
    return LayerStep(
        id=stage_id(number),
        number=number,
        title=stage["title"],
        layer=Link(stage["layer"], relative(layer_page(model, stage["layer"]), page) if shown_somewhere else ""),
        shape=format.shape(layer.get("shape", ())),
        sees=sees,
        figure=components.figure_view(gallery, shown, page, layer_title=True) if shown else None,
        folded=[components.figure_view(gallery, figures[name], page, layer_title=True) for name in folded],
        folded_types=", ".join(
            dict.fromkeys((gallery.layer(model, name) or NOTHING).get("type", "") for name in folded)
        ),
        final=final,
    )
