"""Create a gallery: a new folder to begin with, or a temporary one around some pictures."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from generator.core.errors import ConfigError
from generator.core.naming import RESERVED, slug

from .json_schema import SCHEMAS, written

MARK = "# Made by `innerview look`, which may write it anew.\n"


def prepare(
    root: Path, photos: Sequence[Path], model: str, weights: str, targets: Sequence[str], layer: str, preset: str | None
) -> Path:
    """Lay a small gallery into `root`: the pictures, and the gallery.yml that is returned.

    Raises `ConfigError` where `root` holds another gallery, and for what is no file.
    """
    config, folder = root / "gallery.yml", root / "images"
    ours = config.is_file() and config.read_text(encoding="utf-8", errors="replace").startswith(MARK)
    if not ours and any(place.exists() for place in (config, folder)):
        raise ConfigError(f"--out {root}: expected an empty folder or one of an earlier look, it holds other things")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    entries: dict[str, dict[str, str]] = {}
    for photo in photos:
        if not photo.is_file():
            raise ConfigError(f"{photo}: expected a picture file, it is a folder or something else")
        name = _free(slug(photo.stem), entries)
        file = folder / f"{name}{photo.suffix.lower()}"
        shutil.copyfile(photo, file)
        entries[name] = {"file": file.name, "id": name, "title": photo.stem, "credit": "your own picture"}
    (folder / "images.yml").write_text(_yaml({"images": list(entries.values())}), encoding="utf-8")
    entry: dict[str, Any] = {"name": model, "images": list(entries)}
    entry |= {"weights": str(Path(weights).absolute()) if Path(weights).is_file() else weights} if weights else {}
    entry |= {"layer": layer} if layer else {}
    settings: dict[str, Any] = {"site": {"title": "A look inside"}, "models": [entry]}
    settings |= {"targets": [f"class:{name}" for name in targets]} if targets else {}
    settings |= {"preset": preset} if preset else {}
    config.write_text(MARK + _yaml(settings), encoding="utf-8")
    return config


def _free(name: str, taken: dict[str, Any]) -> str:
    """Return the name, numbered where another picture or a folder of the site is called so."""
    number, candidate = 1, name
    while candidate in taken or candidate in RESERVED:
        number += 1
        candidate = f"{name}-{number}"
    return candidate


def _yaml(content: dict[str, Any]) -> str:
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


SCAFFOLD = Path(__file__).parent / "new_gallery"


def empty(folder: Path) -> bool:
    """Return whether a gallery may be laid here: nothing is there, or a repository without files."""
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
