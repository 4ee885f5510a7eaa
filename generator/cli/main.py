"""The command line: the group of commands, and what becomes of errors."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import click

from generator import __version__
from generator.core.errors import InnerviewError
from generator.core.text import plain_streams, unwritten

from .registry import commands

KEPT_FIGURES = " Rendered figures are kept; run the same command to continue."
CONTINUED = {
    **dict.fromkeys(("build", "serve", "look"), KEPT_FIGURES),
    "train": " Whole epochs are kept; run the same command with --resume to continue.",
}  # what a command that was stopped leaves behind


class Stopped(KeyboardInterrupt):
    """A signal that ends the command; its argument is the signal's number.

    The base class itself, passing through code that runs from a string, as named tuples do, makes Python end by SIGINT
    whatever exit code follows.
    """


class Commands(click.Group):
    """Lists commands in the order one meets them, and turns our errors into one line and exit code 2."""

    def list_commands(self, context: click.Context) -> list[str]:
        """In the order of definition."""
        return list(self.commands)

    def main(self, *arguments: Any, **named: Any) -> Any:
        """Return the command, with nothing in what it says, or click says, that a terminal would obey.

        What standard output does not take, of a full disk, is an error, in one line; a reader that left needs none.
        """
        alone = named.get("standalone_mode", True)
        with plain_streams():
            try:
                return super().main(*arguments, **named)
            except OSError as error:  # of click itself, which prints the help
                if not alone or os.environ.get("INNERVIEW_TRACE"):
                    raise
                unwritten()
                _say(_sentence(error, "standard output"))
                sys.exit(2)
            except SystemExit as end:
                refused = unwritten() if alone else None
                if refused is None or end.code:
                    raise
                if isinstance(refused, BrokenPipeError):
                    sys.exit(1)
                _say(_sentence(refused, "standard output"))
                sys.exit(2)
            except Exception:  # a defect: its trace may hold a stranger's words
                if alone:
                    traceback.print_exc()
                    sys.exit(70)
                raise

    def invoke(self, context: click.Context) -> Any:
        """Our own errors, and those of disks and folders, are the user's to mend: no traceback."""
        try:
            with _stoppable():
                return super().invoke(context)
        except InnerviewError as error:
            message = str(error)
        except OSError as error:
            if os.environ.get("INNERVIEW_TRACE"):
                raise
            refused = unwritten()
            if isinstance(refused or error, BrokenPipeError) and (refused or error.filename):  # as `head` leaves
                context.exit(1)
            message = _sentence(error, "standard output" if refused else "")
        except KeyboardInterrupt as interrupt:
            stopped = interrupt.args[0] if isinstance(interrupt, Stopped) else signal.SIGINT
            click.echo(f"\nStopped.{CONTINUED.get(context.invoked_subcommand or '', '')}", err=True)
            context.exit(128 + stopped)
        _say(message)
        context.exit(2)


def _say(message: str) -> None:
    """One line on standard error, where that takes any."""
    with suppress(OSError):
        click.echo(f"innerview: {message}", err=True)


def _sentence(error: OSError, where: str) -> str:
    """Return what is wrong, and with which file, or else `where`."""
    place = error.filename or where
    return f"{place}: {error.strerror or error}" if place else f"{error.strerror or error}"


@contextmanager
def _stoppable() -> Iterator[None]:
    """Ctrl-C, and SIGTERM, by which a server stops what takes too long, end a command in good order: workers first.

    Also where they come within code that makes another error of it, as compiled extensions do while they are loaded.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    received: list[int] = []

    def stop(number: int, frame: Any) -> None:
        received.append(number)
        raise Stopped(number)

    before = [signal.signal(signal.SIGTERM, stop), signal.signal(signal.SIGINT, stop)]
    try:
        yield
    except Exception as error:
        if received:
            raise Stopped(received[0]) from error
        raise
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
