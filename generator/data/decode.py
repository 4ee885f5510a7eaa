"""The bytes of a file become an upright picture in sRGB, or one line on why they cannot; a process of its own decodes.

It has limits of computing time and, where the system keeps them, of address space, so that a damaged picture fails
alone, whatever its decoder does. See `decoder` for what happens there.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import PIL
from PIL import Image

from generator.core.errors import ImageError, InnerviewError

from . import decoder
from .decoder import BYTES_PER_PIXEL, FORMATS, HEAD, LAYOUTS, MAX_PIXELS, ROOM, rows_of_band

if TYPE_CHECKING:
    import numpy as np

__all__ = ["BYTES_PER_PIXEL", "FORMATS", "MAX_PIXELS", "ROOM", "decode", "decode_values", "read_file"]

Answer = TypeVar("Answer")

MAX_BYTES = 256 * 2**20
TIME_LIMIT_S = 60.0  # of computing, for one picture: the largest take some seconds
WAIT_LIMIT_S = 900.0 if decoder.COUNTS_COMPUTING else TIME_LIMIT_S  # of all time: a busy machine refuses no picture
OUT_OF_TIME = getattr(signal, "SIGPROF", None)  # what ends a process that has computed for too long
# What the process runs. It has this very package, which may lie beside another installed one, and Pillow as we have it.
PROGRAM = """
import importlib.util, sys
sys.path.append({pillow!r})
spec = importlib.util.spec_from_file_location({name!r}, {package!r})
sys.modules[{name!r}] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules[{name!r}])
importlib.import_module({decoder!r}).serve()
"""


def decode(source: Path | bytes, name: str = "", frame: int = 0) -> tuple[Image.Image, str]:
    """Return the picture as seen, RGB or RGBA in sRGB, upright; and what was done to it ("first frame of 12").

    Of several frames it is the one with the number `frame`, from 1; 0 is the first.
    Raises `ImageError` for what is empty, truncated, too big, no picture, or takes too long.
    """
    content = source if isinstance(source, bytes) else read_file(source)
    name = name or ("picture" if isinstance(source, bytes) else source.name)
    return _decoder.answer(_picture, content, name, frame)


def decode_values(content: bytes, name: str, frame: int) -> np.ndarray:
    """Return the values (H, W, C) of a measured TIFF's page, from 1, or of a PNG; raises `ImageError` as above."""
    return _decoder.answer(_values, content, name, frame)


