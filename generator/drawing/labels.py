"""Class probabilities as bars, and captions under pictures."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .rendered_image import Picture, photographic

ROW, WIDTH = 22, 448  # pixels
BEGIN, BAR_LENGTH = 164, 220  # pixels: where bars begin, and how long the one of certainty is


def bars(names: Sequence[str], shares: Sequence[float]) -> np.ndarray:
    """Return a board (H, W) uint8, 0 where it is empty: one row a name, with a bar as long as its share between 0 and
    1.
    """
    board = np.zeros((ROW * len(names) + 8, WIDTH), np.uint8)
    for row, (name, share) in enumerate(zip(names, shares, strict=True)):
        line = board[4 + ROW * row :][:ROW]
        line[:, :BEGIN] = _written(name, BEGIN, 156)
        line[3:18, BEGIN : BEGIN + 1 + round(BAR_LENGTH * float(share))] = 170
        after = BEGIN + 1 + BAR_LENGTH
        line[:, after:] = _written(f"{100 * float(share):.1f} %", WIDTH - after, WIDTH - 4 - after)
    return board


@lru_cache(2048)
def _written(text: str, width: int, end: int) -> np.ndarray:
    """Return a board (ROW, width) uint8 with a text that ends at the pixel `end`, cut where it is longer than 150.

    Classes and percentages come again from picture to picture, and writing is most of what such a picture costs.
    """
    font = ImageFont.load_default(13)
    image = Image.new("L", (width, ROW), 0)
    pen = ImageDraw.Draw(image)
    while pen.textlength(text, font) > 150:
        text = text.removesuffix("…")[:-1] + "…"
    pen.text((end, 10), text, fill=254, font=font, anchor="rm")
    return np.asarray(image)


BAND, LEAST = 0.13, 20  # of the picture's shorter side, and pixels
PAPER, TRACK, BAR = (24, 24, 24), (80, 80, 80), (127, 205, 135)


def captioned(picture: Picture, words: str, share: float, longest: str) -> Picture:
    """Return the picture with a dark band below it: `words`, and a bar that is `share` (0 to 1) full.

    `longest` are the longest words of all the frames, so that the bar always begins at one place.
    """
    suffix, data = picture.files["file"]
    board = Image.open(io.BytesIO(data)).convert("RGB")
    height = max(LEAST, round(BAND * min(board.size)))
    canvas = Image.new("RGB", (board.width, board.height + height), PAPER)
    canvas.paste(board, (0, 0))
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(round(0.68 * height))
    middle, edge = board.height + height / 2, 0.35 * height
    end = edge + max(pen.textlength(text, font) for text in (words, longest))
    pen.text((end, middle), words, fill="white", font=font, anchor="rm")
    left, right = round(end + edge), round(board.width - edge)
    if right - left > height:
        thick = 0.16 * height
        pen.rectangle((left, middle - thick, right, middle + thick), fill=TRACK)
        pen.rectangle((left, middle - thick, left + round(share * (right - left)), middle + thick), fill=BAR)
    drawn = photographic(np.asarray(canvas), picture.scale, {}, lossless=suffix == ".png")
    return replace(picture, files={**picture.files, **drawn.files}, width=canvas.width, height=canvas.height)
