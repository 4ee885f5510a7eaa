"""Pictures whose values are measurements: any number of channels, 16 bits or floats, from TIFF, PNG and NumPy files."""

from __future__ import annotations

import io
import math
import struct
import zlib

import numpy as np
from PIL import Image

from generator.core.errors import ImageError

from . import deep_tiff
from .decode import decode
from .deep_tiff import (
    BITS,
    COMPRESSION,
    COUNTS,
    FORMAT,
    HEIGHT,
    KINDS,
    OFFSETS,
    PLANES,
    PREDICTOR,
    ROWS,
    SAMPLES,
    TILES,
    WIDTH,
    WIDTHS,
)

MOST_BYTES = 2**30  # of a picture's values
NUMPY, PNG = b"\x93NUMPY", b"\x89PNG\r\n\x1a\n"
PNG_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}  # by its kind of colours


def is_measured(content: bytes) -> bool:
    """Return whether a file's values say more than 8 bits of grey or colours can: by its header alone."""
    if content.startswith(NUMPY):
        return True
    if content.startswith(PNG):
        return len(content) > 25 and content[24] == 16
    tags = _directory(content, 1)
    return bool(tags) and (max(tags.get(BITS, (1,))) > 8 or tags.get(SAMPLES, (1,))[0] not in (1, 3, 4))


def only_measured(content: bytes) -> bool:
    """Return whether no usual decoder makes a picture of a file: arrays, and TIFF of other channels than colours."""
    if content.startswith(NUMPY):
        return True
    tags = _directory(content, 1)
    return bool(tags) and tags.get(SAMPLES, (1,))[0] not in (1, 3, 4)


def frames_of(content: bytes) -> int:
    """Return how many pages a TIFF has, or slices an array may be cut into; 1 for others."""
    if content.startswith(NUMPY):
        shape = _header(content)[0]
        return shape[0] if len(shape) > 2 else 1
    return next((number for number in range(1, 1000) if not _directory(content, number + 1)), 1)


