"""The crop of a picture that a network sees, and the numbers it is given."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageColor

from generator.core.errors import ImageError
from generator.core.records import Example, Input

from .decode import MAX_PIXELS, decode, read_file
from .measured import full_range, is_measured, only_measured, opened_content
from .measured import read as measured

LONGEST = 4096  # pixels a side of a picture at its own size
RESAMPLING = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


def opened(example: Example) -> Image.Image:
    """Return the picture, decoded. Raises `ImageError` where the file is gone or holds other bytes than the
    example's.
    """
    path = Path(example.path)
    return opened_content(_verified(path, example.digest), path.name, example.frame)[0]


def _verified(path: Path, digest: str) -> bytes:
    """Return the bytes of a file, where they are those with this SHA-256; else raises `ImageError`."""
    content = read_file(path)
    if hashlib.sha256(content).hexdigest() != digest:
        raise ImageError(f"{path.name}: it changed while the gallery was built; build again")
    return content


def photo(example: Example, input: Input) -> np.ndarray:
    """Return the crop that the network sees, (H, W, C) from 0 to 255: uint8, or float32 of measured values."""
    path = Path(example.path)
    background = _rgb(example.background) if example.background else input.background
    wanted = replace(input, background=background, fit=_fit(example, input))
    return crop_of(_verified(path, example.digest), wanted, path.name, example.frame)


def crop_of(content: bytes, input: Input, name: str, frame: int = 0) -> np.ndarray:
    """Return what a network sees of a picture file, (H, W, C) from 0 to 255: uint8, or float32 of measured values.

    Values are measured where the file holds more than 8 bits of grey or colours and the input says their `range`, or
    where no usual picture has as many channels. Raises `ImageError`.
    """
    channels = input.size[0]
    if only_measured(content) or (is_measured(content) and (input.range or channels not in (1, 3))):
        return _measured_crop(measured(content, name, frame), input, name)
    picture, _ = decode(content, name, frame)
    if channels in (1, 3):
        return fitted(picture, input, name)
    pixels = np.asarray(picture)
    return _measured_crop(pixels, replace(input, range=()), name)


def displayed(crop: np.ndarray, input: Input) -> np.ndarray:
    """Return what is shown of a crop (H, W, C), uint8 (H, W, 1 or 3): the channels of `display`, else the first one or
    three.
    """
    if crop.dtype == np.uint8 and crop.shape[2] in (1, 3) and not input.display:
        return crop
    shown = crop[..., shown_channels(input)]
    return shown if shown.dtype == np.uint8 else np.rint(np.clip(shown, 0, 255)).astype(np.uint8)


def shown_colours(values: np.ndarray, input: Input) -> np.ndarray:
    """Return the shown channels of colours (..., C, h, w) that a method made; what holds no such channels as it is."""
    natural = input.size[0] in (1, 3) and not input.display
    if natural or values.ndim < 4 or values.shape[-3] != input.size[0]:
        return values
    return values[..., shown_channels(input), :, :]


def shown_channels(input: Input) -> list[int]:
    """Return the channels of an input that are shown, from 0: one or three."""
    if input.display:
        return [number - 1 for number in input.display]
    return [0, 1, 2] if input.size[0] >= 3 else [0]


def whole(example: Example, input: Input, side: int) -> np.ndarray:
    """Return all of the picture, its longer side at most `side` (never enlarged beyond the input's), uint8 (H, W,
    C).
    """
    picture = opened(example)
    scale = min(1.0, side / max(picture.size))  # of a measured picture the preview has the same size
    size = tuple(max(1, round(length * scale)) for length in picture.size)
    background = _rgb(example.background) if example.background else input.background
    height, width = size[::-1]
    plain = replace(input, size=(input.size[0], height, width), fit="pad", background=background)
    path = Path(example.path)
    return crop_of(_verified(path, example.digest), plain, path.name, example.frame)


def _rgb(colour: str) -> tuple[int, int, int]:
    """Return the red, green and blue of a colour as CSS writes it, 0 to 255."""
    red, green, blue = ImageColor.getrgb(colour)[:3]
    return red, green, blue


def inside(example: Example, input: Input) -> np.ndarray | None:
    """Return where in that crop the thing is, bool (H, W): by its box, its mask or its transparency; None where none
    tells.

    None, too, where the thing fills the crop or is not in it: then there is nothing to point at.
    """
    picture = opened(example)
    if example.mask:
        mask = decode(_verified(Path(example.mask), example.mask_digest), Path(example.mask).name)[0].convert("L")
    elif example.box:
        mask = Image.new("L", picture.size)
        left, top, right, bottom = example.box
        mask.paste(255, (left, top, right, bottom))
    elif picture.mode == "RGBA":
        mask = picture.getchannel("A")
    else:
        return None
    black = replace(input, background=(0, 0, 0), fit=_fit(example, input))
    black = replace(black, size=(1, *input.size[1:]))
    covered = fitted(mask.convert("RGB"), black, Path(example.path).name)[..., 0] >= 128
    return covered if 0 < covered.mean() < 1 else None


def fitted(picture: Image.Image, input: Input, name: str = "") -> np.ndarray:
    """Return a decoded picture as `input` asks, uint8 (H, W, C); `crop` is bit for bit torchvision's Resize and
    CenterCrop.

    With `fit="native"` H and W are the picture's own, unless its longer side has more than 4,096 pixels.
    """
    if picture.mode == "RGBA":  # before resizing: afterwards the colour behind full transparency would bleed in
        ground = Image.new("RGBA", picture.size, (*input.background, 255))
        picture = Image.alpha_composite(ground, picture).convert("RGB")
    resample = RESAMPLING[input.interpolation]
    if input.fit == "native":
        seen = _shrunk(picture, resample)
    else:
        seen = _pad(picture, input, resample) if input.fit == "pad" else _crop(picture, input, resample, name)
    pixels = np.asarray(seen if input.size[0] == 3 else seen.convert("L"))
    return pixels.reshape(*pixels.shape[:2], input.size[0]).copy()


def normalise(photo: np.ndarray, input: Input) -> np.ndarray:
    """`(photo / 255 - mean) / std`, float32 (1, C, H, W), of a crop (H, W, C) from 0 to 255."""
    mean, std = (np.asarray(values, np.float32) for values in (input.mean, input.std))
    x = (photo.astype(np.float32) / np.float32(255) - mean) / std
    return np.ascontiguousarray(x.transpose(2, 0, 1)[None])


def _crop(picture: Image.Image, input: Input, resample: Image.Resampling, name: str) -> Image.Image:
    """Shorter side to `resize`, then the centre; rounding as torchvision does it."""
    _, height, width = input.size
    shorter = input.resize or max(height, width)
    longer = int(shorter * max(picture.size) / min(picture.size))
    if shorter * longer > MAX_PIXELS:
        actual = f"there are {picture.width:,} x {picture.height:,}"
        raise ImageError(f"{name}: expected sides less unequal for a crop, {actual}; `fit: pad` shows the whole")
    size = (shorter, longer) if picture.width <= picture.height else (longer, shorter)
    picture = picture.resize(size, resample)
    left, top = round((size[0] - width) / 2), round((size[1] - height) / 2)
    return picture.crop((left, top, left + width, top + height))


def _fit(example: Example, input: Input) -> str:
    """Return what becomes of a picture of another shape: nothing at its own size, else what the picture asks for."""
    return "native" if input.fit == "native" else example.fit or input.fit


def _shrunk(picture: Image.Image, resample: Image.Resampling) -> Image.Image:
    """Return the whole picture, smaller where a side is longer than `LONGEST`."""
    scale = LONGEST / max(picture.size)
    return picture if scale >= 1 else picture.resize([max(1, round(scale * side)) for side in picture.size], resample)


def _measured_crop(values: np.ndarray, input: Input, name: str) -> np.ndarray:
    """Return values (H, W, C) in the shape of the input, its range at 0 and 255; float32.

    What is no number, and what is padded, has the smallest value of the range. Raises `ImageError` where the channels
    are not as many as the input's.
    """
    channels, height, width = input.size
    if values.shape[2] != channels:
        count = values.shape[2]
        there = "there is 1" if count == 1 else f"there are {count}"
        raise ImageError(f"{name}: expected a picture of {channels} channels, as the network wants; {there}")
    low, high = input.range or full_range(values.dtype)
    scaled = 255 * (values.astype(np.float32) - np.float32(low)) / np.float32(high - low)
    scaled = np.nan_to_num(scaled, nan=0.0, posinf=0.0, neginf=0.0)
    resample = RESAMPLING[input.interpolation]
    planes = [
        _plane(Image.fromarray(np.ascontiguousarray(scaled[..., channel])), input, resample, name)
        for channel in range(channels)
    ]
    return np.stack(planes, -1)


def _plane(picture: Image.Image, input: Input, resample: Image.Resampling, name: str) -> np.ndarray:
    """Return one channel, of mode F, as colours are fitted."""
    if input.fit == "native":
        return np.asarray(_shrunk(picture, resample))
    return np.asarray(_pad(picture, input, resample) if input.fit == "pad" else _crop(picture, input, resample, name))


def _pad(picture: Image.Image, input: Input, resample: Image.Resampling) -> Image.Image:
    """Return the whole picture, as large as fits, in the middle of the background."""
    _, height, width = input.size
    scale = min(width / picture.width, height / picture.height)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    ground = Image.new(picture.mode, (width, height), input.background if picture.mode == "RGB" else 0)
    ground.paste(picture.resize(size, resample), ((width - size[0]) // 2, (height - size[1]) // 2))
    return ground
