"""Workers as processes of this machine: started, asked, waited for, and ended when they hang."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from time import monotonic
from types import ModuleType
from typing import Any

from generator.core.errors import InnerviewError
from generator.core.store import StoreError
from generator.core.text import harmless, plain_streams

STARTING = 120.0  # seconds that a new worker may be silent: importing torch takes long on a busy machine
# Importing torch takes a second of every worker; elsewhere a process that has it cannot be forked safely.
FORKS = sys.platform == "linux"
# A pass frees its tensors, and glibc gives all that is large back to the system, which clears each page anew for the
# next layer: up to a third of a forward pass. What is freed is kept, up to half a gigabyte, in large pages where those
# are.
TUNABLES = "GLIBC_TUNABLES"  # other C libraries do not read it
ALLOCATION = (
    "glibc.malloc.mmap_threshold=134217728",
    "glibc.malloc.trim_threshold=536870912",
    "glibc.malloc.hugetlb=1",
)


@dataclass(frozen=True)
class Setup:
    """What every worker is started with."""

    store: Path
    device: str = "cpu"
    trust_pickle: bool = False
    time_limit: float = 900.0  # seconds that a worker may be silent, which it is over a job
    code: str = ""  # the digest of the code that keys are made of; "" trusts that it is the worker's


class Processes:
    """The engine of one machine: starts workers and tells which of them have something to say."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup

    def start(self) -> Process:
        """Return one more worker; it may be asked at once."""
        return Process(self.setup)

    def wait(self, busy: Collection[Process]) -> list[Process]:
        """Return those that have something to say; after a second perhaps none."""
        by_connection: dict[Any, Process] = {process.connection: process for process in busy}
        return [by_connection[connection] for connection in wait(list(by_connection), timeout=1.0)]

    def close(self) -> None:
        """Nothing is left when the workers have ended."""


class Process:
    """One worker at the other end of a pipe. On Linux it is a fork of the fork server, made when it is first asked."""

    def __init__(self, setup: Setup) -> None:
        self.connection, self._theirs = multiprocessing.Pipe()
        self._setup = setup
        self._process: BaseProcess | None = None
        with _tuned():
            if FORKS:
                _start_fork_server()
            else:
                self._begin()
        self._heard, self._limit = monotonic(), max(setup.time_limit, STARTING)
        self._usual = setup.time_limit

    def _begin(self) -> None:
        start = _forked if FORKS else spawned
        with _tuned():
            self._process = start(_serve, self._theirs, self._setup)
        self._theirs.close()

    @property
    def id(self) -> int:
        """The number that the system has given it; 0 before it is first asked."""
        return self._process.pid or 0 if self._process else 0

    def send(self, message: tuple) -> None:
        """A question; a worker that is gone already is noticed when its answer is awaited."""
        if self._process is None:
            self._begin()
        self._heard = monotonic()
        try:
            self.connection.send(message)
        except (BrokenPipeError, ConnectionResetError):
            return

    def receive(self) -> tuple:
        """Return the next message, or `("died", why)`, `("killed", why)`, or `("silent", why)` after ending the
        process.
        """
        if not self.connection.poll():
            self.stop()
            return ("silent", f"stopped after {self._limit:g} s, the time limit for one job (--time-limit)")
        try:
            message = self.connection.recv()
        except (EOFError, ConnectionResetError):
            assert self._process  # else nothing was awaited
            self._process.join(5)
            code = self._process.exitcode
            kind = "killed" if hasattr(signal, "SIGKILL") and code == -signal.SIGKILL else "died"
            return (kind, f"the worker process died ({_exit(code)})")
        self._heard, self._limit = monotonic(), self._usual
        return message

    def alive(self) -> bool:
        """Return whether the process is there to be asked, or will be."""
        return self._process is None or self._process.is_alive()

    def silent(self) -> bool:
        """Return whether nothing was heard for longer than is allowed."""
        return monotonic() - self._heard > self._limit and not self.connection.poll()

    def end(self) -> None:
        """Tell the process to end, without waiting for it."""
        self.connection.close()
        if self._process:
            self._process.terminate()
        else:
            self._theirs.close()

    def stop(self) -> None:
        """End the process, gently or not."""
        self.end()
        if self._process:
            self._process.join(2)
            if self._process.is_alive():
                self._process.kill()
                self._process.join()


def _start_fork_server() -> None:
    """Start the process that workers are forked of, where it is not there; this one goes on while it imports torch.

    Torch alone is imported there: the code of this package, and of a network, is what it is when a worker begins.
    """
    with _no_interrupts(), _no_main():
        forkserver.set_forkserver_preload(["torch"])
        forkserver.ensure_running()
    atexit.unregister(_stop_fork_server)
    atexit.register(_stop_fork_server, os.getpid())


