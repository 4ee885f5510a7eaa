"""The home page: the most telling row of the gallery and the ways into it."""

from __future__ import annotations

from dataclasses import dataclass

from generator.core.manifest_types import FigureRecord
from generator.core.roles import INPUT

from . import changes, components, format, live
from .attribution import LABEL, RIVAL
from .components import Bar, FigureView, Link, Verdict
from .manifest_index import NOTHING, Gallery
from .method import example
from .report import Block, architecture
from .tutorials import LECTURE, READING
from .urls import home_page, hub_page, model_page, relative, report_page

# Roles of the maps of the front page, the most convincing first; as many as fit are shown.
FRONT = {
    "region": ("Where", "The region that supports the class."),
    "relevance": ("Relevance", "Relevance, propagated from the score back to the pixels."),
    "guided": ("Which details", "Positive influence on the score, by guided backpropagation."),
    "strength": ("How much", "The influence of each pixel on the score."),
    "direction": ("Which way", "The same influence, in colour and direction."),
}
FRONT_MAPS = 3


@dataclass(frozen=True)
class Highlight:
    """One map of the showcase on the front page, with what it shows."""

    title: str
    words: str
    figure: FigureView


@dataclass(frozen=True)
class Showcase:
    """The most telling row of the gallery: one image through one network."""

    report: Link
    model: Link
    title: str
    verdict: Verdict | None
    photo: FigureView
    aspect: float  # width to height that the photo is shown with
    input: FigureView | None
    figures: dict[str, FigureView]  # by role, for the label; drawn ones only
    rival: str
    front: list[Highlight]
    first: FigureView | None  # activations of the first stage
    middle: FigureView | None
    bars: list[Bar]


@dataclass(frozen=True)
class Hub:
    """One of the three ways in."""

    link: Link
    count: str
    figures: list[FigureView]


@dataclass(frozen=True)
class HomePage:
    """What templates/pages/home.md needs."""

    title: str
    description: str
    showcase: Showcase | None
    hubs: list[Hub]
    architecture: list[Block]
    reading: str
    lecture: str
    live: str  # where a visitor can try a picture of one's own; "" where no network can
    changes: Link | None  # of a build against another gallery


def home(gallery: Gallery) -> HomePage:
    """Return the front page."""
    page = home_page()
    report = most_telling(gallery)
    thumbs = [components.photo(gallery, image, page, thumb=True) for image in list(gallery.images.values())[:5]]
    by_look = {
        (style.ramp if (style := gallery.style(slug)).look == "map" else style.name): slug
        for slug in reversed(gallery.methods)
    }
    pictures = [view for method in by_look.values() if (view := example(gallery, method, page, thumb=True))]
    return HomePage(
        title=gallery.site["title"],
        description=gallery.site["description"],
        showcase=showcase(gallery, *report, page) if report else None,
        hubs=[
            Hub(Link("Images", relative(hub_page("images"), page)), format.count(len(gallery.images)), thumbs),
            Hub(Link("Models", relative(hub_page("models"), page)), format.count(len(gallery.models)), []),
            Hub(
                Link("Methods", relative(hub_page("methods"), page)),
                format.count(len(gallery.methods)),
                [view for view in pictures if view.look == "map"][:5],
            ),
        ],
        architecture=architecture(gallery, report[0], page, report_page(*report)) if report else [],
        reading=relative(READING, page),
        lecture=relative(LECTURE, page),
        live=live.href(gallery, "", page),
        changes=_changes(gallery, page),
    )


def _changes(gallery: Gallery, page: str) -> Link | None:
    diff = gallery.manifest.get("changes")
    return Link("What changed", relative(hub_page("changes"), page), changes.summary(diff)) if diff else None


def most_telling(gallery: Gallery) -> tuple[str, str] | None:
    """Model and image of the report to show first: recognised, by the network that sees it largest.

    Among those it is the first, as curators put their best picture first; None where there is no report.
    """
    reports = [(model, image) for image in gallery.images for model in gallery.models_of(image)]
    right = [key for key in reports if gallery.predictions.get(key, NOTHING).get("correct")]
    return max(right or reports, key=lambda key: gallery.models[key[0]]["input"]["size"][-1], default=None)


def showcase(gallery: Gallery, model: str, image: str, page: str) -> Showcase:
    """Return one image through one network, for the pages that show a single example."""
    card, record = gallery.models[model], gallery.images[image]
    activations = gallery.of_layer(model, image)
    stages = [f for s in card["stages"] if (f := activations.get(s["layer"])) and f["sprite"] and len(f["shape"]) == 3]
    drawn = [figure for figure in gallery.report(model, image) if figure["status"] == "drawn" and figure["target"]]
    rivals = _by_role(gallery, [figure for figure in drawn if figure["target"]["role"] in RIVAL])
    labels = _by_role(gallery, [figure for figure in drawn if figure["target"]["role"] in LABEL])
    input_figure = gallery.in_role(model, image, INPUT)
    views = {role: components.figure_view(gallery, figure, page) for role, figure in labels.items()}
    front = [Highlight(*caption, views[role]) for role, caption in FRONT.items() if role in views]
    return Showcase(
        report=Link(record["title"], relative(report_page(model, image), page)),
        model=Link(card["title"], relative(model_page(model), page)),
        title=record["title"],
        verdict=components.verdict(gallery.predictions.get((model, image))),
        photo=components.photo(gallery, record, page),
        aspect=round(min(1.6, max(0.75, record["size"][0] / record["size"][1])), 3),
        input=components.figure_view(gallery, input_figure, page) if input_figure else None,
        figures=views,
        rival=next((f["target"]["name"] for f in rivals.values()), ""),
        front=front[:FRONT_MAPS],
        first=components.figure_view(gallery, stages[0], page) if stages else None,
        middle=components.figure_view(gallery, stages[len(stages) // 2], page) if stages else None,
        bars=components.bars(gallery.predictions.get((model, image))),
    )


def _by_role(gallery: Gallery, figures: list[FigureRecord]) -> dict[str, FigureRecord]:
    """Return the first of some figures for each role that their methods have."""
    roles: dict[str, FigureRecord] = {}
    for figure in figures:
        for role in gallery.roles_of(figure["method"]):
            roles.setdefault(role, figure)
    return roles
