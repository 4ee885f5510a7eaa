"""The lecture page: the headings of a course on seeing into networks, each with a figure of this gallery."""

from __future__ import annotations

from dataclasses import dataclass

from generator.core.manifest_types import FigureRecord
from generator.core.roles import ACTIVATIONS, FILTERS, INPUT

from . import components, tutorials
from .attribution import LABEL, RIVAL
from .components import FigureView, Link, Pager
from .manifest_index import MODEL_LEVEL, NOTHING, Gallery
from .report import Block, architecture
from .tutorials import LECTURE, READING
from .urls import method_page, model_page, pair_page, relative, report_page


@dataclass(frozen=True)
class Topic:
    """One heading, and the figure that it is about."""

    id: str
    title: str
    figure: FigureView | None
    of: Link  # the report, or the network, that the figure is taken from
    method: Link


@dataclass(frozen=True)
class LecturePage:
    """What templates/pages/lecture.md needs."""

    title: str
    breadcrumb: list[Link]
    pager: list[Pager]
    topics: dict[str, Topic]  # in order; only those that the gallery has a figure for
    architecture: list[Block]
    model: Link
    reading: str
    compare: str  # the pruned network beside its dense one; "" where no such pages are


# Heading, roles of methods that may stand for it, and for which class: the label's, the rival's or none.
TOPICS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "cnns": ("What a convolutional network is", (INPUT,), ()),
    "architectures": ("Architectures", (), ()),
    "kernels": ("Kernels", (FILTERS,), ()),
    "activations": ("Activations", (ACTIVATIONS,), ()),
    "backprop": ("Backpropagation to the picture", ("direction", "strength"), LABEL),
    "deconvolution": ("Deconvolution", ("transposed",), LABEL),
    "guided": ("Guided backpropagation", ("guided",), LABEL),
    "cam": ("CAM", ("class-map",), LABEL),
    "grad-cam": ("Grad-CAM", ("region",), LABEL),
    "maximisation": ("Pictures that a unit likes best", ("favourites",), ()),
    "dreams": ("Dreams", ("dream",), ()),
    "style": ("Style", ("restyled",), ()),
    "pruning": ("Pruning", ("region", "strength", ACTIVATIONS), LABEL),
    "debugging": ("Applications: debugging", ("region", "strength"), ()),
    "medicine": ("Applications: medicine", ("region", "covered", "class-map"), RIVAL),
    "safety": ("Applications: safety", ("sign", "direction"), RIVAL),
}


# The network and image whose figure shows the point best, chosen by looking: large first kernels, pixel methods without
# the lattice that depthwise convolutions leave, a medical image. Where a gallery has it not, its first figure stands.
SHOWN_BEST = {
    "kernels": ("imagenette", MODEL_LEVEL),
    "backprop": ("imagenette", "cocker-spaniels"),
    "deconvolution": ("imagenette", "cocker-spaniels"),
    "guided": ("vgg-cifar10", "chelsea"),
    "medicine": ("efficientnet-lite0", "retina"),
}


def lecture(gallery: Gallery) -> LecturePage:
    """Return the page of the lecture."""
    first = next(iter(gallery.models), "")
    topics = {id: topic for id in TOPICS if (topic := _topic(gallery, id, first))}
    pruned = _pruned(gallery)
    reports = gallery.images_of(first) if first else []
    return LecturePage(
        title="A lecture in figures",
        breadcrumb=tutorials.breadcrumb(LECTURE),
        pager=tutorials.pager(LECTURE),
        topics=topics,
        architecture=architecture(gallery, first, LECTURE, next(iter(reports), "")) if first else [],
        model=Link(gallery.models[first]["title"], relative(model_page(first), LECTURE)) if first else Link("", ""),
        reading=relative(READING, LECTURE),
        compare=next((relative(pair_page(*pair), LECTURE) for pair in gallery.pairs if pruned in pair), ""),
    )


def _topic(gallery: Gallery, id: str, model: str) -> Topic | None:
    """Return the heading with the first figure of the gallery that can stand for it."""
    title, parts, roles = TOPICS[id]
    if id == "architectures":
        card = gallery.models.get(model)
        return Topic(id, title, None, _of(gallery, model, MODEL_LEVEL), Link("", "")) if card else None
    for method in (method for part in parts for method in gallery.methods_with(part)):
        figure = _first(gallery, id, method, roles)
        if figure:
            view = components.figure_view(gallery, figure, LECTURE)
            shown = Link(gallery.methods[method]["title"], relative(method_page(method), LECTURE))
            return Topic(id, title, view, _of(gallery, figure["model"], figure["image"]), shown)
    return None


def _first(gallery: Gallery, id: str, method: str, roles: tuple[str, ...]) -> FigureRecord | None:
    if method not in gallery.methods:
        return None
    stages = {(model, stage["layer"]) for model, card in gallery.models.items() for stage in card["stages"]}
    best = SHOWN_BEST.get(id)
    for figure in sorted(gallery.figures, key=lambda figure: (figure["model"], figure["image"]) != best):
        if figure["method"] != method or figure["status"] != "drawn":
            continue
        if roles and (figure["target"] or NOTHING).get("role") not in roles:
            continue
        if method == gallery.activations and (figure["model"], figure["layer"]) not in stages:
            continue
        if id == "pruning" and figure["model"] != _pruned(gallery):
            continue
        if id == "debugging" and not _of_worst_answer(gallery, figure):
            continue
        return figure
    return None


def _of_worst_answer(gallery: Gallery, figure: FigureRecord) -> bool:
    """Return whether it explains what was said where a network was wrong, or nowhere wrong and least sure."""
    answers = [prediction for prediction in gallery.predictions.values() if prediction["top"]]
    worst = min(answers, key=lambda p: (p["correct"] is not False, p["top"][0]["probability"]), default=None)
    if not worst or (figure["model"], figure["image"]) != (worst["model"], worst["image"]):
        return False
    return bool(figure["target"]) and figure["target"]["name"] == worst["top"][0]["name"]


def _pruned(gallery: Gallery) -> str:
    """Return the first network that is what is left of another one."""
    for slug, card in gallery.models.items():
        if card["derived_from"] and card["nonzero"] < card["parameters"]:
            return slug
    return ""


def _of(gallery: Gallery, model: str, image: str) -> Link:
    card = gallery.models[model]["title"]
    if image not in gallery.images:
        return Link(card, relative(model_page(model), LECTURE))
    return Link(f"{gallery.images[image]['title']} in {card}", relative(report_page(model, image), LECTURE))
