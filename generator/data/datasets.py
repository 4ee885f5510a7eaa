"""Labelled pictures: a folder per class, a tar archive of one, or a data set as torchvision downloads it."""

from __future__ import annotations

import io
import pickle
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image

from generator.core.errors import InnerviewError
from generator.core.read_once import Changed, enter, ledger, opened, read_bytes

SPLITS = ("train", "test")
PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".avif", ".bmp", ".gif", ".tif", ".tiff", ".npy")
LARGEST = 4 << 30  # bytes of an archive's pictures, which are held in memory
CACHE = Path("~/.cache/innerview/data")  # where downloads go
CIFAR10_BATCHES = "cifar-10-batches-py"  # the folder that torchvision unpacks
IMAGENETTE = "imagenette2-160"  # likewise, with the shorter sides at 160 pixels
UNPACKED = {"cifar10": CIFAR10_BATCHES, "imagenette": IMAGENETTE}
WORDNET = {  # the folders of Imagenette are called by these
    "n01440764": "tench",
    "n02102040": "English springer",
    "n02979186": "cassette player",
    "n03000684": "chain saw",
    "n03028079": "church",
    "n03394916": "French horn",
    "n03417042": "garbage truck",
    "n03425413": "gas pump",
    "n03445777": "golf ball",
    "n03888257": "parachute",
}


class DataError(InnerviewError):
    """A data set is not at hand, or is not what it should be."""


