"""Shares of a whole as bars with their names."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

ROW, WIDTH = 22, 448  # pixels


def bars(names: Sequence[str], shares: Sequence[float]) -> np.ndarray:
    """A board (H, W) uint8, 0 where it is empty: one row a name, with a bar as long as its share between 0 and 1."""
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
