"""Where each layer of a network has space, found by following one pass, and where space ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch

from generator.core.errors import ModelError, NotApplicable
from generator.core.records import ModelCard
from generator.models.load import Loaded

from .capture import Watch
from .layout import ATTENDING, Coordinates, Grid, follow, of_image, span
from .oom_retry import out_of_memory
from .preserve import untouched

MIXING = (*ATTENDING, "linear")  # calls that may mix places
EVERYTHING = (0, 0)  # the span of a call that mixes all places


class Origin(NamedTuple):
    """What is known of a tensor: its coordinates, the layer it comes from, the last one whose places were mixed."""

    at: Coordinates | None = None
    layer: str = ""
    attended: str = ""


@dataclass
class Space:
    """What following a pass of `images` images found."""

    images: int
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)  # layer -> (N, ...) as the network holds it
    grids: dict[str, Grid | None] = field(default_factory=dict)  # of layers that are not (N, K, h, w) as they are
    sources: dict[str, str] = field(default_factory=dict)  # layer -> the layer its input comes from
    collapse: str = ""  # the last layer to have space before the scores
    order: list[str] = field(default_factory=list)  # layers with space, as they passed
    spans: list[tuple[int, int] | None] = field(default_factory=list)  # rows and columns that each mixing call mixes
    attends: bool = False  # it multiplies values that both depend on the input

    def shape(self, name: str) -> tuple[int, ...]:
        """Return a layer's shape without the images: (K, h, w) with space, (K,) of a vector, (R, C) of cells."""
        own, grid = self.shapes[name], self.grids.get(name)
        if name not in self.grids:
            return own[1:]
        if grid:
            return grid.shape
        return own[1:] if len(own) < 4 and own[0] == self.images else (_cells(own) // self.images // own[-1], own[-1])

    def planes(self, name: str, tensor: torch.Tensor, images: int) -> torch.Tensor:
        """Return a layer's tensor of so many images as (N, K, h, w), (N, K) or, where it has no space, (N, R, C)."""
        if name not in self.grids:
            return tensor
        if grid := self.grids[name]:
            return grid.planes(tensor, images)
        plain = len(self.shapes[name]) < 4 and self.shapes[name][0] == self.images
        return tensor if plain else tensor.reshape(images, -1, tensor.shape[-1])

    def layout(self, name: str) -> str:
        """Say how a layer holds its values where that is not (K, h, w); "" where its shape says it all."""
        if name not in self.grids:
            return ""
        own, grid = self.shapes[name], self.grids[name]
        if grid is None:
            return "" if self.shape(name) == own[1:] else f"cells, held as {_sides(own[1:])}"
        if own[grid.batch] != self.images:
            kind = f"windows, {own[grid.batch] // self.images} of {_sides(own[: grid.batch] + own[grid.batch + 1 :])}"
        elif len(own) == 4 and grid.channels == 4:
            kind = f"channels last, {_sides(own[1:])}"
        else:
            values = _cells(own) // self.images
            extra = values // grid.shape[0] - grid.shape[1] * grid.shape[2]
            kind = f"tokens, {f'{extra} + ' if extra else ''}{grid.shape[1]} x {grid.shape[2]}"
        return kind


def space_of(loaded: Loaded, card: ModelCard, size: Sequence[int]) -> Space | None:
    """Return where layers have space for inputs of `size` (C, H, W); None where every layer is (N, K, h, w) as it is.

    Found once for each size and kept with the network.
    """
    if not any(layer.layout for layer in card.layers):
        return None
    size = tuple(size)
    if size not in loaded.spaces:
        loaded.spaces[size] = find_space(loaded, size)
    return loaded.spaces[size]


def find_space(loaded: Loaded, size: Sequence[int]) -> Space:
    """Return where layers have space, from a pass of two images, or of one where the network takes no more.

    Raises `ModelError` where memory does not hold two: a pass of one would take windows for images.
    """
    x = torch.zeros(1, *size, device=loaded.device)
    space = follow_space(loaded.model, x)
    if not space.grids:
        return space
    try:
        return follow_space(loaded.model, x.repeat(2, 1, 1, 1))  # tells axes of images from those of windows
    except Exception as error:  # a network may take one image alone, and say so as it likes
        if not out_of_memory(error):
            return space
        message = " ".join(str(error).split()) or type(error).__name__
    raise ModelError(
        f"{loaded.slug}: memory ran out in a pass of two images, which shows where layers have space ({message[:160]})"
    )


def planes_of(space: Space | None, name: str, tensor: torch.Tensor, images: int) -> torch.Tensor:
    """Return `space.planes`, or the tensor itself where no layer needs to be brought into another order."""
    return tensor if space is None else space.planes(name, tensor, images)


def token_places(space: Space | None, count: int) -> tuple[torch.Tensor, tuple[int, int], int | None]:
    """Return where `count` tokens lie in the image: their numbers row by row (h * w,), (h, w), and the class token.

    The class token is the first that has no place; None where all have one. Raises `NotApplicable` where no layer has
    so many tokens whose places are known.
    """
    for name, grid in space.grids.items() if space is not None else ():
        assert space is not None
        own = space.shapes[name]
        if grid is None or grid.channels < 0 or own[grid.batch] != space.images:
            continue
        if _cells(own) // space.images // grid.shape[0] == count:
            placed = set(grid.order.tolist())
            first = next((token for token in range(count) if token not in placed), None)
            return grid.order, grid.shape[1:], first
    raise NotApplicable(f"where in the image the {count} tokens lie that attend to each other is not known")


def follow_space(model: torch.nn.Module, x: torch.Tensor) -> Space:
    """Return where the layers of `model` have space, from a pass over `x` (N, C, H, W), which is not changed."""
    follower = Follower(x)
    watch = Watch(model, follower.layer, on_call=follower.call)
    with untouched(model), torch.no_grad(), watch:
        model(follower.x)
    return follower.space


class Follower:
    """Follows every tensor of one pass."""

    def __init__(self, x: torch.Tensor) -> None:
        self.x = x.clone()
        self.space = Space(len(x))
        self.images = len(x)
        self._origins = {id(self.x): Origin(of_image(x.shape))}
        self._kinds: dict[str, str] = {}
        self._alive = [self.x]  # so that no id is used twice

    def __call__(self, tensor: Any) -> Coordinates | None:
        """Return the coordinates of a tensor of the pass; None where they are not known."""
        return self._origins.get(id(tensor), Origin()).at

    def layer(self, name: str, type_: str, kind: str, tensor: torch.Tensor) -> None:
        """Take in a layer's output, as `capture.Watch` hands it on."""
        origin = self._origins.get(id(tensor), Origin())
        at = origin.at
        self.space.shapes[name], self.space.sources[name] = tuple(tensor.shape), origin.layer
        self._kinds[name] = kind
        if tensor.ndim > 2 and (at is None or not at.plain):
            grid = at.grid if at is not None else None
            self.space.grids[name] = grid
        if name not in self.space.grids or self.space.grids[name]:
            shape = self.space.shape(name)
            if len(shape) == 3 and shape[1] * shape[2] > 1:
                self.space.order.append(name)
        self._origins[id(tensor)] = origin._replace(layer=name)
        self._alive.append(tensor)

    def call(self, op: str, args: tuple, kwargs: dict, output: Any, func: Callable) -> None:
        """Take in a call with what it made, as `capture.Watch` hands it on."""
        made = [tensor for tensor in _tensors(output) if tensor.is_floating_point()]
        sources = [self._origins[id(tensor)] for tensor in _tensors((args, kwargs)) if id(tensor) in self._origins]
        if not made:
            return
        places = follow(op, func, args, kwargs, output, self)
        before = sources[0] if sources else Origin()
        spatial = next((origin for origin in sources if origin.at is not None and origin.at.has_space), None)
        attending = [origin.attended for origin in sources if origin.attended]
        attended = max(attending, key=self.space.order.index, default="")
        self.space.attends = self.space.attends or op in ATTENDING and len(sources) > 1
        if op in MIXING:
            at = sources[-1].at if sources else None
            mixed = None
            if at is not None and at.has_space and not at.attention:
                if op != "linear":
                    mixed = span(op, at) if len(sources) > 1 else None
                elif at.row.stride(-1) != 0 and bool((at.row != at.row[..., :1]).any()):
                    mixed = EVERYTHING
            self.space.spans.append(mixed)
        mixes = op in ATTENDING and len(sources) > 1 and sources[-1].at is not None and sources[-1].at.has_space
        if mixes:  # the values; the layer before them, where a projection made them
            attended = self._before_projection(sources[-1].layer) or attended
        lost = not any(at is not None and at.has_space for at in places)
        if spatial and lost and not (mixes and _attention(places)):
            own = spatial.layer
            extra = attended and (mixes or op in ("getitem", "select", "narrow", "index_select", "split", "chunk"))
            self.space.collapse = attended if extra else own if own in self.space.order else self._last()
        for tensor, at in zip(_tensors(output), places, strict=True):
            self._origins[id(tensor)] = Origin(at, before.layer, attended)
            self._alive.append(tensor)

    def _before_projection(self, name: str) -> str:
        while self._kinds.get(name) == "linear" or name and name not in self.space.order:
            name = self.space.sources.get(name, "")
        return name

    def _last(self) -> str:
        return self.space.order[-1] if self.space.order else ""


def _attention(places: list[Coordinates | None]) -> bool:
    return any(at is not None and at.attention for at in places)


def _cells(shape: tuple[int, ...]) -> int:
    total = 1
    for side in shape:
        total *= side
    return total


def _sides(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _tensors(value: Any) -> list[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [tensor for item in value for tensor in _tensors(item)] if isinstance(value, tuple | list) else []
