"""What a person sees while work goes on: a progress bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any

from generator.core.text import harmless, raw

if TYPE_CHECKING:  # loaded when something is to be shown: rich takes as long as all that `--version` needs
    from rich.progress import Progress as Bar

EVERY = 10.0  # seconds between plain lines
WIDE = 160  # columns of a table that no terminal limits


def at_intervals(say: Callable[[str], None], seconds: float = EVERY) -> Callable[[str], None]:
    """Return a `say` that passes a line on only where none was passed in the last `seconds`."""
    last = monotonic()

    def say_sometimes(line: str) -> None:
        nonlocal last
        if monotonic() - last > seconds:
            last = monotonic()
            say(line)

    return say_sometimes


class Terminal:
    """Shows progress on standard error, so that standard output stays for results."""

    def __init__(self) -> None:
        from rich.console import Console

        from generator.pipeline.options import Progress

        self.console = Console(file=raw(sys.stderr), highlight=False, emoji=False)
        self.progress = Progress(say=self._say, start=self._start, step=self._step, now=self._now)
        self._bar: Bar | None = None
        self._total = self._done = 0
        self._spoke = 0.0

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *error: Any) -> None:
        if self._bar:
            self._bar.stop()

    def warn(self, line: str) -> None:
        """Something to know."""
        self._print("note", "yellow", line)

    def fail(self, line: str) -> None:
        """Something that went wrong, while the rest went on."""
        self._print("failed", "red", line)

    def once(self, line: str) -> Callable[[], None]:
        """Return a function that shows `line` when it is called for the first time."""
        shown: list[bool] = []

        def show() -> None:
            if not shown:
                shown.append(True)
                self._say(line)

        return show

    def _print(self, kind: str, colour: str, line: str) -> None:
        from rich.text import Text

        self.console.print(Text.assemble((kind, colour), f"  {harmless(line)}"), soft_wrap=True)

    def _say(self, line: str) -> None:
        from rich.text import Text

        self.console.print(Text(harmless(line)), soft_wrap=True)

    def _start(self, total: int) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        self._total, self._done, self._spoke = total, 0, monotonic()
        if self.console.is_terminal:
            left, now = TimeRemainingColumn(), TextColumn("{task.description}", markup=False)
            columns = (TextColumn("rendering"), BarColumn(), MofNCompleteColumn(), left, now)
            self._bar = Bar(*columns, console=self.console, transient=True)
            self._bar.start()
            self._bar.add_task("", total=total)
        else:
            self._say(f"Rendering {total} figures")

    def _step(self, text: str) -> None:
        self._done += 1
        self._now(text)

    def _now(self, text: str) -> None:
        if self._bar:
            self._bar.update(self._bar.tasks[0].id, completed=self._done, description=harmless(text))
        elif monotonic() - self._spoke > EVERY:
            self._spoke = monotonic()
            remaining = self._done < self._total
            self._say(f"Rendered {self._done}/{self._total} figures, now: {text}" if remaining else text)


def interactive() -> bool:
    """Return whether a person sits there who can be asked."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def desktop() -> bool:
    """Return whether a person sits at a terminal of a machine that can show a browser."""
    screens = sys.platform in ("darwin", "win32") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
    return screens and interactive()


def table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """A small table on standard output."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=None, pad_edge=False)
    for number, head in enumerate(heads):
        shown.add_column(Text(head), justify="right" if number else "left")
    for row in rows:
        shown.add_row(*(Text(harmless(str(cell)).replace("\n", " ")) for cell in row))
    console = Console(file=raw(sys.stdout), emoji=False)
    (console if console.is_terminal else Console(file=raw(sys.stdout), width=WIDE, emoji=False)).print(shown)
