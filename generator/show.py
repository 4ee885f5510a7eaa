"""Where one figure comes from, and the raw array behind it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .build import Options, Progress, make_plan
from .manifest import job_name
from .plan import SceneTask
from .run import Pool, Setup
from .store import Store, unpack
from .types import ConfigError, Job, parse_figure_name


def describe_figure(options: Options, name: str, array: Path | None) -> dict[str, Any]:
    """What made the figure called `name`; with `array`, its raw float32 result is written there as .npy.

    Maps are read from the store; activations, of which the store keeps 8 bits, and what is not there yet are computed
    again, and the answer says so. Raises `ConfigError` for a name that no job of the gallery has.
    """
    parts = parse_figure_name(name)
    options = Options(
        **{**vars(options), "models": (parts["model"],), "methods": (parts["method"],), "workers": 0, "images": ()}
    )
    store = Store(options.work / "store")
    with Pool(Setup(store.folder, options.device, options.trust_pickle), 0) as pool:
        plan = make_plan(options, pool, store, Progress())
        task, job = _find(name, plan.tasks, store, pool)
        record = store.get(job.key) or {}
        found: dict[str, Any] = {
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
        if array:
            found["array"], found["array from"] = str(array), _write(array, task, job, record, store, pool)
    return found


def _find(name: str, tasks: list[SceneTask], store: Store, pool: Pool) -> tuple[SceneTask, Job]:
    """The job behind a name. The rival's class is known only after a pass, so the image may have to be run first."""
    parts = parse_figure_name(name)
    mine = [task for task in tasks if task.image == parts["image"]]
    for again in (False, True):
        for task in mine:
            if again:
                pool.run([task], lambda *event: None)
            for job in task.jobs:
                if job_name(job, store.get(job.key)) == name:
                    return task, job
    raise ConfigError(f"{name}: the gallery has no such figure")


def _write(array: Path, task: SceneTask, job: Job, record: dict, store: Store, pool: Pool) -> str:
    kept = unpack(store.read(record["payloads"]["arrays"])) if "arrays" in record.get("payloads", {}) else {}
    if set(kept) == {"map"}:
        values, source = kept["map"], "the store"
    elif kept and "codes" not in kept:
        raise ConfigError(f"{job.method}: holds {len(kept)} arrays of different sizes; ask for one of its layers instead")
    else:
        (answer,) = pool.ask([("array", (task, job))])
        if isinstance(answer, Exception):
            raise answer
        values, source = answer[0][0], "computed again: the store keeps 8 bits of activations"
    np.save(array, np.asarray(values, np.float32))
    return source
