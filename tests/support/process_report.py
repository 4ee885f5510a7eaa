"""What a process has of its own, sent to the one that started it."""

import os
import sys
from multiprocessing.connection import Connection


def report(connection: Connection, names: list[str]) -> None:
    """Send which modules named `names` are imported, and the environment."""
    connection.send(([name for name in names if name in sys.modules], dict(os.environ)))
