"""From tensors to values: what a picture needs of a result, made on the device that holds it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

TILE = 112  # pixels a side that a channel has at most in a sprite
SPRITE = 4096 * 4096  # pixels that a sprite has at most
SHEET = 2**22  # pixels that all sprites of a network have together, unless that left one fewer than ENOUGH
ENOUGH = 115_000
ACTIVATION_PERCENTILE = 99.8
PART = 2**24  # values that are looked at together
FRAME = 2**16  # pixels that a frame of painted pictures keeps, all of them together


@dataclass
class Values:
    """Arrays for the store and what is known of them: `{"shape", "range", ...}`, ready for JSON."""

    arrays: dict[str, np.ndarray]
    meta: dict[str, Any] = field(default_factory=dict)


def reduce(kept: str, value: torch.Tensor | Sequence[torch.Tensor], kind: str = "", room: int = SPRITE) -> Values:
    """Return the values of one result as its style keeps them (`StyleCard.values`): "map", "channels" or "colours".

    `kind` is the kind of layer an activation comes from, `room` how many pixels a sprite may have.
    """
    if isinstance(value, Values):  # what a probe tells is reduced already
        return value
    if kept == "channels" and kind != "softmax":
        return channels(value[0], room)
    if kept == "colours" and isinstance(value, torch.Tensor):  # what is shown with 8 bits needs no more than 11
        values = _floats({"map": value})
        values.arrays["map"] = values.arrays["map"].astype(np.float16)
        values.meta.pop("peak", None)
        return values
    if isinstance(value, torch.Tensor):
        return _floats({"map": value})
    return _floats({f"map{index}": tensor for index, tensor in enumerate(value)})


def plain(numbers: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what a method counted, ready for JSON, which knows neither NaN nor infinity."""
    broken = {
        name: "not finite"
        for name, value in (numbers or {}).items()
        if value != value or value in (math.inf, -math.inf)
    }
    return {**(numbers or {}), **broken}


def reduce_frames(frames: Sequence[torch.Tensor], kept: str = "map") -> dict[str, np.ndarray]:
    """Return what a method showed on its way, as halves: parts of the largest absolute value, and that value.

    Of pictures whose values are kept as "colours" small copies with 8 bits.
    """
    if kept == "colours":
        return {"frames": torch.stack([_small(frame.detach().float()) for frame in frames]).cpu().numpy()}
    values = torch.stack([torch.nan_to_num(frame.detach().float(), 0.0, 0.0, 0.0) for frame in frames])
    largest = float(values.abs().max()) or 1.0
    return {"frames": (values / largest).half().cpu().numpy(), "largest": np.array([largest], np.float32)}


