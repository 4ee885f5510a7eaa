"""Words below a drawn picture that say which moment of a film it is, with a bar for how far that is."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .picture import Picture, photographic

BAND, LEAST = 0.13, 20  # of the picture's shorter side, and pixels
PAPER, TRACK, BAR = (24, 24, 24), (80, 80, 80), (127, 205, 135)


def captioned(picture: Picture, words: str, share: float, longest: str) -> Picture:
    """The picture with a dark band below it: `words`, and a bar that is `share` (0 to 1) full.

    `longest` are the longest words of all the frames, so that the bar always begins at one place.
    """
    suffix, data = picture.files["file"]
    board = Image.open(io.BytesIO(data)).convert("RGB")
    height = max(LEAST, round(BAND * min(board.size)))
    whole = Image.new("RGB", (board.width, board.height + height), PAPER)
    whole.paste(board, (0, 0))
    pen, font = ImageDraw.Draw(whole), ImageFont.load_default(round(0.68 * height))
    middle, edge = board.height + height / 2, 0.35 * height
    end = edge + max(pen.textlength(text, font) for text in (words, longest))
    pen.text((end, middle), words, fill="white", font=font, anchor="rm")
    left, right = round(end + edge), round(board.width - edge)
    if right - left > height:
        thick = 0.16 * height
        pen.rectangle((left, middle - thick, right, middle + thick), fill=TRACK)
        pen.rectangle((left, middle - thick, left + round(share * (right - left)), middle + thick), fill=BAR)
    drawn = photographic(np.asarray(whole), picture.scale, {}, lossless=suffix == ".png")
    return replace(picture, files={**picture.files, **drawn.files}, width=whole.width, height=whole.height)
