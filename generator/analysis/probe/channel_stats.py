"""What the channels of one layer did, image after image: sums, extremes and the strongest images, in bounded memory."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

BINS = 31  # of a histogram: fifteen on each side of what is next to zero
CORRELATED = 1024  # channels of a layer whose correlations are kept, at most
BOUNDS = {"sigmoid": (0, 1), "hardsigmoid": (0, 1), "tanh": (-1, 1), "hardtanh": (-1, 1), "relu6": (-math.inf, 6)}
CACHED = 2**18  # values of which there is room in the cache of a core, twice
ADDED = ("images", "values", "samples", "sum", "zeros", "broken", "first", "second", "bound", "histogram")


class Channels:
    """Streaming statistics of one layer's channels; their size does not depend on how many images there are.

    Largest value, mean and share of zeros are those of every value. The histogram, the spread and the correlations are
    those of a sample: `positions` places of each image, evenly spread and another set in each image.
    """

    def __init__(self, type_: str, kind: str, shape: tuple[int, ...], keep: int, positions: int, stage: bool) -> None:
        self.count, self.space = shape[0], math.prod(shape[1:])
        self.keep, self.positions = keep, min(positions if stage else -(-positions // 2), self.space)
        self.bounds = BOUNDS.get(type_.lower())
        self.counted = kind in ("activation", "pool", "join", "softmax") or stage  # others are zero by chance alone
        self._related = stage and self.count <= CORRELATED and kind != "softmax"
        self.unit, self._shift = 1.0, torch.zeros(self.count)
        self._scratch = torch.empty(0)
        zeros = np.zeros(self.count)
        self.state: dict[str, np.ndarray] = {
            **{name: np.zeros((), np.int64) for name in ("images", "values", "samples")},
            **{name: zeros.copy() for name in ("sum", "zeros", "broken", "first", "bound")},
            "second": np.zeros((self.count, self.count) if self._related else self.count),
            "histogram": np.zeros((self.count, BINS), np.int64),
            "max": np.full(self.count, -np.inf),
            "best": np.full(self.count, -np.inf),  # the largest mean over the places of one image
            "unit": np.array(1.0),
            "shift": zeros.copy(),
            "top": np.full((0, self.count), -np.inf, np.float32),  # (k, K): values, images and places, best first
            "top_image": np.zeros((0, self.count), np.int64),
            "top_place": np.zeros((0, self.count), np.int64),  # row times width plus column
        }

    def calibrate(self, tensor: torch.Tensor) -> None:
        """Fix the histogram's edges and what sums of squares are taken about, from a few images (n, K, ...)."""
        finite = _finite(tensor)
        largest = max(float(finite.max()), -float(finite.min()))
        self.unit = 2.0 ** math.ceil(math.log2(largest)) if largest > 0 else 1.0
        self._shift = finite.mean([0, *range(2, finite.ndim)]).cpu()
        self.state |= {"unit": np.array(self.unit), "shift": self._shift.double().numpy()}

    def see(self, tensor: torch.Tensor, numbers: torch.Tensor) -> None:
        """The layer's output (n, K, h, w) or (n, K) for the images with these ascending `numbers` (n,)."""
        tensor = tensor.float()  # what half precision holds fits; the histogram reads the bits of single precision
        tensor = tensor[..., None, None] if tensor.ndim == 2 else tensor
        peaks, sums, zeros = self._sums(tensor)
        sound = torch.isfinite(sums)
        if not bool(sound.all()):
            peaks, sums = peaks.masked_fill(~sound, -torch.inf), sums.masked_fill(~sound, 0)
        state = self.state
        state["images"] += len(tensor)
        state["values"] += len(tensor) * self.space
        state["sum"] += sums.double().sum(0).cpu().numpy()
        state["broken"] += (~sound).double().sum(0).cpu().numpy()
        state["max"] = np.maximum(state["max"], peaks.amax(0).double().cpu().numpy())
        means = (sums / self.space).masked_fill(~sound, -torch.inf)
        state["best"] = np.maximum(state["best"], means.amax(0).double().cpu().numpy())
        state["zeros"] += zeros
        self._sample(tensor, numbers, bool(sound.all()))
        self._strongest(tensor, peaks, numbers)

    def _sums(self, tensor: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, np.ndarray]:
        """Largest value and sum (n, K) of each image, and how many zeros (K,) there are in all.

        Some images at a time, so that they stay in the cache for all three.
        """
        some, peaks, sums = max(1, CACHED // (self.count * self.space)), [], []
        busy = torch.zeros(self.count, device=tensor.device)
        for first in range(0, len(tensor), some):
            part = tensor[first : first + some]
            peaks.append(part.amax((2, 3)))
            sums.append(part.sum((2, 3)))
            if self.counted:
                if self._scratch.shape != part.shape:
                    self._scratch = torch.empty_like(part)
                busy += torch.ne(part, 0, out=self._scratch).sum((0, 2, 3))
        zeros = len(tensor) * self.space - busy.double().cpu().numpy() if self.counted else np.zeros(self.count)
        return torch.cat(peaks), torch.cat(sums), zeros

    def _sample(self, tensor: torch.Tensor, numbers: torch.Tensor, sound: bool) -> None:
        """Histogram, spread and correlations, of some places of each image."""
        count, width = len(tensor), tensor.shape[3]
        spread = torch.arange(self.positions, device=tensor.device) * self.space // self.positions
        places = (spread + numbers.to(tensor.device)[:, None] * 7919) % self.space  # (n, p)
        rows = torch.arange(count, device=tensor.device)[:, None]
        values = tensor[rows, :, places // width, places % width].reshape(-1, self.count)  # (n p, K)
        values = values if sound else _finite(values)
        state = self.state
        state["samples"] += len(values)
        state["histogram"] += self._histogram(values)
        if self.bounds:
            low, high = self.bounds
            ends = (values > high - 0.01 * high) | (values < low + 0.01 * high)
            state["bound"] += ends.double().sum(0).cpu().numpy()
        centred = values - self._shift.to(values.device)
        state["first"] += centred.sum(0).double().cpu().numpy()
        square = centred.T @ centred if self._related else centred.square().sum(0)
        state["second"] += square.double().cpu().numpy()

    def _histogram(self, values: torch.Tensor) -> np.ndarray:
        """Counts (K, BINS) of values (n, K): two bins for each doubling, read off the bits of the numbers."""
        base = (127 + int(math.log2(self.unit))) * 2 - (BINS // 2 + 1)
        bits = values.contiguous().view(torch.int32)
        level = ((bits & 0x7FFFFFFF) >> 22).sub_(base).clamp_(0, BINS // 2)
        level = torch.where(bits < 0, -level, level).add_(BINS // 2)
        level += torch.arange(self.count, device=values.device, dtype=torch.int32) * BINS
        return torch.bincount(level.flatten(), minlength=self.count * BINS).reshape(-1, BINS).cpu().numpy()

    def _strongest(self, tensor: torch.Tensor, peaks: torch.Tensor, numbers: torch.Tensor) -> None:
        """Take into the lists what belongs there; of equals the earlier image and the upper left place stay."""
        top = self.state["top"]
        lowest = torch.from_numpy(top[-1]).to(peaks.device) if len(top) == self.keep else -torch.inf
        image, channel = (index.cpu().numpy() for index in (peaks > lowest).nonzero(as_tuple=True))
        if not len(image):
            return
        value = peaks.cpu().numpy()[image, channel]
        order = np.lexsort((image, -value, channel))
        image, channel, value = image[order], channel[order], value[order]
        first = np.searchsorted(channel, channel)  # where each channel begins among them
        rank = np.arange(len(channel)) - first
        best = rank < self.keep
        image, channel, value, rank = image[best], channel[best], value[best], rank[best]
        columns, at = np.unique(channel, return_inverse=True)
        maps = tensor[torch.from_numpy(image).to(tensor.device), torch.from_numpy(channel).to(tensor.device)]
        more = {name: np.zeros((int(rank.max()) + 1, len(columns)), kind) for name, kind in _LISTS.items()}
        more["top"][:] = -np.inf
        more["top"][rank, at] = value
        more["top_image"][rank, at] = numbers.numpy()[image]
        more["top_place"][rank, at] = maps.flatten(1).argmax(1).cpu().numpy()
        self._insert(columns, more)

    def _insert(self, columns: np.ndarray, more: dict[str, np.ndarray]) -> None:
        """Merge lists of some channels into those of all."""
        state = self.state
        missing = min(self.keep, len(state["top"]) + len(more["top"])) - len(state["top"])
        if missing > 0:
            for name, kind in _LISTS.items():
                state[name] = np.concatenate([state[name], np.zeros((missing, self.count), kind)])
            state["top"][-missing:] = -np.inf
        ranked = _ranked({name: state[name][:, columns] for name in _LISTS}, more, len(state["top"]))
        for name, values in ranked.items():
            state[name][:, columns] = values


_LISTS = {"top": np.float32, "top_image": np.int64, "top_place": np.int64}


def merged(earlier: dict[str, np.ndarray], later: dict[str, np.ndarray], keep: int) -> dict[str, np.ndarray]:
    """Return the statistics of two parts of the images, `earlier` with the first of them."""
    both: dict[str, Any] = {name: earlier[name] + later[name] for name in ADDED}
    both |= {name: np.maximum(earlier[name], later[name]) for name in ("max", "best")}
    both |= {"unit": earlier["unit"], "shift": earlier["shift"]}
    return both | _ranked(earlier, later, keep)


def _ranked(earlier: dict[str, np.ndarray], later: dict[str, np.ndarray], keep: int) -> dict[str, np.ndarray]:
    lists = {name: np.concatenate([earlier[name], later[name]]) for name in _LISTS}
    order = np.argsort(-lists["top"], axis=0, kind="stable")[:keep]
    return {name: np.take_along_axis(values, order, 0) for name, values in lists.items()}


def _finite(tensor: torch.Tensor) -> torch.Tensor:
    if bool(torch.isfinite(tensor.sum())):
        return tensor.float()
    return torch.nan_to_num(tensor.float(), nan=0.0, posinf=0.0, neginf=0.0)
