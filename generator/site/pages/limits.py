"""What attribution maps cannot say: the page on limits."""

from __future__ import annotations

from dataclasses import dataclass

from generator.core.roles import INPUT

from . import components, format, tutorials
from .case_studies import Seen, listed, seen
from .components import FigureView, Link, Pager
from .manifest_index import NOTHING, Gallery
from .tutorials import CASES, LIMITS
from .urls import hub_page, relative

MEDICAL = ("efficientnet-lite0", "retina")  # a medical image, shown to a network that knows nothing of medicine


@dataclass(frozen=True)
class LimitsPage:
    """What templates/pages/limits.md needs."""

    title: str
    breadcrumb: list[Link]
    pager: list[Pager]
    medical: Seen | None
    input: FigureView | None
    mean: str
    std: str
    spread: str  # of that picture's values once they are normalised
    methods: str
    cases: str


def limits(gallery: Gallery) -> LimitsPage:
    """Return the page on what attribution maps can and cannot show."""
    method = gallery.with_role(INPUT)
    shown = next((f for f in gallery.figures if f["method"] == method and f["status"] == "drawn"), None)
    input = gallery.models[shown["model"]]["input"] if shown else NOTHING
    return LimitsPage(
        title="What attribution maps can and cannot show",
        breadcrumb=tutorials.breadcrumb(LIMITS),
        pager=tutorials.pager(LIMITS),
        medical=seen(gallery, *MEDICAL, LIMITS),
        input=components.figure_view(gallery, shown, LIMITS) if shown else None,
        mean=listed(input.get("mean", ())),
        std=listed(input.get("std", ())),
        spread=" to ".join(format.number(value) for value in shown["range"]) if shown and shown["range"] else "",
        methods=relative(hub_page("methods"), LIMITS),
        cases=relative(CASES, LIMITS),
    )
