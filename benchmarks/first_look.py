"""The first look: what a person waits for before the first picture, from the command to the pages.

CPU seconds of whole processes with all that they start, the least of a few rounds: `--version`, `--help`, and what a
shell is answered that completes. That nothing is imported which computes is held by tests.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from .rows import Row

ROUNDS = 5
COMMAND = [sys.executable, "-m", "generator"]


def rows() -> Iterator[Row]:
    """CPU seconds."""
    for option in ("--version", "--help"):
        yield Row(f"innerview {option}, the whole process", _least([option]), "CPU s", 0.2)
    for shell in ("bash", "zsh", "fish"):
        asked = {"COMP_WORDS": "innerview look --model v", "COMP_CWORD": "v" if shell == "fish" else "3"}
        spent = _least([], {"_INNERVIEW_COMPLETE": f"{shell}_complete", **asked})
        yield Row(f"{shell} completes the name of a network", spent, "CPU s", 0.25)


def _least(arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> float:
    return min(spent(arguments, environment=environment or {}) for _ in range(ROUNDS))


def spent(arguments: Sequence[str], folder: Path | None = None, environment: Mapping[str, str] | None = None) -> float:
    """Return the CPU seconds of one command and of all that it starts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    variables = {**os.environ, **(environment or {})}
    subprocess.run([*COMMAND, *arguments], cwd=folder, env=variables, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
