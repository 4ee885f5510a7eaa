"""Which axes of each tensor of a pass are channels and which are space, followed call by call from the input's.

Every value carries the channel, the row and the column that it belongs to. A call that only moves values (reshape,
permute, windows, class tokens) moves these coordinates too; a call that computes new values says what theirs are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, NamedTuple, Protocol

import torch

from .oom_retry import out_of_memory

EXTRA = -1  # row and column of what lies nowhere in the image: class and register tokens, padding


@dataclass(eq=False)
class Coordinates:
    """Image, channel, row and column of each value of a tensor, int32 tensors of its shape."""

    image: torch.Tensor
    channel: torch.Tensor
    row: torch.Tensor
    column: torch.Tensor
    plain: bool = False  # (N, C, H, W) as it is
    attention: bool = False  # weights of queries (rows) for keys (columns): the places of keys are lost

    @property
    def parts(self) -> tuple[torch.Tensor, ...]:
        """The four tensors."""
        return self.image, self.channel, self.row, self.column

    def map(self, function: Callable[[torch.Tensor], torch.Tensor]) -> Coordinates:
        """Return the coordinates after each of the four tensors went through a function."""
        return of_parts(map(function, self.parts), attention=self.attention)

    @cached_property
    def has_space(self) -> bool:
        """Whether values lie at more than one place of the image."""
        if self.plain:
            return self.row.shape[2] * self.row.shape[3] > 1
        return any(int(part.max()) > max(0, int(part.clamp(min=0).min())) for part in (self.row, self.column))

    @cached_property
    def grid(self) -> Grid | None:
        """How the tensor becomes planes; None where it has no space or lacks places."""
        return _grid(self) if self.has_space and not self.attention else None


class Grid(NamedTuple):
    """How a tensor becomes (N, K, h, w): its batch axis, the order of its other values, and the shape."""

    batch: int  # the axis that holds the images, outermost where it holds windows too
    order: torch.Tensor  # places of the values of one image, (K * h * w,), or of its tokens, (h * w,)
    shape: tuple[int, int, int]
    channels: int  # the axis of channels after the batch axis came first; -1 where `order` holds all values

    def planes(self, tensor: torch.Tensor, images: int) -> torch.Tensor:
        """Return the values (N, K, h, w) of a tensor in its own layout, extra tokens left out."""
        first = tensor.unflatten(self.batch, (images, -1)).movedim(self.batch, 0)
        order = self.order.to(tensor.device)
        if self.channels < 0:
            return first.flatten(1)[:, order].unflatten(1, self.shape)
        return first.movedim(self.channels, 1).flatten(2)[:, :, order].unflatten(2, self.shape[1:])

    def silence(self, tensor: torch.Tensor, channels: Sequence[int]) -> None:
        """Set one channel of each image of a tensor in its own layout to zero, extra tokens included."""
        first = tensor.unflatten(self.batch, (len(channels), -1)).movedim(self.batch, 0)  # views of the tensor
        for image, channel in zip(first, channels, strict=True):
            if self.channels < 0:
                places = self.order.view(self.shape[0], -1)[channel].to(tensor.device)
                mask = torch.zeros(image.numel(), dtype=torch.bool, device=tensor.device)
                image.masked_fill_(mask.index_fill(0, places, True).view(image.shape), 0)
            else:
                image.select(self.channels - 1, channel).zero_()


class Finder(Protocol):
    """Whoever knows the coordinates of tensors, and how many images are in the batch."""

    images: int

    def __call__(self, tensor: Any) -> Coordinates | None:
        """Return the coordinates of a tensor; None where they are not known."""


def of_parts(parts: Iterable[torch.Tensor], plain: bool = False, attention: bool = False) -> Coordinates:
    """Return the coordinates that image, channel, row and column make."""
    image, channel, row, column = parts
    return Coordinates(image, channel, row, column, plain, attention)


def of_image(shape: Sequence[int]) -> Coordinates:
    """Return the coordinates of a tensor that is (N, C, H, W)."""
    axes = [torch.arange(side, dtype=torch.int32) for side in shape]
    views = [axis.view([-1 if place == number else 1 for place in range(4)]) for number, axis in enumerate(axes)]
    return of_parts((view.expand(*shape) for view in views), plain=True)


def _grid(coordinates: Coordinates) -> Grid | None:
    batch = _batch_axis(coordinates.image)
    if batch is None:
        return None
    images = int(coordinates.image.max()) + 1
    _, channel, row, column = (
        part.unflatten(batch, (images, -1)).movedim(batch, 0)[0] for part in coordinates.parts
    )  # of the first image
    axes = [axis for axis in range(channel.ndim) if channel.shape[axis] > 1 and varies(channel, axis)]
    if len(axes) == 1 and not varies(row, axes[0]) and not varies(column, axes[0]):
        numbers = channel.movedim(axes[0], 0).flatten(1)[:, 0]
        places = order_of((row.select(axes[0], 0), column.select(axes[0], 0)))
        if places is not None and torch.equal(numbers, torch.arange(len(numbers), dtype=numbers.dtype)):
            order, sides = places
            height, width = sides
            return Grid(batch, order, (len(numbers), height, width), axes[0] + 1)
    places = order_of((channel, row, column))
    if places is None:
        return None
    order, (channels, height, width) = places
    return Grid(batch, order, (channels, height, width), -1)


def order_of(keys: Sequence[torch.Tensor]) -> tuple[torch.Tensor, tuple[int, ...]] | None:
    """Return places in the order of several keys, and the number of values of each key; None unless each combination
    stands there once."""
    flat = [key.flatten() for key in keys]
    inside = torch.stack([key >= 0 for key in flat]).all(0).nonzero().flatten()
    ranks = [torch.unique(key[inside], return_inverse=True) for key in flat]
    sides = tuple(len(values) for values, _ in ranks)
    number = torch.zeros(len(inside), dtype=torch.int64)
    for side, (_, rank) in zip(sides, ranks, strict=True):
        number = number * side + rank
    total = 1
    for side in sides:
        total *= side
    ordered, order = number.sort()
    if total != len(inside) or not torch.equal(ordered, torch.arange(total)):
        return None
    return inside[order], sides


def _batch_axis(image: torch.Tensor) -> int | None:
    """Return the axis along which the images lie one after the other; None where they are mixed."""
    images = int(image.max()) + 1
    if images == 1:
        return 0
    axes = [axis for axis in range(image.ndim) if varies(image, axis)]
    if len(axes) != 1 or image.shape[axes[0]] % images:
        return None
    numbers = image.movedim(axes[0], 0).flatten(1)[:, 0]
    expected = torch.arange(images, dtype=numbers.dtype).repeat_interleave(len(numbers) // images)
    return axes[0] if torch.equal(numbers, expected) else None


def varies(tensor: torch.Tensor, axis: int) -> bool:
    """Return whether the values of a tensor differ along an axis."""
    return tensor.stride(axis) != 0 and tensor.shape[axis] > 1 and bool((tensor != tensor.narrow(axis, 0, 1)).any())


# --- what a call makes of coordinates -----------------------------------------------------------------


def follow(op: str, func: Callable, args: tuple, kwargs: dict, output: Any, find: Finder) -> list[Coordinates | None]:
    """Return the coordinates of each tensor that a call made.

    `find(tensor)` gives those of an input, or None; `find.images` is how many images the pass holds.
    """
    made = _tensors(output)
    if op in MOVING and made:
        try:
            return _moved(op, func, args, kwargs, made, find)
        except (RuntimeError, TypeError, ValueError, IndexError) as error:  # a call that takes no integers
            if out_of_memory(error):
                raise
            return [None] * len(made)
    rule = RULES.get(op)
    sources = [(tensor, at) for tensor in _tensors((args, kwargs)) if (at := find(tensor)) is not None]
    if not sources and rule is not _images:
        return [None] * len(made)
    results = [rule(args, kwargs, tensor, find) if rule else _kept(sources, tensor) for tensor in made]
    return [
        at if at is None or at.row.shape == tensor.shape else None for at, tensor in zip(results, made, strict=True)
    ]


def _kept(sources: list[tuple[torch.Tensor, Coordinates]], output: torch.Tensor) -> Coordinates | None:
    """Value by value: the coordinates of the first input of the output's shape."""
    return next((at for tensor, at in sources if tensor.shape == output.shape), None)


