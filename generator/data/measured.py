"""Pictures whose values are measurements: any number of channels, 16 bits or floats, from TIFF, PNG and NumPy files."""

from __future__ import annotations

import io
import math
import warnings

import numpy as np
from PIL import Image

from generator.core.errors import ImageError

from .decode import decode, decode_values
from .measured_values import MOST_BYTES, PNG, check_frame, tags_of
from .tiff_directory import BITS, SAMPLES

NUMPY = b"\x93NUMPY"


def is_measured(content: bytes) -> bool:
    """Return whether a file's values say more than 8 bits of grey or colours can: by its header alone."""
    if content.startswith(NUMPY):
        return True
    if content.startswith(PNG):
        return len(content) > 25 and content[24] == 16
    tags = tags_of(content, 1)
    return bool(tags) and (max(tags.get(BITS, (1,))) > 8 or tags.get(SAMPLES, (1,))[0] not in (1, 3, 4))


def only_measured(content: bytes) -> bool:
    """Return whether no usual decoder makes a picture of a file: arrays, and TIFF of other channels than colours."""
    if content.startswith(NUMPY):
        return True
    tags = tags_of(content, 1)
    return bool(tags) and tags.get(SAMPLES, (1,))[0] not in (1, 3, 4)


def read(content: bytes, name: str, frame: int = 0) -> np.ndarray:
    """Return the values (H, W, C) of a measured picture, of the type that its file has.

    Of a TIFF `frame` is the page, of an array (D, H, W) or (D, H, W, C) the slice, counted from 1; 0 takes a TIFF's
    first page, and an array (H, W), (H, W, C) or (C, H, W) whole: its channels are the shorter of both ends. Raises
    `ImageError`.
    """
    if not content.startswith(NUMPY):  # reading them may take long or much: another process does, which has limits
        return decode_values(content, name, frame or 1)
    try:
        return _array(content, name, frame)
    except (ValueError, TypeError, KeyError, IndexError, OverflowError, EOFError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ImageError(f"{name}: expected a whole picture of measured values, it is damaged: {reason}") from error


def full_range(dtype: np.dtype) -> tuple[float, float]:
    """Return the values between which a type's numbers lie where nobody says otherwise: floats from 0 to 1."""
    return (0.0, 1.0) if dtype.kind == "f" else (0.0, float(np.iinfo(dtype).max))


def preview(values: np.ndarray) -> tuple[Image.Image, str]:
    """Return the first channel, or the first three, as a picture for people, and a note of what black and white are."""
    shown = values[..., :3] if values.shape[2] >= 3 else values[..., :1]
    with np.errstate(invalid="ignore", over="ignore"):  # of NaN that signals, and of a range that float64 cannot hold
        shown = np.nan_to_num(shown.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
        low, high = (float(np.percentile(shown, q)) for q in (1, 99))
        unit = np.nan_to_num(np.clip((shown - low) / ((high - low) or 1.0), 0, 1))
        codes = np.rint(255 * unit).astype(np.uint8)
    picture = Image.fromarray(codes if codes.shape[2] == 3 else codes.repeat(3, 2))
    channels = f"{values.shape[2]} channels, " if values.shape[2] != 1 else ""
    return picture, f"{channels}{values.dtype.name}; {low:g} drawn black, {high:g} white"


def opened_content(content: bytes, name: str, frame: int = 0) -> tuple[Image.Image, str]:
    """Return the picture that people see of a file, and what was done to it; raises `ImageError`."""
    if only_measured(content):
        return preview(read(content, name, frame))
    return decode(content, name, frame)


# --- NumPy ------------------------------------------------------------------------------------------


def _header(content: bytes) -> tuple[tuple[int, ...], bool, np.dtype, int]:
    """Return shape, order of the axes, type and the place of the first value."""
    stream = io.BytesIO(content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # headers of Python 2 are read as well
            version = np.lib.format.read_magic(stream)
            reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, fortran, dtype = reader(stream)
    except Exception as error:  # the header is an expression of Python: its parser raises by kind of damage
        raise ValueError("its header describes no array") from error
    if any(type(length) is not int or length < 0 for length in shape):
        raise ValueError("its header has a length that is none")
    return shape, fortran, dtype, stream.tell()


def _array(content: bytes, name: str, frame: int) -> np.ndarray:
    shape, fortran, dtype, start = _header(content)
    if dtype.kind not in "uif" or dtype.itemsize > 8:
        raise ImageError(f"{name}: expected an array of whole numbers or floats, there is one of {str(dtype)[:80]}")
    expected = "expected an array (H, W), (H, W, C) or (C, H, W), or with `frame` (D, H, W) or (D, H, W, C)"
    if not 2 <= len(shape) - bool(frame) <= 3 or 0 in shape:
        raise ImageError(f"{name}: {expected}; there is one of shape {str(shape)[:80]}")
    if math.prod(shape) * dtype.itemsize > MOST_BYTES or len(content) < start + math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{math.prod(shape):,} values of {dtype.itemsize} bytes are more than there are")
    values = np.frombuffer(content, dtype, math.prod(shape), start).reshape(shape, order="F" if fortran else "C")
    if frame:
        check_frame(frame, shape[0], name)
        values = values[frame - 1]
    if values.ndim == 2:
        return values[..., None]
    return values if values.shape[2] <= values.shape[0] else values.transpose(1, 2, 0)
