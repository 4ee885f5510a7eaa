"""How many images or samples share a pass: functions of the network and of the memory alone."""

from __future__ import annotations

import math

from generator.core.records import ModelCard


def chunk_size(card: ModelCard, memory: int, device: str = "cpu") -> int:
    """Return how many samples of one image share a pass: a function of the network, of `memory` in bytes and the
    device.

    A core has enough to do with a few, a GPU with a few hundred.
    """
    if card.one_at_a_time:
        return 1
    values = sum(math.prod(layer.shape) for layer in card.layers) + math.prod(card.input.size)
    sample = 10 * values  # bytes: float32, kept for the backward pass, with its gradients and copies
    return max(1, min(256 if device.startswith("cuda") else 16, memory // sample))


def batch_size(card: ModelCard, memory: int) -> int:
    """Return how many images share a pass: a function of the network and of `memory` in bytes alone."""
    if card.one_at_a_time:
        return 1
    largest = max(math.prod(layer.shape) for layer in card.layers)
    return max(1, min(64, memory // (32 * largest)))  # 4 bytes for each of about eight such tensors at a time