def _moved(
    op: str, func: Callable, args: tuple, kwargs: dict, made: list[torch.Tensor], find: Finder
) -> list[Coordinates | None]:
    if op in ("cat", "concat", "concatenate", "stack"):
        return [_joined(op, args, kwargs, made[0], find)]
    sources = [at for tensor in _tensors((args, kwargs)) if (at := find(tensor)) is not None]
    if not sources:
        return [None] * len(made)
    if op == "pad":
        return [_padded(sources[0], kwargs.get("pad", args[1] if len(args) > 1 else ()))]
    parts = []
    func = RESHAPED.get(op, func)
    with torch.no_grad():
        for number in range(4):

            def shadow(value: Any, number: int = number) -> Any:
                if isinstance(value, torch.Tensor):
                    at = find(value)
                    if at is not None:
                        return at.parts[number]
                    return _nowhere(value) if value.is_floating_point() else value.cpu()
                if isinstance(value, dict):
                    return {name: shadow(item) for name, item in value.items()}
                return type(value)(map(shadow, value)) if type(value) in (tuple, list) else value

            parts.append(_tensors(func(*shadow(args), **shadow(kwargs))))
    same = op in ("contiguous", "clone", "detach")
    plain, attention = same and sources[0].plain, any(at.attention for at in sources)
    moved = [of_parts(each, plain, attention) for each in zip(*parts, strict=True)]
    return [replace(at, plain=True) if not at.plain and _is_plain(at) else at for at in moved]


