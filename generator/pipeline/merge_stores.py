"""Stores put together: what several machines drew, checked and laid into one."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from generator.core.atomic_io import create_atomically, write_atomically
from generator.core.errors import InnerviewError
from generator.core.store import Store, StoreError, is_current, unsealed

DIGEST = re.compile(r"[0-9a-f]{64}")  # a file is named after it, so it must be nothing else


@dataclass
class Merged:
    """What came of a merge."""

    new: int = 0  # records
    known: int = 0  # those that were there already
    refused: list[str] = field(default_factory=list)  # a line for each record that was left out


def merge(sources: list[Path], target: Store) -> Merged:
    """Lay into `target` what it lacks of the stores in `sources`, which stay as they are.

    Each checksum is verified; a record that is damaged, or of which a payload is, is left out and told of.
    Raises `InnerviewError` where a source is no store.
    """
    for source in sources:
        if not (source / "records").is_dir():
            raise InnerviewError(f"{source}: no store found (expected a folder with `records` in it)")
    merged = Merged()
    for source in sources:
        for file in sorted(source.glob("records/??/*.json")):
            _take(Store(source), file, target, merged)
    return merged


def _take(source: Store, file: Path, target: Store, merged: Merged) -> None:
    """One record with its payloads, those first: it is there when all of it is."""
    existing = target.get(file.stem)
    if existing is not None and target.has_payloads(existing):
        merged.known += 1
        return
    data = file.read_bytes()
    record = unsealed(data)
    payloads = record.get("payloads", {}) if isinstance(record, dict) else {}
    if not isinstance(record, dict) or not DIGEST.fullmatch(file.stem):
        merged.refused.append(f"{file}: damaged; this record is left out")
        return
    if not is_current(record):
        merged.refused.append(f"{file}: written by another version of Innerview; this record is left out")
        return
    for digest in payloads.values():
        if not _sound(source, digest):
            merged.refused.append(f"{file}: its payload {digest[:12]} is damaged or is gone; this record is left out")
            return
    try:
        for digest in payloads.values():
            _lay(source.path(digest), target.path(digest))
        write_atomically(target.folder / "records" / file.stem[:2] / file.name, data, 0o444)
    except OSError as error:
        raise StoreError(f"{target.folder}: expected a store that can be written: {error.strerror}") from error
    merged.new += 1


def _sound(source: Store, digest: str) -> bool:
    """Return whether a payload is what its name says; read in pieces, for films are long."""
    try:
        with source.path(digest).open("rb") as file:
            return bool(DIGEST.fullmatch(digest)) and hashlib.file_digest(file, "sha256").hexdigest() == digest
    except OSError:
        return False


def _lay(file: Path, target: Path) -> None:
    """A link where the file system can, else a copy; what is there already stays."""
    if target.is_file():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(file, target)
    except OSError:
        create_atomically(target, lambda copy: shutil.copyfile(file, copy), 0o444)
