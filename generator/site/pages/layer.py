"""The layer page: one tensor of a network, and what every image made it say, channel by channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from generator.core.manifest_types import FigureRecord, ModelLayer, ModelRecord
from generator.core.roles import ATTENTION, FILTERS

from . import components, escape, format
from .channel_table import ChannelTable, channel_table
from .components import FigureView, Link, Pager, Scale
from .data_script import data_script
from .manifest_index import MODEL_LEVEL, NOTHING, Gallery, together
from .model import Fact
from .report import stage_id
from .svg_rescale import Rescale, rescale, shrink
from .urls import gallery_file, home_page, hub_page, layer_page, model_page, relative, report_page


@dataclass(frozen=True)
class Seen:
    """What one image made of the layer."""

    image: str
    report: Link
    thumb: FigureView
    figure: FigureView
    heads: FigureView | None  # of its attention
    strongest: str  # the largest value, and up to which its own scale goes
    filter: str  # CSS that brings it to the common scale; "" where it is there already
    corner: str  # a small file of the sprite's upper left corner, at the size of the whole; "" where it has none


@dataclass(frozen=True)
class LayerPage:
    """What templates/pages/layer.md needs."""

    title: str
    layer: str
    model: Link
    stage: Link
    breadcrumb: list[Link]
    pager: list[Pager]
    facts: list[Fact]
    kernels: FigureView | None
    kernels_of: str  # the convolution they belong to, where that is another layer of the stage
    kernel_cells: str  # of a kernel per channel, for the browser of channels
    seen: list[Seen]
    rest: Link | None  # to the images beyond those
    scale: Scale | None  # that all sprites are shown on
    rescale: Rescale | None
    cells: str  # of every sprite; "" where they differ, or there are none
    tiles: str  # CSS: where tiles end and begin anew, in per cent of a sprite; "" where nothing lies between them
    channels: int
    unit: str  # what a cell of the sprite is called
    data: str  # the script with the numbers per channel
    ranks: list[str]  # the images by their largest value
    channel_table: ChannelTable | None  # the channels one by one


def layer(gallery: Gallery, model: str, name: str) -> LayerPage:
    """Return the page of the layer `name` of a model (slug), of which at least one activation is drawn."""
    page, card = layer_page(model, name), gallery.models[model]
    record, drawn = gallery.layer(model, name) or NOTHING, together(gallery.at_layer(model, name))
    seen, scale, filters = _on_one_scale(gallery, model, record, drawn, page)
    cells = {entry.figure.cells for entry in seen}
    grid = cells.pop() if len(cells) == 1 else ""
    kernels = _kernels(gallery, model, record)
    first = kernels and len(kernels["shape"]) == 4 and kernels["shape"][1] == 3 and kernels["sprite"]
    view = components.figure_view(gallery, kernels, page, layer_title=True) if kernels else None
    return LayerPage(
        title=f"{name} in {card['title']}",
        layer=name,
        model=Link(card["title"], relative(model_page(model), page)),
        stage=_stage(gallery, model, record, drawn, page),
        breadcrumb=[
            Link("Home", relative(home_page(), page)),
            Link("Models", relative(hub_page("models"), page)),
            Link(card["title"], relative(model_page(model), page)),
            Link(name, ""),
        ],
        pager=_pager(gallery, model, name, page),
        facts=facts(card, record),
        kernels=view,
        kernels_of=kernels["layer"] if kernels and kernels["layer"] != name else "",
        kernel_cells=view.cells if first else "",
        seen=seen,
        rest=components.rest(len(gallery.at_layer(model, name)), page),
        scale=scale,
        rescale=filters,
        cells=grid,
        tiles=_tiles(grid),
        channels=next((f["sprite"]["channels"] for f in drawn if f["sprite"]), 0),
        unit="channel" if len(record.get("shape", ())) == 3 else "value",
        data=relative(data_file(model, name), page),
        ranks=_ranks(gallery, drawn),
        channel_table=channel_table(gallery, model, name),
    )


def _tiles(cells: str) -> str:
    """Return the share of a sprite's width and height that a tile has, and that from one tile to the next.

    >>> _tiles("4 2 2 3 3 2")
    '--tile-x:37.5%;--next-x:62.5%;--tile-y:37.5%;--next-y:62.5%'
    """
    if not cells:
        return ""
    _, columns, rows, width, height, gap = map(int, cells.split()[:6])
    shares = []
    for axis, count, side in (("x", columns, width), ("y", rows, height)):
        total = count * (side + gap) - gap
        shares += [f"--tile-{axis}:{100 * side / total:.6g}%", f"--next-{axis}:{100 * (side + gap) / total:.6g}%"]
    return ";".join(shares) if gap else ""


def facts(card: ModelRecord, record: ModelLayer) -> list[Fact]:
    """Return what one would ask of a layer first."""
    field = record.get("receptive_field")
    number = [layer["name"] for layer in card["layers"]].index(record["name"]) + 1
    listed = [
        Fact("Type", record["type"]),
        Fact("Place", f"{number} of {len(card['layers'])} tensors"),
        Fact("Output", format.shape(record["shape"])),
        *([Fact("Held as", record["layout"])] if record.get("layout") else []),
        *([Fact("Attention heads", str(record["heads"]))] if record.get("heads") else []),
        Fact("Parameters", format.count(record["parameters"]) if record["parameters"] else "none"),
        Fact("Multiply-adds", format.count(record["macs"]) if record["macs"] else "not counted"),
        Fact("Receptive field", f"{format.shape(field)} px of the input" if field else "the whole input"),
    ]
    return listed


def data_file(model: str, name: str) -> str:
    """Return the script with the numbers of a layer's channels, beside its page."""
    return layer_page(model, name).removesuffix(".html") + ".js"