def _nowhere(tensor: torch.Tensor) -> torch.Tensor:
    return torch.full((1,) * tensor.ndim, EXTRA, dtype=torch.int32).expand(tensor.shape)


def _padded(at: Coordinates, pad: Sequence[int]) -> Coordinates:
    """Return values beyond the edge have the image and the channel of those at the edge, and no place.

    Beyond the rows the row alone is lost, beyond the columns the column: so rows still lie along one axis.
    """
    parts = list(at.parts)
    for number, (before, after) in enumerate(zip(pad[::2], pad[1::2], strict=True)):
        axis = at.row.ndim - 1 - number
        side = at.row.shape[axis]
        place = torch.arange(-before, side + after)
        lost = [part for part in (2, 3) if varies(at.parts[part], axis)] or [2, 3]
        parts = [part.index_select(axis, place.clamp(0, side - 1)) for part in parts]
        beyond = ((place < 0) | (place >= side)).view([-1 if dim == axis else 1 for dim in range(at.row.ndim)])
        if bool(beyond.any()):
            for part in lost:
                parts[part] = parts[part].masked_fill(beyond, EXTRA)
    return of_parts(parts, attention=at.attention)


def _is_plain(at: Coordinates) -> bool:
    """Return whether moved values came to lie as (N, C, H, W) again, each coordinate along its own axis."""
    if at.row.ndim != 4:
        return False
    own = all(not varies(part, axis) for number, part in enumerate(at.parts) for axis in range(4) if axis != number)
    return own and all(
        torch.equal(part.movedim(number, 0).flatten(1)[:, 0], torch.arange(part.shape[number], dtype=part.dtype))
        for number, part in enumerate(at.parts)
    )


