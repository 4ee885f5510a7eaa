"""A picture of 1200 x 630 pixels for those who share a link: a title, one line, and up to four tiles."""

from __future__ import annotations

import functools
import io
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from PIL import Image, ImageDraw, ImageFont

Font = ImageFont.FreeTypeFont
SIZE = (1200, 630)
MARGIN, TILE, GAP, TOP = 56, 256, 21, 270
COLOURS = 160  # of the indexed file
# The site's own colours, as in site_src/assets/css/tokens.css.
PAPER, PLATE, SUNK, INK, SOFT, LINE = "#fbfaf6", "#ffffff", "#f2f0e9", "#1b211d", "#545c56", "#dcdad0"
TONES = {"plain": SOFT, "right": "#0f6b45", "wrong": "#a3351f"}
GREEN = TONES["right"]
# The font that Pillow brings knows ASCII; what has a plain counterpart is written with it.
PLAIN = str.maketrans(
    dict(zip("−–—×’‘“”øØłŁđĐı", "---x''\"\"oOlLdDi", strict=True)) | {"…": "...", "ß": "ss", "æ": "ae", "œ": "oe"}
)


@dataclass(frozen=True)
class Tile:
    """A square with a picture (an encoded file) or with bars, and a word under it."""

    caption: str
    picture: bytes = b""
    crisp: bool = False  # its pixels are to stay squares
    bars: tuple[tuple[str, float, bool], ...] = ()  # name, share of 1, whether it is the label


@dataclass(frozen=True)
class Postcard:
    """What stands on one card; words that the font does not know are left out."""

    brand: str
    title: str
    line: str
    tone: str  # of TONES
    tiles: tuple[Tile, ...]


def draw(card: Postcard) -> bytes:
    """Return the card as an indexed PNG; equal cards give equal bytes."""
    board = Image.new("RGB", SIZE, PAPER)
    pen = ImageDraw.Draw(board)
    _brand(pen, card.brand)
    wide = SIZE[0] - 2 * MARGIN
    text, font = fitting(pen, card.title, wide, (60, 52, 44))
    pen.text((MARGIN - 2, 150), text, font=font, anchor="ls", fill=INK)
    for number, line in enumerate(_wrapped(pen, card.line, wide, _font(29))):
        pen.text((MARGIN, 200 + 38 * number), line, font=_font(29), anchor="ls", fill=TONES[card.tone])
    left, top = MARGIN, TOP
    for tile in card.tiles[:4]:
        face = _face(tile)
        if top + face.height > TOP + TILE + 40:
            break
        board.paste(face, (left, top))
        pen.rectangle((left - 1, top - 1, left + face.width, top + face.height), outline=LINE)
        text, font = fitting(pen, tile.caption, face.width, (23,))
        pen.text((left, top + face.height + 32), text, font=font, anchor="ls", fill=INK)
        if face.width > TILE:
            top += face.height + 52
        else:
            left += TILE + GAP
    pen.rectangle((0, SIZE[1] - 12, SIZE[0], SIZE[1]), fill=GREEN)
    return _indexed(board)


def spoken(text: str, instead: str = "") -> str:
    """`text` in the letters of the font, or `instead` where nothing is left of it.

    >>> spoken("Señor Łoś × 2"), spoken("漢字", "kanji")
    ('Senor Los x 2', 'kanji')
    """
    plain = unicodedata.normalize("NFKD", text.translate(PLAIN)).encode("ascii", "ignore").decode()
    words = " ".join("".join(letter if letter.isprintable() else " " for letter in plain).split())
    return words if any(letter.isalnum() for letter in words) else instead


# --- parts --------------------------------------------------------------------------------------------


def _brand(pen: ImageDraw.ImageDraw, name: str) -> None:
    """The logo, a frame within a frame, and the gallery's name."""
    x, y = MARGIN, 44
    pen.rectangle((x, y, x + 39, y + 39), fill=GREEN)
    pen.rectangle((x + 7, y + 7, x + 32, y + 32), outline="#ffffff", width=3)
    pen.rectangle((x + 15, y + 15, x + 25, y + 24), fill="#ffffff")
    text, font = fitting(pen, name, SIZE[0] - 2 * MARGIN - 56, (26,))
    pen.text((x + 56, y + 20), text, font=font, anchor="lm", fill=SOFT)


