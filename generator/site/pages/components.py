"""What templates draw, decided beforehand: a picture with its caption, a link, a bar, a step aside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from generator.core.channel_blocks import said
from generator.core.manifest_types import FigureRecord, ImageRecord, MethodRecord, PredictionRecord
from generator.core.naming import distinct_names
from generator.core.records import StyleCard
from generator.core.roles import INPUT
from generator.drawing.palettes import ramp_of

from . import escape, format
from .enlarged import Enlarged, enlarged
from .manifest_index import MODEL_LEVEL, NOTHING, Gallery, together
from .urls import figure_page, gallery_file, hub_page, image_page, relative


@dataclass(frozen=True)
class Link:
    """Somewhere to go."""

    text: str
    href: str
    note: str = ""


@dataclass(frozen=True)
class Scale:
    """The colour scale under a picture: its two ends and which ramp lies between them."""

    low: str
    high: str
    ramp: str  # a class of components/figure.css
    clipped: str = ""


@dataclass(frozen=True)
class FigureView:
    """One picture as a page shows it, or the reason why there is none."""

    title: str
    alt: str
    href: str = ""  # the page of the figure
    src: str = ""  # "" where there is no picture
    full: str = ""
    width: int = 0
    height: int = 0
    look: str = "map"  # map, sprite, strip, photo, chart: how components/figure.css lays it out
    zero_white: bool = False  # zero is white: dark mode inverts it
    fade: bool = False  # lies over the photo and can be faded out
    under: str = ""  # the picture under a fading one
    animation: str = ""  # how the picture came about, as a file of its size
    moves: str = ""  # what that shows
    zoom: int = 1  # how many screen pixels a pixel of a sprite gets, at most
    cells: str = ""  # "channels columns rows width height gap" of a sprite, for the channel browser
    layer: str = ""
    target: str = ""
    values: str = ""
    scale: Scale | None = None
    labels: tuple[str, ...] = ()  # of the parts of a strip, from left to right
    note: str = ""
    reason: str = ""
    status: str = "drawn"
    enlarged: Enlarged | None = None  # its scale, where that is stated beside it


@dataclass(frozen=True)
class Bar:
    """One class and its probability, or its share of the picture."""

    name: str
    percent: str
    share: float  # 0 to 100, for the width
    truth: bool
    chosen: bool
    wrong: bool = False  # chosen, and known not to be right
    href: str = ""  # the page of the class


@dataclass(frozen=True)
class Verdict:
    """What the network said about a picture, and whether that is right (`right`, `wrong` or `unknown`).

    Of several labels the names of all that reach the threshold, of a value the number with its unit, of masks
    the largest with their shares.
    """

    predicted: str
    percent: str
    label: str
    label_percent: str
    state: str
    kind: str = "classes"  # of the network's output


@dataclass(frozen=True)
class Pager:
    """The neighbours of a page along one axis."""

    axis: str
    previous: Link | None
    next: Link | None


@dataclass(frozen=True)
class Row:
    """A row of a matrix: what it is about, and its pictures."""

    head: Link
    figures: list[FigureView | None]
    verdict: Verdict | None = None
    thumb: FigureView | None = None


@dataclass(frozen=True)
class Matrix:
    """Pictures in rows and columns, with sticky heads."""

    label: str
    corner: str
    columns: list[Link]
    rows: list[Row]
    id: str = ""  # where several stand at one place
    rest: Link | None = None  # to what there is no room for


# --- a figure becomes a view ------------------------------------------------------------------------

ANYHOW = "how the figure is computed, step by step"  # what a film shows whose method does not say it
NAMED_MASKS, SHOWN_MASKS = 2, 5  # classes of a segmentation that a line names, and that have bars
WIDEST, TALLEST, LARGEST_CELL = 1064, 620, 24  # screen pixels that a sprite may take, and one cell of a vector


def figure_view(
    gallery: Gallery, figure: FigureRecord, page: str, title: str = "", layer_title: bool = False, thumb: bool = False
) -> FigureView:
    """Return a figure of the manifest as a picture on `page`, by its small file with `thumb`."""
    method, style = gallery.methods.get(figure["method"], NOTHING), gallery.style(figure["method"])
    title = title or (figure["layer"] if layer_title else method.get("title", figure["method"]))
    title += f", {block}" if (block := said(figure["style"])) else ""
    target = (figure.get("target") or NOTHING).get("name", "")
    shared: dict[str, Any] = {
        "title": title,
        "alt": figure["alt"] or _alt(gallery, figure, method),
        "href": relative(figure_page(figure), page),
        "layer": figure["layer"],
        "target": target,
        "note": figure["note"],
        "status": figure["status"],
    }
    if figure["status"] != "drawn":
        return FigureView(**shared, reason=figure["reason"] or "no reason given")
    look = _look(figure, style)
    input_figure = gallery.in_role(figure["model"], figure["image"], INPUT) if style.over_photo else None
    under = input_figure["file"] if input_figure and input_figure["status"] == "drawn" else ""
    return FigureView(
        **shared,
        src=relative(gallery_file((thumb and figure["thumb"]) or figure["file"]), page),
        full=relative(gallery_file(figure["file"]), page),
        width=figure["width"],
        height=figure["height"],
        look=look,
        zero_white=is_zero_white(figure, style),
        fade=bool(under),
        under=relative(gallery_file(under), page) if under else "",
        animation=relative(gallery_file(figure["animation"]), page) if figure["animation"] else "",
        moves=(method.get("film") or ANYHOW) if figure["animation"] else "",
        zoom=_zoom(figure) if look == "sprite" else 1,
        cells=_cells(figure, style),
        labels=_labels(gallery, figure, style),
        values=values(figure),
        scale=_scale(figure, style),
        enlarged=enlarged(gallery, figure),
    )


def is_zero_white(figure: FigureRecord, style: StyleCard) -> bool:
    """Return whether zero is white in this picture."""
    return style.zero_white and not _is_coloured(figure, style)


def ramp(figure: FigureRecord, style: StyleCard, low: float) -> str:
    """Return the ramp of the colours of a figure whose scale begins at `low`; "" where they are no scale."""
    return "colour" if _is_coloured(figure, style) else ramp_of(style.ramp, low)


def _is_coloured(figure: FigureRecord, style: StyleCard) -> bool:
    """Kernels over three channels are drawn in their own colours."""
    return style.kernels and len(figure["shape"]) == 4 and figure["shape"][1] == 3


def _look(figure: FigureRecord, style: StyleCard) -> str:
    if style.look in ("photo", "strip"):
        return style.look
    if figure["sprite"]:
        return "sprite"
    return "chart" if style.values == "channels" else "map"


def _zoom(figure: FigureRecord) -> int:
    """Return the whole number by which a sprite is enlarged to fill its place."""
    fits = min(WIDEST // max(1, figure["width"]), TALLEST // max(1, figure["height"]))
    is_vector = len(figure["shape"]) == 1
    return max(1, min(fits, LARGEST_CELL // max(figure["sprite"]["tile"]) if is_vector else fits))


def _cells(figure: FigureRecord, style: StyleCard) -> str:
    sprite = figure["sprite"]
    if not sprite or _look(figure, style) != "sprite":
        return ""
    shown = () if style.kernels else sprite.get("shown", ())  # which channels, where not all
    return " ".join(
        str(n) for n in (sprite["channels"], sprite["columns"], sprite["rows"], *sprite["tile"], sprite["gap"], *shown)
    )


def _labels(gallery: Gallery, figure: FigureRecord, style: StyleCard) -> tuple[str, ...]:
    """Return what the parts of a strip are: the stages whose layers it goes through."""
    stages = {stage["layer"]: stage["title"] for stage in gallery.models[figure["model"]]["stages"]}
    layers = figure["numbers"].get("layers", ()) if style.look == "strip" else ()
    return tuple(stages.get(layer, layer) for layer in layers)


def values(figure: FigureRecord) -> str:
    """Return the range of the values of a figure, `0 to 1.27`; "" where it has none."""
    if figure["range"] is None:
        return ""
    low, high = figure["range"]
    return f"{format.number(low)} to {format.number(high)}"


def _scale(figure: FigureRecord, style: StyleCard) -> Scale | None:
    if figure["scale"] is None or not style.ramp or _look(figure, style) == "chart":
        return None
    low, high = figure["scale"]
    clipped = f"{format.percent(figure['clipped'])} clipped" if figure["clipped"] > 0 else ""
    return Scale(format.number(low), format.number(high), ramp(figure, style, low), clipped)


def _alt(gallery: Gallery, figure: FigureRecord, method: MethodRecord) -> str:
    """Return what a picture shows, for a figure that came without words of its own."""
    image = gallery.images.get(figure["image"], NOTHING).get("title", "")
    target = (figure.get("target") or NOTHING).get("name", "")
    text = method.get("title", figure["method"])
    text += f" at layer {figure['layer']}" if figure["layer"] else ""
    text += f" for the class {target}" if target else ""
    return text + (f" of {image}" if image and figure["image"] != MODEL_LEVEL else "")


def facts(shown: FigureView) -> dict[str, str]:
    """Return what scripts alone need to know of a picture, as data attributes of its link: what its page leaves out."""
    ends = shown.scale
    return {
        name: escape.fold(value)
        for name, value in (
            ("cells", shown.cells),
            ("caption", "" if shown.cells else shown.title + (f" for {shown.target}" if shown.target else "")),
            ("scale", f"{ends.low}|{ends.ramp}|{ends.high}" if ends and not shown.cells else ""),
            ("values", " ".join(map(str, shown.enlarged.values)) if shown.enlarged else ""),
        )
        if value
    }


def in_table(shown: FigureView) -> FigureView:
    """Return a sprite of which a cell of a table shows but a corner: channels cannot be pointed at there, it opens
    large.
    """
    return replace(shown, cells="")


# --- the rest ---------------------------------------------------------------------------------------


def photo(gallery: Gallery, image: ImageRecord, page: str, thumb: bool = False) -> FigureView:
    """Return the photo of an image, as it was before any network saw it."""
    file = image["thumb"] if thumb else image["photo"]
    return FigureView(
        title=image["title"],
        alt=image["alt"] or image["title"],
        href=relative(image_page(image["id"]), page),
        src=relative(gallery_file(file), page),
        full=relative(gallery_file(image["photo"]), page),
        width=image["size"][0],
        height=image["size"][1],
        look="photo",
    )


def verdict(prediction: PredictionRecord | None) -> Verdict | None:
    """Return what the network said, in words and a state."""
    kind = prediction.get("kind", "classes") if prediction else ""
    if kind == "value":
        values = [
            " ".join([entry["name"], format.number(entry["value"]), entry["unit"]]) for entry in prediction["values"]
        ]
        return Verdict(" · ".join(map(str.strip, values)), "", "", "", "unknown", kind)
    if kind == "mask":
        named = [f"{entry['name']} {format.percent(entry['share'])}" for entry in prediction["shares"][:NAMED_MASKS]]
        return Verdict(", ".join(named), "", "", "", "unknown", kind)
    if not prediction or not prediction["top"]:
        return None
    best = prediction["top"][0]
    label_probability = prediction["label_probability"]
    above = prediction["above"] if kind == "labels" else [best["name"]]
    return Verdict(
        predicted=", ".join(above) or "no label",
        percent=format.percent(best["probability"]) if kind != "labels" else "",
        kind=kind,
        label=prediction["label"] or "",
        label_percent="" if label_probability is None else format.percent(label_probability),
        state={True: "right", False: "wrong", None: "unknown"}[prediction["correct"]],
    )


def bars(prediction: PredictionRecord | None, page_of: Callable[[str], str] = lambda name: "") -> list[Bar]:
    """Return the most probable classes, each with its page; of masks those with the largest shares of the picture."""
    if prediction and prediction.get("kind") == "mask":
        shown = prediction["shares"][:SHOWN_MASKS]
        names = distinct_names([entry["name"] for entry in shown], [entry["index"] for entry in shown])
        return [
            Bar(names[place], format.percent(entry["share"]), round(entry["share"] * 100, 2), False, place == 0)
            for place, entry in enumerate(shown)
        ]
    judged = bool(prediction) and prediction["correct"] is not None
    top = prediction["top"] if prediction else []
    names = distinct_names([entry["name"] for entry in top], [entry["index"] for entry in top])
    return [
        Bar(
            name=names[place],
            percent=format.percent(entry["probability"]),
            share=round(entry["probability"] * 100, 2),
            truth=entry["name"] == prediction["label"],
            chosen=_chosen(prediction, place),
            wrong=judged and _chosen(prediction, place) and entry["name"] != prediction["label"],
            href=page_of(entry["name"]),
        )
        for place, entry in enumerate(top)
    ]


def _chosen(prediction: PredictionRecord, place: int) -> bool:
    """Return whether the class at a place, from the most probable on, is predicted."""
    if prediction.get("kind") == "labels":
        return prediction["top"][place]["name"] in prediction["above"]
    return place == 0


def pager(axis: str, keys: list[str], current: str, link: Callable[[str], Link]) -> Pager:
    """Return the neighbours of `current` among `keys`; `link(key)` makes the links."""
    place = keys.index(current)
    return Pager(
        axis,
        link(keys[place - 1]) if place > 0 else None,
        link(keys[place + 1]) if place + 1 < len(keys) else None,
    )


def rest(count: int, page: str) -> Link | None:
    """Return where all images are, if there are more (`count`) than a page shows together."""
    shown = len(together([None] * count))
    if shown == count:
        return None
    return Link(
        f"All {format.count(count)} images", relative(hub_page("images"), page), f"These are the first {shown}."
    )
