"""Plots as SVG in the page, in the page's own font and colours, so that they turn with its scheme."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

TOKENS = ("ink", "ink-soft", "line-strong", "green", "wrong", "paper")  # of tokens.css
INK, SOFT, LINE, GREEN, WRONG, PAPER = (f"var(--{name})" for name in TOKENS)
CHARACTER = 6.2  # pixels that a character of a label takes, about: what room names on an axis need
DOT = 3.5  # radius of a mark, pixels


@dataclass(frozen=True)
class Axis:
    """From which value to which an axis goes, which ticks it has and what it counts."""

    low: float
    high: float
    title: str = ""
    ticks: Sequence[tuple[float, str]] = ()
    log: bool = False

    def share(self, value: float) -> float:
        """Return where a value stands: 0 at the low end, 1 at the high one."""
        low, high, at = (math.log(number) if self.log else number for number in (self.low, self.high, value))
        return (at - low) / (high - low)


def whole_ticks(high: int, step: int) -> list[tuple[float, str]]:
    """
    >>> whole_ticks(50, 20)
    [(0, '0'), (20, '20'), (40, '40')]
    """
    return [(value, f"{value}") for value in range(0, high + 1, step)]


class Plot:
    """A plot of `width` x `height` CSS pixels; `label` says in words what it shows. Places are values of the axes.

    Names along the vertical axis (`names`) take the place of its ticks: the first stands at the top, at 0.
    """

    def __init__(
        self, label: str, width: int, height: int, x: Axis, y: Axis | None = None, names: Sequence[str] = ()
    ) -> None:
        self.label, self.width, self.height, self.x = label, width, height, x
        self.y = y or Axis(len(names) - 0.5, -0.5, ticks=list(enumerate(names)))
        longest = max((len(text) for _, text in self.y.ticks), default=0)
        self.left = round(longest * CHARACTER) + (24 if self.y.title else 12)
        self.right, self.top, self.bottom = width - 8, 8, height - 40
        self._parts: list[str] = []
        self._axes(bool(names))

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Return the pixels at which a point stands, from the left and from the top."""
        across, up = self.x.share(x), self.y.share(y)
        return self.left + across * (self.right - self.left), self.bottom - up * (self.bottom - self.top)

    def dot(self, x: float, y: float, colour: str, hollow: bool = False) -> None:
        """Mark a point."""
        left, top = self.at(x, y)
        look = f"fill:{PAPER};stroke:{colour}" if hollow else f"fill:{colour}"
        self._parts.append(f'<circle cx="{left:.1f}" cy="{top:.1f}" r="{DOT}" style="{look}"/>')

    def words(
        self, x: float, y: float, text: str, offset: tuple[float, float], colour: str = INK, end: bool = False
    ) -> None:
        """Write beside a point: `offset` pixels to the right and up of it, before it where `end`."""
        left, top = self.at(x, y)
        self._text(left + offset[0], top - offset[1], text, colour, "end" if end else "start")

    def line(self, points: Iterable[Sequence[float]], colour: str, width: float = 1.6, dashed: bool = False) -> None:
        """Join points."""
        path = "L".join(f"{left:.1f} {top:.1f}" for left, top in (self.at(x, y) for x, y in points))
        dash = ";stroke-dasharray:4 3" if dashed else ""
        self._parts.append(f'<path d="M{path}" style="fill:none;stroke:{colour};stroke-width:{width:g}{dash}"/>')

    def bar(self, place: float, value: float, thick: float, colour: str, text: str) -> None:
        """Draw a bar from the left edge to `value`, `thick` steps of the names high, with `text` at its end."""
        (left, top), (_, below) = self.at(value, place - thick / 2), self.at(value, place + thick / 2)
        size = f'width="{left - self.left:.1f}" height="{below - top:.1f}"'
        self._parts.append(f'<rect x="{self.left}" y="{top:.1f}" {size} style="fill:{colour}"/>')
        self._text(left + 4, (top + below) / 2 + 3.5, text, INK, "start")

    def legend(self, entries: Iterable[tuple[str, str]]) -> None:
        """Say at the lower right which name has which colour: `(name, colour)`."""
        entries = list(entries)
        wide = max(len(name) for name, _ in entries) * CHARACTER + 24
        for number, (name, colour) in enumerate(entries):
            left, top = self.right - wide, self.bottom - 18 * (len(entries) - number)
            self._parts.append(f'<rect x="{left:.1f}" y="{top:.1f}" width="18" height="8" style="fill:{colour}"/>')
            self._text(left + 24, top + 8, name, INK, "start")

    @property
    def svg(self) -> Markup:
        """The plot as an element of a page."""
        opening = f'<svg class="growth-plot" role="img" aria-label="{escape(self.label)}"'
        size = f'viewBox="0 0 {self.width} {self.height}" style="width:{self.width}px" font-size="11"'
        return Markup(f"{opening} {size}>{''.join(self._parts)}</svg>")

    def _axes(self, named: bool) -> None:
        frame = f"M{self.left} {self.bottom}H{self.right}" + ("" if named else f"M{self.left} {self.top}V{self.bottom}")
        for value, text in self.x.ticks:
            left, _ = self.at(value, self.y.low)
            frame += f"M{left:.1f} {self.bottom}v4"
            self._text(left, self.bottom + 16, text, SOFT, "middle")
        for value, text in self.y.ticks:
            _, top = self.at(self.x.low, value)
            frame += "" if named else f"M{self.left} {top:.1f}h-4"
            self._text(self.left - 8, top + 3.5, text, INK if named else SOFT, "end")
        self._parts.append(f'<path d="{frame}" style="fill:none;stroke:{LINE}"/>')
        self._text((self.left + self.right) / 2, self.height - 6, self.x.title, SOFT, "middle")
        if self.y.title:
            middle = (self.top + self.bottom) / 2
            self._text(11, middle, self.y.title, SOFT, "middle", f' transform="rotate(-90 11 {middle:.1f})"')

    def _text(self, left: float, top: float, text: str, colour: str, anchor: str, turned: str = "") -> None:
        place = f'x="{left:.1f}" y="{top:.1f}" style="fill:{colour}" text-anchor="{anchor}"{turned}'
        self._parts.append(f"<text {place}>{escape(text)}</text>")
