"""Conditions under which a difference is too large: `grad-cam:correlation<0.9`, `gone>0`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from generator.core.errors import ConfigError
from generator.core.manifest_types import ChangesFigure, ChangesRecord

NUMBERS = ("correlation", "relative-difference", "largest-difference", "ssim")
COUNTS = ("new", "gone", "changed", "failed", "answers")
COMPARED: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
GATE = re.compile(r"(?:(?P<method>[a-z0-9_.~@-]+):)?(?P<what>[a-z-]+)\s*(?P<sign><=|>=|<|>)\s*(?P<limit>-?[0-9.]+%?)")


@dataclass(frozen=True)
class Gate:
    """One condition; a difference that meets it is refused."""

    text: str
    method: str  # a slug, "" for all
    what: str
    sign: str
    limit: float


def gate(text: str) -> Gate:
    """Return a condition from its words. Raises `ConfigError` that says what can be asked for."""
    match = GATE.fullmatch(text.strip())
    try:
        limit = float(match["limit"].removesuffix("%")) / (100 if match["limit"].endswith("%") else 1)
    except (TypeError, ValueError):
        raise ConfigError(
            f"--fail-if {text!r}: expected [METHOD:]WHAT<LIMIT or >LIMIT, such as grad-cam:correlation<0.9"
        ) from None
    if match["what"] not in NUMBERS + COUNTS:
        choices = ", ".join(NUMBERS + COUNTS)
        raise ConfigError(f"--fail-if {text!r}: expected one of {choices}; there is no {match['what']!r}")
    return Gate(text.strip(), match["method"] or "", match["what"], match["sign"], limit)


def broken(gates: Iterable[Gate], comparison: ChangesRecord) -> list[str]:
    """Return one line for each gate that `diff.diff`'s answer breaks, with the figures that break it.

    A changed figure whose number cannot be told breaks the gate too: nobody knows that it is within the limit.
    """
    return [line for gate in gates if (line := _broken(gate, comparison))]


def _broken(gate: Gate, comparison: ChangesRecord) -> str:
    figures = [entry for entry in comparison["figures"] if gate.method in ("", entry["method"])]
    compared = COMPARED[gate.sign]
    if gate.what in COUNTS:
        count = (
            len(comparison["answers"])
            if gate.what == "answers"
            else sum(_counts(gate.what, entry) for entry in figures)
        )
        return f"{gate.text}: it is {count}" if compared(count, gate.limit) else ""
    name, breaking, unknown = gate.what.replace("-", " "), [], []
    for entry in figures:
        if entry["kind"] != "changed":
            continue
        if name not in entry["numbers"]:
            unknown.append(entry["id"])
        elif compared(entry["numbers"][name], gate.limit):
            breaking.append(f"{entry['id']} ({entry['numbers'][name]:.3g})")
    parts = [_some(breaking)] if breaking else []
    parts += [f"not known of {_some(unknown)}"] if unknown else []
    return f"{gate.text}: {'; '.join(parts)}" if parts else ""


def _counts(what: str, entry: ChangesFigure) -> bool:
    if what == "failed":
        return entry["status"][1] == "failed" and entry["status"][0] != "failed"
    return entry["kind"] == what


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
