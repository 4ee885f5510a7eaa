"""The classic table: a report a row; columns the preprocessed input and the methods one asks for first."""

from __future__ import annotations

from dataclasses import replace

from generator.core.roles import INPUT

from . import components
from .attribution import LABEL
from .components import Link, Matrix, Row
from .manifest_index import Gallery
from .urls import method_page, relative, report_page

ROLES = ("direction", "strength", "history", "class-map", "region", "relevance")


def of_model(gallery: Gallery, model: str, page: str, images: list[str] | None = None) -> Matrix:
    """Return images through one network, by default those that its pages show together."""
    shown = gallery.shown_of(model) if images is None else images
    rows = [(gallery.images[image]["title"], model, image) for image in shown]
    table = _table("All images, this network", "Image and prediction", rows, gallery, page)
    return replace(table, rest=components.rest(len(gallery.images_of(model)), page) if images is None else None)


def of_image(gallery: Gallery, image: str, page: str) -> Matrix:
    """Return one image through every network."""
    rows = [(gallery.models[model]["title"], model, image) for model in gallery.models_of(image)]
    return _table("Predictions and maps of each network", "Network and prediction", rows, gallery, page)


def _table(title: str, corner: str, reports: list[tuple[str, str, str]], gallery: Gallery, page: str) -> Matrix:
    wanted = [method for role in ROLES for method in gallery.methods_with(role)]
    methods = [m for m in wanted if any(gallery.find(model, image, m, LABEL) for _, model, image in reports)]
    columns = [Link("Input", "")]
    columns += [Link(gallery.methods[m]["title"], relative(method_page(m), page)) for m in methods]
    rows = []
    for name, model, image in reports:
        figures = [gallery.in_role(model, image, INPUT)] + [gallery.find(model, image, m, LABEL) for m in methods]
        rows.append(
            Row(
                head=Link(name, relative(report_page(model, image), page)),
                figures=[
                    components.figure_view(gallery, figure, page, thumb=True) if figure else None for figure in figures
                ],
                verdict=components.verdict(gallery.predictions.get((model, image))),
            )
        )
    return Matrix(title, corner, columns, rows)
