"""Hand tasks to worker processes; what hangs or dies costs its own job, and the rest goes on."""

from __future__ import annotations

import multiprocessing
import os
import signal
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from time import monotonic
from typing import Any

from .plan import SceneTask
from .types import InnerviewError

Event = Callable[[str, SceneTask, str, str], None]  # (event, task, key of a job or "", reason)


@dataclass(frozen=True)
class Setup:
    """What every worker is started with."""

    store: Path
    device: str = "cpu"
    trust_pickle: bool = False
    time_limit: float = 900.0  # seconds that a worker may be silent


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
            process.stop()

    def ask(self, questions: Sequence[tuple[str, tuple]]) -> list[Any]:
        """The answers to questions such as `("describe", (network,))`, in their order; a `WorkerError` where one failed."""
        if self.workers < 0 and questions:
            raise WorkerError("the store does not know these networks and methods yet: run innerview build first")
        if self.workers == 0:
            return [self._ask_here(name, arguments) for name, arguments in questions]
        answers: list[Any] = [None] * len(questions)
        queue, busy = deque(enumerate(questions)), {}
        while queue or busy:
            while queue and len(busy) < self.workers:
                index, (name, arguments) = queue.popleft()
                process = self._take()
                process.send((name, arguments))
                busy[process] = index
            for process in self._ready(busy):
                message = process.receive()
                answers[busy[process]] = message[1] if message[0] == "answer" else WorkerError(message[1])
                del busy[process]
                self._give(process, message)
        return answers

    def run(self, tasks: Iterable[SceneTask], tell: Event) -> None:
        """Every task; `tell` hears of each job as it begins, is drawn, fails or does not apply, and of each finished task."""
        if self.workers == 0:
            for task in tasks:
                self._run_here(task, tell)
            return
        queue, busy = deque(tasks), {}
        while queue or busy:
            while queue and len(busy) < self.workers:
                process = self._take()
                busy[process] = _Running(queue.popleft())
                process.send(("scene", (busy[process].task,)))
            for process in self._ready(busy):
                message = process.receive()
                running = busy[process]
                if message[0] == "event":
                    _, event, key, reason = message
                    running.current = key if event == "begin" else ""
                    running.settled.add(key) if event != "begin" else None
                    tell(event, running.task, key, reason)
                    continue
                del busy[process]
                self._give(process, message)
                if message[0] == "answer":
                    tell("finished", running.task, "", "")
                else:
                    rest = running.fail(message, tell)
                    queue.extendleft([rest] if rest else [])

    def _ready(self, busy: dict[_Process, Any]) -> list[_Process]:
        connections = {process.connection: process for process in busy}
        ready = [connections[connection] for connection in wait(list(connections), timeout=1.0)]
        return ready + [process for process in busy if process.silent(self.setup.time_limit) and process not in ready]

    def _take(self) -> _Process:
        if self._idle:
            return self._idle.pop()
        process = _Process(self.setup)
        self._all.append(process)
        return process

    def _give(self, process: _Process, message: tuple) -> None:
        if message[0] == "died":
            process.stop()
            self._all.remove(process)
        else:
            self._idle.append(process)

    def _ask_here(self, name: str, arguments: tuple) -> Any:
        try:
            return getattr(self._worker(), name)(*arguments)
        except Exception as error:
            return WorkerError(_said(error))

    def _run_here(self, task: SceneTask, tell: Event) -> None:
        running = _Running(task)

        def event(name: str, key: str, reason: str) -> None:
            running.current = key if name == "begin" else ""
            running.settled.add(key) if name != "begin" else None
            tell(name, task, key, reason)

        try:
            self._worker().scene(task, event)
            tell("finished", task, "", "")
        except Exception as error:
            rest = running.fail(("error", _said(error)), tell)
            if rest:
                self._run_here(rest, tell)

    def _worker(self) -> Any:
        if self._here is None:
            from .worker import Worker  # brings torch

            self._here = Worker(self.setup.store, self.setup.device, self.setup.trust_pickle)
        return self._here


class _Running:
    """A task under way: which of its jobs have ended, and which one is being done."""

    def __init__(self, task: SceneTask) -> None:
        self.task, self.current = task, ""
        self.settled: set[str] = set()

    def fail(self, message: tuple, tell: Event) -> SceneTask | None:
        """The task broke off. When one job was at it, that one fails and the others are to be tried again."""
        _, reason = message
        open_jobs = [job for job in self.task.jobs if job.key not in self.settled]
        culprit = [job for job in open_jobs if job.key == self.current]
        for job in culprit or open_jobs:
            tell("failed", self.task, job.key, reason)
        rest = tuple(job for job in open_jobs if job not in culprit) if culprit else ()
        if not rest:
            tell("finished", self.task, "", "")
            return None
        return replace(self.task, jobs=tuple(job for job in self.task.jobs if job not in culprit))


class _Process:
    """One spawned worker at the other end of a pipe."""

    def __init__(self, setup: Setup) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, setup), daemon=True)
        threads = {name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
        os.environ.update(dict.fromkeys(threads, "1"))
        try:
            self._process.start()
        finally:
            for name, value in threads.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})
        theirs.close()
        self._heard, self._limit = monotonic(), setup.time_limit

    def send(self, message: tuple) -> None:
        """A question; a worker that is gone already is noticed when its answer is awaited."""
        self._heard = monotonic()
        try:
            self.connection.send(message)
        except (BrokenPipeError, ConnectionResetError):
            return

    def receive(self) -> tuple:
        """The next message, or `("died", why)`."""
        if not self.connection.poll():
            self.stop()
            return ("died", f"stopped after {self._limit:g} s without a sign of life")
        try:
            message = self.connection.recv()
        except (EOFError, ConnectionResetError):
            self._process.join(5)
            return ("died", f"the worker process died ({_exit(self._process.exitcode)})")
        self._heard = monotonic()
        return message

    def silent(self, limit: float) -> bool:
        """Whether nothing was heard for that many seconds."""
        return monotonic() - self._heard > limit and not self.connection.poll()

    def stop(self) -> None:
        """End the process, gently or not."""
        self.connection.close()
        self._process.terminate()
        self._process.join(2)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def _serve(connection: Connection, setup: Setup) -> None:
    """The worker process: answers questions until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends us
    import torch

    torch.set_num_threads(1)
    from .worker import Worker

    worker = None
    while True:
        try:
            name, arguments = connection.recv()
        except EOFError:
            return
        try:
            worker = worker or Worker(setup.store, setup.device, setup.trust_pickle)
            if name == "scene":
                answer = worker.scene(*arguments, tell=lambda *event: connection.send(("event", *event)))
            else:
                answer = getattr(worker, name)(*arguments)
            connection.send(("answer", answer))
        except Exception as error:
            connection.send(("error", _said(error)))


def _said(error: Exception) -> str:
    """What went wrong in one line; the whole trace goes to standard error where someone wants it."""
    if os.environ.get("INNERVIEW_TRACE"):
        traceback.print_exception(error)
    text = " ".join(str(error).split())[:600]
    return text if isinstance(error, InnerviewError) else f"{type(error).__name__}: {text}"


def _exit(code: int | None) -> str:
    if code is not None and code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}"
