"""At which scale a picture of few pixels is shown: a whole number of screen pixels for each, stated beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from generator.core.manifest_types import FigureRecord
from generator.core.roles import INPUT

from .manifest_index import NOTHING, Gallery

ROOM, NARROW = 480, 300  # screen pixels on the longer side of a stage, and of one on a phone
STEPS = (12, 6)  # preferred factors: the larger is twice the smaller, and both divide a screen evenly
MOST_CELLS = 256  # values of a map that a page carries along
INSET = 6  # from this factor on, the picture at its own size stands beside the enlarged one


@dataclass(frozen=True)
class Enlarged:
    """How a picture is enlarged: `pixels` (width, height) are its own, `times` and `narrow` whole factors for a wide
    and for a narrow place; 0 of a picture that has more pixels than the place.
    """

    pixels: tuple[int, int]
    times: int
    narrow: int
    cells: tuple[int, int] | None = None  # columns and rows of a map that is coarser than the picture
    values: tuple[float, ...] = ()  # of its cells, or of its pixels where it has few, row by row
    smooth: bool = False  # its colours are interpolated, so its pixels are no squares

    @property
    def words(self) -> str:
        """The scale in a wide place: `32 × 32 px, shown 12×`."""
        return _words(self.pixels, self.times)

    @property
    def narrow_words(self) -> str:
        """The scale in a narrow place."""
        return _words(self.pixels, self.narrow)

    @property
    def cell_words(self) -> str:
        """`4 × 4 cells`; "" of a map with a value per pixel."""
        return f"{self.cells[0]} × {self.cells[1]} cells" if self.cells else ""

    @property
    def grid(self) -> tuple[int, int]:
        """Columns and rows of what a pointer points at: cells, or pixels."""
        return self.cells or self.pixels

    @property
    def has_inset(self) -> bool:
        """Whether the picture is so much enlarged that it is worth seeing at its own size as well."""
        return self.times >= INSET

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in screen pixels in a wide place."""
        times = self.times or ROOM / max(self.pixels)
        return round(self.pixels[0] * times), round(self.pixels[1] * times)


def _words(pixels: tuple[int, int], times: int) -> str:
    shown = f", shown {times}×" if times > 1 else ", at its own size" if times else ""
    return f"{pixels[0]} × {pixels[1]} px{shown}"


def enlarged(gallery: Gallery, figure: FigureRecord) -> Enlarged | None:
    """Return how a map or the network's input is enlarged; None of a picture that is no such thing."""
    style, own = gallery.style(figure["method"]), _size(figure)
    if own is None or figure["status"] != "drawn" or figure["sprite"] or style.look not in ("map", "photo"):
        return None
    pixels, cells = own, None
    if style.over_photo:
        photo = gallery.in_role(figure["model"], figure["image"], INPUT)
        size = gallery.models[figure["model"]]["input"]["size"]
        pixels = (_size(photo) if photo else None) or (size[-1], size[-2])
        cells = own if own != pixels else None
    values: Sequence[float] = ()
    if own[0] * own[1] <= MOST_CELLS and math.prod(figure["shape"]) == own[0] * own[1]:
        values = (gallery.numbers(figure) or NOTHING).get("cells", ())
    return Enlarged(
        pixels, factor(max(pixels), ROOM), factor(max(pixels), NARROW), cells, tuple(values), style.over_photo
    )


def _size(figure: FigureRecord) -> tuple[int, int] | None:
    """Return width and height of a figure's array; None where it has no such sides, or is several arrays."""
    sides = [side for side in figure["shape"] if isinstance(side, int)]
    return (sides[-1], sides[-2]) if len(sides) == len(figure["shape"]) and len(sides) > 1 else None


def factor(side: int, room: int) -> int:
    """Return the whole number that enlarges `side` pixels to fit `room` screen pixels; 0 where they do not fit.

    >>> factor(32, 480), factor(32, 300), factor(28, 480), factor(64, 480), factor(224, 480), factor(600, 480)
    (12, 6, 12, 6, 2, 0)
    """
    most = room // max(1, side)
    return next((step for step in STEPS if step <= most), most)
