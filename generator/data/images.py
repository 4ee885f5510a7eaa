"""Picture files become Examples: the curated set of images.yml, and what else lies in the folder."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from generator.config.image_entries import ImageEntry, read_image_entries
from generator.config.validation import nearest
from generator.core.atomic_io import write_atomically
from generator.core.errors import ConfigError, ImageError, InnerviewError
from generator.core.naming import RESERVED
from generator.core.records import Example
from generator.core.text import harmless

from .decode import decode, read_file
from .decoder import SIGNATURES
from .measured import opened_content

SUFFIXES = set(".jpg .jpeg .jpe .jfif .png .apng .webp .avif .gif .bmp .tif .tiff .npy".split())
# Pictures that are not read, which no one shall look for in vain.
OTHERS = set(
    ".heic .heif .jxl .jp2 .j2k .jpx .jxr .psd .psb .xcf .svg .svgz .eps .ico .icns .tga .ppm .pgm .pbm .pnm .exr .hdr "
    ".dng .cr2 .cr3 .nef .arw .raf .orf .rw2 .qoi .pcx .dds".split()
)


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
    """Return the pictures of `folder` in the order of its images.yml, then those without an entry by name.

    `data` is a folder that holds data set samples, which are written under `work`; `only` keeps these ids.
    Every picture is decoded once, so that a broken one is known before anything is planned. Raises `ConfigError`
    where images.yml is wrong, and where an id of `only` does not exist.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder}: folder not found; create it, or set `images:` in gallery.yml")
    wanted, problems = _wanted(folder)
    problems = [] if only else problems  # of what no one asked for
    if unknown := [name for name in only if name not in wanted]:
        raise ConfigError(f"image {unknown[0]!r}: no picture in {folder} has this id{nearest(unknown[0], wanted)}")
    examples: list[Example] = []
    absent: dict[str, list[ImageEntry]] = {}  # why, and which
    nameless: list[ImageEntry] = []  # of whose maker nothing is said
    for name, entry in wanted.items():
        if only and name not in only:
            continue
        try:
            path = _materialise(entry, data, work) if entry.source else _file(folder, entry.file)
            examples.append(read_image(path, entry, _file(folder, entry.mask) if entry.mask else None))
        except _NotAtHand as reason:
            absent.setdefault(str(reason), []).append(entry)
        except ImageError as error:
            problems.append(_problem(name, str(error), "failed"))
        else:
            nameless += [] if entry.credit else [entry]
    problems += [_of_several(nameless, "no credit in images.yml", "warning")] if nameless else []
    return examples, problems + [_of_several(entries, reason, "left-out") for reason, entries in absent.items()]


def known_names(folder: Path) -> set[str]:
    """Return the ids of all pictures of `folder`, whether they can be read or not, and the sets they are in."""
    wanted, _ = _wanted(folder)
    return {name for entry in wanted.values() for name in (entry.name, *entry.sets)}


def _of_several(entries: Sequence[ImageEntry], reason: str, kind: str) -> Problem:
    """Return one line for all pictures of which the same is to be said."""
    return _problem(entries[0].name, f"{_first_of([_origin(entry) for entry in entries])}: {reason}", kind)


def _first_of(files: Sequence[str]) -> str:
    """Return the first of some files by name, and how many more there are."""
    return files[0] + (f" and {len(files) - 1} more" if len(files) > 1 else "")


def _origin(entry: ImageEntry) -> str:
    """Return the file that an entry names, or its data set sample."""
    return entry.file or entry.source


