"""Workers on several machines that share a gallery's folder: each is hosted by an actor of a Ray cluster."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from time import monotonic
from typing import IO, Any

from generator.core.errors import InnerviewError
from generator.core.resources import PACKAGE
from generator.core.store import StoreError, key_of

from .fingerprint import digest
from .keys import LIBRARIES
from .processes import STARTING, Process, Setup

OBJECTS = 100 * 2**20  # bytes of shared memory for a cluster of our own: only words travel, pictures are in the store
GATHERED = 0.5  # seconds of a worker's words that travel together: each journey costs milliseconds on both sides
OWN, LOCK = "innerview-ray-", "lock"  # the temporary folders of clusters of our own, and what is locked in them
LOST = "the actor of the worker was lost, perhaps with its machine;"
try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

Message = tuple[Any, ...]


class Cluster:
    """The engine of many machines: starts workers in actors and tells which of them have something to say.

    `address` is `host:port` of a cluster that runs, or "auto" for the one of this machine; without it a cluster of this
    machine alone is started, and ended by `close`. Raises `InnerviewError` where Ray, the cluster or its cores are
    not there.
    """

    def __init__(self, setup: Setup, workers: int, address: str = "") -> None:
        self.ray, self._began, self._own = _ray(own=not address), False, ""
        self._sign: Path | None = None
        self._lock: IO[str] | None = None
        try:
            if address:
                self._join(address)
            else:
                self._begin(workers)
            self._room = _room(self.ray.cluster_resources(), setup.device, workers)
            self._given = self._what_hosts_need(setup)
        except BaseException:
            self.close()
            raise

    def start(self) -> Actor:
        """Return one more worker; it may be asked at once."""
        host = self.ray.remote(Host).options(max_restarts=0, **self._room)
        return Actor(self.ray, host.remote(*self._given))

    def wait(self, busy: Collection[Actor]) -> list[Actor]:
        """Return those that have something to say; after a second perhaps none."""
        if more := [actor for actor in busy if actor.heard]:
            return more
        by_stream = {actor.stream: actor for actor in busy}
        ready, others = self.ray.wait(list(by_stream), timeout=1.0)
        if ready and others:
            ready += self.ray.wait(others, num_returns=len(others), timeout=0)[0]
        return [by_stream[stream] for stream in ready]

    def close(self) -> None:
        """Leave the cluster; one of our own ends, and nothing of it is left."""
        if self._began:
            self.ray.shutdown()
        if self._sign:
            self._sign.unlink(missing_ok=True)
        if self._own:
            shutil.rmtree(self._own, ignore_errors=True)
        if self._lock:
            self._lock.close()

    def _begin(self, workers: int) -> None:
        """A cluster of this machine, which no other one can reach, with a token and a folder of its own."""
        short = "/tmp" if os.path.isdir("/tmp") else None  # its sockets lie there: 107 characters are the limit
        remove_abandoned(Path(short or tempfile.gettempdir()))
        self._own = tempfile.mkdtemp(prefix=OWN, dir=short)
        self._lock = _locked(Path(self._own))
        here = {"_temp_dir": self._own, "_node_ip_address": "127.0.0.1", "include_dashboard": False}
        self._init(address="local", num_cpus=workers, object_store_memory=OBJECTS, **here)

    def _join(self, address: str) -> None:
        message = f"--address {address}: expected HOST:PORT of a Ray cluster that this machine is part of, or auto"
        if address != "auto":
            host, _, port = address.rpartition(":")
            try:
                socket.create_connection((host, int(port)), timeout=5).close()  # Ray itself would try for minutes
            except (OSError, ValueError) as error:
                raise InnerviewError(f"{message}; nothing answers there") from error
        try:
            self._init(address=address)
        except (self.ray.exceptions.RayError, OSError, RuntimeError, ValueError) as error:
            raise InnerviewError(f"{message}: {_line(error)}") from error

    def _init(self, **wishes: Any) -> None:
        if self.ray.is_initialized():
            raise InnerviewError("--engine ray: expected a process that is in no Ray cluster yet; this one is in one")
        self._began, before = True, signal.getsignal(signal.SIGTERM)
        try:
            self.ray.init(log_to_driver=False, logging_level=logging.CRITICAL, **wishes)
        finally:
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGTERM, before)  # Ray puts its own in the place of ours

    def _what_hosts_need(self, setup: Setup) -> tuple[Setup, str, str, dict[str, str]]:
        """Return the setup with whole paths, this process's folder, a file in the store to be seen by all, the
        versions.
        """
        store = setup.store.absolute()
        try:
            store.mkdir(parents=True, exist_ok=True)
            handle, sign = tempfile.mkstemp(prefix=".seen-by-all-", dir=store)
        except OSError as error:
            raise StoreError(f"{setup.store}: expected a store that can be written: {error.strerror}") from error
        os.close(handle)
        self._sign = Path(sign)
        device = setup.device.partition(":")[0]  # of its GPUs an actor sees the one that it was given
        return replace(setup, store=store, device=device), os.getcwd(), sign, versions()


class Actor:
    """One worker at the other end of a stream of messages."""

    def __init__(self, ray: Any, host: Any) -> None:
        self._ray, self._host = ray, host
        self.stream: Any = None
        self.heard: deque[Message] = deque()  # what came together and has not been received yet
        self._began, self._spoke = monotonic(), False

    def send(self, message: Message) -> None:
        """A question; an actor that is gone already is noticed when its answer is awaited."""
        self.stream = self._host.ask.options(num_returns="streaming").remote(message)

    def receive(self) -> Message:
        """Return the next message; `("killed", why)` where the actor was lost, `("store", error)` where none could
        start.
        """
        if self.heard:
            return self.heard.popleft()
        if self.silent():
            return ("store", InnerviewError(f"--engine ray: no room for a worker in the cluster within {STARTING:g} s"))
        try:
            self.heard.extend(self._ray.get(next(self.stream)))
        except (self._ray.exceptions.RayActorError, self._ray.exceptions.ObjectLostError) as error:
            if "creation task" in str(error):
                return ("store", InnerviewError(f"--engine ray: a worker could not be started: {_line(error)}"))
            return ("killed", LOST)
        self._spoke = True
        return self.heard.popleft()

    def alive(self) -> bool:
        """Return whether the worker is there to be asked."""
        try:
            return self._ray.get(self._host.alive.remote(), timeout=5)
        except (self._ray.exceptions.RayActorError, self._ray.exceptions.GetTimeoutError):
            return False

    def silent(self) -> bool:
        """Return whether it never began; how long one job may take is seen to by its host."""
        return not self._spoke and monotonic() - self._began > STARTING

    def end(self) -> None:
        """Tell the actor to end, without waiting for it; its worker ends with it."""
        self._ray.kill(self._host)

    def stop(self) -> None:
        """The same."""
        self.end()


class Host:
    """The actor: it holds a worker of its machine, like those of a build without Ray, and passes on what that says."""

    def __init__(self, setup: Setup, folder: str, sign: str, expected: dict[str, str]) -> None:
        self._trouble = _trouble(folder, sign, expected)
        if not self._trouble:
            os.chdir(folder)
            vars(sys.modules["__main__"])["__file__"] = None  # Ray's own, which a new process would load again
            self._process = Process(setup)

    def ask(self, question: Message) -> Iterator[list[Message]]:
        """Yield all that the worker says to a question, a few messages at a time; the answer is the last."""
        if self._trouble:
            yield [("store", InnerviewError(self._trouble))]
            return
        self._process.send(question)
        gathered: list[Message] = []
        since = monotonic()
        while not gathered or gathered[-1][0] == "event":
            if gathered and monotonic() - since > GATHERED:
                yield gathered
                gathered, since = [], monotonic()
            if self._process.connection.poll(GATHERED if gathered else 1.0) or self._process.silent():
                gathered.append(self._process.receive())
        yield gathered

    def alive(self) -> bool:
        """Return whether the worker is there to be asked."""
        return self._process.alive()


def remove_abandoned(place: Path) -> None:
    """Remove the folders in `place` of clusters whose build was killed, and could not do it: nobody locks them.

    What a cluster that is about to end still writes is left to the next build. Without locks (Windows) all stay.
    """
    for folder in place.glob(f"{OWN}*"):
        try:
            if fcntl is None or folder.is_symlink() or folder.stat().st_uid != os.getuid():
                continue
            with (folder / LOCK).open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if not lock.read():  # its owner is about to lock it
                    continue
                for path in folder.iterdir():
                    if path.is_dir() and not path.is_symlink():
                        shutil.rmtree(path)
                    elif path.name != LOCK:
                        path.unlink()
                (folder / LOCK).unlink()  # last: a folder without it belongs to someone who begins
                folder.rmdir()
        except OSError:  # somebody's who works with it, or removes it just now
            continue


def _locked(folder: Path) -> IO[str] | None:
    """Return the open file in a cluster's folder that says whose it is as long as its process lives."""
    if fcntl is None:
        return None
    lock = (folder / LOCK).open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock


