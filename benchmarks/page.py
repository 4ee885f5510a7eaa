"""The rows of latest.json as tables, in the page about performance and, the headline alone, in README."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from . import latest

ROOT = Path(__file__).parents[1]
PLACES = {"site_src/docs/performance.md": "all", "README.md": "headline"}
HEADLINE = ("today", "limit")  # benchmarks whose rows with a target the README shows


def write() -> None:
    """Put the tables of latest.json between the marks of each file."""
    for name, kind in PLACES.items():
        path = ROOT / name
        path.write_text(filled(path.read_text(), kind))


def filled(text: str, kind: str) -> str:
    """A document with the tables of latest.json between its marks."""
    known = latest.read()
    made = {"all": everything, "headline": headline}[kind](known)
    marks = re.compile(r"(<!-- measured -->\n).*?(\n<!-- end -->)", re.DOTALL)
    return marks.sub(lambda found: f"{found[1]}\n{made}\n{found[2]}", text)


def everything(known: dict[str, Any]) -> str:
    """One table a benchmark, below the machine and the versions."""
    versions = ", ".join(f"{name} {version}" for name, version in known["versions"].items())
    parts = [ratio(known), f"Measured on {known['date']}: {known['machine']}; {versions}. Written by `make bench`."]
    for name in dict.fromkeys(row["benchmark"] for row in known["rows"]):
        rows = [row for row in known["rows"] if row["benchmark"] == name]
        parts += [f"### {name}", latest.summary(name), table(rows)]
    return "\n\n".join(parts)


def headline(known: dict[str, Any]) -> str:
    """Return the rows with a target, of the benchmarks that matter most."""
    rows = [row for row in known["rows"] if row["benchmark"] in HEADLINE and row["bar"] is not None]
    versions = f"torch {known['versions']['torch']}"
    return f"{ratio(known)}\n\n{table(rows)}\n\nMeasured on {known['date']}: {known['machine']}, {versions}."


def ratio(known: dict[str, Any]) -> str:
    """All of it in one sentence: the least and the most of the two ratios that matter."""

    def span(ending: str) -> str:
        values = sorted(row["value"] for row in known["rows"] if row["name"].endswith(ending))
        return " to ".join(number(end, "") for end in values[:: max(1, len(values) - 1)])

    theirs, bare = span(": core set, theirs over ours"), span(": maps over bare passes")
    rivals = "captum, pytorch-grad-cam and a matplotlib figure for each layer"
    return (
        f"**{theirs} times less CPU time** than {rivals} take for the same\n"
        f"pictures; for the maps alone **{bare} times** what the network's own passes cost."
    )


def table(rows: list[dict[str, Any]]) -> str:
    """Rows as a table in Markdown."""
    lines = ["| what | measured | target | |", "|---|---|---|---|"]
    for row in rows:
        bar = outcome = ""
        if row["bar"] is not None:
            bar = f"at {'most' if row['lower'] else 'least'} {number(row['bar'], row['unit'])}"
            outcome = "met" if row["passed"] else "**not met**"
        name = f"{row['name']} ({row['note']})" if row["note"] else row["name"]
        lines.append(f"| {name} | {number(row['value'], row['unit'])} | {bar} | {outcome} |")
    return "\n".join(lines)


def number(value: float, unit: str) -> str:
    """A number as people read it, three digits of it, with its unit.

    >>> number(1.2345, "ns"), number(30.0, "x"), number(12345.6, "")
    ('1.23 ns', '30 x', '12,346')
    """
    digits = 0 if value == int(value) or abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f} {unit}".strip()
