"""Read the values of a TIFF from strips or tiles, as they are or packed, with its predictor, in planes."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .tiff_directory import (
    BITS,
    COMPRESSION,
    COUNTS,
    FORMAT,
    HEIGHT,
    OFFSETS,
    PLANES,
    PREDICTOR,
    ROWS,
    SAMPLES,
    TILE_COUNTS,
    TILE_HEIGHT,
    TILE_OFFSETS,
    TILE_WIDTH,
    WIDTH,
    Tags,
    first,
)

if TYPE_CHECKING:
    import numpy as np

KINDS = {1: ("unsigned whole numbers", "u"), 2: ("signed whole numbers", "i"), 3: ("floats", "f")}
LZW, PACKBITS = 5, 32773
COMPRESSIONS = {1: "none", 2: "CCITT", LZW: "LZW", 7: "JPEG", 8: "deflate", PACKBITS: "PackBits", 32946: "deflate"}
UNPACKED = (1, 8, 32946, LZW, PACKBITS)
DIFFERENCES, FLOAT_BYTES = 2, 3  # predictors; 1 is none
WIDTHS = {"u": (8, 16, 32, 64), "i": (8, 16, 32, 64), "f": (16, 32, 64)}  # in bits
BAND_BYTES = 2**19


@dataclass(frozen=True)
class Pieces:
    """Where the values of a TIFF's picture are: pieces (strips are tiles as wide as the picture), row by row."""

    width: int
    height: int
    samples: int
    dtype: str  # as numpy has it, with its order of bytes
    compression: int
    predictor: int
    planar: bool  # a channel after the other
    columns: int  # of each piece
    rows: int  # of each piece; a strip has no more than the picture
    spots: tuple[tuple[int, int], ...]  # offset and length
    name = "strip"

    @property
    def value_bytes(self) -> int:
        """Return the length of all values that are not compressed."""
        return self.width * self.height * self.samples * int(self.dtype[2:])


class Tiles(Pieces):
    """Pieces that are tiles."""

    name = "tile"


def described(tags: Tags) -> tuple[str, str | None]:
    """Return words on what the values are, and on why they are not read: "" for what they are, None where they are."""
    bits, samples = tags.get(BITS, (1,)), first(tags, SAMPLES, 1)
    kind, letter = KINDS.get(first(tags, FORMAT, 1), ("values", ""))
    compression, predictor = first(tags, COMPRESSION, 1), first(tags, PREDICTOR, 1)
    widths = sorted(set(bits))
    values = f"{'/'.join(map(str, widths[:3]))}{'/...' if len(widths) > 3 else ''}-bit {kind}"
    values += f" in {samples} channels" if samples > 1 else ""
    if len(widths) > 1 or bits[0] not in WIDTHS.get(letter, ()):
        return values, ""
    if compression not in UNPACKED:
        return values, f"compressed by {COMPRESSIONS.get(compression, f'method {compression}')}"
    if predictor not in (1, DIFFERENCES, FLOAT_BYTES) or (predictor == FLOAT_BYTES and letter != "f"):
        return values, f"with predictor {predictor}"
    return values, None


def pieces_of(content: bytes, tags: Tags) -> Pieces | None:
    """Return where the values are, of a TIFF that `described` has nothing against; None where it has no size."""
    width, height, samples = (first(tags, tag, default) for tag, default in ((WIDTH, 0), (HEIGHT, 0), (SAMPLES, 1)))
    columns, rows = width, max(1, min(first(tags, ROWS, height), height))
    is_tiled = TILE_WIDTH in tags or TILE_OFFSETS in tags
    if is_tiled:
        columns, rows = first(tags, TILE_WIDTH, 0), first(tags, TILE_HEIGHT, 0)
    if not (width and height and samples and columns and rows):
        return None
    offsets, counts = (TILE_OFFSETS, TILE_COUNTS) if is_tiled else (OFFSETS, COUNTS)
    letter = KINDS[first(tags, FORMAT, 1)][1]
    return (Tiles if is_tiled else Pieces)(
        width,
        height,
        samples,
        dtype=f"{'<' if content[:2] == b'II' else '>'}{letter}{tags.get(BITS, (1,))[0] // 8}",
        compression=first(tags, COMPRESSION, 1),
        predictor=first(tags, PREDICTOR, 1),
        planar=samples > 1 and first(tags, PLANES, 1) == 2,
        columns=columns,
        rows=rows,
        spots=tuple(zip(tags.get(offsets, ()), tags.get(counts, ()), strict=False)),
    )