def read_file(path: Path) -> bytes:
    """Return all bytes of a regular file; raises `ImageError` for what is none, cannot be read or is too big."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for ever
            raise ImageError(f"{path.name}: expected a picture file, it is {_kind(status.st_mode)}")
        if status.st_size > MAX_BYTES:
            raise ImageError(f"{path.name}: expected at most {MAX_BYTES:,} bytes, there are {status.st_size:,}")
        return path.read_bytes()
    except OSError as error:
        raise ImageError(f"{path.name}: cannot be read: {error.strerror}") from error


class _LastAnswer(ImageError):
    """The process could not decode this picture, and decodes no other one."""


class _Decoder:
    """The process that decodes for this one: started when first needed, and again after it was ended over a picture."""

    def __init__(self) -> None:
        self._process: subprocess.Popen | None = None
        self._owner = 0
        self._lock = threading.Lock()
        self._late = False

    def answer(self, exchange: Callable[..., Answer], content: bytes, name: str, frame: int) -> Answer:
        """Return what `exchange` makes of the process and these. Raises `ImageError`."""
        with self._lock:
            process = self._running()
            watch = threading.Timer(WAIT_LIMIT_S, self._end_late, [process])
            watch.daemon, self._late = True, False
            watch.start()
            try:
                return exchange(process, content, name, frame)
            except (EOFError, BrokenPipeError, ConnectionResetError):
                self._process = None
                raise ImageError(f"{name}: {self._cause(process)}") from None
            except ImageError as error:
                if isinstance(error, _LastAnswer):  # the next picture would meet a process that is about to end
                    self.close()
                raise
            except BaseException:  # of an answer half read the rest would be taken for the next one
                self.close()
                raise
            finally:
                watch.cancel()

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is None or self._owner != os.getpid():
            return
        process.kill()
        _ended(process)

    def _running(self) -> subprocess.Popen:
        if self._process is not None and self._owner == os.getpid() and self._process.poll() is None:
            return self._process
        if self._process is not None and self._owner == os.getpid():
            _ended(self._process)
        name, pillow = decoder.__name__.partition(".")[0], str(Path(PIL.__file__).parents[1])
        package = sys.modules[name].__file__
        program = PROGRAM.format(name=name, package=package, pillow=pillow, decoder=decoder.__name__)
        command = [sys.executable, "-I", "-c", program]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        try:
            self._process, self._owner = subprocess.Popen(command, **pipes), os.getpid()
        except OSError as error:
            raise InnerviewError(f"pictures: the process that decodes them cannot be started: {error}") from error
        return self._process

    def _end_late(self, process: subprocess.Popen) -> None:
        self._late = True
        process.kill()

    def _cause(self, process: subprocess.Popen) -> str:
        """Return why there is no answer."""
        code = _ended(process)
        if self._late or -code == OUT_OF_TIME:
            limit = WAIT_LIMIT_S if self._late else TIME_LIMIT_S
            return f"expected a picture that is decoded within {limit:g} s, it takes longer"
        ended = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return f"expected a picture that can be decoded, the decoder ended over it ({ended})"


def _picture(process: subprocess.Popen, content: bytes, name: str, frame: int) -> tuple[Image.Image, str]:
    """Ask, and put the picture together; raises `EOFError` where there is no answer."""
    answer = _exchange(process, content, {"name": name, "frame": frame, "values": False})
    mode, size = answer["mode"], (answer["width"], answer["height"])
    picture, rows = Image.new(mode, size), rows_of_band(size[0])
    for top in range(0, size[1], rows):  # a picture of its whole bytes would be in memory twice
        shape = (size[0], min(rows, size[1] - top))
        content = _read(process, 4 * shape[0] * shape[1])
        picture.paste(Image.frombytes(mode, shape, content, "raw", LAYOUTS[mode]), (0, top))
    return picture, answer["note"]


def _values(process: subprocess.Popen, content: bytes, name: str, frame: int) -> np.ndarray:
    """Ask, and return the values; raises as `_picture` does."""
    import numpy as np  # already there for whoever wants values

    answer = _exchange(process, content, {"name": name, "frame": frame, "values": True})
    dtype = np.dtype(answer["dtype"])
    return np.frombuffer(_read(process, prod(answer["shape"]) * dtype.itemsize), dtype).reshape(answer["shape"])


def _exchange(process: subprocess.Popen, content: bytes, wanted: dict[str, Any]) -> dict[str, Any]:
    """Ask, and return the head of the answer; raises `ImageError` where it is an error."""
    question = json.dumps({**wanted, "bytes": len(content), "seconds": TIME_LIMIT_S}).encode()
    process.stdin.write(HEAD.pack(len(question)) + question)
    process.stdin.write(content)
    process.stdin.flush()
    (length,) = HEAD.unpack(_read(process, HEAD.size))
    answer: dict[str, Any] = json.loads(_read(process, length))
    if "error" in answer:
        raise (_LastAnswer if answer.get("last") else ImageError)(answer["error"])
    return answer


def _read(process: subprocess.Popen, count: int) -> bytes:
    content = process.stdout.read(count)
    if len(content) < count:
        raise EOFError
    return content


def _ended(process: subprocess.Popen) -> int:
    """Return the exit code of a process that ends, with nothing of it left open."""
    code = process.wait()
    process.stdout.close()
    try:
        process.stdin.close()
    except (BrokenPipeError, OSError):  # what was not written any more
        return code
    return code


def _kind(mode: int) -> str:
    return "a folder" if stat.S_ISDIR(mode) else "a pipe" if stat.S_ISFIFO(mode) else "a device or socket"


_decoder = _Decoder()
atexit.register(_decoder.close)
