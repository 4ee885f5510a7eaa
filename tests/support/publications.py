"""What a process that publishes may do, for tests of how it is started and ended; found by its name in that process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def note(number: int, folder: Path) -> None:
    """Leave a file with the number of the publication."""
    (folder / f"{number}.txt").write_text("published")


def ready(folder: Path) -> None:
    """Leave a file before anything is published."""
    (folder / "ready.txt").write_text("prepared")


def fail(number: int, folder: Path) -> None:
    """Leave the same, and fail."""
    note(number, folder)
    raise OSError("no room")


def hang(number: int, folder: Path) -> None:
    """Start a process, as mkdocs is one, leave its id in a file, and wait for it."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as process:
        unfinished = folder / "unfinished"
        unfinished.write_text(str(process.pid))
        unfinished.rename(folder / "process.txt")
