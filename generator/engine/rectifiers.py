"""Which rectifiers of a pass obey the ReLU rules: those that were caught, missed, hidden, or have no such rule."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch

from .capture import Rectifier, Watch


class Census(NamedTuple):
    """The rectifiers of one pass: how many obey the rules, how many do not, and what cannot be counted."""

    caught: int  # calls whose gradient follows the watch's rule
    missed: int  # rectifiers in the graph that pass the plain gradient: TorchScript, `clamp(min=0)`, `torch.maximum`
    hidden: tuple[str, ...]  # operations whose inside the graph does not show: custom functions, compiled code
    undefined: tuple[str, ...]  # activations without a ReLU rule

    @property
    def total(self) -> int:
        """Caught, missed and hidden ones together."""
        return self.caught + self.missed + len(self.hidden)

    @property
    def summary(self) -> str:
        """The census for a model card: "57 of 57 rectifiers", or "undefined: GELU"."""
        if self.undefined:
            return f"undefined: {', '.join(self.undefined)}"
        return f"{self.caught} of {self.total} rectifiers"

    @property
    def refusal(self) -> str:
        """Why the rules of guided backprop and the deconvnet make no picture here; "" where they do.

        Where a rule holds at no rectifier the picture is vanilla backprop, where at some a mixture of two methods.
        """
        if self.undefined:
            return f"undefined for {' and '.join(self.undefined)}: its rule is of ReLU"
        count = f"its rule holds at {self.caught} of {self.total} rectifiers"
        if self.hidden:
            return f"{count}: the inside of {', '.join(sorted(set(self.hidden)))} cannot be reached"
        if self.missed:
            return f"{count}: the others are no calls of ReLU that can be intercepted"
        if not self.caught:
            return "the network has no rectifier, so that the picture would be that of vanilla backprop"
        return ""


def census(watch: Watch, output: torch.Tensor) -> Census:
    """Count the rectifiers behind `output`, which a pass under `watch` with rules computed."""
    missed, hidden, undefined = watch.bypassed, [], set()
    for node in _nodes(output):
        name = node.name().rpartition("::")[2].rstrip("0123456789").removesuffix("Backward")
        if _is_hidden(node):
            hidden.append("TorchScript" if "torch::jit" in node.name() else name)
        elif name in _RECTIFYING:
            rectifies = _RECTIFYING[name](node)
            missed += rectifies
            if not rectifies and name in ("Hardtanh", "Threshold"):
                undefined.add(name)
        elif name in UNDEFINED:
            undefined.add(UNDEFINED[name])
    return Census(watch.caught, missed, tuple(hidden), tuple(sorted(undefined)))


def _nodes(output: torch.Tensor) -> Iterator[Any]:
    seen, queue = set(), [output.grad_fn]
    while queue:
        node = queue.pop()
        if node is not None and node not in seen:
            seen.add(node)
            yield node
            queue.extend(parent for parent, _ in node.next_functions)


def _is_hidden(node: Any) -> bool:
    custom = isinstance(node, torch.autograd.function.BackwardCFunction)
    return custom and not isinstance(node, Rectifier._backward_cls) or "torch::jit" in node.name()


def _is_zero(bound: Any) -> bool:
    return not bound.any() if isinstance(bound, torch.Tensor) else bound == 0


def _maximum_with_zero(node: Any) -> bool:
    """Return whether one side of a maximum is a constant zero."""
    sides = zip(node.next_functions, ("_saved_self", "_saved_other"), strict=False)
    return any(parent is None and _is_zero(getattr(node, saved)) for (parent, _), saved in sides)


_RECTIFYING = {
    "Relu": lambda node: True,
    "Hardtanh": lambda node: node._saved_min_val == 0,
    "Threshold": lambda node: node._saved_threshold == 0,
    "Clamp": lambda node: node._saved_min is not None and _is_zero(node._saved_min),
    "ClampMin": lambda node: node._saved_min is not None and _is_zero(node._saved_min),
    "Maximum": _maximum_with_zero,
    "Fmax": _maximum_with_zero,
}
UNDEFINED = {
    "Gelu": "GELU",
    "Silu": "SiLU",
    "Hardswish": "Hardswish",
    "Elu": "ELU",
    "Celu": "CELU",
    "Mish": "Mish",
    "LeakyRelu": "LeakyReLU",
    "RreluWithNoise": "RReLU",
    "PreluKernel": "PReLU",
    "Softplus": "Softplus",
}
