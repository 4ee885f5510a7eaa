"""Follow every tensor of one pass: shapes, MACs and receptive fields of the layers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import torch

from generator.core.errors import ModelError
from generator.core.records import Layer

from .capture import Watch, first_tensor
from .preserve import untouched
from .readout import Readout
from .space import MIXING, Space

Number = TypeVar("Number", int, float)
INPUT = " "  # what the picture itself comes from: no layer is called so, while a network that is one layer is called ""


@dataclass(frozen=True)
class Trail:
    """What is known of one tensor: the layer it comes from and how much of the input each of its values can see."""

    layer: str = INPUT
    size: tuple[float, float] | None = (1.0, 1.0)  # receptive field, height and width in pixels; None: everything
    jump: tuple[float, float] = (1.0, 1.0)  # input pixels from one value to the next
    start: tuple[float, float] = (0.0, 0.0)  # row and column where the first value's field begins
    depth: int = 0  # convolutions and linear layers on the longest way to it


class Trace:
    """Follows every tensor of one pass: layers with shapes, MACs and receptive fields, and where space collapses."""

    def __init__(self, model: torch.nn.Module, space: Space) -> None:
        self.model, self.space, self._spans = model, space, iter(space.spans)
        self.layers: list[Layer] = []
        self.before: dict[str, str] = {}  # layer -> the layer its input comes from
        self.depths: dict[str, int] = {}  # layer -> convolutions and linear layers on the longest way to it
        self._trails: dict[int, Trail] = {}
        self._alive: list[torch.Tensor] = []  # so that no id is used twice
        self._macs = 0
        self._modules = dict(model.named_modules())
        self._kernel: tuple[int, ...] = ()  # of the last convolution called
        self._convs: dict[str, tuple[int, ...]] = {}  # layer -> kernel and output channels, of convolutions

    def run(self, x: torch.Tensor, name: str, readout: Readout | None = None) -> torch.Tensor:
        """Return the logits (1, classes); fills the trace."""
        self._remember(x, Trail())
        with untouched(self.model), torch.no_grad(), Watch(self.model, self._layer, on_call=self._call):
            output = readout.scores(self.model, x) if readout else first_tensor(self.model(x))
        if output is None or output.ndim != 2 or output.shape[0] != 1:
            shape = None if output is None else tuple(output.shape)
            raise ModelError(f"{name}: expected class scores of shape (1, classes), the network returned {shape}")
        return output

    def default_layer(self, classes: int) -> str:
        """Return the tensor that enters the operation which collapses space, a max-pool stepped over.

        Where a 1x1 convolution with as many channels as classes made it, that convolution's input. "" where nothing
        has space.
        """
        kinds = {layer.name: layer for layer in self.layers}
        name = self.space.collapse
        while name in kinds and kinds[name].kind in ("pool", "identity") and self.before.get(name) in kinds:
            name = self.before[name]
        maker = name
        while maker in kinds and kinds[maker].kind in ("activation", "norm", "identity"):
            maker = self.before.get(maker, INPUT)
        if self._convs.get(maker) == (1, 1, classes) and self.before[maker] in kinds:
            name = self.before[maker]
            while name in kinds and kinds[name].kind == "identity":
                name = self.before[name]
        return name if name in kinds else ""

    def layer_before_classes(self, output: torch.Tensor, classes: int) -> str:
        """Return the last layer on the way to `output`, of `run`, that does not have a channel for each class.

        It is where the CAMs of a spatial answer look: what comes after it are the maps of the classes themselves.
        """
        kinds = {layer.name: layer for layer in self.layers}
        name = self._trails[id(output)].layer
        while name in kinds and (kinds[name].shape[0] == classes or kinds[name].kind == "identity"):
            name = self.before[name]
        return name if name in kinds and len(kinds[name].shape) == 3 else ""

    def _layer(self, name: str, type_: str, kind: str, tensor: torch.Tensor) -> None:
        trail = self._trails.get(id(tensor), Trail(size=None))
        module = self._modules.get(name)  # of its first call; later ones carry a number
        self.layers.append(
            Layer(
                name=name,
                type=type_,
                kind=kind,
                shape=tuple(tensor.shape[1:]),
                parameters=sum(p.numel() for p in module.parameters()) if module is not None else 0,
                macs=self._macs,
                receptive_field=pair(math.ceil(side) for side in trail.size) if trail.size else None,
                jump=pair(int(pixels) for pixels in trail.jump) if trail.size else None,
                start=pair(int(place) for place in trail.start) if trail.size else None,
            )
        )
        if kind == "conv" and self._kernel:
            self._convs[name] = (*self._kernel, tensor.shape[1])
        self.before[name], self.depths[name] = trail.layer, trail.depth
        self._macs = 0
        self._remember(tensor, replace(trail, layer=name))

    def _call(self, op: str, args: tuple, kwargs: dict, output: Any, func: Callable) -> None:
        tensor = first_tensor(output)
        if tensor is None or not tensor.is_floating_point():
            return
        mixed = next(self._spans, None) if op in MIXING else None
        inputs = [value for value in _tensors((args, kwargs)) if id(value) in self._trails]
        if not inputs:
            return
        trails = [self._trails[id(value)] for value in inputs]
        source = inputs[0]
        size, jump, start = _join(trails)
        depth = max(trail.depth for trail in trails)
        if op in ("conv1d", "conv2d", "conv3d", "linear"):
            depth += 1
            weight = kwargs["weight"] if "weight" in kwargs else args[1]
            self._macs += tensor[0].numel() * weight[0].numel()
            self._kernel = tuple(weight.shape[2:]) if op != "linear" else ()
        if op in ("conv2d", "max_pool2d", "avg_pool2d") and size is not None:
            kernel, stride, dilation, padding = _window(op, args, kwargs)
            size = pair(s + (k - 1) * d * j for s, k, d, j in zip(size, kernel, dilation, jump, strict=True))
            start = pair(s - p * j for s, p, j in zip(start, padding, jump, strict=True))
            jump = pair(j * s for j, s in zip(jump, stride, strict=True))
        elif op == "pad" and source.ndim == 4:
            around: Sequence[int] = kwargs["pad"] if "pad" in kwargs else args[1]
            left, _, top, *_ = (*around, 0, 0, 0)
            start = (start[0] - top * jump[0], start[1] - left * jump[1])
        has_space = source.ndim == 4 and source.shape[2] * source.shape[3] > 1
        if has_space and (tensor.ndim <= 2 or (tensor.ndim == 4 and tensor.shape[2] * tensor.shape[3] == 1)):
            size = None
        elif op == "adaptive_avg_pool2d" and tensor.shape != source.shape:
            size = None
        if mixed and size is not None:
            size = pair(s + (n - 1) * j for s, n, j in zip(size, mixed, jump, strict=True)) if all(mixed) else None
        self._remember(tensor, Trail(trails[0].layer, size, jump, start, depth))

    def _remember(self, tensor: torch.Tensor, trail: Trail) -> None:
        self._trails[id(tensor)] = trail
        self._alive.append(tensor)


def pair(values: Iterable[Number]) -> tuple[Number, Number]:
    """Return two values, of height and width, as a tuple."""
    down, along = values
    return down, along


def _join(trails: list[Trail]) -> tuple[tuple[float, float] | None, tuple[float, float], tuple[float, float]]:
    """Size, jump and start of the smallest field that holds those of all tensors that come together."""
    jump = pair(max(trail.jump[axis] for trail in trails) for axis in (0, 1))
    start = pair(min(trail.start[axis] for trail in trails) for axis in (0, 1))
    sizes = [trail.size for trail in trails if trail.size is not None]
    if len(sizes) < len(trails):
        return None, jump, start
    ends = [(trail.start, size) for trail, size in zip(trails, sizes, strict=True)]
    end = pair(max(first[axis] + size[axis] for first, size in ends) for axis in (0, 1))
    return (end[0] - start[0], end[1] - start[1]), jump, start


def _window(op: str, args: tuple, kwargs: dict) -> tuple[tuple[int, int], ...]:
    """Kernel, stride, dilation and padding above and left of a convolution or a pooling, each (height, width)."""
    if op == "conv2d":
        kernel = (kwargs["weight"] if "weight" in kwargs else args[1]).shape[2:]
        stride = kwargs.get("stride", args[3] if len(args) > 3 else 1)
        padding = kwargs.get("padding", args[4] if len(args) > 4 else 0)
        dilation = kwargs.get("dilation", args[5] if len(args) > 5 else 1)
    else:
        kernel = kwargs.get("kernel_size", args[1] if len(args) > 1 else 1)
        stride = kwargs.get("stride", args[2] if len(args) > 2 else None) or kernel
        padding = kwargs.get("padding", args[3] if len(args) > 3 else 0)
        dilation = kwargs.get("dilation", args[4] if len(args) > 4 and op == "max_pool2d" else 1)
    kernel, stride, dilation = (_pair(value) for value in (kernel, stride, dilation))
    if isinstance(padding, str):  # "same" puts the smaller half above and left
        reach = (side * (k - 1) // 2 for side, k in zip(dilation, kernel, strict=True))
        padding = tuple(reach) if padding == "same" else 0
    return kernel, stride, dilation, _pair(padding)


def _pair(value: Any) -> tuple[int, int]:
    if isinstance(value, int):
        return value, value
    return (value[0], value[0]) if len(value) == 1 else tuple(value)


def _tensors(value: Any) -> list[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [tensor for item in value for tensor in _tensors(item)] if isinstance(value, (tuple, list)) else []