def _face(tile: Tile) -> Image.Image:
    """Return the square, filled with the middle of its picture; a strip is as wide as the card and keeps its shape."""
    if tile.bars:
        face = Image.new("RGB", (TILE, TILE), PLATE)
        _bars(ImageDraw.Draw(face), tile.bars)
        return face
    with Image.open(io.BytesIO(tile.picture)) as picture:
        face = picture.convert("RGB")
    how = Image.Resampling.NEAREST if tile.crisp else Image.Resampling.LANCZOS
    if face.width > 4 * face.height:
        wide = SIZE[0] - 2 * MARGIN
        return face.resize((wide, max(1, round(wide * face.height / face.width))), how)
    side = min(face.size)
    left, top = (face.width - side) // 2, (face.height - side) // 2
    return face.resize((TILE, TILE), how, box=(left, top, left + side, top + side))


def _bars(pen: ImageDraw.ImageDraw, bars: Sequence[tuple[str, float, bool]]) -> None:
    for number, (name, share, truth) in enumerate(bars[:5]):
        top = 10 + 49 * number
        percent = f"{100 * share:.0f} %" if share >= 0.005 else "< 1 %"
        room = TILE - 32 - int(pen.textlength(percent, _font(20)))
        text, font = fitting(pen, name, room, (20,))
        pen.text((10, top + 18), text, font=font, anchor="ls", fill=GREEN if truth else INK)
        pen.text((TILE - 10, top + 18), percent, font=font, anchor="rs", fill=SOFT)
        pen.rectangle((10, top + 26, TILE - 11, top + 35), fill=SUNK)
        length = round((TILE - 21) * min(1, max(0, share)))
        pen.rectangle((10, top + 26, 10 + length, top + 35), fill=GREEN if truth else SOFT)


@functools.cache
def _font(size: int) -> Font:
    return cast(Font, ImageFont.load_default(size))


def fitting(pen: ImageDraw.ImageDraw, text: str, room: float, sizes: Sequence[int]) -> tuple[str, Font]:
    """Return the text in the first size in which it fits, else shortened in the last."""
    for size in sizes:
        if pen.textlength(text, _font(size)) <= room:
            return text, _font(size)
    while text and pen.textlength(text + "...", _font(sizes[-1])) > room:
        text = text[:-1].rstrip()
    return text + "...", _font(sizes[-1])


def _wrapped(pen: ImageDraw.ImageDraw, text: str, room: float, font: Font) -> list[str]:
    """At most two lines."""
    first, rest = "", text.split()
    while rest and pen.textlength(f"{first} {rest[0]}", font) <= room:
        first = f"{first} {rest.pop(0)}".strip()
    if not first:
        return [fitting(pen, text, room, (29,))[0]]
    return [first, fitting(pen, " ".join(rest), room, (29,))[0]] if rest else [first]


def _indexed(board: Image.Image) -> bytes:
    """Our own colours, kept exact, and what every fourth pixel asks for; asking all would take ten times longer."""
    sample = board.resize((SIZE[0] // 4, SIZE[1] // 4), Image.Resampling.NEAREST)
    palette = sample.quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    own = [tuple(bytes.fromhex(colour[1:])) for colour in (PAPER, PLATE, SUNK, INK, SOFT, LINE, *TONES.values())]
    entries = [*own, *np.reshape((palette.getpalette() or [])[: 3 * COLOURS], (-1, 3)).tolist()]
    palette.putpalette([part for entry in entries for part in entry])
    codes, pixels = np.array(board.quantize(palette=palette, dither=Image.Dither.NONE)), np.asarray(board, np.int32)
    packed = pixels[..., 0] << 16 | pixels[..., 1] << 8 | pixels[..., 2]
    for code, (red, green, blue) in enumerate(own):
        codes[packed == (red << 16 | green << 8 | blue)] = code
    image = Image.fromarray(codes, "P")
    image.putpalette(palette.getpalette() or [])
    target = io.BytesIO()
    image.save(target, "PNG", compress_level=9)
    return target.getvalue()
