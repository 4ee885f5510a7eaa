"""Which class a job explains, once the network has spoken: the label, its rival, a class by name, a contrast."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch

from generator.core.answer_kinds import FURTHER, PIXEL, ranked
from generator.core.naming import class_slugs
from generator.core.records import ModelCard

from .readout import Reading


class Target(NamedTuple):
    """The class that a job explains, found after the forward pass."""

    name: str
    index: int  # type: ignore[assignment]  # of a tuple the name is a method, which nobody calls
    probability: float | None  # None of a value
    role: str  # "label", "rival", "top", "class", "contrast" or "pixel"
    against: int = -1  # of a contrast S_a - S_b: the index of b
    slug: str = ""  # its part of a figure's name, no class of the network having the same
    pixel: int = -1  # of a pixel: which of the scores is its own, as those of pixels follow those of classes

    @property
    def column(self) -> int:
        """Which of the scores and probabilities (N, classes and pixels) are the target's."""
        return self.index if self.pixel < 0 else self.pixel

    def pick(self, logits: torch.Tensor) -> torch.Tensor:
        """S_c of each sample, (N,), of logits (N, classes and pixels)."""
        score = logits[:, self.column]
        return score if self.against < 0 else score - logits[:, self.against]

    def share(self, logits: torch.Tensor) -> torch.Tensor:
        """Return what of the logits (1, classes and pixels) is the class's, zero elsewhere: the sum is the score."""
        own = torch.zeros_like(logits)
        own[:, self.column] = logits[:, self.column]
        if self.against >= 0:
            own[:, self.against] = -logits[:, self.against]
        return own


def find_targets(
    logits: torch.Tensor,
    card: ModelCard,
    label: str,
    symbols: Iterable[str],
    reading: Reading | None = None,
    pixels: Sequence[tuple[int, int]] = (),
) -> dict[str, Target]:
    """Return the class behind each symbol ("label", "rival", "top", "class:frog", "contrast:frog:deer") that names one.

    `logits` is (1, classes), finite; `reading`, needed of masks, what else the network answers; `label` the image's
    class name, or "". Where that is no class of the network, the top prediction stands for it. The rival is the most
    probable other class; of two sides it is the other one; of masks the order is that of their shares. A class name may
    hold colons itself. "further:1" is the next label that reaches the threshold, where there is one. "pixel:3:5" is the
    class that a segmentation predicts in row 3 and column 5 of the input, counted from 0, for that place alone;
    `pixels` are those that `reading` was asked for.
    """
    kind = card.output["kind"]
    if reading is not None and reading.shares is not None:
        probabilities = reading.probabilities[0].tolist()
        order = ranked(card.output, reading.shares[0].tolist())
    else:
        scores = logits.double()
        probabilities = (scores.softmax(1) if kind == "classes" else scores.sigmoid())[0].tolist()
        order = ranked(card.output, probabilities)
    names = {name: index for index, name in reversed(list(enumerate(card.classes)))}  # of equal names the first
    first = names.get(label, order[0])
    rival = next((index for index in order if index != first), first)
    plain = {"label": (first, -1), "top": (order[0], -1), "rival": (rival, -1), "contrast": (first, rival)}
    if kind == "labels":
        further = [i for i in order if probabilities[i] >= card.output["threshold"] and i not in (first, rival)]
        plain |= {f"{FURTHER}:{place}": (index, -1) for place, index in enumerate(further, 1)}
    targets, slugs = {}, class_slugs(card.classes)
    for symbol in symbols:
        role, _, rest = symbol.partition(":")
        pair = plain.get(symbol) or (_named(role, rest, names) if rest and role not in (FURTHER, PIXEL) else None)
        if pair:
            index, against = pair
            name = card.classes[index] + (f" against {card.classes[against]}" if against >= 0 else "")
            part = slugs[index] + (f"-against-{slugs[against]}" if against >= 0 else "")
            targets[symbol] = Target(
                name, index, None if kind == "value" else probabilities[index], role, against, part
            )
    winners, shown = (reading.winners, reading.probabilities[0]) if reading is not None else ((), torch.zeros(0))
    for number, (pixel, winner) in enumerate(zip(pixels, winners, strict=False)):
        if winner >= 0:
            column = len(card.classes) + number
            name, part = f"{card.classes[winner]} at row {pixel[0]}, column {pixel[1]}", f"{slugs[winner]}-at-"
            part += f"{pixel[0]}-{pixel[1]}"
            targets[f"{PIXEL}:{pixel[0]}:{pixel[1]}"] = Target(
                name, winner, float(shown[column]), PIXEL, slug=part, pixel=column
            )
    return targets


def pixels_of(symbols: Iterable[str]) -> tuple[tuple[int, int], ...]:
    """Return row and column of each pixel among the symbols.

    >>> pixels_of(["label", "pixel:3:5"])
    ((3, 5),)
    """
    parts = [symbol.split(":") for symbol in sorted(symbols) if symbol.startswith(f"{PIXEL}:")]
    return tuple((int(row), int(column)) for _, row, column in parts)


def _named(role: str, rest: str, names: dict[str, int]) -> tuple[int, int] | None:
    if role != "contrast":
        return (names[rest], -1) if rest in names else None
    parts = rest.split(":")
    pairs = ((":".join(parts[:cut]), ":".join(parts[cut:])) for cut in range(1, len(parts)))
    return next(((names[a], names[b]) for a, b in pairs if a in names and b in names), None)
