"""Have every network's probe looked at by the workers, part by part, and tell how far that is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from generator.analysis.probe.results import record_of
from generator.core.store import Store
from generator.core.tasks import ProbeTask

from .options import Progress
from .pool import Pool, WorkerError


def probe(tasks: Iterable[ProbeTask], pool: Pool, store: Store, progress: Progress) -> dict[str, str]:
    """Look at the images of each task that the store knows nothing of; which failed, and why, by the network's slug.

    What a part of the images showed is stored as soon as it is known: an interrupted build goes on from there.
    """
    failed = {}
    waiting = [task for task in tasks if record_of(task, store) is None]
    counts = pool.ask([("probe_images", (task,)) for task in waiting])
    for task, count in zip(waiting, counts, strict=True):
        try:
            _probe(task, _checked(count), pool, progress)
        except WorkerError as error:
            failed[f"{task.card.slug}/probe"] = str(error)
    return failed


def _probe(task: ProbeTask, count: int, pool: Pool, progress: Progress) -> None:
    """One network: all parts of its images, and in the end all of them together."""
    if task.source.path:
        progress.say(f"showing {count:,} images to {task.card.slug}, to see what excites its channels")
    numbers, done = range(task.parts(count)), 0

    def heard(index: int) -> None:
        nonlocal done
        done += min(task.part, count - index * task.part)
        progress.now(f"Probing {task.card.slug}: {done:,}/{count:,} images")

    for answer in pool.ask([("probe_part", (task, number)) for number in numbers], heard):
        _checked(answer)
    (answer,) = pool.ask([("probe_whole", (task,))])
    _checked(answer)


def _checked(answer: Any) -> Any:
    if isinstance(answer, WorkerError):
        raise answer
    return answer
