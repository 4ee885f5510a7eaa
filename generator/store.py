"""What was computed once: payloads under their own digest, records under the key of the work that made them."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .types import InnerviewError


class StoreError(InnerviewError):
    """A payload is missing or is not what its digest says."""


class Store:
    """A folder of records (JSON) and payloads (bytes). An entry exists when its record does; writers never wait.

    Payloads are written first, each file under a temporary name and then renamed, so that a killed process leaves
    nothing half written behind that anyone would read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, key: str) -> dict[str, Any] | None:
        """The record of `key`, or None where there is none that can be read."""
        try:
            return json.loads(self._record(key).read_bytes())
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return None

    def put(self, key: str, record: Mapping[str, Any], payloads: Mapping[str, bytes] | None = None) -> dict[str, Any]:
        """Keep payloads and then the record, which is returned with `"payloads": {name: digest}`."""
        digests = {name: self.keep(data) for name, data in (payloads or {}).items()}
        full = {**record, "payloads": {**record.get("payloads", {}), **digests}}
        _write(self._record(key), json.dumps(full, sort_keys=True, allow_nan=False).encode())
        return full

    def keep(self, data: bytes) -> str:
        """Keep one payload; its SHA-256."""
        digest = hashlib.sha256(data).hexdigest()
        path = self.path(digest)
        if not path.exists():
            _write(path, data)
        return digest

    def path(self, digest: str) -> Path:
        """Where the payload with this digest is, or would be."""
        return self.folder / "payloads" / digest[:2] / digest

    def read(self, digest: str) -> bytes:
        """A payload, its checksum verified. Raises `StoreError`, after removing a payload that is damaged."""
        path = self.path(digest)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise StoreError(f"{path.name[:12]}: expected this payload in the store, it is gone; build again") from None
        if hashlib.sha256(data).hexdigest() != digest:
            path.unlink(missing_ok=True)
            raise StoreError(f"{path.name[:12]}: the payload in the store is damaged and was removed; build again")
        return data

    def whole(self, record: Mapping[str, Any]) -> bool:
        """Whether every payload that a record names is there."""
        return all(self.path(digest).is_file() for digest in record.get("payloads", {}).values())

    def forget(self, key: str) -> None:
        """Remove a record; its payloads may belong to others too and stay."""
        self._record(key).unlink(missing_ok=True)

    def damaged(self) -> Iterator[str]:
        """Digests of payloads whose bytes are not what their name says."""
        for path in sorted((self.folder / "payloads").glob("??/*")):
            if hashlib.sha256(path.read_bytes()).hexdigest() != path.name and "." not in path.name:
                yield path.name

    def _record(self, key: str) -> Path:
        return self.folder / "records" / key[:2] / f"{key}.json"


def key_of(*parts: Any) -> str:
    """A key made of plain data: SHA-256 of its canonical JSON."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=list).encode()).hexdigest()


def pack(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Arrays as one payload: a JSON line of names, dtypes and shapes, then their bytes, lightly compressed."""
    head = [[name, array.dtype.str, list(array.shape)] for name, array in arrays.items()]
    body = b"".join(np.ascontiguousarray(array).tobytes() for array in arrays.values())
    return zlib.compress(json.dumps(head).encode() + b"\n" + body, 1)


def unpack(data: bytes) -> dict[str, np.ndarray]:
    """The arrays that `pack` was given."""
    head, _, body = zlib.decompress(data).partition(b"\n")
    arrays, start = {}, 0
    for name, dtype, shape in json.loads(head):
        count = int(np.prod(shape, dtype=np.int64))
        arrays[name] = np.frombuffer(body, dtype, count, start).reshape(shape)
        start += count * np.dtype(dtype).itemsize
    return arrays


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(name, 0o444)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
