"""What hangs, dies or is interrupted costs its own job; all others are done, and each is told of exactly once."""

import math
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import tiny_gallery
import tiny_nets
from repository import ROOT

from generator.core.records import Job, Network
from generator.core.store import StoreError
from generator.core.tasks import SceneTask
from generator.engine.model_card import describe
from generator.engine.scene import Scene, SceneRequest
from generator.pipeline.plan import make_plan
from generator.pipeline.pool import Pool, WorkerError, _Running
from generator.pipeline.processes import Setup

# A network whose module replaces methods by ones that go wrong, in the worker process that loads it.
TROUBLE = (
    tiny_gallery.NETWORK
    + """

from dataclasses import replace
from pathlib import Path

from generator.methods import METHODS

def put(slug, function):
    METHODS[slug] = replace(METHODS[slug], function=function)


def leaves(vanilla_backprop):
    os._exit(3)


def hangs(vanilla_backprop):
    time.sleep(3600)


put("saliency", leaves)
put("signed-gradient", hangs)
put("gradient-x-input", lambda x, input_gradient: 1 / 0)


def vanishes():
    os._exit(4)
"""
)
HANGS = """
from dataclasses import replace
from pathlib import Path

from generator.methods import METHODS


def hangs(activation, gradient):
    Path(__file__).with_name("begun").write_text(str(os.getpid()))
    time.sleep(3600)


METHODS["grad-cam"] = replace(METHODS["grad-cam"], function=hangs)
"""
BAD = ["saliency", "signed-gradient", "gradient-x-input"]


@pytest.fixture
def options(tmp_path):
    methods = [*tiny_gallery.METHODS, *BAD]
    options = tiny_gallery.lay(
        tmp_path, ["one"], TROUBLE, "troubled_network_of_mine", methods=methods, targets=["label"]
    )
    return replace(options, workers=1, time_limit=12.0)


def alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_each_kind_of_loss_costs_its_own_job(options):
    store, told = options.store, []
    with options.pool() as pool:
        plan = make_plan(options, pool, store)
        dead = Network(
            "dead", "troubled_network_of_mine:vanishes", folder=str(options.root), input=plan.models[0].input
        )
        known = next(task.network for task in plan.tasks)
        lost, found = pool.ask([("describe", (dead,)), ("describe", (known,))])
        pool.run(plan.tasks, lambda *event: told.append(event))
        processes = [process._process.pid for process in pool._all]
    assert isinstance(lost, WorkerError) and "died (exit code 4)" in str(lost)
    assert not isinstance(found, WorkerError), found
    assert found.classes == ("ant", "bee", "cat")
    jobs = {job.key: job for task in plan.tasks for job in task.jobs}
    assert Counter(key for _, _, key, _ in told) == Counter(list(jobs)), "each job is told of once"
    failed = {(jobs[key].method, reason) for event, _, key, reason in told if event == "failed"}
    assert failed == {
        ("saliency", "the worker process died (exit code 3)"),
        ("signed-gradient", "stopped after 12 s, the time limit for one job (--time-limit)"),
        ("gradient-x-input", "ZeroDivisionError: division by zero"),
    }
    assert {jobs[key].method for event, _, key, _ in told if event == "drawn"} == {*tiny_gallery.METHODS} - {*BAD}
    assert not any(map(alive, processes)), "no worker outlives the pool"
    find = {job.method: store.get(job.key) for job in jobs.values()}
    assert {method for method, record in find.items() if record is None} == set(BAD)


