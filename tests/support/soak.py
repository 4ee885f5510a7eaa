"""Kill builds again and again, each to be built to the same end: soak.py --kills 30 [--engine ray] [--growing]."""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import tiny_gallery

from generator.core.store import Store
from generator.site.check import check_site
from generator.site.growing import SCRIPT

REPOSITORY = Path(__file__).parents[2]
BUILD = ["build", "--workers", "2", "--device", "cpu"]
# The same, which publishes the site again and again while it draws, however little is left to draw.
PUBLISHING = """
import sys
from generator.__main__ import run
from generator.site import growing
growing.WORTH = growing.SHARE = 0
sys.exit(run())
"""
# Each pass takes its time, in which a site is published.
SLOW = """

class Slow(nn.Sequential):
    def forward(self, x):
        time.sleep(0.4)
        return super().forward(x)


def slow():
    return Slow(*net())
"""
VICTIMS = ("parent", "child")  # the build itself, or a process below it: worker, decoder, mkdocs, one of a cluster
ORPHANS = {"local": 30.0, "ray": 120.0}  # seconds after which no process of a killed build may be left
ENDS = 300.0  # and after which a build is over, whoever of it was killed


@dataclass
class Round:
    """One kill, and what became of it."""

    victim: str
    after: float  # seconds
    killed: bool  # else the build was over before
    phase: str  # what was there when it fell: nothing drawn, some of it, a site that grows, pages, the whole site
    left: float = 0.0  # seconds until no process of it was left


