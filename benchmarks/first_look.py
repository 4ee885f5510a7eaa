"""The first look: what a person waits for before the first picture, from the command to the pages.

CPU seconds of whole processes with all that they start, the least of a few rounds: `--version`, `--help`, and what a
shell is answered that completes. That nothing is imported which computes is held by tests. Then what planning takes to
read of the program's own code, and `innerview look` at one photograph in an empty folder, with its workers and mkdocs.
Last two whole commands over the bare passes that their figures and numbers need, which `benchmarks/gallery.py` counts
and times in the same run: the build of the default gallery, and a look with preset standard. What they were before
equal pictures shared passes is a constant, measured on two cores of an AMD EPYC.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from .rows import Row

ROUNDS = 5
PHOTO = Path(__file__).parents[1] / "images" / "photos" / "coffee.png"
COMMAND = [sys.executable, "-m", "generator"]
EXCESS = 1.4  # times the bare passes that a command may take, or half of what it took beyond them before
WHOLE = {  # CPU seconds before, and the command in an empty folder
    "the default gallery": (343.0, ["build", "--device", "cpu"]),
    "look at one photograph, standard, efficientnet-lite0": (
        118.6,
        ["look", str(PHOTO), "--preset", "standard", "--device", "cpu", "--out", "."],
    ),
}


def rows() -> Iterator[Row]:
    """CPU seconds."""
    for option in ("--version", "--help"):
        yield Row(f"innerview {option}, the whole process", _least([option]), "CPU s", 0.2)
    for shell in ("bash", "zsh", "fish"):
        asked = {"COMP_WORDS": "innerview look --model v", "COMP_CWORD": "v" if shell == "fish" else "3"}
        spent = _least([], {"_INNERVIEW_COMPLETE": f"{shell}_complete", **asked})
        yield Row(f"{shell} completes the name of a network", spent, "CPU s", 0.25)
    code = "from time import process_time as now; from benchmarks.first_look import digest_all; begun = now(); "
    code += "digest_all(); print(now() - begun)"
    seconds = [_output([sys.executable, "-c", code]) for _ in range(ROUNDS)]
    yield Row("digests of all code that planning asks about, nothing kept", min(map(float, seconds)), "CPU s", 0.3)
    for model in ("vgg-cifar10", "efficientnet-lite0"):
        taken = min(_looked(model) for _ in range(2))
        yield Row(f"look at one photograph, quick, {model}", taken, "CPU s", 6 if model == "vgg-cifar10" else None)
    for what, (before, arguments) in WHOLE.items():
        yield _over_bare_passes(what, before, arguments)


def _over_bare_passes(what: str, before: float, arguments: Sequence[str]) -> Row:
    with tempfile.TemporaryDirectory(prefix="innerview-bench-") as name:
        taken = spent(arguments, Path(name))
        bare = float(_output([sys.executable, "-c", f"from benchmarks.gallery import *; print(bare(Path({name!r})))"]))
    bar = max(EXCESS, 1 + (before / bare - 1) / 2)
    note = f"{taken:.0f} over {bare:.0f} CPU s; before, {before:.0f}, it was {before / bare:.2f}"
    return Row(f"{what}, over its bare passes", taken / bare, "", bar, note=note)


def digest_all() -> None:
    """Ask for the digests that a plan holds."""
    from generator.core.code_digest import closure_digest
    from generator.core.resources import PACKAGE
    from generator.models.specs import MODELS

    for folder, owner in (("methods", "engine.method_card"), ("analysis/measures", "analysis.measure_registry")):
        files = sorted(PACKAGE.joinpath(folder).glob("[a-z]*.py"))
        modules = [f"generator.{folder.replace('/', '.')}.{file.stem}" for file in files]
        closure_digest(f"generator.{owner}", *modules)
    closure_digest("generator.engine.model_card", *MODELS.values(), "generator.models.torchvision_zoo")
    closure_digest("generator.engine.scene", "generator.engine.quantise", "generator.data.preprocess")


def _looked(model: str) -> float:
    with tempfile.TemporaryDirectory(prefix="innerview-bench-") as folder:
        return spent(["look", str(PHOTO), "--model", model, "--preset", "quick", "--device", "cpu", "--out", folder])


def _output(command: Sequence[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _least(arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> float:
    return min(spent(arguments, environment=environment or {}) for _ in range(ROUNDS))


def spent(arguments: Sequence[str], folder: Path | None = None, environment: Mapping[str, str] | None = None) -> float:
    """Return the CPU seconds of one command and of all that it starts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    variables = {**os.environ, **(environment or {})}
    subprocess.run([*COMMAND, *arguments], cwd=folder, env=variables, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
