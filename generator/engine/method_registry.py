"""The registry of methods: plain functions that ask for their inputs by parameter name."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from generator.core import plugins

# What a method may ask for, and along which axes that varies. Shapes: x (1, C, H, W), activation (1, K, h, w).
INPUTS: dict[str, tuple[str, ...]] = {
    "x": ("image",),  # the normalised input
    "baseline": (
        "image",
    ),  # baseline(kind) -> (1, C, H, W): a picture without evidence, as `engine.baselines` has them
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
    "layer_gradients": ("image", "target"),  # layer_gradients(sample) -> the same two of a sample (1, C, H, W)
    "class_weight": ("image", "target"),  # (K,): the classifier's row, where global average pooling comes before it
    "relevance": ("image", "target"),  # (1, classes): S_c at the class, zero elsewhere
    "tape": ("image",),  # the forward pass, call by call: tape.walk_back(seed, rule) -> what arrives at x
    "attention": ("image", "layer"),  # attention_layers.HeadWeights: what each head of a layer looks at
    "token_grid": ("image",),  # token_grid(T) -> places (h * w,) of T tokens in order, (h, w), the class token or None
    "rectifiers": ("image",),  # how many ReLUs obey the guided and the deconvnet rule: "57 of 57"
    "ablated_score": (
        "image",
        "layer",
        "target",
    ),  # ablated_score(channels) -> (n,): S_c with one channel of the layer zero
    "project_units": ("image", "layer"),  # project_units(units) -> iterator of deconvnet projections (1, C, H, W)
    "weight": ("layer",),  # (K, C, kh, kw): the kernels of a convolution
    "network": (),  # driven.Driven: what a method that drives the network itself may do with it
    "epochs": (),  # becoming.Epochs: the networks that training went through, where its checkpoints are at hand
    "first_kernels": (),  # {epoch: (K, C, kh, kw)}: the kernels of the first convolution
    "layer": ("layer",),  # the layer's name
    "target": ("image", "target"),  # targets.Target: the class, its index, its probability
    "photograph": ("image",),  # photograph(side) -> (1, C, h, w): all of the picture, normalised, at most `side` long
    "style_image": ("style",),  # style_image(side) -> the same of the picture whose style is wanted
    "block": ("style",),  # (first, last) channel of the block that a figure shows; None for the chosen channels
    "probe": ("layer",),  # reduce.Values: the strongest images of each channel, (k, K), and where in them they are
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
    per: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    parameters: dict[str, Any] = field(default_factory=dict)
    order: int | None = None
    film: str = ""
    counts: str | None = None
    roles: tuple[str, ...] = ()

    @property
    def axes(self) -> tuple[str, ...]:
        """Along which of image, layer, target and style its result varies."""
        inputs = (INPUTS[name] if name in INPUTS else METHODS[method_slug(name)].axes for name in self.inputs)
        varying = {axis for axes in inputs for axis in axes}
        return tuple(axis for axis in ("image", "layer", "target", "style") if axis in varying)


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
    per: tuple[str, ...] = (),
    order: int | None = None,
    film: str = "",
    counts: str | None = None,
    roles: tuple[str, ...] = (),
) -> Callable[[Callable], Callable]:
    """Register a function as a method.

    Its positional parameters are inputs (`INPUTS`, or another method's name), its keyword-only parameters with
    defaults can be set in gallery.yml. It returns a tensor `(N, ...)`, or `(tensor, {"a number": value})`, or yields
    frames or `progress.Step`s and in the end what it would have returned. `draw` is the name of a style
    (`drawing.style_registry`), `preset` the smallest preset that holds it ("quick" too for what is drawn only where
    gallery.yml asks for it by `styles` or `checkpoints`, whatever it costs), `passes` the price in forward passes
    beyond the ones all methods share, times the parameters in `per`.

    `order` is its place among all methods (None: behind those that have one), `film` what its animation shows, in words
    that go on after "Play", `counts` what counts in its map as evidence ("value", "size", "" for nothing; None leaves
    it to its style), `roles` what it stands for on pages and in the pipeline (`core.roles.ROLES`).
    """

    def register(function: Callable) -> Callable:
        signature = inspect.signature(function).parameters.values()
        inputs = tuple(p.name for p in signature if p.kind is not p.KEYWORD_ONLY)
        parameters = {p.name: p.default for p in signature if p.kind is p.KEYWORD_ONLY}
        name = slug or method_slug(function.__name__)
        more = (preset, passes, per, inputs, parameters)
        existing = METHODS.get(name)
        if existing and existing.function.__module__ != function.__module__:
            places = f"{existing.function.__module__} and {function.__module__}"
            raise plugins.PackageError(f"two methods are called {name!r}: in {places}")
        METHODS[name] = Method(
            name, title, function, family, draw, cites, at, *more, order=order, film=film, counts=counts, roles=roles
        )
        return function

    return register


def method_slug(name: str) -> str:
    """Return the slug of the method that a parameter called `name` asks for."""
    return name.replace("_", "-")


def load_methods() -> dict[str, Method]:
    """Return every method: from the files of this folder, then those that other packages bring.

    Raises `PackageError` where one of those cannot be imported.
    """
    package = importlib.import_module("generator.methods")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    for name in plugins.methods():
        try:
            importlib.import_module(name)
        except plugins.PackageError:
            raise
        except Exception as error:  # another package's code may raise anything
            message = f"{type(error).__name__}: {error}".splitlines()[0]
            raise plugins.PackageError(f"{name}, which brings methods, cannot be imported: {message}") from error
    for name, entry in METHODS.items():
        for wanted in entry.inputs:
            if wanted not in INPUTS and method_slug(wanted) not in METHODS:
                raise LookupError(f"method {name!r} asks for {wanted!r}, which is neither an input nor a method")
    return METHODS


def dependencies(name: str) -> list[str]:
    """Return the slugs of the methods that method `name` builds on."""
    return [method_slug(wanted) for wanted in METHODS[name].inputs if wanted not in INPUTS]


def accepts(function: Callable) -> dict[str, tuple[str, ...]]:
    """Of each parameter with an annotation that leaves a choice: the words it may be, and `<type>` for kinds of value.

    >>> def paint(x, *, how: Literal["fine", "coarse"] = "fine", units: int | Literal["all"] = 16, seed: int = 0): ...
    >>> accepts(paint)
    {'how': ('fine', 'coarse'), 'units': ('<int>', 'all')}
    """
    accepted = {}
    for name, hint in get_type_hints(function).items():
        sides = get_args(hint) if isinstance(hint, UnionType) or get_origin(hint) is Union else (hint,)
        choices: tuple[str, ...] = ()
        for side in sides:
            literal = get_origin(side) is Literal
            choices += get_args(side) if literal else (f"<{(get_origin(side) or side).__name__}>",)
        if len(choices) > 1:
            accepted[name] = choices
    return accepted


SHARED_PASSES = {  # what an input costs once per scene, or once per target, in forward passes
    "input_gradient": 2.0,
    "guided_gradient": 2.0,
    "deconvnet_gradient": 2.0,
    "gradient": 2.0,
    "gradients": 2.0,
}
