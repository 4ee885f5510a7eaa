"""Pinned figures: pictures kept beside gallery.yml, published under addresses that never change what they show."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from generator.core.atomic_io import write_atomically
from generator.core.errors import ConfigError
from generator.core.manifest_types import FigureRecord, Manifest, PinRecord
from generator.core.naming import FIGURE
from generator.core.store import Store
from generator.pipeline.manifest import Published
from generator.site.pages.manifest_index import NOTHING

FOLDER = "pins"  # beside gallery.yml; to be committed, so that a fresh clone publishes what was ever pinned
NAME = re.compile(r"(?P<figure>.+)\.(?P<digest>[0-9a-f]{8})\.(?P<suffix>png|webp)")


def pin(
    folder: Path, patterns: Sequence[str], described: Manifest, store: Store
) -> tuple[list[PinRecord], list[Published], list[str]]:
    """Keep the pictures of all figures that match a pattern, and publish every picture ever kept in `folder`.

    Returns the manifest's `pins`, their files (`pinned/<figure>.<first 8 of the SHA-256>.<suffix>`) and lines to tell:
    what is to be committed, and patterns that match nothing. Raises `ConfigError` for a picture that was changed.
    """
    drawn = {figure["id"]: figure for figure in described["figures"] if figure["status"] == "drawn"}
    messages = [
        f"pin: {pattern!r} matches no figure that is drawn"
        for pattern in patterns
        if not any(fnmatchcase(name, pattern) for name in drawn)
    ]
    new = [
        file
        for name, figure in drawn.items()
        if any(fnmatchcase(name, pattern) for pattern in patterns) and (file := _keep(folder, figure, store))
    ]
    if new:
        few = ", ".join(file.relative_to(folder.parent).as_posix() for file in new[:3])
        more = f" and {len(new) - 3} more" if len(new) > 3 else ""
        messages.append(f"pinned: {few}{more}; commit the folder {folder.name}/, so that these addresses stay")
    pins, files = [], []
    for file in sorted(path for path in folder.rglob("*") if NAME.fullmatch(path.name) and path.is_file()):
        entry, data = _read(folder, file)
        entry["current"] = drawn.get(entry["figure"], NOTHING).get("digest") == entry["digest"]
        pins.append(entry)
        files.append(Published(entry["file"], store.keep(data)))
    return pins, files, messages


def _keep(folder: Path, figure: FigureRecord, store: Store) -> Path | None:
    """Lay the picture of a figure into the folder; None where it is there already."""
    name = f"{figure['id']}.{figure['digest'][:8]}{Path(figure['file']).suffix}"
    file = folder / name
    if file.exists():
        return None
    write_atomically(file, store.read(figure["digest"]))
    return file


def _read(folder: Path, file: Path) -> tuple[PinRecord, bytes]:
    """Return what a kept picture's name says, and its bytes, of which the name has the digest."""
    name = file.relative_to(folder).as_posix()
    parts, data = NAME.fullmatch(name), file.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    place = f"{folder.name}/{name}"
    if not parts or not FIGURE.fullmatch(parts["figure"]):
        raise ConfigError(f"{place}: expected <model>/<image>/<method>....<8 digits of its SHA-256>.png or .webp")
    if not digest.startswith(parts["digest"]):
        raise ConfigError(f"{place}: expected SHA-256 to begin with {parts['digest']}, it begins with {digest[:8]}")
    return {"figure": parts["figure"], "file": f"pinned/{name}", "digest": digest, "current": False}, data
