"""What a record of the store may look like: its seal shows that it is whole, and this that it is one of ours."""

from __future__ import annotations

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


def is_record(value: Any, fields: tuple[str, ...] = ()) -> bool:
    """Return whether this is a record, with these fields and each of those that are known as it should be.

    Who asks for the field `status` also needs what a record of that status holds.
    """
    if not isinstance(value, Mapping) or "payloads" not in value:
        return False
    if not all(check(value[name]) for name, check in FIELDS.items() if name in value):
        return False
    if "status" in fields and value.get("status") == "drawn" and "arrays" not in value["payloads"]:
        return False
    needed = STATES.get(value.get("status", ""), ()) if "status" in fields else ()
    return all(name in value for name in (*fields, *needed))


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and DIGEST.fullmatch(value) is not None
