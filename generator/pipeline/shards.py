"""One part of a gallery's work, for machines that share nothing: of equal price, and the same whoever asks."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Hashable, Iterable
from pathlib import Path

from generator.analysis import evidence_tasks
from generator.analysis.probe.tasks import files
from generator.core.errors import ConfigError
from generator.core.records import ModelCard
from generator.core.store import Store
from generator.core.tasks import ProbeTask

from .cost import price
from .plan import Plan, find_missing

PICTURE = 2e8  # multiply-adds in the time that it takes to draw and store one picture
NOTHING = Store(Path(os.devnull, "store"))  # what is in store is another on every machine, and must not count


def parse(text: str) -> tuple[int, int]:
    """`2/5` as part 2 of 5. Raises `ConfigError`.

    >>> parse("2/5")
    (2, 5)
    """
    number, _, of = text.partition("/")
    if not (number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
        raise ConfigError(f"--shard {text}: expected PART/PARTS, such as 1/4, the first part of four")
    return int(number), int(of)


def narrow(plan: Plan, number: int, of: int, store: Store) -> None:
    """Leave in a plan what belongs to part `number` of `of`, counted from one.

    What is put together afterwards stays together: an image as networks that are compared see it, and a network's probe
    with the figures that are made of it. So nothing is left to be computed when all parts are merged.
    """
    costs: dict[Hashable, float] = defaultdict(float)
    for index, unit in enumerate(_units(plan)):
        costs[unit] += _task_price(plan, index)
    for slug, probe in plan.probes.items():
        costs["network", slug] += _probe_price(probe)
    mine = {unit for unit, part in _dealt(costs, of).items() if part == number - 1}
    plan.tasks = [task for task, unit in zip(plan.tasks, _units(plan), strict=True) if unit in mine]
    plan.probes = {slug: probe for slug, probe in plan.probes.items() if ("network", slug) in mine}
    seen = {task.image for task in plan.tasks}
    plan.examples = [example for example in plan.examples if example.id in seen]
    find_missing(plan, store)


def _units(plan: Plan) -> list[Hashable]:
    """For each task the unit that it belongs to; those that drive a network themselves are units of their own."""
    groups = _compared(plan.models, plan.couples)
    units: list[Hashable] = []
    first: set[tuple[str, str]] = set()
    for index, task in enumerate(plan.tasks):
        slug = task.card.slug
        if (slug, task.image) in first:
            units.append(("long", index))
        else:
            units.append(("image", task.image, groups[slug]) if task.example else ("network", slug))
        first.add((slug, task.image))
    return units


def _compared(models: Iterable[ModelCard], couples: Iterable[tuple[ModelCard, ModelCard]]) -> dict[str, str]:
    """Return the networks by slug, each with the name of the group of those that it is compared with, by a detour
    too.
    """
    groups = {card.slug: card.slug for card in models}
    for left, right in couples:
        old, new = groups[right.slug], groups[left.slug]
        groups = {slug: new if group == old else group for slug, group in groups.items()}
    return groups


def _dealt(costs: dict[Hashable, float], parts: int) -> dict[Hashable, int]:
    """Return the part, from zero, that each unit goes to: the dearest first, each to the part that has least."""
    sums = [0.0] * parts
    assignment = {}
    for unit in sorted(costs, key=lambda unit: (-costs[unit], repr(unit))):
        assignment[unit] = sums.index(min(sums))
        sums[assignment[unit]] += costs[unit]
    return assignment


def _task_price(plan: Plan, index: int) -> float:
    """Return what it takes to draw and measure a task, in multiply-adds."""
    task = plan.tasks[index]
    passes = price(task, task.jobs, plan.cards)
    passes += evidence_tasks.price(task, evidence_tasks.missing(task, plan.known, NOTHING, ahead=True), plan.known)
    return passes * task.card.macs + len(task.jobs) * PICTURE


def _probe_price(probe: ProbeTask) -> float:
    """Return what a probe takes, in multiply-adds; how many images an archive holds is guessed from its size."""
    sizes = [file.stat().st_size for file in files(probe.source)]
    channels, height, width = probe.card.input.size
    images = len(probe.examples) or max(len(sizes), sum(sizes) // (channels * height * width))
    return min(images, probe.source.most or images) * probe.card.macs
