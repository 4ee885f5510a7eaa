"""Read the values of measured pictures, TIFF and PNG of 16 bits, for a process with limits: see `decoder`."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

import numpy as np

from generator.core.errors import ImageError

from .tiff_directory import Tags, directory
from .tiff_pieces import bands, described, pieces_of

MOST_BYTES = 2**30  # of a picture's values
PNG = b"\x89PNG\r\n\x1a\n"
PNG_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}  # by its kind of colours


def read(content: bytes, name: str, frame: int, reserve: Callable[[int], None]) -> np.ndarray:
    """Return the values (H, W, C) of a TIFF's page, from 1, or of a PNG, of the type that the file has.

    `reserve` is called with the bytes that they will take, before they are read. Raises `ImageError`, `MemoryError`.
    """
    try:
        if content.startswith(PNG):
            return _png(content, name, reserve)
        return _tiff(content, name, frame, reserve)
    except (ValueError, TypeError, KeyError, IndexError, OverflowError, struct.error, zlib.error, EOFError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ImageError(f"{name}: expected a whole picture of measured values, it is damaged: {reason}") from error


def tags_of(content: bytes, number: int) -> Tags:
    """Return the directory of a TIFF with this number, from 1; {} where there is none, or a damaged one."""
    try:
        return directory(content, number)
    except (struct.error, OverflowError):
        return {}


def frames_of(content: bytes) -> int:
    """Return how many pages a TIFF has, up to 1,000."""
    return next((number for number in range(1, 1000) if not tags_of(content, number + 1)), 1000)


def check_frame(frame: int, count: int, name: str) -> None:
    """Raise `ImageError` for a frame that is not there."""
    if frame > count:
        raise ImageError(f"{name}: frame {frame}: expected one from 1 to {count}")


def _check_size(size: int, name: str) -> None:
    if size > MOST_BYTES:
        raise ImageError(f"{name}: expected at most {MOST_BYTES:,} bytes of values, there are {size:,}")


def _tiff(content: bytes, name: str, frame: int, reserve: Callable[[int], None]) -> np.ndarray:
    tags = tags_of(content, frame)
    if not tags:
        check_frame(frame, frames_of(content), name)
        raise ValueError("its directory leads out of the file")
    what, reason = described(tags)
    if reason is not None:
        expected = "expected a TIFF of numbers of 8 bits and more, not compressed, deflated, LZW or PackBits"
        raise ImageError(f"{name}: {expected}; there is one of {what}{' ' * bool(reason)}{reason}")
    pieces = pieces_of(content, tags)
    if pieces is None:
        raise ValueError("it has no pixels")
    _check_size(pieces.value_bytes, name)
    reserve(pieces.value_bytes)
    values = None
    for top, rows in bands(content, pieces):
        if values is None:
            values = np.empty((pieces.height, pieces.width, pieces.samples), rows.dtype)
        values[top : top + len(rows)] = rows
    return values


def _png(content: bytes, name: str, reserve: Callable[[int], None]) -> np.ndarray:
    """Return the values of a PNG of 16 bits, without its transparency."""
    place, data, header = 8, bytearray(), b""
    while place + 12 <= len(content):
        (length,) = struct.unpack_from(">I", content, place)
        kind, chunk = content[place + 4 : place + 8], content[place + 8 : place + 8 + length]
        header = chunk if kind == b"IHDR" else header
        data += chunk if kind == b"IDAT" else b""
        place += 12 + length
    width, height, bits, colours, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    if bits != 16 or interlaced or colours not in PNG_CHANNELS:
        raise ValueError("it is interlaced, which is not read with 16 bits")
    channels = PNG_CHANNELS[colours]
    step, row = 2 * channels, 2 * channels * width
    _check_size(row * height, name)
    reserve(row * height)
    raw = zlib.decompressobj().decompress(bytes(data), (row + 1) * height)
    if len(raw) < (row + 1) * height:
        raise ValueError("rows are missing")
    above, lines = np.zeros(row, np.uint8), []
    for number in range(height):
        line = np.frombuffer(raw, np.uint8, row, number * (row + 1) + 1)
        above = _unfiltered(raw[number * (row + 1)], line, above, step)
        lines.append(above)
    values = np.stack(lines).view(">u2").reshape(height, width, channels)
    return values[..., :-1] if colours in (4, 6) else values


def _unfiltered(kind: int, line: np.ndarray, above: np.ndarray, step: int) -> np.ndarray:
    """Return a row of a PNG as it was before it was filtered, as the format defines it."""
    if kind == 0:
        return line
    if kind == 1:
        return np.cumsum(line.reshape(-1, step), 0, dtype=np.uint8).reshape(-1)
    if kind == 2:
        return line + above
    if kind not in (3, 4):
        raise ValueError(f"it has a filter {kind}")
    made, over = bytearray(step) + bytearray(line.tobytes()), bytes(step) + above.tobytes()
    for place in range(step, len(made)):
        left, up, corner = made[place - step], over[place], over[place - step]
        if kind == 3:
            guess = (left + up) // 2
        else:
            slope = left + up - corner
            a, b, c = abs(slope - left), abs(slope - up), abs(slope - corner)
            guess = left if a <= b and a <= c else up if b <= c else corner
        made[place] = (made[place] + guess) & 255
    return np.frombuffer(bytes(made[step:]), np.uint8)
