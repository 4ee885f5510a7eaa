"""A gallery drawn by actors of a real Ray cluster is that of this machine, whoever is killed on the way."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import tiny_gallery
from repository import ROOT

from generator.core.errors import InnerviewError
from generator.core.records import Network
from generator.pipeline import ray_cluster
from generator.pipeline.options import Options
from generator.pipeline.plan import make_plan
from generator.pipeline.pool import WorkerError

BUILD = [sys.executable, "-W", "error", "-m", "generator", "build", "--device", "cpu", "--engine", "ray"]
METHODS = """

import multiprocessing
import signal
from dataclasses import replace
from pathlib import Path

from generator.methods import METHODS


def put(slug, function):
    METHODS[slug] = replace(METHODS[slug], function=function)


usual = METHODS["grad-cam"].function
"""
# Whoever draws the first heatmap kills the process that asked for it: in a cluster, the actor.
KILLS = (
    METHODS
    + """

def kills(activation, gradient):
    killed = Path(__file__).with_name("killed")
    if not killed.exists():
        actor = multiprocessing.parent_process().pid
        killed.write_text(str(actor))
        os.kill(actor, signal.SIGKILL)
        time.sleep(3600)
    return usual(activation, gradient)


put("grad-cam", kills)
"""
)
HANGS = (
    METHODS
    + """

def hangs(activation, gradient):
    Path(__file__).with_name("begun").write_text(str(os.getpid()))
    time.sleep(3600)


put("grad-cam", hangs)
"""
)
TROUBLE = (
    METHODS
    + """

def leaves(vanilla_backprop):
    os._exit(3)


def hangs(vanilla_backprop):
    time.sleep(3600)


put("saliency", leaves)
put("signed-gradient", hangs)


def vanishes():
    os._exit(4)
