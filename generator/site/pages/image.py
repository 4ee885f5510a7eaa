"""The image page: one photo, where it comes from, and what every network made of it."""

from __future__ import annotations

from dataclasses import dataclass

from generator.core.manifest_types import ImageRecord

from . import components, overview_table
from .components import FigureView, Link, Matrix, Pager
from .manifest_index import Gallery
from .model import Fact
from .urls import home_page, hub_page, image_page, relative


@dataclass(frozen=True)
class ImagePage:
    """What templates/pages/image.md needs."""

    title: str
    breadcrumb: list[Link]
    pager: list[Pager]
    photo: FigureView
    alt: str
    facts: list[Fact]
    source: str
    matrix: Matrix


def image(gallery: Gallery, key: str) -> ImagePage:
    """Return the page of one image of the curated set."""
    page, example = image_page(key), gallery.images[key]

    def to_image(other: str) -> Link:
        return Link(gallery.images[other]["title"], relative(image_page(other), page))

    return ImagePage(
        title=example["title"],
        breadcrumb=[
            Link("Home", relative(home_page(), page)),
            Link("Images", relative(hub_page("images"), page)),
            Link(example["title"], ""),
        ],
        pager=[components.pager("image", gallery.image_keys, key, to_image)],
        photo=components.photo(gallery, example, page),
        alt=example["alt"],
        facts=_facts(example),
        source=example["source"] if _is_address(example["source"]) else "",
        matrix=overview_table.of_image(gallery, key, page),
    )


def _facts(example: ImageRecord) -> list[Fact]:
    width, height = example["size"]
    listed = [
        Fact("Credit", example["credit"] or "not stated"),
        Fact("Licence", example["licence"] or "not stated"),
        Fact("Size", f"{width} × {height} pixels"),
    ]
    if example["source"] and not _is_address(example["source"]):
        listed.append(Fact("Source", example["source"]))
    if example["note"]:
        listed.append(Fact("Note", example["note"]))
    listed += [Fact(f"Label in {name}", target) for name, target in example["targets"].items()]
    listed.append(Fact("File, SHA-256", example["digest"], mono=True))
    return listed


def _is_address(source: str) -> bool:
    return source.startswith(("https://", "http://"))
