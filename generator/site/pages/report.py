"""The report page: one image seen by one network, from its attribution maps to its layers and the evidence."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from generator.core.manifest_types import FigureRecord, ImageRecord, ModelLayer, ModelStage
from generator.core.roles import ACTIVATIONS, ATTENTION, FILTERS, INPUT

from . import compare_any, components, format, live
from .attribution import LABEL, RIVAL, Evidence, Family, evidence, families, opened, side_of
from .components import Bar, FigureView, Link, Pager, Verdict
from .data_script import data_script as data_script_of
from .manifest_index import NOTHING, Gallery
from .pair_summary import related
from .urls import (
    home_page,
    hub_page,
    image_page,
    layer_page,
    model_page,
    relative,
    report_page,
)

# Roles of what a report shows outside the stage of maps, as it does strips.
OWN_PLACE = (INPUT, ACTIVATIONS, ATTENTION, FILTERS)
SCRIPT = "report.js"  # beside the page
STRONGEST = 12  # channels of a layer that are shown large

Channels = Callable[[FigureRecord], dict[str, Any] | None]  # the numbers of a figure's channels, where it has any


def no_channels(figure: FigureRecord) -> None:
    """Return no numbers of any figure."""


@dataclass(frozen=True)
class Strip:
    """The maps of a method at every depth, for one of the two classes."""

    figure: FigureView
    target: str  # "label" or "rival"; "" where it is for all classes


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
    strongest: str  # places of its strongest channels with their largest values: "17 3.2 4 2.9"
    whole: str  # what its sprite shows: "All 64 channels"
    heads: list[FigureView] = field(default_factory=list)  # of its attention


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
    thumb: FigureView
    families: list[Family]  # the maps on the stage
    opened: str  # which of them it begins with
    evidence: Evidence
    strips: list[Strip]
    paintings: list[FigureView]  # strips of optimised images
    more: list[FigureView]  # what has no place above: other classes, other layers
    architecture: list[Block]
    layers: list[LayerStep]
    related: list[Link]  # the same image in this and another network
    compare: str  # where one of its figures stands beside another, but for the name of the figure
    script: str  # what scripts alone need to know of the figures

    def figures(self) -> Iterator[FigureView]:
        """Yield the figures whose facts stand in the script."""
        yield from (shown.figure for family in self.families for view in family.views for shown in view.shown)
        yield from (strip.figure for strip in self.strips)
        yield from (*self.paintings, *self.more, *([self.input] if self.input else []))
        for step in self.layers:
            yield from (*([step.figure] if step.figure else []), *step.heads, *step.folded)


def report(gallery: Gallery, model: str, image: str, channels: Channels = no_channels) -> ReportPage:
    """Return the report of `image` by `model` (slugs); `channels(figure)` are the numbers of a figure's channels."""
    page = report_page(model, image)
    card, example = gallery.models[model], gallery.images[image]
    prediction = gallery.predictions.get((model, image))
    input_figure = gallery.in_role(model, image, INPUT)
    shown = families(gallery, model, image, page, leave=lambda method: _has_own_place(gallery, method))
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
        thumb=components.photo(gallery, example, page, thumb=True),
        families=shown,
        opened=opened(shown, gallery.with_role("region")),
        evidence=evidence(gallery, model, image, shown, page),
        strips=_strips(gallery, model, image, page),
        paintings=_paintings(gallery, model, image, page),
        more=_more(gallery, model, image, page),
        architecture=architecture(gallery, model, page, image),
        layers=layer_steps(gallery, model, image, page, channels),
        related=related(gallery, model, page, image),
        compare=compare_any.href_of(f"{model}/{image}/", page),
        script=SCRIPT,
    )


def data_script(shown: ReportPage, drawn: Callable[[FigureView], str]) -> str:
    """Return the script beside a report: facts of its figures by their names, and the HTML of its intermediate outputs
    by their stage; `drawn(view)` is that of one.
    """
    facts = {_name(view): components.facts(view) for view in shown.figures()}
    for step in shown.layers:
        if step.figure and step.strongest:
            facts[_name(step.figure)]["strongest"] = step.strongest
    folded = {step.id: "".join(map(drawn, step.folded)) for step in shown.layers if step.folded}
    return data_script_of("report", {"figures": facts, "folded": folded})


def _name(view: FigureView) -> str:
    return view.href.removesuffix(".html")


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


def _has_own_place(gallery: Gallery, method: str) -> bool:
    return method in map(gallery.with_role, OWN_PLACE) or gallery.style(method).look == "strip"


