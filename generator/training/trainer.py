"""The state of one training run: the network, its average, the optimiser, and what was seen so far."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from generator.core.atomic_io import create_atomically
from generator.data.batches import about
from generator.data.datasets import Labelled
from generator.models.load import load
from generator.models.specs import file_digest

from .augment import Pictures, augmented
from .data_parallel import Replicas
from .evaluate import evaluate
from .recipe import Recipe
from .small_conv_bf16 import speed_up
from .weights_io import TrainingError

WATCHED = 1000  # test pictures that an epoch is measured on; the model card's figures are of all
PROGRESS_INTERVAL_S = 20  # steps from one report to the next


@dataclass(frozen=True)
class Progress:
    """Where a run stands, every twenty steps and after every epoch."""

    epoch: int  # counted from 1
    epochs: int
    step: int
    steps: int  # of one epoch
    loss: float  # of the augmented training pictures, mean over the epoch so far
    accuracy: float  # likewise
    seconds_left: float
    test: float | None = None  # after an epoch: top-1 of the averaged weights on some of the test pictures


class Run:
    """Goes forward by epochs, and can be saved and loaded between them."""

    def __init__(self, recipe: Recipe, seed: int, device: torch.device, start: Path | None) -> None:
        self.recipe, self.seed, self.device = recipe, seed, device
        weights = str(start.absolute()) if start else "random"
        self.network = load(replace(recipe.network, weights=weights, seed=seed), device)
        self.start = file_digest(start) if start else ""
        self.average = self.network.model  # what is measured and written
        self.average.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's types
        self.model = deepcopy(self.average).requires_grad_(True)
        self.half = device.type == "cuda" or _cpu_multiplies_bf16()
        self.replicas = Replicas(self.model, torch.get_num_threads() if device.type == "cpu" else 1)
        if self.half and device.type == "cpu":
            for replica in self.replicas.models:
                speed_up(replica)
        kernels = [parameter for parameter in self.model.parameters() if parameter.ndim > 1]
        others = [parameter for parameter in self.model.parameters() if parameter.ndim <= 1]
        groups = [{"params": kernels, "weight_decay": recipe.decay}, {"params": others, "weight_decay": 0.0}]
        self.optimiser = torch.optim.SGD(groups, lr=recipe.peak, momentum=recipe.momentum, nesterov=True)
        self.epoch = self.steps = 0
        self.history: list[dict[str, float]] = []

    def one_epoch(
        self,
        pictures: Pictures,
        labels: torch.Tensor,
        test: Labelled,
        report: Callable[[Progress], None],
    ) -> None:
        """One pass over the pictures, in an order and with crops that seed and epoch decide."""
        recipe, input = self.recipe, self.network.input
        random = torch.Generator().manual_seed(1000 * self.seed + self.epoch)
        side = recipe.crop(self.epoch, min(input.size[1:]))
        order = torch.randperm(len(pictures), generator=random)
        batches = order.split(recipe.batch)
        if len(batches) > 1 and len(batches[-1]) < recipe.batch:
            batches = batches[:-1]  # batch norm dislikes a small rest; another order leaves out others
        loss, right, seen, began = 0.0, 0, 0, time.monotonic()
        for replica in self.replicas.models:
            replica.train()
        for step, chosen in enumerate(batches, 1):
            x = augmented(pictures, chosen, input, side, recipe, random).to(self.device)
            step_loss, step_right = self._step(x, labels[chosen].to(self.device), len(batches))
            loss, right, seen = loss + step_loss * len(chosen), right + step_right, seen + len(chosen)
            pace = (time.monotonic() - began) / step
            left = pace * (len(batches) * (recipe.epochs - self.epoch) - step)
            now = Progress(self.epoch + 1, recipe.epochs, step, len(batches), loss / seen, right / seen, left)
            if step % PROGRESS_INTERVAL_S == 0 and step < len(batches):
                report(now)
        measured = evaluate(self.average, test.some(WATCHED), input, self.network.classes, device=self.device)
        now = replace(now, test=measured["accuracy"])
        self.epoch += 1
        self.history.append({"crop": side, "loss": round(now.loss, 4), "accuracy": now.accuracy, "test": now.test})
        report(now)

    def _step(self, x: torch.Tensor, target: torch.Tensor, steps: int) -> tuple[float, int]:
        """Learn from one batch; its loss and how many of it were right."""
        recipe = self.recipe
        for group in self.optimiser.param_groups:
            group["lr"] = recipe.rate(self.steps, steps * recipe.epochs)
        loss, right = self.replicas.learn(self._learn, x, target)
        if not math.isfinite(loss):
            raise TrainingError(f"epoch {self.epoch + 1}: the loss is {loss}; lower the learning rate")
        self.optimiser.step()
        self.steps += 1
        self._follow()
        return loss, right

    def _learn(self, model: nn.Module, x: torch.Tensor, target: torch.Tensor, batch: int) -> tuple[float, int]:
        """Return the gradients of a part of a batch: its share of the mean loss, and how many were right."""
        model.zero_grad()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            logits = model(x)
        total = F.cross_entropy(logits.float(), target, label_smoothing=self.recipe.smoothing, reduction="sum")
        loss = total / batch
        loss.backward()
        return loss.item(), int((logits.argmax(1) == target).sum())

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the average towards the model; early on faster, so that the start is soon forgotten."""
        kept = min(self.recipe.averaging, (1 + self.steps) / (10 + self.steps))
        for mean, value in zip(self.average.state_dict().values(), self.model.state_dict().values(), strict=True):
            if mean.is_floating_point():
                mean.lerp_(value, 1 - kept)
            else:
                mean.copy_(value)

    # --- between epochs -----------------------------------------------------------------------------

    def save(self, path: Path) -> None:
        """Write the whole state."""
        state = {"identity": self._identity(), "epoch": self.epoch, "steps": self.steps, "history": self.history}
        parts: dict[str, Any] = {"model": self.model, "average": self.average, "optimiser": self.optimiser}
        state |= {name: part.state_dict() for name, part in parts.items()}
        create_atomically(path, lambda file: torch.save(state, file))

    def load(self, path: Path) -> None:
        """Take up the state of an interrupted run of the same recipe, seed and start; raises `TrainingError`."""
        if not path.is_file():
            raise TrainingError(f"{path}: no interrupted run to resume")
        state = torch.load(path, map_location=self.device, weights_only=True)
        if state["identity"] != self._identity():
            raise TrainingError(f"{path}: expected the same recipe, seed and start as now, it is of another run")
        self.epoch, self.steps, self.history = state["epoch"], state["steps"], state["history"]
        for model in self.replicas.models:
            model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])

    def _identity(self) -> str:
        return json.dumps([asdict(self.recipe), self.seed, self.start], sort_keys=True)

    def facts(self, learnt: Labelled) -> dict[str, Any]:
        """Return what a model card says of how the weights came about."""
        arithmetic = f"{'bf16 autocast' if self.half else 'float32'} on {self.device.type.upper()}"
        return {
            "data": f"{about(learnt)} of {len(learnt.classes)} classes, the train part",
            "recipe": [arithmetic, *self.recipe.told()],
            "epochs": self.epoch,
            "seed": self.seed,
            "start": self.start,
            "history": self.history,
        }


def _cpu_multiplies_bf16() -> bool:
    return torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
