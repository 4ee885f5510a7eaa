"""The live stage of the front page: one image, what each layer computed on it, and what drove the prediction."""

from __future__ import annotations

from dataclasses import dataclass, replace

from generator.core.manifest_types import FigureRecord, ImageRecord
from generator.core.spacing import evenly_spaced

from . import components, format
from .attribution import LABEL, RIVAL
from .components import FigureView
from .enlarged import NARROW, ROOM
from .manifest_index import NOTHING, Gallery

# Roles of the maps on the stage, in order; those of `SPARE` stand in for what a gallery lacks.
MAPS, SPARE = ("region", "strength", "path"), ("relevance", "guided", "direction", "class-map")
LAYERS = 12  # stops of the scrubber, at most
TILES = (4, 5, 6, 7, 8)  # squares in a row that a layer's corner may have


@dataclass(frozen=True)
class Shown:
    """A map on the stage: for one of the two classes, or one for all."""

    figure: FigureView
    target: str  # "label" or "rival"; "" where the method has one map alone


@dataclass(frozen=True)
class Tab:
    """The maps of one method."""

    key: str  # slug of the method
    title: str
    words: str
    maps: list[Shown]


@dataclass(frozen=True)
class Corner:
    """The upper left corner of a sprite: as many whole squares as fill the stage. Sizes are (width, height)."""

    figure: FigureView
    shift: tuple[int, int]  # pixels of the file before the first square
    size: tuple[int, int]  # pixels of the file that are seen
    times: int  # screen pixels for each of them
    narrow: int  # the same on a phone


@dataclass(frozen=True)
class Stop:
    """One layer that the scrubber stops at."""

    number: int
    title: str
    facts: str  # `64 × 32 × 32, receptive field 3 × 3 px; 16 channels shown`
    corner: Corner


@dataclass(frozen=True)
class Stage:
    """All views of the stage, and the two classes between which its maps switch."""

    photo: FigureView
    credit: str
    tabs: list[Tab]
    stops: list[Stop]
    names: tuple[str, str]  # of the label and the runner-up; "" of what no map explains
    opened: str  # the view that is open first


def stage(gallery: Gallery, model: str, image: str, page: str) -> Stage:
    """Return the stage for one report, whatever of it the gallery has: at least the photo."""
    tabs = _tabs(gallery, model, image, page)
    stops = _stops(gallery, model, image, page)
    example = gallery.images[image]
    names = {shown.target: shown.figure.target for tab in tabs for shown in tab.maps if shown.target}
    return Stage(
        photo=components.photo(gallery, example, page),
        credit=_credit(example),
        tabs=tabs,
        stops=stops,
        names=(names.get("label", ""), names.get("rival", "")),
        opened=tabs[0].key if tabs else "layer-1" if stops else "photo",
    )


def tabs_of(gallery: Gallery, model: str, image: str) -> list[str]:
    """Return the methods (slugs) of the maps that a report has for the stage, no more than `MAPS` has roles."""
    by_role = {role: _drawn_with(gallery, model, image, role) for role in (*MAPS, *SPARE)}
    chosen = [by_role[role] for role in MAPS if by_role[role]]
    chosen += [method for role in SPARE if (method := by_role[role]) and method not in chosen]
    return list(dict.fromkeys(chosen))[: len(MAPS)]


def _drawn_with(gallery: Gallery, model: str, image: str, role: str) -> str:
    """Return the first method with a role that has a map for the label; "" where there is none."""
    for method in gallery.methods_with(role):
        figure = gallery.find(model, image, method, LABEL)
        if figure and figure["status"] == "drawn" and not figure["sprite"]:
            return method
    return ""


def _tabs(gallery: Gallery, model: str, image: str, page: str) -> list[Tab]:
    tabs = []
    for method in tabs_of(gallery, model, image):
        maps = []
        for target, roles in (("label", LABEL), ("rival", RIVAL)):
            figure = gallery.find(model, image, method, roles)
            if figure and figure["status"] == "drawn":
                maps.append(Shown(components.figure_view(gallery, figure, page), target))
        if len(maps) == 1:
            maps = [replace(maps[0], target="")]
        card = gallery.methods[method]
        tabs.append(Tab(method, card["title"], card["summary"], maps))
    return tabs


def _stops(gallery: Gallery, model: str, image: str, page: str) -> list[Stop]:
    """Return stages of the network, evenly spaced, whose activations are maps of channels."""
    activations = gallery.of_layer(model, image)
    shown = []
    for number, stage_record in enumerate(gallery.models[model]["stages"], start=1):
        figure = activations.get(stage_record["layer"])
        if figure and figure["status"] == "drawn" and figure["sprite"] and len(figure["shape"]) == 3:
            shown.append((number, stage_record["title"], figure))
    return [
        Stop(
            number, title, _facts(gallery, model, figure), corner(components.figure_view(gallery, figure, page), figure)
        )
        for number, title, figure in evenly_spaced(shown, LAYERS)
    ]


def _facts(gallery: Gallery, model: str, figure: FigureRecord) -> str:
    field = (gallery.layer(model, figure["layer"]) or NOTHING).get("receptive_field")
    seen = f"{field[0]} × {field[1]} px" if field else "the whole input"
    return f"{format.shape(figure['shape'])}, receptive field: {seen}"


def corner(view: FigureView, figure: FigureRecord) -> Corner:
    """Return the corner of a sprite that fills the stage best: whole squares, enlarged by whole pixels."""
    sprite = figure["sprite"]
    (width, height), gap = sprite["tile"], sprite["gap"]
    across = sprite["columns"] * (width + gap) - gap
    down = sprite["rows"] * (height + gap) - gap

    def size(tiles: int) -> tuple[int, int]:
        columns, rows = min(tiles, sprite["columns"]), min(tiles, sprite["rows"])
        return columns * (width + gap) - gap, rows * (height + gap) - gap

    def area(tiles: int) -> int:
        columns, rows = size(tiles)
        return columns * rows * (ROOM // max(columns, rows)) ** 2

    tiles = max(TILES, key=lambda tiles: (area(tiles), tiles))
    longer = max(size(tiles))
    return Corner(
        figure=replace(view, cells=""),
        shift=(max(0, figure["width"] - across) // 2, max(0, figure["height"] - down) // 2),
        size=size(tiles),
        times=max(1, ROOM // longer),
        narrow=max(1, NARROW // longer),
    )


def _credit(example: ImageRecord) -> str:
    return ", ".join(part for part in (example["credit"], example["licence"]) if part)
