"""Any kind of pixels becomes 8-bit sRGB, by what the file's tags say; what is reduced or ignored is told."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageCms

from .deep_tiff import NO_FINITE, range_note

if TYPE_CHECKING:  # loaded where it is needed: most pictures are done without
    import numpy as np

SAME = 3  # levels of 255 by which a profile may differ from sRGB and still be it: versions of the standard differ
BAND_PIXELS = 2**20  # whose values are held as floats at a time
Found = tuple[Image.Image, str]
Curve = Callable[["np.ndarray"], "np.ndarray"]


def to_srgb(picture: Image.Image, content: bytes) -> Found:
    """RGB, or RGBA where something shows through; and the note on how its colours came about."""
    notes, info, tags = [], picture.info, getattr(picture, "tag_v2", {})
    depth = _depth(picture, content, tags)
    alpha = _transparency(picture, depth)
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        picture, note = _eight_bits(picture, tags)
        notes.append(note)
    else:
        notes.append(f"{depth} bits a channel reduced to 8" if depth > 8 else "")
        picture = _opaque(picture)
    picture, note = _in_srgb(picture, info, _coding(content))
    notes.append(note)
    picture = picture.convert("RGB") if picture.mode != "RGB" else picture
    if alpha is not None and alpha.histogram()[255] < alpha.width * alpha.height:
        picture.putalpha(alpha)
    return picture, "; ".join(filter(None, notes))


# --- depth and transparency ---------------------------------------------------------------------------


def _depth(picture: Image.Image, content: bytes, tags: dict) -> int:
    """Bits a channel in the file, where it says."""
    if picture.format == "PNG" or content.startswith(b"\x89PNG"):
        return content[24]
    if bits := tags.get(258):
        return max(bits) if isinstance(bits, tuple) else int(bits)
    place = content.find(b"av1C", 0, 65536) if content[4:8] == b"ftyp" else -1
    flags = content[place + 6] if 0 <= place < len(content) - 6 else 0
    return 8 if not flags & 0x40 else 12 if flags & 0x20 else 10


def _transparency(picture: Image.Image, depth: int) -> Image.Image | None:
    """Return what shows through, as a mode L; None where nothing does."""
    if not picture.has_transparency_data:
        return None
    key = picture.info.get("transparency")
    if picture.mode.startswith("I;16"):
        shown = Image.new("L", picture.size, 255)
        for top, values in _bands(picture):
            shown.paste(_image((values != key) * 255), (0, top))
        return shown
    if picture.mode in ("LA", "PA", "RGBA"):
        return picture.getchannel("A")
    if picture.mode == "RGB" and depth == 16 and isinstance(key, tuple):
        picture = picture.copy()
        picture.info["transparency"] = tuple(value >> 8 for value in key)  # as the pixels were reduced
    return picture.convert("RGBA").getchannel("A")


def _opaque(picture: Image.Image) -> Image.Image:
    """Return the same without what shows through, in a mode that profiles are made for."""
    if picture.mode in ("LA", "La"):
        return picture.getchannel("L")
    if picture.mode in ("P", "PA"):
        picture = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    if picture.mode == "1":
        return picture.convert("L")
    return picture.convert("RGB") if picture.mode in ("RGBA", "RGBa", "RGBX") else picture


def _eight_bits(picture: Image.Image, tags: dict) -> Found:
    """Greys of up to 16 bits by their whole range; signed and wider ones between their smallest and largest."""
    import numpy as np

    bits, inverted = _first(tags, 258, 16), _first(tags, 262, 1) == 0
    unsigned = picture.mode == "I" and bits == 32 and _first(tags, 339, 1) == 1
    low, high = np.inf, -np.inf
    for _, values in _bands(picture, unsigned):
        finite = values[np.isfinite(values)]
        if finite.size:
            low, high = min(low, finite.min()), max(high, finite.max())
    is_finite = low <= high
    low, high = (float(low), float(high)) if is_finite else (0.0, 0.0)
    fixed_range = picture.mode != "F" and bits <= 16 and _first(tags, 339, 1) == 1 and low >= 0 and high <= 65535
    most = 2**bits - 1 if fixed_range and bits < 16 and high < 2**bits else 65535
    if not is_finite:
        note = NO_FINITE
    elif fixed_range:
        note = f"{bits if most < 65535 else 16} bits a pixel reduced to 8"
    else:
        note = range_note(low, high, inverted)
    begin, span = (0.0, float(most)) if fixed_range else (low, (high - low) or 1.0)
    grey = Image.new("L", picture.size)
    for top, values in _bands(picture, unsigned):
        with np.errstate(invalid="ignore", over="ignore"):
            scaled = np.nan_to_num((values.astype(np.float64) - begin) / span, nan=0.0, posinf=1.0, neginf=0.0)
        level = np.rint(scaled * 255)
        grey.paste(_image(255 - level if inverted else level), (0, top))
    return grey, note


def _first(tags: dict, tag: int, default: int) -> int:
    value = tags.get(tag, default)
    return int(value[0] if isinstance(value, tuple) else value)


def _bands(picture: Image.Image, unsigned: bool = False) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the values row by row, some rows at a time, each with the number of its first row."""
    import numpy as np

    rows = max(1, BAND_PIXELS // picture.width)
    for top in range(0, picture.height, rows):
        values = np.asarray(picture.crop((0, top, picture.width, min(top + rows, picture.height))))
        yield top, values.view(np.uint32) if unsigned else values


def _image(values: np.ndarray) -> Image.Image:
    import numpy as np

    return Image.fromarray(values.astype(np.uint8))


# --- colour -------------------------------------------------------------------------------------------

PRIMARIES = {  # red, green, blue and white, x and y each, by their number in H.273
    1: (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290),
    9: (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, 0.3127, 0.3290),
    12: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.3127, 0.3290),
}
SRGB = 13  # its curve's number in H.273
UNSPECIFIED = 2
HDR = {16: "PQ", 18: "HLG"}
BRADFORD = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))


