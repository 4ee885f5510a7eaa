"""The strongest images of each channel as one board: what the channel saw of each, and where in it that lies."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from .tiles import mosaic

AREA = 5_000_000  # pixels of a board at most, about
SMALLEST, LARGEST = 20, 64  # pixels a side of one patch
GAP, BETWEEN = 4, 1  # pixels between the channels of a board, and between the patches of one channel
FRAME = (255, 176, 0)
PAPER = 255

Read = Callable[[int], np.ndarray]  # the crop (H, W, C) uint8 of the image with a number


def board(arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any], read: Read) -> tuple[np.ndarray, dict[str, Any]]:
    """Return colours (H, W, 3), and where on them the tile of each channel is: its patches side by side, best first.

    `arrays` hold (k, K): "values", "images" (numbers for `read`) and "places" (row times width plus column). `meta` has
    "space" (h, w) of the layer, "input" (C, H, W), "mean" (C,) in 0 to 1, "silent" where zero means that there was
    nothing, and "field" with "size", "jump" and "start" where a value does not see everything.
    """
    values = arrays["values"]
    keep, count = values.shape
    field, size = meta["field"], meta["input"][1:]
    partly = field is not None and any(side < extent for side, extent in zip(field["size"], size, strict=True))
    lines = 2 if partly else 1
    side = int(min(LARGEST, max(SMALLEST, math.sqrt(AREA / (count * keep * lines)))))
    height, width = lines * (side + BETWEEN) - BETWEEN, keep * (side + BETWEEN) - BETWEEN
    tiles = np.full((count, height, width, 3), PAPER, np.uint8)
    fill = np.rint(np.array(meta["mean"]) * 255).astype(np.uint8)

    @cache
    def patch(image: int, place: int) -> tuple[np.ndarray, ...]:
        """Many channels may be strongest at one place."""
        photo, spot = read(image), window(field, divmod(place, meta["space"][1]), size)
        return (fit(cut(photo, spot, fill), side), *([framed(photo, spot, side)] if lines == 2 else []))

    for channel in range(count):
        for rank in range(keep):
            value = values[rank, channel]
            if not np.isfinite(value) or (meta["silent"] and value <= 0):
                continue
            left = rank * (side + BETWEEN)
            made = patch(int(arrays["images"][rank, channel]), int(arrays["places"][rank, channel]))
            for line, square in enumerate(made):
                top = line * (side + BETWEEN)
                tiles[channel, top : top + side, left : left + side] = square
    columns = max(1, min(count, round(math.sqrt(count * height / width))))
    planes = [mosaic(tiles[..., colour], GAP, PAPER, columns) for colour in range(3)]
    layout = {"channels": count, "columns": planes[0][1], "rows": planes[0][2], "tile": [width, height], "gap": GAP}
    layout |= {"factor": 1, "reduced": 1, "patches": keep, "side": side, "lines": lines}
    return np.stack([plane for plane, _, _ in planes], -1), layout


def window(field: Mapping[str, Any] | None, place: tuple[int, int], size: tuple[int, int]) -> list[tuple[int, int]]:
    """First and last-but-one row, and column, that a value sees; all of an axis of which it sees as much as there is.

    >>> window({"size": [3, 99], "jump": [2, 4], "start": [-1, -40]}, (2, 5), (32, 32))
    [(3, 6), (0, 32)]
    """
    if field is None:
        return [(0, extent) for extent in size]
    ranges = []
    for axis, extent in enumerate(size):
        first = field["start"][axis] + place[axis] * field["jump"][axis]
        length = field["size"][axis]
        ranges.append((first, first + length) if length < extent else (0, extent))
    return ranges


def cut(photo: np.ndarray, spot: list[tuple[int, int]], fill: np.ndarray) -> np.ndarray:
    """Return the window of a photo (H, W, C), what lies outside of it in the colour `fill` (C,)."""
    (top, bottom), (left, right) = spot
    patch = np.empty((bottom - top, right - left, photo.shape[2]), np.uint8)
    patch[:] = fill
    rows, columns = (slice(max(0, a), min(b, n)) for (a, b), n in zip(spot, photo.shape[:2], strict=True))
    inside = photo[rows, columns]
    patch[rows.start - top : rows.start - top + len(inside), columns.start - left :][:, : inside.shape[1]] = inside
    return patch


def fit(patch: np.ndarray, side: int) -> np.ndarray:
    """Return a picture (h, w, C) in the middle of a square (side, side, 3): enlarged by a whole number, or averaged
    down.
    """
    image = Image.fromarray(patch if patch.shape[2] == 3 else patch.repeat(3, 2))
    longer = max(image.size)
    if longer <= side:
        factor = side // longer
        image = image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)
    else:
        scale = side / longer
        smaller = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        image = image.resize(smaller, Image.Resampling.BOX)
    square = np.full((side, side, 3), PAPER, np.uint8)
    top, left = (side - image.height) // 2, (side - image.width) // 2
    square[top : top + image.height, left : left + image.width] = np.asarray(image)
    return square


def framed(photo: np.ndarray, spot: list[tuple[int, int]], side: int) -> np.ndarray:
    """Return the whole photo in a square, with a frame around the window."""
    image = Image.fromarray(fit(photo, side))
    longer = max(photo.shape[:2])
    scale = side // longer if longer <= side else side / longer
    shown = [min(side, round(length * scale)) for length in photo.shape[:2]]
    (top, bottom), (left, right) = (
        (max(0, a) * scale + (side - length) // 2, min(b, n) * scale + (side - length) // 2 - 1)
        for (a, b), n, length in zip(spot, photo.shape[:2], shown, strict=True)
    )
    box = (round(left), round(top), max(round(left), round(right)), max(round(top), round(bottom)))
    ImageDraw.Draw(image).rectangle(box, outline=FRAME)
    return np.asarray(image)
