"""Files are read once: the bytes that are hashed are the bytes that are used, within one ledger of digests."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from .errors import InnerviewError

_LEDGER: ContextVar[tuple[dict[str, str], bool] | None] = ContextVar("ledger", default=None)


class Changed(InnerviewError):
    """A file holds other bytes than those that a key was made of; nothing of it may be stored under that key."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} changed while the gallery was built; build again")


@contextmanager
def ledger(digests: dict[str, str] | None = None, closed: bool = False) -> Iterator[dict[str, str]]:
    """Note in `digests` the SHA-256 of each file read in here, by path; a file there already has to hold those bytes.

    Of a `closed` ledger no other file may be read.
    """
    digests = {} if digests is None else digests
    token = _LEDGER.set((digests, closed))
    try:
        yield digests
    finally:
        _LEDGER.reset(token)


def read_bytes(path: Path) -> bytes:
    """Return all bytes of a file. Raises `Changed` where the ledger has other ones, `OSError` where it cannot be
    read.
    """
    content = path.read_bytes()
    enter(path, hashlib.sha256(content).hexdigest())
    return content


@contextmanager
def opened(path: Path) -> Iterator[io.BufferedReader]:
    """A file too large to be held twice, as it is before and after it is read. Raises `Changed`, `OSError`."""
    with path.open("rb") as file:
        before = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        yield file
        file.seek(0)
        if hashlib.file_digest(file, "sha256").hexdigest() != before:
            raise Changed(path.name)
    enter(path, before)


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as the ledger has it, else as they are now, which is then noted."""
    current = _LEDGER.get()
    if current and str(path) in current[0]:
        return current[0][str(path)]
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    enter(path, digest)
    return digest


def enter(path: Path, digest: str) -> None:
    """Note what was read of a file; raises `Changed` where the ledger has it otherwise."""
    current = _LEDGER.get()
    if current is None:
        return
    digests, closed = current
    if closed and str(path) not in digests:
        raise Changed(path.name)
    if digests.setdefault(str(path), digest) != digest:
        raise Changed(path.name)
