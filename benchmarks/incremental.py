"""Building again: nothing changed, and one picture more.

A hundred pictures go through vgg-cifar10 (saliency and Grad-CAM). Then `innerview build --no-site` runs once more with
nothing changed, as a process of its own, whose CPU time from start to end is told, and whether it loaded torch; and
once more with a picture added, told as the figures drawn over those that one picture has. That a changed template,
method or colour scale draws no more than it has to is shown by tests.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .memory import picture
from .rows import Row

PICTURES = 100
ROUNDS = 5
SETTINGS = {"models": ["vgg-cifar10"], "methods": ["saliency", "grad-cam"], "measures": [], "targets": ["top"]}
COMMAND = [sys.executable, "-m", "generator", "build", "--no-site", "--device", "cpu", "--workers", "1"]


def rows() -> Iterator[Row]:
    """CPU seconds, and counts of figures."""
    with tempfile.TemporaryDirectory(prefix="innerview-bench-") as name:
        folder = Path(name)
        (folder / "images").mkdir()
        (folder / "gallery.yml").write_text(json.dumps(SETTINGS))
        for number in range(PICTURES):
            picture(folder / "images" / f"{number:03}.png", (40, 36), number)
        _build(folder)
        first = _drawn(folder)
        spent = min(_build(folder) for _ in range(ROUNDS))
        yield Row("nothing changed, the whole process", spent, "CPU s", 0.7, note=f"{first} figures")
        yield Row("nothing changed, times that torch is imported", _imports(folder), "", 0)
        picture(folder / "images" / "new.png", (40, 36), PICTURES)
        _build(folder)
        yield Row("one picture more, figures drawn over its own", _drawn(folder) * PICTURES / first, "", 1)


def _build(folder: Path) -> float:
    """CPU seconds of a build and of all that it starts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(COMMAND, cwd=folder, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _imports(folder: Path) -> int:
    """How often the build imports torch, told by Python itself."""
    command = [COMMAND[0], "-X", "importtime", *COMMAND[1:]]
    told = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stderr
    return sum(line.rpartition("|")[2].strip() == "torch" for line in told.splitlines())


def _drawn(folder: Path) -> int:
    """How many figures the last build drew."""
    return json.loads((folder / ".innerview" / "build.json").read_text())["drawn"]
