"""How far optimised images exceed plain grey and the best image at hand.

Methods state what each picture `reached` and what `grey` of its size reaches; the best image comes from the probe.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

RIVALS = {"grey": "grey", "the photo": "the photo itself", "best image": "the best of {images}"}
NAMED = 8  # pictures that a sentence lists


def with_best_image(
    numbers: Mapping[str, Any], objective: str, channels: Mapping[str, np.ndarray] | None
) -> dict[str, Any]:
    """Return the numbers of a figure with a "best image" value for each of its channels.

    `channels` holds the probe's statistics of the layer, None without any. For the objective "channel" an image counts
    by its mean over space, for "unit" by its largest value.
    """
    if channels is None or not {"reached", "channels"} <= set(numbers):
        return dict(numbers)
    best = channels["top"][0] if objective == "unit" and len(channels["top"]) else channels["best"]
    values = [float(f"{best[channel]:.4g}") for channel in numbers["channels"]]
    return {**numbers, "best image": [value if math.isfinite(value) else None for value in values]}


def rows(numbers: Mapping[str, Any]) -> list[tuple[str, float, dict[str, float | None]]]:
    """Return each picture's name, what it reached and what each reference reached; nothing where none is stated."""
    if "reached" not in numbers:
        return []
    names = _names(numbers)
    rivals = [rival for rival in RIVALS if rival in numbers]
    return [
        (name, value, {rival: numbers[rival][place] for rival in rivals})
        for place, (name, value) in enumerate(zip(names, numbers["reached"], strict=True))
    ]


def sentence(numbers: Mapping[str, Any], images: str = "") -> str:
    """Say how many of the pictures exceed each reference, and name the others; `images` is what the probe looked at.

    >>> sentence({"channels": [4, 7], "reached": [2.0, 0.1], "grey": [0.0, 0.0], "best image": [1.0, 3.0]}, "9 images")
    'Of 2 pictures 2 exceed grey and 1 exceeds the best of 9 images (not channel 7)'
    >>> sentence({"channels": [4], "reached": [0.0], "grey": [0.0]})
    'The picture does not exceed grey'
    """
    pictures = rows(numbers)
    if not pictures:
        return ""
    parts = []
    for rival, title in RIVALS.items():
        if rival not in numbers:
            continue
        title = title.format(images=images)
        losers = [name for name, value, others in pictures if others[rival] is not None and not value > others[rival]]
        if len(pictures) == 1:
            parts.append(f"does not exceed {title}" if losers else f"exceeds {title}")
            continue
        count = len(pictures) - len(losers)
        rest = f" (not {_listed(losers)})" if losers else ""
        parts.append(f"{count or 'none'} {'exceeds' if count == 1 else 'exceed'} {title}{rest}")
    subject = "The picture" if len(pictures) == 1 else f"Of {len(pictures)} pictures"
    return f"{subject} {', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else f"{subject} {parts[0]}"


def ranked_elsewhere(numbers: Mapping[str, Any]) -> str:
    """Name the classes whose pictures the network classifies as another one; "" where there is none."""
    pairs = zip(numbers.get("classes", ()), numbers.get("ranked first", ()), strict=True)
    wrong = [f"{own} as {other}" for own, other in pairs if own != other]
    return f"optimised images that the network classifies otherwise: {_listed(wrong)}" if wrong else ""


def _names(numbers: Mapping[str, Any]) -> Sequence[str]:
    if "classes" in numbers:
        return numbers["classes"]
    if "channels" in numbers:
        return [f"channel {channel}" for channel in numbers["channels"]]
    return numbers["layers"][1:]  # the first panel is the photo


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
