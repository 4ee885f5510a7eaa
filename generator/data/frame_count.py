"""How many frames a picture file has, counted by its structure alone and not beyond a bound."""

from __future__ import annotations

import struct

from PIL import Image

from .deep_tiff import Layout

MOST = 1000  # frames; counting 400,000 of them would take for ever


def frames_of(picture: Image.Image | Layout, content: bytes) -> str:
    """Return the number of frames, or "more than 1,000"."""
    if picture.format == "TIFF":
        count = _directories(content)
    elif picture.format == "GIF":
        count = _gif_images(content)
    else:  # a number in the header
        count = getattr(picture, "n_frames", 1)
    return f"more than {MOST:,}" if count > MOST else str(max(1, count))


def _directories(content: bytes) -> int:
    """Return the directories of a TIFF, which are a chain."""
    order = "<" if content[:2] == b"II" else ">"
    big = content[2:4] in (b"+\0", b"\0+")
    width, entries, size = ("Q", "Q", 20) if big else ("I", "H", 12)
    begin = struct.Struct(order + width)
    counted, seen = 0, set()
    try:
        (place,) = begin.unpack_from(content, 8 if big else 4)
        while place and place not in seen and counted <= MOST:
            seen.add(place)
            (count,) = struct.unpack_from(order + entries, content, place)
            counted += 1
            (place,) = begin.unpack_from(content, place + struct.calcsize(entries) + count * size)
    except struct.error:  # the chain leads out of the file
        return counted
    return counted


def _gif_images(content: bytes) -> int:
    """Return the images of a GIF, between its other blocks."""
    place, counted = 13 + _table(content[10:11]), 0
    while place < len(content) and counted <= MOST:
        kind = content[place]
        if kind == 0x2C:  # an image: its place and size, its colours, the size of its codes
            counted += 1
            place += 10 + _table(content[place + 9 : place + 10]) + 1
        elif kind == 0x21:  # an extension and its label
            place += 2
        else:
            break
        while place < len(content) and content[place]:  # blocks of at most 255 bytes, until an empty one
            place += content[place] + 1
        place += 1
    return counted


def _table(flags: bytes) -> int:
    """Return bytes of the colours that flags announce."""
    return 3 * 2 ** (flags[0] % 8 + 1) if flags and flags[0] & 0x80 else 0
