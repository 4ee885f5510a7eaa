"""A complete small gallery, as a repository of one's own, laid into an empty folder."""

from __future__ import annotations

import shutil
from pathlib import Path

from .schema import SCHEMAS, written
from .types import ConfigError

SCAFFOLD = Path(__file__).parent / "scaffold"


def empty(folder: Path) -> bool:
    """Whether a gallery may be laid here: nothing is there, or a repository without files."""
    return not folder.exists() or (folder.is_dir() and all(path.name == ".git" for path in folder.iterdir()))


def lay(folder: Path) -> None:
    """Write the scaffold into `folder`; raises `ConfigError` where that holds anything."""
    if not empty(folder):
        there = "it holds other things" if folder.is_dir() else "there is a file"
        raise ConfigError(f"{folder}: expected a new or an empty folder, {there}")
    for file in sorted(path for path in SCAFFOLD.rglob("*") if path.is_file()):
        target = folder / file.relative_to(SCAFFOLD)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    for name in SCHEMAS:
        target = folder / ".schema" / f"{name}.json"
        target.parent.mkdir(exist_ok=True)
        target.write_text(written(name), encoding="utf-8")
