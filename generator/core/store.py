"""What was computed once: payloads under their own digest, records under the key of the work that made them."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from isal import isal_zlib

from .atomic_io import write_atomically
from .errors import InnerviewError
from .record_shape import is_record

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


RECORD_VERSION = 2  # of the shape of records; one of another version is as good as none


class StoreError(InnerviewError):
    """The store cannot be written or read."""


class Damaged(StoreError):
    """A payload is missing or is not what its digest says; it has been removed, so that it will be made again."""

    def __init__(self, digest: str) -> None:
        super().__init__(digest)
        self.what = digest[:12]

    def __str__(self) -> str:
        return f"{self.what}: this payload of the store was damaged or is gone; build again"


class Store:
    """A folder of records (JSON) and payloads (bytes). An entry exists when its record does; writers never wait.

    Payloads are written first, each file under a temporary name and then renamed, so that a killed process leaves
    nothing half written behind that anyone would read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.outdated: set[str] = set()  # keys that were asked for and whose records have another version

    def get(self, key: str, *fields: str, shape: str = "") -> dict[str, Any] | None:
        """Return the record of `key`; None where there is none, it is damaged, or it has another version.

        A record that lacks one of `fields`, or has another shape than those of ours, counts as damaged; `shape` names
        one of `record_shape.SHAPES`. Raises `StoreError` where the store cannot be read.
        """
        try:
            record = unsealed(_content(self._record(key)))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise StoreError(f"{self.folder}: expected a store that can be read: {error.strerror}") from error
        if not isinstance(record, dict):
            return None
        if record is not None and not is_current(record):
            self.outdated.add(key)
            return None
        return record if is_record(record, fields, shape) else None

    def put(self, key: str, record: Mapping[str, Any], payloads: Mapping[str, bytes] | None = None) -> dict[str, Any]:
        """Keep payloads and then the record, which is returned with `"payloads": {name: digest}`."""
        digests = {name: self.keep(data) for name, data in (payloads or {}).items()}
        full = {"version": RECORD_VERSION, **record, "payloads": {**record.get("payloads", {}), **digests}}
        self._write(self._record(key), sealed(full))
        return full

    def keep(self, data: bytes) -> str:
        """Keep one payload; its SHA-256."""
        digest = hashlib.sha256(data).hexdigest()
        if not os.path.isfile(self._payload(digest)):
            self._write(self._payload(digest), data)
        return digest

    def path(self, digest: str) -> Path:
        """Return where the payload with this digest is, or would be."""
        return Path(self._payload(digest))

    def read(self, digest: str) -> bytes:
        """Return a payload, its checksum verified. Raises `Damaged`, after removing one that is not what it should
        be.
        """
        path = self.path(digest)
        try:
            data = _content(path)
        except (FileNotFoundError, NotADirectoryError):
            raise Damaged(digest) from None
        if hashlib.sha256(data).hexdigest() != digest:
            _clear(path)
            raise Damaged(digest)
        return data

    def has_payloads(self, record: Mapping[str, Any]) -> bool:
        """Return whether every payload that a record names is there."""
        return all(os.path.isfile(self._payload(digest)) for digest in record.get("payloads", {}).values())

    def verify(self, record: Mapping[str, Any]) -> bool:
        """Return whether every payload that a record names is there and is what its digest says; what is not is
        removed.
        """
        try:
            for digest in record.get("payloads", {}).values():
                self.read(digest)
        except Damaged:
            return False
        return True

    def drop(self, key: str) -> None:
        """Forget the record of `key` and its payloads, which nothing else may name."""
        record = self.get(key)
        _clear(Path(self._record(key)))
        for digest in (record or {}).get("payloads", {}).values():
            self.path(digest).unlink(missing_ok=True)

    def remove_damaged(self) -> list[str]:
        """Look at every file and remove those that are not what was written; their names."""
        removed = []
        for path in sorted(self.folder.glob("*/??/*")):
            if path.name.startswith("."):  # those that are being written have such names
                continue
            data = _content(path)
            digest = hashlib.sha256(data).hexdigest()
            if not is_record(unsealed(data)) if path.suffix else (digest != path.name):
                _clear(path)
                removed.append(path.name)
        return removed

    @contextmanager
    def alone(self, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
        """One process at a time is in here; `waiting` is called where another one is. Without locks, all are."""
        if fcntl is None:
            yield
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                waiting()
                fcntl.flock(file, fcntl.LOCK_EX)
            yield  # closing the file, also when the process is killed, ends the lock

    def _write(self, path: str, data: bytes) -> None:
        try:
            try:
                write_atomically(path, data, 0o444)
            except IsADirectoryError:  # someone's, in the place of a file of ours
                _clear(Path(path))
                write_atomically(path, data, 0o444)
        except OSError as error:
            raise StoreError(f"{self.folder}: expected a store that can be written: {error.strerror}") from error

    def _record(self, key: str) -> str:
        return f"{self.folder}/records/{key[:2]}/{key}.json"

    def _payload(self, digest: str) -> str:
        return f"{self.folder}/payloads/{digest[:2]}/{digest}"


def _content(path: Path | str) -> bytes:
    """Return the bytes of a regular file; b"" for a pipe, a folder or a device, which nobody put there for us."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return b""
        with os.fdopen(handle, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(handle)


def _clear(path: Path) -> None:
    """Remove whatever lies in the place of a file of ours."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def is_current(record: Any) -> bool:
    """Return whether a record has the shape that this version of Innerview writes and reads."""
    return isinstance(record, dict) and record.get("version") == RECORD_VERSION


def key_of(*parts: Any) -> str:
    """Return a key made of plain data: SHA-256 of its canonical JSON."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=list).encode()).hexdigest()


def pack(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return arrays as one payload: a JSON line of names, dtypes and shapes, then their bytes, lightly compressed."""
    head = [[name, array.dtype.str, list(array.shape)] for name, array in arrays.items()]
    body = b"".join(np.ascontiguousarray(array).tobytes() for array in arrays.values())
    return isal_zlib.compress(json.dumps(head).encode() + b"\n" + body, 1)


def unpack(data: bytes) -> dict[str, np.ndarray]:
    """Return the arrays that `pack` was given."""
    head, _, body = isal_zlib.decompress(data).partition(b"\n")
    arrays, start = {}, 0
    for name, dtype, shape in json.loads(head):
        count = math.prod(shape)
        arrays[name] = np.frombuffer(body, dtype, count, start).reshape(shape)
        start += count * np.dtype(dtype).itemsize
    return arrays


def sealed(content: Any) -> bytes:
    """JSON under a line with its SHA-256, so that a flipped bit is seen; in the order it has, which pages may show."""
    text = json.dumps(content, allow_nan=False).encode()
    return hashlib.sha256(text).hexdigest().encode() + b"\n" + text


def unsealed(data: bytes) -> Any:
    """Return what `sealed` was given; None where these are not its bytes."""
    seal, _, text = data.partition(b"\n")
    try:
        return json.loads(text) if seal == hashlib.sha256(text).hexdigest().encode() else None
    except (ValueError, RecursionError):  # someone sealed what is no JSON
        return None
