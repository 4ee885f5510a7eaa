"""The gradient of a score, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from generator.core.errors import NotApplicable

SWITCHED_OFF = (
    "no gradient comes back from the scores: the forward pass switches gradients off (no_grad, inference_mode, detach)"
)


def derive(score: torch.Tensor, inputs: Sequence[torch.Tensor], retain: bool = False) -> tuple[torch.Tensor, ...]:
    """Return the gradients of a number with respect to each of `inputs`, of their shapes.

    With `retain` the graph can be walked again. Raises `NotApplicable` where `score` depends on one of them without a
    gradient.
    """
    if not score.requires_grad:
        raise NotApplicable(SWITCHED_OFF)
    gradients = torch.autograd.grad(score, inputs, retain_graph=retain, allow_unused=True)
    if any(gradient is None for gradient in gradients):
        raise NotApplicable(SWITCHED_OFF)
    return gradients


def pulled_back(
    call: Callable[..., Any], values: Sequence[torch.Tensor], arrived: Sequence[torch.Tensor]
) -> tuple[torch.Tensor, ...]:
    """Return the transposed Jacobian of a call at `values` times what has arrived at its outputs, for each value; zeros
    for those of which the call takes the shape or the type alone.

    As the gradient of a sum of products: torch imports all of sympy where it is handed a gradient to begin with.
    """
    with torch.enable_grad():
        leaves = [value.detach().requires_grad_() for value in values]
        outputs = call(*leaves)
        outputs = [outputs] if isinstance(outputs, torch.Tensor) else list(outputs)
        outputs = [output for output in outputs if output.is_floating_point()]  # `max` gives places as well
        products = [
            (output * given).sum() for output, given in zip(outputs, arrived, strict=True) if output.requires_grad
        ]
        if not products:
            return tuple(torch.zeros_like(leaf) for leaf in leaves)
        return torch.autograd.grad(products, leaves, materialize_grads=True)
