"""What a network answers with: which tensor, what its last operation does to the scores, and what these mean.

Explained is always the score before any squashing. A binary answer and a value have two sides, the score and its
negative, so that both can be explained as classes are. Of a spatial answer, such as a segmentation, the score of a
class is the mean of its logit over its mask: the pixels where the network predicts it, or all where it does so nowhere.
A single channel divides the picture into background and foreground, whose scores are the channel's negative and itself.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch.overrides import TorchFunctionMode

from generator.core.errors import ModelError
from generator.models.load import Loaded

from .capture import op_name
from .preserve import untouched

SQUASHING = ("softmax", "log_softmax", "sigmoid")
SIDES = {"binary": ("negative", "positive"), "value": ("lower", "higher"), "mask": ("background", "foreground")}


class Reading(NamedTuple):
    """What a network answers to N images, of each of its K classes, and of each of the P pixels asked for."""

    scores: torch.Tensor  # (N, K + P), before any squashing
    probabilities: torch.Tensor  # (N, K + P); of a mask the mean over it; of a value the value
    shares: torch.Tensor | None = None  # (N, K), of a mask: the part of the pixels that it has; None of other kinds
    winners: tuple[int, ...] = ()  # the class predicted at each of those pixels; -1 outside of the picture


@dataclasses.dataclass(frozen=True)
class Readout:
    """How scores are read from what a network returns."""

    kind: str  # "classes", "binary", "labels", "value" or "mask"
    width: int  # numbers for each image
    squash: str = ""  # the operation that ends the network: "softmax", "log_softmax", "sigmoid" or ""
    call: int = 0  # which of the calls of that operation it is, from 1
    key: str = ""  # the member of what it returns, as output_key names it; "" for the tensor that it means
    classes: int = 0  # as many names were given, so that the member of that width is meant; 0: none
    threshold: float = 0.5  # of a mask of one channel: the probability from which a pixel is foreground
    pixels: tuple[tuple[int, int], ...] = ()  # of a mask: rows and columns of the input that are explained themselves
    divisors: torch.Tensor | None = dataclasses.field(default=None, compare=False)  # (1, K, h, w): of masks that stay
    winners: tuple[int, ...] = ()  # the classes that then stay those of the pixels

    def scores(self, model: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
        """Return the scores of images (N, C, H, W) before any squashing: (N, width), or (N, 2 width) where each number
        has two sides, the lower one first."""
        return self.read(model, x).scores

    def read(self, model: torch.nn.Module, x: torch.Tensor) -> Reading:
        """Return the scores of images (N, C, H, W) and what they say. Raises `ModelError`."""
        tensor = self._tensor(model, x)
        if self.kind == "mask":
            return self._read_masks(tensor, _size(x))
        scores = tensor[:, None] if tensor.ndim == 1 else tensor
        if self.kind in ("binary", "value") and scores.ndim == 2:
            scores = torch.stack([-scores, scores], 2).flatten(1)
        with torch.no_grad(), torch._C.DisableTorchFunction():
            return Reading(scores, self.probabilities(scores.detach()) if scores.ndim == 2 else scores)

    def keeping(self, model: torch.nn.Module, x: torch.Tensor) -> Readout:
        """Return the same for variants of an image (1, C, H, W): of a spatial answer over the masks that `x` has."""
        if self.kind != "mask":
            return self
        with torch.no_grad():
            tensor = self._sides(self._tensor(model, x.clone()))
            masks = self._masks(tensor)
            winners = self._winners(masks, _size(x))
            return dataclasses.replace(self, divisors=_divisors(masks), winners=winners)

    def _tensor(self, model: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
        if self.squash:
            with _Unsquashed(self.squash, self.call):
                output = model(x)
        else:
            output = model(x)
        tensor = member(output, self.key, self.classes)
        if tensor is None:
            raise ModelError("the network returned no tensor of scores")
        return tensor

    def _read_masks(self, tensor: torch.Tensor, size: tuple[int, int]) -> Reading:
        tensor = self._sides(tensor)
        with torch.no_grad(), torch._C.DisableTorchFunction():  # no calls of the network: nobody watches them
            plain = tensor.detach()
            masks = self._masks(plain)
            divisors = _divisors(masks) if self.divisors is None else self.divisors
            winners = self.winners or self._winners(masks, size)
            each = plain.sigmoid() if self.squash == "sigmoid" or self.width == 1 else plain.softmax(1)
            probabilities, shares = (each / divisors).sum((2, 3)), masks.mean((2, 3))
        scores = tensor.div(divisors).sum((2, 3))
        if self.pixels:
            places = self._cells(winners, size, tensor)
            scores = torch.stack([*scores.unbind(1), *(tensor[:, c, i, j] for c, i, j in places)], 1)
            with torch.no_grad(), torch._C.DisableTorchFunction():
                probabilities = torch.stack([*probabilities.unbind(1), *(each[:, c, i, j] for c, i, j in places)], 1)
        return Reading(scores, probabilities, shares, winners)

    def _sides(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return logits (N, 1, h, w) as those of background and foreground, (N, 2, h, w), others as they are."""
        return torch.stack([-tensor[:, 0], tensor[:, 0]], 1) if self.width == 1 else tensor

    def _masks(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return where each class of scores (N, K, h, w) is predicted: 1 there, else 0.

        It is where they are the largest of their pixel (of equals the first); of two sides the threshold decides.
        """
        if self.width == 1:
            foreground = (tensor[:, 1:].sigmoid() >= self.threshold).to(tensor.dtype)
            return torch.cat([1 - foreground, foreground], 1)
        return torch.zeros_like(tensor).scatter_(1, tensor.argmax(1, keepdim=True), 1.0)

    def _winners(self, masks: torch.Tensor, size: tuple[int, int]) -> tuple[int, ...]:
        """Return the class predicted at each pixel of the first image; -1 for a pixel outside of it."""
        cells = [_cell(pixel, size, masks) if _inside(pixel, size) else None for pixel in self.pixels]
        return tuple(int(masks[0, :, cell[0], cell[1]].argmax()) if cell else -1 for cell in cells)

    def _cells(self, winners: Sequence[int], size: tuple[int, int], tensor: torch.Tensor) -> list[tuple[int, int, int]]:
        """Return class, row and column of the value that speaks for each pixel; of one outside, the first value."""
        pairs = zip(self.pixels, winners, strict=True)
        return [(winner, *_cell(pixel, size, tensor)) if winner >= 0 else (0, 0, 0) for pixel, winner in pairs]

    def probabilities(self, scores: torch.Tensor) -> torch.Tensor:
        """Return what the scores (N, K) say: a softmax over classes, a sigmoid of each side or label, the values.

        Those of a mask do not follow from its score; `read` has them.
        """
        if self.kind == "classes":
            return scores.softmax(1)
        return scores.sigmoid() if self.kind in ("binary", "labels") else scores

    @property
    def answer(self) -> tuple[str, str, int]:
        """Name, kind and width of the layer that stands for the answer: probabilities, values, or shares of pixels."""
        if self.kind == "mask":
            return "shares", "softmax", max(2, self.width)
        count = 2 * self.width if self.kind == "binary" else self.width
        return ("values", "other", count) if self.kind == "value" else ("probabilities", "softmax", count)

    def answers(self, reading: Reading) -> torch.Tensor:
        """Return what that layer holds, (N, K)."""
        if reading.shares is not None:
            return reading.shares
        return reading.scores[:, 1::2] if self.kind == "value" else reading.probabilities

    def names(self, classes: tuple[str, ...]) -> tuple[str, ...]:
        """Return the names of the scores: those given, or both sides of each number."""
        if self.kind in ("binary", "mask") and self.width == 1:
            given = classes or SIDES[self.kind]
            return (f"not {given[0]}", given[0]) if len(given) == 1 else given
        if self.kind in ("binary", "value"):
            given = classes or tuple(f"output {index}" for index in range(self.width))
            sides = SIDES[self.kind]
            return sides if self.width == 1 and not classes else tuple(f"{n}, {s}" for n in given for s in sides)
        return classes or tuple(f"class {index}" for index in range(self.width))


def _divisors(masks: torch.Tensor) -> torch.Tensor:
    """Return by what each pixel is divided, so that the sum is the mean over a class's mask: infinity outside of it.

    Where a class has no mask it is the mean over all pixels.
    """
    counted = torch.where(masks.sum((2, 3), keepdim=True) > 0, masks, torch.ones_like(masks))
    return counted.sum((2, 3), keepdim=True) / counted


def _size(x: torch.Tensor) -> tuple[int, int]:
    height, width = x.shape[-2:]
    return height, width


def _inside(pixel: tuple[int, int], size: tuple[int, int]) -> bool:
    return pixel[0] < size[0] and pixel[1] < size[1]


def _cell(pixel: tuple[int, int], size: tuple[int, int], tensor: torch.Tensor) -> tuple[int, int]:
    """Return row and column of the value of a tensor (N, K, h, w) in which a pixel of an input (height, width) lies."""
    rows, columns = tensor.shape[2:]
    return pixel[0] * rows // size[0], pixel[1] * columns // size[1]


class _Unsquashed(TorchFunctionMode):
    """Leaves out one call of a squashing operation."""

    def __init__(self, op: str, call: int) -> None:
        super().__init__()
        self._op, self._left = op, call

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        if op_name(func) == self._op:
            self._left -= 1
            if self._left == 0:
                return args[0] if args else kwargs["input"]
        return func(*args, **kwargs)


class _Squashes(TorchFunctionMode):
    """Remembers the calls of squashing operations: each one's name, number among its like, and output."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, int, torch.Tensor]] = []

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        output = func(*args, **(kwargs or {}))
        op = op_name(func)
        if op in SQUASHING and isinstance(output, torch.Tensor):
            number = 1 + sum(name == op for name, _, _ in self.calls)
            self.calls.append((op, number, output))
        return output


def readout_of(loaded: Loaded) -> Readout:
    """Return how the scores of a network are read, found once and kept with it. Raises `ModelError`."""
    if loaded.readout is None:
        loaded.readout = _find(loaded)
    return loaded.readout


def _find(loaded: Loaded) -> Readout:
    network, classes = loaded.network, len(loaded.classes)
    kinds = (tensor.dtype for tensor in loaded.model.parameters() if tensor.is_floating_point())
    x = torch.zeros(1, *loaded.input.size, device=loaded.device, dtype=next(kinds, torch.float32))
    with untouched(loaded.model), torch.no_grad(), _Squashes() as squashes:
        output = loaded.model(x)
    scores = member(output, network.output_key, classes)
    if scores is None and network.output_key:
        raise ModelError(f"{loaded.slug}: output_key: the network returns no tensor {network.output_key!r}")
    shape = None if scores is None else tuple(scores.shape)
    spatial = shape is not None and len(shape) == 4 and shape[2] * shape[3] > 1
    if scores is None or shape is None or not (len(shape) in (1, 2) or spatial) or shape[0] != 1:
        message = f"{loaded.slug}: expected class scores of shape (1, classes) or (1, classes, h, w)"
        raise ModelError(f"{message}, the network returned {shape}")
    width = shape[1] if len(shape) > 1 else 1
    op, call = next(
        (
            (name, number)
            for name, number, made in reversed(squashes.calls)
            if made is scores or (made.data_ptr() == scores.data_ptr() and made.numel() == scores.numel())
        ),
        ("", 0),
    )
    given = network.output
    if given and spatial != (given == "mask"):
        raise ModelError(f"{loaded.slug}: output: {given} does not fit what the network returns, {shape}")
    flat = "binary" if width == 1 else "labels" if op == "sigmoid" else "classes"
    kind = given or ("mask" if spatial else flat)
    if kind == "binary" and width != 1:
        raise ModelError(f"{loaded.slug}: output: a binary answer is one number, the network returns {width}")
    if kind == "classes" and width == 1:
        raise ModelError(f"{loaded.slug}: output: one number cannot be class scores; set binary or value")
    if kind == "value" and op:
        op, call = "", 0  # a value within bounds is meant as it comes
    return Readout(kind, width, op, call, network.output_key, classes, network.threshold)


def member(output: Any, key: str = "", classes: int = 0) -> torch.Tensor | None:
    """Return the tensor of scores in what a network returns: itself, or a member of a tuple, a dictionary or an object.

    `key` names it, by a number in a tuple. Without one it is the only member that is as wide as there are `classes`,
    else "logits", "out" or the first.
    """
    if isinstance(output, torch.Tensor):
        return output
    members = _members(output)
    if key:
        head, _, rest = key.partition(".")
        numbered = isinstance(output, tuple | list) and head.isdecimal() and int(head) < len(output)
        chosen = output[int(head)] if numbered else members.get(head)
        return member(chosen, rest) if chosen is not None else None
    tensors = [value for value in members.values() if isinstance(value, torch.Tensor)]
    fitting = [value for value in tensors if value.ndim in (2, 4) and value.shape[1] == classes]
    wide = [value for value in fitting if value.ndim == 2] or fitting
    if classes and len(wide) == 1:
        return wide[0]
    for name in [*(name for name in ("logits", "out") if name in members), *members]:
        scores = member(members[name], "", classes) if members[name] is not None else None
        if scores is not None:
            return scores
    return None


def _members(output: Any) -> dict[str, Any]:
    if isinstance(output, dict):
        return {str(name): value for name, value in output.items()}
    if hasattr(output, "_asdict"):  # a named tuple
        return output._asdict()
    if isinstance(output, tuple | list):
        return {str(number): value for number, value in enumerate(output)}
    if dataclasses.is_dataclass(output):
        return {field.name: getattr(output, field.name) for field in dataclasses.fields(output)}
    return {}