def _strips(gallery: Gallery, model: str, image: str, page: str) -> list[Strip]:
    figures = [figure for figure in _of_strips(gallery, model, image) if not _is_optimised(gallery, figure)]
    methods = [figure["method"] for figure in figures]
    return [
        Strip(
            components.figure_view(gallery, figure, page),
            side_of(figure) if methods.count(figure["method"]) > 1 else "",
        )
        for figure in figures
    ]


def _paintings(gallery: Gallery, model: str, image: str, page: str) -> list[FigureView]:
    figures = [figure for figure in _of_strips(gallery, model, image) if _is_optimised(gallery, figure)]
    return [components.figure_view(gallery, figure, page) for figure in figures]


def _of_strips(gallery: Gallery, model: str, image: str) -> list[FigureRecord]:
    """Return the strips of a report in the order of their methods."""
    places = {method: place for place, method in enumerate(gallery.methods)}
    strips = [f for f in gallery.report(model, image) if gallery.style(f["method"]).look == "strip"]
    return sorted(strips, key=lambda figure: places[figure["method"]])


def _is_optimised(gallery: Gallery, figure: FigureRecord) -> bool:
    return gallery.style(figure["method"]).values == "colours"


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


def architecture(gallery: Gallery, model: str, page: str, image: str) -> list[Block]:
    """Return the network as a row of blocks, linked to the steps of the walk of `image`.

    Where `image` is "", as no image has a report, all lead to the network's table of layers.
    """
    card = gallery.models[model]
    layers = [gallery.layer(model, stage["layer"]) for stage in card["stages"]]
    tallest = max((layer["shape"][-2] for layer in layers if layer and len(layer["shape"]) == 3), default=1)
    return [
        Block(
            title=stage["title"],
            href=relative(
                f"{report_page(model, image)}#{stage_id(number)}" if image else f"{model_page(model)}#layers", page
            ),
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


def layer_steps(
    gallery: Gallery, model: str, image: str, page: str, channels: Channels = no_channels
) -> list[LayerStep]:
    """Return the stages in order, each with the activations that stand for it."""
    card = gallery.models[model]
    figures, heads = gallery.of_layer(model, image), gallery.by_layer(model, image, gallery.with_role(ATTENTION))
    views = {layer: components.figure_view(gallery, figure, page) for layer, figure in heads.items()}
    return [
        replace(
            _step(gallery, model, stage, figures, page, number, channels),
            heads=[views[layer] for layer in stage["layers"] if layer in views],
        )
        for number, stage in enumerate(card["stages"], start=1)
    ]


def _step(
    gallery: Gallery,
    model: str,
    stage: ModelStage,
    figures: dict[str, FigureRecord],
    page: str,
    number: int,
    channels: Channels,
) -> LayerStep:
    layer = gallery.layer(model, stage["layer"]) or NOTHING
    field = layer.get("receptive_field")
    sees = f"receptive field {field[0]} × {field[1]} px" if field else "receptive field: the whole input"
    shown = figures.get(stage["layer"])
    shown_somewhere = gallery.at_layer(model, stage["layer"])
    final = number == len(gallery.models[model]["stages"])
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
        strongest=strongest(channels(shown)) if shown and _has_channels(shown) and not final else "",
        whole=_whole(layer.get("shape", ()), shown["sprite"]) if shown and shown["sprite"] else "",
    )


def _has_channels(figure: FigureRecord) -> bool:
    return bool(figure["sprite"]) and figure["sprite"]["channels"] > 1


def _whole(shape: Sequence[int], sprite: Mapping[str, Any]) -> str:
    """Return what a sprite of a layer shows: `All 64 channels`, `16 of 64 channels`, or `The whole output`."""
    if sprite["channels"] == 1:
        return "The whole output"
    unit = "channels" if len(shape) == 3 else "values"
    count = format.count(sprite["channels"])
    return f"{count} of {format.count(shape[0])} {unit}" if sprite.get("shown") else f"All {count} {unit}"


def strongest(numbers: dict[str, Any] | None) -> str:
    """Return the tiles of the channels with the largest values, largest first: `17 3.2 4 2.9`; "" where none is known.

    A tile is given by its place in the sprite. Of equal values that with the larger mean comes first; values that are
    no numbers are left out.
    """
    if not numbers:
        return ""
    largest, mean = numbers["max"], numbers["mean"]
    places = [place for place, value in enumerate(largest) if math.isfinite(value)]
    places = sorted(places, key=lambda place: (-largest[place], -mean[place]))[:STRONGEST]
    return " ".join(f"{place} {largest[place]:.3g}" for place in places)
