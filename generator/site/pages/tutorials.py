"""The shelf of pages that teach: one list, from which their hub, their way back and their neighbours come."""

from __future__ import annotations

from dataclasses import dataclass

from generator.core.roles import FILTERS, INPUT

from . import components
from .components import FigureView, Link, Pager
from .manifest_index import Gallery
from .urls import home_page, relative

LEARN = "learn.html"
READING = "reading.html"
LECTURE = "lecture.html"
GROWTH = "growth.html"
CASES = "cases.html"
LIMITS = "limits.html"
GLOSSARY = "glossary.html"


@dataclass(frozen=True)
class Lesson:
    """A page of the shelf, as the hub offers it."""

    page: str
    title: str
    words: str  # for whom it is and what one knows afterwards
    role: str = ""  # of the method of whose pictures one stands beside it


# In the order in which one would read them; `nav` in mkdocs.yml lists the same pages.
SHELF = [
    Lesson(
        READING,
        "How to read the figures",
        "Start here if attribution maps are new to you: what the colours mean, and what they do not.",
        INPUT,
    ),
    Lesson(
        LECTURE,
        "A lecture in figures",
        "A course from the first kernel to medicine and safety, with a live figure for each topic.",
        FILTERS,
    ),
    Lesson(
        GROWTH,
        "How the architectures grew",
        "From AlexNet to EfficientNet in plots: parameters, compute, depth, receptive field, and what each changed.",
    ),
    Lesson(
        CASES,
        "Case studies",
        "Worked examples: what a map suggested about a network, and how the suggestion was tested.",
        "region",
    ),
    Lesson(
        LIMITS,
        "What attribution maps can and cannot show",
        "Before decisions depend on a map: medicine, safety, and how input normalisation changes what a map means.",
        "covered",
    ),
    Lesson(GLOSSARY, "Glossary", "Every term of this site in a sentence or two, and the measures of faithfulness."),
]


@dataclass(frozen=True)
class Offer:
    """A lesson on the hub, with a picture of the gallery where there is one."""

    link: Link
    figure: FigureView | None


@dataclass(frozen=True)
class LearnPage:
    """What templates/learn.md needs."""

    title: str
    breadcrumb: list[Link]
    lessons: list[Offer]


def learn(gallery: Gallery) -> LearnPage:
    """Return the hub of the pages that teach."""
    return LearnPage(
        title="Learn",
        breadcrumb=[Link("Home", relative(home_page(), LEARN)), Link("Learn", "")],
        lessons=[
            Offer(Link(lesson.title, relative(lesson.page, LEARN), lesson.words), _picture(gallery, lesson.role))
            for lesson in SHELF
        ],
    )


def _picture(gallery: Gallery, role: str) -> FigureView | None:
    method = gallery.with_role(role)
    drawn = (figure for figure in gallery.figures if figure["method"] == method and figure["status"] == "drawn")
    figure = next(drawn, None)
    return components.figure_view(gallery, figure, LEARN, thumb=True) if figure else None


def breadcrumb(page: str) -> list[Link]:
    """Return the way back from a page of the shelf."""
    title = next(lesson.title for lesson in SHELF if lesson.page == page)
    return [Link("Home", relative(home_page(), page)), Link("Learn", relative(LEARN, page)), Link(title, "")]


def pager(page: str) -> list[Pager]:
    """Return the pages before and after a page of the shelf."""
    titles = {lesson.page: lesson.title for lesson in SHELF}
    return [components.pager("page", list(titles), page, lambda other: Link(titles[other], relative(other, page)))]