def versions() -> dict[str, str]:
    """Return what has to be the same everywhere: the code of Innerview, and the libraries that figures depend on."""
    code = key_of([(path.relative_to(PACKAGE).as_posix(), digest(path)) for path in sorted(PACKAGE.rglob("*.py"))])
    return {"Innerview": code[:12], **{name: version(name) for name in LIBRARIES}}


def _trouble(folder: str, sign: str, expected: dict[str, str]) -> str:
    """Return why this machine cannot take part, in one line; "" where it can."""
    here = f"--engine ray: {socket.gethostname()}"
    if not os.path.isfile(sign) or not os.path.isdir(folder):
        lacking = folder if not os.path.isdir(folder) else os.path.dirname(sign)
        return f"{here}: expected {lacking}, shared and under the same path on all machines; it is not there"
    installed = versions()
    if other := [name for name in expected if installed[name] != expected[name]]:
        wanted, there = (", ".join(f"{name} {table[name]}" for name in other) for table in (expected, installed))
        return f"{here}: expected {wanted}, as on the machine that asks; found {there}"
    return ""


def _room(resources: dict[str, float], device: str, workers: int) -> dict[str, float]:
    """Return what each actor takes of the cluster: a core, and where a GPU is asked for its share of one."""
    cores, gpus = int(resources.get("CPU", 0)), int(resources.get("GPU", 0))
    if workers > cores:
        raise InnerviewError(f"--workers {workers}: the Ray cluster has {cores} cores")
    if not device.startswith("cuda"):
        return {"num_cpus": 1}
    if not gpus:
        raise InnerviewError(f"--device {device}: the Ray cluster has no GPU")
    return {"num_cpus": 1, "num_gpus": 1 / -(-workers // gpus)}


def _ray(own: bool) -> Any:
    """Return the package, told to report nothing to anyone. Raises `InnerviewError` where it is not installed."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # Ray warns of what it will do some day
    if own and "RAY_AUTH_MODE" not in os.environ:  # else Ray leaves a token in the home folder
        os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    try:
        import ray
    except ImportError as error:
        raise InnerviewError("--engine ray: expected the package ray: pip install 'innerview[cluster]'") from error
    return ray


def _line(error: Exception) -> str:
    """Return the last line of an error: Ray puts what happened there, behind where it happened."""
    lines = str(error).strip().splitlines()
    return lines[-1] if lines else type(error).__name__
