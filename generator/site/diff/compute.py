"""What changed from one gallery to another: figures that are new, gone or different, by how much, and why."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath
from typing import Any, Literal

import numpy as np

from generator.core.manifest_types import (
    ChangesAnswer,
    ChangesFigure,
    ChangesFigureNumbers,
    ChangesRecord,
    FigureRecord,
    Manifest,
    MaskRecord,
    PredictionRecord,
    ProbabilityRecord,
    ValueRecord,
)
from generator.drawing import styles
from generator.drawing.differences import map_difference, of_one_size, sprite_difference
from generator.drawing.similarity import likeness, ssim

from .snapshot import Side
from .values import Values, luminance, values

MAX_PICTURES = 200  # changed figures that get pictures
VALUE_CHANGE = 1e-3  # of a value itself, and of a picture's pixels: what changes by less is rounding
FOLDER = "changes"  # below the gallery: pictures of what was, and differences


def diff(old: Side, new: Side, chosen: Mapping[str, Iterable[str]] | None = None) -> ChangesRecord:
    """Return what changed, as plain data; the changed figures stand with the most changed first.

    `chosen` narrows it down: `{"model": slugs, "image": ids, "method": slugs}`, nothing for all. A figure's numbers are
    `correlation`, `relative difference` (length of the difference over that of the old values), `largest difference`
    (in the unit of the values) and `ssim`, as far as they can be told; `values` says what from.
    """
    wanted = {axis: set(names) for axis, names in (chosen or {}).items() if names}

    def is_wanted(figure: FigureRecord) -> bool:
        return all(figure[axis] in names for axis, names in wanted.items())

    before = {key: figure for key, figure in old.figures.items() if is_wanted(figure)}
    after = {key: figure for key, figure in new.figures.items() if is_wanted(figure)}
    both = [key for key in after if key in before]
    touched = [key for key in both if _differs(before[key], after[key])]
    with ThreadPoolExecutor() as threads:
        changed = list(threads.map(lambda key: _changed(old, new, before[key], after[key]), touched))
    changed.sort(key=distance, reverse=True)
    only_new = [_entry("new", figure) for key, figure in after.items() if key not in before]
    only_old = [_entry("gone", figure) for key, figure in before.items() if key not in after]
    again = sum(before[key]["keys"] != after[key]["keys"] for key in both) - sum(
        before[entry["id"]]["keys"] != after[entry["id"]]["keys"] for entry in changed
    )
    counts = {"new": len(only_new), "gone": len(only_old), "changed": len(changed)}
    return {
        "counts": {**counts, "same": len(both) - len(changed), "same, made anew": again},
        "parts": {
            "models": _parts(old, new, "models", "slug", lambda card: (card["digest"], card["input"])),
            "images": _parts(old, new, "images", "id", lambda image: (image["digest"], image["targets"])),
            "methods": _parts(old, new, "methods", "slug", lambda card: (card["key"], card["parameters"])),
        },
        "versions": _versions(old.manifest, new.manifest),
        "answers": _answers(old.manifest, new.manifest, wanted),
        "figures": [*changed, *only_new, *only_old],
    }


def pictures(old: Side, new: Side, comparison: ChangesRecord, most: int = MAX_PICTURES) -> dict[str, bytes]:
    """Return the files that show it, for the `most` most changed figures and as many that are gone: path and bytes.

    What `comparison["figures"]` show is noted there, in `files`: `before` and `difference` below `FOLDER`, `after`
    where the new gallery has it. Pictures that are not at hand are left out.
    """
    files: dict[str, bytes] = {}
    for kind in ("changed", "gone"):
        for entry in [entry for entry in comparison["figures"] if entry["kind"] == kind][:most]:
            was, now = old.figures[entry["id"]], new.figures.get(entry["id"])
            entry["files"] = {}
            data = old.picture(was)
            if data:
                entry["files"]["before"] = f"{FOLDER}/{entry['id']}.before{PurePosixPath(was['file']).suffix}"
                files[entry["files"]["before"]] = data
            if now is None or now["status"] != "drawn":
                continue
            drawn = _difference(old, new, was, now)
            if drawn:
                entry["files"]["difference"] = f"{FOLDER}/{entry['id']}.difference.png"
                files[entry["files"]["difference"]] = drawn
            entry["files"]["after"] = now["file"]
    return files


def distance(entry: ChangesFigure) -> float:
    """By what changed figures are ordered: a picture that came or went, then one of unknown distance, then 1 - r."""
    if entry["status"][0] != entry["status"][1]:
        return 4.0
    numbers = entry["numbers"]
    if "correlation" in numbers:
        return 1 - numbers["correlation"]
    return (1 - numbers["ssim"]) if "ssim" in numbers else 3.0


# --- figures ----------------------------------------------------------------------------------------


def _differs(was: FigureRecord, now: FigureRecord) -> bool:
    return any(was[name] != now[name] for name in ("status", "digest", "scale"))


def _entry(kind: Literal["changed", "new", "gone"], figure: FigureRecord) -> ChangesFigure:
    return {
        "kind": kind,
        "id": figure["id"],
        "model": figure["model"],
        "image": figure["image"],
        "method": figure["method"],
        "layer": figure["layer"],
        "target": figure["target"]["name"] if figure["target"] else "",
        "status": [figure["status"] if kind == "gone" else "", "" if kind == "gone" else figure["status"]],
    }


def _changed(old: Side, new: Side, was: FigureRecord, now: FigureRecord) -> ChangesFigure:
    entry: ChangesFigure = {
        **_entry("changed", now),
        "status": [was["status"], now["status"]],
        "numbers": {},
        "values": "",
        "because": _because(old, new, was, now),
        "scales": [was["scale"], now["scale"]],
        "size": [now["width"], now["height"]],
        "reason": now["reason"] or was["reason"],
    }
    if entry["status"] != ["drawn", "drawn"]:
        return entry
    left, right = values(old, was), values(new, now)
    pair = _lying_on_each_other(left, right)
    if pair:
        entry["numbers"] = _numbers(*pair)
        entry["values"] = "stored" if left.source == right.source == "stored" else "decoded"
    files = [side.picture(figure) for side, figure in ((old, was), (new, now))]
    if all(files):
        grey = [luminance(data) for data in files]
        if grey[0].shape == grey[1].shape:
            entry["numbers"]["ssim"] = ssim(*grey)
    return entry


def _numbers(left: list[np.ndarray], right: list[np.ndarray]) -> ChangesFigureNumbers:
    before, after = (np.concatenate([array.ravel() for array in arrays]) for arrays in (left, right))
    alike = likeness(before, after)
    return {
        "correlation": alike["correlation"],
        "relative difference": alike["relative difference"],
        "largest difference": float(np.abs(after - before).max(initial=0.0)),
    }


def _lying_on_each_other(left: Values | None, right: Values | None) -> tuple[list, list] | None:
    """Return the arrays of both, those of maps as fine as the finer one; None where they are of different kinds or
    sizes.
    """
    if not left or not right or left.arrays.keys() != right.arrays.keys():
        return None
    pairs = []
    for name, first in left.arrays.items():
        second = right.arrays[name]
        if first.ndim == second.ndim == 3 and name != "channels" and first.shape[0] == second.shape[0]:
            first, second = of_one_size([first, second])
        if first.shape != second.shape:
            return None
        pairs.append((first, second))
    return [first for first, _ in pairs], [second for _, second in pairs]


def _difference(old: Side, new: Side, was: FigureRecord, now: FigureRecord) -> bytes | None:
    """New minus old as a picture, from the values where both are a map or channels, else from the luminance."""
    style = new.style(now)
    left, right = values(old, was), values(new, now)
    pair = _lying_on_each_other(left, right)
    if pair and style.difference and len(pair[0]) == 1 and pair[0][0].ndim == style.axes:
        limit = max(float(np.abs(end)) for figure in (was, now) for end in figure["scale"] or (1.0,))
        (before,), (after,) = pair
        if "channels" in left.arrays:
            drawn = sprite_difference(before, after, limit, right.meta)
        else:
            drawn = map_difference(style.difference, before, after, limit)
        return drawn.files["file"][1]
    files = [side.picture(figure) for side, figure in ((old, was), (new, now))]
    if not all(files):
        return None
    grey = [luminance(data).astype(np.float32) for data in files]
    if grey[0].shape != grey[1].shape:
        return None
    return styles.draw("signed", {"map": (grey[1] - grey[0])[None]}, {}, None, 255.0).files["file"][1]


# --- why --------------------------------------------------------------------------------------------


def _because(old: Side, new: Side, was: FigureRecord, now: FigureRecord) -> list[str]:
    """Return what a figure depends on and what changed of it, as far as the manifests tell."""
    if was["keys"].get("array") == now["keys"].get("array") and was["keys"]:
        return ["the drawing"]
    reasons = {
        "the network": _of(old, new, "models", "slug", was["model"], lambda card: (card["digest"], card["input"])),
        "the photo": _of(old, new, "images", "id", was["image"], lambda image: image["digest"]),
        "the method": _of(old, new, "methods", "slug", was["method"], lambda card: (card["key"], card["parameters"])),
        "library versions": bool(_versions(old.manifest, new.manifest)),
    }
    return [reason for reason, is_so in reasons.items() if is_so] or ["settings or shared code"]


def _of(old: Side, new: Side, part: str, name: str, key: str, describe: Any) -> bool:
    sides = [[describe(card) for card in side.manifest[part] if card[name] == key] for side in (old, new)]
    return sides[0] != sides[1]


def _parts(old: Side, new: Side, part: str, name: str, describe: Any) -> dict[str, list[str]]:
    was, now = ({card[name]: describe(card) for card in side.manifest[part]} for side in (old, new))
    return {
        "new": [key for key in now if key not in was],
        "gone": [key for key in was if key not in now],
        "changed": [key for key in now if key in was and was[key] != now[key]],
    }


def _versions(old: Manifest, new: Manifest) -> list[list[str]]:
    was, now = old["generator"], new["generator"]
    names = sorted(was.keys() | now.keys())
    return [[name, was.get(name, ""), now.get(name, "")] for name in names if was.get(name) != now.get(name)]


def _answers(old: Manifest, new: Manifest, wanted: Mapping[str, set[str]]) -> list[ChangesAnswer]:
    """Return the images of which a network now says something else, or answers with another value or other masks."""
    was = {(entry["model"], entry["image"]): entry for entry in old["predictions"]}
    changed: list[ChangesAnswer] = []
    for now in new["predictions"]:
        before = was.get((now["model"], now["image"]))
        if any(now[axis] not in names for axis, names in wanted.items() if axis != "method"):
            continue
        for first, second in _other_answers(before, now) if before else ():
            entry: ChangesAnswer = {
                "model": now["model"],
                "image": now["image"],
                "label": now["label"],
                "before": first,
                "after": second,
            }
            changed.append(entry)
    return changed


def _other_answers(
    was: PredictionRecord, now: PredictionRecord
) -> Sequence[
    tuple[ProbabilityRecord, ProbabilityRecord] | tuple[ValueRecord, ValueRecord] | tuple[MaskRecord, MaskRecord]
]:
    """Return the answer before and now where it is another one, or each value or share that is another."""
    if was.get("kind") == now.get("kind") == "mask":
        return _other_shares(was["shares"], now["shares"])
    if was["top"] and now["top"]:
        pair = was["top"][0], now["top"][0]
        return [pair] if pair[0]["name"] != pair[1]["name"] else []
    before = {entry["name"]: entry for entry in was.get("values", [])}
    pairs = [(before[entry["name"]], entry) for entry in now.get("values", []) if entry["name"] in before]
    return [
        (first, second)
        for first, second in pairs
        if first["unit"] != second["unit"] or not math.isclose(first["value"], second["value"], rel_tol=VALUE_CHANGE)
    ]


def _other_shares(was: list[MaskRecord], now: list[MaskRecord]) -> list[tuple[MaskRecord, MaskRecord]]:
    """Return each class whose share of the picture is another, that which changed most first."""
    before, after = ({entry["index"]: entry for entry in shares} for shares in (was, now))
    pairs = []
    for index in dict.fromkeys([*after, *before]):
        first, second = before.get(index), after.get(index)
        if first and second and first["name"] != second["name"]:  # another vocabulary: nothing to subtract
            continue
        pair = (first or {**second, "share": 0.0}, second or {**first, "share": 0.0})
        if abs(pair[0]["share"] - pair[1]["share"]) > VALUE_CHANGE:
            pairs.append(pair)
    return sorted(pairs, key=lambda pair: -abs(pair[0]["share"] - pair[1]["share"]))
