"""Decode pictures within limits, for another process: open, count frames, decode, turn upright, bring to sRGB."""

from __future__ import annotations

import io
import json
import logging
import os
import signal
import struct
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from PIL import Image

from generator.core.errors import ImageError

from . import deep_tiff
from .frame_count import frames_of
from .srgb import to_srgb

if TYPE_CHECKING:
    import numpy as np

try:
    import resource
except ImportError:  # Windows: a limit of time alone
    resource = None

COUNTS_COMPUTING = hasattr(signal, "setitimer")  # not on Windows: there all time counts
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF")
MAX_PIXELS = 100_000_000  # by the header, before anything is decoded
BYTES_PER_PIXEL, ROOM = 24, 512 * 2**20  # of address space beyond what the process has before it sees the picture
VALUES_ROOM = 4  # times the bytes of a measured picture's values
BAND_BYTES = 2**18  # of pixels that are handed on at a time: they stay in the processor's cache
LAYOUTS = {"RGB": "RGBX", "RGBA": "RGBA"}  # of handed-on pixels, four bytes each: as Pillow holds them
HEAD = struct.Struct(">I")  # the length of the JSON before the bytes that it announces


def serve() -> None:
    """Answer questions on standard input until it ends: the length of a JSON, and the bytes of the picture.

    The JSON is `{"name", "bytes", "frame", "seconds", "values"}`: who computes longer over the picture is ended by
    SIGPROF, where the system has that. The answer has the same form: `{"mode", "width", "height", "note"}` and the rows
    in their `LAYOUTS`; where the measured `values` are wanted `{"dtype", "shape"}` and these; or `{"error"}`, with
    `"last"` where no question is answered after it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who asked ends us
    questions, answers = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr
    while head := questions.read(HEAD.size):
        question = json.loads(questions.read(HEAD.unpack(head)[0]))
        content = questions.read(question["bytes"])
        limit_computing(question["seconds"])
        try:
            if question["values"]:
                _say_values(answers, read_values(content, question["name"], question["frame"]))
                continue
            picture, note = read(content, question["name"], question["frame"])
        except MemoryError:
            room = f"{VALUES_ROOM} times its values" if question["values"] else f"{BYTES_PER_PIXEL} bytes a pixel"
            about = f"expected a picture that is decoded in {room}, it takes more"
            _say(answers, {"error": f"{question['name']}: {about}", "last": True})
            return  # who knows what is left in what state
        except ImageError as error:
            _say(answers, {"error": str(error)})
            continue
        finally:
            limit_computing(0)
            del content
        _say(answers, {"mode": picture.mode, "width": picture.width, "height": picture.height, "note": note})
        rows = rows_of_band(picture.width)
        for top in range(0, picture.height, rows):
            band = picture.crop((0, top, picture.width, min(top + rows, picture.height)))
            answers.write(band.tobytes("raw", LAYOUTS[band.mode]))
        answers.flush()


def limit_computing(seconds: float) -> None:
    """End this process after so many seconds of processor time, its waiting aside; 0 takes the limit away."""
    if COUNTS_COMPUTING:
        signal.setitimer(signal.ITIMER_PROF, seconds)


def rows_of_band(width: int) -> int:
    """Return how many rows are handed on at a time."""
    return max(1, BAND_BYTES // (4 * width))


def read(content: bytes, name: str, frame: int = 0) -> tuple[Image.Image, str]:
    """Return the picture as seen, RGB or RGBA in sRGB, upright; and a note. Raises `ImageError`, `MemoryError`.

    Of several frames it is the one with the number `frame`, from 1; 0 is the first, which the note says.
    """
    try:
        return _read(content, name, frame)
    finally:
        _limit_memory(None)


def read_values(content: bytes, name: str, frame: int) -> np.ndarray:
    """Return the values (H, W, C) of a measured TIFF's page, from 1, or PNG. Raises `ImageError`, `MemoryError`."""
    from .measured_values import read as values_of  # and numpy, which other pictures do without

    try:
        _limit_memory(len(content))
        return values_of(content, name, frame, lambda size: _limit_memory(len(content) + VALUES_ROOM * size))
    finally:
        _limit_memory(None)


