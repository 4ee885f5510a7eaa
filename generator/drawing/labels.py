"""Class probabilities as bars, and captions under pictures."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .rendered_image import Picture, photographic

ROW, WIDTH = 22, 448  # pixels


def bars(names: Sequence[str], shares: Sequence[float]) -> np.ndarray:
    """Return a board (H, W) uint8, 0 where it is empty: one row a name, with a bar as long as its share between 0 and
    1.
    """
    font = ImageFont.load_default(13)
    image = Image.new("L", (WIDTH, ROW * len(names) + 8), 0)
    pen = ImageDraw.Draw(image)
    for row, (name, share) in enumerate(zip(names, shares, strict=True)):
        top = 4 + ROW * row
        while pen.textlength(name, font) > 150:
            name = name.removesuffix("…")[:-1] + "…"
        pen.text((156, top + 10), name, fill=254, font=font, anchor="rm")
        pen.rectangle((164, top + 3, 164 + round(220 * float(share)), top + 17), fill=170)
        pen.text((WIDTH - 4, top + 10), f"{100 * float(share):.1f} %", fill=254, font=font, anchor="rm")
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
