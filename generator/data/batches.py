"""Labelled pictures as batches of pixels, with the indices of their classes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from generator.core.errors import ImageError
from generator.core.records import Input

from .datasets import DataError, Labelled, class_index
from .preprocess import crop_of


def match_classes(data: Labelled, classes: Sequence[str]) -> list[int]:
    """Return the index of each of the data's classes among the network's, by name; `chain_saw` is `chain saw`."""
    index = class_index(classes)
    strangers = [name for name in data.classes if index(name) < 0]
    if strangers:
        expected = ", ".join(classes[:3]) + (", ..." if len(classes) > 3 else "")
        raise DataError(f"{data.name}: expected classes of the network ({expected}), there is {strangers[0]!r}")
    return [index(name) for name in data.classes]


def batches(data: Labelled, input: Input, size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield what the network sees of pictures, from 0 to 255 `(N, C, H, W)`, and their indices into `data.classes`
    `(N,)`.
    """
    for start in range(0, len(data.items), size):
        items = data.items[start : start + size]
        yield np.stack([_seen(data, name, input) for name, _ in items]), np.array([label for _, label in items])


def _seen(data: Labelled, name: str, input: Input) -> np.ndarray:
    try:
        return crop_of(data.read(name), input, name).transpose(2, 0, 1)
    except ImageError as error:
        raise DataError(f"{data.name}: {error}") from error


def normalised(pixels: torch.Tensor, input: Input) -> torch.Tensor:
    """`(pixels / 255 - mean) / std`, float32, of pictures `(N, C, H, W)` from 0 to 255; channels last in memory."""
    mean, std = (torch.tensor(values, device=pixels.device)[:, None, None] for values in (input.mean, input.std))
    return ((pixels / 255 - mean) / std).contiguous(memory_format=torch.channels_last)


def about(data: Labelled) -> str:
    """Return what a data set is, for a model card: `cifar10-images.tar.gz, 10,000 pictures as JPEG`."""
    suffixes = {name.rpartition(".")[2].upper().replace("JPG", "JPEG") for name, _ in data.items}
    return f"{data.name}, {len(data.items):,} pictures as {' and '.join(sorted(suffixes))}"
