"""The page on how the architectures grew, from their own layer tables, with the gallery's networks among them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from markupsafe import Markup

from generator.core.manifest_types import ModelRecord
from generator.core.resources import PACKAGE

from . import escape, tutorials
from .components import Link, Pager
from .manifest_index import Gallery
from .svg_plot import GREEN, INK, LINE, SOFT, WRONG, Axis, Plot, whole_ticks
from .tutorials import GROWTH
from .urls import model_page, relative

TABLES = PACKAGE / "analysis" / "architectures.json"
WIDTH = 420
INPUT = 224  # pixels a side, of what the tables were made with


@dataclass(frozen=True)
class Row:
    """One architecture in the table under the plots."""

    title: Link
    year: str
    parameters: str
    macs: str
    depth: str
    reach: str  # side of the receptive field of the last layer with space, in pixels
    linear: str  # share of the parameters that lie in linear layers
    cites: str


@dataclass(frozen=True)
class Drawn:
    """A plot with its heading and what to see in it."""

    title: str
    svg: Markup
    words: str


@dataclass(frozen=True)
class GrowthPage:
    """What templates/pages/growth.md needs."""

    title: str
    breadcrumb: list[Link]
    pager: list[Pager]
    drawn: list[Drawn]
    rows: list[Row]
    own: list[Row]  # the gallery's networks


def growth(gallery: Gallery) -> GrowthPage:
    """Return the page; its plots mark the networks of the gallery that are none of the well-known ones."""
    tables = json.loads(TABLES.read_text("utf-8"))
    names = {table["name"] for table in tables}
    own = [card for card in gallery.models.values() if not card["derived_from"] and card["name"] not in names]
    points = tuple((card["title"], card["parameters"], card["macs"]) for card in own)
    return GrowthPage(
        title="How the architectures grew",
        breadcrumb=tutorials.breadcrumb(GROWTH),
        pager=tutorials.pager(GROWTH),
        drawn=[_size(points), _depth(), _reach(), _held()],
        rows=[_row(table, gallery) for table in tables],
        own=[_own(card) for card in own],
    )


def _row(table: dict[str, Any], gallery: Gallery) -> Row:
    name = table["name"]
    return Row(
        Link(table["title"], relative(model_page(name), GROWTH) if name in gallery.models else ""),
        str(table["year"]),
        _short(table["parameters"]),
        _short(table["macs"]),
        str(table["depth"]),
        f"{table['reach'][-1][1]}",
        f"{table['held']['linear'] / table['parameters']:.0%}".replace("%", " %"),
        table["cites"],
    )


def _own(card: ModelRecord) -> Row:
    weighed = [layer for layer in card["layers"] if layer["kind"] in ("conv", "linear")]
    seen = [max(layer["receptive_field"]) for layer in weighed if layer["receptive_field"]]
    linear = sum(layer["parameters"] for layer in weighed if layer["kind"] == "linear")
    return Row(
        Link(card["title"], relative(model_page(card["slug"]), GROWTH)),
        "",
        _short(card["parameters"]),
        _short(card["macs"]),
        "",
        f"{seen[-1]}" if seen else "",
        f"{linear / max(1, card['parameters']):.0%}".replace("%", " %"),
        "",
    )


def _short(count: int) -> str:
    """
    >>> _short(61_100_840), _short(19_632_062_464), _short(714_188_480), _short(4_200)
    ('61.1 M', '19.6 G', '714 M', '4.2 k')
    """
    for unit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= unit:
            return f"{count / unit:.3g} {letter}"
    return str(count)


def _brief(title: str) -> str:
    """Return a stranger's title as far as a plot has room for it."""
    text = escape.fold(title)
    return text if len(text) <= 40 else f"{text[:39]}…"


# --- the plots ------------------------------------------------------------------------------------------------


@cache
def _tables() -> list[dict[str, Any]]:
    return json.loads(TABLES.read_text("utf-8"))


