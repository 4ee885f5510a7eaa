"""Where one figure comes from, and the raw array behind it."""

from __future__ import annotations

import re
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np

from generator.config.validation import nearest
from generator.core.atomic_io import write_atomically
from generator.core.errors import ConfigError
from generator.core.naming import parse_figure_name
from generator.core.records import Job
from generator.core.roles import ACTIVATIONS, slug_with
from generator.core.store import Damaged, Store, unpack
from generator.core.tasks import MODEL_LEVEL, SceneTask
from generator.drawing.styles import one_channel

from .manifest import job_name
from .options import Options
from .plan import make_plan
from .pool import Pool


def describe_figure(options: Options, name: str, array: Path | None, picture: Path | None = None) -> dict[str, Any]:
    """Return what made the figure called `name`; with `array`, its raw float32 result is written there as .npy.

    Maps are read from the store; activations, of which the store keeps 8 bits, and what is not there yet are computed
    again, and the answer says so. Behind `#c17` only that channel is written, at the size it has in the network; to
    `picture` as a PNG on the colour scale of its layer. Raises `ConfigError` for a name that no job of the gallery has.
    """
    name, channel = _channel(name, picture)
    parts = parse_figure_name(name)
    images = () if parts["image"] == MODEL_LEVEL else (parts["image"],)
    options = replace(options, models=(parts["model"],), methods=(parts["method"],), images=images)
    store = options.store
    with options.pool(workers=0) as pool:
        plan = make_plan(options, pool, store)
        for _, reason in plan.failed:
            raise ConfigError(reason)
        if channel is not None and parts["method"] != slug_with(ACTIVATIONS, plan.cards.values()):
            raise ConfigError(f"{name}#c{channel}: only activations have channels to write")
        task, job = _find(name, plan.tasks, store, pool)
        record = store.get(job.key) or {}
        description: dict[str, Any] = {
            "figure": name,
            "model": f"{task.card.title} ({task.card.slug})",
            "weights": task.card.digest,
            "image": task.example.title if task.example else "",
            "image file": task.example.path if task.example else "",
            "image digest": task.example.digest if task.example else "",
            "method": plan.cards[job.method].title,
            "layer": job.layer,
            "target": record.get("target"),
            "parameters": task.parameters.get(job.method, {}),
            "shape": record.get("meta", {}).get("shape"),
            "range": record.get("meta", {}).get("range"),
            "numbers": record.get("numbers"),
            "reason": record.get("reason", ""),
            "key": job.key,
        }
        if channel is not None and (array or picture):
            description |= _write_channel(channel, array, picture, task, job, record, pool)
        elif array:
            description["array"], description["array from"] = str(array), _write(array, task, job, record, store, pool)
    return description


def _channel(name: str, picture: Path | None) -> tuple[str, int | None]:
    """Return a figure's name and the channel behind it."""
    plain, _, anchor = name.partition("#")
    if anchor and not re.fullmatch(r"c\d{1,6}", anchor):
        raise ConfigError(f"{name}: expected #c and a channel's number, such as #c17")
    if picture and not anchor:
        raise ConfigError(f"{name}: --picture writes one channel: expected #c and its number behind the name")
    return plain, int(anchor[1:]) if anchor else None


def _write_channel(
    channel: int, array: Path | None, picture: Path | None, task: SceneTask, job: Job, record: dict, pool: Pool
) -> dict[str, str]:
    """Write one channel, computed again, as array and picture; where they are and how large."""
    (answer,) = pool.ask([("array", (task, job, channel))])
    if isinstance(answer, Exception):
        raise answer
    values = np.asarray(answer[0][0][0, 0], np.float32)
    values = values.reshape(-1, *values.shape[-1:]) if values.ndim else values.reshape(1, 1)
    size = f"{values.shape[1]} x {values.shape[0]}"
    if array:
        with array.open("wb") as file:
            np.save(file, values)
    if picture:
        own = (min(float(values.min()), 0.0), float(np.abs(values).max()))
        write_atomically(picture, one_channel(values, record.get("meta", {}).get("scale") or own))
    written = {"array": array and f"{array}, {size} values", "picture": picture and f"{picture}, {size} pixels"}
    return {name: text for name, text in written.items() if text}


def _find(name: str, tasks: list[SceneTask], store: Store, pool: Pool) -> tuple[SceneTask, Job]:
    """Return the job behind a name. The rival's class is known only after a pass, so the image may have to be run
    first.
    """
    mine = [task for task in tasks if task.image == parse_figure_name(name)["image"]]
    pair = _named(name, mine, store)
    if pair is None and any(store.get(job.key) is None for task in mine for job in task.jobs):
        pool.run(mine, lambda *event: None)
        pair = _named(name, mine, store)
    if pair is None:
        names = [job_name(job, store.get(job.key)) for task in mine for job in task.jobs]
        raise ConfigError(f"{name}: the gallery has no such figure{nearest(name, get_close_matches(name, names, n=1))}")
    return pair


def _named(name: str, tasks: list[SceneTask], store: Store) -> tuple[SceneTask, Job] | None:
    pairs = ((task, job) for task in tasks for job in task.jobs)
    return next((pair for pair in pairs if job_name(pair[1], store.get(pair[1].key)) == name), None)


def _write(array: Path, task: SceneTask, job: Job, record: dict, store: Store, pool: Pool) -> str:
    """Write the array; where it comes from, in words."""
    kept = _kept(record, store)
    if set(kept) == {"map"}:
        values, source = kept["map"], "the store"
    elif kept and "codes" not in kept:
        raise ConfigError(f"{job.method}: its {len(kept)} arrays have several sizes; ask for one of its layers instead")
    else:
        (answer,) = pool.ask([("array", (task, job))])
        if isinstance(answer, Exception):
            raise answer
        why = "the store keeps 8 bits of activations" if kept else "the store does not hold it"
        values, source = answer[0][0], f"computed again: {why}"
    with array.open("wb") as file:  # np.save would add a suffix to the name that was asked for
        np.save(file, np.asarray(values, np.float32))
    return source


def _kept(record: dict[str, Any], store: Store) -> dict[str, np.ndarray]:
    try:
        return unpack(store.read(record["payloads"]["arrays"]))
    except (KeyError, Damaged):
        return {}
