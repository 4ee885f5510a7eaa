"""The model page: facts, layer table, filters, and the classic table of images by methods."""

from __future__ import annotations

from dataclasses import dataclass

from generator.core.manifest_types import ModelAccuracy, ModelLayer, ModelOutput, ModelRecord
from generator.core.roles import FILTERS

from . import components, format, live, overview_table
from .channel_table import findings_page
from .components import FigureView, Link, Matrix, Pager, Row
from .diagnostics import faults
from .faithfulness import Order, orders
from .manifest_index import MODEL_LEVEL, Gallery
from .pair_summary import related
from .pruning_plot import Curve, curve
from .report import Block, architecture
from .urls import home_page, hub_page, layer_page, model_page, relative, report_page

FEW_CLASSES, MOST_CLASSES = 20, 60  # up to which all are listed; how many are of more, as search leads to the others


@dataclass(frozen=True)
class Fact:
    """One line of the ledger."""

    name: str
    value: str
    mono: bool = False


@dataclass(frozen=True)
class LayerRow:
    """One line of the layer table."""

    id: str
    name: str
    href: str  # its page; "" where nothing of it is drawn
    type: str
    kind: str
    shape: str
    parameters: str
    macs: str
    receptive_field: str


@dataclass(frozen=True)
class ModelPage:
    """What templates/pages/model.md needs."""

    title: str
    note: str
    breadcrumb: list[Link]
    pager: list[Pager]
    facts: list[Fact]
    classes: list[Link]  # all of a few; of many those with a page, as far as there is room
    architecture: list[Block]
    matrix: Matrix
    depth: Matrix  # the same images, stage by stage
    filters: list[FigureView]
    becoming: list[FigureView]  # how the first layer's came about
    paintings: list[FigureView]  # what its channels look for: of the first layer, of the last ones
    more_paintings: list[FigureView]  # and of those between
    layers: list[LayerRow]
    curve: Curve | None  # accuracy and pictures when it is pruned
    findings: list[Link]  # what stands out in it
    faithfulness: list[Order]  # the benchmark of attribution methods on it
    related: list[Link]  # this and another network, picture by picture
    live: str  # where it takes a picture of one's own; "" where it does not
    total_parameters: str
    total_macs: str


def model(gallery: Gallery, slug: str) -> ModelPage:
    """Return the page of one network."""
    page, card = model_page(slug), gallery.models[slug]
    images = gallery.images_of(slug)
    paintings = [
        components.figure_view(gallery, figure, page, layer_title=True)
        for figure in gallery.report(slug, MODEL_LEVEL)
        if gallery.methods[figure["method"]]["family"] == "optimisation"
    ]
    return ModelPage(
        title=card["title"],
        note=card["note"],
        breadcrumb=[
            Link("Home", relative(home_page(), page)),
            Link("Models", relative(hub_page("models"), page)),
            Link(card["title"], ""),
        ],
        pager=_pager(gallery, slug, page),
        facts=facts(gallery, card, page),
        classes=_classes(gallery, card, page),
        architecture=architecture(gallery, slug, page, next(iter(images), "")),
        matrix=overview_table.of_model(gallery, slug, page),
        depth=depth_table(gallery, slug, page),
        filters=[
            components.figure_view(gallery, figure, page, layer_title=True)
            for figure in gallery.report(slug, MODEL_LEVEL)
            if figure["method"] == gallery.with_role(FILTERS)
        ],
        becoming=[
            components.figure_view(gallery, figure, page)
            for figure in gallery.report(slug, MODEL_LEVEL)
            if figure["method"] == gallery.with_role("filters-history")
        ],
        paintings=paintings[:1] + paintings[1:][-3:],
        more_paintings=paintings[1:-3],
        layers=[_layer_row(gallery, slug, number, layer, page) for number, layer in enumerate(card["layers"], start=1)],
        curve=curve(gallery, card),
        findings=_findings(gallery, slug, page),
        faithfulness=orders(gallery, slug, page),
        live=live.href(gallery, slug, page),
        related=related(gallery, slug, page),
        total_parameters=format.count(card["parameters"]),
        total_macs=format.count(card["macs"]),
    )


def _classes(gallery: Gallery, card: ModelRecord, page: str) -> list[Link]:
    """Return the classes, each with its page where it has one."""
    slug, names = card["slug"], card["classes"]
    shown = names if len(names) <= FEW_CLASSES else [names[index] for index in gallery.classes.of(slug)][:MOST_CLASSES]
    return [Link(name, gallery.classes.href(slug, name, page)) for name in shown]


