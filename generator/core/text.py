"""Text that any terminal, log and page can take; and streams that let nothing else through."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

# Marks that turn the direction of what follows, or say how it is shaped, annotated or tagged, and are not seen.
DIRECTIONS = [0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x2070)]
UNSEEN = [*DIRECTIONS, *range(0xFFF9, 0xFFFC), *range(0xE0000, 0xE0080)]
CONTROLS = [*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029]  # Unicode's Cc, Zl and Zp: ESC, OSC, C1, ends of lines
HALVES = range(0xD800, 0xE000)  # of characters, which no encoding has
HARMLESS = dict.fromkeys(UNSEEN) | dict.fromkeys(CONTROLS, " ") | dict.fromkeys(HALVES, "?") | {0x0A: "\n"}

STREAMS = {"<stdout>": "standard output", "<stderr>": "standard error"}


def harmless(text: str) -> str:
    """Return what a terminal, a file and a page can take: no control characters but newlines, no halves of characters.

    >>> harmless("a\\x1b[2Jb\\ud800\\x9b31m")
    'a [2Jb? 31m'
    """
    return text if text.isascii() and text.isprintable() else text.translate(HARMLESS)


class PlainStream:
    """A text stream that what is not harmless does not get through; the stream below is at `raw`."""

    encoding, errors = "utf-8", "replace"  # so that nobody looks for the bytes below; they are encoded here

    def __init__(self, raw: TextIO) -> None:
        self.raw = raw

    def write(self, text: str) -> int:
        """Write the text without what a terminal would obey, and without what the stream's encoding lacks."""
        encoding = getattr(self.raw, "encoding", None) or "utf-8"
        with self._named():
            self.raw.write(harmless(text).encode(encoding, "replace").decode(encoding))
        return len(text)

    def flush(self) -> None:
        """Have it written."""
        with self._named():
            self.raw.flush()

    def writelines(self, lines: Any) -> None:
        """Write each of them."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.raw, name)

    @contextmanager
    def _named(self) -> Iterator[None]:
        """What the stream below refuses says which stream that is, as an error of a file says which file."""
        try:
            yield
        except OSError as error:
            error.filename = error.filename or STREAMS.get(getattr(self.raw, "name", ""), "a stream")
            raise


def raw(stream: TextIO) -> TextIO:
    """Return the stream below, for those who filter what they write to it and have a terminal draw besides."""
    return stream.raw if isinstance(stream, PlainStream) else stream


def unwritten() -> OSError | None:
    """Return why standard output or standard error does not take what was written to it; None where both do.

    Such a stream takes all that follows to nowhere: the interpreter, when it ends, would try again and complain.
    """
    errors = []
    for stream in filter(None, (sys.__stdout__, sys.__stderr__)):
        try:
            stream.flush()
        except OSError as error:
            errors.append(error)
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
    return errors[0] if errors else None


@contextmanager
def plain_streams() -> Iterator[None]:
    """Whatever is written to standard output and standard error in here is harmless."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (PlainStream(raw(stream)) if stream else stream for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


@contextmanager
def raw_streams() -> Iterator[None]:
    """The streams below, for a progress bar of someone else's that writes nothing of strangers."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = map(raw, before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