def _joined(op: str, args: tuple, kwargs: dict, output: torch.Tensor, find: Finder) -> Coordinates | None:
    """Tensors side by side: along channels those of the later ones count on; along places each keeps its own."""
    tensors = list(kwargs.get("tensors", args[0] if args else ()))
    dim = kwargs.get("dim", args[1] if len(args) > 1 else 0)
    coordinates = [find(tensor) for tensor in tensors]
    first = next((at for at in coordinates if at is not None), None)
    if first is None or not isinstance(dim, int):
        return None
    if op == "stack":
        coordinates = [at and at.map(lambda part: part.unsqueeze(dim)) for at in coordinates]
        tensors = [tensor.unsqueeze(dim) for tensor in tensors]
        first = next(at for at in coordinates if at is not None)
    dim %= output.ndim
    along_space = any(at is not None and (varies(at.row, dim) or varies(at.column, dim)) for at in coordinates)
    if along_space:
        parts = [
            list(at.parts) if at else [_nowhere(tensor)] * 4 for at, tensor in zip(coordinates, tensors, strict=True)
        ]
        image, channel = first.image.select(dim, 0), first.channel.select(dim, 0)
        for part in parts:  # a token without a place has the image and the channel of its neighbours
            if bool((part[2] < 0).all()):
                part[0] = image.unsqueeze(dim).expand(part[2].shape)
                part[1] = channel.unsqueeze(dim).expand(part[2].shape)
        return of_parts((torch.cat(each, dim) for each in zip(*parts, strict=True)), attention=first.attention)
    if any(varies(first.image, axis) for axis in [dim]):
        return None  # images put together anew
    count, channels = 0, []
    for at, tensor in zip(coordinates, tensors, strict=True):
        own = at.channel if at else torch.zeros(tensor.shape, dtype=torch.int32)
        channels.append(own + count)
        count += int(own.max()) + 1
    narrowed = [first.parts[number].narrow(dim, 0, 1).expand(output.shape) for number in (0, 2, 3)]
    plain = dim == 1 and all(at is not None and at.plain for at in coordinates)
    return Coordinates(narrowed[0], torch.cat(channels, dim), narrowed[1], narrowed[2], plain, first.attention)


def _images(args: tuple, kwargs: dict, output: torch.Tensor, find: Finder) -> Coordinates | None:
    """Convolution, pooling and resizing: axes 2 and 3 are space, wherever it is known that they were."""
    at = find(kwargs.get("input", args[0] if args else None))
    if output.ndim != 4 or output.shape[0] != find.images:
        return None
    if at is not None and not at.plain:
        if at.attention or at.row.ndim != 4:
            return None
        if any(varies(part, axis) for part, axes in ((at.row, (0, 1, 3)), (at.column, (0, 1, 2))) for axis in axes):
            return None
    return of_image(output.shape)


def _linear(args: tuple, kwargs: dict, output: torch.Tensor, find: Finder) -> Coordinates | None:
    """Return the last axis as channels. Where it was space, places are mixed: they stay where they were if none is
    lost, and patches merged into one lie on a coarser grid.
    """
    source, at = next((tensor, at) for tensor in _tensors((args, kwargs)) if (at := find(tensor)) is not None)
    if source.ndim != output.ndim:
        return None
    if varies(at.row, -1) or varies(at.column, -1):
        if source.shape == output.shape:
            return replace(at, plain=False)
        merged = _merged(at, [at.row.ndim - 1])
        if merged is None:
            return None
        at = merged
    expanded = at.map(lambda part: part[..., :1].expand(output.shape))
    return replace(expanded, channel=torch.arange(output.shape[-1], dtype=torch.int32).expand(output.shape))


