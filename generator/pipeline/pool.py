"""Hand tasks to workers, wherever they are; what hangs or dies costs its own job, and the rest goes on."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from generator.core.errors import InnerviewError
from generator.core.records import Network
from generator.core.store import StoreError
from generator.core.tasks import SceneTask
from generator.models.specs import known_code

from .processes import Process, Processes, Setup, said

WORTH = 2.0  # seconds of one core for which one more worker is started: until its first pass it takes nearly as long
RETRIES = 2  # of a question over which a worker died, perhaps by chance
ENDS = ("drawn", "reused", "failed", "inapplicable")  # what becomes of a job; each is told of exactly once
Event = Callable[[str, SceneTask, str, str], None]  # (one of ENDS or "step", task, key of the job, words)


class WorkerError(InnerviewError):
    """A worker could not answer; the message is what it said."""


class Pool:
    """Workers with one torch thread each, started when first needed.

    A network of the user's own has workers of its own: its code may change anything of its process, and so what
    another network computes there. Ours and torchvision's share workers. With `workers=0` all but those of the user's
    own is done in this process; with -1 nothing may be asked at all. `isolate=False` lets all share, for tests.

    `engine` makes what starts the workers, of the setup; like `Processes` it has `start`, `wait` and `close`, and its
    workers are like `Process`. Use as a context manager: leaving it ends the workers, also after an interrupt.
    """

    def __init__(
        self, setup: Setup, workers: int, engine: Callable[[Setup], Any] = Processes, isolate: bool = True
    ) -> None:
        self.setup, self.workers, self.isolate = setup, workers, isolate
        self._make = engine
        self._engine: Any = None  # Processes, or Ray's Cluster
        self._networks: dict[Process, Network | None] = {}  # whose process it is; None: it is shared
        self._idle: list[Process] = []
        self._all: list[Process] = []
        self._here: Any = None

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *error: Any) -> None:
        for process in self._all:
            process.end()
        for process in self._all:
            process.stop()
        if self._engine:
            self._engine.close()

    def warm(self) -> None:
        """Start a worker ahead of the first question: it imports torch while this process goes on."""
        if self.workers > 0 and not self._all:
            self._give(self._take(), ("answer", None))

    def ask(self, questions: Sequence[tuple[str, tuple]], heard: Callable[[int], None] = lambda i: None) -> list[Any]:
        """Return the answers to questions such as `("describe", (network,))`, in order; a `WorkerError` where one
        failed.

        `heard` is told the index of each question when its answer is there.
        """
        if self.workers < 0 and questions:
            raise WorkerError("the store does not know these networks and methods yet: run innerview build first")
        if self.workers > 0:
            return self._ask_processes(questions, heard)
        answers = []
        for index, (name, arguments) in enumerate(questions):
            if self._owner(arguments):
                answers += self._ask_processes([(name, arguments)], lambda _: None)
            else:
                answers.append(self._ask_here(name, arguments))
            heard(index)
        return answers

    def _ask_processes(self, questions: Sequence[tuple[str, tuple]], heard: Callable[[int], None]) -> list[Any]:
        """Return the same by workers; one that dies over a question is replaced, and asked again `RETRIES` times at
        most.
        """
        answers: list[Any] = [None] * len(questions)
        tries: Counter[int] = Counter()
        queue = deque(range(len(questions)))
        busy: dict[Process, int] = {}
        while queue or busy:
            while queue and len(busy) < max(1, self.workers):
                index = queue.popleft()
                process = self._take(self._owner(questions[index][1]))
                process.send(questions[index])
                busy[process] = index
            for process in self._ready(busy):
                message = process.receive()
                if message[0] == "event":
                    continue
                index = busy.pop(process)
                self._give(process, message)
                if message[0] in ("died", "killed") and tries[index] < RETRIES:
                    tries[index] += 1
                    queue.appendleft(index)
                    continue
                answers[index] = message[1] if message[0] == "answer" else WorkerError(message[1])
                heard(index)
        return answers

    def run(self, tasks: Iterable[SceneTask], tell: Event, seconds: float = math.inf) -> None:
        """Every task; `tell` hears once of each job what became of it, and of long ones how far they are.

        All of it takes about `seconds` of one core: for what is soon over there are fewer workers.
        """
        waiting = [_Running(task, tell) for task in tasks]
        if self.workers > 0:
            self._run_processes(waiting, seconds)
            return
        for running in waiting:
            if self._owner((running.task,)):
                self._run_processes([running], math.inf)
                continue
            while not running.over(self._scene_here(running)):
                pass

    def _run_processes(self, waiting: Sequence[_Running], seconds: float) -> None:
        queue, most = deque(waiting), max(1, math.ceil(min(self.workers, seconds / WORTH)))
        busy: dict[Process, _Running] = {}
        while queue or busy:
            while queue and len(busy) < most:
                process = self._take(self._owner((queue[0].task,)))
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

    def _ready(self, busy: dict[Process, Any]) -> list[Process]:
        ready = self._engine.wait(busy)
        return ready + [process for process in busy if process.silent() and process not in ready]

    def _owner(self, arguments: tuple) -> Network | None:
        """Return the network of the user's own that a question is about, which is to have a worker of its own."""
        about = arguments[0] if arguments else None
        network = about if isinstance(about, Network) else getattr(about, "network", None)
        return network if self.isolate and network and not known_code(network) else None

    def _take(self, owner: Network | None = None) -> Process:
        """Return an idle worker of this owner, or a new one; in the place of another's where there are enough."""
        for process in [process for process in reversed(self._idle) if self._networks[process] == owner]:
            self._idle.remove(process)
            if process.alive():
                return process
            self._all.remove(process)
        while self._idle and len(self._all) >= max(1, self.workers):
            other = self._idle.pop(0)
            other.stop()
            self._all.remove(other)
        self._engine = self._engine or self._make(self.setup)
        process = self._engine.start()
        self._all.append(process)
        self._networks[process] = owner
        return process

    def _give(self, process: Process, message: tuple) -> None:
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
        except (StoreError, KeyboardInterrupt):
            raise
        except BaseException as error:  # also what would end this process: a network may call sys.exit
            return WorkerError(said(error))

    def _scene_here(self, running: _Running) -> tuple:
        try:
            return ("answer", self._worker().scene(running.task, running.hear))
        except (StoreError, KeyboardInterrupt):
            raise
        except BaseException as error:  # likewise
            return ("error", said(error))

    def _worker(self) -> Any:
        if self._here is None:
            import torch

            from .worker import Worker

            torch.set_num_threads(1)  # as in a process of its own: another number gives other bits
            self._here = Worker(self.setup.store, self.setup.device, self.setup.trust_pickle, self.setup.code)
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
        """Take in what the worker tells: a job begins, is at some step, has its array, or ends."""
        if event == "step":
            self._tell(event, self.task, key, reason)
            return
        self._current = key if event == "begin" else ""
        if event in ENDS and key in self._open:
            del self._open[key]
            self._tell(event, self.task, key, reason)

    def over(self, message: tuple) -> bool:
        """Return whether a worker's last word on the task was the end of it; else the jobs still open are to be tried
        again.

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