def values_script(values: dict[str, dict[str, list[float]]], names: list[str]) -> str:
    """`values` by image and kind as a classic script; three figures each, and zeros in whole per mille.

    `names` are those of the classes, where each value is a class's.
    """
    short = {
        image: {
            kind: [round(v * 1000) if kind == "zeros" else _figures(v) for v in column]
            for kind, column in columns.items()
        }
        for image, columns in values.items()
    }
    script = data_script("layer", short)
    return script + (data_script("names", [escape.fold(name) for name in names]) if names else "")


def _figures(value: float) -> float | int:
    short = float(f"{value:.3g}")
    return int(short) if short == int(short) else short


# --- every image on one scale ------------------------------------------------------------------------


def _on_one_scale(
    gallery: Gallery, model: str, record: ModelLayer, drawn: list[FigureRecord], page: str
) -> tuple[list[Seen], Scale | None, Rescale | None]:
    """Return the pictures, the scale that spans them all, and the filters that bring each to it."""
    scaled = [figure for figure in drawn if figure["scale"] and figure["sprite"]]
    end = max((figure["scale"][1] for figure in scaled), default=0.0)
    signed = any(figure["scale"][0] < 0 for figure in scaled)
    seen, shrinks = [], []
    for number, figure in enumerate(drawn):
        chain = ""
        if figure["sprite"] and figure["scale"] and 0 < figure["scale"][1]:
            own, share = figure["scale"][0] < 0, figure["scale"][1] / end
            if share < 1 or own != signed:
                shrinks.append(shrink(f"scale-{number}", share, own, signed))
                chain = f"url(#{'values-signed' if own else 'values-greens'}) url(#scale-{number}) url(#colours)"
        seen.append(_seen(gallery, model, record, figure, page, chain))
    low = -end if signed else 0.0
    ramp = Scale(format.number(low), format.number(end), "signed" if signed else "green") if scaled else None
    return seen, ramp, rescale(signed, shrinks, {figure["scale"][0] < 0 for figure in scaled}) if shrinks else None


