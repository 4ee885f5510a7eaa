"""Two workers in Ray actors against two plain ones: how much faster than one worker draws, in the same run.

Three pools stand by, with networks loaded: one worker, two workers, and two that actors of a Ray cluster on this
machine host. In turn they draw the same scenes of vgg-cifar10 into an empty store, a few times over; told are the
medians over the rounds. The cluster's own processes run all the while, as they do in a build.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median
from time import perf_counter

from generator.pipeline.options import Options
from generator.pipeline.plan import Plan, make_plan
from generator.pipeline.pool import Pool

from .rows import Row

ROUNDS = 3
PICTURES = ("frog", "deer", "ship", "horse", "bird", "truck", "dog", "chelsea")
SETTINGS = {
    "images": str(Path(__file__).parents[1] / "images"),
    "models": [{"name": "vgg-cifar10", "images": [*PICTURES]}],
    "preset": "quick",
    "measures": [],
}


def rows() -> Iterator[Row]:
    """Speed-ups, their ratio, and seconds."""
    with tempfile.TemporaryDirectory(prefix="innerview-bench-") as name:
        folder = Path(name)
        (folder / "gallery.yml").write_text(json.dumps(SETTINGS))
        alone = Options(folder, folder / "gallery.yml", workers=1, device="cpu")
        two = replace(alone, workers=2)
        started = perf_counter()
        with replace(two, engine="ray").pool() as actors:
            actors.ask([("methods", ())])
            took = perf_counter() - started
            with alone.pool() as one, two.pool() as plain:
                plan = make_plan(alone, one, alone.store)
                scenes = [task for task in plan.tasks if task.example]
                networks = [("describe", (scenes[0].network,))] * 2
                for pool in (one, plain, actors):
                    pool.ask(networks)
                times = [[_drawn(plan, pool, folder) for pool in (one, plain, actors)] for _ in range(ROUNDS)]
    shortest = f"{median(row[0] for row in times):.1f} s with one worker, {ROUNDS} rounds"
    yield Row("two plain workers over one", median(row[0] / row[1] for row in times), "x", note=shortest)
    yield Row("two actors over one worker", median(row[0] / row[2] for row in times), "x")
    yield Row("speed of two actors over two plain workers", median(row[1] / row[2] for row in times), "", 0.9, False)
    yield Row("until a cluster of this machine answers", took, "s")


def _drawn(plan: Plan, pool: Pool, folder: Path) -> float:
    """Seconds in which a pool draws all scenes anew."""
    for part in ("records", "payloads"):
        shutil.rmtree(folder / ".innerview" / "store" / part, ignore_errors=True)
    events = []
    started = perf_counter()
    pool.run([task for task in plan.tasks if task.example], lambda event, *_: events.append(event))
    took = perf_counter() - started
    assert set(events) - {"step"} == {"drawn"}, "something was not drawn anew"
    return took
