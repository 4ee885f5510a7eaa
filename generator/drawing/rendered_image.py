"""One drawn picture: its files, what a page must know of it, and how colours become it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from .encode import png, webp
from .tiles import enlarge

SMALLEST = 224  # pixels on the longer side that a picture's file has at least, so that it can be pasted anywhere
THUMB = 112


@dataclass
class Picture:
    """The encoded files of one figure and what the page must know of them."""

    files: dict[str, tuple[str, bytes]]  # "file", "thumb", "map", "animation" -> (suffix, bytes)
    width: int
    height: int
    scale: tuple[float, float] | None = None  # the values at the two ends of the colours
    clipped: float = 0.0
    sprite: dict[str, Any] | None = None
    numbers: dict[str, Any] = field(default_factory=dict)


def rgb_picture(unit: np.ndarray, scale: tuple[float, float], clipped: float) -> Picture:
    """Return colours (C, H, W) from 0 to 1, each pixel enlarged to a square where there are few."""
    board = to_rgb(to_codes(unit).transpose(1, 2, 0))
    factor = factor_for(*board.shape[:2])
    picture = photographic(enlarge(board, factor), scale, {}, lossless=factor > 1)
    picture.clipped = clipped
    return picture


def photographic(
    board: np.ndarray, scale: tuple[float, float] | None, more: dict[str, tuple[str, bytes]], lossless: bool = False
) -> Picture:
    """Lossy WebP with a thumb; PNG where the pixels themselves are to be seen."""
    image = Image.fromarray(board)
    files = {"file": (".png", png(board)) if lossless else (".webp", webp(image)), **more}
    if len(files["file"][1]) > 8192:
        files["thumb"] = (".webp", webp(image.resize(thumb_size(board), Image.Resampling.BOX)))
    return Picture(files, image.width, image.height, scale)


def thumb_size(board: np.ndarray) -> tuple[int, int]:
    """Width and height of a small copy of a board."""
    scale = THUMB / max(board.shape[:2])
    return max(1, round(board.shape[1] * scale)), max(1, round(board.shape[0] * scale))


def layout_of(shape: tuple[int, ...], columns: int, rows: int, gap: int, factor: int) -> dict[str, Any]:
    """Return where the tiles (K, h, w) of a board are, for the page that shows them one by one."""
    tile = [shape[2] * factor, shape[1] * factor]
    layout = {"channels": shape[0], "columns": columns, "rows": rows, "tile": tile, "gap": gap * factor}
    return layout | {"factor": factor, "reduced": 1}


def to_codes(unit: np.ndarray) -> np.ndarray:
    """0 to 1 as 0 to 255."""
    return (np.clip(unit, 0, 1) * 255).round().astype(np.uint8)


def finite(array: np.ndarray) -> np.ndarray:
    """Return the array, zero where it is not finite."""
    return array if np.isfinite(array).all() else np.nan_to_num(array, nan=0.0, posinf=0.0, neginf=0.0)


def factor_for(height: int, width: int) -> int:
    """By which whole number a picture of that size is enlarged, so that it can be pasted anywhere."""
    return max(1, math.ceil(SMALLEST / max(height, width)))


def to_rgb(photo: np.ndarray) -> np.ndarray:
    """(H, W, C) with three colours."""
    return np.repeat(photo[..., :1], 3, -1) if photo.shape[-1] != 3 else photo
