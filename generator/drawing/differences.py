"""Two results on one scale, and their difference as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from . import styles
from .rendered_image import Picture
from .similarity import likeness
from .style_registry import STYLES


def side_by_side(
    name: str, arrays: Sequence[Mapping[str, np.ndarray]], metas: Sequence[Mapping[str, Any]], photo: np.ndarray | None
) -> tuple[dict[str, Picture], dict[str, float]]:
    """Return pictures "left", "right" and "difference" (right - left) on the scale that spans both, and how alike they
    are.
    """
    style = STYLES[name].card
    if style.values == "channels":
        values = [channels(side, meta) for side, meta in zip(arrays, metas, strict=True)]
        limit = max(meta["scale"][1] for meta in metas)
        signed = any(meta["signed"] for meta in metas)
        drawn = [_tiles(name, side, limit, signed, meta) for side, meta in zip(values, metas, strict=True)]
        difference = sprite_difference(values[0], values[1], limit, metas[0])
    else:
        values = of_one_size([np.nan_to_num(side["map"], nan=0.0, posinf=0.0, neginf=0.0) for side in arrays])
        limit = max(styles.own_limit(name, side) or 0.0 for side in arrays)
        floor = min(float(side.min()) for side in values)
        drawn = [
            styles.draw(name, side, {**meta, "floor": floor}, photo, limit)
            for side, meta in zip(arrays, metas, strict=True)
        ]
        difference = map_difference(style.difference, values[0], values[1], limit)
    return {"left": drawn[0], "right": drawn[1], "difference": difference}, likeness(values[0], values[1])


def map_difference(name: str, left: np.ndarray, right: np.ndarray, limit: float) -> Picture:
    """`right - left` of maps, (1, h, w) or (1, C, H, W), in the style called `name`."""
    return styles.draw(name, {"map": right - left}, {}, None, limit)


def sprite_difference(left: np.ndarray, right: np.ndarray, limit: float, meta: Mapping[str, Any]) -> Picture:
    """`right - left` of channels (K, h, w): zero is white."""
    return _tiles("sprite", right - left, limit, True, meta)


def channels(arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> np.ndarray:
    """Return channels (K, h, w) as they were before they became 8 bits, up to one step of their scale."""
    codes, limit = arrays["codes"].astype(np.float32), meta["scale"][1]
    return (codes - 128) * (limit / 127) if meta["signed"] else codes * (limit / 254)


def of_one_size(maps: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return maps (1, h, w) of layers of different sizes, as fine as the finer of them: bilinear, as over the photo."""
    height, width = (max(array.shape[axis] for array in maps) for axis in (-2, -1))
    return [array if array.shape[-2:] == (height, width) else _enlarged(array, width, height) for array in maps]


def _enlarged(maps: np.ndarray, width: int, height: int) -> np.ndarray:
    bilinear = Image.Resampling.BILINEAR
    return np.stack([np.asarray(Image.fromarray(plane).resize((width, height), bilinear)) for plane in maps])


def _tiles(name: str, values: np.ndarray, limit: float, signed: bool, meta: Mapping[str, Any]) -> Picture:
    steps = (127 if signed else 254) / limit if limit else 0.0
    codes = np.clip(np.round(values * steps), -127 if signed else 0, 127 if signed else 254) + (128 if signed else 0)
    about = {**meta, "signed": signed, "scale": [-limit if signed else 0.0, limit]}
    return styles.draw(name, {"codes": codes.astype(np.uint8)}, about, None, None)
