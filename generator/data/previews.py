"""The photo itself, small enough for the pages and without its metadata."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image

from generator.core.code_digest import closure_digest
from generator.core.records import Example
from generator.core.store import Store, key_of

from .preprocess import opened

SIDES = {"photo": 800, "thumb": 224}  # pixels on the longer side
LARGEST_STEP = 7  # how many times a tiny photo is enlarged, at most


def preview(example: Example, store: Store) -> dict[str, Any]:
    """Return the record of a photo's two pictures, made where the store does not hold them. Raises `ImageError`."""
    code = closure_digest("generator.data.previews", "generator.data.decode", "generator.data.measured")
    key = key_of("preview", example.digest, example.frame, example.background, code)
    record = store.get(key, "width", "height")
    if record and store.has_payloads(record):
        return record
    picture = opened(example)
    if picture.mode == "RGBA":
        ground = Image.new("RGBA", picture.size, example.background or "#ffffff")
        picture = Image.alpha_composite(ground, picture)
    picture = picture.convert("RGB")
    files = {part: _webp(picture, side) for part, side in SIDES.items()}
    return store.put(key, {"width": picture.width, "height": picture.height}, files)


def _webp(picture: Image.Image, side: int) -> bytes:
    """At most `side` pixels; what is less than half of that is enlarged, its pixels staying squares."""
    scale = side / max(picture.size)
    if scale < 1 or scale > 2:
        width, height = (max(1, round(length * min(scale, LARGEST_STEP))) for length in picture.size)
        picture = picture.resize((width, height), Image.Resampling.NEAREST if scale > 2 else Image.Resampling.LANCZOS)
    target = io.BytesIO()
    picture.save(target, "WEBP", quality=82, method=2)
    return target.getvalue()
