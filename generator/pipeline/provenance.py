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


def describe_figure(
    options: Options, name: str, array: Path | None, picture: Path | None = None, table: Path | None = None
) -> dict[str, Any]:
    """Return what made the figure called `name`; with `array`, its raw float32 result is written there as .npy.

    With `table` it is written there as CSV.

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
        if channel is not None and (array or picture or table):
            description |= _write_channel(channel, (array, picture, table), task, job, record, pool)
        elif array or table:
            values, description["array from"] = _values(task, job, record, store, pool)
            description |= _write(values, array, table)
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
    channel: int, files: tuple[Path | None, ...], task: SceneTask, job: Job, record: dict, pool: Pool
) -> dict[str, str]:
    """Write one channel, computed again, as array, picture and table; where they are and how large."""
    array, picture, table = files
    (answer,) = pool.ask([("array", (task, job, channel))])
    if isinstance(answer, Exception):
        raise answer
    values = np.asarray(answer[0][0][0, 0], np.float32)
    values = values.reshape(-1, *values.shape[-1:]) if values.ndim else values.reshape(1, 1)
    size = f"{values.shape[1]} x {values.shape[0]}"
    written = {name: f"{file}, {size} values" for name, file in _write(values, array, table).items()}
    if picture:
        own = (min(float(values.min()), 0.0), float(np.abs(values).max()))
        write_atomically(picture, one_channel(values, record.get("meta", {}).get("scale") or own))
        written["picture"] = f"{picture}, {size} pixels"
    return written


def _write(values: np.ndarray, array: Path | None, table: Path | None) -> dict[str, str]:
    """Write an array as it is, as a table, or both; where they are."""
    if array:
        with array.open("wb") as file:  # np.save would add a suffix to the name that was asked for
            np.save(file, values)
    if table:
        write_atomically(table, as_csv(values).encode())
    return {name: str(file) for name, file in (("array", array), ("csv", table)) if file}


AXES = {1: ("index",), 3: ("channel", "row", "column"), 4: ("output", "input", "row", "column")}


def as_csv(values: np.ndarray) -> str:
    """Return an array as CSV, nine figures a value: a map row by row, other arrays as a line for each value.

    Leading axes of length 1 are left out. The lines of what has more axes begin with the place along each of them,
    which the head names.

    >>> as_csv(np.array([[1.5, 2], [3, np.nan]], np.float32))
    '1.5,2\\n3,nan\\n'
    >>> as_csv(np.array([[[1.5]], [[-2]]], np.float32))
    'channel,row,column,value\\n0,0,0,1.5\\n1,0,0,-2\\n'
    """
    while values.ndim > 2 and values.shape[0] == 1:
        values = values[0]
    if values.ndim == 2:
        return "".join(",".join(f"{value:.9g}" for value in row) + "\n" for row in values.tolist())
    axes = AXES.get(values.ndim, tuple(f"axis {axis}" for axis in range(values.ndim)))
    places = np.indices(values.shape).reshape(values.ndim, -1).T.tolist()
    lines = (f"{','.join(map(str, place))},{value:.9g}" for place, value in zip(places, values.flat, strict=True))
    return "\n".join([",".join([*axes, "value"]), *lines, ""])


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


def _values(task: SceneTask, job: Job, record: dict, store: Store, pool: Pool) -> tuple[np.ndarray, str]:
    """Return the array, float32, and where it comes from, in words."""
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
    return np.asarray(values, np.float32), source


def _kept(record: dict[str, Any], store: Store) -> dict[str, np.ndarray]:
    try:
        return unpack(store.read(record["payloads"]["arrays"]))
    except (KeyError, Damaged):
        return {}
