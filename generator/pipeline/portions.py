"""In which order the missing jobs are done: what a reader sees first, then networks, then what takes many passes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from generator.core.records import Job, MethodCard
from generator.core.tasks import SceneTask

from .cost import price
from .method_needs import drives_network, with_dependencies

MANY = 10  # forward passes beyond those that all methods share, from which a method comes last
DRAWING_SECONDS = 0.012  # one picture drawn, encoded and stored, on one core


@dataclass(frozen=True)
class Portion:
    """The jobs of a task that are done in one go by one worker, and which of them are missing."""

    task: SceneTask
    missing: tuple[Job, ...]

    def seconds(self, cards: Mapping[str, MethodCard]) -> float:
        """Return about how long one core takes over it."""
        return seconds(self.task, self.missing, cards)


def portions(
    missing: Iterable[tuple[SceneTask, list[Job]]], cards: Mapping[str, MethodCard]
) -> tuple[list[Portion], list[Portion]]:
    """Return the missing jobs of tasks: of each report what costs few passes, and all else in its order.

    That is what networks show without an image; then methods that take many passes of an image, each with those that
    build on it, so that workers share them; then methods that drive a network themselves.
    """
    reports: list[Portion] = []
    networks: list[Portion] = []
    sampled: list[Portion] = []
    driven: list[Portion] = []
    for task, jobs in missing:
        if drives_network(task.jobs[0].method, cards):
            driven.append(Portion(task, tuple(jobs)))
        elif task.example is None:
            networks.append(Portion(task, tuple(jobs)))
        else:
            for root, portion in _by_sampling(task, jobs, cards):
                (sampled if root else reports).append(portion)
    return reports, [*networks, *sampled, *driven]


def seconds(task: SceneTask, jobs: Iterable[Job], cards: Mapping[str, MethodCard]) -> float:
    """Return about how long one core takes over some jobs of a task."""
    jobs = list(jobs)
    return price(task, jobs, cards) * task.card.passes_seconds + len(jobs) * DRAWING_SECONDS


def _by_sampling(
    task: SceneTask, missing: Iterable[Job], cards: Mapping[str, MethodCard]
) -> Iterator[tuple[str, Portion]]:
    """Yield the portions of a task of which something is missing, each with the method of many passes behind it."""
    roots = {slug: _root(slug, cards) for slug in dict.fromkeys(job.method for job in task.jobs)}
    for root in dict.fromkeys(roots.values()):
        waiting = tuple(job for job in missing if roots[job.method] == root)
        if waiting:
            jobs = tuple(job for job in task.jobs if roots[job.method] == root)
            yield root, Portion(replace(task, jobs=jobs), waiting)


def _root(slug: str, cards: Mapping[str, MethodCard]) -> str:
    """Return the method of many passes that a method is or builds on; "" where there is none."""
    return next((name for name in reversed(with_dependencies(slug, cards)) if cards[name].passes > MANY), "")
