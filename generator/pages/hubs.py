"""The three hubs, the home page and the reading guide: the ways into the gallery."""

from __future__ import annotations

from dataclasses import dataclass

from generator.pages import changes, learn, views
from generator.pages import text as words
from generator.pages.gallery import (
    Gallery,
    Record,
    home_page,
    hub_page,
    image_page,
    method_page,
    model_page,
    relative,
    report_page,
)
from generator.pages.learn import LECTURE, READING
from generator.pages.method import example
from generator.pages.report import LABEL, RIVAL, Block, silhouette
from generator.pages.units import findings_page
from generator.pages.views import Bar, Link, Plate, Steps, Verdict
from generator.types import slug


@dataclass(frozen=True)
class Answer:
    """What one network said about an image."""

    model: Link
    verdict: Verdict


@dataclass(frozen=True)
class ImageCard:
    """An image on its hub; `link` leads to its report where there is but one, else to its own page."""

    photo: Plate
    link: Link
    answers: list[Answer]
    facets: str  # by which the cards can be narrowed, between bars


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
    silhouette: list[Block]
    findings: str  # the page of what stands out in it


@dataclass(frozen=True)
class MethodCard:
    """A method on its hub."""

    link: Link
    summary: str
    plate: Plate | None


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
    """What templates/images.md needs."""

    title: str
    trail: list[Link]
    images: list[ImageCard]
    unreadable: list[Unread]
    several: bool  # more than one network answered


@dataclass(frozen=True)
class ModelsPage:
    """What templates/models.md needs."""

    title: str
    trail: list[Link]
    models: list[ModelCard]
    compare: str  # where two of them stand side by side; "" where none do


@dataclass(frozen=True)
class MethodsPage:
    """What templates/methods.md needs."""

    title: str
    trail: list[Link]
    families: list[Family]
    reading: str


@dataclass(frozen=True)
class Exhibit:
    """The most telling row of the gallery: one image through one network."""

    report: Link
    model: Link
    title: str
    verdict: Verdict | None
    photo: Plate
    aspect: float  # width to height that the photo is shown with
    input: Plate | None
    plates: dict[str, Plate]  # by method, for the label; drawn ones only
    rivals: dict[str, Plate]
    rival: str
    first: Plate | None  # activations of the first stage
    middle: Plate | None
    bars: list[Bar]


@dataclass(frozen=True)
class Hub:
    """One of the three ways in."""

    link: Link
    count: str
    plates: list[Plate]


@dataclass(frozen=True)
class HomePage:
    """What templates/home.md needs."""

    title: str
    description: str
    exhibit: Exhibit | None
    hubs: list[Hub]
    silhouette: list[Block]
    reading: str
    lecture: str
    changes: Link | None  # of a build against another gallery


@dataclass(frozen=True)
class ReadingPage:
    """What templates/reading.md needs."""

    title: str
    trail: list[Link]
    steps: list[Steps]
    exhibit: Exhibit | None
    methods: str
    lecture: str


def images(gallery: Gallery) -> ImagesPage:
    """The hub of images."""
    page = hub_page("images")
    return ImagesPage(
        title="Images",
        trail=_trail("Images", page),
        images=[_image_card(gallery, image, page) for image in gallery.images.values()],
        unreadable=[Unread(one["id"], one["reason"]) for one in gallery.manifest.get("unreadable", [])],
        several=len(gallery.models) > 1,
    )


def _image_card(gallery: Gallery, image: Record, page: str) -> ImageCard:
    answers = [
        Answer(Link(gallery.models[model]["title"], relative(report_page(model, image["id"]), page)), said)
        for model in gallery.models_of(image["id"])
        if (said := views.verdict(gallery.predictions.get((model, image["id"]))))
    ]
    own = relative(image_page(image["id"]), page)
    return ImageCard(
        photo=views.photo(gallery, image, page, thumb=True),
        link=Link(image["title"], answers[0].model.href if len(answers) == 1 else own),
        answers=answers,
        facets="|".join(_facets(image, answers)),
    )


def _facets(image: Record, answers: list[Answer]) -> list[str]:
    """The sets of an image, and whether a network was right or wrong about it."""
    states = {answer.verdict.state for answer in answers} - {"unknown"}
    return [words.fold(name).replace("|", " ") for name in (*image["sets"], *sorted(states))]


def models(gallery: Gallery) -> ModelsPage:
    """The hub of models."""
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
                parameters=words.short_count(card["parameters"]),
                nonzero=words.short_count(card["nonzero"]) if card["derived_from"] else "",
                macs=words.short_count(card["macs"]),
                accuracy=words.percent(card["accuracy"]["top1"]) if card["accuracy"].get("top1") is not None else "",
                layers=words.count(len(card["layers"])),
                score=f"{sum(judged)} of {len(judged)}" if judged else "",
                silhouette=silhouette(gallery, model, page, walk_of),
                findings=relative(findings_page(model), page),
            )
        )
    compare = relative(hub_page("compare"), page) if gallery.pairs else ""
    return ModelsPage(title="Models", trail=_trail("Models", page), models=cards, compare=compare)


