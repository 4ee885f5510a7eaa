"""The command line: the group of commands, and what becomes of errors."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from generator import __version__
from generator.core.errors import InnerviewError
from generator.core.text import plain_streams

from .registry import commands


class Commands(click.Group):
    """Lists commands in the order one meets them, and turns our errors into one line and exit code 2."""

    def list_commands(self, context: click.Context) -> list[str]:
        """In the order of definition."""
        return list(self.commands)

    def main(self, *arguments: Any, **named: Any) -> Any:
        """Return the command, with nothing in what it says, or click says, that a terminal would obey."""
        with plain_streams():
            try:
                return super().main(*arguments, **named)
            except Exception:  # a defect: its trace may hold a stranger's words
                if named.get("standalone_mode", True):
                    traceback.print_exc()
                    sys.exit(70)
                raise

    def invoke(self, context: click.Context) -> Any:
        """Our own errors, and those of disks and folders, are the user's to mend: no traceback."""
        stopped = signal.SIGINT
        try:
            with _stoppable():
                return super().invoke(context)
        except InnerviewError as error:
            message = str(error)
        except OSError as error:
            if os.environ.get("INNERVIEW_TRACE"):
                raise
            where = f"{error.filename}: " if error.filename else ""
            message = f"{where}{error.strerror or error}"
        except KeyboardInterrupt as interrupt:
            stopped = signal.SIGTERM if interrupt.args else stopped
            click.echo("\nStopped. Rendered figures are kept; run the same command to continue.", err=True)
            context.exit(128 + stopped)
        click.echo(f"innerview: {message}", err=True)
        context.exit(2)


@contextmanager
def _stoppable() -> Iterator[None]:
    """Ctrl-C, and SIGTERM, by which a server stops what takes too long, end a command in good order: workers first."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: Any) -> None:
        raise KeyboardInterrupt(number)

    before = [signal.signal(signal.SIGTERM, stop), signal.signal(signal.SIGINT, signal.default_int_handler)]
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])


@click.group(cls=Commands, commands=commands(), context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="innerview")
def main() -> None:
    """Render what convolutional networks compute, as a website.

    \b
    innerview build                 render missing figures and build the site in site/
    innerview serve                 build, then serve the site in a browser
    innerview look photo.jpg        show your own images, without configuration

    Without a gallery.yml the default gallery is built: the bundled networks and images.
    """
