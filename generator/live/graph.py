"""One pass of a network and its way back as a graph of plain operators: scores, gradients, every step of the walk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn.utils import stateless

from generator.core.errors import InnerviewError
from generator.core.records import ModelCard
from generator.engine.capture import Watch
from generator.engine.preserve import untouched
from generator.engine.readout import Readout, readout_of
from generator.models.load import Loaded

ANSWERS = ("classes", "binary", "labels")  # kinds of answers that the page can read


class NotLive(InnerviewError):
    """The network cannot run in a browser; the message says why, and names the operator that is in the way."""


class Pass(torch.nn.Module):
    """Picture (1, C, H, W) and direction (1, K) in; out come scores, both gradients and the walk's activations.

    The gradients are those of the sum of the scores times the direction: at the input, and at the layer where class
    activation maps look. The weights are arguments, so that a graph made of it holds none of them.
    """

    def __init__(self, loaded: Loaded, card: ModelCard, layers: Sequence[str]) -> None:
        super().__init__()
        self.model, self.readout, self.layers, self.last = loaded.model, readout_of(loaded), layers, card.default_layer

    def forward(
        self, state: dict[str, torch.Tensor], x: torch.Tensor, direction: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        activations: dict[str, torch.Tensor] = {}
        edges: list[Any] = []

        def keep(name: str, type_: str, kind: str, tensor: torch.Tensor) -> None:
            if name in self.layers:
                activations[name] = tensor.detach().clone()
            if name == self.last and tensor.requires_grad:
                edges.append(torch.autograd.graph.get_gradient_edge(tensor))

        x = x.detach().requires_grad_()
        with torch.enable_grad(), Watch(self.model, keep), stateless._reparametrize_module(self.model, state):
            scores = self.readout.scores(self.model, x.clone())
            if not scores.requires_grad or not edges:
                raise NotLive("no gradient comes back from its scores")
            at_input, at_layer = torch.autograd.grad((scores * direction).sum(), [x, edges[0]])
        return scores.detach(), at_input, at_layer, *(activations[name] for name in self.layers)


def state_of(loaded: Loaded) -> dict[str, torch.Tensor]:
    """Return the weights by name, rounded to float16 and float32 again, as the page has them.

    Raises `NotLive` where a finite one is too large for float16.
    """
    state = {}
    for name, tensor in loaded.model.state_dict().items():
        if tensor.is_floating_point():
            state[name] = tensor.detach().cpu().half().float()
            if not torch.isfinite(state[name]).all():
                raise NotLive(f"weights of {name} are not finite as 16-bit numbers")
    return state


def layers_of(loaded: Loaded, card: ModelCard) -> list[str]:
    """Return the layers that the page can show, in the order of the walk: those held as (K, h, w) or (K,).

    Raises `NotLive` for a network whose answer the page cannot read, or that has no layer with space.
    """
    readout: Readout = readout_of(loaded)
    if readout.kind not in ANSWERS:
        raise NotLive(f"its answer is a {readout.kind}: expected classes, labels or one of two sides")
    if card.input.size[0] not in (1, 3) or card.input.range:
        raise NotLive("its input is no photograph of one or three channels with 8 bits")
    shapes = {layer.name: layer for layer in card.layers}
    if not card.default_layer or shapes[card.default_layer].layout:
        raise NotLive("no layer holds its maps as (channels, height, width)")
    stages = [shapes[stage.layer] for stage in card.stages[:-1]]
    return [layer.name for layer in stages if not layer.layout and len(layer.shape) in (1, 3)]


def trace(loaded: Loaded, card: ModelCard) -> torch.fx.GraphModule:
    """Return `Pass` of a network as a graph whose operators are core ones, with three rules of our own.

    Raises `NotLive` where the pass cannot be followed.
    """
    from torch._decomp import core_aten_decompositions
    from torch.fx.experimental.proxy_tensor import make_fx

    aten = torch.ops.aten
    rules = {
        **core_aten_decompositions(),
        aten.convolution_backward.default: _convolution_backward,
        aten.max_pool2d_with_indices_backward.default: _max_pool_backward,
        aten.constant_pad_nd.default: _pad,
    }
    inside = Pass(loaded, card, layers_of(loaded, card))

    def run(state: dict[str, torch.Tensor], x: torch.Tensor, direction: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return inside(state, x, direction)

    state, (x, direction) = state_of(loaded), example(card)
    try:
        with untouched(loaded.model):
            graph = make_fx(run, decomposition_table=rules, tracing_mode="real")(state, x, direction)
    except NotLive:
        raise
    except Exception as error:  # the network's code is anyone's, and may do anything
        raise NotLive(f"its pass cannot be followed: {_first_line(error)}") from error
    graph.graph.eliminate_dead_code()
    graph.recompile()
    return graph


def example(card: ModelCard) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a picture of noise (1, C, H, W) and the direction (1, K) of the first class, the same every time."""
    generator = torch.Generator().manual_seed(0)
    direction = torch.zeros(1, len(card.classes))
    direction[0, 0] = 1
    return torch.randn(1, *card.input.size, generator=generator), direction


def _convolution_backward(
    gradient: torch.Tensor, x: torch.Tensor, weight: torch.Tensor, _bias: Any, *geometry: Any
) -> tuple[torch.Tensor | None, None, None]:
    """Return the gradient at the input of a convolution, a convolution the other way round; of weights none is
    needed.
    """
    stride, padding, dilation, transposed, _, groups, _ = geometry
    if transposed:
        back = torch.ops.aten.convolution(gradient, weight, None, stride, padding, dilation, False, [0], groups)
        return back, None, None
    reach = [dilation[axis] * (weight.shape[2 + axis] - 1) + 1 for axis in range(len(stride))]
    sizes = [(gradient.shape[2 + axis] - 1) * stride[axis] - 2 * padding[axis] for axis in range(len(stride))]
    rest = [x.shape[2 + axis] - sizes[axis] - reach[axis] for axis in range(len(stride))]
    back = torch.ops.aten.convolution(gradient, weight, None, stride, padding, dilation, True, rest, groups)
    return back, None, None


def _max_pool_backward(gradient: torch.Tensor, x: torch.Tensor, *rest: Any) -> torch.Tensor:
    """Return the gradient at the input of a max-pool: each value goes to where the largest came from."""
    indices = rest[-1]
    flat = torch.zeros(*x.shape[:-2], x.shape[-2] * x.shape[-1], dtype=gradient.dtype)
    return torch.ops.aten.scatter_add(flat, -1, indices.flatten(-2), gradient.flatten(-2)).view(x.shape)


def _pad(x: torch.Tensor, pad: Sequence[int], value: float = 0) -> torch.Tensor:
    """Return a padded tensor, or with numbers below zero a part of it, without an operator for pads: onnxruntime would
    merge one into the convolution behind it, also where others use what goes in.
    """
    for axis in range(len(pad) // 2):
        before, after, dim = pad[2 * axis], pad[2 * axis + 1], x.ndim - 1 - axis
        x = x.narrow(dim, max(0, -before), x.shape[dim] - max(0, -before) - max(0, -after))
        shapes = [(*x.shape[:dim], max(0, width), *x.shape[dim + 1 :]) for width in (before, after)]
        first, last = (x.new_full(shape, value) for shape in shapes)
        parts = [part for part in (first, x, last) if part.shape[dim]]
        x = torch.cat(parts, dim) if len(parts) > 1 else x
    return x


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