def test_an_interrupt_ends_all_within_seconds_and_the_next_run_goes_on(tmp_path):
    options = tiny_gallery.lay(tmp_path, ["one"], tiny_gallery.NETWORK + HANGS, "hanging_network_of_mine")
    command = [sys.executable, "-m", "generator", "build", "--no-site", "--workers", "1", "--device", "cpu"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    begun = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    for _ in range(3000):
        if (tmp_path / "begun").exists() or begun.poll() is not None:
            break
        time.sleep(0.1)
    worker = int((tmp_path / "begun").read_text())
    assert alive(worker)
    started = time.monotonic()
    os.killpg(begun.pid, signal.SIGINT)  # as a terminal does it: to the parent and to all its workers
    out, err = begun.communicate(timeout=120)
    took = time.monotonic() - started
    assert (begun.returncode, "Stopped. Rendered figures are kept" in err) == (130, True), out + err
    assert "Traceback" not in err
    assert took < 30, "two seconds, and more for a busy machine; the job would take an hour"
    assert not alive(worker)

    kept = sum(1 for _ in options.store.folder.rglob("*.json"))
    assert kept > 3, "what was drawn before is in the store"
    (tmp_path / "hanging_network_of_mine.py").write_text(tiny_gallery.NETWORK)
    report, _ = tiny_gallery.run(options, workers=0)
    assert (report.failures, report.unchanged) == ({}, False)
    assert options.store.remove_damaged() == []


TASK = SceneTask(Network("n", "m:f"), None, None, "", tuple(Job("n", "i", m, key=m) for m in "abc"), {}, 1)


@pytest.fixture
def running():
    told = []
    running = _Running(TASK, lambda event, task, key, reason: told.append((event, key, reason)))
    running.told = told
    return running


def test_an_error_of_the_network_itself_fails_all_that_is_open(running):
    running.hear("begin", "a", "")
    running.hear("drawn", "a", "")
    assert running.over(("error", "RuntimeError: no"))
    assert running.told == [
        ("drawn", "a", ""),
        ("failed", "b", "RuntimeError: no"),
        ("failed", "c", "RuntimeError: no"),
    ]


def test_a_job_that_has_its_array_is_not_blamed_for_what_comes_after(running):
    running.hear("begin", "a", "")
    running.hear("computed", "a", "")
    assert not running.over(("died", "signal SIGKILL")), "perhaps by chance: once more"
    assert running.told == [] and running.task.skipped == frozenset()
    assert running.over(("died", "signal SIGKILL"))
    assert running.told == [("failed", key, "signal SIGKILL") for key in "abc"]


def test_silence_is_no_chance(running):
    assert running.over(("silent", "stopped"))
    assert running.told == [("failed", key, "stopped") for key in "abc"]


def test_the_job_at_work_is_skipped_next_time_and_told_of_once(running):
    running.hear("begin", "b", "")
    assert not running.over(("died", "gone"))
    assert running.task.skipped == {"b"}
    for event in ("reused", "failed", "drawn"):
        running.hear(event, "b", "")
    running.hear("reused", "a", "")
    running.hear("drawn", "c", "")
    assert running.over(("answer", None))
    assert running.told == [("failed", "b", "gone"), ("reused", "a", ""), ("drawn", "c", "")]


def test_a_job_that_no_one_spoke_of_has_failed(running):
    running.hear("drawn", "a", "")
    running.hear("inapplicable", "b", "no layer")
    assert running.over(("answer", None))
    assert running.told[2] == ("failed", "c", "the worker ended without a result for it")


class Willing:
    """A worker that has an answer to everything."""

    def send(self, *message):
        pass

    end = stop = send

    def alive(self):
        return True

    def silent(self):
        return False

    def receive(self):
        return ("answer", "here")


class Obliging:
    """An engine whose workers are objects that answer at once; counts those it starts."""

    def __init__(self, setup):
        self.started = 0

    def start(self):
        self.started += 1
        return Willing()

    def wait(self, busy):
        return list(busy)

    def close(self):
        pass


@pytest.mark.parametrize(("seconds", "workers"), [(0.0, 1), (1.9, 1), (2.1, 2), (1000.0, 4), (math.inf, 4)])
def test_for_little_work_few_workers_are_started(tmp_path, seconds, workers):
    with Pool(Setup(tmp_path), 4, Obliging, isolate=False) as pool:
        pool.run([TASK] * 8, lambda *event: None, seconds)
        assert pool._engine.started == workers


def test_a_worker_that_was_started_ahead_answers_the_first_question(tmp_path):
    with Pool(Setup(tmp_path), 4, Obliging, isolate=False) as pool:
        pool.warm()
        pool.warm()
        assert pool.ask([("methods", ())]) == ["here"] and pool._engine.started == 1
    with Pool(Setup(tmp_path), 0, Obliging) as pool:
        pool.warm()
        assert pool._engine is None, "without workers none is started"


def test_nothing_may_be_asked_where_there_are_no_workers(tmp_path):
    with Pool(Setup(tmp_path), -1) as pool:
        assert pool.ask([]) == []
        with pytest.raises(WorkerError, match="run innerview build first"):
            pool.ask([("methods", ())])


def test_a_store_that_cannot_be_written_stops_the_build_with_one_line(tmp_path):
    options = tiny_gallery.lay(tmp_path, ["one"])
    (tmp_path / ".innerview").mkdir()
    options.store.folder.write_text("a file where the store should be")
    with pytest.raises(StoreError, match=r"store: expected a store that can be written"):
        tiny_gallery.run(options)


def test_what_a_worker_cannot_store_stops_the_build_as_well(tmp_path):
    with Pool(Setup(tmp_path), 1) as pool, pytest.raises(StoreError, match="no space"):
        pool._give(None, ("store", StoreError("no space")))


def test_a_method_that_no_one_asked_for_is_begun_in_the_name_of_one_that_waits():
    net, begun = tiny_nets.tiny("in-place"), []
    job = Job("tiny", "picture", "saliency", "", "class:bee")  # made of vanilla backprop

    def done(job, outcome):
        begun.append("done")

    Scene(net, SceneRequest(describe(net), tiny_nets.picture((3, 12, 18)), [job]), done, begin=begun.append).run()
    assert begun == [job, job, "done"]
