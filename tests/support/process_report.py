"""What a process has of its own, sent to the one that started it."""

import os
import resource
import sys
from multiprocessing.connection import Connection


def report(connection: Connection, names: list[str]) -> None:
    """Send which modules named `names` are imported, and the environment."""
    connection.send(([name for name in names if name in sys.modules], dict(os.environ)))


def pages(connection):
    """Send how many pages the system had to give for 64 MB, and how many when those are freed and wanted anew."""
    counts = []
    for _ in range(2):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        assert len(b"x" * 2**26) == 2**26
        counts.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    connection.send(counts)
