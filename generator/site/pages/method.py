"""The method page: what it computes, how to read it, where it misleads, and the method on every image."""

from __future__ import annotations

from dataclasses import dataclass, replace

from generator.core.manifest_types import MethodRecord, ModelStage

from . import components, glossary
from .attribution import LABEL, RIVAL
from .components import FigureView, Link, Matrix, Pager, Row
from .faithfulness import Order, orders
from .manifest_index import FAMILIES, MODEL_LEVEL, Gallery, together
from .urls import home_page, hub_page, layer_page, method_page, model_page, relative, report_page


@dataclass(frozen=True)
class Group:
    """The views of one network."""

    model: Link
    figures: list[FigureView]


@dataclass(frozen=True)
class ModelRanking:
    """The method among the others, by the evidence of one network."""

    model: Link
    orders: list[Order]


@dataclass(frozen=True)
class MethodPage:
    """What templates/pages/method.md needs."""

    title: str
    family: str
    breadcrumb: list[Link]
    pager: list[Pager]
    summary: str
    text: str
    formula: str
    reading: str
    limits: str
    cites: str
    parameters: list[tuple[str, str]]
    words: list[Link]  # of the glossary
    faithfulness: list[ModelRanking]
    example: FigureView | None
    matrices: list[Matrix]
    groups: list[Group]


def method(gallery: Gallery, slug: str) -> MethodPage:
    """Return the page of one method."""
    page, card = method_page(slug), gallery.methods[slug]
    matrices = _by_layer(gallery, slug, page) if _every_layer(card) else _by_target(gallery, slug, page)
    return MethodPage(
        title=card["title"],
        family=FAMILIES.get(card["family"], (card["family"], ""))[0],
        breadcrumb=[
            Link("Home", relative(home_page(), page)),
            Link("Methods", relative(hub_page("methods"), page)),
            Link(card["title"], ""),
        ],
        pager=_pager(gallery, slug, page),
        summary=card["summary"],
        text=card["text"],
        formula=card["formula"],
        reading=card["reading"],
        limits=card["limits"],
        cites=card["cites"],
        parameters=[(name, str(value)) for name, value in card["parameters"].items()],
        words=glossary.used(card, page),
        faithfulness=_rankings(gallery, slug, page),
        example=example(gallery, slug, page),
        matrices=[matrix for matrix in matrices if matrix.rows],
        groups=_groups(gallery, slug, page),
    )


def example(gallery: Gallery, slug: str, page: str, thumb: bool = False) -> FigureView | None:
    """Return the first picture that the gallery has of the method, which for activations is the first stage's."""
    drawn = [figure for figure in gallery.figures if figure["method"] == slug and figure["status"] == "drawn"]
    stages = {(m, stage["layer"]) for m, card in gallery.models.items() for stage in card["stages"]}
    telling = [figure for figure in drawn if (figure["model"], figure["layer"]) in stages]
    best = (telling or drawn)[:1]
    return components.figure_view(gallery, best[0], page, thumb=thumb) if best else None


def _rankings(gallery: Gallery, slug: str, page: str) -> list[ModelRanking]:
    believed = []
    for model, card in gallery.models.items():
        mine = [replace(order, id=f"{order.id}-{model}") for order in orders(gallery, model, page, slug)]
        if mine:
            believed.append(ModelRanking(Link(card["title"], relative(model_page(model), page)), mine))
    return believed


def _every_layer(card: MethodRecord) -> bool:
    return card["at"] == "every" and "target" not in card["axes"]


def _pager(gallery: Gallery, slug: str, page: str) -> list[Pager]:
    def to_method(key: str) -> Link:
        return Link(gallery.methods[key]["title"], relative(method_page(key), page))

    return [components.pager("method", list(gallery.methods), slug, to_method)]


def _by_target(gallery: Gallery, slug: str, page: str) -> list[Matrix]:
    """Return rows are images, columns each model's picture for the label and for the rival."""
    by_column = {
        (model, roles): {
            image: figure
            for image in gallery.images_of(model)
            if (figure := gallery.find(model, image, slug, roles)) or (not roles and figure)
        }
        for model in gallery.models
        for roles in ((LABEL, RIVAL) if "target" in gallery.methods[slug]["axes"] else ((),))
    }
    used = [key for key, figures in by_column.items() if figures]
    several = len({model for model, _ in used}) > 1
    columns = [
        Link(_column(gallery.models[model]["title"] if several else "", roles), relative(model_page(model), page))
        for model, roles in used
    ]
    rows = []
    drawn = [image for image in gallery.images if any(image in by_column[key] for key in used)]
    for image in together(drawn):
        figures, example_ = [by_column[key].get(image) for key in used], gallery.images[image]
        first = next(model for (model, _), figure in zip(used, figures, strict=True) if figure)
        rows.append(
            Row(
                head=Link(example_["title"], relative(report_page(first, image), page)),
                figures=[
                    components.figure_view(gallery, figure, page, thumb=True) if figure else None for figure in figures
                ],
                thumb=components.photo(gallery, example_, page, thumb=True),
            )
        )
    return [Matrix("The same method on every image", "Image", columns, rows, rest=components.rest(len(drawn), page))]


def _column(model: str, roles: tuple[str, ...]) -> str:
    explained = {LABEL: "for the label", RIVAL: "for the runner-up", (): ""}[roles]
    return ", ".join(part for part in (model, explained) if part) or "Picture"


def _by_layer(gallery: Gallery, slug: str, page: str) -> list[Matrix]:
    """For each model: rows are images, columns the stages of its walk."""
    matrices = []
    for model, card in gallery.models.items():
        rows = []
        for image in gallery.shown_of(model):
            figures = {f["layer"]: f for f in gallery.report(model, image) if f["method"] == slug}
            shown = [figures.get(stage["layer"]) for stage in card["stages"]]
            if any(shown):
                rows.append(
                    Row(
                        head=Link(gallery.images[image]["title"], relative(report_page(model, image), page)),
                        figures=[
                            components.in_table(components.figure_view(gallery, f, page, layer_title=True, thumb=True))
                            if f
                            else None
                            for f in shown
                        ],
                        thumb=components.photo(gallery, gallery.images[image], page, thumb=True),
                    )
                )
        columns = [_stage(gallery, model, stage, page) for stage in card["stages"]]
        rest = components.rest(len(gallery.images_of(model)), page)
        matrices.append(Matrix(card["title"], "Image", columns, rows, model, rest))
    return matrices


def _stage(gallery: Gallery, model: str, stage: ModelStage, page: str) -> Link:
    drawn = gallery.at_layer(model, stage["layer"])
    return Link(stage["title"], relative(layer_page(model, stage["layer"]), page) if drawn else "")


def _groups(gallery: Gallery, slug: str, page: str) -> list[Group]:
    """Return pictures that belong to a network and to no image, such as filters."""
    groups = []
    for model, card in gallery.models.items():
        views = [
            components.figure_view(gallery, figure, page, layer_title=True)
            for figure in gallery.report(model, MODEL_LEVEL)
            if figure["method"] == slug
        ]
        if views:
            groups.append(Group(Link(card["title"], relative(model_page(model), page)), views))
    return groups
