"""How often a network is right on labelled pictures: top-1, top-5 and loss in one pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from generator.data import DataError, Labelled
from generator.decode import decode
from generator.download import labelled
from generator.photo import fitted
from generator.types import ImageError, Input


def evaluate(
    network: nn.Module,
    data: Labelled | Path | str,
    input: Input,
    classes: Sequence[str],
    *,
    device: str | torch.device = "cpu",
    batch: int = 200,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """`{"accuracy", "top5", "loss", "images", "classes"}` of a network in evaluation mode on `device`.

    `accuracy` and `top5` are shares in [0, 1], of one look at each picture; `loss` is the mean cross-entropy in nats.
    `data` is a set or where its test part lies, its classes are found among the network's by name. `report` is
    told how many pictures of how many are done. Raises `DataError`.
    """
    data = data if isinstance(data, Labelled) else labelled(data, "test")
    index = torch.tensor(match_classes(data, classes))
    right = among_five = done = 0
    loss = 0.0
    with torch.inference_mode():
        for pixels, labels in batches(data, input, batch):
            logits = network(normalised(torch.from_numpy(pixels).to(device), input)).float().cpu()
            target = index[torch.from_numpy(labels)]
            best = logits.topk(min(5, logits.shape[1])).indices
            right += int((best[:, 0] == target).sum())
            among_five += int((best == target[:, None]).sum())
            loss += float(F.cross_entropy(logits, target, reduction="sum"))
            done += len(target)
            report(done, len(data.items))
    return {
        "accuracy": right / done,
        "top5": among_five / done,
        "loss": loss / done,
        "images": done,
        "classes": len(data.classes),
    }


def match_classes(data: Labelled, classes: Sequence[str]) -> list[int]:
    """The index of each of the data's classes among the network's, by name; `chain_saw` is `chain saw`."""
    known = {_spoken(name): position for position, name in enumerate(classes)}
    strangers = [name for name in data.classes if _spoken(name) not in known]
    if strangers:
        expected = ", ".join(classes[:3]) + (", ..." if len(classes) > 3 else "")
        raise DataError(f"{data.name}: expected classes of the network ({expected}), there is {strangers[0]!r}")
    return [known[_spoken(name)] for name in data.classes]


def _spoken(name: str) -> str:
    return name.replace("_", " ").casefold()


def batches(data: Labelled, input: Input, size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pictures as the network sees them, uint8 `(N, C, H, W)`, with their indices into `data.classes` `(N,)`."""
    for start in range(0, len(data.items), size):
        items = data.items[start : start + size]
        yield np.stack([_seen(data, name, input) for name, _ in items]), np.array([label for _, label in items])


def _seen(data: Labelled, name: str, input: Input) -> np.ndarray:
    try:
        picture, _ = decode(data.read(name), name)
    except ImageError as error:
        raise DataError(f"{data.name}: {error}") from error
    return fitted(picture, input).transpose(2, 0, 1)


def normalised(pixels: torch.Tensor, input: Input) -> torch.Tensor:
    """`(pixels / 255 - mean) / std`, float32, of uint8 `(N, C, H, W)`; channels last in memory."""
    mean, std = (torch.tensor(values, device=pixels.device)[:, None, None] for values in (input.mean, input.std))
    return ((pixels / 255 - mean) / std).contiguous(memory_format=torch.channels_last)


def about(data: Labelled) -> str:
    """What a data set is, for a model card: `cifar10-images.tar.gz, 10,000 pictures as JPEG`."""
    suffixes = {name.rpartition(".")[2].upper().replace("JPG", "JPEG") for name, _ in data.items}
    return f"{data.name}, {len(data.items):,} pictures as {' and '.join(sorted(suffixes))}"
