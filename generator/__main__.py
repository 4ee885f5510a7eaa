"""The command, from its first moment: a signal that comes while it is being loaded ends it without a trace."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any


def run() -> None:
    """Load the command line and run it."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _stop)
    from generator.cli.main import main

    main(prog_name="innerview")


def _stop(number: int, frame: Any) -> None:
    """End at once: nothing is under way yet, or all is over."""
    os.write(2, b"\nStopped.\n")
    os._exit(128 + number)


def __getattr__(name: str) -> Any:
    """Return the group of commands, under the name that it is imported by."""
    if name == "main":
        from generator.cli.main import main

        return main
    raise AttributeError(name)


if __name__ == "__main__":
    run()
