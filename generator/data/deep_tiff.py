"""Read TIFF values that Pillow does not: floats of 16 and 64 bits, signed bytes, colours of more than 16 bits."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PIL import Image

from generator.core.errors import ImageError

from .tiff_directory import BITS, FORMAT, HEIGHT, ORIENTATION, PHOTOMETRIC, PROFILE, SAMPLES, WIDTH, directory, first
from .tiff_pieces import LZW, PACKBITS, Pieces, bands, described, pieces_of

NO_FINITE = "none of its values is finite"


@dataclass(frozen=True)
class Layout:
    """Where the values of a TIFF's picture are, and how they are seen."""

    pieces: Pieces
    inverted: bool  # the smallest value is white
    orientation: int  # as EXIF numbers it
    profile: bytes

    format = "TIFF"

    @property
    def width(self) -> int:
        """Return the columns of the picture."""
        return self.pieces.width

    @property
    def height(self) -> int:
        """Return the rows of the picture."""
        return self.pieces.height


def layout_of(content: bytes, name: str, number: int = 1) -> Layout | None:
    """Return the layout of a TIFF's picture, by itself the first; None where this is no TIFF, or one that is damaged.

    Raises `ImageError`, which says what the values are, where they are not read here.
    """
    try:
        tags = directory(content, number)
    except (struct.error, OverflowError):
        return None
    if not all(first(tags, tag, default) for tag, default in ((WIDTH, 0), (HEIGHT, 0), (SAMPLES, 1))):
        return None
    what, reason = described(tags)
    photometric, colours = first(tags, PHOTOMETRIC, 1), {1: (0, 1), 3: (2,)}.get(first(tags, SAMPLES, 1), ())
    if reason is None and photometric not in colours:
        reason = f"of photometric kind {photometric}"
    if reason is not None:
        expected = "expected a TIFF of greys or RGB, not compressed, deflated, LZW or PackBits"
        raise ImageError(f"{name}: {expected}; there is one of {what}{' ' * bool(reason)}{reason}, which is not read")
    pieces = pieces_of(content, tags)
    if pieces is None:
        return None
    return Layout(
        pieces,
        inverted=photometric == 0,
        orientation=first(tags, ORIENTATION, 1),
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

    pieces, low, high = layout.pieces, np.inf, -np.inf
    is_slow = pieces.compression in (LZW, PACKBITS)  # to unpack, so that it is unpacked once
    kept = list(bands(content, pieces)) if is_slow else None
    for _, values in kept or bands(content, pieces):
        finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    is_finite = low <= high
    low, high = (low, high) if is_finite else (0.0, 0.0)
    seen = Image.new("L" if pieces.samples == 1 else "RGB", (pieces.width, pieces.height))
    for top, values in kept or bands(content, pieces):
        with np.errstate(invalid="ignore", over="ignore"):
            scaled = values.astype(np.float64) / 2 - low / 2  # halves: the range of float64 may be twice what it holds
            scaled = np.nan_to_num(scaled / ((high / 2 - low / 2) or 1.0), nan=0.0, posinf=1.0, neginf=0.0)
        level = np.rint(np.clip(scaled, 0, 1) * 255).astype(np.uint8)
        level = level[..., 0] if pieces.samples == 1 else level
        seen.paste(Image.fromarray(255 - level if layout.inverted else level), (0, top))
    if layout.profile:
        seen.info["icc_profile"] = layout.profile
    seen.getexif()[ORIENTATION] = layout.orientation
    return seen, range_note(low, high, layout.inverted) if is_finite else NO_FINITE


def range_note(low: float, high: float, inverted: bool) -> str:
    """Return words on a range that became black to white."""
    black, white = (high, low) if inverted else (low, high)
    return f"{black:g} drawn black, {white:g} white"
