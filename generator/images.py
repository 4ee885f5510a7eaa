"""Picture files become Examples, and an Example becomes the crop that a network sees."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

from generator.config import ImageEntry, colour, read_image_entries
from generator.entries import nearest
from generator.types import RESERVED, ConfigError, Example, ImageError, InnerviewError, Input

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"}
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
MAX_PIXELS = 100_000_000  # by the header, before anything is decoded
MAX_BYTES = 256 * 2**20


@dataclass(frozen=True)
class Problem:
    """Something about one picture that the build has to say."""

    name: str  # the picture's id
    message: str  # one line that names the file
    kind: str  # "failed": cannot be read; "left-out": not at hand or not nameable; "warning": taken all the same


# --- the curated set --------------------------------------------------------------------------------


def read_images(
    folder: Path, data: Path | None = None, only: Sequence[str] = (), work: Path = Path(".innerview")
) -> tuple[list[Example], list[Problem]]:
    """The pictures of `folder` in the order of its images.yml, then those without an entry by name.

    `data` is a folder that holds data set samples, which are written under `work`; `only` keeps these ids.
    Every picture is decoded once, so that a broken one is known before anything is planned. Raises `ConfigError`
    where images.yml is wrong, and where an id of `only` does not exist.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder}: expected a folder of pictures, there is none")
    wanted, problems = _wanted(folder)
    if unknown := [name for name in only if name not in wanted]:
        raise ConfigError(f"image {unknown[0]!r}: no picture in {folder} has this id{nearest(unknown[0], wanted)}")
    examples = []
    for name, entry in wanted.items():
        if only and name not in only:
            continue
        try:
            path = _materialise(entry, data, work) if entry.source else _inside(folder, entry.file)
            examples.append(example(path, entry, name))
        except _NotAtHand as reason:
            problems.append(Problem(name, str(reason), "left-out"))
        except ImageError as error:
            problems.append(Problem(name, str(error), "failed"))
        else:
            if not entry.credit:
                problems.append(Problem(name, f"{entry.file or entry.source}: no credit in images.yml", "warning"))
    return examples, problems


def example(path: Path, entry: ImageEntry | None = None, name: str = "") -> Example:
    """The Example of one file; raises `ImageError` where it cannot be read."""
    entry = entry or ImageEntry(file=path.name)
    content = _read(path)
    picture, note = decode(content, path.name)
    if picture.mode == "RGBA":
        on = f"on {entry.background}" if entry.background else "on the network's background"
        note = "; ".join(filter(None, (note, f"transparent, laid {on}")))
    return Example(
        id=name or entry.name,
        path=str(path.absolute()),
        title=entry.title or Path(entry.file or entry.source).stem.replace("_", " ").replace("-", " "),
        digest=hashlib.sha256(content).hexdigest(),
        size=picture.size,
        credit=entry.credit,
        licence=entry.licence,
        source=entry.source_url or entry.source,
        alt=entry.alt,
        sets=tuple(entry.sets),
        targets=dict(entry.targets),
        note=note,
        background=entry.background,
        fit=entry.fit,
    )


def _wanted(folder: Path) -> tuple[dict[str, ImageEntry], list[Problem]]:
    """Entries by id, those of images.yml first; and the files that cannot have their id."""
    listing = folder / "images.yml"
    wanted = {entry.name: entry for entry in (read_image_entries(listing) if os.path.lexists(listing) else ())}
    listed = {entry.file for entry in wanted.values()}
    problems = []
    for file in _files(folder):
        if file in listed:
            continue
        entry = ImageEntry(file=file)
        if entry.name in RESERVED or entry.name in wanted:
            why = "is a folder of the site" if entry.name in RESERVED else "is taken"
            advice = "give it an entry with an id of its own in images.yml"
            problems.append(Problem(entry.name, f"{file}: the id {entry.name!r} {why}; {advice}", "left-out"))
            continue
        wanted[entry.name] = entry
    return wanted, problems


def _files(folder: Path) -> list[str]:
    """All picture files below the folder by name, hidden ones aside, as POSIX paths relative to it."""

    def walk() -> Iterator[str]:
        for parent, folders, files in os.walk(folder):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for file in files:
                if not file.startswith(".") and Path(file).suffix.lower() in SUFFIXES:
                    yield (Path(parent) / file).relative_to(folder).as_posix()

    return sorted(walk())