def _read(content: bytes, name: str, frame: int) -> tuple[Image.Image, str]:
    """Return the same, and leave the process with the limits that the picture was read under."""
    logging.getLogger("PIL").addHandler(logging.NullHandler())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a damaged EXIF or TIFF tag must not lose the picture
        _limit_memory(len(content))
        picture = _opened(content, name, frame)
        if picture.width * picture.height > MAX_PIXELS:
            size = f"there are {picture.width:,} x {picture.height:,}"
            raise ImageError(f"{name}: expected at most {MAX_PIXELS:,} pixels, {size}")
        _limit_memory(len(content) + picture.width * picture.height * BYTES_PER_PIXEL)
        try:
            frames = frames_of(picture, content)
            if frame:
                notes = [f"frame {frame} of {frames}"]
            else:
                notes = [f"first frame of {frames}"] if frames != "1" and picture.format != "MPO" else []
            pixels, note = (picture, "") if isinstance(picture, Image.Image) else deep_tiff.read(content, picture)
            pixels.load()
            seen, change = to_srgb(_upright(pixels), content)
        except MemoryError:
            raise
        except Exception as error:  # a decoder may raise anything on a damaged file
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ImageError(f"{name}: expected a whole {picture.format} picture, it is damaged: {reason}") from error
    return seen, "; ".join([*notes, *filter(None, (note, change))])


def _opened(content: bytes, name: str, frame: int) -> Image.Image | deep_tiff.Layout:
    """Return the picture, not decoded yet; of a TIFF whose values Pillow does not read, where they are."""
    try:
        picture = Image.open(io.BytesIO(content), formats=FORMATS)
    except MemoryError:
        raise
    except Image.DecompressionBombError as error:
        raise ImageError(f"{name}: expected at most {MAX_PIXELS:,} pixels; {error}") from error
    except Exception as error:  # as above
        if layout := deep_tiff.layout_of(content, name, frame or 1):
            return layout
        expected = "expected a JPEG, PNG, WebP, AVIF, GIF, BMP or TIFF picture"
        raise ImageError(f"{name}: {expected}, there is {_looks_like(content)}") from error
    if picture.format == "TIFF" and deep_tiff.has_signed_bytes(getattr(picture, "tag_v2", {})):
        return deep_tiff.layout_of(content, name, frame or 1) or picture
    if frame > 1:
        try:
            picture.seek(frame - 1)
        except (EOFError, ValueError) as error:
            there = frames_of(picture, content)
            raise ImageError(f"{name}: frame {frame}: expected one from 1 to {there}") from error
    return picture


def _limit_memory(more: int | None) -> None:
    """Allow `more` bytes of address space beside what the process has; None takes the limit away.

    Linux says how much that is, and keeps to it; elsewhere the limit of time is the only one.
    """
    if resource is None or not os.path.exists("/proc/self/statm"):
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    soft = hard
    if more is not None:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        soft = pages * resource.getpagesize() + ROOM + more
        soft = soft if hard == resource.RLIM_INFINITY else min(soft, hard)
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _say(answers: BinaryIO, answer: dict[str, object]) -> None:
    text = json.dumps(answer).encode()
    answers.write(HEAD.pack(len(text)) + text)
    answers.flush()


def _say_values(answers: BinaryIO, values: np.ndarray) -> None:
    _say(answers, {"dtype": values.dtype.str, "shape": values.shape})
    rows = max(1, BAND_BYTES // (values[0].nbytes or 1))
    for top in range(0, len(values), rows):
        answers.write(values[top : top + rows].tobytes())
    answers.flush()


def _looks_like(content: bytes) -> str:
    """Return what a file that is no picture seems to be, in words."""
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
        return "an AVIF file whose header is damaged" if start[8:12] == b"avif" else "a HEIC, AVIF or video file"
    if content.startswith((b"\xff\x0a", b"\0\0\0\x0cJXL ")):
        return "a JPEG XL file"
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
    """Return the loaded picture turned as its EXIF says; Pillow has turned a TIFF by itself while loading."""
    try:
        turn = UPRIGHT.get(picture.getexif().get(ORIENTATION, 1))
    except Exception:  # Pillow raises by kind of damage (struct, syntax, value, key); none may lose the picture
        turn = None
    if turn is None:
        return picture
    turned = picture.transpose(turn)
    turned.info = picture.info
    setattr(turned, "tag_v2", getattr(picture, "tag_v2", {}))  # noqa: B010  # a field of TIFF files alone
    return turned