def _in_srgb(picture: Image.Image, info: dict, coding: Coding | None) -> Found:
    """Return colours by the first that is there of cICP, an ICC profile, sRGB, and gAMA with cHRM: PNG's own order.

    In an AVIF a profile counts before its coding (nclx).
    """
    profile = info.get("icc_profile")
    if coding and not (profile and coding.name == "nclx"):
        return _from_coding(picture, coding)
    if profile:
        return _from_profile(picture, profile)
    if "srgb" in info or not (info.get("gamma") or info.get("chromaticity")):
        return picture, ""
    return _from_gamma(picture, info)


def _from_profile(picture: Image.Image, icc: bytes) -> Found:
    """Return the picture in sRGB; as it is where that changes nothing, or where the profile is broken or not its
    own.
    """
    try:
        profile, srgb = ImageCms.ImageCmsProfile(io.BytesIO(icc)), ImageCms.createProfile("sRGB")
        described = " ".join(ImageCms.getProfileDescription(profile).split())
        if picture.mode == "L" and profile.profile.xcolor_space.strip() == "GRAY":
            seen = _from_grey_profile(picture, profile, srgb)
            return (seen, f"colours from {described}") if seen else (picture, "")
        picture = picture.convert("RGB") if picture.mode == "L" else picture
        transform = ImageCms.buildTransform(profile, srgb, picture.mode, "RGB")
        if picture.mode == "RGB" and _changes_little(transform):
            return picture, ""
        return ImageCms.applyTransform(picture, transform), f"colours from {described}"
    except MemoryError:
        raise
    except Exception:  # LittleCMS raises by kind of damage; none may lose the picture
        return picture, "its colour profile is not usable"


