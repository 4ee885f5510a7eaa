"""Read TIFF values that Pillow does not: floats of 16 and 64 bits, signed bytes, colours of more than 16 bits."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PIL import Image

from generator.core.errors import ImageError

if TYPE_CHECKING:
    import numpy as np

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 256, 257, 258, 259, 262
OFFSETS, ORIENTATION, SAMPLES, ROWS, COUNTS, PLANES, PREDICTOR = 273, 274, 277, 278, 279, 284, 317
TILES, FORMAT, PROFILE = 322, 339, 34675
KINDS = {1: ("unsigned whole numbers", "u"), 2: ("signed whole numbers", "i"), 3: ("floats", "f")}
COMPRESSIONS = {1: "none", 2: "CCITT", 5: "LZW", 7: "JPEG", 8: "deflate", 32773: "PackBits", 32946: "deflate"}
TYPES = {1: "B", 3: "H", 4: "I", 7: "B", 16: "Q"}  # of a directory's values: bytes and whole numbers
WIDTHS = {"u": (8, 16, 32, 64), "i": (8, 16, 32, 64), "f": (16, 32, 64)}  # in bits
NO_FINITE = "none of its values is finite"
READ = frozenset((*range(WIDTH, PHOTOMETRIC + 1), *range(OFFSETS, PREDICTOR + 1), TILES, FORMAT, PROFILE))
MOST_ENTRIES, MOST_VALUES, BAND_BYTES = 500, 2**21, 2**19


@dataclass(frozen=True)
class Layout:
    """Where the values of a TIFF's first picture are, and what they are."""

    width: int
    height: int
    samples: int
    dtype: str  # as numpy has it, with its order of bytes
    deflated: bool
    rows: int  # of each strip but the last one
    strips: tuple[tuple[int, int], ...]  # offset and length
    inverted: bool  # the smallest value is white
    orientation: int  # as EXIF numbers it
    profile: bytes

    format = "TIFF"

    @property
    def row_bytes(self) -> int:
        """Return the length of a row that is not compressed."""
        return self.width * self.samples * int(self.dtype[2:])


def layout_of(content: bytes, name: str, number: int = 1) -> Layout | None:
    """Return the layout of a TIFF's picture, by itself the first; None where this is no TIFF, or one that is damaged.

    Raises `ImageError`, which says what the values are, where they are not read here.
    """
    try:
        tags = directory(content, number)
    except (struct.error, OverflowError):
        return None
    width, height, samples = _one(tags, WIDTH, 0), _one(tags, HEIGHT, 0), _one(tags, SAMPLES, 1)
    bits, (kind, letter) = tags.get(BITS, (1,)), KINDS.get(_one(tags, FORMAT, 1), ("values", ""))
    if not (width and height and samples):
        return None
    compression, photometric = _one(tags, COMPRESSION, 1), _one(tags, PHOTOMETRIC, 1)
    reasons = {
        "": len(set(bits)) > 1 or bits[0] not in WIDTHS.get(letter, ()),
        "in tiles": TILES in tags,
        f"compressed by {COMPRESSIONS.get(compression, f'method {compression}')}": compression not in (1, 8, 32946),
        f"with predictor {_one(tags, PREDICTOR, 1)}": _one(tags, PREDICTOR, 1) != 1,
        f"of photometric kind {photometric}": photometric not in ((0, 1) if samples == 1 else (2,)),
        "in planes": samples > 1 and _one(tags, PLANES, 1) != 1,
    }
    if samples not in (1, 3) or any(reasons.values()):
        widths = sorted(set(bits))
        values = f"{'/'.join(map(str, widths[:3]))}{'/...' if len(widths) > 3 else ''}-bit {kind}"
        channels = f"in {samples} channels" if samples > 1 else ""
        what = " ".join(filter(None, (values, channels, next((why for why, holds in reasons.items() if holds), ""))))
        expected = "expected a TIFF of greys or RGB in strips, not compressed or deflated"
        raise ImageError(f"{name}: {expected}; there is one of {what}, which is not read")
    return Layout(
        width,
        height,
        samples,
        dtype=f"{'<' if content[:2] == b'II' else '>'}{letter}{bits[0] // 8}",
        deflated=compression != 1,
        rows=max(1, min(_one(tags, ROWS, height), height)),
        strips=tuple(zip(tags.get(OFFSETS, ()), tags.get(COUNTS, ()), strict=False)),
        inverted=photometric == 0,
        orientation=_one(tags, ORIENTATION, 1),
        profile=bytes(tags.get(PROFILE, ())),
    )


def has_signed_bytes(tags: Mapping[int, Any]) -> bool:
    """Return whether values are signed and of 8 bits, which Pillow reads as if they were not signed."""
    return tags.get(FORMAT) == (2,) and tags.get(BITS) == (8,)


