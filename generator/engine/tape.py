"""What a network did in one pass, call by call, so that a method can walk back through it with rules of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch.overrides import TorchFunctionMode

from generator.core.errors import NotApplicable

from .attention import plain
from .capture import op_name
from .readout import Readout


class Step(NamedTuple):
    """One call of the forward pass, from values to values."""

    op: str  # "conv2d", "relu", "add"
    call: Callable[..., Any]  # the call anew, for other tensors in place of `inputs`
    arguments: dict[str, Any]  # of the calls in ARGUMENTS, by name; else empty
    inputs: tuple[int, ...]  # the values it takes, in the order of the call
    outputs: tuple[int, ...]  # the values it makes


class Tape(NamedTuple):
    """The calls between an input (value 0) and the logits, each value as it was when the call took it."""

    steps: tuple[Step, ...]
    values: dict[int, torch.Tensor]
    logits: int

    def walk_back(self, seed: torch.Tensor, rule: Callable[..., tuple[torch.Tensor | None, ...]]) -> torch.Tensor:
        """Return what of `seed` (1, classes) at the logits arrives at the input (1, C, H, W).

        `rule(step, values, shares)` gives the share of each input of a call, from the inputs' values and the shares
        that have arrived at its outputs; None for an input to which nothing is handed on, so that no rule is needed for
        what made it. Shares that reach a value by several ways add up.
        """
        shares = {self.logits: seed}
        for step in reversed(self.steps):
            arrived = [shares.pop(node, None) for node in step.outputs]
            if any(share is not None for share in arrived):
                filled = [
                    torch.zeros_like(self.values[node]) if share is None else share
                    for node, share in zip(step.outputs, arrived, strict=True)
                ]
                given = rule(step, [self.values[node] for node in step.inputs], filled)
                for node, share in zip(step.inputs, given, strict=True):
                    if share is None:
                        continue
                    shares[node] = shares[node] + share if node in shares else share
        return shares.get(0, torch.zeros_like(self.values[0]))

    def again(self, changed: Mapping[int, torch.Tensor], wanted: int) -> torch.Tensor:
        """Return the value `wanted` anew where the values `changed` are others; what is before them stays."""
        values = dict(changed)
        for step in self.steps:
            if wanted in values:
                break
            if any(node in values for node in step.inputs) and not all(node in values for node in step.outputs):
                made = step.call(*(values.get(node, self.values[node]) for node in step.inputs))
                values |= zip(step.outputs, [one for one in tensors(made) if one.is_floating_point()], strict=True)
        if wanted not in values:
            raise NotApplicable("what is wanted does not depend on what was changed")
        return values[wanted]


def record(model: torch.nn.Module, x: torch.Tensor, readout: Readout) -> Tape:
    """Return the tape of `model` on `x` (1, C, H, W); values in half precision, as under autocast, are kept in that of
    `x`, so that calls can be repeated outside. Raises `NotApplicable` where it does not reach the logits.
    """
    recorder = Recorder(x)
    with recorder:
        output = readout.scores(model, x)
    return tape_of(recorder, output)


def tape_of(recorder: Recorder, output: torch.Tensor) -> Tape:
    """Return the tape of a pass that `recorder` wrote down, which ended in `output` (1, classes)."""
    if id(output) not in recorder.nodes:
        raise NotApplicable("the way from the input to the scores goes through code that hides its calls (TorchScript)")
    values = {node: value.clone() if value.is_inference() else value for node, value in recorder.values.items()}
    return Tape(tuple(recorder.steps), values, recorder.nodes[id(output)])


class Recorder(TorchFunctionMode):
    """Writes down each call that takes a value which depends on the input, fused attention as plain calls."""

    def __init__(self, x: torch.Tensor) -> None:
        super().__init__()
        self.steps: list[Step] = []
        self.values = {0: x.detach().clone()}
        self._dtype = x.dtype
        self.nodes = {id(x): 0}  # which value a tensor holds now: an in-place call gives it a new one
        self.tensors = [x]  # of each value, as the network holds it; kept so that no id is used twice

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        in_plain_calls = plain(op_name(func))
        if in_plain_calls:
            with self:
                made = in_plain_calls(*args, **kwargs)
            if made is not NotImplemented:
                return made
        taken = [self.nodes[id(tensor)] for tensor in tensors((args, kwargs)) if id(tensor) in self.nodes]
        template = _marked((args, kwargs), self.nodes, self._dtype)
        output = func(*args, **kwargs)
        made = [tensor for tensor in tensors(output) if tensor.is_floating_point()]
        if taken and made and op_name(func) not in WITHOUT_VALUES:
            outputs = tuple(self._remember(tensor) for tensor in made)
            self.steps.append(_step(op_name(func), func, template, tuple(taken), outputs))
        return output

    def _remember(self, tensor: torch.Tensor) -> int:
        node = len(self.values)
        with torch._C.DisableTorchFunction():  # what is computed here is not the model's, should others watch it too
            self.values[node], self.nodes[id(tensor)] = widened(tensor.detach().clone(), self._dtype), node
        self.tensors.append(tensor)
        return node


class Place(NamedTuple):
    """Stands in a call's arguments where a value of the tape stood."""

    number: int


def _step(op: str, func: Callable, template: tuple, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> Step:
    def call(*values: torch.Tensor) -> Any:
        args, kwargs = _filled(template, tuple(value.clone() for value in values))  # an in-place call may overwrite
        return func(*args, **kwargs)

    named = dict(zip(ARGUMENTS.get(op, ()), template[0], strict=False)) | template[1] if op in ARGUMENTS else {}
    return Step(op, call, named, inputs, outputs)


def tensors(value: Any) -> list[torch.Tensor]:
    """Return the tensors in nested tuples, lists and dictionaries, in order."""
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [tensor for item in value for tensor in tensors(item)] if isinstance(value, tuple | list) else []


def widened(tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Return a floating tensor in `dtype` where its own holds less, else as it is."""
    return tensor.to(dtype) if tensor.is_floating_point() and tensor.itemsize < dtype.itemsize else tensor


def _marked(value: Any, nodes: dict[int, int], dtype: torch.dtype, count: list[int] | None = None) -> Any:
    """Arguments with a `Place` for each tensor that is on the tape."""
    count = [0] if count is None else count
    if isinstance(value, torch.Tensor) and id(value) in nodes:
        count[0] += 1
        return Place(count[0] - 1)
    if isinstance(value, torch.Tensor):
        return widened(value, dtype)
    if isinstance(value, dict):
        return {key: _marked(item, nodes, dtype, count) for key, item in value.items()}
    return type(value)(_marked(item, nodes, dtype, count) for item in value) if type(value) in (tuple, list) else value


def _filled(value: Any, tensors: tuple[torch.Tensor, ...]) -> Any:
    if isinstance(value, Place):
        return tensors[value.number]
    if isinstance(value, dict):
        return {key: _filled(item, tensors) for key, item in value.items()}
    return type(value)(_filled(item, tensors) for item in value) if type(value) in (tuple, list) else value


WITHOUT_VALUES = (  # calls that take of a tensor its shape alone
    "new_zeros new_ones new_full new_empty zeros_like ones_like full_like empty_like".split()
)
ARGUMENTS = {
    "conv2d": ("input", "weight", "bias", "stride", "padding", "dilation", "groups"),
    "conv_transpose2d": ("input", "weight", "bias", "stride", "padding", "output_padding", "groups", "dilation"),
    "linear": ("input", "weight", "bias"),
    "batch_norm": ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps"),
}
