"""Picture files become Examples: the curated set of images.yml, and what else lies in the folder."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from generator.config import ImageEntry, read_image_entries
from generator.decode import decode, read_file
from generator.entries import nearest
from generator.types import RESERVED, ConfigError, Example, ImageError, InnerviewError

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"}


@dataclass(frozen=True)
class Problem:
    """Something about one picture that the build has to say."""

    name: str  # the picture's id
    message: str  # one line that names the file
    kind: str  # "failed": cannot be read; "left-out": not at hand or not nameable; "warning": taken all the same


# --- the curated set --------------------------------------------------------------------------------


def read_images(
    folder: Path, data: Path | None = None, only: Sequence[str] = (), work: Path = Path(".innerview")
) -> tuple[list[Example], list[Problem]]:
    """The pictures of `folder` in the order of its images.yml, then those without an entry by name.

    `data` is a folder that holds data set samples, which are written under `work`; `only` keeps these ids.
    Every picture is decoded once, so that a broken one is known before anything is planned. Raises `ConfigError`
    where images.yml is wrong, and where an id of `only` does not exist.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder}: expected a folder of pictures, there is none")
    wanted, problems = _wanted(folder)
    if unknown := [name for name in only if name not in wanted]:
        raise ConfigError(f"image {unknown[0]!r}: no picture in {folder} has this id{nearest(unknown[0], wanted)}")
    examples = []
    for name, entry in wanted.items():
        if only and name not in only:
            continue
        try:
            path = _materialise(entry, data, work) if entry.source else _file(folder, entry.file)
            examples.append(read_image(path, entry))
        except _NotAtHand as reason:
            problems.append(Problem(name, str(reason), "left-out"))
        except ImageError as error:
            problems.append(Problem(name, str(error), "failed"))
        else:
            if not entry.credit:
                problems.append(Problem(name, f"{entry.file or entry.source}: no credit in images.yml", "warning"))
    return examples, problems


def read_image(path: Path, entry: ImageEntry | None = None) -> Example:
    """The Example of one file; raises `ImageError` where it cannot be read."""
    entry = entry or ImageEntry(file=path.name)
    content = read_file(path)
    picture, note = decode(content, path.name)
    if picture.mode == "RGBA":
        on = f"on {entry.background}" if entry.background else "on the network's background"
        note = "; ".join(filter(None, (note, f"transparent, laid {on}")))
    return Example(
        id=entry.name,
        path=str(path.absolute()),
        title=entry.title or Path(entry.file or entry.source).stem.replace("_", " ").replace("-", " "),
        digest=hashlib.sha256(content).hexdigest(),
        size=picture.size,
        credit=entry.credit,
        licence=entry.licence,
        source=entry.source_url or entry.source,
        alt=entry.alt,
        sets=tuple(entry.sets),
        targets=dict(entry.targets),
        note=note,
        background=entry.background,
        fit=entry.fit,
    )


def _wanted(folder: Path) -> tuple[dict[str, ImageEntry], list[Problem]]:
    """Entries by id, those of images.yml first; and the files that cannot have their id."""
    listing = folder / "images.yml"
    wanted = {entry.name: entry for entry in (read_image_entries(listing) if os.path.lexists(listing) else ())}
    listed = {PurePosixPath(entry.file).as_posix() for entry in wanted.values()}
    problems = []
    for file in _files(folder):
        if file in listed:
            continue
        entry = ImageEntry(file=file)
        if entry.name in RESERVED or entry.name in wanted:
            why = "is a folder of the site" if entry.name in RESERVED else "is taken"
            advice = "give it an entry with an id of its own in images.yml"
            problems.append(Problem(entry.name, f"{file}: the id {entry.name!r} {why}; {advice}", "left-out"))
            continue
        wanted[entry.name] = entry
    return wanted, problems


def _files(folder: Path) -> list[str]:
    """All picture files below the folder by name, hidden ones aside, as POSIX paths relative to it."""

    def walk() -> Iterator[str]:
        for parent, folders, files in os.walk(folder):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for file in files:
                if not file.startswith(".") and Path(file).suffix.lower() in SUFFIXES:
                    yield (Path(parent) / file).relative_to(folder).as_posix()

    return sorted(walk())


def _file(folder: Path, file: str) -> Path:
    """The path of one picture; raises `ImageError` where it leads out of the folder or names no file."""
    path = folder / file
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ImageError(f"{file}: expected a file inside the images folder, it leads out of it")
    if not path.parent.is_dir():  # the package comes without cutouts/
        raise _NotAtHand(f"{file}: its folder is not at hand")
    if not path.exists():
        raise ImageError(f"{file}: expected this file in the images folder, there is none")
    return path


class _NotAtHand(Exception):
    """A picture that images.yml names and this machine does not have."""


def _materialise(entry: ImageEntry, data: Path | None, work: Path) -> Path:
    """The file a data set sample is written to, named by its content, so that worker processes can open it."""
    from generator.data import sample  # reads data sets; nothing else here needs it

    try:
        content = sample(data, entry.source)
    except InnerviewError as error:
        raise _NotAtHand(str(error)) from error
    suffix = ".png" if content.startswith(b"\x89PNG") else ".jpg"
    path = work / "samples" / (hashlib.sha256(content).hexdigest() + suffix)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}")
        unfinished.write_bytes(content)
        unfinished.replace(path)
    return path
