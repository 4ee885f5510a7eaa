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
from .settings import load

OF_A_GALLERY = {"images", "targets", "prune", "labelled", "probe", "live"}  # what an entry says of other pictures
MARK = "# Made by `innerview look`, which may write it anew.\n"


def prepare(
    root: Path, photos: Sequence[Path], model: str, targets: Sequence[str], preset: str | None, **stated: str
) -> Path:
    """Lay a small gallery into `root`: the pictures, and the gallery.yml that is returned.

    A model that the gallery.yml of the current folder names keeps what that says of it. Of what is `stated` beside, the
    layer, and the files of weights and of text vectors, "" means nothing. Raises `ConfigError` where `root` holds
    another gallery, and for what is no file.
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
    entry = {**_entry_here(model), "images": list(entries)}
    for key, value in stated.items():
        is_file = key != "layer" and Path(value).is_file()
        entry |= {key: str(Path(value).absolute()) if is_file else value} if value else {}
    settings: dict[str, Any] = {"site": {"title": "A look inside"}, "models": [entry]}
    settings |= {"targets": [f"class:{name}" for name in targets]} if targets else {}
    settings |= {"preset": preset} if preset else {}
    config.write_text(MARK + _yaml(settings), encoding="utf-8")
    return config


def _entry_here(model: str) -> dict[str, Any]:
    """Return what the gallery.yml of the current folder says of a model, its files by absolute paths; else its name."""
    here = Path("gallery.yml")
    settings = load(here) if here.is_file() else None
    entry = next((entry for entry in settings.models if slug(entry.name) == slug(model)), None) if settings else None
    if entry is None:
        return {"name": model}
    stated = entry.model_dump(exclude_unset=True, exclude=OF_A_GALLERY)
    for key in ("weights", "classes", "checkpoints"):
        if isinstance(stated.get(key), str) and Path(stated[key]).expanduser().exists():
            stated[key] = str(Path(stated[key]).expanduser().absolute())
    if entry.text:
        stated["text"]["vectors"] = str(Path(entry.text.vectors).absolute())
    return stated


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
