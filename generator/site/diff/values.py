"""The values behind a figure: as they were stored, else as its colours tell them, to one step of their scale."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from generator.core.manifest_types import FigureRecord
from generator.drawing.differences import channels

from .snapshot import Side


@dataclass(frozen=True)
class Values:
    """What a figure was drawn from."""

    arrays: Mapping[str, np.ndarray]  # "channels" (K, h, w), "map" (1, h, w) or (1, C, H, W), "map0", "map1", ...
    source: str  # "stored", or "decoded" from 8 bits
    meta: Mapping[str, Any]


def values(side: Side, figure: FigureRecord) -> Values | None:
    """Return the values of a drawn figure. None where neither store nor picture has them."""
    stored = side.arrays(figure)
    if stored:
        arrays, meta = stored
        if "codes" in arrays:
            return Values({"channels": channels(arrays, meta)}, "stored", meta)
        finite = {name: np.nan_to_num(array, nan=0.0, posinf=0.0, neginf=0.0) for name, array in arrays.items()}
        return Values(finite, "stored", meta)
    style = side.style(figure)
    data, read = side.picture(figure, style.reads_from), READERS.get(style.reads)
    if not data or not read or not figure["scale"] or (style.values == "channels" and not figure["sprite"]):
        return None
    picture = Image.open(io.BytesIO(data))
    if picture.format != "PNG" or picture.mode not in ("P", "RGB"):  # a lossy picture has values of its own
        return None
    low, high = figure["scale"]
    decoded = read(np.asarray(picture).astype(np.float32), low, high)
    return Values({"map": decoded[None]}, "decoded", {})


def luminance(data: bytes) -> np.ndarray:
    """Return a picture file as grey values (H, W), 0 to 255: 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601)."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB").convert("L"))


def _channels(codes: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return the inverse of `styles.sprite`; between the tiles is a code that no value has, read as zero."""
    if low < 0:
        return np.where(codes == 0, 0, (codes - 128) * (high / 127)).astype(np.float32)
    return np.where(codes == 255, 0, codes * (high / 254)).astype(np.float32)


def _signed(codes: np.ndarray, low: float, high: float) -> np.ndarray:
    return (codes - 128) * (high / 127)


def _between(codes: np.ndarray, low: float, high: float) -> np.ndarray:
    return low + codes * ((high - low) / 255)


def _colours(codes: np.ndarray, low: float, high: float) -> np.ndarray:
    return _between(codes, low, high).transpose(2, 0, 1)


READERS = {"channels": _channels, "signed": _signed, "between": _between, "colours": _colours}  # `StyleCard.reads`