@dataclass(frozen=True)
class Labelled:
    """Pictures with their classes, in the order of their names; a picture's bytes are read when asked for."""

    name: str  # the folder's or archive's own, without its path
    classes: tuple[str, ...]
    items: tuple[tuple[str, int], ...]  # a picture's name ("frog/0001.jpg") and its index into `classes`
    read: Callable[[str], bytes]  # from a picture's name

    def some(self, count: int) -> Labelled:
        """At most `count` of the pictures, evenly spread over the set and so over its classes."""
        step = max(1, -(-len(self.items) // count))
        return Labelled(self.name, self.classes, self.items[::step], self.read)


def folder_per_class(path: Path | str, split: str, dataset: str = "") -> Labelled:
    """Return the `train` or `test` part of a data set.

    `path` is a folder with `train/<class>/*.jpg` and `test/<class>/*.jpg`, a tar archive of one, or where torchvision
    has put CIFAR-10 or Imagenette. A plain folder per class, or an archive of one, is a test part. Where both data
    sets lie in one folder, `dataset` says which is meant. Raises `DataError`.
    """
    if split not in SPLITS:
        raise DataError(f"split {split!r}: expected {' or '.join(SPLITS)}")
    path = Path(path).expanduser()
    if dataset != "imagenette" and (path / CIFAR10_BATCHES).is_dir():
        return _cifar10(path / CIFAR10_BATCHES, split)
    if (path / IMAGENETTE).is_dir():
        return _imagenette(path / IMAGENETTE, split)
    if path.is_dir():
        folder = path / split if _has_splits(path) else path
        names = [file.relative_to(folder).as_posix() for file in folder.glob("*/*") if file.is_file()]
        return _labelled(path, split, folder != path, names, lambda name: read_bytes(folder / name))
    if path.is_file():
        members = _members(path)
        within = {name: content for name, content in members.items() if name.split("/")[-3:-2] == [split]}
        divided = bool(within) or any(part in SPLITS for name in members for part in name.split("/")[-3:-2])
        files = {"/".join(name.split("/")[-2:]): content for name, content in (within if divided else members).items()}
        return _labelled(path, split, divided, list(files), files.__getitem__)
    raise DataError(f"{path}: expected a folder per class or a tar archive of one, there is nothing")


def sample(data: Path | str | None, name: str) -> bytes:
    """Return the file of one picture of a data set, as images.yml names it: `cifar10/test/frog/0001`.

    `data` holds sets (`DATA/cifar10/`, `DATA/cifar10-images.tar.gz`) or is the set itself. Without it, the
    set is looked for where torchvision's download was put; nothing is downloaded here. Raises `DataError`.
    """
    parts = name.split("/")
    if len(parts) != 4 or parts[1] not in SPLITS or {"", ".", ".."} & set(parts):
        raise DataError(f"{name!r}: expected <set>/<train or test>/<class>/<picture>, as in cifar10/test/frog/0001")
    dataset, split, *picture = parts
    place = whereabouts(data, dataset)
    if place is None:
        raise DataError(f"{name}: the set {dataset!r} is not at hand, expected it in the folder given as --data")
    pictures = folder_per_class(place, split, dataset)
    wanted = "/".join(picture).replace("_", " ")  # archives write English_springer
    file = next((item for item, _ in pictures.items if item.rpartition(".")[0].replace("_", " ") == wanted), None)
    if file is None:
        raise DataError(f"{name}: {pictures.name} has no such picture among its {len(pictures.items):,} of {split}")
    return pictures.read(file)


def whereabouts(data: Path | str | None, dataset: str) -> Path | None:
    """Return where the set called `dataset` lies: in the folder `data` or where torchvision puts downloads; None:
    nowhere.
    """
    if data is None:
        downloaded = CACHE.expanduser()
        return downloaded if (downloaded / UNPACKED.get(dataset, dataset)).is_dir() and dataset in UNPACKED else None
    data = Path(data).expanduser()
    if not data.is_dir() or _has_splits(data):
        return data
    archives = sorted(file for file in data.glob(f"{dataset}*") if file.name.endswith((".tar", ".tar.gz", ".tgz")))
    here = [data] if dataset in UNPACKED and (data / UNPACKED[dataset]).is_dir() else []
    return next((place for place in [data / dataset, *here, *archives] if place.exists()), None)


def _has_splits(folder: Path) -> bool:
    return any((folder / split).is_dir() for split in SPLITS)


def _labelled(path: Path, split: str, divided: bool, names: list[str], read: Callable[[str], bytes]) -> Labelled:
    """Return the pictures among `names`, each `<class>/<picture>`; `divided` where the set has a train and a test
    part.
    """
    if not divided and split != "test":
        raise DataError(f"{path}: expected {split}/<class>/ and test/<class>/, so that what is learnt is not tested on")
    names = sorted(name for name in names if name.count("/") == 1 and is_picture(name))
    if not names:
        where = f"{split}/<class>/" if divided else "<class>/"
        raise DataError(f"{path}: expected pictures in {where}, there are none")
    classes = tuple(sorted({name.split("/")[0] for name in names}))
    index = {name: position for position, name in enumerate(classes)}
    return Labelled(path.name, classes, tuple((name, index[name.split("/")[0]]) for name in names), read)


def is_picture(name: str) -> bool:
    """Return whether a file is one of the pictures, by its name; hidden ones are other programs' notes."""
    return name.lower().endswith(PICTURES) and not name.rpartition("/")[2].startswith(".")


def files_of_test_part(path: Path, dataset: str = "") -> list[Path]:
    """Return the files that the test part of `folder_per_class`, or a plain folder, is read from, in order."""
    if path.is_file():
        return [path]
    patterns: tuple[str, ...] = ("*", "*/*")
    folder = path / "test" if _has_splits(path) else path
    if dataset != "imagenette" and (path / CIFAR10_BATCHES).is_dir():
        patterns, folder = ("*",), path / CIFAR10_BATCHES
    elif (path / IMAGENETTE).is_dir():
        folder = path / IMAGENETTE / "val"
    files = {file for pattern in patterns for file in folder.glob(pattern) if file.is_file()}
    files |= {file for file in path.glob("*") if file.is_file() and is_picture(file.name)}
    return sorted(file for file in files if not file.name.startswith("."))


# --- archives ---------------------------------------------------------------------------------------


def _members(path: Path) -> dict[str, bytes]:
    """Return the pictures of an archive by name, read once."""
    status = path.stat()
    files, digest = _unpacked(path, status.st_size, status.st_mtime_ns)
    enter(path, digest)
    return files


@lru_cache(maxsize=2)
def _unpacked(path: Path, size: int, modified_ns: int) -> tuple[dict[str, bytes], str]:
    """In memory, with the archive's digest: nothing is written, so no member can land anywhere."""
    files: dict[str, bytes] = {}
    room = LARGEST
    try:
        with ledger() as digests, opened(path) as file, tarfile.open(fileobj=file) as archive:
            for member in archive:
                name = PurePosixPath(member.name)
                if name.is_absolute() or ".." in name.parts:
                    raise DataError(f"{path}: refused, its member {member.name!r} leads out of the archive")
                if not member.isfile() and not member.isdir():
                    raise DataError(f"{path}: refused, its member {member.name!r} is neither a file nor a folder")
                if not member.isfile() or not member.name.lower().endswith(PICTURES):
                    continue
                room -= member.size
                if room < 0:
                    raise DataError(f"{path}: expected at most {LARGEST:,} bytes of pictures; unpack it")
                files[str(name)] = archive.extractfile(member).read()
    except (tarfile.TarError, EOFError, OSError) as error:
        raise DataError(f"{path}: expected a tar archive of a folder per class: {error}") from error
    return files, digests[str(path)]


# --- as they are downloaded -------------------------------------------------------------------------


def _imagenette(folder: Path, split: str) -> Labelled:
    """Imagenette's own files, its folders by their classes' names: `English springer/ILSVRC2012_val_00004650.JPEG`."""
    root = folder / {"train": "train", "test": "val"}[split]
    where = {name: root / wordnet for wordnet, name in WORDNET.items()}
    names = [f"{name}/{file.name}" for name, inside in where.items() for file in inside.glob("*") if file.is_file()]

    def read(name: str) -> bytes:
        label, _, file = name.partition("/")
        return read_bytes(where[label] / file)

    return _labelled(folder, split, True, names, read)


def _cifar10(folder: Path, split: str) -> Labelled:
    """CIFAR-10's own arrays, each picture as a PNG file named `<class>/<number within the class>.png`."""
    classes = tuple(_read_batch(folder / "batches.meta", "label_names")["label_names"])
    names = [f"data_batch_{number}" for number in range(1, 6)] if split == "train" else ["test_batch"]
    batches = [_read_batch(folder / name, "data", "labels") for name in names]
    pixels = np.concatenate([batch["data"] for batch in batches]).reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    labels = [label for batch in batches for label in batch["labels"]]
    position, count = {}, [0] * len(classes)
    for index, label in enumerate(labels):
        position[f"{classes[label]}/{count[label]:04d}.png"] = index
        count[label] += 1

    def read(name: str) -> bytes:
        file = io.BytesIO()
        Image.fromarray(pixels[position[name]]).save(file, "PNG", compress_level=1)
        return file.getvalue()

    return Labelled("CIFAR-10", classes, tuple((name, labels[position[name]]) for name in sorted(position)), read)


class _ArraysOnly(pickle.Unpickler):
    """Unpickles numbers, texts and numpy arrays; whatever else a file asks for is refused, so no code of it runs."""

    ALLOWED = {("multiarray", "_reconstruct"), ("multiarray", "scalar"), ("numpy", "ndarray"), ("numpy", "dtype")}

    def find_class(self, module: str, name: str) -> Any:
        if (module.rpartition(".")[2], name) not in self.ALLOWED or module.split(".")[0] != "numpy":
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return super().find_class(module, name)


def _read_batch(path: Path, *keys: str) -> dict[str, Any]:
    try:
        content = _ArraysOnly(io.BytesIO(read_bytes(path)), encoding="latin1").load()
    except Changed:
        raise
    except Exception as error:  # a damaged pickle may raise anything
        raise DataError(f"{path}: expected a batch of CIFAR-10: {error}") from error
    if not isinstance(content, dict) or not content.keys() >= set(keys):
        raise DataError(f"{path}: expected a batch of CIFAR-10 with {' and '.join(keys)}, it holds something else")
    return content


def class_index(classes: Sequence[str]) -> Callable[[str], int]:
    """Return a look-up of class names that gives their index, or -1: the name itself where there is one, else the same
    with another case or with `_` for spaces; of equal names the first.

    >>> index = class_index(("Cardigan", "cardigan", "chain saw", "crane", "crane"))
    >>> [index(name) for name in ("cardigan", "CARDIGAN", "chain_saw", "crane", "tench")]
    [1, 0, 2, 3, -1]
    """
    positions = list(reversed(list(enumerate(classes))))
    exact = {name: position for position, name in positions}
    alike = {_match_key(name): position for position, name in positions}
    return lambda name: exact.get(name, alike.get(_match_key(name), -1))


def _match_key(name: str) -> str:
    return name.replace("_", " ").casefold()
