"""From colours to files: PNG and WebP that are small, quick to write and equal byte for byte on every run."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence

import numpy as np
from isal import isal_zlib
from PIL import Image

FRAME, LAST = 160, 1600  # milliseconds for which a frame and the last one stand
PLAYS = 3  # and then it rests


def indexed_png(codes: np.ndarray, palette: np.ndarray, smooth: bool = False) -> bytes:
    """Codes (H, W) uint8 as an 8-bit PNG with a palette (256, 3).

    Where neighbours are alike (`smooth`) each row is kept as its difference from the one above. Enlarged squares repeat
    whole rows: there that is nearly nothing.
    """
    height, width = codes.shape
    rows = np.empty((height, width + 1), np.uint8)  # each behind the number of its filter: 0 none, 2 the row above
    rows[:, 0], rows[:, 1:] = 0, codes
    if smooth or _repeats(codes):
        rows[1:, 0] = 2
        rows[1:, 1:] -= codes[:-1]
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = {b"IHDR": header, b"PLTE": palette.tobytes(), b"IDAT": deflated(rows), b"IEND": b""}
    chunks = [piece for kind, data in parts.items() for piece in _chunk(kind, data)]
    return b"".join([b"\x89PNG\r\n\x1a\n", *chunks])


def deflated(data: bytes | np.ndarray) -> bytes:
    """Return bytes as a zlib stream, by a compressor that takes a third of zlib's time for as good a result on
    noise.
    """
    return isal_zlib.compress(data, 1)


def png(board: np.ndarray) -> bytes:
    """Return colours (H, W, 3) uint8 as a PNG."""
    target, image = io.BytesIO(), Image.fromarray(board)
    if _repeats(board):
        image.save(target, "PNG", compress_level=6)
    else:
        image.save(target, "PNG", compress_level=1, compress_type=zlib.Z_RLE)
    return target.getvalue()


def webp(image: Image.Image) -> bytes:
    """Return a photographic picture as lossy WebP."""
    target = io.BytesIO()
    image.save(target, "WEBP", quality=80, method=1)  # method 2 takes twice the time for 6 % less
    return target.getvalue()


def animation(frames: Sequence[np.ndarray], exact: bool = False) -> bytes:
    """Return colours (H, W, 3) uint8 one after the other as an animated WebP that plays three times, rests on its last
    frame each time and stays there in the end; `exact` keeps every pixel, which is smaller where they are large
    squares.
    """
    first, *others = (Image.fromarray(frame) for frame in frames)
    target = io.BytesIO()
    durations = [FRAME] * len(others) + [LAST]
    options = {"append_images": others, "duration": durations, "loop": PLAYS}
    first.save(target, "WEBP", save_all=True, lossless=exact, quality=60, method=2, **options)
    return target.getvalue()


def _repeats(board: np.ndarray) -> bool:
    """Return whether every other row or more is the same as the one above, as in enlarged pictures."""
    if len(board) < 2:
        return False
    for part in (board[:, ::16], board):  # where already some columns are not, as in most pictures, no others matter
        alike = (part[1:] == part[:-1]).reshape(len(board) - 1, -1).all(1)
        if 2 * np.count_nonzero(alike) < len(alike):
            return False
    return True


def _chunk(kind: bytes, data: bytes) -> tuple[bytes, ...]:
    """Return the pieces of a part of a PNG; the compressor's checksum is many times faster than that of zlib."""
    check = isal_zlib.crc32(data, isal_zlib.crc32(kind))
    return struct.pack(">I", len(data)), kind, data, struct.pack(">I", check)
