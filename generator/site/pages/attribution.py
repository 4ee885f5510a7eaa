"""The attribution maps of a report, as its stage shows them: by family, equal maps once, empty maps named as empty."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from generator.core.manifest_types import EvidenceRecord, FigureRecord, MethodRecord
from generator.core.roles import INPUT

from . import components, faithfulness, format
from .components import FigureView, Link
from .faithfulness import Spark
from .manifest_index import NOTHING, Gallery
from .urls import figure_page, layer_page, method_page, model_page, relative

LABEL, RIVAL = ("label", "top"), ("rival",)  # roles of the two classes that a report explains
LARGEST = 480  # screen pixels of the longer side of a map on the stage
EVIDENCE = "evidence"  # anchor of the section with the measures


@dataclass(frozen=True)
class Shown:
    """One map of a view: for one of the two classes, or one for all."""

    figure: FigureView
    target: str  # "label" or "rival"; "" where the view has one map alone
    of: str  # the class with its probability: `frog, 87.1 %`
    empty: str  # `no positive evidence` of a map without any; else ""
    layer: Link | None
    equal: list[Link]  # to those of the equal figures of other methods, with their range of values as notes
    spark: Spark | None  # its faithfulness


@dataclass(frozen=True)
class View:
    """What the stage shows at a time: the maps of one method, or of several methods whose maps are equal."""

    key: str  # slug of the method, the first of several
    also: str  # slugs of the others, separated by spaces
    title: str  # `CAM = Grad-CAM`
    tile: str  # the same for the filmstrip: `CAM`
    tile_note: str  # `= Grad-CAM`
    methods: list[Link]  # to their pages, with their summaries as notes
    reason: str  # why the maps are equal; "" of one method
    shown: list[Shown]
    thumb: FigureView
    score: str  # insertion minus deletion AUC of the first map; "" where that was not measured
    order: float | None  # the same as a number
    curves: str  # the id of its curves, which the table of evidence shows again


@dataclass(frozen=True)
class Family:
    """The views of one family of methods."""

    title: str
    summary: str
    views: list[View]


@dataclass(frozen=True)
class Measured:
    """A row of the table of evidence."""

    title: Link  # to the map on the stage
    spark: Spark | None
    curves: str  # the id of what that shows, on the stage
    deletion: str
    insertion: str
    score: str
    control: bool  # a baseline that does not depend on the model


@dataclass(frozen=True)
class Evidence:
    """How faithful the maps of one report are."""

    rows: list[Measured]  # the most faithful first; empty where nothing was measured
    of: str  # the class whose probability the curves show
    ranking: Link | None  # all methods of the network, over many images


def opened(shown: list[Family], preferred: str) -> str:
    """Return the key of the view that the stage begins with: that of the method `preferred` (slug), or else the first
    one; both only where they have a picture with something in it, if any view has.
    """
    views = [view for family in shown for view in family.views]
    telling = [view for view in views if any(map.figure.src and not map.empty for map in view.shown)] or views
    chosen = next((view for view in telling if preferred in (view.key, *view.also.split())), None)
    return chosen.key if chosen else telling[0].key if telling else ""


def families(gallery: Gallery, model: str, image: str, page: str, leave: Callable[[str], bool]) -> list[Family]:
    """Return the maps of a report (slugs) by family, in the order of the gallery.

    Methods for which `leave(slug)` holds have their place elsewhere. Methods whose maps have equal digests for each
    class are one view, at the place of the first; empty maps are equal only where the architecture makes them so.
    """
    groups: dict[tuple, list[tuple[MethodRecord, list[FigureRecord]]]] = {}
    listed = []
    for _, title, summary, cards in gallery.families():
        keys = []
        for card in cards:
            figures = [] if leave(card["slug"]) else _of_method(gallery, model, image, card["slug"])
            if not figures:
                continue
            key = _equality(gallery, model, figures) or (card["slug"],)
            if key not in groups:
                keys.append(key)
            groups.setdefault(key, []).append((card, figures))
        listed.append((title, summary, keys))
    return [
        Family(title, summary, [_view(gallery, groups[key], page) for key in keys])
        for title, summary, keys in listed
        if keys
    ]


def evidence(gallery: Gallery, model: str, image: str, shown: Sequence[Family], page: str) -> Evidence:
    """Return the measures of the maps on the stage for the label, beside those of the random map."""
    rows, of = [], ""
    for view in (view for family in shown for view in family.views):
        figure = gallery.find(model, image, view.key, LABEL) or gallery.find(model, image, view.key)
        scores = _scores((figure or NOTHING).get("evidence") or {})
        if scores is None:
            continue
        of = of or view.shown[0].figure.target
        to_map, spark = Link(view.title, f"#{anchor(view)}"), view.shown[0].spark
        row = Measured(to_map, spark, view.curves, *_texts(scores), control=False)
        rows.append((scores, row))
    control = _scores(faithfulness.control_of(gallery, model, image, faithfulness.RANDOM)) if rows else None
    if control:
        rows.append((control, Measured(Link("Random map (baseline)", ""), None, "", *_texts(control), control=True)))
    rows.sort(key=lambda row: row[0][0] - row[0][1])
    ranking = Link("All methods ranked for this network", relative(f"{model_page(model)}#belief", page))
    return Evidence([row for _, row in rows], of, ranking if faithfulness.is_ranked(gallery, model) else None)


def anchor(view: View) -> str:
    """Return where a view stands on the page."""
    return f"map-{view.key}"


# --- which maps are equal -----------------------------------------------------------------------------


def _of_method(gallery: Gallery, model: str, image: str, method: str) -> list[FigureRecord]:
    """Return the map of a method for the label, and that for the rival where it is another."""
    label = gallery.find(model, image, method, LABEL) or gallery.find(model, image, method)
    rival = gallery.find(model, image, method, RIVAL)
    return [figure for figure in (label, rival if rival is not label else None) if figure]


def _equality(gallery: Gallery, model: str, figures: Iterable[FigureRecord]) -> tuple | None:
    """Return what the figures of equal methods share; None of figures that equal no others."""
    figures = list(figures)
    if any(figure["status"] != "drawn" or not figure["digest"] for figure in figures):
        return None
    if all(map(_is_zero, figures)) and not _linear_head(gallery, model, figures[0]["layer"]):
        return None  # nothing is equal to nothing
    return tuple(((figure["target"] or NOTHING).get("role", ""), figure["digest"]) for figure in figures)


def _is_zero(figure: FigureRecord) -> bool:
    return figure["status"] == "drawn" and figure["range"] is not None and tuple(figure["range"]) == (0, 0)


def _linear_head(gallery: Gallery, model: str, layer: str) -> bool:
    """Return whether a mean over space and one linear layer are all that follows a layer."""
    layers = gallery.models[model]["layers"]
    names = [entry["name"] for entry in layers]
    if layer not in names:
        return False
    kinds = [entry["kind"] for entry in layers[names.index(layer) + 1 :]]
    return [kind for kind in kinds if kind not in ("identity", "softmax")] == ["pool", "linear"]


def _reason(gallery: Gallery, figures: Sequence[FigureRecord]) -> str:
    layers = {figure["layer"] for figure in figures}
    layer = layers.pop()
    if not layers and _linear_head(gallery, figures[0]["model"], layer):
        return (
            f"A mean over space and one linear layer follow {layer}. There the weights of CAM and the gradients that "
            "the other methods use agree up to a constant factor, so the maps are identical. They are shown once."
        )
    return "These methods produced the same picture here (equal SHA-256). It is shown once."


# --- a view ---------------------------------------------------------------------------------------------


def _view(gallery: Gallery, group: Sequence[tuple[MethodRecord, list[FigureRecord]]], page: str) -> View:
    (card, figures), others = group[0], group[1:]
    shown = [
        _shown(gallery, figure, [equal[place] for _, equal in others], page, alone=len(figures) == 1)
        for place, figure in enumerate(figures)
    ]
    titles = [member["title"] for member, _ in group]
    scores = _scores(figures[0].get("evidence") or {})
    return View(
        key=card["slug"],
        also=" ".join(member["slug"] for member, _ in others),
        title=" = ".join(titles),
        tile=titles[0],
        tile_note="".join(f" = {title}" for title in titles[1:]).strip(),
        methods=[
            Link(member["title"], relative(method_page(member["slug"]), page), member["summary"]) for member, _ in group
        ],
        reason=_reason(gallery, [equal[0] for _, equal in group]) if others else "",
        shown=shown,
        thumb=components.figure_view(gallery, figures[0], page, thumb=True),
        score=_texts(scores)[2] if scores else "",
        order=round(scores[1] - scores[0], 4) if scores else None,
        curves=f"curves-{card['slug']}",
    )


def _shown(gallery: Gallery, figure: FigureRecord, equal: Sequence[FigureRecord], page: str, alone: bool) -> Shown:
    view = over_photo(gallery, figure, components.figure_view(gallery, figure, page), page)
    target = figure["target"] or NOTHING
    share = target.get("probability")
    return Shown(
        figure=view,
        target="" if alone else side_of(figure),
        of=", ".join(filter(None, [target.get("name", ""), format.percent(share) if share is not None else ""])),
        empty=emptiness(gallery, figure),
        layer=_layer(gallery, figure, page),
        equal=[
            Link(
                gallery.methods[other["method"]]["title"], relative(figure_page(other), page), components.values(other)
            )
            for other in equal
        ],
        spark=faithfulness.spark(figure, f"{view.href}#belief"),
    )


def _equal(gallery: Gallery, figure: FigureRecord, page: str) -> Link:
    title = gallery.methods[figure["method"]]["title"]
    return Link(title, relative(figure_page(figure), page), components.values(figure))


def side_of(figure: FigureRecord) -> str:
    """Return which of the two classes a figure explains: "label" or "rival"; "" where it is neither."""
    role = (figure["target"] or NOTHING).get("role")
    return "label" if role in LABEL else "rival" if role in RIVAL else ""


def over_photo(gallery: Gallery, figure: FigureRecord, view: FigureView, page: str) -> FigureView:
    """Return a map as the stage shows it: enlarged by a whole number, over the network's input if that has its size."""
    if view.look != "map" or not view.src:
        return view
    zoom = max(1, LARGEST // max(view.width, view.height))
    photo = gallery.in_role(figure["model"], figure["image"], INPUT)
    if view.under or not photo or (photo["width"], photo["height"]) != (view.width, view.height):
        return replace(view, zoom=zoom)
    return replace(view, zoom=zoom, fade=True, under=components.figure_view(gallery, photo, page).src)


def emptiness(gallery: Gallery, figure: FigureRecord) -> str:
    """Return what a map without any values is called; "" of one that has some."""
    if not _is_zero(figure):
        return ""
    return "no positive evidence" if gallery.style(figure["method"]).over_photo else "zero everywhere"


def _layer(gallery: Gallery, figure: FigureRecord, page: str) -> Link | None:
    if not figure["layer"]:
        return None
    shown = gallery.at_layer(figure["model"], figure["layer"])
    return Link(figure["layer"], relative(layer_page(figure["model"], figure["layer"]), page) if shown else "")


# --- numbers ----------------------------------------------------------------------------------------------


def _scores(measured: Mapping[str, EvidenceRecord]) -> tuple[float, float] | None:
    """Return deletion and insertion AUC, where both were measured."""
    deletion, insertion = (measured.get(measure) for measure in faithfulness.CURVES)
    return (deletion["score"], insertion["score"]) if deletion and insertion else None


def _texts(scores: tuple[float, float]) -> tuple[str, str, str]:
    """Return deletion, insertion and their difference, as pages print them."""
    deletion, insertion = scores
    return _two(deletion), _two(insertion), _two(insertion - deletion)


def _two(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")
