"""Pictures that a method painted, in colours of their own: one alone, many as tiles, several in a row."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from PIL import Image

from .encode import webp
from .rendered_image import Picture, factor_for, finite, layout_of, photographic, to_codes, to_rgb
from .style_registry import style
from .tiles import colour_mosaic, enlarge

GAP = 4  # pixels between pictures
SMALL = 112  # pixels a side that a tile has at least
PANEL = 192  # pixels that a row is high


@style("picture", look="photo", values="colours")
def still(arrays: Mapping[str, np.ndarray], meta: Mapping, photo: np.ndarray | None, limit: float | None) -> Picture:
    """Return one picture (1, C, H, W) with values from 0 to 1."""
    board = to_rgb(to_codes(finite(arrays["map"])[0]).transpose(1, 2, 0))
    factor = factor_for(*board.shape[:2])
    return photographic(enlarge(board, factor), None, {})


@style("pictures", look="sprite", values="colours")
def paintings(
    arrays: Mapping[str, np.ndarray], meta: Mapping, photo: np.ndarray | None, limit: float | None
) -> Picture:
    """Return pictures (K, C, h, w) as tiles; `meta["channels"]` says which channel each belongs to."""
    codes = _coloured(arrays["map"])
    factor = max(1, -(-SMALL // max(codes.shape[2:])))
    codes = codes.repeat(factor, 2).repeat(factor, 3)
    board, columns, rows = colour_mosaic(codes, GAP, blank=255)
    picture = photographic(board, None, {})
    picture.sprite = layout_of((len(codes), *codes.shape[2:]), columns, rows, GAP, 1)
    picture.sprite |= {"factor": factor, "shown": list(meta.get("channels", range(len(codes))))}
    return picture


@style("dreams", look="strip", values="colours")
def dreams(arrays: Mapping[str, np.ndarray], meta: Mapping, photo: np.ndarray | None, limit: float | None) -> Picture:
    """Return pictures (K, C, h, w) side by side."""
    codes = _coloured(arrays["map"])
    height, width = codes.shape[2:]
    high, wide = PANEL, round(width * PANEL / height)
    board = Image.new("RGB", (len(codes) * (wide + GAP) - GAP, high), (255, 255, 255))
    for index, tile in enumerate(codes):
        shown = Image.fromarray(tile.transpose(1, 2, 0)).resize((wide, high), Image.Resampling.BICUBIC)
        board.paste(shown, (index * (wide + GAP), 0))
    layout = layout_of((len(codes), high, wide), len(codes), 1, GAP, 1)
    return Picture({"file": (".webp", webp(board))}, board.width, board.height, sprite=layout)


def _coloured(pictures: np.ndarray) -> np.ndarray:
    """(K, C, h, w) from 0 to 1 as uint8 with three colours."""
    codes = to_codes(finite(pictures))
    return codes if codes.shape[1] == 3 else codes[:, :1].repeat(3, 1)
