"""A benchmark in a process of its own, so that none sees what another one loaded or left in memory."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from importlib import import_module
from multiprocessing.connection import Connection
from typing import Any


def measured(name: str) -> Iterator[dict[str, Any]]:
    """The rows of a benchmark as they come from a fresh process; raises `EOFError` where that one fails."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_tell, args=(name, theirs))
    process.start()
    theirs.close()
    try:
        while (row := ours.recv()) is not None:
            yield row
    finally:
        process.join()


def _tell(name: str, connection: Connection) -> None:
    for row in import_module(f"benchmarks.{name}").rows():
        connection.send(row.record())
    connection.send(None)