"""
)


def start(folder, *arguments):
    """A build over two actors, in a process of its own that Ctrl-C reaches with all that it started."""
    return subprocess.Popen(
        [*BUILD, "--workers", "2", *arguments], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip


def tree(folder):
    """All files below a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def session(leader):
    """The command lines of all processes that a build started, or that those did; zombies are none."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, _, of = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:  # it ended meanwhile
            continue
        if int(of) == leader and state != "Z":
            found.append(line)
    return found


def alive(process):
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@contextmanager
def restored_environment():
    """What Ray is told through the environment is no affair of other tests."""
    before = os.environ.copy()
    yield
    os.environ.clear()
    os.environ.update(before)


def folders():
    """The temporary folders of clusters of our own."""
    return set(Path("/tmp").glob("innerview-ray-*"))


def lay_cluster(place, name, lock="123\n"):
    """The folder that a cluster leaves whose build was killed; with an empty lock that of one that begins."""
    folder = place / f"innerview-ray-{name}"
    (folder / "session/sockets").mkdir(parents=True)
    (folder / "session/sockets/raylet").touch()
    (folder / "session_latest").symlink_to(folder / "session")
    if lock is not None:
        (folder / "lock").write_text(lock)
    return folder


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    """A gallery with what hangs and what dies, and a pool of two actors in a cluster of its own."""
    bad = ["saliency", "signed-gradient"]
    methods = [*tiny_gallery.METHODS, *bad]
    folder, network = tmp_path_factory.mktemp("gallery"), tiny_gallery.NETWORK + TROUBLE
    options = tiny_gallery.lay(folder, ["one"], network, "actors_network_of_mine", methods=methods, targets=["label"])
    options = replace(options, workers=2, time_limit=15.0, engine="ray")
    lay_cluster(Path("/tmp"), f"abandoned-{os.getpid()}")
    with restored_environment(), options.pool() as pool:
        yield options, pool


def test_an_interrupt_ends_actors_and_cluster_and_leaves_nothing(tmp_path):
    before = folders()
    tiny_gallery.lay(tmp_path, ["one"], tiny_gallery.NETWORK + HANGS, "hanging_actors_network")
    begun = start(tmp_path, "--no-site")
    for _ in range(3000):
        if (tmp_path / "begun").exists() or begun.poll() is not None:
            break
        time.sleep(0.1)
    assert (tmp_path / "begun").exists(), begun.communicate()
    assert any("raylet" in line for line in session(begun.pid))
    assert len(folders() - before) == 1
    started = time.monotonic()
    os.killpg(begun.pid, signal.SIGINT)
    out, err = begun.communicate(timeout=120)
    took = time.monotonic() - started
    assert (begun.returncode, "Stopped. Rendered figures are kept" in err, "Traceback" in err) == (130, True, False), (
        err
    )
    assert took < 30, "two seconds, and more for a busy machine: seven processes of Ray end one after the other"
    assert (session(begun.pid), folders() - before) == ([], set())
    worker = int((tmp_path / "begun").read_text())  # which notices that its actor is gone
    assert any(not alive(worker) or time.sleep(0.1) for _ in range(600))


def test_a_cluster_removes_what_a_killed_build_has_left(gallery):
    assert gallery[1].ask([("measures", ())])[0]
    assert not Path(f"/tmp/innerview-ray-abandoned-{os.getpid()}").exists()
    assert gallery[1]._engine._own in map(str, folders()), "its own is there"


def test_what_a_cluster_removes_is_nobodys(tmp_path):
    left, partly = lay_cluster(tmp_path, "left"), lay_cluster(tmp_path, "partly")
    beginning, older = lay_cluster(tmp_path, "beginning", lock=""), lay_cluster(tmp_path, "older", lock=None)
    mine, elsewhere = lay_cluster(tmp_path, "mine"), lay_cluster(tmp_path / "elsewhere", "x")
    (tmp_path / "innerview-ray-link").symlink_to(elsewhere)
    partly.joinpath("session/sockets/raylet").unlink()
    lock = ray_cluster._locked(mine)
    ray_cluster.remove_abandoned(tmp_path)
    assert [path for path in (left, partly) if path.exists()] == []
    assert all((folder / "session/sockets/raylet").exists() for folder in (beginning, older, mine, elsewhere))
    lock.close()
    ray_cluster.remove_abandoned(tmp_path)
    assert not mine.exists()


def test_each_kind_of_loss_costs_its_own_job_as_on_this_machine(gallery):
    options, pool = gallery
    told = []
    plan = make_plan(options, pool, options.store)
    dead = Network("dead", "actors_network_of_mine:vanishes", folder=str(options.root), input=plan.models[0].input)
    (lost,) = pool.ask([("describe", (dead,))])
    assert isinstance(lost, WorkerError) and "died (exit code 4)" in str(lost)
    pool.run(plan.tasks, lambda *event: told.append(event))
    jobs = {job.key: job for task in plan.tasks for job in task.jobs}
    assert Counter(key for _, _, key, _ in told) == Counter(list(jobs)), "each job is told of once"
    assert {(jobs[key].method, reason) for event, _, key, reason in told if event == "failed"} == {
        ("saliency", "the worker process died (exit code 3)"),
        ("signed-gradient", "stopped after 15 s, the time limit for one job (--time-limit)"),
    }


def test_a_killed_actor_costs_nothing_and_the_site_is_that_of_this_machine(gallery, tmp_path):
    """By way of the address of a cluster that runs, which outlives the build."""
    pool = gallery[1]
    for place in ("actors", "here"):
        tiny_gallery.lay(tmp_path / place, ["one", "other"], tiny_gallery.NETWORK + KILLS, "killing_network_of_mine")
    for actor in pool._all:
        actor.end()  # so that there is room for others
    ray = pool._engine.ray
    assert any(ray.available_resources().get("CPU") == 2 or time.sleep(0.1) for _ in range(600))
    address = ray.get_runtime_context().gcs_address
    drawing = start(tmp_path / "actors", "--address", address)
    (tmp_path / "here/killed").touch()
    here = Options(tmp_path / "here", tmp_path / "here/gallery.yml", workers=0, device="cpu")
    tiny_gallery.run(here)
    out, err = drawing.communicate(timeout=300)
    assert (drawing.returncode, "failed" in out + err) == (0, False), out + err
    assert (tmp_path / "actors/killed").read_text() > "", "an actor was killed"
    there = replace(here, root=tmp_path / "actors")
    assert tree(there.root / "site") == tree(here.root / "site")
    assert tree(there.store.folder / "payloads") == tree(here.store.folder / "payloads")
    assert pool.ask([("measures", ())])[0], "the cluster is still there"


def test_a_machine_without_the_folder_stops_the_build_with_one_line(gallery):
    _, pool = gallery
    setup, folder, sign, versions = pool._engine._given
    (host,) = [pool._engine.ray.remote(ray_cluster.Host).remote(setup, folder, f"{sign}-nowhere", versions)]
    actor = ray_cluster.Actor(pool._engine.ray, host)
    actor.send(("methods", ()))
    kind, error = actor.receive()
    actor.end()
    assert kind == "store" and "shared and under the same path on all machines; it is not there" in str(error)
    pool._all.append(actor)
    pool._networks[actor] = None
    with pytest.raises(InnerviewError, match="--engine ray: "):
        pool._give(actor, (kind, error))


def test_what_a_machine_lacks_is_named(tmp_path):
    here, sign = ray_cluster.versions(), tmp_path / "sign"
    sign.touch()
    assert ray_cluster._trouble(str(tmp_path), str(sign), here) == ""
    other = ray_cluster._trouble(str(tmp_path), str(sign), {**here, "torch": "1.0"})
    assert "expected torch 1.0, as on the machine that asks; found torch 2" in other
    assert f"expected {tmp_path}/gone, shared" in ray_cluster._trouble(f"{tmp_path}/gone", str(sign), here)


@pytest.mark.parametrize(
    ("resources", "device", "workers", "room"),
    [
        ({"CPU": 4.0}, "cpu", 4, {"num_cpus": 1}),
        ({"CPU": 8.0, "GPU": 2.0}, "cuda", 3, {"num_cpus": 1, "num_gpus": 0.5}),
        ({"CPU": 8.0, "GPU": 4.0}, "cuda:1", 2, {"num_cpus": 1, "num_gpus": 1.0}),
    ],
)
def test_an_actor_takes_a_core_and_its_share_of_a_gpu(resources, device, workers, room):
    assert ray_cluster._room(resources, device, workers) == room


@pytest.mark.parametrize(("seconds", "journeys"), [(60, 1), (-1, 101)])
def test_what_a_worker_says_in_a_moment_travels_together_and_in_order(monkeypatch, seconds, journeys):
    words = [*(("event", "step", str(number), "") for number in range(100)), ("answer", None)]
    said = iter(words)
    worker = SimpleNamespace(send=lambda question: None, silent=lambda: False, receive=lambda: next(said))
    worker.connection = SimpleNamespace(poll=lambda seconds: True)
    host = object.__new__(ray_cluster.Host)
    host._trouble, host._process = "", worker
    monkeypatch.setattr(ray_cluster, "GATHERED", seconds)
    told = list(host.ask(("scene", ())))
    assert [word for part in told for word in part] == words and len(told) == journeys


def test_more_is_not_asked_of_a_cluster_than_it_has():
    with pytest.raises(InnerviewError, match="--workers 5: the Ray cluster has 4 cores"):
        ray_cluster._room({"CPU": 4.0}, "cpu", 5)
    with pytest.raises(InnerviewError, match="--device cuda: the Ray cluster has no GPU"):
        ray_cluster._room({"CPU": 4.0}, "cuda", 2)


def test_without_ray_one_line_tells_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with restored_environment(), pytest.raises(InnerviewError) as error:
        Options(tmp_path, workers=1, engine="ray").pool().ask([("methods", ())])
    assert str(error.value) == "--engine ray: expected the package ray: pip install 'innerview[cluster]'"


def test_a_process_is_in_one_cluster_at_a_time(gallery, tmp_path):
    with pytest.raises(InnerviewError, match="expected a process that is in no Ray cluster yet"):
        Options(tmp_path, workers=1, engine="ray").pool().ask([("methods", ())])
    assert gallery[1].ask([("measures", ())])[0], "which is not left for that"


@pytest.mark.parametrize("address", ["127.0.0.1:{port}", "nonsense"])
def test_an_address_where_nothing_answers_is_told_at_once(tmp_path, address):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free = taken.getsockname()[1]
    options = Options(tmp_path, workers=1, engine="ray", address=address.format(port=free))
    told = "expected HOST:PORT .*; nothing answers there"
    with restored_environment(), pytest.raises(InnerviewError, match=told):
        options.pool().ask([("methods", ())])