def _seen(gallery: Gallery, model: str, record: ModelLayer, figure: FigureRecord, page: str, chain: str) -> Seen:
    image = gallery.images[figure["image"]]
    anchor = f"#{stage_id(record['stage'] + 1)}" if gallery.models[model]["stages"] else ""
    heads = gallery.find(model, image["id"], gallery.with_role(ATTENTION), layer=record["name"])
    strongest = ""
    if figure["range"] and figure["scale"] and figure["sprite"]:
        strongest = f"up to {format.number(figure['range'][1])}, drawn up to {format.number(figure['scale'][1])}"
    return Seen(
        image=image["id"],
        report=Link(image["title"], relative(report_page(model, image["id"]) + anchor, page)),
        thumb=components.photo(gallery, image, page, thumb=True),
        figure=components.figure_view(gallery, figure, page),
        heads=components.figure_view(gallery, heads, page) if heads else None,
        strongest=strongest,
        filter=chain,
        corner=relative(gallery_file(figure["thumb"]), page) if figure["thumb"] else "",
    )


def _ranks(gallery: Gallery, drawn: list[FigureRecord]) -> list[str]:
    figures = [figure for figure in drawn if figure["range"]]
    return [gallery.images[f["image"]]["title"] for f in sorted(figures, key=lambda f: -f["range"][1])]


# --- around it ---------------------------------------------------------------------------------------


def _stage(gallery: Gallery, model: str, record: ModelLayer, drawn: list[FigureRecord], page: str) -> Link:
    """Return the stage that the layer belongs to, in the walk of the first image."""
    stages, number = gallery.models[model]["stages"], record["stage"]
    if not number < len(stages):
        return Link("", "")
    target = f"{report_page(model, drawn[0]['image'])}#{stage_id(number + 1)}"
    return Link(stages[number]["title"], relative(target, page), f"stage {number + 1} of {len(stages)}")


def _kernels(gallery: Gallery, model: str, record: ModelLayer) -> FigureRecord | None:
    """Return the filters figure of the layer itself, else of the convolution in its stage whose channels these are."""
    method = gallery.with_role(FILTERS)
    filters = {
        f["layer"]: f for f in gallery.report(model, MODEL_LEVEL) if f["method"] == method and f["status"] == "drawn"
    }
    if record["name"] in filters:
        return filters[record["name"]]
    layers = gallery.models[model]["layers"]
    before = layers[: [layer["name"] for layer in layers].index(record["name"])]
    for other in reversed([layer for layer in before if layer["stage"] == record["stage"]]):
        if other["kind"] == "conv":
            return filters.get(other["name"]) if other["shape"][0] == record["shape"][0] else None
    return None


def _pager(gallery: Gallery, model: str, name: str, page: str) -> list[Pager]:
    def to_layer(key: str) -> Link:
        return Link(key, relative(layer_page(model, key), page))

    def to_model(key: str) -> Link:
        return Link(gallery.models[key]["title"], relative(layer_page(key, name), page))

    axes = [components.pager("layer", gallery.layers_of(model), name, to_layer)]
    others = [key for key in gallery.models if gallery.at_layer(key, name)]
    return [*axes, components.pager("model", others, model, to_model)] if len(others) > 1 else axes


def data_scripts(gallery: Gallery, values: dict[str, Any]) -> dict[str, str]:
    """Return the scripts of all layer pages by place; `values` are the numbers per channel by figure id."""
    scripts = {}
    for model, card in gallery.models.items():
        for name in gallery.layers_of(model):
            shown = together(gallery.at_layer(model, name))
            by_image = {figure["image"]: values[figure["id"]] for figure in shown if values.get(figure["id"])}
            votes = gallery.layer(model, name)["shape"] == [len(card["classes"])]
            scripts[data_file(model, name)] = values_script(by_image, card["classes"] if votes else [])
    return scripts
