"""The index pages: images, models, methods, and what to read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from generator.core.manifest_types import ImageRecord, MethodRecord, PredictionRecord
from generator.core.naming import slug

from . import components, escape, format, tutorials, urls
from .channel_table import findings_page
from .components import FigureView, Link, Pager, Verdict
from .data_script import data_script
from .home import Showcase, most_telling, showcase
from .manifest_index import Gallery
from .method import example
from .report import Block, architecture
from .tutorials import LECTURE, READING
from .urls import (
    home_page,
    hub_page,
    image_page,
    images_page,
    images_pages,
    images_script,
    method_page,
    model_page,
    relative,
    report_page,
)

OUTSIDE = "outside the model's classes"
CONFIDENCES = {"at least 90 %": 0.9, "50 to 90 %": 0.5, "below 50 %": 0.0}  # probability of the predicted class
STATES = {"right": "right", "wrong": "wrong", "unknown": OUTSIDE}  # of a verdict, in the words of the page
NO_NAME = -1  # in place of the number of a name


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
    first: int  # the number of the first of them among all, from 0 on
    root: str  # the way to the folder of the hub; "" on its first page
    data: str  # the script that brings all images to the filter
    numbers: list[Link]  # of all pages, this one without an address; none where there is but one
    unreadable: list[Unread]  # on the first page
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


def images(gallery: Gallery, number: int = 1) -> ImagesPage:
    """Return a page of the hub of images, from 1 on; each has `urls.PER_PAGE` of them."""
    page, first = images_page(number), (number - 1) * urls.PER_PAGE
    pages = images_pages(len(gallery.images))
    numbers = [Link(str(at), "" if there == page else relative(there, page)) for at, there in enumerate(pages, 1)]
    breadcrumb, root = _breadcrumb("Images", page), relative(hub_page("images"), page).removesuffix("index.html")
    if number > 1:
        breadcrumb[-1:] = [Link("Images", relative(hub_page("images"), page)), Link(f"Page {number}", "")]
    shown = list(gallery.images.values())[first : first + urls.PER_PAGE]
    unreadable = gallery.manifest.get("unreadable", []) if number == 1 else []
    return ImagesPage(
        title="Images" if number == 1 else f"Images, page {number}",
        breadcrumb=breadcrumb,
        images=[_image_card(gallery, image, page) for image in shown],
        first=first,
        root=root,
        data=relative(images_script(), page),
        numbers=numbers if len(pages) > 1 else [],
        unreadable=[Unread(entry["id"], entry["reason"]) for entry in unreadable],
        several=len(gallery.models) > 1,
        outside=OUTSIDE if any(p["correct"] is None for p in gallery.predictions.values()) else "",
    )


def _image_card(gallery: Gallery, image: ImageRecord, page: str) -> ImageCard:
    answers = [
        Answer(Link(gallery.models[model]["title"], relative(report_page(model, image["id"]), page)), verdict)
        for model, verdict in _verdicts(gallery, image)
    ]
    own = relative(image_page(image["id"]), page)
    return ImageCard(
        photo=components.photo(gallery, image, page, thumb=True),
        link=Link(image["title"], answers[0].model.href if len(answers) == 1 else own),
        answers=answers,
    )


def _verdicts(gallery: Gallery, image: ImageRecord) -> list[tuple[str, Verdict]]:
    """Return what each network that has a report of an image predicts, by the network's slug."""
    return [
        (model, verdict)
        for model in gallery.models_of(image["id"])
        if (verdict := components.verdict(gallery.predictions.get((model, image["id"]))))
    ]


def data_scripts(gallery: Gallery) -> dict[str, str]:
    """Return, by place, the script from which the filter of the hub knows all images of all its pages."""
    return {images_script(): data_script("images", image_data(gallery))}


def image_data(gallery: Gallery) -> dict[str, Any]:
    """Return what the filter of the hub knows: the names that stand in it, and numbers of these for each image.

    An image is `[id, title, thumb, width, height, facets, answers]`, an answer `[model, state, predicted, percent,
    label]`; facets, models, states, predictions and labels are places in the lists beside them, a label perhaps
    `NO_NAME`. Names are safe as text, not as HTML.
    """
    facets: dict[str, int] = {}
    names: dict[str, int] = {}
    models, states = list(gallery.models), list(STATES)

    def answer(model: str, verdict: Verdict) -> list[Any]:
        label = _number(names, verdict.label) if verdict.state == "wrong" else NO_NAME
        predicted = _number(names, verdict.predicted)
        return [models.index(model), states.index(verdict.state), predicted, escape.fold(verdict.percent), label]

    cards = []
    for image in gallery.images.values():
        photo = components.photo(gallery, image, hub_page("images"), thumb=True)
        verdicts = _verdicts(gallery, image)
        own = [_number(facets, facet) for facet in _facets(gallery, image, [verdict for _, verdict in verdicts])]
        answers = [answer(model, verdict) for model, verdict in verdicts]
        cards.append([image["id"], escape.fold(image["title"]), photo.src, photo.width, photo.height, own, answers])
    return {
        "models": [[slug, escape.fold(card["title"])] for slug, card in gallery.models.items()],
        "states": states,
        "facets": list(facets),
        "names": list(names),
        "images": cards,
        "page": urls.PER_PAGE,
    }


def _number(names: dict[str, int], name: str) -> int:
    """Return the place of a name in `names`, at whose end it stands from now on where it is new."""
    return names.setdefault(escape.fold(name), len(names))


def _facets(gallery: Gallery, image: ImageRecord, verdicts: list[Verdict]) -> list[str]:
    """Return whether a network was right about an image, what each predicted with what confidence, and its sets, as
    "group=value".
    """
    found = (gallery.predictions.get((model, image["id"])) for model in gallery.models_of(image["id"]))
    predictions = [prediction for prediction in found if prediction]
    states = {STATES[verdict.state] for verdict in verdicts}
    classes = dict.fromkeys(name for prediction in predictions for name in _predicted(prediction))
    named = [("show", state) for state in sorted(states)]
    named += [("class", name) for name in classes]
    named += [("confidence", name) for name in CONFIDENCES if name in map(_confidence, predictions)]
    named += [("set", name) for name in image["sets"]]
    return [f"{group}={escape.fold(name)}" for group, name in named]


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
                architecture=architecture(gallery, model, page, next(iter(shown), "")),
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
