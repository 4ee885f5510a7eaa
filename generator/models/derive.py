"""Networks made from others: pruned, or with their top layers drawn anew; and how much of them is left."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.utils import prune

from generator.core.errors import ModelError


def derive(model: nn.Module, steps: tuple[tuple[str, float], ...], seed: int = 0) -> nn.Module:
    """Return a copy of the model, changed step by step; the model itself stays as it is.

    Steps are `("prune-global", share)`, `("prune-layer", share)` and `("randomise", layers)`. Raises `ModelError`.
    """
    model = copy.deepcopy(model)
    for step, amount in steps:
        if step not in STEPS:
            raise ModelError(f"derive: {step!r}: expected {', '.join(STEPS)}")
        STEPS[step](model, amount, seed)
    return model


def _prune_global(model: nn.Module, share: float, seed: int) -> None:
    """Set the smallest weights to zero: `share` of all convolution and linear weights taken together."""
    tensors = [(layer, "weight") for layer in weighted(model)]
    prune.global_unstructured(tensors, prune.L1Unstructured, amount=_share(share))
    for layer, name in tensors:
        prune.remove(layer, name)


def _prune_layer(model: nn.Module, share: float, seed: int) -> None:
    """Set the smallest weights to zero: `share` of each convolution's and each linear layer's."""
    for layer in weighted(model):
        prune.l1_unstructured(layer, "weight", amount=_share(share))
        prune.remove(layer, "weight")


def _randomise(model: nn.Module, top: float, seed: int) -> None:
    """Draw the `top` last layers with parameters anew, the topmost first; all of them for -1 (Adebayo et al. 2018).

    As the draws go from the top downwards, the layers of `top=3` hold those of `top=2` bit for bit.
    """
    layers = [layer for layer in model.modules() if any(True for _ in layer.parameters(recurse=False))]
    if top != -1 and not 1 <= top <= len(layers) or top != int(top):
        raise ModelError(f"randomise {top:g} layers: expected 1 to {len(layers)}, or -1 for all")
    with seeded(seed), torch.no_grad():
        for layer in reversed(layers if top == -1 else layers[-int(top) :]):
            if callable(reset := getattr(layer, "reset_parameters", None)):
                reset()
                continue
            for parameter in layer.parameters(recurse=False):  # no rule of its own: same mean and spread
                drawn = torch.randn(parameter.shape)
                parameter.copy_(parameter.mean() + parameter.std(correction=0) * drawn)


STEPS = {"prune-global": _prune_global, "prune-layer": _prune_layer, "randomise": _randomise}


def weighted(model: nn.Module) -> list[nn.Module]:
    """Return the convolutions and linear layers, in order of their definition."""
    kinds = nn.modules.conv._ConvNd | nn.Linear
    return [layer for layer in model.modules() if isinstance(layer, kinds)]


def nonzero(model: nn.Module) -> tuple[int, int]:
    """Return how many convolution and linear weights are not zero, and how many there are."""
    tensors: list[torch.Tensor] = [layer.get_parameter("weight") for layer in weighted(model)]
    return sum(int(torch.count_nonzero(tensor)) for tensor in tensors), sum(tensor.numel() for tensor in tensors)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """torch draws from `seed` in here; its CPU generator is afterwards as it was before."""
    before = torch.get_rng_state()
    torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        torch.set_rng_state(before)


def _share(share: float) -> float:
    if not 0 <= share <= 1:
        raise ModelError(f"prune: {share:g}: expected a share between 0 and 1")
    return float(share)  # torch takes an integer for a count