def _findings(gallery: Gallery, slug: str, page: str) -> list[Link]:
    """Return the link to the diagnostics of the network, with the most severe ones."""
    titles = [fault.title for fault in faults(gallery, slug) if fault.level != "note"]
    more = f" and {format.count(len(titles) - 3)} more" if len(titles) > 3 else ""
    summary = f"{'; '.join(titles[:3])}{more}" if titles else "no problems found"
    return [Link("Diagnostics", relative(findings_page(slug), page), summary)]


def _pager(gallery: Gallery, slug: str, page: str) -> list[Pager]:
    def to_model(key: str) -> Link:
        return Link(gallery.models[key]["title"], relative(model_page(key), page))

    return [components.pager("model", list(gallery.models), slug, to_model)] if len(gallery.models) > 1 else []


def facts(gallery: Gallery, card: ModelRecord, page: str) -> list[Fact]:
    """Return what one would ask of a network first."""
    accuracy = card["accuracy"]
    listed = [
        Fact("Parameters", format.count(card["parameters"])),
        Fact("Multiply-adds per image", format.count(card["macs"])),
        Fact("Input", format.shape(card["input"]["size"])),
        Fact("Output", _output(card["output"])),
        *([Fact("Classes", format.count(len(card["classes"])))] if card["output"]["kind"] != "value" else []),
        Fact("Recorded tensors", format.count(len(card["layers"]))),
    ]
    if card["derived_from"]:
        share = format.percent(card["nonzero"] / card["parameters"])
        listed.insert(1, Fact("Non-zero parameters", f"{format.count(card['nonzero'])} ({share})"))
    if accuracy.get("top1") is not None:
        listed.append(Fact("Accuracy", _accuracy(accuracy)))
    listed.append(Fact("Guided-backprop rule applied at", card["rectifiers"].replace("rectifiers", "ReLUs")))
    if card["default_layer"]:
        listed.append(Fact("Layer used for CAMs", card["default_layer"], mono=True))
    listed += [Fact("Source", card["source"], mono=True), Fact("Weights, SHA-256", card["digest"], mono=True)]
    if card["derived_from"] in gallery.models:
        listed.insert(0, Fact("Derived from", gallery.models[card["derived_from"]]["title"]))
    return listed


def _output(output: ModelOutput) -> str:
    """Return the kind of output in words, with the probability from which a class or a label counts."""
    if output["kind"] == "value":
        return f"a value in {output['unit']}" if output["unit"] else "a value"
    share = format.percent(output["threshold"]) if output.get("threshold") else ""
    words = {
        "classes": "class scores",
        "binary": f"two classes (the second from {share})",
        "mask": "a class for each pixel",
        "labels": f"labels (each from {share})",
    }[output["kind"]]
    squash = output.get("squash", "").replace("_", " ")
    return f"{words}; attributed before the {squash}" if squash else words


def _accuracy(accuracy: ModelAccuracy) -> str:
    text = f"{format.percent(accuracy['top1'])} top-1"
    if accuracy.get("images"):
        text += f" on {format.count(accuracy['images'])} images"
    return text + (f" of {accuracy['data']}" if accuracy.get("data") else "")


def depth_table(gallery: Gallery, slug: str, page: str) -> Matrix:
    """Return rows are the stages of the walk; columns the images."""
    images, rows = gallery.shown_of(slug), []
    for stage in gallery.models[slug]["stages"]:
        by_image = {figure["image"]: figure for figure in gallery.at_layer(slug, stage["layer"])}
        if by_image:
            views = [
                components.in_table(
                    components.figure_view(gallery, by_image[image], page, gallery.images[image]["title"], thumb=True)
                )
                if image in by_image
                else None
                for image in images
            ]
            rows.append(Row(Link(stage["title"], relative(layer_page(slug, stage["layer"]), page)), views))
    columns = [Link(gallery.images[image]["title"], relative(report_page(slug, image), page)) for image in images]
    rest = components.rest(len(gallery.images_of(slug)), page)
    return Matrix("Every image, layer by layer", "Stage", columns, rows, rest=rest)


def _layer_row(gallery: Gallery, model: str, number: int, layer: ModelLayer, page: str) -> LayerRow:
    field, drawn = layer["receptive_field"], gallery.at_layer(model, layer["name"])
    return LayerRow(
        id=f"layer-{number}",
        name=layer["name"],
        href=relative(layer_page(model, layer["name"]), page) if drawn else "",
        type=layer["type"],
        kind=layer["kind"],
        shape=format.shape(layer["shape"]),
        parameters=format.count(layer["parameters"]) if layer["parameters"] else "",
        macs=format.count(layer["macs"]) if layer["macs"] else "",
        receptive_field=format.shape(field) if field else "whole input",
    )