@cache
def _size(own: tuple[tuple[str, int, int], ...]) -> Drawn:
    """Parameters against multiply-accumulates, both on logarithmic axes."""
    label = "Parameters and multiply-accumulates for one image, from AlexNet to EfficientNet"
    fewest = min((parameters for _, parameters, _ in own), default=1e9) / 1e6
    least = min((macs for _, _, macs in own), default=1e9) / 1e9
    x = Axis(min(2, 0.7 * fewest), 900, "million parameters", [(n, f"{n}") for n in (3, 10, 30, 100)], log=True)
    work = [(n, f"{n:g}") for n in (0.3, 1, 3, 10, 30)]
    plot = Plot(label, WIDTH, 330, x, Axis(min(0.15, 0.6 * least), 45, "billion multiply-accumulates", work, log=True))
    # Where a label would lie on another, it goes to the other side.
    below = {"alexnet", "vgg16", "mobilenet_v2", "efficientnet-lite0"}
    for table in _tables():
        place = table["parameters"] / 1e6, table["macs"] / 1e9
        plot.dot(*place, GREEN)
        plot.words(*place, f"{table['title']} {table['year']}", (7, -13) if table["name"] in below else (7, 4))
    for title, parameters, macs in own:
        plot.dot(parameters / 1e6, macs / 1e9, WRONG, hollow=True)
        plot.words(parameters / 1e6, macs / 1e9, _brief(title), (7, -13), WRONG)
    words = (
        "Right: networks that are large to store. Top: networks that are slow to run. VGG is both; the later networks "
        "here need far fewer parameters."
    )
    return Drawn("Parameters and compute", plot.svg, words)


@cache
def _depth() -> Drawn:
    """Weighted layers on the longest way through."""
    tables = _tables()
    label = "Layers with weights: " + ", ".join(f"{table['title']} {table['depth']}" for table in tables)
    x = Axis(0, 58, "layers with weights, on the longest path", whole_ticks(50, 10))
    plot = Plot(label, WIDTH, 275, x, names=[table["title"] for table in tables])
    for place, table in enumerate(tables):
        plot.bar(place, table["depth"], 0.6, GREEN, f"{table['depth']}")
    words = (
        "Depth stayed near twenty layers until two ideas: batch norm controls the scale of activations, and residual "
        "sums carry the gradient to the first layers."
    )
    return Drawn("Depth", plot.svg, words)


@cache
def _reach() -> Drawn:
    """Receptive field against depth."""
    label = f"Receptive field, in pixels of an input of {INPUT}, against the number of layers with weights"
    x = Axis(0, 62, "layers with weights", whole_ticks(60, 10))
    plot = Plot(label, WIDTH, 330, x, Axis(0, 900, "side of the receptive field, px", whole_ticks(800, 200)))
    plot.line([(0, INPUT), (62, INPUT)], LINE, 1, dashed=True)
    plot.words(56, INPUT, "input size", (0, 4), SOFT, end=True)
    # Label at the end of each line, moved by hand where two would meet.
    moved = {"alexnet": (5, 4), "zfnet": (4, -13), "vgg16": (6, -8), "vgg19": (6, 2)}
    moved |= {"mobilenet_v2": (-76, -2), "efficientnet-lite0": (-104, -2)}
    for number, table in enumerate(_tables()):
        colour = (GREEN, WRONG, INK)[number % 3]
        plot.line(table["reach"], colour)
        depth, side = table["reach"][-1]
        plot.words(depth, side, table["title"], moved.get(table["name"], (6, -3)), colour)
    words = (
        "In AlexNet and VGG16 the receptive field of the last maps is smaller than the input; in the deeper networks "
        "it covers the input, so that a cell of a class activation map can depend on the whole image."
    )
    return Drawn("Receptive field", plot.svg, words)


@cache
def _held() -> Drawn:
    """Return which share of the parameters, and of the work, convolutions have."""
    tables = _tables()
    shares = {
        "parameters": [table["held"]["linear"] / sum(table["held"].values()) for table in tables],
        "work": [table["worked"]["linear"] / sum(table["worked"].values()) for table in tables],
    }
    percentages = (f"{table['title']} {share:.0%}" for table, share in zip(tables, shares["parameters"], strict=True))
    label = "Share of the parameters that lie in linear layers: " + ", ".join(percentages)
    x = Axis(0, 112, "% in linear layers", whole_ticks(100, 20))
    plot = Plot(label, WIDTH, 330, x, names=[table["title"] for table in tables])
    series = ((-0.2, "parameters", GREEN), (0.2, "work", WRONG))
    for offset, name, colour in series:
        for place, share in enumerate(shares[name]):
            plot.bar(place + offset, 100 * share, 0.36, colour, f"{100 * share:.0f} %")
    plot.legend([(f"of the {name}", colour) for _, name, colour in series])
    words = (
        "Nine of ten parameters of AlexNet and VGG are in linear layers, which need little of the compute. Global "
        "average pooling (Lin et al. 2013, arXiv:1312.4400) replaced them and made CAM possible."
    )
    return Drawn("Share of linear layers", plot.svg, words)
