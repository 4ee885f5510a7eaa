"""Pictures that look like what a network would give, drawn with numpy for tests of the pages."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from PIL import Image

from generator.drawing.palettes import BETWEEN, GREENS, SIGNED


def draw_photo(seed: int, side: int) -> np.ndarray:
    """A round thing with eyes on a soft ground, as an array `(side, side, 3)` in [0, 1]."""
    y, x = np.mgrid[0:side, 0:side] / side
    ground = np.stack([0.75 + 0.2 * y, 0.85 - 0.2 * y, 0.9 - 0.35 * y], -1)
    body = ((x - 0.5) ** 2 / 0.10 + (y - 0.58) ** 2 / 0.07) < 1
    colour = np.array([[0.35, 0.6, 0.25], [0.8, 0.55, 0.3], [0.55, 0.55, 0.65]][seed % 3])
    shade = 1.15 - 0.5 * ((x - 0.35) ** 2 + (y - 0.4) ** 2) / 0.3
    photo = np.where(body[..., None], colour * shade[..., None], ground)
    for centre in (0.36, 0.64):
        eye = (x - centre) ** 2 + (y - 0.34) ** 2
        photo = np.where((eye < 0.010)[..., None], 0.97, photo)
        photo = np.where((eye < 0.003)[..., None], 0.05, photo)
    return np.clip(photo + np.random.default_rng(seed).normal(0, 0.02, photo.shape), 0, 1)


def _bytes(values: np.ndarray) -> np.ndarray:
    return (np.clip(values, 0, 1) * 255).round().astype(np.uint8)


def enlarged(values: np.ndarray, times: int) -> np.ndarray:
    return values.repeat(times, 0).repeat(times, 1)


def sprite(values: np.ndarray, between: np.ndarray, signed: bool) -> np.ndarray:
    """Values from -1 or 0 to 1 in the colours of files, and what lies between the tiles."""
    codes = np.round(128 + 127 * values if signed else 254 * values).astype(int)
    colours = (SIGNED if signed else GREENS)[codes]
    return np.where(between[..., None], BETWEEN, colours) / 255


def red_blue(values: np.ndarray) -> np.ndarray:
    red, blue = np.array([178, 24, 43]) / 255, np.array([33, 102, 172]) / 255
    warm, cool = np.clip(values, 0, 1)[..., None], np.clip(-values, 0, 1)[..., None]
    return 1 - warm * (1 - red) - cool * (1 - blue)


def heat(photo: np.ndarray, centre: tuple[float, float]) -> np.ndarray:
    side = photo.shape[0]
    y, x = np.mgrid[0:side, 0:side] / side
    heat = np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / 0.04)
    colour = np.stack(
        [np.clip(1.6 * heat, 0, 1), np.clip(1.2 - 2.4 * abs(heat - 0.5), 0, 1), np.clip(1 - 1.8 * heat, 0, 1)], -1
    )
    return 0.5 * photo + 0.5 * colour


def save(gallery: Path, name: str, pixels: np.ndarray) -> tuple[int, int, str]:
    file = gallery / name
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(_bytes(pixels)).save(file)
    return pixels.shape[1], pixels.shape[0], hashlib.sha256(file.read_bytes()).hexdigest()
