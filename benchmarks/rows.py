"""What a benchmark tells: one number with its unit and, where there is one, the target that it must meet."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """One measured number."""

    name: str  # what was measured, in words
    value: float
    unit: str  # "x", "ns", "MB"; "" for a plain ratio
    bar: float | None = None  # the worst value that is good enough
    lower: bool = True  # whether less is better; else more is
    note: str = ""

    @property
    def passed(self) -> bool:
        """Whether the value is at its bar or better; so is one without a bar."""
        if self.bar is None:
            return True
        return self.value <= self.bar if self.lower else self.value >= self.bar

    def record(self) -> dict[str, Any]:
        """The row as it stands in latest.json."""
        return {**asdict(self), "value": float(f"{self.value:.4g}"), "passed": self.passed}
