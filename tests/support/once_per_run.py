"""What several processes of one run of the tests need, made by the first of them."""

from __future__ import annotations

import fcntl
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def made(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], Any]) -> tuple[Path, Any]:
    """Return the folder `name`, which `make` fills, and what that returned; nobody may change the folder afterwards.

    With pytest-xdist each process has a folder for its temporary ones; this one lies beside those. Raises what `make`
    raises, in each process that asks.
    """
    root = factory.getbasetemp()
    root = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root
    folder, answer = root / name, root / f"{name}.answer"
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not answer.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of a process that failed
            folder.mkdir()
            unfinished = root / f"{name}.unfinished"
            unfinished.write_bytes(pickle.dumps(make(folder)))
            unfinished.rename(answer)
        return folder, pickle.loads(answer.read_bytes())
