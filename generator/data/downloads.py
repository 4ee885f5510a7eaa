"""Data sets by path, or fetched by torchvision when none is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from generator.core.torchvision_import import torchvision

from . import datasets
from .datasets import DataError, Labelled

TITLES = {"cifar10": "CIFAR-10", "imagenette": "Imagenette"}


def labelled(path: Path | str | None, split: str, dataset: str = "cifar10") -> Labelled:
    """`data.folder_per_class` of a path; of None, the set called `dataset`, downloaded once. Raises `DataError`."""
    return datasets.folder_per_class(place_of(path, dataset), split, dataset)


def place_of(path: Path | str | None, dataset: str) -> Path | str:
    """Return `path`, or where the data set called `dataset` lies, downloaded once; raises `DataError`."""
    if path is not None:
        return path
    if dataset not in TITLES:
        raise DataError("no data set belongs to this network: name a folder per class with --data")
    return fetched(dataset)


def fetched(dataset: str) -> Path:
    """Return the folder that holds a data set as torchvision downloads and checks it; fetched if it is not there.

    Raises `DataError` where that fails, which says what file to put where.
    """
    folder = datasets.CACHE.expanduser()
    if (folder / datasets.UNPACKED[dataset]).is_dir():
        return folder
    url, fetch = _source(dataset)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        fetch(str(folder))
    except (OSError, RuntimeError) as error:
        raise DataError(
            f"{TITLES[dataset]} could not be fetched ({error}): unpack {url} into {folder}, "
            "or name a folder per class with --data"
        ) from error
    return folder


def _source(dataset: str) -> tuple[str, Callable[[str], Any]]:
    """Return where torchvision takes a data set from, and what fetches it into a folder."""
    sets = torchvision.datasets
    if dataset == "cifar10":
        return sets.CIFAR10.url, lambda folder: sets.CIFAR10(folder, download=True)
    return sets.Imagenette._ARCHIVES["160px"][0], lambda folder: sets.Imagenette(folder, size="160px", download=True)
