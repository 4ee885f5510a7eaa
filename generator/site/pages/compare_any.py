"""Any two figures side by side: the page on which a reader picks them, and the data that it reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from generator.core.manifest_types import FigureRecord

from . import components, escape
from .components import Link
from .data_script import data_script
from .manifest_index import MODEL_LEVEL, Gallery
from .urls import home_page, hub_page, relative

COMPARE_FIGURES = "gallery/compare/figures.html"
# How a browser leads colours back to values and on to another scale, by how their codes are read.
SCALED = {"between": "linear", "colours": "linear", "signed": "palette", "channels": "palette"}


@dataclass(frozen=True)
class Side:
    """One of the two places, before a figure is chosen for it."""

    name: str
    id: str


@dataclass(frozen=True)
class CompareFiguresPage:
    """What templates/pages/compare-figures.md needs."""

    title: str
    breadcrumb: list[Link]
    sides: list[Side]
    index: dict[str, Any]  # what there is to choose from


def compare_figures(gallery: Gallery) -> CompareFiguresPage:
    """Return the page; which figures it shows is in its address."""
    return CompareFiguresPage(
        title="Compare any two figures",
        breadcrumb=[
            Link("Home", relative(home_page(), COMPARE_FIGURES)),
            Link("Compare", relative(hub_page("compare"), COMPARE_FIGURES)),
            Link("Compare any two figures", ""),
        ],
        sides=[Side("Left figure", "a"), Side("Right figure", "b")],
        index=_index(gallery),
    )


def href(figure: FigureRecord, page: str, other: FigureRecord | None = None) -> str:
    """Return the way from `page` to the place where the figure stands beside another one."""
    return href_of(figure["id"], page) + (f"&b={other['id']}" if other else "")


def href_of(key: str, page: str) -> str:
    """Return the way from `page` to the place where the figure with the id `key` stands beside another one."""
    return f"{relative(COMPARE_FIGURES, page)}?a={key}"


def _index(gallery: Gallery) -> dict[str, Any]:
    """Networks, images, and which of these each network has a report of."""
    reports = {model: gallery.images_of(model) for model in gallery.models}
    return {
        "models": [[slug, escape.fold(card["title"])] for slug, card in gallery.models.items()],
        "images": [[MODEL_LEVEL, "model figures (no image)"]]
        + [[key, escape.fold(image["title"])] for key, image in gallery.images.items()],
        "reports": {
            model: ([MODEL_LEVEL] if _shown(gallery, model, MODEL_LEVEL) else [])
            + [image for image in images if _shown(gallery, model, image)]
            for model, images in reports.items()
        },
    }


def data_scripts(gallery: Gallery) -> dict[str, str]:
    """By place, a script for each report with what the page must know of its pictures."""
    scripts = {}
    for model in gallery.models:
        for image in [MODEL_LEVEL, *gallery.images_of(model)]:
            shown = _shown(gallery, model, image)
            if shown:
                entries = [_entry(gallery, figure) for figure in shown]
                scripts[f"gallery/{model}/{image}/figures.js"] = data_script(f"figures/{model}/{image}", entries)
    return scripts


def _shown(gallery: Gallery, model: str, image: str) -> list[FigureRecord]:
    return [figure for figure in gallery.report(model, image) if figure["status"] == "drawn"]


def _entry(gallery: Gallery, figure: FigureRecord) -> dict[str, Any]:
    method, style = gallery.methods[figure["method"]], gallery.style(figure["method"])
    scale = figure["scale"] if style.ramp else None
    kind = SCALED.get(style.reads, "") if scale and style.reads_from == "file" else ""
    title = method["title"]
    title += f" of {figure['layer']}" if figure["layer"] and method["at"] == "every" else ""
    title += f" for {figure['target']['name']}" if figure["target"] else ""
    return {
        "id": figure["id"],
        "method": escape.fold(method["title"]),
        "title": escape.fold(title),
        "file": figure["file"],
        **({"animation": figure["animation"]} if figure["animation"] else {}),
        "width": figure["width"],
        "height": figure["height"],
        "zero_white": components.is_zero_white(figure, style),
        "smooth": style.look in ("photo", "strip") or style.over_photo,
        "draw": style.name + ("-signed" if kind == "palette" and scale[0] < 0 else ""),
        "kind": kind,
        "scale": [float(f"{end:.4g}") for end in scale] if scale else None,
        "ramp": components.ramp(figure, style, scale[0]) if scale else "",
    }
