"""The index pages: images, models, methods, and what to read."""

from __future__ import annotations

from dataclasses import dataclass

from generator.core.manifest_types import ImageRecord, MethodRecord, PredictionRecord
from generator.core.naming import slug

from . import components, escape, format, tutorials
from .channel_table import findings_page
from .components import FigureView, Link, Pager, Verdict
from .home import Showcase, most_telling, showcase
from .manifest_index import Gallery
from .method import example
from .report import Block, architecture
from .tutorials import LECTURE, READING
from .urls import home_page, hub_page, image_page, method_page, model_page, relative, report_page

OUTSIDE = "outside the model's classes"
CONFIDENCES = {"at least 90 %": 0.9, "50 to 90 %": 0.5, "below 50 %": 0.0}  # probability of the predicted class
STATES = {"right": "right", "wrong": "wrong", "unknown": OUTSIDE}  # of a verdict, in the words of the page


@dataclass(frozen=True)
class Answer:
    """What one network said about an image."""

    model: Link
    verdict: Verdict


@dataclass(frozen=True)
class ImageCard:
    """An image on its hub; `link` leads to its report where there is but one, else to its own page."""

    photo: FigureView
    link: Link
    answers: list[Answer]
    facets: str  # by which the cards can be narrowed, "group=value" between bars


@dataclass(frozen=True)
class ModelCard:
    """A network on its hub."""

    link: Link
    note: str
    parameters: str
    nonzero: str  # of these; "" where none was pruned
    macs: str
    accuracy: str
    layers: str
    score: str
    architecture: list[Block]
    findings: str  # the page of what stands out in it


@dataclass(frozen=True)
class MethodCard:
    """A method on its hub."""

    link: Link
    summary: str
    figure: FigureView | None


@dataclass(frozen=True)
class Family:
    """The methods of one family on their hub."""

    id: str
    title: str
    summary: str
    methods: list[MethodCard]


@dataclass(frozen=True)
class Unread:
    """A file of the set that is no picture, or cannot be read."""

    name: str
    reason: str


@dataclass(frozen=True)
class ImagesPage:
    """What templates/pages/images.md needs."""

    title: str
    breadcrumb: list[Link]
    images: list[ImageCard]
    unreadable: list[Unread]
    several: bool  # more than one network answered
    outside: str  # what is written beside answers to images that have no class in the model; "" where there are none


@dataclass(frozen=True)
class ModelsPage:
    """What templates/pages/models.md needs."""

    title: str
    breadcrumb: list[Link]
    models: list[ModelCard]
    compare: str  # where two of them stand side by side; "" where none do


@dataclass(frozen=True)
class MethodsPage:
    """What templates/pages/methods.md needs."""

    title: str
    breadcrumb: list[Link]
    families: list[Family]
    reading: str


@dataclass(frozen=True)
class ReadingPage:
    """What templates/pages/reading.md needs."""

    title: str
    breadcrumb: list[Link]
    pager: list[Pager]
    showcase: Showcase | None
    methods: str
    lecture: str


def images(gallery: Gallery) -> ImagesPage:
    """Return the hub of images."""
    page = hub_page("images")
    return ImagesPage(
        title="Images",
        breadcrumb=_breadcrumb("Images", page),
        images=[_image_card(gallery, image, page) for image in gallery.images.values()],
        unreadable=[Unread(entry["id"], entry["reason"]) for entry in gallery.manifest.get("unreadable", [])],
        several=len(gallery.models) > 1,
        outside=OUTSIDE if any(p["correct"] is None for p in gallery.predictions.values()) else "",
    )


def _image_card(gallery: Gallery, image: ImageRecord, page: str) -> ImageCard:
    found = (gallery.predictions.get((model, image["id"])) for model in gallery.models_of(image["id"]))
    predictions = [prediction for prediction in found if prediction]
    answers = [
        Answer(Link(gallery.models[model]["title"], relative(report_page(model, image["id"]), page)), verdict)
        for model in gallery.models_of(image["id"])
        if (verdict := components.verdict(gallery.predictions.get((model, image["id"]))))
    ]
    own = relative(image_page(image["id"]), page)
    return ImageCard(
        photo=components.photo(gallery, image, page, thumb=True),
        link=Link(image["title"], answers[0].model.href if len(answers) == 1 else own),
        answers=answers,
        facets="|".join(_facets(image, answers, predictions)),
    )


