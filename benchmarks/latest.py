"""The rows measured last, in latest.json, with the machine and the versions they were measured with."""

from __future__ import annotations

import ast
import json
import platform
import re
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FILE = HERE / "latest.json"
LIBRARIES = ("torch", "torchvision", "numpy", "pillow", "captum", "grad-cam", "matplotlib")


def names() -> list[str]:
    """The benchmarks there are: the modules of this folder that have rows to tell."""
    return sorted(path.stem for path in HERE.glob("[a-z]*.py") if "\ndef rows() -> " in path.read_text())


def summary(name: str) -> str:
    """What a benchmark measures, in one line."""
    return _docstring(name).split("\n")[0]


def read() -> dict[str, Any]:
    """`{"machine", "versions", "date", "rows": [{"benchmark", "name", "value", "unit", "bar", "passed", ..}]}`."""
    return json.loads(FILE.read_text()) if FILE.is_file() else {"rows": []}


def keep(name: str, rows: list[dict[str, Any]]) -> None:
    """Put the rows of one benchmark in place of those it had. Rows from another machine or with others' versions go."""
    here = {"machine": machine(), "versions": versions()}
    before = read()
    same = all(before.get(key) == value for key, value in here.items())
    others = [row for row in before["rows"] if row["benchmark"] != name] if same else []
    date = datetime.now(UTC).date().isoformat()
    found = others + [{"benchmark": name, **row, "date": date} for row in rows]
    found.sort(key=lambda row: row["benchmark"])
    FILE.write_text(json.dumps({**here, "date": date, "rows": found}, indent=1) + "\n")


def machine() -> str:
    """What kind of machine this is: processor, cores, memory, system."""
    cores, memory, chip = "", "", platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").is_file():
        chips = re.findall(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
        chip, cores = (chips[0], f"{len(chips)} cores") if chips else (chip, "")
        kilobytes = re.search(r"^MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text(), re.MULTILINE)
        memory = f"{int(kilobytes[1]) / 2**20:.0f} GiB" if kilobytes else ""
    return ", ".join(filter(None, [chip, cores, memory, f"{platform.system()} {platform.machine()}"]))


def versions() -> dict[str, str]:
    """Python's version and those of the libraries that do the work."""
    return {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES}


def _docstring(name: str) -> str:
    return ast.get_docstring(ast.parse((HERE / f"{name}.py").read_text())) or ""