def main() -> int:
    """As many kills as asked for, or until the time is over."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--kills", type=int, default=30)
    asked.add_argument("--minutes", type=float, default=20.0, help="no new round after that")
    asked.add_argument("--seed", type=int, default=0)
    asked.add_argument("--engine", choices=["local", "ray"], default="local")
    asked.add_argument("--growing", action="store_true", help="of sites that are published while they are drawn")
    wishes = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        way = {"engine": wishes.engine, "growing": wishes.growing}
        rounds = soak(Path(folder), wishes.kills, wishes.minutes, wishes.seed, print, **way)
    print(f"\nengine: {wishes.engine}\n{'killed':10}{'rounds':>8}{'before it ended':>18}")
    for victim in VICTIMS:
        mine = [one for one in rounds if one.victim == victim]
        print(f"{victim:10}{len(mine):>8}{sum(one.killed for one in mine):>18}")
    print("by what was there: " + ", ".join(f"{name} {n}" for name, n in Counter(one.phase for one in rounds).items()))
    print(f"no process of it was left after at most {max((one.left for one in rounds), default=0):.1f} s")
    print("each was built again to the end, and its site is byte for byte that of an undisturbed build")
    return 0


def soak(
    folder: Path,
    kills: int,
    minutes: float = 20.0,
    seed: int = 0,
    say=lambda line: None,
    engine: str = "local",
    growing: bool = False,
) -> list[Round]:
    """Kill builds at random moments; raises `AssertionError` where the next one does not come to the same end.

    The undisturbed build is one of this machine's own processes, whatever engine is killed and goes on, and publishes
    once, also where those that are killed publish a growing site: after a kill that site must hold together.
    """
    dice, began = random.Random(seed), time.monotonic()
    undisturbed, first = folder / "undisturbed", folder / "first"
    lay(undisturbed, growing)
    assert run(undisturbed).returncode == 0
    lay(first, growing)
    length = time.monotonic()
    assert run(first, engine, growing).returncode == 0
    length = time.monotonic() - length
    assert tree(first / "site") == tree(undisturbed / "site")
    wanted, former = tree(undisturbed / "site"), older(folder)
    say(f"an undisturbed build takes {length:.1f} s and makes {len(wanted)} files")
    rounds = []
    for number in range(kills):
        if time.monotonic() - began > 60 * minutes:
            break
        place = folder / f"round-{number}"
        lay(place, growing)
        shutil.copytree(former, place / "site")
        moment = dice.uniform(0.1, 1.1 * length)
        rounds.append(strike(place, VICTIMS[number % 2], moment, dice, command(engine, growing), ORPHANS[engine]))
        now = tree(place / "site")
        if growing and SCRIPT in now:
            assert check_site(place / "site") == [], f"round {number}: a site that grows and does not hold together"
        else:
            assert now in (tree(former), wanted), f"round {number}: a site that is neither the old nor the new one"
        again = run(place, engine, growing)
        assert again.returncode == 0, f"round {number}: {again.stderr}"
        made = tree(place / "site")
        odd = sorted(name for name in wanted.keys() | made.keys() if wanted.get(name) != made.get(name))
        assert not odd, f"round {number}: another site than the undisturbed one: {', '.join(odd[:9])}; {rounds[-1]}"
        assert Store(place / ".innerview/store").remove_damaged() == []
        leavings = [path.name for path in place.iterdir() if path.name.startswith("site.")]
        assert not leavings, f"round {number}: {leavings}"
        shutil.rmtree(place)
        say(f"round {number}: {rounds[-1]}")
    return rounds


def strike(place: Path, victim: str, after: float, dice: random.Random, command: list[str], patience: float) -> Round:
    """Start a build and kill it, or a process under it, after some seconds; wait until nothing of it is left.

    Raises `AssertionError` where a process of it is there after `patience` seconds more.
    """
    silent = subprocess.DEVNULL
    build = subprocess.Popen(command, cwd=place, env=environment(), stdout=silent, stderr=silent)
    began = time.monotonic()
    while time.monotonic() - began < after and build.poll() is None:
        time.sleep(0.01)
    below, done = descendants(build.pid), phase(place)
    killed = build.poll() is None
    try:
        if victim == "parent":
            build.kill()
        elif below:
            os.kill(dice.choice(below), signal.SIGKILL)
        else:
            killed = False
    except ProcessLookupError:
        killed = False
    build.wait(ENDS)
    waited = time.monotonic()
    while left := [pid for pid in below if alive(pid)]:
        outlived = ", ".join(map(called, left))
        assert time.monotonic() - waited < patience, f"processes outlive a build that was killed: {outlived}"
        time.sleep(0.05)
    return Round(victim, round(after, 2), killed, done, round(time.monotonic() - waited, 1))


def phase(place: Path) -> str:
    """How far a build has come."""
    if (place / "site.new").exists():
        return "site under way"
    if (place / "site" / SCRIPT).exists():
        return "a site that grows"
    if (place / "site_src/gallery").exists():
        return "pages under way"
    records = sum(1 for _ in (place / ".innerview/store").rglob("*.json"))
    return "drawing" if records else "nothing yet"


def command(engine: str, growing: bool) -> list[str]:
    """Return what builds the gallery of the folder in which it is called."""
    start = ["-c", PUBLISHING] if growing else ["-m", "generator"]
    return [sys.executable, *start, *BUILD, "--engine", engine]


def run(place: Path, engine: str = "local", growing: bool = False) -> subprocess.CompletedProcess:
    """A build to its end."""
    return subprocess.run(
        command(engine, growing), cwd=place, env=environment(), capture_output=True, text=True, check=False
    )


def lay(place: Path, slow: bool = False) -> None:
    """A gallery of a network of one's own, with methods that draw one by one and methods that sample."""
    methods = ["saliency", "grad-cam", "smoothgrad"]
    if not slow:
        tiny_gallery.lay(place, ["one", "other"], methods=methods)
        return
    entry = {"name": "mine", "source": "slow_network:slow", "input": tiny_gallery.INPUT, "vocabulary": "mine"}
    models = [{**entry, "classes": ["ant", "bee", "cat"]}]
    images = ["one", "other", "third", "fourth"]
    network = tiny_gallery.NETWORK + SLOW
    tiny_gallery.lay(place, images, network, "slow_network", methods=methods, models=models, measures=[])


def older(folder: Path) -> Path:
    """A site that was published before: of another selection."""
    options = tiny_gallery.lay(folder / "older", ["one"], methods=["saliency"])
    tiny_gallery.run(replace(options, no_site=False))
    return folder / "older/site"


def tree(folder: Path) -> dict[str, bytes]:
    """All files below a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def environment() -> dict[str, str]:
    """Ours, with this repository's package before any other."""
    return {**os.environ, "PYTHONPATH": str(REPOSITORY)}


def children(pid: int) -> list[int]:
    """The processes directly under one."""
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def descendants(pid: int) -> list[int]:
    """All processes below one."""
    direct = children(pid)
    return [*direct, *(below for child in direct for below in descendants(child))]


def called(pid: int) -> str:
    """Return the command line of a process, shortened."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")[:120]
    except (FileNotFoundError, ProcessLookupError):
        return "one that has ended"


def alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


if __name__ == "__main__":
    sys.exit(main())
