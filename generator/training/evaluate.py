"""Measure how often a network is right on labelled pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional as F

from generator.core.records import Input
from generator.data.batches import batches, match_classes, normalised
from generator.data.datasets import Labelled
from generator.data.downloads import labelled


def evaluate(
    network: Callable[[torch.Tensor], torch.Tensor],
    data: Labelled | Path | str,
    input: Input,
    classes: Sequence[str],
    *,
    device: str | torch.device = "cpu",
    batch: int = 200,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """`{"accuracy", "top5", "loss", "images", "classes"}` of a network in evaluation mode on `device`.

    `network` gives the scores (N, classes) of normalised pictures.
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
