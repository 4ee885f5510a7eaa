"""What pruning does to a network, as a drawing: accuracy and likeness of pictures against sparsity, and its table."""

from __future__ import annotations

from dataclasses import dataclass

from generator.core.manifest_types import ModelPruning, ModelPruningPoint, ModelRecord

from . import format
from .manifest_index import NOTHING, Gallery

LEFT, TOP, WIDTH, HEIGHT = 44, 14, 420, 230  # of the field between the axes, in the drawing's own pixels
SCOPES = {"global": "Smallest weights of the whole network", "layer": "Smallest weights of each layer"}


@dataclass(frozen=True)
class Tick:
    """A line of the grid and what stands beside it."""

    at: float
    text: str


@dataclass(frozen=True)
class Line:
    """One series: its path, and its points."""

    kind: int  # which of the lines in components/comparison.css
    name: str
    path: str
    marks: list[tuple[float, float]]


@dataclass(frozen=True)
class Plot:
    """One drawing; all measures in its own pixels."""

    id: str
    title: str
    summary: str
    width: int
    height: int
    left: int
    top: int
    right: int
    bottom: int
    across: list[Tick]
    up: list[Tick]
    lines: list[Line]
    chance: float  # where guessing stands
    here: float  # where the pruned network of the page stands; 0 where it does not


@dataclass(frozen=True)
class Curve:
    """The drawings of all scopes and the table with their numbers."""

    caption: str
    series: list[Line]  # for the legend
    plots: list[Plot]
    heads: list[str]
    rows: list[tuple[str, list[list[str]]]]  # sparsity, and for each scope its numbers


def curve(gallery: Gallery, model: ModelRecord, pruned: ModelRecord | None = None) -> Curve | None:
    """Return the measured curve of `model`, with the place of its copy `pruned`; None where nothing was measured."""
    measured = model.get("pruning") or {}
    points = measured.get("points", [])
    if len(points) < 2:
        return None
    methods = list(points[0]["correlation"])
    names = ["Accuracy", *(gallery.methods.get(method, NOTHING).get("title", method) for method in methods)]
    unpruned = points[0]
    scopes = {scope: [unpruned, *(p for p in points if p["scope"] == scope)] for scope in SCOPES}
    scopes = {scope: series for scope, series in scopes.items() if len(series) > 1}
    chance = 1 / len(model["classes"])
    plots = [_plot(scope, series, methods, names, chance, pruned) for scope, series in scopes.items()]
    sparsities = sorted({point["sparsity"] for series in scopes.values() for point in series})
    rows = []
    for sparsity in sparsities:
        cells = []
        for series in scopes.values():
            point = next((p for p in series if p["sparsity"] == sparsity), None)
            cells.append(_numbers(point, methods) if point else ["" for _ in names])
        rows.append((_percent(sparsity), cells))
    return Curve(_caption(measured), plots[0].lines, plots, names, rows)


def _caption(measured: ModelPruning) -> str:
    return (
        f"Accuracy on {format.count(measured['images'])} images sampled evenly from {measured['data']}. Similarity: "
        f"Pearson correlation with the maps of the original network, mean over {measured['shown']} images. "
        "No fine-tuning after pruning."
    )


def _plot(
    scope: str,
    points: list[ModelPruningPoint],
    methods: list[str],
    names: list[str],
    chance: float,
    pruned: ModelRecord | None,
) -> Plot:
    series = [[(p["sparsity"], p["top1"]) for p in points]]
    series += [[(p["sparsity"], p["correlation"][m]) for p in points if m in p["correlation"]] for m in methods]
    lines = []
    for kind, (name, values) in enumerate(zip(names, series, strict=True)):
        marks = [(_x(sparsity), _y(value)) for sparsity, value in values]
        lines.append(Line(kind, name, "M" + " L".join(f"{x:g} {y:g}" for x, y in marks), marks))
    return Plot(
        id=f"curve-{scope}",
        title=SCOPES[scope],
        summary=_summary(points, methods, names),
        width=LEFT + WIDTH + 16,
        height=TOP + HEIGHT + 42,
        left=LEFT,
        top=TOP,
        right=LEFT + WIDTH,
        bottom=TOP + HEIGHT,
        across=[Tick(_x(share), _percent(share)) for share in (0, 0.2, 0.4, 0.6, 0.8, 1)],
        up=[Tick(_y(share), f"{share:g}") for share in (0, 0.25, 0.5, 0.75, 1)],
        lines=lines,
        chance=_y(chance),
        here=_here(scope, points, pruned),
    )


def _here(scope: str, points: list[ModelPruningPoint], pruned: ModelRecord | None) -> float:
    """Return where the pruned network stands on the axis, if this is the way it was pruned."""
    wanted = f"~pruned-{'layer-' if scope == 'layer' else ''}"
    if pruned is None or wanted not in pruned["slug"]:
        return 0.0
    share = pruned["slug"].rpartition(wanted)[2]
    return _x(float(share) / 100) if share.replace(".", "", 1).isdigit() else 0.0


def _summary(points: list[ModelPruningPoint], methods: list[str], names: list[str]) -> str:
    """Return the drawing in a sentence, for those who do not see it."""
    last = points[-1]
    clauses = [f"accuracy falls from {_percent(points[0]['top1'])} to {_percent(last['top1'])}"]
    clauses += [
        f"the similarity of {name} to {format.correlation(last['correlation'][method])}"
        for method, name in zip(methods, names[1:], strict=True)
        if method in last["correlation"]
    ]
    return f"With {_percent(last['sparsity'])} of the weights pruned, {', '.join(clauses)}."


def _numbers(point: ModelPruningPoint, methods: list[str]) -> list[str]:
    alike = [format.correlation(point["correlation"][m]) if m in point["correlation"] else "" for m in methods]
    return [_percent(point["top1"]), *alike]


def _percent(share: float) -> str:
    return f"{100 * share:.1f}".removesuffix(".0") + "\xa0%"


def _x(share: float) -> float:
    return round(LEFT + WIDTH * share, 1)


def _y(share: float) -> float:
    return round(TOP + HEIGHT * (1 - min(1.0, max(0.0, share))), 1)