def read(content: bytes, layout: Layout) -> tuple[Image.Image, str]:
    """Return the picture in mode L or RGB, its smallest finite value black and its largest white; and a note.

    Its orientation and its profile are where Pillow has those of its own. Raises `ValueError` where rows are missing.
    """
    import numpy as np

    low, high = np.inf, -np.inf
    for _, values in _bands(content, layout):
        finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    is_finite = low <= high
    low, high = (low, high) if is_finite else (0.0, 0.0)
    seen = Image.new("L" if layout.samples == 1 else "RGB", (layout.width, layout.height))
    for top, values in _bands(content, layout):
        with np.errstate(invalid="ignore", over="ignore"):
            scaled = values.astype(np.float64) / 2 - low / 2  # halves: the range of float64 may be twice what it holds
            scaled = np.nan_to_num(scaled / ((high / 2 - low / 2) or 1.0), nan=0.0, posinf=1.0, neginf=0.0)
        level = np.rint(np.clip(scaled, 0, 1) * 255).astype(np.uint8)
        seen.paste(Image.fromarray(255 - level if layout.inverted else level), (0, top))
    if layout.profile:
        seen.info["icc_profile"] = layout.profile
    seen.getexif()[ORIENTATION] = layout.orientation
    return seen, range_note(low, high, layout.inverted) if is_finite else NO_FINITE


def range_note(low: float, high: float, inverted: bool) -> str:
    """Return words on a range that became black to white."""
    black, white = (high, low) if inverted else (low, high)
    return f"{black:g} drawn black, {white:g} white"


def _bands(content: bytes, layout: Layout) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the values some rows at a time, (rows, width) or (rows, width, 3), and the number of the first row."""
    import numpy as np

    shape = (layout.width,) if layout.samples == 1 else (layout.width, layout.samples)
    most, top = max(1, BAND_BYTES // layout.row_bytes), 0
    for offset, length in layout.strips:
        unread = min(layout.rows, layout.height - top)
        strip = memoryview(content)[offset : offset + length]
        inflate = zlib.decompressobj() if layout.deflated else None
        while unread:
            rows = min(most, unread)
            need = rows * layout.row_bytes
            if inflate is None:
                raw, strip = bytes(strip[:need]), strip[need:]
            else:
                raw, strip = _inflated(inflate, strip, need)
            if len(raw) < need:
                raise ValueError(f"row {top + len(raw) // layout.row_bytes} of {layout.height} is missing")
            yield top, np.frombuffer(raw, layout.dtype).reshape(rows, *shape)
            top, unread = top + rows, unread - rows
    if top < layout.height:
        raise ValueError(f"row {top} of {layout.height} is missing")


def _inflated(inflate: zlib._Decompress, strip: memoryview, need: int) -> tuple[bytes, memoryview]:
    """Return the next bytes of a compressed strip, no more than needed, and what is left of it."""
    content = bytearray()
    while len(content) < need:
        piece = inflate.unconsumed_tail or bytes(strip[:65536])
        if not inflate.unconsumed_tail:
            strip = strip[65536:]
        more = inflate.decompress(piece, need - len(content))
        if not more and (not piece or inflate.eof):
            break
        content += more
    return bytes(content), strip


def _one(tags: dict[int, tuple[int, ...]], tag: int, default: int) -> int:
    return tags.get(tag, (default,))[0]


def directory(content: bytes, number: int = 1) -> dict[int, tuple[int, ...]]:
    """Return the numbers of each tag in a directory of a TIFF or BigTIFF, by itself the first; {} where there is none.

    Raises `struct.error`.
    """
    order = {b"II": "<", b"MM": ">"}.get(content[:2])
    if order is None or content[2:4] not in (b"*\0", b"\0*", b"+\0", b"\0+"):
        return {}
    big = content[2:4] in (b"+\0", b"\0+")
    word, entries, entry, inline = ("Q", "Q", 20, 8) if big else ("I", "H", 12, 4)
    (start,) = struct.unpack_from(order + word, content, 8 if big else 4)
    for _ in range(number - 1):
        (count,) = struct.unpack_from(order + entries, content, start)
        (start,) = struct.unpack_from(order + word, content, start + struct.calcsize(entries) + entry * count)
        if not start:
            return {}
    (count,) = struct.unpack_from(order + entries, content, start)
    start, tags = start + struct.calcsize(entries), {}
    for number in range(min(count, MOST_ENTRIES)):
        place = start + entry * number
        tag, kind, values = struct.unpack_from(f"{order}HH{word}", content, place)
        if tag not in READ or kind not in TYPES or not 0 < values <= MOST_VALUES:
            continue
        form, place = f"{order}{values}{TYPES[kind]}", place + 4 + inline
        if struct.calcsize(form) > inline:
            (place,) = struct.unpack_from(order + word, content, place)
        tags[tag] = struct.unpack_from(form, content, place)
    return tags