def _changes_little(transform: ImageCms.ImageCmsTransform) -> bool:
    """Return whether a transform leaves a lattice of colours as they are: what a profile does, whatever it is
    called.
    """
    levels = bytes(range(0, 256, 15))
    colours = bytes(value for red in levels for green in levels for blue in levels for value in (red, green, blue))
    changed = ImageCms.applyTransform(Image.frombytes("RGB", (len(colours) // 3, 1), colours), transform).tobytes()
    return all(abs(shade - other) <= SAME for shade, other in zip(changed, colours, strict=True))


def _from_grey_profile(picture: Image.Image, profile: ImageCms.ImageCmsProfile, srgb: Any) -> Image.Image | None:
    """Greys by a table of all levels, which is exact; None where it changes little."""
    transform = ImageCms.buildTransform(profile, srgb, "L", "RGB", flags=ImageCms.Flags.NOOPTIMIZE)
    table = ImageCms.applyTransform(Image.frombytes("L", (256, 1), bytes(range(256))), transform).tobytes()
    if all(abs(value - index // 3) <= SAME for index, value in enumerate(table)):
        return None
    return Image.merge("RGB", [picture.point(list(table[channel::3])) for channel in range(3)])


def _from_gamma(picture: Image.Image, info: dict) -> Found:
    """Return colours by gAMA and cHRM; without a gamma that of sRGB is meant."""
    gamma, chromaticity = info.get("gamma"), info.get("chromaticity")
    usual = gamma is None or abs(gamma - 0.45455) < 0.01
    places = (*chromaticity[2:8], *chromaticity[:2]) if chromaticity and len(chromaticity) == 8 else PRIMARIES[1]
    if all(abs(coordinate - other) < 0.005 for coordinate, other in zip(places, PRIMARIES[1], strict=True)):
        places = PRIMARIES[1]
    if usual and places == PRIMARIES[1]:
        return picture, ""
    if not usual and not 0.05 <= gamma <= 20:
        return picture, "its gAMA is not usable"
    curve = _linear_srgb if usual else lambda values: values ** (1 / gamma)
    converted = _converted(picture, places, curve)
    names = [*([f"gAMA {gamma:g}"] if not usual else []), *(["cHRM"] if places != PRIMARIES[1] else [])]
    return (converted, f"colours from {' and '.join(names)}") if converted else (picture, "its cHRM is not usable")


def _from_coding(picture: Image.Image, coding: Coding) -> Found:
    """Return colours by their primaries and curve. Those for brighter screens need a choice of tones: as they are."""
    if (coding.primaries, coding.curve) == (1, SRGB) and coding.plain:
        return picture, ""
    curves = {
        SRGB: _linear_srgb,
        4: lambda values: values**2.2,
        5: lambda values: values**2.8,
        8: lambda values: values,
        **dict.fromkeys((1, 6, 14, 15), _linear_video),
    }
    numbers = f"{coding.name} {coding.primaries}, {coding.curve}"
    if coding.primaries not in PRIMARIES or coding.curve not in curves or not coding.plain:
        kind = f"HDR colours ({HDR[coding.curve]}; {numbers})" if coding.curve in HDR else f"colours ({numbers})"
        return picture, f"its {kind} are taken for sRGB"
    return _converted(picture, PRIMARIES[coding.primaries], curves[coding.curve]), f"colours from {numbers}"


@dataclass(frozen=True)
class Coding:
    """How a file says that its colours are coded, in the numbers of H.273."""

    name: str  # of the chunk or box
    primaries: int
    curve: int
    plain: bool  # decoded pixels are RGB of the full range


def _coding(content: bytes) -> Coding | None:
    """Return the cICP chunk of a PNG, which stands before its pixels, or the first nclx box of an AVIF."""
    if content[4:8] == b"ftyp":
        return _nclx(content)
    place = 8
    while content.startswith(b"\x89PNG") and place + 12 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, place)
        if kind == b"cICP" and length == 4:
            primaries, curve, matrix, full = content[place + 8 : place + 12]
            return Coding("cICP", primaries, curve, matrix == 0 and full == 1)
        if kind in (b"IDAT", b"IEND"):
            return None
        place += 12 + length
    return None


def _nclx(content: bytes) -> Coding | None:
    """Return how an AVIF says that its colours are coded; None where it leaves them open. Its decoder sees to matrix
    and range.
    """
    place = content.find(b"colrnclx", 0, 65536)
    if not 0 <= place <= len(content) - 15:
        return None
    primaries, curve = struct.unpack_from(">HH", content, place + 8)
    is_open = (primaries == UNSPECIFIED, curve == UNSPECIFIED)
    return Coding("nclx", 1 if is_open[0] else primaries, SRGB if is_open[1] else curve, plain=True)


def _converted(picture: Image.Image, places: tuple[float, ...], curve: Curve) -> Image.Image | None:
    """Return each value made linear, brought to sRGB's primaries and under its curve; None where primaries span no
    space.
    """
    import numpy as np

    picture = picture.convert("RGB")
    table = curve(np.arange(256) / 255).astype(np.float32)
    try:
        matrix = (np.linalg.inv(_to_xyz(PRIMARIES[1])) @ _to_xyz(places)).astype(np.float32)
    except (np.linalg.LinAlgError, ZeroDivisionError):
        return None
    seen = Image.new("RGB", picture.size)
    for top, values in _bands(picture):
        light = np.clip(table[values] @ matrix.T, 0, 1)
        coded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
        seen.paste(_image(np.rint(coded * 255)), (0, top))
    return seen


def _to_xyz(places: tuple[float, ...]) -> np.ndarray:
    """Return the matrix (3, 3) from linear values of these primaries to XYZ, their white adapted to D65 (Bradford)."""
    import numpy as np

    def xyz(x: float, y: float) -> list[float]:
        return [x / y, 1.0, (1 - x - y) / y]

    *colours, white = (xyz(*places[start : start + 2]) for start in (0, 2, 4, 6))
    columns = np.array(colours).T
    matrix = columns * np.linalg.solve(columns, white)
    bradford = np.array(BRADFORD)
    gain = (bradford @ xyz(*PRIMARIES[1][6:])) / (bradford @ white)
    return np.linalg.inv(bradford) @ np.diag(gain) @ bradford @ matrix


def _linear_srgb(values: np.ndarray) -> np.ndarray:
    import numpy as np

    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _linear_video(values: np.ndarray) -> np.ndarray:
    """Return the inverse of BT.709's camera curve."""
    import numpy as np

    return np.where(values < 0.081, values / 4.5, ((values + 0.099) / 1.099) ** (1 / 0.45))
