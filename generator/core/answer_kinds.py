"""The order in which a network's answers are told, by the kind of its output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

FURTHER = "further"  # "further:1" is the first label beyond the first answer and its rival that reaches the threshold
PIXEL = "pixel"  # "pixel:3:5" is what a segmentation predicts in row 3 and column 5 of its input
MOST_FURTHER = 3  # of them that get figures


def ranked(output: Mapping[str, Any], shares: Sequence[float]) -> list[int]:
    """Return the indices of answers, the first one being the network's.

    Of a binary answer it is the positive side where its probability reaches the threshold; of a value the upper side,
    which no number decides; of masks the largest; else the most probable.

    >>> ranked({"kind": "binary", "threshold": 0.3}, [0.6, 0.4]), ranked({"kind": "classes"}, [0.1, 0.7, 0.2])
    ([1, 0], [1, 2, 0])
    """
    if output["kind"] == "binary":
        return [1, 0] if shares[1] >= output["threshold"] else [0, 1]
    if output["kind"] == "value":
        return [index ^ 1 for index in range(len(shares))]
    return sorted(range(len(shares)), key=lambda index: (-shares[index], index))


def holds(output: Mapping[str, Any], shares: Sequence[float], label: int) -> bool | None:
    """Return whether the class `label` is among the answers of a network; None where there is no such class, or no
    answer.
    """
    if label < 0 or output["kind"] in ("value", "mask"):
        return None
    if output["kind"] == "labels":
        return bool(shares[label] >= output["threshold"])
    return ranked(output, shares)[0] == label
