"""One batch learnt by several threads, each with a replica: they meet once a step, not in every operation."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy

import torch
from torch import nn

# loss and number of right answers of (model, x, target, size of the whole batch); leaves gradients behind
Learn = Callable[[nn.Module, torch.Tensor, torch.Tensor, int], tuple[float, int]]


class Replicas:
    """A model and its replicas, which share the parameters and have gradients and batch statistics of their own.

    As fast as torch's own threads on an idle machine, and several times faster on a busy one, where all threads of
    an operation wait for the one whose core does something else. With one thread, the model itself and nothing more.
    """

    def __init__(self, model: nn.Module, threads: int) -> None:
        self.models = [model, *(deepcopy(model) for _ in range(threads - 1))]
        for replica in self.models[1:]:
            for own, shared in zip(replica.parameters(), model.parameters(), strict=True):
                own.data = shared.data
        self.pool = ThreadPoolExecutor(threads, "learn", torch.set_num_threads, (1,)) if threads > 1 else None

    def learn(self, learn: Learn, x: torch.Tensor, target: torch.Tensor) -> tuple[float, int]:
        """Let each replica learn from its part; the model holds the sum of the gradients and the mean statistics."""
        parts = list(zip(self.models, x.chunk(len(self.models)), target.chunk(len(self.models)), strict=False))
        results = list(
            (self.pool.map if self.pool else map)(lambda part: learn(part[0], part[1], part[2], len(x)), parts)
        )
        model, *replicas = (replica for replica, _, _ in parts)
        for replica in replicas:  # in their order, so that the sum is the same each time
            for total, own in zip(model.parameters(), replica.parameters(), strict=True):
                total.grad.add_(own.grad)
        self._share_statistics()
        return sum(loss for loss, _ in results), sum(right for _, right in results)

    @torch.no_grad()
    def _share_statistics(self) -> None:
        for buffers in zip(*(replica.buffers() for replica in self.models), strict=True):
            if len(buffers) > 1 and buffers[0].is_floating_point():
                mean = torch.stack(buffers).mean(0)
                for buffer in buffers:
                    buffer.copy_(mean)
