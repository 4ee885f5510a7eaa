"""More files for the visiting package: a way of drawing, and a method of each kind in a file of its own."""

from __future__ import annotations

from pathlib import Path

import visiting_package

STYLE = '''
"""Bands: a value in eight steps of heat, every pixel a square."""

import numpy as np

from generator.drawing.encode import indexed_png
from generator.drawing.palettes import HEAT
from generator.drawing.rendered_image import Picture, factor_for, finite, to_codes
from generator.drawing.style_registry import style
from generator.drawing.tiles import enlarge


def largest(values):
    return float(values.max())


@style(
    "bands",
    limit=largest,
    ramp="heat",
    reads="between",
    difference="signed",
    axes=3,
    pairs=True,
    counts="value",
)
def bands(arrays, meta, photo, limit):
    values = finite(arrays["map"])[0]
    limit = largest(values) if limit is None else limit
    steps = np.floor(8 * np.clip(values / (limit or 1.0), 0, 1)) / 8
    board = enlarge(to_codes(steps), factor_for(*values.shape))
    return Picture({"file": (".png", indexed_png(board, HEAT))}, board.shape[1], board.shape[0], (0.0, limit))
'''
SECTIONS = "\n\n    Formula: as it says\n\n    Reading: As it looks.\n\n    Limits: As all have.\n    "


def _file(name: str, title: str, signature: str, decorator: str, body: str, imports: str = "") -> str:
    return f'''
"""{title}: a method of another package."""

from generator.methods import method
{imports}

@method("{title}", {decorator}, cites="Nobody 2026")
def {name}({signature}):
    """Show one thing or another.{SECTIONS}"""
{body}
'''


# Its kind -> the file that brings it. None of their names stands anywhere else.
KINDS = {
    "map": _file(
        "loud_places",
        "Loud places",
        "activation, gradient",
        'family="cam", draw="bands", roles=("region",)',
        "    return (activation * gradient).abs().sum(1)",
        "from . import bands  # noqa: F401\n",
    ),
    "sprite": _file(
        "doubled_layers",
        "Doubled layers",
        "activation",
        'family="inside", draw="sprite", at="every"',
        "    return 2 * activation",
    ),
    "film": _file(
        "rising_pull",
        "Rising pull",
        "input_gradient",
        'family="gradient", draw="grey", film="how the pull rises"',
        "    for share in (0.25, 0.5):\n"
        "        yield share * input_gradient.abs().sum(1)\n"
        "    yield input_gradient.abs().sum(1)",
    ),
    "layers": _file(
        "mean_channels",
        "Mean channels",
        "activation",
        'family="cam", draw="grey", at="stages"',
        "    return activation.abs().mean(1)",
    ),
    "units": _file(
        "flat_favourites",
        "Flat favourites",
        "network, layer, block, *, units: int = 2",
        'family="optimisation", draw="pictures", at="units", roles=("units",)',
        "    chosen = channels(units, network.shape(layer)[0], block)\n"
        '    return torch.full((len(chosen), 1, 12, 12), 0.5), {"channels": chosen}',
        "import torch\n\nfrom generator.core.channel_blocks import channels\n",
    ),
}
SLUGS = {
    "map": "loud-places",
    "sprite": "doubled-layers",
    "film": "rising-pull",
    "layers": "mean-channels",
    "units": "flat-favourites",
}


def install(folder: Path) -> Path:
    """Lay the visiting package into `folder` with the style and the methods; the folder of its code."""
    package = visiting_package.install(folder)
    (package / "bands.py").write_text(STYLE.lstrip())
    for kind, text in KINDS.items():
        (package / f"kind_{kind}.py").write_text(text.lstrip())
    points = folder / "herons-1.0.dist-info" / "entry_points.txt"
    listed = "".join(f"{kind} = herons.kind_{kind}\n" for kind in KINDS)
    points.write_text(points.read_text().replace("[innerview.methods]\n", f"[innerview.methods]\n{listed}"))
    return package