def _product(args: tuple, kwargs: dict, output: torch.Tensor, find: Finder) -> Coordinates | None:
    """Return rows of the left side and columns of the right one: attention where both are places."""
    left, right = (find(tensor) for tensor in _tensors((args, kwargs))[:2])
    if left is None:
        return None
    if right is None:
        return _linear(args, kwargs, output, find)
    if output.ndim != left.row.ndim or varies(left.row, -1) or varies(left.column, -1):
        return None
    expanded = left.map(lambda part: part[..., :1].expand(output.shape))
    keys = varies(right.row, -1) or varies(right.column, -1)
    channel = torch.arange(output.shape[-1], dtype=torch.int32).expand(output.shape)
    if not keys:
        channel = right.channel[..., :1, :].expand(output.shape)
    return replace(expanded, channel=channel, attention=keys)


def _attended(args: tuple, kwargs: dict, output: torch.Tensor, find: Finder) -> Coordinates | None:
    """Attention in one call: places of the query, channels of the value."""
    given = [kwargs.get(name, args[place] if len(args) > place else None) for place, name in enumerate(_ATTENTION)]
    query, value = find(given[0]), find(given[2])
    if query is None or output.shape[:-1] != query.row.shape[:-1]:
        return None
    expanded = query.map(lambda part: part[..., :1].expand(output.shape))
    channel = torch.arange(output.shape[-1], dtype=torch.int32).expand(output.shape)
    if value is not None and value.row.ndim == output.ndim:
        channel = value.channel[..., :1, :].expand(output.shape)
    return replace(expanded, channel=channel)


def _pooled(args: tuple, kwargs: dict, output: torch.Tensor, find: Finder) -> Coordinates | None:
    """Return a mean, sum or maximum over axes: what differs along them is lost."""
    source = kwargs.get("input", args[0] if args else None)
    at = find(source)
    dims = kwargs.get("dim", kwargs.get("axis", args[1] if len(args) > 1 else None))
    if isinstance(dims, torch.Tensor):  # the larger of two tensors
        return at if at is not None and source is not None and source.shape == output.shape else find(dims)
    if at is None or source is None or dims is None or isinstance(dims, str):
        return None
    dims = [dims] if isinstance(dims, int) else list(dims)
    keep = output.ndim == source.ndim
    if any(varies(at.image, dim) for dim in dims):
        return None
    if any(varies(part, dim) for part in (at.row, at.column) for dim in dims):
        merged = _merged(at, [dim % at.row.ndim for dim in dims])
        if merged is None:
            return None
        at = merged
    parts = [part.amin(dims, keepdim=keep) for part in at.parts]
    if any(varies(at.channel, dim) for dim in dims):
        parts[1] = torch.zeros_like(parts[1])
    return of_parts(parts)


def _merged(at: Coordinates, dims: Sequence[int]) -> Coordinates | None:
    """Return coordinates where all that lies along `dims` has the place of its first row and column, as of patches
    that are merged.

    None unless rows and columns fall into ranges that do not overlap, and places remain along both.
    """
    rows, columns = (_first_of_range(part, tuple(dims)) for part in (at.row, at.column))
    if rows is None or columns is None or at.attention:
        return None
    return of_parts((at.image, at.channel, rows, columns))


def _first_of_range(part: torch.Tensor, dims: tuple[int, ...]) -> torch.Tensor | None:
    """Return for each row (or column) of a tensor the first of those that lie along `dims` with it, in its shape.

    None where ranges overlap, or where a single one is left of several.
    """
    beyond = torch.iinfo(part.dtype).max
    first = part.masked_fill(part < 0, beyond).amin(dims, keepdim=True)
    last = part.amax(dims, keepdim=True)
    ranges = torch.unique(torch.stack([first[last >= 0], last[last >= 0]]), dim=1)  # in order of the first
    if ranges.shape[1] < min(2, int(part.max()) + 1) or bool((ranges[0, 1:] <= ranges[1, :-1]).any()):
        return None
    return first.masked_fill(last < 0, EXTRA).expand(part.shape)


