"""The bytes of a file become an upright picture in sRGB, or one line on why they cannot."""

from __future__ import annotations

import io
import logging
import stat
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

from generator.core.errors import ImageError

logging.getLogger("PIL").addHandler(logging.NullHandler())  # a decoder's own words would stand beside our one line
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
MAX_PIXELS = 100_000_000  # by the header, before anything is decoded
MAX_BYTES = 256 * 2**20


def decode(source: Path | bytes, name: str = "") -> tuple[Image.Image, str]:
    """The picture as seen, RGB or RGBA in sRGB, upright; and what was done to it ("first frame of 12").

    Raises `ImageError` for what is empty, truncated, too big or no picture.
    """
    content = source if isinstance(source, bytes) else read_file(source)
    name = name or ("picture" if isinstance(source, bytes) else source.name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a damaged EXIF or TIFF tag must not lose the picture
        try:
            picture = Image.open(io.BytesIO(content), formats=FORMATS)
        except Image.DecompressionBombError as error:
            raise ImageError(f"{name}: expected at most {MAX_PIXELS:,} pixels; {error}") from error
        except Exception as error:  # a decoder may raise anything on a damaged file
            expected = "expected a JPEG, PNG, WebP, GIF, BMP or TIFF picture"
            raise ImageError(f"{name}: {expected}, there is {_looks_like(content)}") from error
        if picture.width * picture.height > MAX_PIXELS:
            found = f"there are {picture.width:,} x {picture.height:,}"
            raise ImageError(f"{name}: expected at most {MAX_PIXELS:,} pixels, {found}")
        try:
            frames = getattr(picture, "n_frames", 1)
            notes = [f"first frame of {frames}"] if frames > 1 and picture.format != "MPO" else []
            picture.load()
            upright = _upright(picture)
            seen, change = _srgb(upright)
        except Exception as error:  # as above
            raise ImageError(f"{name}: expected a whole {picture.format} picture, it is damaged: {error}") from error
    return seen, "; ".join([*notes, *filter(None, (change,))])


def read_file(path: Path) -> bytes:
    """All bytes of a regular file; raises `ImageError` for what is none, cannot be read or is too big."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for ever
            raise ImageError(f"{path.name}: expected a picture file, it is {_kind(status.st_mode)}")
        if status.st_size > MAX_BYTES:
            raise ImageError(f"{path.name}: expected at most {MAX_BYTES:,} bytes, there are {status.st_size:,}")
        return path.read_bytes()
    except OSError as error:
        raise ImageError(f"{path.name}: cannot be read: {error.strerror}") from error


def _kind(mode: int) -> str:
    return "a folder" if stat.S_ISDIR(mode) else "a pipe" if stat.S_ISFIFO(mode) else "a device or socket"


def _looks_like(content: bytes) -> str:
    """What a file that is no picture seems to be, in words."""
    start = content[:512].lstrip().lower()
    if not content:
        return "an empty file"
    if kind := next((kind for begin, kind in SIGNATURES.items() if content.startswith(begin)), ""):
        return f"a {kind} file whose header is damaged"
    if start.startswith((b"<!doctype html", b"<html")):
        return "an HTML page"
    if b"<svg" in start:
        return "an SVG drawing"
    if start[4:8] == b"ftyp":
        return "a HEIC, AVIF or video file"
    if content.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer without its file"
    if _decodable(content[:512]):
        return f"text: {content[:40].decode(errors='replace').splitlines()[0]!r}"
    return f"something that begins with {content[:8].hex(' ')}"


SIGNATURES = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG": "PNG",
    b"GIF8": "GIF",
    b"RIFF": "WebP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
}


def _decodable(content: bytes) -> bool:
    return not any(byte < 9 or 13 < byte < 32 or byte > 126 for byte in content)


ORIENTATION = 0x0112
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _upright(picture: Image.Image) -> Image.Image:
    """The loaded picture turned as its EXIF says; Pillow has turned a TIFF by itself while loading."""
    try:
        turn = UPRIGHT.get(picture.getexif().get(ORIENTATION, 1))
    except Exception:  # Pillow raises by kind of damage (struct, syntax, value, key); none may lose the picture
        turn = None
    return picture if turn is None else picture.transpose(turn)


def _srgb(picture: Image.Image) -> tuple[Image.Image, str]:
    """RGB, or RGBA where something shows through; and the note on how its colours came about."""
    transparent = picture.has_transparency_data
    profile = picture.info.get("icc_profile")
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        grey, note = _eight_bit(picture)
        return grey.convert("RGB"), note
    if picture.mode == "P" or (transparent and picture.mode != "RGBA"):
        picture = picture.convert("RGBA" if transparent else "RGB")
    alpha = picture.getchannel("A") if transparent else None
    opaque = picture.convert("RGB") if picture.mode in ("RGBA", "1") else picture
    converted, note = _from_profile(opaque, profile) if profile else (opaque, "")
    seen = converted.convert("RGB")
    if alpha is not None and alpha.getextrema()[0] < 255:
        seen.putalpha(alpha)
    return seen, note


def _eight_bit(picture: Image.Image) -> tuple[Image.Image, str]:
    """16-bit greys by 257 to 1; other numbers between their smallest and largest."""
    values = np.asarray(picture).astype(np.float64)
    finite = values[np.isfinite(values)]
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 0.0)
    if picture.mode != "F" and low >= 0 and high <= 65535:
        return Image.fromarray(np.rint(values / 257).astype(np.uint8)), "16 bits a pixel reduced to 8"
    scaled = np.nan_to_num((values - low) / ((high - low) or 1), nan=0.0, posinf=1.0, neginf=0.0)
    return Image.fromarray(np.rint(scaled * 255).astype(np.uint8)), f"{low:g} drawn black, {high:g} white"


def _from_profile(picture: Image.Image, icc: bytes) -> tuple[Image.Image, str]:
    """The picture in sRGB; as it is where it says sRGB already, or where the profile is broken or not its own."""
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        description = ImageCms.getProfileDescription(profile).strip()
        if "srgb" in description.lower():
            return picture, ""
        srgb = ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(picture, profile, srgb, outputMode="RGB"), f"colours from {description}"
    except Exception:  # LittleCMS raises by kind of damage; none may lose the picture
        return picture, "its colour profile is not usable"
