"""Files that are written completely or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path


def write_atomically(path: Path | str, data: bytes, mode: int = 0o644) -> None:
    """Write `data` to a file so that no one ever sees half of it; its folder is made where it is missing."""
    create_atomically(path, lambda unfinished: _write_new(unfinished, data), mode)


def create_atomically(path: Path | str, create: Callable[[Path], object], mode: int = 0o644) -> None:
    """Let `create` write a file under a temporary name beside `path`, and rename it when it is complete."""
    folder, name = os.path.split(os.path.abspath(path))
    unfinished = Path(folder, f".{os.urandom(8).hex()}-{name[:40]}")
    try:
        create(unfinished)
        os.chmod(unfinished, mode)
        os.replace(unfinished, path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def _write_new(path: Path, data: bytes) -> None:
    """Write a file that does not exist yet, which nobody else may read before it is complete."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        handle = os.open(path, flags, 0o600)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, flags, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
