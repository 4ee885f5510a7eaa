"""A picture is put into a gallery: checked, freed of the place where it was taken, and given an entry in images.yml."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from PIL import Image

from generator.config.image_entries import ImageEntry, ImagesFile, read_image_entries
from generator.config.settings import Settings
from generator.config.validation import validated
from generator.config.yaml_reader import read_yaml
from generator.core.atomic_io import write_atomically
from generator.core.errors import ConfigError, ImageError
from generator.core.naming import RESERVED, slug
from generator.core.records import Example
from generator.core.text import harmless

from .decode import decode, read_file
from .images import SUFFIXES, read_images
from .strip_location import author, located, suffix, without_location

KEYS = ("title", "alt", "credit", "licence", "source_url", "targets", "sets")  # as an entry is read


@dataclass(frozen=True)
class Found:
    """A picture that may be put in."""

    path: Path
    content: bytes  # as it will be kept
    title: str  # made of the file's name
    author: str  # as its EXIF says, or ""
    located: bool  # whether the file said where it was taken; `content` does not


class Folder:
    """The pictures of a gallery, with those that are put in meanwhile."""

    def __init__(self, settings: Settings) -> None:
        """Raises `ConfigError` where images.yml is wrong; a folder that is not there yet is made by `put`."""
        self.path = settings.folder / settings.images
        self.listing = self.path / "images.yml"
        self.examples: list[Example] = read_images(self.path)[0] if self.path.is_dir() else []

    def examine(self, path: Path) -> Found:
        """Return a file that is to be put in; raises `ImageError` where it is no picture, or one that is there
        already.
        """
        content = read_file(path)
        picture, _ = decode(content, path.name)
        for other in self.examples:
            if Path(other.path).samefile(path) and self._file(path) not in self._listed():
                continue  # it lies in the folder, but has no entry yet
            same = other.digest == hashlib.sha256(content).hexdigest()
            if same or (other.size == picture.size and _alike(other, picture)):
                raise ImageError(f"{path.name}: the gallery has this picture already, as {other.id!r}")
        where = located(content)
        kept = without_location(content) if where else content
        if where and self._file(path) and suffix(kept) != suffix(content):
            advice = "move it out of the folder and add it from there"
            raise ImageError(f"{path.name}: it says where it was taken, and only as PNG it would not; {advice}")
        title = harmless(path.stem.replace("_", " ").replace("-", " "))
        return Found(path, kept, title, harmless(author(content)), where)

    def put(self, picture: Found, about: dict[str, Any]) -> str:
        """Lay the file into the folder and write its entry; `about` holds the entry's other keys. Returns its id.

        Raises `ConfigError` for an entry that cannot be, or where images.yml cannot be added to; nothing changed then.
        """
        inside, name = self._file(picture.path), self._free(picture.path)
        file = inside or f"{name}{suffix(picture.content)}"
        entry = {"file": file, **({} if slug(Path(file).stem) == name else {"id": name})}
        text = with_entry(self.listing, entry | {key: about[key] for key in KEYS if about.get(key)})
        if picture.located or not inside:
            write_atomically(self.path / file, picture.content)
        write_atomically(self.listing, text.encode())
        self.examples = read_images(self.path)[0]
        return name

    def _file(self, path: Path) -> str:
        """Return what images.yml calls a file that lies in this folder; "" for one from elsewhere."""
        here, path = self.path.resolve(), path.resolve()
        return path.relative_to(here).as_posix() if path.is_relative_to(here) else ""

    def _listed(self) -> list[str]:
        return [entry.file for entry in self._entries()]

    def _entries(self) -> list[ImageEntry]:
        return read_image_entries(self.listing) if self.listing.is_file() else []

    def _free(self, path: Path) -> str:
        """Return the slug of the file's name, numbered where another picture or a folder of the site is called so."""
        taken = {entry.name for entry in self._entries()} | set(RESERVED)
        taken |= {slug(file.stem) for file in self.path.glob("*") if file.resolve() != path.resolve()}
        name, number = slug(path.stem), 1
        free = name
        while free in taken:
            number += 1
            free = f"{name}-{number}"
        return free


def _alike(other: Example, picture: Image.Image) -> bool:
    """Return whether two pictures of one size have the same pixels."""
    seen, _ = decode(Path(other.path))
    return seen.mode == picture.mode and seen.tobytes() == picture.tobytes()


def pictures(paths: Iterable[Path]) -> list[Path]:
    """Return the files that are meant: those given, and in the place of a folder the pictures in it."""
    files: list[Path] = []
    for path in paths:
        inside = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES) if path.is_dir() else [path]
        if not inside:
            raise ConfigError(f"{path}: expected pictures in this folder, there are none")
        files += inside
    return files


def with_entry(listing: Path, entry: dict[str, Any]) -> str:
    """Return the text of images.yml with one entry more, every comment where it was.

    The entry is written at the end and the whole read again, so that nothing else can have changed. Raises
    `ConfigError` where it cannot be written so, with the line that someone has to write.
    """
    raw = listing.read_bytes().decode("utf-8") if listing.is_file() else ""
    ending = "\r\n" if "\r\n" in raw else "\n"
    text = raw.replace("\r\n", "\n")
    before = read_yaml(listing) if listing.is_file() else None
    old = (before or {}).get("images") or []
    block = yaml.safe_dump([entry], sort_keys=False, allow_unicode=True, width=10**6)
    validated(ImagesFile, {"images": [*old, entry]}, listing.name)
    added = _appended(text, block)
    try:
        same = yaml.safe_load(added) == {"images": [*old, entry]}
    except yaml.YAMLError:
        same = False
    if not same:
        line = yaml.safe_dump(entry, sort_keys=False, allow_unicode=True, width=10**6, default_flow_style=True).strip()
        raise ConfigError(f"{listing.name}: cannot be added to as it is written; please add this to its list: {line}")
    return added.replace("\n", ending)


def _appended(text: str, block: str) -> str:
    """Return the text with a list's item at its end, below the last one and indented as that is."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if root is None:
        return text + ("" if text.endswith("\n") or not text else "\n") + "images:\n" + _indented(block, 2)
    (_, value), *_ = root.value
    if isinstance(value, yaml.SequenceNode) and value.value and not value.flow_style:
        indent = value.start_mark.column
    else:  # nothing yet: `images:`, `images: null` or `images: []`
        indent = 2
        text = text[: value.start_mark.index].rstrip(" ") + text[value.end_mark.index :]
    return text + ("" if text.endswith("\n") else "\n") + _indented(block, indent)


def _indented(block: str, indent: int) -> str:
    return "".join(f"{' ' * indent}{line}\n" for line in block.splitlines())