def bands(content: bytes, pieces: Pieces) -> Iterator[tuple[int, np.ndarray]]:
    """Yield some rows of the values at a time, (rows, width, samples), and the number of the first one.

    Raises `ValueError` or `zlib.error` where values are missing or damaged.
    """
    import numpy as np

    across, down = -(-pieces.width // pieces.columns), -(-pieces.height // pieces.rows)
    planes, samples = (pieces.samples, 1) if pieces.planar else (1, pieces.samples)
    if len(pieces.spots) < planes * down * across:
        raise ValueError(f"{len(pieces.spots)} of {planes * down * across} {pieces.name}s are there")
    size = int(pieces.dtype[2:])
    row_bytes = pieces.columns * samples * size
    most = max(1, BAND_BYTES // (row_bytes * across * planes))
    for begin in range(down):
        top, stop = begin * pieces.rows, min((begin + 1) * pieces.rows, pieces.height)
        wanted = [
            plane * down * across + begin * across + column for plane in range(planes) for column in range(across)
        ]
        sources = [_source(content, pieces, index, (stop - top) * row_bytes) for index in wanted]
        while top < stop:
            rows = min(most, stop - top)
            parts = []
            for index, source in zip(wanted, sources, strict=True):
                raw = source(rows * row_bytes)
                if len(raw) < rows * row_bytes:
                    row = top + len(raw) // row_bytes
                    raise ValueError(f"row {row} of {pieces.height} is missing in {pieces.name} {index + 1}")
                parts.append(_values(raw, pieces, (rows, pieces.columns, samples)))
            lines = (
                [np.concatenate(parts[at : at + across], 1) for at in range(0, len(parts), across)]
                if across > 1
                else parts
            )
            yield top, (np.concatenate(lines, 2) if planes > 1 else lines[0])[:, : pieces.width]
            top += rows


def _source(content: bytes, pieces: Pieces, index: int, need: int) -> Callable[[int], bytes]:
    """Return a function that gives the next bytes of a piece, of which no more than `need` are wanted in all."""
    offset, length = pieces.spots[index]
    packed = memoryview(content)[offset : offset + length]
    if pieces.compression == LZW:
        from .tiff_lzw import unpacked

        packed = memoryview(unpacked(bytes(packed), need))
    elif pieces.compression == PACKBITS:
        packed = memoryview(_runs(packed, need))
    elif pieces.compression != 1:
        return _inflated(packed)
    place = 0

    def taken(count: int) -> bytes:
        nonlocal place
        place += count
        return bytes(packed[place - count : place])

    return taken


def _runs(packed: memoryview, need: int) -> bytearray:
    """Return the first `need` bytes that PackBits stand for (TIFF 6.0, section 9), fewer where they end before."""
    made, place = bytearray(), 0
    while len(made) < need and place < len(packed):
        head, place = packed[place], place + 1
        if head < 128:  # so many bytes and one more as they are
            made += packed[place : place + head + 1]
            place += head + 1
        elif head > 128:  # a byte 257 - head times
            made += bytes(packed[place : place + 1]) * (257 - head)
            place += 1
    return made[:need]


def _inflated(packed: memoryview) -> Callable[[int], bytes]:
    inflate, place = zlib.decompressobj(), 0

    def taken(count: int) -> bytes:
        nonlocal place
        made = bytearray()
        while len(made) < count:
            piece = inflate.unconsumed_tail
            if not piece:
                piece = bytes(packed[place : place + 65536])
                place += len(piece)
            more = inflate.decompress(piece, count - len(made))
            if not more and (not piece or inflate.eof):
                break
            made += more
        return bytes(made)

    return taken


def _values(raw: bytes, pieces: Pieces, shape: tuple[int, int, int]) -> np.ndarray:
    """Return the values (rows, columns, samples) of whole rows of a piece, with its predictor undone."""
    import numpy as np

    dtype = np.dtype(pieces.dtype)
    if pieces.predictor == 1:
        return np.frombuffer(raw, dtype).reshape(shape)
    if pieces.predictor == DIFFERENCES:  # of the bits as whole numbers, whatever they stand for
        integers = np.frombuffer(raw, f"{pieces.dtype[0]}u{dtype.itemsize}").reshape(shape)
        native = integers.dtype.newbyteorder("=")
        return np.cumsum(integers, 1, dtype=native).view(dtype.newbyteorder("="))
    rows, columns, samples = shape  # all highest bytes of a row come first, whatever the file's order is
    summed = np.cumsum(np.frombuffer(raw, np.uint8).reshape(rows, -1, samples), 1, dtype=np.uint8)
    ordered = summed.reshape(rows, dtype.itemsize, columns * samples).transpose(0, 2, 1)
    return np.ascontiguousarray(ordered).view(dtype.newbyteorder(">")).reshape(shape)
