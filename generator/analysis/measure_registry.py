"""The registry of measures: plain functions that ask for their inputs by parameter name."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from generator.core.bounds import bounds
from generator.core.code_digest import closure_digest
from generator.core.docstrings import sections
from generator.core.records import LAST, MeasureCard

# What a measure may ask for. A map is (H, W), as large as the input: a value per pixel, the larger the more it counts.
INPUTS: dict[str, str] = {
    "heatmap": "the map",
    "x": "(1, C, H, W): the normalised input",
    "probability": "probability(samples) -> (n,): softmax probability of the explained class, samples (1, C, H, W)",
    "depth": "how many layers of the network have parameters",
    "redrawn": "redrawn(top) -> the same map of the network with its `top` last layers drawn anew",
    "reseeded": "reseeded(seed) -> the same map from another seed; for methods that have one",
    "inside": "(H, W) bool: where the thing is, for images that say so",
}
MEASURES: dict[str, Measure] = {}


@dataclass(frozen=True)
class Measure:
    """A registered measure; `function` is what its file says, the rest is what is known about it."""

    slug: str
    title: str
    function: Callable[..., dict[str, Any]]
    better: str
    cites: str
    preset: str
    passes: float
    runs: float
    inputs: tuple[str, ...] = ()
    parameters: dict[str, Any] = field(default_factory=dict)
    order: int = LAST


def measure(
    title: str,
    *,
    better: str,
    cites: str,
    preset: str = "full",
    passes: float = 0.0,
    runs: float = 0.0,
    order: int = LAST,
) -> Callable[[Callable], Callable]:
    """Register a function as a measure.

    Its positional parameters are inputs (`INPUTS`), its keyword-only parameters with defaults can be set in
    gallery.yml. It returns `{"score": value, ...}`: the score is what methods are ranked by, the rest is shown beside
    it. `better` says which end of the score is the good one: "low", "high", or "" where neither is. `preset` is the
    smallest preset that measures it, `passes` the price of one map in forward passes, `runs` in runs of the
    method, `order` its place among all measures.
    """
    if better not in ("low", "high", ""):
        raise ValueError(f"measure {title!r}: better={better!r}: expected low, high or nothing")

    def register(function: Callable) -> Callable:
        signature = inspect.signature(function).parameters.values()
        inputs = tuple(p.name for p in signature if p.kind is not p.KEYWORD_ONLY)
        parameters = {p.name: p.default for p in signature if p.kind is p.KEYWORD_ONLY}
        slug = function.__name__.replace("_", "-")
        MEASURES[slug] = Measure(slug, title, function, better, cites, preset, passes, runs, inputs, parameters, order)
        return function

    return register


def load_measures() -> dict[str, Measure]:
    """Return every measure, from the files of this folder."""
    package = importlib.import_module("generator.analysis.measures")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    for name, measure in MEASURES.items():
        for wanted in measure.inputs:
            if wanted not in INPUTS:
                raise LookupError(f"measure {name!r} asks for {wanted!r}: expected {', '.join(INPUTS)}")
    return MEASURES


def card(measure: Measure) -> MeasureCard:
    """Return what the planner and the pages must know, its text taken from the docstring."""
    text = sections(inspect.getdoc(measure.function) or "")
    return MeasureCard(
        slug=measure.slug,
        title=measure.title,
        better=measure.better,
        cites=measure.cites,
        summary=text["summary"],
        text=text["text"],
        formula=text["Formula"],
        reading=text["Reading"],
        limits=text["Limits"],
        inputs=measure.inputs,
        parameters=measure.parameters,
        preset=measure.preset,
        passes=measure.passes,
        runs=measure.runs,
        key=closure_digest(measure.function.__module__),
        order=measure.order,
        bounds=bounds(measure.function),
    )
