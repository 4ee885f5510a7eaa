"""A comparison: one picture of the left network, the same of the right one, and their difference, on one scale."""

from __future__ import annotations

from dataclasses import dataclass

from generator.core.manifest_types import ComparisonRecord, MethodRecord
from generator.drawing.palettes import ramp_of

from . import format
from .components import LARGEST_CELL, TALLEST, WIDEST, Scale
from .manifest_index import NOTHING, Gallery
from .pair_summary import short_names
from .report import stage_id
from .urls import gallery_file, relative

COLUMN = 330  # screen pixels that a picture has beside two others


@dataclass(frozen=True)
class Pane:
    """One of the three pictures."""

    role: str  # left, right or difference
    name: str
    src: str
    alt: str
    href: str  # the page of its figure, "" of a difference
    zero_white: bool  # zero is white: dark mode inverts it
    animation: str = ""  # how its figure came about, where both have that; "" elsewhere


@dataclass(frozen=True)
class Comparison:
    """The three pictures with what is said about them."""

    id: str
    title: str
    facts: list[str]
    correlation: str
    difference: str  # its length as a share of the left one's
    panes: list[Pane]
    scale: Scale
    spread: Scale  # of the difference
    width: int  # of the files
    height: int
    zoom: int  # screen pixels per pixel, where one picture has the whole width
    large: bool  # many small maps, that want room
    smooth: bool  # too large to be shown pixel by pixel beside two others


def comparison(gallery: Gallery, entry: ComparisonRecord, page: str) -> Comparison:
    """Return a comparison of the manifest as `page` shows it."""
    method = gallery.methods.get(entry["method"], NOTHING)
    style, (start, limit) = gallery.style(entry["method"]), entry["scale"]
    left, right = entry["models"]
    between = gallery.style_called(style.difference)
    names = short_names(gallery, (left, right))
    title = _title(gallery, entry, method)
    alike = format.correlation(entry["numbers"]["correlation"])
    films = [gallery.figure(figure)["animation"] for figure in entry["figures"]]
    films = [relative(gallery_file(film), page) for film in films] if all(films) else ["", ""]
    panes = [
        Pane(
            role=role,
            name=name,
            src=relative(gallery_file(entry["files"][role]), page),
            alt=f"{gallery.figure(figure)['alt'] or title} ({name})",
            href=relative(f"gallery/{figure}.html", page),
            zero_white=style.zero_white,
            animation=film,
        )
        for role, name, figure, film in zip(("left", "right"), names, entry["figures"], films, strict=True)
    ]
    panes.append(
        Pane(
            role="difference",
            name="difference",
            src=relative(gallery_file(entry["files"]["difference"]), page),
            alt=f"{title}, {names[1]} minus {names[0]}: correlation {alike}",
            href="",
            zero_white=between.zero_white,
        )
    )
    low, high, least = (format.number(value) for value in (start, limit, -limit))
    return Comparison(
        id=_id(gallery, entry),
        title=title,
        facts=_facts(gallery, entry),
        correlation=alike,
        difference=format.percent(entry["numbers"]["relative difference"]),
        panes=panes,
        scale=Scale(low, high, ramp_of(style.ramp, start)),
        spread=Scale(least, high, ramp_of(between.ramp, -limit)),
        width=entry["width"],
        height=entry["height"],
        zoom=_zoom(gallery, entry),
        large=bool(entry["sprite"]),
        smooth=entry["width"] > COLUMN,
    )


def _title(gallery: Gallery, entry: ComparisonRecord, method: MethodRecord) -> str:
    if entry["method"] == gallery.activations:
        stages = gallery.models[entry["models"][0]]["stages"]
        return next((stage["title"] for stage in stages if stage["layer"] == entry["layer"]), entry["layer"])
    title = method.get("title", entry["method"])
    return f"{title} for {entry['target']}" if entry["target"] else title


def _facts(gallery: Gallery, entry: ComparisonRecord) -> list[str]:
    layer = gallery.layer(entry["models"][0], entry["layer"]) if entry["layer"] else None
    return [entry["layer"], format.shape(layer["shape"])] if layer else []


def _id(gallery: Gallery, entry: ComparisonRecord) -> str:
    stages = [stage["layer"] for stage in gallery.models[entry["models"][0]]["stages"]]
    if entry["method"] == gallery.activations and entry["layer"] in stages:
        return stage_id(stages.index(entry["layer"]) + 1)
    return entry["id"].rpartition("/")[2]


def _zoom(gallery: Gallery, entry: ComparisonRecord) -> int:
    fits = min(WIDEST // max(1, entry["width"]), TALLEST // max(1, entry["height"]))
    layer = gallery.layer(entry["models"][0], entry["layer"]) or NOTHING
    if entry["sprite"] and len(layer.get("shape", ())) == 1:
        fits = min(fits, LARGEST_CELL // max(entry["sprite"]["tile"]))
    return max(1, fits)
