"""Which layers attend, and which places of the image each head's weights belong to, in windows too."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch

from generator.core.errors import ModelError, NotApplicable
from generator.models.load import Loaded

from .attention_weights import Attention, weighing
from .capture import Watch
from .layout import Coordinates, order_of, varies
from .oom_retry import out_of_memory
from .preserve import untouched
from .readout import Readout, readout_of
from .space import Follower
from .tape import Recorder, Tape, tape_of


class Places(NamedTuple):
    """Where the tokens of one attention lie in the image. Its weights are (..., Q, K): queries, keys."""

    layer: str  # that holds the weights; where none does, the first that takes what they made
    number: int  # of heads
    heads: tuple[int, ...]  # axes of the weights that count them; other ones before the queries count windows
    windows: int
    order: torch.Tensor  # places of the keys of all windows, row by row, (h * w,)
    sides: tuple[int, int]  # (h, w)
    queries: torch.Tensor  # bool (windows, Q): the class token, or, where there is none, all tokens with a place


class HeadWeights(NamedTuple):
    """The attention of one layer on one image."""

    weights: torch.Tensor  # (heads, windows, Q, K): how much each query takes of each key, rows add up to 1
    queries: torch.Tensor  # bool (windows, Q): whose attention stands for all, the class token's where there is one
    order: torch.Tensor
    sides: tuple[int, int]


def places_of(loaded: Loaded, size: tuple[int, ...]) -> tuple[Places | None, ...]:
    """Return the places of every attention of a network, in order, for inputs of `size` (C, H, W).

    None stands for one whose keys do not fill a grid of places once. Found once for each size and kept with the
    network. Raises `ModelError` where memory does not suffice.
    """
    size = tuple(size)
    if size not in loaded.attending:
        loaded.attending[size] = _traced_places(loaded, size)
    return loaded.attending[size]


def _traced_places(loaded: Loaded, size: tuple[int, ...]) -> tuple[Places | None, ...]:
    x, readout = torch.zeros(1, *size, device=loaded.device), readout_of(loaded)
    try:
        return find_places(loaded.model, x, readout)
    except Exception as error:  # what cannot be taped has no heads to show; methods that need the tape say why
        if not out_of_memory(error):
            return ()
        message = " ".join(str(error).split()) or type(error).__name__
    raise ModelError(f"{loaded.slug}: memory ran out where its attention was looked for ({message[:160]})")


def head_weights(loaded: Loaded, tape: Tape, layer: str, size: tuple[int, ...]) -> HeadWeights:
    """Return the attention of a layer as the tape of a pass holds it. Raises `NotApplicable` where it has none."""
    every, places = weighing(tape), places_of(loaded, size)
    if len(every) == len(places):
        for attention, place in zip(every, places, strict=True):
            if place is not None and place.layer == layer:
                queries, keys = attention.weights.shape[-2:]
                heads_first = attention.weights.movedim(place.heads, tuple(range(len(place.heads))))
                weights = heads_first.reshape(-1, place.windows, queries, keys)
                return HeadWeights(weights, place.queries.to(weights.device), place.order, place.sides)
    raise NotApplicable(f"on this image no attention at {layer} lies on a grid of places")


def find_places(model: torch.nn.Module, x: torch.Tensor, readout: Readout) -> tuple[Places | None, ...]:
    """Return the places of every attention of `model`, from a pass over `x` (1, C, H, W), which is not changed.

    The pass is taped, with fused attention as plain calls, and followed at the same time. Layers are called as they
    are where nothing is taped. A network that hides its calls has none.
    """
    follower = Follower(x)
    recorder = Recorder(follower.x)
    layers: list[tuple[str, int]] = []  # with the value that each made

    def on_layer(name: str, type_: str, kind: str, tensor: torch.Tensor) -> None:
        if kind != "identity" and id(tensor) in recorder.nodes:
            layers.append((name, recorder.nodes[id(tensor)]))

    following = Watch(model, follower.layer, on_call=follower.call)
    with untouched(model), torch.no_grad(), following, recorder, Watch(model, on_layer):
        output = readout.scores(model, follower.x)
    if id(output) not in recorder.nodes:
        return ()
    every = weighing(tape_of(recorder, output))
    values = [follower(recorder.tensors[attention.weighing.inputs[1]]) for attention in every]
    return tuple(_places(attention, at, layers) for attention, at in zip(every, values, strict=True))


def _places(attention: Attention, at: Coordinates | None, layers: list[tuple[str, int]]) -> Places | None:
    """Return the places of an attention from the coordinates of what it weighs."""
    shape = attention.weights.shape
    layer = _layer(attention, layers)
    if at is None or not layer or at.row.shape[:-1] != (*shape[:-2], shape[-1]):
        return None
    if varies(at.row, -1) or varies(at.column, -1):  # attention between channels
        return None
    row, column = at.row.select(-1, 0), at.column.select(-1, 0)  # (..., K)
    heads = tuple(axis for axis in range(row.ndim - 1) if not varies(row, axis) and not varies(column, axis))
    for axis in reversed(heads):
        row, column = row.select(axis, 0), column.select(axis, 0)
    row, column = row.reshape(-1, shape[-1]), column.reshape(-1, shape[-1])  # (windows, K)
    grid = order_of((row, column))
    if grid is None or len(grid[0]) < 2:
        return None
    order, (height, width) = grid
    count = math.prod(shape[axis] for axis in heads)
    return Places(layer, count, heads, len(row), order, (height, width), _queries(row, column, shape[-2]))


def _queries(row: torch.Tensor, column: torch.Tensor, count: int) -> torch.Tensor:
    """Return which of `count` queries stand for all, (windows, count), from rows and columns (windows, K) of keys.

    A class token has neither row nor column; what was padded has lost one of them, or stands beside what has.
    """
    windows, keys = row.shape
    if count != keys:  # other tokens ask than are asked, such as a class token alone
        return torch.ones(windows, count, dtype=torch.bool)
    placed, nowhere = (row >= 0) & (column >= 0), (row < 0) & (column < 0)
    if windows == 1 and nowhere.any() and bool((placed | nowhere).all()):
        first = torch.zeros_like(placed)
        first[0, int(nowhere[0].nonzero()[0])] = True
        return first
    return placed


def _layer(attention: Attention, layers: list[tuple[str, int]]) -> str:
    """Return the layer whose output the weights are, else the first that depends on what they made."""
    nodes = set(attention.weighing.outputs)
    for step in attention.tape.steps[attention.place :]:
        if nodes.intersection(step.inputs):
            nodes.update(step.outputs)
    own = [name for name, node in layers if node == attention.node]
    return next((name for name in own or [name for name, node in layers if node in nodes]), "")
