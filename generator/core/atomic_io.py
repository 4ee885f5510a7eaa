"""Files that are written completely or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path


def write_atomically(path: Path | str, data: bytes, mode: int = 0o644) -> None:
    """Write `data` to a file so that no one ever sees half of it; its folder is made where it is missing."""
    unfinished = _unfinished(path)
    try:
        _write_new(unfinished, data, mode)
        os.replace(unfinished, path)
    except BaseException:
        Path(unfinished).unlink(missing_ok=True)
        raise


def create_atomically(path: Path | str, create: Callable[[Path], object], mode: int = 0o644) -> None:
    """Let `create` write a file under a temporary name beside `path`, and rename it when it is complete."""
    unfinished = Path(_unfinished(path))
    try:
        create(unfinished)
        os.chmod(unfinished, mode)
        os.replace(unfinished, path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def _unfinished(path: Path | str) -> str:
    """Return a new name beside `path`."""
    folder, name = os.path.split(os.path.abspath(path))
    return os.path.join(folder, f".{os.urandom(8).hex()}-{name[:40]}")


def _write_new(path: str, data: bytes, mode: int) -> None:
    """Write a file that does not exist yet, which nobody else may read before it is complete.

    Without Python's own file objects: a layer has five small files, and those cost as much as the writing.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        handle = os.open(path, flags, 0o600)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        handle = os.open(path, flags, 0o600)
    try:
        left = memoryview(data)
        while left:
            left = left[os.write(handle, left) :]
    finally:
        os.close(handle)
    os.chmod(path, mode)
