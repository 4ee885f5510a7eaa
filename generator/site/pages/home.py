"""The home page: the most telling row of the gallery and the ways into it."""

from __future__ import annotations

from dataclasses import dataclass

from generator.core.manifest_types import FigureRecord
from generator.core.roles import INPUT

from . import changes, compare_any, components, faithfulness, format, front_stage, live
from .attribution import LABEL, RIVAL
from .components import Bar, FigureView, Link, Verdict
from .manifest_index import NOTHING, Gallery
from .method import example
from .report import Block, architecture
from .tutorials import LECTURE, READING
from .urls import figure_page, home_page, hub_page, model_page, relative, report_page


@dataclass(frozen=True)
class Showcase:
    """One image through one network, for the pages that show a single example."""

    report: Link
    model: Link
    title: str
    verdict: Verdict | None
    input: FigureView | None
    figures: dict[str, FigureView]  # by role, for the label; drawn ones only
    rival: str
    first: FigureView | None  # activations of the first stage
    bars: list[Bar]


@dataclass(frozen=True)
class Proof:
    """A claim about the gallery, with the place where it can be checked."""

    title: Link
    words: str


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
    stage: front_stage.Stage | None
    proofs: list[Proof]
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
        stage=front_stage.stage(gallery, *report, page) if report else None,
        proofs=_proofs(gallery, *report, page) if report else [],
        hubs=[
            Hub(Link("Images", relative(hub_page("images"), page)), format.count(len(gallery.images)), thumbs),
            Hub(Link("Models", relative(hub_page("models"), page)), format.count(len(gallery.models)), []),
            Hub(
                Link("Methods", relative(hub_page("methods"), page)),
                format.count(len(gallery.methods)),
                [view for view in pictures if view.look == "map"][:5],
            ),
        ],
        architecture=architecture(gallery, report[0], page, report[1]) if report else [],
        reading=relative(READING, page),
        lecture=relative(LECTURE, page),
        live=live.href(gallery, "", page),
        changes=_changes(gallery, page),
    )


def _changes(gallery: Gallery, page: str) -> Link | None:
    diff = gallery.manifest.get("changes")
    return Link("What changed", relative(hub_page("changes"), page), changes.summary(diff)) if diff else None


def most_telling(gallery: Gallery) -> tuple[str, str] | None:
    """Model and image of the report to show first: recognised, by the network that sees it largest, and with most maps.

    Among those it is the first, as curators put their best picture first; None where there is no report.
    """
    reports = [(model, image) for image in gallery.images for model in gallery.models_of(image)]
    right = [key for key in reports if gallery.predictions.get(key, NOTHING).get("correct")]

    def worth(key: tuple[str, str]) -> tuple[int, int]:
        return gallery.models[key[0]]["input"]["size"][-1], len(front_stage.tabs_of(gallery, *key))

    return max(right or reports, key=worth, default=None)


def _proofs(gallery: Gallery, model: str, image: str, page: str) -> list[Proof]:
    """Return what distinguishes the gallery from a folder of pictures, each with a place of this gallery."""
    tabs = front_stage.tabs_of(gallery, model, image)
    figure = gallery.find(model, image, tabs[0], LABEL) if tabs else None
    cited = relative(figure_page(figure) if figure else report_page(model, image), page)
    return [
        Proof(
            Link("Every figure can be cited", cited),
            "Each has its own page: permanent URL, credit and licence, BibTeX, SHA-256 of image and weights.",
        ),
        _measured(gallery, model, image, page),
        _compared(gallery, page),
    ]


def _measured(gallery: Gallery, model: str, image: str, page: str) -> Proof:
    """Return where the methods' ranking stands, or the report that measures its maps; else what methods state."""
    words = "Deletion and insertion AUC, beside model-independent baselines such as a random map."
    if faithfulness.is_ranked(gallery, model):
        return Proof(Link("Methods are measured", relative(f"{model_page(model)}#belief", page)), words)
    if any(figure["evidence"] for figure in gallery.report(model, image)):
        return Proof(Link("Methods are measured", relative(f"{report_page(model, image)}#evidence", page)), words)
    return Proof(
        Link("Methods state their limits", relative(hub_page("methods"), page)),
        "Formula, source, how to read the map and where it misleads, a page for each.",
    )


def _compared(gallery: Gallery, page: str) -> Proof:
    """Return where this gallery is compared with an earlier one; in one that is not, where any two figures are."""
    if "changes" in gallery.manifest:
        return Proof(
            Link("Pull requests show what changed", relative(hub_page("changes"), page)),
            "innerview diff sets two builds side by side; in CI it comments each changed figure, before and after.",
        )
    return Proof(
        Link("Any two figures can be compared", relative(compare_any.COMPARE_FIGURES, page)),
        "Slider, blink and difference; the URL keeps the selection. innerview diff does it for whole pull requests.",
    )


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
    return Showcase(
        report=Link(record["title"], relative(report_page(model, image), page)),
        model=Link(card["title"], relative(model_page(model), page)),
        title=record["title"],
        verdict=components.verdict(gallery.predictions.get((model, image))),
        input=components.figure_view(gallery, input_figure, page) if input_figure else None,
        figures=views,
        rival=next((f["target"]["name"] for f in rivals.values()), ""),
        first=components.figure_view(gallery, stages[0], page) if stages else None,
        bars=components.bars(gallery.predictions.get((model, image))),
    )


def _by_role(gallery: Gallery, figures: list[FigureRecord]) -> dict[str, FigureRecord]:
    """Return the first of some figures for each role that their methods have."""
    roles: dict[str, FigureRecord] = {}
    for figure in figures:
        for role in gallery.roles_of(figure["method"]):
            roles.setdefault(role, figure)
    return roles
