"""Data sets by path, or CIFAR-10 fetched by torchvision when none is named."""

from __future__ import annotations

from pathlib import Path

from generator import data
from generator.data import DataError, Labelled
from generator.models.vision import torchvision


def labelled(path: Path | str | None, split: str) -> Labelled:
    """`data.folder_per_class` of a path; of None, CIFAR-10, downloaded once. Raises `DataError`."""
    return data.folder_per_class(cifar10() if path is None else path, split)


def cifar10() -> Path:
    """The folder that holds CIFAR-10 as torchvision downloads and checks it; fetched if it is not there.

    Raises `DataError` where that fails, which says what file to put where.
    """
    folder = data.CACHE.expanduser()
    if (folder / data.CIFAR10_BATCHES).is_dir():
        return folder
    source = torchvision.datasets.CIFAR10
    try:
        folder.mkdir(parents=True, exist_ok=True)
        source(str(folder), download=True)
    except (OSError, RuntimeError) as error:
        raise DataError(
            f"CIFAR-10 could not be fetched ({error}): put {source.filename} from {source.url} into {folder}, "
            "or name a folder per class with --data"
        ) from error
    return folder