def read(content: bytes, name: str, frame: int = 0) -> np.ndarray:
    """Return the values (H, W, C) of a measured picture, of the type that its file has.

    Of a TIFF `frame` is the page, of an array (D, H, W) or (D, H, W, C) the slice, counted from 1; 0 takes a TIFF's
    first page, and an array (H, W), (H, W, C) or (C, H, W) whole: its channels are the shorter of both ends. Raises
    `ImageError`.
    """
    try:
        if content.startswith(NUMPY):
            return _array(content, name, frame)
        return _png(content) if content.startswith(PNG) else _tiff(content, name, frame or 1)
    except ImageError:
        raise
    except (ValueError, TypeError, KeyError, IndexError, OverflowError, struct.error, zlib.error, EOFError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ImageError(f"{name}: expected a whole picture of measured values, it is damaged: {reason}") from error


def full_range(dtype: np.dtype) -> tuple[float, float]:
    """Return the values between which a type's numbers lie where nobody says otherwise: floats from 0 to 1."""
    return (0.0, 1.0) if dtype.kind == "f" else (0.0, float(np.iinfo(dtype).max))


def preview(values: np.ndarray) -> tuple[Image.Image, str]:
    """Return the first channel, or the first three, as a picture for people, and a note of what black and white are."""
    shown = values[..., :3] if values.shape[2] >= 3 else values[..., :1]
    shown = np.nan_to_num(shown.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = (float(np.percentile(shown, q)) for q in (1, 99))
    unit = np.clip((shown - low) / ((high - low) or 1.0), 0, 1)
    codes = np.rint(255 * unit).astype(np.uint8)
    picture = Image.fromarray(codes if codes.shape[2] == 3 else codes.repeat(3, 2))
    channels = f"{values.shape[2]} channels, " if values.shape[2] != 1 else ""
    return picture, f"{channels}{values.dtype.name}; {low:g} drawn black, {high:g} white"


def opened_content(content: bytes, name: str, frame: int = 0) -> tuple[Image.Image, str]:
    """Return the picture that people see of a file, and what was done to it; raises `ImageError`."""
    if only_measured(content):
        return preview(read(content, name, frame))
    return decode(content, name, frame)


# --- NumPy ------------------------------------------------------------------------------------------


def _header(content: bytes) -> tuple[tuple[int, ...], bool, np.dtype, int]:
    """Return shape, order of the axes, type and the place of the first value."""
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return (*reader(stream), stream.tell())


def _array(content: bytes, name: str, frame: int) -> np.ndarray:
    shape, fortran, dtype, start = _header(content)
    if dtype.kind not in "uif" or dtype.itemsize > 8:
        raise ImageError(f"{name}: expected an array of whole numbers or floats, there is one of {dtype}")
    expected = "expected an array (H, W), (H, W, C) or (C, H, W), or with `frame` (D, H, W) or (D, H, W, C)"
    if not 2 <= len(shape) - bool(frame) <= 3 or 0 in shape:
        raise ImageError(f"{name}: {expected}; there is one of shape {shape}")
    if math.prod(shape) * dtype.itemsize > MOST_BYTES or len(content) < start + math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{math.prod(shape):,} values of {dtype.itemsize} bytes are more than there are")
    values = np.frombuffer(content, dtype, math.prod(shape), start).reshape(shape, order="F" if fortran else "C")
    if frame:
        _check_frame(frame, shape[0], name)
        values = values[frame - 1]
    if values.ndim == 2:
        return values[..., None]
    return values if values.shape[2] <= values.shape[0] else values.transpose(1, 2, 0)


def _check_frame(frame: int, count: int, name: str) -> None:
    if frame > count:
        raise ImageError(f"{name}: frame {frame}: expected one from 1 to {count}")


# --- TIFF -------------------------------------------------------------------------------------------


def _directory(content: bytes, number: int) -> dict[int, tuple[int, ...]]:
    try:
        return deep_tiff.directory(content, number)
    except (struct.error, OverflowError):
        return {}


def _tiff(content: bytes, name: str, frame: int) -> np.ndarray:
    tags = _directory(content, frame)
    if not tags:
        _check_frame(frame, frames_of(content), name)
    width, height, samples = (tags.get(tag, (1,))[0] for tag in (WIDTH, HEIGHT, SAMPLES))
    bits, kind = tags.get(BITS, (1,)), KINDS.get(tags.get(FORMAT, (1,))[0], ("values", ""))[1]
    compression, predictor = tags.get(COMPRESSION, (1,))[0], tags.get(PREDICTOR, (1,))[0]
    planar = samples > 1 and tags.get(PLANES, (1,))[0] == 2
    strange = len(set(bits)) > 1 or bits[0] not in WIDTHS.get(kind, ()) or TILES in tags
    if strange or compression not in (1, 8, 32946) or predictor not in (1, 2) or (predictor == 2 and kind == "f"):
        there = f"{samples} channels, {bits[0]} bits, compression {compression}, predictor {predictor}"
        there += ", in tiles" if TILES in tags else ""
        expected = "expected a TIFF of numbers of 8 bits and more in strips, not compressed or deflated"
        raise ImageError(f"{name}: {expected}; there is one of {there}")
    dtype = np.dtype(f"{'<' if content[:2] == b'II' else '>'}{kind}{bits[0] // 8}")
    if width * height * samples * dtype.itemsize > MOST_BYTES:
        raise ImageError(f"{name}: expected at most {MOST_BYTES:,} bytes of values")
    per_row = width * (1 if planar else samples) * dtype.itemsize
    rows = max(1, min(tags.get(ROWS, (height,))[0], height))
    planes, strips = samples if planar else 1, []
    spots = list(zip(tags.get(OFFSETS, ()), tags.get(COUNTS, ()), strict=False))
    per_plane = -(-height // rows)
    for index, (offset, length) in enumerate(spots[: planes * per_plane]):
        need = min(rows, height - index % per_plane * rows) * per_row
        raw = content[offset : offset + length]
        raw = raw[:need] if compression == 1 else zlib.decompressobj().decompress(raw, need)
        if len(raw) < need:
            raise ValueError(f"strip {index + 1} of {planes * per_plane} is not whole")
        strips.append(raw)
    if len(strips) < planes * per_plane:
        raise ValueError(f"{len(strips)} of {planes * per_plane} strips are there")
    values = np.frombuffer(b"".join(strips), dtype)
    if planar:
        values = values.reshape(samples, height, width).transpose(1, 2, 0)
    values = values.reshape(height, width, samples)
    return np.cumsum(values, 1, dtype=values.dtype) if predictor == 2 else values


# --- PNG of 16 bits ---------------------------------------------------------------------------------


def _png(content: bytes) -> np.ndarray:
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
    if row * height > MOST_BYTES:
        raise ValueError(f"it has more than {MOST_BYTES:,} bytes")
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
