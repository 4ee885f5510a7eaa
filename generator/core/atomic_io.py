"""Files that are written completely or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path | str, data: bytes, mode: int = 0o644) -> None:
    """Write a file so that no one ever sees half of it."""
    folder, name = os.path.split(os.path.abspath(path))
    hidden = f"{folder}/.{os.urandom(8).hex()}-{name[:40]}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        handle = os.open(hidden, flags, 0o600)
    except FileNotFoundError:
        os.makedirs(folder, exist_ok=True)
        handle = os.open(hidden, flags, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(hidden, mode)
        os.replace(hidden, path)
    except BaseException:
        Path(hidden).unlink(missing_ok=True)
        raise
