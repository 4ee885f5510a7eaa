"""The registry of drawing styles: how arrays become pictures, and what others must know of that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from generator.core.code_digest import closure_digest
from generator.core.records import StyleCard

from .palettes import RAMPS
from .rendered_image import Picture

LOOKS = ("map", "sprite", "strip", "photo")
VALUES = ("map", "channels", "colours")
READS = ("channels", "signed", "between", "colours", "")
DIFFERENCES = ("signed", "colour", "")  # styles of our own, so that galleries can be compared without anyone's code

Draw = Callable[..., Picture]
Limit = Callable[[np.ndarray], float]


@dataclass(frozen=True)
class Style:
    """A registered way of drawing."""

    card: StyleCard
    draw: Draw
    limit: Limit | None  # where the scale of values (any shape) ends; None where pictures share no scale


STYLES: dict[str, Style] = {}


def style(name: str, *, limit: Limit | None = None, **about: Any) -> Callable[[Draw], Draw]:
    """Register a function as a way of drawing called `name`; methods name it as their `draw`.

    The function is called with `arrays` (by name; "map" is what the method returned, float32), `meta` (what is known of
    them), `photo` (H, W, C) uint8 and `limit`, the value that ends the scale or None for the result's own; it returns a
    `Picture`. `limit(values)` is where the scale of one result ends: pictures that differ in their target alone share
    the largest. `about` are fields of `core.records.StyleCard`. Raises `ValueError` for a value that no one reads.
    """
    card = StyleCard(name=name, shares_scale=limit is not None, **about)
    for field, choices in (
        ("look", LOOKS),
        ("values", VALUES),
        ("ramp", ("by sign", *RAMPS, "")),
        ("reads", READS),
        ("difference", DIFFERENCES),
        ("counts", ("value", "size", "")),
    ):
        if getattr(card, field) not in choices:
            raise ValueError(f"style {name!r}: {field}={getattr(card, field)!r}: expected one of {choices}")
    if card.pairs and not (card.difference and (limit or card.values == "channels")):
        raise ValueError(f"style {name!r}: pairs need `difference`, and a `limit` where values are no channels")

    def register(draw: Draw) -> Draw:
        earlier = STYLES.get(name)
        if earlier and earlier.draw.__module__ != draw.__module__:
            raise ValueError(f"two styles are called {name!r}: in {earlier.draw.__module__} and {draw.__module__}")
        STYLES[name] = Style(card, draw, limit)
        return draw

    return register


def style_card(name: str) -> StyleCard:
    """Return the card of a registered style with the digest of its code. Raises `LookupError` where there is none."""
    if name not in STYLES:
        raise LookupError(f"no style is called {name!r}: expected one of {', '.join(STYLES)}")
    code = closure_digest("generator.drawing.styles", STYLES[name].draw.__module__)
    return replace(STYLES[name].card, key=code)