def methods(gallery: Gallery) -> MethodsPage:
    """The hub of methods, by family."""
    page = hub_page("methods")
    families = [
        Family(slug(family), title, summary, [_method_card(gallery, card, page) for card in cards])
        for family, title, summary, cards in gallery.families()
    ]
    return MethodsPage(
        title="Methods", trail=_trail("Methods", page), families=families, reading=relative(READING, page)
    )


def _method_card(gallery: Gallery, card: Record, page: str) -> MethodCard:
    link = Link(card["title"], relative(method_page(card["slug"]), page))
    return MethodCard(link, card["summary"], example(gallery, card["slug"], page, thumb=True))


def home(gallery: Gallery) -> HomePage:
    """The front page."""
    page = home_page()
    report = most_telling(gallery)
    thumbs = [views.photo(gallery, image, page, thumb=True) for image in list(gallery.images.values())[:5]]
    by_look = {views.RAMPS.get(card["draw"], card["draw"]): slug for slug, card in reversed(gallery.methods.items())}
    pictures = [plate for method in by_look.values() if (plate := example(gallery, method, page, thumb=True))]
    return HomePage(
        title=gallery.site["title"],
        description=gallery.site["description"],
        exhibit=exhibit(gallery, *report, page) if report else None,
        hubs=[
            Hub(Link("Images", relative(hub_page("images"), page)), words.count(len(gallery.images)), thumbs),
            Hub(Link("Models", relative(hub_page("models"), page)), words.count(len(gallery.models)), []),
            Hub(
                Link("Methods", relative(hub_page("methods"), page)),
                words.count(len(gallery.methods)),
                [plate for plate in pictures if plate.look == "map"][:5],
            ),
        ],
        silhouette=silhouette(gallery, report[0], page, report_page(*report)) if report else [],
        reading=relative(READING, page),
        lecture=relative(LECTURE, page),
        changes=_changes(gallery, page),
    )


def _changes(gallery: Gallery, page: str) -> Link | None:
    told = gallery.manifest.get("changes")
    return Link("What changed", relative(hub_page("changes"), page), changes.summary(told)) if told else None


def reading(gallery: Gallery) -> ReadingPage:
    """How to read the pictures, for someone who never saw a network from inside."""
    report = most_telling(gallery)
    return ReadingPage(
        title="How to read the pictures",
        trail=learn.trail(READING),
        steps=learn.steps(READING),
        exhibit=exhibit(gallery, *report, READING) if report else None,
        methods=relative(hub_page("methods"), READING),
        lecture=relative(LECTURE, READING),
    )


def _trail(title: str, page: str) -> list[Link]:
    return [Link("Home", relative(home_page(), page)), Link(title, "")]


def most_telling(gallery: Gallery) -> tuple[str, str] | None:
    """Model and image of the report to show first: recognised, by the network that sees it largest.

    Among those it is the first, as curators put their best picture first; None where there is no report.
    """
    reports = [(model, image) for image in gallery.images for model in gallery.models_of(image)]
    right = [key for key in reports if gallery.predictions.get(key, {}).get("correct")]
    return max(right or reports, key=lambda key: gallery.models[key[0]]["input"]["size"][-1], default=None)


def exhibit(gallery: Gallery, model: str, image: str, page: str) -> Exhibit:
    """One image through one network, for the pages that show a single example."""
    card, record = gallery.models[model], gallery.images[image]
    activations = gallery.of_layer(model, image)
    stages = [f for s in card["stages"] if (f := activations.get(s["layer"])) and f["sprite"] and len(f["shape"]) == 3]
    drawn = [figure for figure in gallery.report(model, image) if figure["status"] == "drawn" and figure["target"]]
    rivals = {f["method"]: f for f in reversed(drawn) if f["target"]["role"] in RIVAL}
    input_figure = gallery.find(model, image, "input")
    return Exhibit(
        report=Link(record["title"], relative(report_page(model, image), page)),
        model=Link(card["title"], relative(model_page(model), page)),
        title=record["title"],
        verdict=views.verdict(gallery.predictions.get((model, image))),
        photo=views.photo(gallery, record, page),
        aspect=round(min(1.6, max(0.75, record["size"][0] / record["size"][1])), 3),
        input=views.plate(gallery, input_figure, page) if input_figure else None,
        plates={f["method"]: views.plate(gallery, f, page) for f in reversed(drawn) if f["target"]["role"] in LABEL},
        rivals={method: views.plate(gallery, figure, page) for method, figure in rivals.items()},
        rival=next((f["target"]["name"] for f in rivals.values()), ""),
        first=views.plate(gallery, stages[0], page) if stages else None,
        middle=views.plate(gallery, stages[len(stages) // 2], page) if stages else None,
        bars=views.bars(gallery.predictions.get((model, image))),
    )