def frames_again(kept: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the frames (n, ...) that `reduce_frames` was given, in float32."""
    if "largest" not in kept:
        return kept["frames"].astype(np.float32) / 255
    return kept["frames"].astype(np.float32) * kept["largest"]


def sprite_pixel_budget(shapes: Iterable[tuple[int, ...]]) -> int:
    """Return pixels that each sprite of layers with these shapes (K, h, w) or (K,) may have.

    Small ones keep what they need, and the large ones share what they leave, so that the pictures of all layers of a
    large network are still a few megabytes.
    """
    needs = sorted(_pixels(*shape, *(1,) * (3 - len(shape))) for shape in shapes if len(shape) in (1, 3))
    left = SHEET
    for index, need in enumerate(needs):
        share = left // (len(needs) - index)
        if need > share:
            return max(ENOUGH, share)
        left -= need
    return SPRITE


def _pixels(count: int, height: int, width: int) -> int:
    scale = min(1.0, TILE / max(height, width))
    return count * (round(height * scale) + 1) * (round(width * scale) + 1)


def channels(tensor: torch.Tensor, room: int = SPRITE) -> Values:
    """Return all channels (K, h, w), or a vector (K,), on one 8-bit scale, with each channel's largest, mean and share
    of zeros.

    Of a tensor with more axes, such as (K, d, h, w), each map (h, w) is one.

    Without negative values 0 to 254 spans zero to the 99.8th percentile. With them 128 is zero and 1 to 255 spans
    plus and minus the 99.8th percentile of the absolute values. Maps larger than a tile are averaged over areas.
    """
    tensor = tensor.detach()
    if tensor.ndim == 2:  # tokens: one map of positions by features
        tensor = tensor[None]
    maps = (tensor.reshape(-1, *tensor.shape[-2:]) if tensor.ndim > 2 else tensor.reshape(-1, 1, 1)).float()
    low, high = _ends(maps)
    missing = 0
    if not math.isfinite(high - low):
        missing = int((~torch.isfinite(maps)).sum())
        maps = torch.nan_to_num(maps, nan=0.0, posinf=0.0, neginf=0.0)
        low, high = _ends(maps)
    signed = low < 0
    limit, beyond = _percentile(lambda: _parts(maps), ACTIVATION_PERCENTILE, signed)
    if not limit:
        limit, beyond = max(-low, high), 0
    meta = {
        "shape": list(tensor.shape) if tensor.ndim != 1 else [tensor.shape[0]],
        "range": [low, high],
        "scale": [-limit if signed else 0.0, limit],
        "signed": signed,
        "clipped": beyond / maps.numel(),
    }
    notes = []
    if tensor.ndim > 3:
        sides = " x ".join(map(str, tensor.shape[:-2]))
        notes.append(f"{sides} maps, those of the first axis in a row")
    if missing:
        notes.append(f"{missing} of {maps.numel()} values are not finite and drawn as zero")
    if notes:
        meta["note"] = "; ".join(notes)
    arrays = {"max": maps.amax((1, 2)), "mean": maps.mean((1, 2)), "zeros": _zeros(maps, signed)}
    small, meta["reduced"] = _fit(maps, room)
    codes = small.div_(limit or 1.0)
    if signed:
        codes = codes.mul_(127.0).round_().clamp_(-127.0, 127.0).add_(128.0)
    else:
        codes = codes.mul_(254.0).round_().clamp_(max=254.0)
    arrays = {"codes": codes.to(torch.uint8), **arrays}
    return Values({name: array.cpu().numpy() for name, array in arrays.items()}, meta)


def _zeros(maps: torch.Tensor, signed: bool) -> torch.Tensor:
    """Return the share of zeros (K,) of each map (K, h, w)."""
    signs = (rows.sign() for rows in _rows(maps))
    busy = [(part.abs_() if signed else part).sum((1, 2)) for part in signs]
    return 1 - (busy[0] if len(busy) == 1 else torch.stack(busy).sum(0)) / maps[0].numel()


def _parts(maps: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Return all values of maps (K, h, w), as they lie in memory, in parts: what is large is not copied whole."""
    lying = maps if maps.is_contiguous() else maps.permute(1, 2, 0)
    return lying.reshape(-1).split(PART)


def _rows(maps: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Return maps (K, h, w) in parts of some rows each."""
    return maps.split(max(1, PART // max(1, maps.shape[0] * maps.shape[2])), 1)


def _ends(maps: torch.Tensor) -> tuple[float, float]:
    """Return the smallest and the largest value; not finite where one of the values is not."""
    ends = [part.aminmax() for part in _parts(maps)]
    if len(ends) == 1:
        return float(ends[0].min), float(ends[0].max)
    low, high = (torch.stack(of_parts) for of_parts in zip(*ends, strict=True))
    return float(low.min()), float(high.max())


def percentile(parts: Callable[[], Iterable[torch.Tensor]], q: float) -> float:
    """Return the smallest value that at least `q` percent of the values (not negative) of all parts do not exceed;
    exact.

    `parts()` gives tensors of any shape, the same each time. The few largest values are picked out with a threshold
    from a sample, so that nothing large is sorted or held.
    """
    return _percentile(parts, q)[0]


def _percentile(parts: Callable[[], Iterable[torch.Tensor]], q: float, signed: bool = False) -> tuple[float, int]:
    """Return the same, where values are `signed` of their sizes; and how many values lie above."""

    def sizes(part: torch.Tensor) -> torch.Tensor:
        return part.abs() if signed else part

    count = sum(part.numel() for part in parts())
    rank = count - math.ceil(count * q / 100)  # how many values lie above it
    tail = None
    if count >= 16384:
        sample = _joined([sizes(_some(part.reshape(-1), count // 4096)) for part in parts()])
        keep = min(sample.numel(), math.ceil(sample.numel() * (1 - q / 100) * 4) + 8)
        least = float(sample.topk(keep).values[-1])
        tail = _joined([_above(sizes(part), least) for part in parts()])
        if tail.numel() <= rank:
            if sum(int((sizes(part) >= least).sum()) for part in parts()) > rank:
                return least, tail.numel()
            tail = None
    if tail is None:
        tail = _joined([sizes(part).reshape(-1) for part in parts()])
    threshold = tail.kthvalue(tail.numel() - rank).values
    return float(threshold), int((tail > threshold).sum())


def _joined(parts: list[torch.Tensor]) -> torch.Tensor:
    """Return parts (n,) as one; a single one is not copied."""
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def _some(values: torch.Tensor, step: int) -> torch.Tensor:
    """Return one of every `step` values (n,), each time another one, or channels that take turns would be missed."""
    return values[_places(values.numel(), step, values.device)]


@lru_cache(32)
def _places(count: int, step: int, device: torch.device) -> torch.Tensor:
    """Return the places of one of every `step` values among `count`; layers of one size share them."""
    first = torch.arange(0, count, step, device=device)
    return (first + torch.arange(len(first), device=device) * 40503 % step).clamp_(max=count - 1)


def _above(values: torch.Tensor, least: float) -> torch.Tensor:
    """Return those of values that are larger; numpy picks few of many five times faster."""
    if values.device.type != "cpu":
        return values[values > least]
    array = values.numpy()
    return torch.from_numpy(array[array > least])


def _fit(maps: torch.Tensor, room: int) -> tuple[torch.Tensor, float]:
    """Return maps small enough for a sprite of all channels, and by how much they were averaged down (1: not at
    all).
    """
    count, height, width = maps.shape
    side = max(1, min(TILE, math.isqrt(room // count) - 1))
    factor = max(height, width) / side
    if factor <= 1:
        return maps.clone(memory_format=torch.contiguous_format), 1
    size = (max(1, round(height / factor)), max(1, round(width / factor)))
    if maps.is_contiguous() and maps.numel() <= PART:  # a third faster, twice so for small maps
        return _means(height, size[0], maps.device) @ maps @ _means(width, size[1], maps.device).T, round(factor, 3)
    batch = maps.as_strided((1, *maps.shape), (maps.numel(), *maps.stride()))  # what indexing would copy to pool it
    return F.adaptive_avg_pool2d(batch, size)[0].contiguous(), round(factor, 3)


@lru_cache
def _means(cells: int, parts: int, device: torch.device) -> torch.Tensor:
    """Return the matrix (parts, cells) that averages cells over as many parts as adaptive pooling does."""
    ends = torch.arange(parts + 1) * cells
    first, last = ends[:-1].div(parts, rounding_mode="floor"), -(-ends[1:]).div(parts, rounding_mode="floor")
    cell = torch.arange(cells)
    inside = (first[:, None] <= cell) & (cell < last[:, None])
    return (inside / (last - first)[:, None]).to(device)


def _small(pictures: torch.Tensor) -> torch.Tensor:
    """Return colours (K, C, h, w) from 0 to 1 as 8 bits, averaged over squares where there are many pixels."""
    count, _, height, width = pictures.shape
    factor = min(height, width, math.ceil(math.sqrt(count * height * width / FRAME)))
    small = F.avg_pool2d(pictures, factor) if factor > 1 else pictures
    return (torch.nan_to_num(small) * 255).round().clamp(0, 255).to(torch.uint8)


def _floats(tensors: dict[str, torch.Tensor]) -> Values:
    arrays = {name: tensor.detach().float().cpu().numpy() for name, tensor in tensors.items()}
    ends = [float(end) for array in arrays.values() for end in (array.min(), array.max())]
    shapes = [list(array.shape) for array in arrays.values()]
    meta: dict[str, Any] = {"shape": shapes[0] if len(shapes) == 1 else shapes, "range": [min(ends), max(ends)]}
    all_finite = all(math.isfinite(end) for end in ends)
    if len(arrays) == 1 and len(shapes[0]) in (3, 4) and shapes[0][0] == 1:
        (array,) = arrays.values()
        meta["peak"] = _peak(array[0] if all_finite else np.nan_to_num(array[0]))
    if not all_finite:
        broken = sum(int((~np.isfinite(array)).sum()) for array in arrays.values())
        finite = np.concatenate([array[np.isfinite(array)] for array in arrays.values()] or [np.zeros(1)])
        meta["range"] = [float(finite.min(initial=0)), float(finite.max(initial=0))]
        meta["note"] = f"{broken} values are not finite and drawn as zero"
    return Values(arrays, meta)


def _peak(array: np.ndarray) -> list[float]:
    """Return where a map (h, w) or (C, h, w) is strongest: row and column as shares of height and width."""
    strength = np.abs(array).reshape(-1, *array.shape[-2:]).sum(0)
    row, column = divmod(int(strength.argmax()), strength.shape[1])
    return [(row + 0.5) / strength.shape[0], (column + 0.5) / strength.shape[1]]
