"""Which jobs of a scene wait for what: a method runs when its last input arrives, and ends when one cannot come."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from generator.core.records import Job

from .method_registry import INPUTS, METHODS, method_slug
from .progress import Step, watched
from .targets import Target


class Node(NamedTuple):
    """A method at one point of its axes; several jobs and other methods may want it."""

    method: str
    layer: str
    target: str
    style: str


class Want(NamedTuple):
    """An input at one point of its axes, "" along those on which it does not depend."""

    name: str
    layer: str = ""
    target: str = ""
    style: str = ""


@dataclass
class Outcome:
    """What became of a job: a value, or why there is none."""

    value: Any = None  # a tensor or a list of tensors
    numbers: dict[str, Any] | None = None
    frames: list[torch.Tensor] | None = None  # what the method showed on its way to the value
    target: Target | None = None
    error: Exception | None = None
    note: str = ""  # how it was done, where not as usual


class Waiting:
    """The jobs of one scene and what they wait for; `done(job, outcome)` is called for each when it can be.

    `begin(job)` is called before its method runs, `step(job, step)` whenever the method says how far it is.
    `attempt(job, work)` is `work()` and a note on how it went; `targets` is filled once the network has spoken.
    """

    def __init__(
        self,
        jobs: Iterable[Job],
        done: Callable[[Job, Outcome], None],
        begin: Callable[[Job], None],
        step: Callable[[Job, Step], None],
        parameters: Mapping[str, Mapping[str, Any]],
        attempt: Callable[[Job, Callable[[], Any]], tuple[Any, str]] = lambda job, work: (work(), ""),
    ) -> None:
        self.targets: dict[str, Target] = {}
        self._done, self._begin, self._step, self._parameters = done, begin, step, parameters
        self._attempt = attempt
        self._wanted: dict[Node, list[Job]] = defaultdict(list)
        self._missing: dict[Node, set[tuple]] = {}
        self._waiting: dict[tuple, list[Node]] = defaultdict(list)
        self._values: dict[tuple, Any] = {}
        for job in jobs:
            self._wanted[self._want(Node(job.method, job.layer, job.target, job.style))].append(job)

    # --- what is wanted ---------------------------------------------------------------------------

    def needs(self, *names: str) -> list[Any]:
        """Return the inputs of these names that someone waits for."""
        return [key for key, nodes in self._waiting.items() if key[0] in names and nodes]

    def left(self) -> list[Any]:
        """Return all that someone waits for."""
        return [key for key, nodes in self._waiting.items() if nodes]

    def symbols(self) -> set[str]:
        """Return the targets that someone waits for."""
        return {node.target for node in self._missing if node.target}

    def must_copy(self, key: Want) -> bool:
        """Return whether a value must be kept as it is now: someone who wants it waits for something else too."""
        nodes = self._waiting.get(key, [])
        return any(len(self._missing[node]) > 1 or ("result", node) in self._waiting for node in nodes)

    def _want(self, requested: Node) -> Node:
        node = _reduced(requested)
        if node not in self._missing:
            for name in METHODS[node.method].inputs:
                if name not in INPUTS:
                    self._want(node._replace(method=method_slug(name)))
            self._missing[node] = set(_keys_of(node))
            for key in self._missing[node]:
                self._waiting[key].append(node)
        return node

    # --- how values arrive ------------------------------------------------------------------------

    def arrive(self, key: tuple, value: Any) -> None:
        """An input is there; every method that waited for it alone runs now."""
        nodes = self._waiting.pop(key, [])
        if not nodes:
            return
        self._values[key] = value
        for node in nodes:
            missing = self._missing.get(node)  # None: it was refused for want of another input
            if missing is not None:
                missing.discard(key)
                if not missing:
                    self._fire(node)
        if all(node not in self._missing for node in nodes):  # of those who wanted it none waits for more
            self._values.pop(key, None)

    def refuse(self, key: tuple, error: Exception) -> None:
        """Every job that waits for `key` ends with `error`."""
        for node in self._waiting.pop(key, []):
            if self._missing.pop(node, None) is None:
                continue
            for job in self._wanted.get(node, []):
                self._done(job, Outcome(error=error, target=self.targets.get(node.target)))
            self.refuse(("result", node), error)

    def refuse_target(self, symbol: str, error: Exception) -> None:
        """Every job that waits for something of the target `symbol` ends with `error`."""
        for key in [key for key in self.left() if (key[1] if key[0] == "result" else key).target == symbol]:
            self.refuse(key, error)

    def _fire(self, node: Node) -> None:
        method, jobs = METHODS[node.method], self._wanted.get(node, [])
        notified = jobs or self._served(node)[:1]
        for job in notified:
            self._begin(job)
        arguments = [self._values[key] for key in _keys_of(node)]
        del self._missing[node]
        outcome = Outcome(target=self.targets.get(node.target))

        def report_step(step: Step) -> None:
            for job in notified[:1]:
                self._step(job, step)

        def work() -> tuple[Any, list[Any] | None]:
            result = method.function(*arguments, **{**method.parameters, **self._parameters.get(node.method, {})})
            return watched(result, report_step)

        try:
            (result, outcome.frames), outcome.note = self._attempt(notified[0], work)
            outcome.value, outcome.numbers = (result, {}) if _is_value(result) else result
        except Exception as error:  # whatever goes wrong in a method ends this job alone, and is its outcome
            outcome.error = error
        for job in jobs:
            self._done(job, outcome)
        if outcome.error:
            self.refuse(("result", node), outcome.error)
        else:
            self.arrive(("result", node), outcome.value)

    def _served(self, node: Node) -> list[Job]:
        """Jobs that wait for a method no one asked for."""
        nodes = self._waiting.get(("result", node), [])
        return [job for dependent in nodes for job in self._wanted.get(dependent) or self._served(dependent)]


def _reduced(node: Node) -> Node:
    """Return a node that names only the axes along which its method varies."""
    axes = METHODS[node.method].axes
    return Node(node.method, *(getattr(node, axis) if axis in axes else "" for axis in Node._fields[1:]))


def _keys_of(node: Node) -> list[tuple]:
    """Return what a node's method takes, in its order: inputs, and results of other methods."""
    keys: list[tuple] = []
    for name in METHODS[node.method].inputs:
        if name in INPUTS:
            keys.append(Want(name, *(getattr(node, axis) if axis in INPUTS[name] else "" for axis in Want._fields[1:])))
        else:
            keys.append(("result", _reduced(node._replace(method=method_slug(name)))))
    return keys


def _is_value(result: Any) -> bool:
    return not (isinstance(result, tuple) and len(result) == 2 and isinstance(result[1], dict))