def _summed(args: tuple, kwargs: dict, output: torch.Tensor, find: Finder) -> Coordinates | None:
    """`einsum`: places of the first operand that has any along an axis that stays, channels of the last."""
    equation, operands = args[0], _tensors(args[1:])
    if not isinstance(equation, str) or "." in equation or "->" not in equation:
        return None
    left, right = equation.replace(" ", "").split("->")
    letters = left.split(",")

    def project(part: torch.Tensor, own: str) -> torch.Tensor:
        for axis in reversed([axis for axis, letter in enumerate(own) if letter not in right]):
            part = part.select(axis, 0)
        kept = [letter for letter in own if letter in right]
        part = part.permute([kept.index(letter) for letter in right if letter in kept])
        for axis, letter in enumerate(right):
            part = part if letter in kept else part.unsqueeze(axis)
        return part.expand(output.shape)

    coordinates = [
        at.map(partial(project, own=own))
        for at, own in zip(map(find, operands), letters, strict=True)
        if at is not None
    ]
    placed = [
        at
        for at in coordinates
        if any(varies(part, axis) for part in (at.row, at.column) for axis in range(output.ndim))
    ]
    if not placed:
        return None
    return replace(placed[0], channel=coordinates[-1].channel, attention=len(placed) > 1)


def _expanded(args: tuple, kwargs: dict, output: torch.Tensor, find: Finder) -> Coordinates | None:
    """More channels at the same places, as of a grey picture for a network of three colours."""
    at = find(args[0]) if args else None
    same = at is not None and at.plain and output.ndim == 4 and output.shape[2:] == at.row.shape[2:]
    return of_image(output.shape) if same and output.shape[0] == find.images else None


def span(op: str, at: Coordinates) -> tuple[int, int]:
    """Return how many rows and columns a call of attention mixes, from the coordinates of its values.

    They lie together along the last axis but one, except for `multi_head_attention_forward`, which takes them all.
    """
    sides = []
    for part in (at.row, at.column):
        along = part.flatten()[:, None] if op == "multi_head_attention_forward" else part.movedim(-2, 0).flatten(1)
        sides.append(int((along.amax(0) - along.clamp(min=0).amin(0)).mode().values) + 1)
    return sides[0], sides[1]


def _unknown(args: tuple, kwargs: dict, output: torch.Tensor, find: Finder) -> None:
    return None


def _tensors(value: Any) -> list[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [tensor for item in value for tensor in _tensors(item)] if isinstance(value, tuple | list) else []


MOVING = frozenset(
    """view reshape flatten unflatten squeeze unsqueeze permute transpose swapaxes swapdims movedim moveaxis t adjoint
    view_as reshape_as getitem chunk split split_with_sizes tensor_split unbind select narrow index_select cat concat
    concatenate stack roll flip pad contiguous clone detach get unfold""".split()
)
# The network's tensor may be viewed so where its coordinates, which repeat along axes, need a copy.
RESHAPED: dict[str, Callable] = {"view": torch.Tensor.reshape, "view_as": torch.Tensor.reshape_as}
_ATTENTION = ("query", "key", "value")
ATTENDING = ("matmul", "bmm", "scaled_dot_product_attention", "multi_head_attention_forward", "einsum")
RULES = {
    **dict.fromkeys(
        """conv2d conv_transpose2d max_pool2d avg_pool2d adaptive_avg_pool2d adaptive_max_pool2d lp_pool2d interpolate
        upsample grid_sample pixel_shuffle pixel_unshuffle fractional_max_pool2d""".split(),
        _images,
    ),
    "linear": _linear,
    **dict.fromkeys(("matmul", "bmm"), _product),
    **dict.fromkeys(("scaled_dot_product_attention", "multi_head_attention_forward"), _attended),
    **dict.fromkeys("mean sum amax amin max min norm logsumexp std var".split(), _pooled),
    "einsum": _summed,
    **dict.fromkeys("conv1d conv3d topk sort argsort tile repeat_interleave".split(), _unknown),
    **dict.fromkeys(("expand", "repeat"), _expanded),
}
