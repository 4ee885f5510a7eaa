"""What a record of the store may look like: its seal shows that it is whole, and this that it is one of ours."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

DIGEST = re.compile(r"[0-9a-f]{64}")
STATES = {  # and what each of them needs
    "drawn": ("meta", "numbers", "target"),
    "inapplicable": ("reason", "target"),
    "measured": ("numbers",),
}


def _is(*kinds: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kinds) and not (bool not in kinds and isinstance(value, bool))


def _all(*kinds: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(isinstance(item, kinds) for item in value)


FIELDS: dict[str, Callable[[Any], bool]] = {
    "payloads": lambda value: isinstance(value, dict) and all(map(_is_digest, value.values())),
    "status": lambda value: isinstance(value, str) and value in STATES,
    "reason": _is(str),
    "meta": _is(dict),
    "numbers": _is(dict),
    "target": _is(dict, type(None)),
    "files": lambda value: isinstance(value, dict) and all(isinstance(item, str) for item in value.values()),
    "width": _is(int),
    "height": _is(int),
    "card": _is(dict),
    "cards": _all(dict),
    "measures": _all(dict),
    "controls": _all(dict),
}


def _is_number(value: Any) -> bool:
    return _is(int, float)(value) and math.isfinite(value)


def _is_length(value: Any) -> bool:
    return _is(int)(value) and value > 0


def _numbers(*counts: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and len(value) in counts and all(map(_is_number, value))


def _is_score(value: Any) -> bool:
    """Return whether this is what a measure says of a map: a score and, of some, a curve."""
    if not isinstance(value, dict) or not _is_number(value.get("score")):
        return False
    curve, layers = value.get("curve", [0]), value.get("layers", [])
    is_curve = isinstance(curve, list) and bool(curve) and all(map(_is_number, curve))
    return is_curve and isinstance(layers, list) and all(map(_is(int), layers))


def _is_sprite(value: Any) -> bool:
    """Return whether this says how channels lie in a picture."""
    counts = ("channels", "columns", "rows", "gap")
    sizes = isinstance(value, dict) and all(_is(int)(value.get(name)) and value[name] >= 0 for name in counts)
    return sizes and _numbers(2)(value.get("tile"))


def _likeness(value: Any) -> bool:
    wanted = ("correlation", "relative difference")
    return isinstance(value, dict) and all(_is_number(value.get(name)) for name in wanted)


SHAPES: dict[str, dict[str, Callable[[Any], bool]]] = {  # kinds of records, with fields that each of them has
    "comparison": {
        "files": lambda value: isinstance(value, dict) and {"left", "right", "difference"} <= set(value),
        "width": _is_length,
        "height": _is_length,
        "scale": _numbers(2),
        "sprite": lambda value: value is None or _is_sprite(value),
        "numbers": _likeness,
    },
    "evidence": {"status": lambda value: value in ("measured", "inapplicable")},
    "probe part": {"problems": _all(str), "payloads": lambda value: "answers" in value},
    "probe": {
        "data": _is(str),
        "images": _is_length,
        "problems": _all(str),
        "input": _is(dict, type(None)),
        "norms": _all(dict),
        "broken": _is(list, dict),
        "sheet": _is(dict, type(None)),
        "payloads": lambda value: "answers" in value,
    },
}


def has_shape(record: Mapping[str, Any], shape: str) -> bool:
    """Return whether a record is of this one of the `SHAPES`."""
    if not all(name in record and check(record[name]) for name, check in SHAPES[shape].items()):
        return False
    if shape == "evidence":
        measured = record["status"] == "measured"
        return _is_score(record.get("numbers")) if measured else isinstance(record.get("reason"), str)
    return shape != "comparison" or set(record["files"]) <= set(record["payloads"])


def is_record(value: Any, fields: tuple[str, ...] = (), shape: str = "") -> bool:
    """Return whether this is a record, with these fields and each of those that are known as it should be.

    Who asks for the field `status` also needs what a record of that status holds. With `shape` it is one of `SHAPES`.
    """
    if not isinstance(value, Mapping) or "payloads" not in value:
        return False
    if not all(check(value[name]) for name, check in FIELDS.items() if name in value):
        return False
    if shape and not has_shape(value, shape):
        return False
    if "status" in fields and value.get("status") == "drawn" and "arrays" not in value["payloads"]:
        return False
    needed = STATES.get(value.get("status", ""), ()) if "status" in fields else ()
    return all(name in value for name in (*fields, *needed))


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and DIGEST.fullmatch(value) is not None
