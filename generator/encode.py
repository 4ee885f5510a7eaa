"""From colours to files: PNG and WebP that are small, quick to write and equal byte for byte on every run."""

from __future__ import annotations

import io
import zlib
from collections.abc import Sequence

import numpy as np
from PIL import Image

FRAME, LAST = 160, 1600  # milliseconds for which a frame and the last one stand
PLAYS = 3  # and then it rests


def indexed_png(codes: np.ndarray, palette: np.ndarray) -> bytes:
    """Codes (H, W) uint8 as an 8-bit PNG with a palette (256, 3)."""
    image = Image.fromarray(codes).convert("P") if codes.dtype != np.uint8 else Image.fromarray(codes, "L")
    image = image.copy()
    image.putpalette(palette.tobytes())
    return _save_png(image)


def png(board: np.ndarray) -> bytes:
    """Colours (H, W, 3) uint8 as a PNG."""
    return _save_png(Image.fromarray(board))


def webp(image: Image.Image) -> bytes:
    """A photographic picture as lossy WebP."""
    target = io.BytesIO()
    image.save(target, "WEBP", quality=80, method=2)
    return target.getvalue()


def small_webp(image: Image.Image) -> bytes:
    """A small picture as WebP; every pixel is kept where that costs least, as where each is enlarged."""
    exact = io.BytesIO()
    image.save(exact, "WEBP", lossless=True, method=2)
    return min(exact.getvalue(), webp(image), key=len)


def animation(frames: Sequence[np.ndarray], exact: bool = False) -> bytes:
    """Colours (H, W, 3) uint8 one after the other as an animated WebP that plays three times, rests on its last frame
    each time and stays there in the end; `exact` keeps every pixel, which is smaller where they are large squares.
    """
    first, *others = (Image.fromarray(frame) for frame in frames)
    target = io.BytesIO()
    durations = [FRAME] * len(others) + [LAST]
    told = {"append_images": others, "duration": durations, "loop": PLAYS}
    first.save(target, "WEBP", save_all=True, lossless=exact, quality=60, method=2, **told)
    return target.getvalue()


def _save_png(image: Image.Image) -> bytes:
    """Run lengths alone are quickest and as good as any for single pixels; enlarged ones repeat whole rows."""
    target, board = io.BytesIO(), np.asarray(image)
    repeated = (board[1:] == board[:-1]).reshape(len(board) - 1, -1).all(1) if len(board) > 1 else np.zeros(1)
    if repeated.mean() >= 0.5:
        image.save(target, "PNG", compress_level=6)
    else:
        image.save(target, "PNG", compress_level=1, compress_type=zlib.Z_RLE)
    return target.getvalue()