def _stop_fork_server(owner: int) -> None:
    """End it with this process and wait for it, so that its time and that of its forks is counted as this one's."""
    server: Any = forkserver._forkserver  # there is no public way
    if os.getpid() == owner and server._forkserver_pid is not None:
        with suppress(OSError):
            os.kill(server._forkserver_pid, signal.SIGKILL)
            server._stop()


def _forked(target: Callable[..., None], *arguments: Any) -> BaseProcess:
    """Return a process like that of `spawned`, which need not import torch; it has today's environment."""
    context = multiprocessing.get_context("forkserver")
    process = context.Process(target=_in_environment, args=(dict(os.environ), target, *arguments), daemon=True)
    try:
        with _no_interrupts(), _no_main():
            process.start()
    except (EOFError, OSError):  # someone killed the fork server
        return spawned(target, *arguments)
    return process


def _in_environment(environment: dict[str, str], target: Callable[..., None], *arguments: Any) -> None:
    """Do what a process is for in an environment that may be newer than that of the fork server."""
    os.environ.clear()
    os.environ.update(environment)
    target(*arguments)


@contextmanager
def _tuned() -> Iterator[None]:
    """Have a process that is started meanwhile compute in one thread, and use the memory of a pass over again."""
    given = {name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", TUNABLES)}
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
    os.environ[TUNABLES] = ":".join(filter(None, [*ALLOCATION, given[TUNABLES]]))  # of two for one, the later counts
    try:
        yield
    finally:
        for name, value in given.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def spawned(target: Callable[..., None], *arguments: Any) -> BaseProcess:
    """Return a process that was started to call `target`, without the script that started this one.

    What is started comes up whole, also where a signal comes meanwhile.
    """
    process = multiprocessing.get_context("spawn").Process(target=target, args=arguments, daemon=True)
    with _no_interrupts(), _no_main():
        process.start()
    return process


def _serve(connection: Connection, setup: Setup) -> None:
    """The worker process: answers questions until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends us
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with plain_streams():
        _answer(connection, setup)


def _answer(connection: Connection, setup: Setup) -> None:
    import torch

    torch.set_num_threads(1)
    from .worker import Worker

    connection.send(("event", "ready", "", ""))
    worker = None
    while True:
        try:
            name, arguments = connection.recv()
        except (EOFError, OSError):  # the parent is gone, or a network closed what is not its own
            return
        try:
            worker = worker or Worker(setup.store, setup.device, setup.trust_pickle, setup.code)
            if name in ("scene", "evidence"):  # these take long and say how far they are
                answer = getattr(worker, name)(*arguments, tell=lambda *event: connection.send(("event", *event)))
            else:
                answer = getattr(worker, name)(*arguments)
            message = ("answer", answer)
        except StoreError as error:
            message = ("store", error)
        except (BrokenPipeError, ConnectionResetError):  # of `tell`: the parent is gone
            return
        except BaseException as error:  # a network may raise anything, sys.exit and KeyboardInterrupt included
            message = ("error", said(error))
        try:
            connection.send(message)
        except OSError:
            return


def _end_with_parent() -> None:
    """A worker in the middle of a pass that never ends would outlive a parent that was killed."""
    parent = multiprocessing.parent_process()
    if parent is None:  # not started by multiprocessing
        return
    wait([parent.sentinel])
    os._exit(1)


def said(error: BaseException) -> str:
    """Return what went wrong in one line; the whole trace goes to standard error where someone wants it."""
    if os.environ.get("INNERVIEW_TRACE"):
        traceback.print_exception(error)
    text = " ".join(harmless(str(error)).split())[:600]
    return text if isinstance(error, InnerviewError) else f"{type(error).__name__}: {text}"


@contextmanager
def _no_interrupts() -> Iterator[None]:
    """Let what is started meanwhile come up whole, and never see Ctrl-C, which a terminal sends to all.

    A signal that comes meanwhile is taken when it is over. Blocking it is not enough: any other thread may receive it,
    and then it is this one that is interrupted, between a process and what that process is to read.
    """
    came: list[int] = []
    blocked, before = hasattr(signal, "pthread_sigmask"), set()
    if blocked:
        resource_tracker.ensure_running()  # the first process would start it, which unblocks SIGINT
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    handlers = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number):  # none: a library's own, which cannot be put back
                handlers[number] = signal.signal(number, lambda number, frame: came.append(number))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if blocked:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if came:
            signal.raise_signal(came[0])


@contextmanager
def _no_main() -> Iterator[None]:
    """A process started meanwhile does not import the script that asked for it, which might build once more."""
    script, sys.modules["__main__"] = sys.modules["__main__"], ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script


def _exit(code: int | None) -> str:
    if code is not None and code < 0:
        return f"signal {signal.Signals(-code).name}"
    return "its connection is closed" if code is None else f"exit code {code}"