def read_image(path: Path, entry: ImageEntry | None = None, mask: Path | None = None) -> Example:
    """Return the Example of one file, and of the mask that says where its thing is; raises `ImageError` for what is
    wrong.
    """
    entry = entry or ImageEntry(file=path.name)
    content = read_file(path)
    picture, note = opened_content(content, path.name, entry.frame)
    if picture.mode == "RGBA":
        on = f"on {entry.background}" if entry.background else "on the network's background"
        note = "; ".join(filter(None, (note, f"transparent, laid {on}")))
    return Example(
        id=entry.name,
        path=str(path.absolute()),
        title=entry.title or _title(Path(entry.file or entry.source).stem),
        digest=hashlib.sha256(content).hexdigest(),
        size=picture.size,
        credit=entry.credit,
        licence=entry.licence,
        source=entry.source_url or entry.source,
        alt=entry.alt,
        sets=tuple(entry.sets),
        targets=dict(entry.targets),
        note=f"{entry.note} ({note})" if entry.note and note else entry.note or note,
        background=entry.background,
        fit=entry.fit,
        frame=entry.frame,
        box=tuple(_boxed(entry, picture.size)),
        mask=str(mask.absolute()) if mask else "",
        mask_digest=_masked(entry, mask, picture.size) if mask else "",
    )


def _boxed(entry: ImageEntry, size: tuple[int, int]) -> list[int]:
    """Return the box of an entry, once it lies within the picture."""
    if entry.box and (entry.box[2] > size[0] or entry.box[3] > size[1]):
        dimensions = f"{size[0]} x {size[1]}"
        raise ImageError(
            f"{entry.file or entry.source}: box: {entry.box} leads out of the picture, which is {dimensions}"
        )
    return entry.box


def _masked(entry: ImageEntry, mask: Path, size: tuple[int, int]) -> str:
    """Return SHA-256 of a mask's file, once it is as large as the picture."""
    content = read_file(mask)
    mask_size = decode(content, entry.mask)[0].size
    if mask_size != size:
        sizes = [f"{width} x {height}" for width, height in (size, mask_size)]
        raise ImageError(f"{entry.mask}: expected a mask as large as its picture, {sizes[0]}; it is {sizes[1]}")
    return hashlib.sha256(content).hexdigest()


def _title(stem: str) -> str:
    """Return a file's name in words, on one line."""
    return " ".join(harmless(stem).replace("_", " ").replace("-", " ").split()) or "Untitled"


def _wanted(folder: Path) -> tuple[dict[str, ImageEntry], list[Problem]]:
    """Entries by id, those of images.yml first; and the files that cannot have their id."""
    listing = folder / "images.yml"
    wanted = {entry.name: entry for entry in (read_image_entries(listing) if os.path.lexists(listing) else ())}
    listed = {PurePosixPath(file).as_posix() for entry in wanted.values() for file in (entry.file, entry.mask)}
    files, others, problems = _files(folder)
    problems += _passed_over(folder, [file for file in others if file not in listed])
    for file in files:
        if file in listed:
            continue
        if "\\" in file:
            problems.append(_failed(file, "expected a name without a backslash, which is a folder elsewhere"))
            continue
        entry = ImageEntry(file=file)
        if entry.name in RESERVED or entry.name in wanted:
            why = "is a folder of the site"
            if entry.name not in RESERVED:
                why = f"is taken by {_origin(wanted[entry.name])}"
            advice = "give it an entry with an id of its own in images.yml"
            problems.append(_failed(file, f"the id {entry.name!r} {why}; {advice}"))
            continue
        wanted[entry.name] = entry
    return wanted, problems


def _files(folder: Path) -> tuple[list[str], list[str], list[Problem]]:
    """Return the files below the folder that are pictures by their name, and all others, as sorted POSIX paths
    relative to it.

    Also what looks like pictures or holds some and cannot be gone into: folders that may not be read or are links.
    Hidden files are among the others, what hidden folders hold nowhere.
    """
    pictures: list[str] = []
    others: list[str] = []
    problems: list[Problem] = []

    def named(parent: str, name: str = "") -> str:
        return (Path(parent) / name).relative_to(folder).as_posix()

    def refused(error: OSError) -> None:
        problems.append(_failed(named(error.filename), f"this folder cannot be read: {error.strerror}"))

    for parent, folders, files in os.walk(folder, onerror=refused):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in folders:
            if (Path(parent) / name).is_symlink():
                problems.append(_failed(named(parent, name), "expected a folder of pictures, it is a link to one"))
            elif Path(name).suffix.lower() in SUFFIXES:
                problems.append(_failed(named(parent, name), "expected a picture file, it is a folder"))
        for name in files:
            suffix, hidden = Path(name).suffix.lower(), name.startswith(".")
            (pictures if suffix in SUFFIXES and not hidden else others).append(named(parent, name))
            if suffix in OTHERS and not hidden:
                expected = "expected a JPEG, PNG, WebP, AVIF, GIF, BMP or TIFF picture; convert it"
                problems.append(_failed(named(parent, name), f"{suffix[1:].upper()} is not read: {expected}"))
    return sorted(pictures), sorted(others), sorted(problems, key=lambda problem: problem.name)


