"""The methods: plain functions that ask for their inputs by name, found by being a file in this folder."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..sources import closure_digest
from ..types import MethodCard

# What a method may ask for, and along which axes that varies. Shapes: x (1, C, H, W), activation (1, K, h, w).
INPUTS: dict[str, tuple[str, ...]] = {
    "x": ("image",),  # the normalised input
    "logits": ("image",),  # (1, classes)
    "score": ("image", "target"),  # score(samples) -> (n,): S_c of each sample (1, C, H, W), in chunks
    "score_gradient": ("image", "target"),  # score_gradient(samples) -> iterator of dS_c/dx (1, C, H, W)
    "input_gradient": ("image", "target"),  # dS_c/dx as it is, (1, C, H, W)
    "guided_gradient": ("image", "target"),  # under the guided ReLU rule
    "deconvnet_gradient": ("image", "target"),  # under the deconvnet ReLU rule
    "activation": ("image", "layer"),  # A, (1, K, h, w) or (1, K)
    "gradient": ("image", "layer", "target"),  # G = dS_c/dA, of A's shape
    "activations": ("image",),  # {layer: A} for the stages of the walk that have space
    "gradients": ("image", "target"),  # {layer: G} for the same
    "class_weight": ("image", "target"),  # (K,): the classifier's row, where global average pooling comes before it
    "relevance": ("image", "target"),  # (1, classes): S_c at the class, zero elsewhere
    "tape": ("image",),  # the forward pass, call by call: tape.walk_back(seed, rule) -> what arrives at x
    "rectifiers": ("image",),  # how many ReLUs obey the guided and the deconvnet rule: "57 of 57"
    "ablated_score": (
        "image",
        "layer",
        "target",
    ),  # ablated_score(channels) -> (n,): S_c with one channel of the layer zero
    "project_units": ("image", "layer"),  # project_units(units) -> iterator of deconvnet projections (1, C, H, W)
    "weight": ("layer",),  # (K, C, kh, kw): the kernels of a convolution
    "noise": ("image",),  # noise(i) -> (1, C, H, W): standard normal, the same for sample i in every run
}
METHODS: dict[str, Method] = {}


@dataclass(frozen=True)
class Method:
    """A registered method; `function` is what its file says, the rest is what is known about it."""

    slug: str
    title: str
    function: Callable[..., Any]
    family: str
    draw: str
    cites: str
    at: str = ""
    preset: str = "quick"
    passes: float = 0.0
    inputs: tuple[str, ...] = ()
    parameters: dict[str, Any] = field(default_factory=dict)

    @property
    def axes(self) -> tuple[str, ...]:
        """Along which of image, layer, target and style its result varies."""
        found = {axis for name in self.inputs for axis in (INPUTS.get(name) or METHODS[method_slug(name)].axes)}
        return tuple(axis for axis in ("image", "layer", "target", "style") if axis in found)


def method(
    title: str,
    *,
    family: str,
    draw: str,
    cites: str,
    slug: str = "",
    at: str = "default",
    preset: str = "quick",
    passes: float = 0.0,
) -> Callable[[Callable], Callable]:
    """Register a function as a method.

    Its positional parameters are inputs (`INPUTS`, or another method's name), its keyword-only parameters with
    defaults can be set in gallery.yml. It returns a tensor `(N, ...)`, or `(tensor, {"a number": value})`, or yields
    frames, of which the last is the still. `draw` names an entry of `render.DRAW`, `preset` the smallest preset that
    holds it, `passes` the price in forward passes beyond the ones all methods share.
    """

    def register(function: Callable) -> Callable:
        signature = inspect.signature(function).parameters.values()
        inputs = tuple(p.name for p in signature if p.kind is not p.KEYWORD_ONLY)
        parameters = {p.name: p.default for p in signature if p.kind is p.KEYWORD_ONLY}
        name = slug or method_slug(function.__name__)
        METHODS[name] = Method(name, title, function, family, draw, cites, at, preset, passes, inputs, parameters)
        return function

    return register


def method_slug(name: str) -> str:
    """The slug of the method that a parameter called `name` asks for."""
    return name.replace("_", "-")


def load_methods() -> dict[str, Method]:
    """Every method, from the files of this folder."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    for name, found in METHODS.items():
        for wanted in found.inputs:
            if wanted not in INPUTS and method_slug(wanted) not in METHODS:
                raise LookupError(f"method {name!r} asks for {wanted!r}, which is neither an input nor a method")
    return METHODS


def dependencies(name: str) -> list[str]:
    """The slugs of the methods that method `name` builds on."""
    return [method_slug(wanted) for wanted in METHODS[name].inputs if wanted not in INPUTS]


def card(found: Method) -> MethodCard:
    """What the planner and the method's page must know, its text taken from the docstring."""
    text = sections(inspect.getdoc(found.function) or "")
    return MethodCard(
        slug=found.slug,
        title=found.title,
        family=found.family,
        draw=found.draw,
        cites=found.cites,
        summary=text["summary"],
        text=text["text"],
        formula=text["Formula"],
        reading=text["Reading"],
        limits=text["Limits"],
        inputs=found.inputs,
        axes=found.axes,
        parameters=found.parameters,
        at=found.at if "layer" in found.axes else "",
        preset=found.preset,
        passes=found.passes,
        key=closure_digest(*_modules(found.slug)),
    )


def _modules(name: str) -> set[str]:
    """The modules that hold method `name` and the methods it builds on."""
    return {METHODS[name].function.__module__}.union(*(_modules(other) for other in dependencies(name)))


def sections(docstring: str) -> dict[str, str]:
    """A docstring as its summary, its text and the paragraphs that begin with "Formula:", "Reading:" or "Limits:"."""
    found = {"summary": "", "text": "", "Formula": "", "Reading": "", "Limits": ""}
    for number, paragraph in enumerate(filter(None, map(str.strip, docstring.split("\n\n")))):
        head, colon, rest = paragraph.partition(":")
        if colon and head in ("Formula", "Reading", "Limits"):
            found[head] = inspect.cleandoc(rest) if head == "Formula" else " ".join(rest.split())
        elif number == 0:
            found["summary"] = " ".join(paragraph.split())
        else:
            found["text"] = "\n\n".join(filter(None, (found["text"], " ".join(paragraph.split()))))
    return found
