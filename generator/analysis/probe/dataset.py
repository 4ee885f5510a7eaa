"""The images of a probe, one at a time: as the network sees them, with the class that each is labelled with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from generator.core.errors import ImageError
from generator.core.read_once import read_bytes
from generator.core.records import Example, Input
from generator.data import datasets
from generator.data.preprocess import crop_of, photo


@dataclass(frozen=True)
class Pictures:
    """Images by number."""

    name: str  # of the folder, archive or data set; "" for the curated set
    names: tuple[str, ...]  # of the images: "frog/0001.jpg", or ids
    labels: tuple[int, ...]  # index into the network's classes; -1 where it has no such class, or there is no label
    read: Callable[[int], np.ndarray]  # what the network sees of it, uint8 (H, W, C); raises ImageError

    def __len__(self) -> int:
        return len(self.names)


def from_examples(examples: Sequence[Example], input: Input, classes: Sequence[str], vocabulary: str) -> Pictures:
    """Return the curated set."""
    names = (example.targets.get(vocabulary, "") for example in examples)
    labels = tuple(classes.index(name) if name in classes else -1 for name in names)
    return Pictures("", tuple(entry.id for entry in examples), labels, lambda number: photo(examples[number], input))


def from_files(path: str, set_name: str, most: int, input: Input, classes: Sequence[str]) -> Pictures:
    """Return a data set's test part, a folder per class, an archive of one, or a plain folder; at most `most`, evenly
    spread.

    Raises `DataError` where there are no pictures.
    """
    place = Path(path)
    labelled = plain_folder(place) or datasets.folder_per_class(place, "test", set_name)
    labelled = labelled.some(most) if most else labelled
    index = list(map(datasets.class_index(classes), labelled.classes))
    names = [name for name, _ in labelled.items]

    def read(number: int) -> np.ndarray:
        return crop_of(labelled.read(names[number]), input, names[number])

    labels = tuple(index[label] if label >= 0 else -1 for _, label in labelled.items)
    return Pictures(set_name or labelled.name, tuple(names), labels, read)


def plain_folder(place: Path) -> datasets.Labelled | None:
    """Return the pictures that lie in a folder itself, without labels; None where there are none."""
    if not place.is_dir():
        return None
    names = sorted(file.name for file in place.iterdir() if datasets.is_picture(file.name) and file.is_file())
    return (
        datasets.Labelled(place.name, (), tuple((n, -1) for n in names), lambda n: read_bytes(place / n))
        if names
        else None
    )


def batch(pictures: Pictures, numbers: Sequence[int]) -> tuple[list[int], np.ndarray, list[str]]:
    """Return the numbers that can be read, their crops uint8 (n, H, W, C), and a line for each that cannot."""
    read, crops, problems = [], [], []
    for number in numbers:
        try:
            crops.append(pictures.read(number))
            read.append(number)
        except ImageError as error:
            problems.append(str(error))
    return read, np.stack(crops) if crops else np.zeros((0, 1, 1, 1), np.uint8), problems