def _passed_over(folder: Path, files: Sequence[str]) -> list[Problem]:
    """Return a line for hidden pictures and one for pictures without their suffix, of files that are not taken.

    What macOS lays beside each file of a foreign disk (`._photo.jpg`) is no picture.
    """
    suffixes = {file: PurePosixPath(file).suffix.lower() for file in files}
    names = {file: PurePosixPath(file).name for file in files}
    hidden = [file for file in files if suffixes[file] in SUFFIXES and not names[file].startswith("._")]
    visible = [file for file in files if not names[file].startswith(".") and suffixes[file] not in OTHERS]
    unnamed = [file for file in visible if _begins_as_picture(folder / file)]
    reasons = {
        "left out, the name begins with a dot": hidden,
        "left out, a picture whose name ends in no suffix of pictures, such as .png": unnamed,
    }
    return [
        _problem(group[0], f"{_first_of(group)}: {reason}", "left-out") for reason, group in reasons.items() if group
    ]


def _begins_as_picture(path: Path) -> bool:
    """Return whether a regular file begins as pictures do, whatever its name is."""
    try:
        if not path.is_file():  # opening a pipe would wait for ever
            return False
        with path.open("rb") as file:
            start = file.read(12)
    except OSError:
        return False
    if start.startswith(b"RIFF"):  # sounds and films too
        return start[8:] == b"WEBP"
    return start.startswith(tuple(SIGNATURES)) or start[4:] == b"ftypavif"


def _problem(name: str, message: str, kind: str) -> Problem:
    """On one line, whatever a file is called."""
    return Problem(" ".join(harmless(name).splitlines()), " ".join(harmless(message).splitlines()), kind)


def _failed(file: str, why: str) -> Problem:
    """Return what there is to say of a file or folder that has no id; its path stands for it."""
    return _problem(file, f"{file}: {why}", "failed")


def _file(folder: Path, file: str) -> Path:
    """Return the path of one picture; raises `ImageError` where it leads out of the folder or names no file."""
    path = folder / file
    try:
        resolved = path.resolve()
        if not resolved.is_relative_to(folder.resolve()):
            raise ImageError(f"{file}: expected a file inside the images folder, it leads out of it")
        if not path.parent.is_dir():  # the package comes without cutouts/
            raise _NotAtHand(f"the folder {PurePosixPath(file).parent} is not at hand")
        if not path.exists():
            raise ImageError(f"{file}: file not found in the images folder")
    except (OSError, RuntimeError, ValueError) as error:  # names too long, links in a circle, NUL in a name
        raise ImageError(f"{file}: expected a file in the images folder: {_reason(error)}") from error
    return path


def _reason(error: Exception) -> str:
    """Return why a path is none."""
    if isinstance(error, RuntimeError):
        return "its links lead round in a circle"
    return getattr(error, "strerror", None) or str(error)


class _NotAtHand(Exception):
    """A picture that images.yml names and this machine does not have."""


def _materialise(entry: ImageEntry, data: Path | None, work: Path) -> Path:
    """Return the file a data set sample is written to, named by its content, so that worker processes can open it."""
    from .datasets import sample  # reads data sets; nothing else here needs it

    try:
        content = sample(data, entry.source)
    except InnerviewError as error:
        raise _NotAtHand(str(error).removeprefix(f"{entry.source}: ")) from error
    suffix = ".png" if content.startswith(b"\x89PNG") else ".jpg"
    path = work / "samples" / (hashlib.sha256(content).hexdigest() + suffix)
    if not path.exists():
        write_atomically(path, content)
    return path
