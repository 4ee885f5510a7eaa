"""A site that is published while its figures are drawn: by a process beside the workers, from what is in the store."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import signal
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import quote

from generator.pipeline.processes import said, spawned

from . import following

SCRIPT = "growing.js"  # in the site's root, as long as it grows: which edition it is
PAGES = "growing"  # beside the store: the pages of the last editions, for those that are opened from a disk
WORTH = 5.0  # seconds of work that are left where it is worth while to publish before all is done
SHARE = 8  # times as long as the last publication took is waited until the next one, and `WORTH` at least
ENDING = 5.0  # seconds in which a process that publishes clears up when it is stopped
EVERY = 2000  # milliseconds between two looks of an open page


def nothing() -> None:
    """Prepare nothing."""


class Growing:
    """Publishes what there is whenever it is offered more, one process at a time and seldom enough to cost little.

    `publish(number, *arguments)` runs in a process of its own; `published` is called in this one after each time.
    Use as a context manager: entering it starts the first process, which calls `prepare()` while the first figures are
    drawn and then waits for an offer; leaving it ends a publication that is under way.
    """

    def __init__(
        self,
        publish: Callable[..., None],
        arguments: tuple,
        published: Callable[[], None],
        prepare: Callable[[], None] = nothing,
    ) -> None:
        self._publish, self._arguments, self._published, self._prepare = publish, arguments, published, prepare
        self._process: BaseProcess | None = None
        self._orders: Connection | None = None  # of a process that waits for an offer
        self._number, self._began, self._next = 0, 0.0, 0.0

    def __enter__(self) -> Growing:
        self._start()
        return self

    def __exit__(self, *error: Any) -> None:
        self.stop()

    def offer(self) -> None:
        """Say that there is more to be shown; it is published now, soon or with what comes next."""
        self.poll()
        if self._process is None and monotonic() >= self._next:
            self._start()
        if self._orders is not None:
            self._number, self._began = self._number + 1, monotonic()
            with contextlib.suppress(OSError):  # it ended while it waited, as `poll` notices
                self._orders.send((self._number, self._arguments))
            self._orders.close()
            self._orders = None

    def poll(self) -> None:
        """Notice that a publication is done; one that failed is left to the next, and in the end to the build."""
        if self._orders is not None or self._process is None or self._process.is_alive():
            return
        self._next = monotonic() + max(WORTH, SHARE * (monotonic() - self._began))
        done, self._process = self._process.exitcode == 0, None
        if done:
            self._published()

    def _start(self) -> None:
        theirs, self._orders = multiprocessing.Pipe(duplex=False)
        self._process = spawned(_serve, self._publish, self._prepare, theirs)
        theirs.close()

    def stop(self) -> None:
        """End a publication under way, with all that it started, and wait until it has."""
        if self._process is None:
            return
        if self._orders is not None:
            self._orders.close()
            self._orders = None
        self._process.terminate()
        self._process.join(ENDING)
        _kill_group(self._process.pid)
        self._process.kill()
        self._process.join()
        self._process = None


def mark(site: Path, number: int, out: Path, pages: Path) -> None:
    """Have every page of a built `site`, to be published at `out`, follow what is published after it.

    `number` tells this edition from others; `pages` is the folder of all that are kept.
    """
    following.keep(site, pages, str(number))
    way = following.leading(out, pages)
    for page in site.rglob("*.html"):
        if page.name == "404.html":  # served at any depth
            continue
        path = page.relative_to(site)
        up, content = "../" * (len(path.parts) - 1), page.read_bytes()
        wishes = {"edition": str(number), "poll": up + SCRIPT, "every": str(EVERY), "last": ""}
        if following.follows(content):
            wishes |= {"path": quote(path.as_posix()), "pages": quote(up + way)}
            content = following.versioned(content, page.parent)
        page.write_bytes(following.tagged(content, up + following.SCRIPT, **wishes))
    (site / following.SCRIPT).write_bytes(following.code())
    (site / SCRIPT).write_bytes(following.edition(number))


def finish(site: Path, out: Path, pages: Path) -> None:
    """Leave the pages of a finished `site` for those that are open of the growing one which it replaces at `out`."""
    if (out / SCRIPT).exists():
        following.keep(site, pages, following.LAST)
    else:
        shutil.rmtree(pages, ignore_errors=True)


def _serve(publish: Callable[..., None], prepare: Callable[[], None], orders: Connection) -> None:
    """The process that publishes; whoever ends it ends mkdocs, which it waits for, too."""
    if hasattr(os, "setsid"):
        os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends us
    signal.signal(signal.SIGTERM, _leave)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        prepare()
        number, arguments = orders.recv()
        publish(number, *arguments)
    except EOFError:  # nothing is to be published any more
        raise SystemExit(1) from None
    except Exception as error:  # what is wrong is told by the build, which meets it too
        said(error)
        raise SystemExit(1) from None


def _leave(number: int, frame: Any) -> None:
    raise SystemExit(1)  # through all that clears up


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        _kill_group(os.getpid())
        os._exit(1)


def _kill_group(leader: int | None) -> None:
    """Kill what a process started, and that itself, where the system has groups of processes."""
    if leader and hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(leader, signal.SIGKILL)
