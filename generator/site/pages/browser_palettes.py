"""Palettes as browsers read them: palettes.css has the colour bars, palettes.js what filters map between."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from generator.drawing.palettes import BETWEEN, GREENS, GREYS, HEAT, RAMPS, SIGNED, gradient, hexadecimal

SAMPLES = 33  # of a palette; between two the browser interpolates
STOPS = 17  # of a colour bar, likewise
ZERO_WHITE = ("green", "signed")  # ramps whose zero is white, and which dark mode inverts
DARK_LINES = (58, 66, 61)  # between the tiles, where zero is dark

# Steps of lightness that look alike, for eyes that tell green from purple badly (after van der Walt and Smith).
_VIRIDIS = gradient((0, "#440154"), (0.25, "#3b528b"), (0.5, "#21918c"), (0.75, "#5ec962"), (1, "#fde725"))
_BLUE_RED = gradient((0, "#053061"), (0.25, "#5ba3cf"), (0.5, "#ffffff"), (0.75, "#e58368"), (1, "#67001f"))

# Name in the address, words, colours from the lowest to the highest value, and whether zero is white.
UNSIGNED = [
    ("green", "Green", GREENS[:255], True),
    ("grey", "Grey", GREYS, False),
    ("heat", "Heat", HEAT, False),
    ("viridis", "Viridis", _VIRIDIS, False),
]
WITH_SIGN = [
    ("green", "Purple and green", SIGNED[1:], True),
    ("red", "Blue and red", _BLUE_RED, True),
    ("grey", "Grey", GREYS, False),
]


COLOUR = "colour"  # the ramp of pictures with a value per red, green and blue


def sheet() -> str:
    """Return palettes.css: a colour bar for each ramp that pictures are drawn with."""
    rules = []
    for name, palette in RAMPS.items():
        if name == COLOUR:
            continue  # three values make a colour, which no bar can show
        colours = ", ".join(f"#{_hex(colour)}" for colour in _sampled(palette, STOPS))
        dark = "\n    filter: var(--dark-field);" if name in ZERO_WHITE else ""
        rules.append(f"  .scale__ramp--{name} {{\n    background: linear-gradient(90deg, {colours});{dark}\n  }}\n")
    head = "/* Colour bars, written from the palettes of pictures: `python tests/site/pages/test_palettes.py`. */\n\n"
    return head + "@layer components {\n" + "\n".join(rules) + "}\n"


def _sampled(palette: np.ndarray, count: int = SAMPLES) -> np.ndarray:
    """`count` colours (n, 3), evenly from the first to the last of `palette`."""
    places = np.linspace(0, len(palette) - 1, count)
    indices = np.arange(len(palette))
    return np.stack([np.interp(places, indices, palette[:, channel]) for channel in range(3)], -1).round().astype(int)


def _hex(colours: np.ndarray) -> str:
    return "".join(f"{value:02x}" for value in colours.reshape(-1))


def script() -> str:
    """Return palettes.js: palettes of `unsigned` and `signed` values, first those of files, the line between tiles,
    and for the live page the colours of codes 0 to 255 by their scale.
    """
    table = {
        "signed": [_entry(*row) for row in WITH_SIGN],
        "unsigned": [_entry(*row) for row in UNSIGNED],
        "codes": hexadecimal(),
    }
    head = "/* The palettes of pictures, written from them: `python tests/site/pages/test_palettes.py`. */\n"
    return f"{head}(window.innerview = window.innerview || {{}}).palettes = {json.dumps(table, indent=1)};\n"


def _entry(name: str, title: str, palette: np.ndarray, zero_white: bool) -> dict[str, Any]:
    lines = BETWEEN if zero_white else DARK_LINES
    return {
        "name": name,
        "title": title,
        "colours": _hex(_sampled(palette)),
        "zero_white": zero_white,
        "lines": _hex(np.array([lines])),
    }


def colour_controls(scale: Sequence[float]) -> dict[str, Any]:
    """Return what the channel browser must know of a sprite drawn on `scale` (low, high), ready for JSON."""
    return {"signed": scale[0] < 0, "high": float(f"{scale[1]:.4g}")}
