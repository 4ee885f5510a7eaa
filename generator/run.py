"""Hand tasks to worker processes; what hangs or dies costs its own job, and the rest goes on."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import traceback
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from time import monotonic
from typing import Any

from .plan import SceneTask
from .store import StoreError
from .types import InnerviewError, harmless

STARTING = 120.0  # seconds that a new worker may be silent: importing torch takes long on a busy machine
ENDS = ("drawn", "reused", "failed", "inapplicable")  # what becomes of a job; each is told of exactly once
Event = Callable[[str, SceneTask, str, str], None]  # (one of ENDS or "step", task, key of the job, words)


@dataclass(frozen=True)
class Setup:
    """What every worker is started with."""

    store: Path
    device: str = "cpu"
    trust_pickle: bool = False
    time_limit: float = 900.0  # seconds that a worker may be silent, which it is over a job


class WorkerError(InnerviewError):
    """A worker could not answer; the message is what it said."""


class Pool:
    """Worker processes with one torch thread each, spawned when first needed.

    With `workers=0` all is done in this process; with -1 nothing may be asked at all.
    Use as a context manager: leaving it ends the workers, also after an interrupt.
    """

    def __init__(self, setup: Setup, workers: int) -> None:
        self.setup, self.workers = setup, workers
        self._idle: list[_Process] = []
        self._all: list[_Process] = []
        self._here: Any = None

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *error: Any) -> None:
        for process in self._all:
            process.end()
        for process in self._all:
            process.stop()

    def ask(self, questions: Sequence[tuple[str, tuple]], heard: Callable[[int], None] = lambda i: None) -> list[Any]:
        """The answers to questions such as `("describe", (network,))`, in order; a `WorkerError` where one failed.

        `heard` is told the index of each question when its answer is there.
        """
        if self.workers < 0 and questions:
            raise WorkerError("the store does not know these networks and methods yet: run innerview build first")
        if self.workers == 0:
            here = []
            for index, (name, arguments) in enumerate(questions):
                here.append(self._ask_here(name, arguments))
                heard(index)
            return here
        answers: list[Any] = [None] * len(questions)
        queue, busy = deque(enumerate(questions)), {}
        while queue or busy:
            while queue and len(busy) < self.workers:
                index, question = queue.popleft()
                process = self._take()
                process.send(question)
                busy[process] = index
            for process in self._ready(busy):
                message = process.receive()
                if message[0] == "event":
                    continue
                index = busy.pop(process)
                answers[index] = message[1] if message[0] == "answer" else WorkerError(message[1])
                self._give(process, message)
                heard(index)
        return answers

    def run(self, tasks: Iterable[SceneTask], tell: Event) -> None:
        """Every task; `tell` hears once of each job what became of it, and of long ones how far they are."""
        queue, busy = deque(_Running(task, tell) for task in tasks), {}
        if self.workers == 0:
            for running in queue:
                while not running.over(self._scene_here(running)):
                    pass
            return
        while queue or busy:
            while queue and len(busy) < self.workers:
                process = self._take()
                busy[process] = queue.popleft()
                process.send(("scene", (busy[process].task,)))
            for process in self._ready(busy):
                message = process.receive()
                if message[0] == "event":
                    busy[process].hear(*message[1:])
                    continue
                running = busy.pop(process)
                self._give(process, message)
                if not running.over(message):
                    queue.appendleft(running)

    def _ready(self, busy: dict[_Process, Any]) -> list[_Process]:
        connections = {process.connection: process for process in busy}
        ready = [connections[connection] for connection in wait(list(connections), timeout=1.0)]
        return ready + [process for process in busy if process.silent() and process not in ready]

    def _take(self) -> _Process:
        while self._idle:
            process = self._idle.pop()
            if process.alive():
                return process
        process = _Process(self.setup)
        self._all.append(process)
        return process

    def _give(self, process: _Process, message: tuple) -> None:
        if message[0] in ("died", "killed", "silent"):
            process.stop()
            self._all.remove(process)
        else:
            self._idle.append(process)
        if message[0] == "store":
            raise message[1]

    def _ask_here(self, name: str, arguments: tuple) -> Any:
        try:
            return getattr(self._worker(), name)(*arguments)
        except StoreError:
            raise
        except Exception as error:
            return WorkerError(_said(error))

    def _scene_here(self, running: _Running) -> tuple:
        try:
            return ("answer", self._worker().scene(running.task, running.hear))
        except StoreError:
            raise
        except Exception as error:
            return ("error", _said(error))

    def _worker(self) -> Any:
        if self._here is None:
            import torch

            from .worker import Worker

            torch.set_num_threads(1)  # as in a process of its own: another number gives other bits
            self._here = Worker(self.setup.store, self.setup.device, self.setup.trust_pickle)
        return self._here


class _Running:
    """A task under way: which of its jobs are open, and which one is being done."""

    def __init__(self, task: SceneTask, tell: Event) -> None:
        self.task, self._tell = task, tell
        self._open = dict.fromkeys(job.key for job in task.jobs)
        self._current = ""
        self._lost = False  # a worker, over no job in particular
        self._killed: Counter[str] = Counter()  # how often a worker was, over which job

    def hear(self, event: str, key: str, reason: str) -> None:
        """What the worker tells: a job begins, is at some step, has its array, or ends."""
        if event == "step":
            self._tell(event, self.task, key, reason)
            return
        self._current = key if event == "begin" else ""
        if event in ENDS and key in self._open:
            del self._open[key]
            self._tell(event, self.task, key, reason)

    def over(self, message: tuple) -> bool:
        """Whether a worker's last word on the task was the end of it; else the jobs still open are to be tried again.

        When one job was at it as the worker failed, that one fails. A worker that died over none may have been killed
        by chance, so it is tried once more. One that was killed over a job was so by chance, or as memory ran out: the
        job is tried as before and then with one sample in a pass.
        """
        kind, reason = message
        culprits = [self._current] if self._current in self._open else []
        self._current = ""
        if kind in ("died", "killed") and not culprits and not self._lost:
            self._lost = True
            return False
        if kind == "killed" and culprits:
            self._killed.update(culprits)
            if self._killed[culprits[0]] == 2:
                self.task = replace(self.task, careful=self.task.careful.union(culprits))
            if self._killed[culprits[0]] <= 2:
                return False
            reason += " each of three times, at last with one sample in a pass; perhaps memory ran out"
        if kind == "answer":
            culprits, reason = [], "the worker ended without a result for it"
        for key in culprits or list(self._open):
            del self._open[key]
            self._tell("failed", self.task, key, reason)
        self.task = replace(self.task, skipped=self.task.skipped.union(culprits))
        return not self._open


class _Process:
    """One spawned worker at the other end of a pipe."""

    def __init__(self, setup: Setup) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, setup), daemon=True)
        threads = {name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
        os.environ.update(dict.fromkeys(threads, "1"))
        try:
            with _no_interrupts():
                self._process.start()
        finally:
            for name, value in threads.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})
        theirs.close()
        self._heard, self._limit = monotonic(), max(setup.time_limit, STARTING)
        self._usual = setup.time_limit

    def send(self, message: tuple) -> None:
        """A question; a worker that is gone already is noticed when its answer is awaited."""
        self._heard = monotonic()
        try:
            self.connection.send(message)
        except (BrokenPipeError, ConnectionResetError):
            return

    def receive(self) -> tuple:
        """The next message, or `("died", why)`, `("killed", why)`, or `("silent", why)` after ending the process."""
        if not self.connection.poll():
            self.stop()
            return ("silent", f"stopped after {self._limit:g} s, the time limit for one job (--time-limit)")
        try:
            message = self.connection.recv()
        except (EOFError, ConnectionResetError):
            self._process.join(5)
            code = self._process.exitcode
            kind = "killed" if hasattr(signal, "SIGKILL") and code == -signal.SIGKILL else "died"
            return (kind, f"the worker process died ({_exit(code)})")
        self._heard, self._limit = monotonic(), self._usual
        return message

    def alive(self) -> bool:
        """Whether the process is there to be asked."""
        return self._process.is_alive()

    def silent(self) -> bool:
        """Whether nothing was heard for longer than is allowed."""
        return monotonic() - self._heard > self._limit and not self.connection.poll()

    def end(self) -> None:
        """Tell the process to end, without waiting for it."""
        self.connection.close()
        self._process.terminate()

    def stop(self) -> None:
        """End the process, gently or not."""
        self.end()
        self._process.join(2)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def _serve(connection: Connection, setup: Setup) -> None:
    """The worker process: answers questions until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends us
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import torch

    torch.set_num_threads(1)
    from .worker import Worker

    connection.send(("event", "ready", "", ""))
    worker = None
    while True:
        try:
            name, arguments = connection.recv()
        except EOFError:
            return
        try:
            worker = worker or Worker(setup.store, setup.device, setup.trust_pickle)
            if name in ("scene", "evidence"):  # these take long and say how far they are
                answer = getattr(worker, name)(*arguments, tell=lambda *event: connection.send(("event", *event)))
            else:
                answer = getattr(worker, name)(*arguments)
            message = ("answer", answer)
        except StoreError as error:
            message = ("store", error)
        except (BrokenPipeError, ConnectionResetError):  # of `tell`: the parent is gone
            return
        except Exception as error:
            message = ("error", _said(error))
        try:
            connection.send(message)
        except (BrokenPipeError, ConnectionResetError):
            return


def _end_with_parent() -> None:
    """A worker in the middle of a pass that never ends would outlive a parent that was killed."""
    wait([multiprocessing.parent_process().sentinel])
    os._exit(1)


def _said(error: Exception) -> str:
    """What went wrong in one line; the whole trace goes to standard error where someone wants it."""
    if os.environ.get("INNERVIEW_TRACE"):
        traceback.print_exception(error)
    text = " ".join(harmless(str(error)).split())[:600]
    return text if isinstance(error, InnerviewError) else f"{type(error).__name__}: {text}"


@contextmanager
def _no_interrupts() -> Iterator[None]:
    """A process started meanwhile never sees Ctrl-C, which a terminal sends to all; ours waits until it is over."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _exit(code: int | None) -> str:
    if code is not None and code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}"
