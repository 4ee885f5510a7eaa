"""Runs benchmarks, each in a process of its own, prints their rows as they come, and keeps them: `make bench`."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from . import latest, page
from .process import measured


def main() -> int:
    """The exit code: 0 all targets met, 1 some were not, 2 a benchmark ended without its rows."""
    names = latest.names()
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names)}; without a name all of them")
    asked = parser.parse_args().names
    if unknown := set(asked) - set(names):
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}: expected {', '.join(names)}")
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
    outcome = 0
    for name in asked or names:
        print(f"\n{name}: {latest.summary(name)}", flush=True)
        rows = []
        try:
            for row in measured(name):
                print(line(row), flush=True)
                rows.append(row)
                outcome = max(outcome, int(not row["passed"]))
        except EOFError:
            print(f"{name}: ended without its rows", file=sys.stderr)
            outcome = 2
        else:
            latest.keep(name, rows)
    if latest.FILE.is_file():
        page.write()
    return outcome


def line(row: dict[str, Any]) -> str:
    """A row for a terminal."""
    bar = "" if row["bar"] is None else f"{'at most' if row['lower'] else 'at least'} {row['bar']:g}"
    outcome = "" if row["bar"] is None else "met" if row["passed"] else "NOT MET"
    return f"  {row['name']:<64}{row['value']:>10,.4g} {row['unit']:<14} {bar:<14} {outcome}".rstrip()


if __name__ == "__main__":
    sys.exit(main())
