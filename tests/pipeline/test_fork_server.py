"""Workers are forks of a process that has torch and nothing of this package; one that is killed costs nothing."""

import multiprocessing
import os
import platform
import resource
import signal
import subprocess
import sys
from multiprocessing import forkserver, popen_forkserver
from pathlib import Path

import process_report
import pytest
from repository import ROOT

from generator.pipeline import processes
from generator.pipeline.pool import Pool
from generator.pipeline.processes import Setup

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere workers are no forks")
QUESTION = ("methods", ())


@pytest.fixture
def fork_server():
    """The process id of the process that is forked."""
    processes._start_fork_server()
    return forkserver._forkserver._forkserver_pid


def reported(names):
    """What a new fork sends: which of these modules it has, and its environment."""
    ours, theirs = multiprocessing.Pipe()
    process = processes._forked(process_report.report, theirs, names)
    answer = ours.recv()
    process.join()
    assert process.exitcode == 0
    return answer


def kill(pid):
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # it stays, for whoever started it to notice


def test_a_fork_has_torch_and_no_code_that_may_have_changed(fork_server):
    imported, _ = reported(["torch", "generator", "generator.engine.scene", "tiny_gallery"])
    assert imported == ["torch", "generator"], "the package by the function that is called, as in any process"


def test_a_fork_has_the_environment_of_now(fork_server, monkeypatch):
    monkeypatch.setenv("OF_NOW", "here")
    monkeypatch.delenv("HOME", raising=False)
    _, environment = reported([])
    assert environment == dict(os.environ)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are not tuned")
def test_a_worker_uses_the_memory_of_a_pass_over_again(monkeypatch):
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.check=0")
    ours, theirs = multiprocessing.Pipe()
    with processes._tuned():
        assert os.environ["GLIBC_TUNABLES"].endswith(":glibc.malloc.check=0"), "a user's own come last, and count"
        process = processes.spawned(process_report.pages, theirs)
    assert os.environ["GLIBC_TUNABLES"] == "glibc.malloc.check=0"
    first, again = ours.recv()
    process.join()
    assert first > 20 and again < first / 4, (first, again)


def test_a_worker_is_made_when_it_is_first_asked(tmp_path):
    with Pool(Setup(tmp_path), 1) as pool:
        pool.warm()
        (process,) = pool._all
        assert process._process is None and process.alive()
        (methods,) = pool.ask([QUESTION])
        assert methods and pool._all == [process] and process._process.pid
    assert not process._process.is_alive()
    with Pool(Setup(tmp_path), 1) as pool:
        pool.warm()
    assert pool._all[0].connection.closed and pool._all[0]._theirs.closed, "nor is anything left of one never asked"


def test_workers_outlive_the_fork_server_and_those_after_it_have_another(tmp_path, fork_server):
    with Pool(Setup(tmp_path), 2) as pool:
        (before,) = pool.ask([QUESTION])
        kill(fork_server)
        answers = pool.ask([QUESTION] * 3)
    assert answers == [before] * 3
    assert forkserver._forkserver._forkserver_pid != fork_server


def test_where_a_fork_server_dies_at_birth_a_worker_is_spawned(tmp_path, fork_server, monkeypatch):
    def gone(descriptor):
        raise EOFError

    monkeypatch.setattr(popen_forkserver.forkserver, "read_signed", gone)
    with Pool(Setup(tmp_path), 1) as pool:
        assert pool.ask([QUESTION])
        assert "spawn" in type(pool._all[0]._process).__name__.lower()


def test_it_ends_with_the_process_that_opened_it_and_its_time_is_counted_there(tmp_path):
    code = f"""if True:
        import os, time
        from pathlib import Path
        from multiprocessing import forkserver
        from generator.pipeline.pool import Pool
        from generator.pipeline.processes import Setup
        with Pool(Setup(Path({str(tmp_path)!r})), 1) as pool:
            pool.ask([{QUESTION!r}])
        fork_server = forkserver._forkserver._forkserver_pid
        ticks = Path(f"/proc/{{fork_server}}/stat").read_text().rpartition(")")[2].split()[11:15]
        print(fork_server, sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK"), time.process_time())
    """
    before = children()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    used = children() - before
    fork_server, its_seconds, seconds = map(float, done.stdout.split())
    assert not Path(f"/proc/{fork_server:.0f}").exists()
    assert used > its_seconds > seconds, "else that of the parent alone would be enough"


def children():
    """The seconds that ended children of this process have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
