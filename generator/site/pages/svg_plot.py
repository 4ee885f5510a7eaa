"""Plots as SVG in the page: drawn by matplotlib, in the page's own colours, so that they turn with its scheme."""

from __future__ import annotations

import io
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes

# What matplotlib is told, and what of tokens.css then stands there in the page.
INK, SOFT, LINE, GREEN, WRONG, PAPER = "#010203", "#040506", "#070809", "#0a0b0c", "#0d0e0f", "#101112"
TOKENS = {INK: "ink", SOFT: "ink-soft", LINE: "line-strong", GREEN: "green", WRONG: "wrong", PAPER: "paper"}
SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text: it is read aloud, found and copied
    "font.size": 11,
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.labelcolor": SOFT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": SOFT,
    "ytick.labelcolor": SOFT,
    "axes.prop_cycle": f"cycler('color', ['{GREEN}', '{WRONG}', '{INK}', '{SOFT}'])",
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "legend.frameon": False,
}


class Drawing:
    """Where the SVG is when the plot is done."""

    svg = Markup("")


@contextmanager
def plot(id: str, label: str, width: int, height: int) -> Iterator[tuple[Axes, Drawing]]:
    """Axes to draw on, `width` x `height` CSS pixels; afterwards the drawing holds the SVG.

    `label` says in words what the plot shows; `id` keeps the identifiers of two plots of one page apart.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    drawing = Drawing()
    with rc_context(SETTINGS | {"svg.hashsalt": id, "svg.id": id}):
        figure = Figure(figsize=(width / 72, height / 72), layout="constrained")
        canvas = FigureCanvasSVG(figure)
        yield figure.add_subplot(), drawing
        file = io.StringIO()
        canvas.print_svg(file, metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    drawing.svg = _inline(file.getvalue(), label, width)


def _inline(svg: str, label: str, width: int) -> Markup:
    """The file as an element of a page: no prologue, no metadata, the page's font and colours."""
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<(metadata|style)\b.*?</\1>", "", body, flags=re.DOTALL)  # a style would be the whole page's
    body = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", body)
    body = body.replace("xlink:href", "href")
    used = set(re.findall(r"#([\w-]+)", body))
    body = re.sub(r' id="([^"]*)"', lambda match: match[0] if match[1] in used else "", body)
    for colour, token in TOKENS.items():
        body = body.replace(colour, f"var(--{token})")
    view = re.search(r'viewBox="[^"]*"', body)[0]
    opening = f'<svg class="plot" role="img" aria-label="{escape(label)}" {view} style="width:{width}px">'
    return Markup(re.sub(r"<svg[^>]*>", lambda match: opening, " ".join(body.split()), count=1))