def _inside(folder: Path, file: str) -> Path:
    path = folder / file
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ImageError(f"{file}: expected a file inside the images folder, it leads out of it")
    return path


class _NotAtHand(Exception):
    """A data set sample that this machine does not have."""


def _materialise(entry: ImageEntry, data: Path | None, work: Path) -> Path:
    """The file a data set sample is written to, named by its content, so that worker processes can open it."""
    from generator.data import sample  # reads data sets; nothing else here needs it

    try:
        content = sample(data, entry.source)
    except InnerviewError as error:
        raise _NotAtHand(str(error)) from error
    suffix = ".png" if content.startswith(b"\x89PNG") else ".jpg"
    path = work / "samples" / (hashlib.sha256(content).hexdigest() + suffix)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}")
        unfinished.write_bytes(content)
        unfinished.replace(path)
    return path


# --- a file becomes a picture -----------------------------------------------------------------------


def decode(source: Path | bytes, name: str = "") -> tuple[Image.Image, str]:
    """The picture as seen, RGB or RGBA in sRGB, upright; and what was done to it ("first frame of 12").

    Raises `ImageError` for what is empty, truncated, too big or no picture.
    """
    content = source if isinstance(source, bytes) else _read(source)
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


def _read(path: Path) -> bytes:
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
    except Exception:  # broken EXIF says nothing about orientation
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


# --- a picture becomes the network's input ----------------------------------------------------------

RESAMPLING = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


def photo(example: Example, input: Input) -> np.ndarray:
    """The crop that the network sees, uint8 (H, W, C); `crop` is bit for bit torchvision's Resize and CenterCrop."""
    picture, _ = decode(Path(example.path))
    background = colour(example.background) if example.background else input.background
    if picture.mode == "RGBA":  # before resizing: afterwards the colour behind full transparency would bleed in
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, (*background, 255)), picture).convert("RGB")
    resample = RESAMPLING[input.interpolation]
    if (example.fit or input.fit) == "pad":
        fitted = _pad(picture, input, background, resample)
    else:
        fitted = _crop(picture, input, resample)
    pixels = np.asarray(fitted if input.size[0] == 3 else fitted.convert("L"))
    return pixels.reshape(*input.size[1:], input.size[0]).copy()


def normalise(photo: np.ndarray, input: Input) -> np.ndarray:
    """`(photo / 255 - mean) / std`, float32 (1, C, H, W), of uint8 (H, W, C)."""
    mean, std = (np.asarray(values, np.float32) for values in (input.mean, input.std))
    x = (photo.astype(np.float32) / np.float32(255) - mean) / std
    return np.ascontiguousarray(x.transpose(2, 0, 1)[None])


def denormalise(x: np.ndarray, input: Input) -> np.ndarray:
    """The inverse of `normalise`, exact on what it made: uint8 (H, W, C) of float (1, C, H, W) or (C, H, W)."""
    mean, std = (np.asarray(values, np.float32) for values in (input.mean, input.std))
    values = x.reshape(x.shape[-3:]).transpose(1, 2, 0) * std + mean
    return np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)


def _crop(picture: Image.Image, input: Input, resample: Image.Resampling) -> Image.Image:
    """Shorter side to `resize`, then the centre; rounding as torchvision does it."""
    _, height, width = input.size
    shorter = input.resize or max(height, width)
    longer = int(shorter * max(picture.size) / min(picture.size))
    if shorter * longer > MAX_PIXELS:
        raise ImageError(f"expected a picture less long and thin than {picture.width:,} x {picture.height:,} to crop")
    size = (shorter, longer) if picture.width <= picture.height else (longer, shorter)
    picture = picture.resize(size, resample)
    left, top = round((size[0] - width) / 2), round((size[1] - height) / 2)
    return picture.crop((left, top, left + width, top + height))


def _pad(picture: Image.Image, input: Input, background: tuple, resample: Image.Resampling) -> Image.Image:
    """The whole picture, as large as fits, in the middle of the background."""
    _, height, width = input.size
    scale = min(width / picture.width, height / picture.height)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    ground = Image.new("RGB", (width, height), background)
    ground.paste(picture.resize(size, resample), ((width - size[0]) // 2, (height - size[1]) // 2))
    return ground
