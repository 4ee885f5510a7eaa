"""What jobs cost, in forward passes of their network."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from generator.core import channel_blocks
from generator.core.records import Job, MethodCard, ModelCard
from generator.core.spacing import evenly_spaced
from generator.core.tasks import SceneTask
from generator.engine.method_registry import SHARED_PASSES
from generator.models.layers import STRIP, stage_layers

from .method_needs import drives_network, inputs_of


def price(task: SceneTask, jobs: Iterable[Job], cards: Mapping[str, MethodCard]) -> float:
    """Return what `jobs` of a task cost, in forward passes of its network."""
    jobs = list(jobs)
    own = sum(_own_price(task, job, cards[job.method]) for job in jobs)
    if not jobs or task.example is None or all(drives_network(job.method, cards) for job in jobs):
        return own
    shared = {(name, job.target) for job in jobs for name in inputs_of(job.method, cards) if name in SHARED_PASSES}
    rules = {("input_gradient" if name in ("gradient", "gradients") else name, target) for name, target in shared}
    return 1.0 + sum(SHARED_PASSES[name] for name, _ in rules) + own


def _own_price(task: SceneTask, job: Job, card: MethodCard) -> float:
    """Return what one job adds: times its steps, its pictures, their size and the part of the network that it
    computes.
    """
    given = {**card.parameters, **task.parameters.get(card.slug, {})}
    price = card.passes
    for name in card.per:
        price *= given[name] if name != "stages" else _depths(task.card)
    if "block" in card.inputs:
        layer = next(layer for layer in task.card.layers if layer.name == job.layer)
        price *= len(channel_blocks.channels(given["units"], layer.shape[0], channel_blocks.block_of(job.style)))
    if "network" in card.inputs and "size" in given:
        largest = 4 * max(task.card.input.size[1:])
        price *= min(given["size"] or task.card.input.canvas, largest) ** 2 / math.prod(task.card.input.size[1:])
    if {"network", "layer"} <= set(card.inputs):
        price *= _depth(task.card, job.layer)
    return price


def _depth(card: ModelCard, layer: str) -> float:
    """Return which share of a pass it takes to come as far as a layer."""
    costs = [entry.macs for entry in card.layers]
    behind = next((index for index, entry in enumerate(card.layers) if entry.name == layer), len(costs)) + 1
    return sum(costs[:behind]) / sum(costs) if sum(costs) else 1.0


def _depths(card: ModelCard) -> float:
    """Return the passes it takes to come as far as each of the stages that a strip shows, in full ones."""
    return sum(_depth(card, layer) for layer in evenly_spaced(stage_layers(card), STRIP))
