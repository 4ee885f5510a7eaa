"""How much a site weighs, and what of it is more than it may."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from generator.core.errors import ConfigError
from generator.pipeline.manifest_reader import read_manifest

UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
PARTS = ("file", "thumb", "map", "animation", "array")
TOLD = 5  # reports that are too heavy


def in_bytes(text: str) -> int:
    """`900MB` as a number of bytes. Raises `ConfigError` for what is no size.

    >>> in_bytes("900MB"), in_bytes("1.5 KiB")
    (900000000, 1536)
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-zA-Z]*)", text.strip())
    if not match or match[2].upper() not in UNITS:
        raise ConfigError(f"{text!r}: expected a size such as 900MB or 4MiB")
    return round(float(match[1]) * UNITS[match[2].upper()])


def over_budget(site: Path, total: int | None, report: int | None) -> list[str]:
    """Return what of a built site is too heavy: all its files against `total`, and each report's pictures against
    `report`.
    """
    problems = []
    if total is not None:
        size = sum(path.stat().st_size for path in site.rglob("*") if path.is_file())
        if size > total:
            problems.append(f"the site has {_megabytes(size)}, {_megabytes(total)} were allowed")
    if report is not None:
        heavy = [(size, name) for name, size in _reports(site).items() if size > report]
        for size, name in sorted(heavy, reverse=True)[:TOLD]:
            problems.append(f"the pictures of {name} have {_megabytes(size)}, {_megabytes(report)} were allowed")
        if len(heavy) > TOLD:
            problems.append(f"and those of {len(heavy) - TOLD} more reports")
    return problems


def _reports(site: Path) -> Counter[str]:
    """Return bytes of each report's pictures."""
    gallery = site / "gallery"
    sizes: Counter[str] = Counter()
    for figure in read_manifest(gallery / "manifest.json")["figures"]:
        for name in filter(None, {str(figure.get(part, "")) for part in PARTS}):
            sizes[f"{figure['model']}/{figure['image']}"] += (gallery / name).stat().st_size
    return sizes


def _megabytes(size: int) -> str:
    """
    >>> _megabytes(912_400_000), _megabytes(4200)
    ('912.4 MB', '0.0042 MB')
    """
    return f"{size / 1e6:.4g} MB"