def _facets(image: ImageRecord, answers: list[Answer], predictions: list[PredictionRecord]) -> list[str]:
    """Return whether a network was right about an image, what each predicted with what confidence, and its sets."""
    states = {STATES[answer.verdict.state] for answer in answers}
    classes = dict.fromkeys(name for prediction in predictions for name in _predicted(prediction))
    named = [("show", state) for state in sorted(states)]
    named += [("class", name) for name in classes]
    named += [("confidence", name) for name in CONFIDENCES if name in map(_confidence, predictions)]
    named += [("set", name) for name in image["sets"]]
    return [f"{group}={escape.fold(name).replace('|', ' ')}" for group, name in named]


def _predicted(prediction: PredictionRecord) -> list[str]:
    """Return the classes that a network predicts; none for values and masks."""
    if prediction.get("kind") in ("value", "mask") or not prediction["top"]:
        return []
    return prediction["above"] if prediction.get("kind") == "labels" else [prediction["top"][0]["name"]]


def _confidence(prediction: PredictionRecord) -> str:
    """Return the probability of the predicted class as one of `CONFIDENCES`; "" where there is no such class."""
    if prediction.get("kind", "classes") not in ("classes", "binary") or not prediction["top"]:
        return ""
    probability = prediction["top"][0]["probability"]
    return next(name for name, least in CONFIDENCES.items() if probability >= least)


def models(gallery: Gallery) -> ModelsPage:
    """Return the hub of models."""
    page = hub_page("models")
    cards = []
    for model, card in gallery.models.items():
        shown = gallery.images_of(model)
        walk_of = report_page(model, shown[0]) if shown else model_page(model)
        judged = [
            p["correct"] for p in gallery.predictions.values() if p["model"] == model and p["correct"] is not None
        ]
        cards.append(
            ModelCard(
                link=Link(card["title"], relative(model_page(model), page)),
                note=card["note"],
                parameters=format.short_count(card["parameters"]),
                nonzero=format.short_count(card["nonzero"]) if card["derived_from"] else "",
                macs=format.short_count(card["macs"]),
                accuracy=format.percent(card["accuracy"]["top1"]) if card["accuracy"].get("top1") is not None else "",
                layers=format.count(len(card["layers"])),
                score=f"{sum(judged)} of {len(judged)}" if judged else "",
                architecture=architecture(gallery, model, page, walk_of),
                findings=relative(findings_page(model), page),
            )
        )
    compare = relative(hub_page("compare"), page) if gallery.pairs else ""
    return ModelsPage(title="Models", breadcrumb=_breadcrumb("Models", page), models=cards, compare=compare)


def methods(gallery: Gallery) -> MethodsPage:
    """Return the hub of methods, by family."""
    page = hub_page("methods")
    families = [
        Family(slug(family), title, summary, [_method_card(gallery, card, page) for card in cards])
        for family, title, summary, cards in gallery.families()
    ]
    return MethodsPage(
        title="Methods", breadcrumb=_breadcrumb("Methods", page), families=families, reading=relative(READING, page)
    )


def _method_card(gallery: Gallery, card: MethodRecord, page: str) -> MethodCard:
    link = Link(card["title"], relative(method_page(card["slug"]), page))
    return MethodCard(link, card["summary"], example(gallery, card["slug"], page, thumb=True))


def reading(gallery: Gallery) -> ReadingPage:
    """Return how to read the pictures, for someone who never saw a network from inside."""
    report = most_telling(gallery)
    return ReadingPage(
        title="How to read the figures",
        breadcrumb=tutorials.breadcrumb(READING),
        pager=tutorials.pager(READING),
        showcase=showcase(gallery, *report, READING) if report else None,
        methods=relative(hub_page("methods"), READING),
        lecture=relative(LECTURE, READING),
    )


def _breadcrumb(title: str, page: str) -> list[Link]:
    return [Link("Home", relative(home_page(), page)), Link(title, "")]
