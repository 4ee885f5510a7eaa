"""Decoding a photograph in the process with limits, beside Pillow in this process.

A JPEG of 12 megapixels is decoded again and again, ours and Pillow's in turn, as pixels that a caller may read. CPU
time is that of both processes. Starting the one that decodes is measured by itself, as that process counts it: each
process of a build that reads pictures pays it once.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from generator.data import decode as decoding

from .rows import Row

SIZE = (4000, 3000)
ROUNDS = 20


def rows() -> Iterator[Row]:
    """A ratio, and milliseconds of CPU time."""
    content, ours, bare = photograph(), 0.0, 0.0
    decoding.decode(_small(), "small")
    start = _theirs()
    for _ in range(ROUNDS):
        ours += _spent(lambda: decoding.decode(content, "photograph"))
        bare += _spent(lambda: Image.open(io.BytesIO(content)).load())
    yield Row("JPEG of 12 megapixels, over Pillow alone", ours / bare, "", 2)
    note = f"{1000 * bare / ROUNDS:.0f} ms by Pillow alone"
    yield Row("JPEG of 12 megapixels", 1000 * ours / ROUNDS, "ms", note=note)
    yield Row("start of the process that decodes, with a first small picture", 1000 * start, "ms")


def photograph() -> bytes:
    """Something smooth with structure, about as large as a camera's file."""
    coarse = Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8))
    file = io.BytesIO()
    coarse.resize(SIZE, Image.Resampling.BICUBIC).save(file, "JPEG", quality=88)
    return file.getvalue()


def _small() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "PNG")
    return file.getvalue()


def _spent(work: Callable[[], object]) -> float:
    """CPU seconds of this process and of the one that decodes."""
    before = time.process_time() + _theirs()
    work()
    return time.process_time() + _theirs() - before


def _theirs() -> float:
    """CPU seconds of the process that decodes; the system counts hundredths, so many rounds are needed."""
    fields = Path(f"/proc/{decoding._decoder._process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
