"""Train a network from labelled pictures: seeded, resumable, and written with its model card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from generator.data.downloads import labelled
from generator.models.checkpoints import keep_kernels
from generator.models.specs import epoch_of

from .augment import in_memory
from .model_card import write_card
from .recipe import RECIPES, Recipe
from .trainer import Progress, Run
from .weights_io import TrainingError, write_weights

__all__ = ["RECIPES", "Progress", "Recipe", "TrainingError", "train"]


def train(  # noqa: PLR0913 - keyword parameters are the interface
    recipe: str | Recipe = "vgg-cifar10",
    data: Path | str | None = None,
    out: Path | str = "vgg-cifar10.safetensors",
    *,
    epochs: int | None = None,
    device: str = "auto",
    seed: int = 0,
    resume: bool = False,
    start: Path | str | None = None,
    report: Callable[[Progress], None] = lambda progress: None,
    **changes: Any,
) -> Path:
    """Train, and write `out` (safetensors, fp16) with its model card beside it (`.json`); returns `out`.

    `data` as for `download.labelled`: its train part is learnt, its test part is only measured. `start` is a weights
    file to begin from; `changes` are fields of the recipe. After every epoch the averaged weights are kept in
    `<out>-checkpoints/` as `epoch-01.safetensors` and the whole state as `resume.pt`, from which `resume` goes on to
    the same bits as a run that was never interrupted, on the same machine. Raises `TrainingError`, `DataError` and
    `ModelError`.

    With GLIBC_TUNABLES=glibc.malloc.hugetlb=1:glibc.malloc.mmap_max=0 in the environment, Linux on a CPU is a fifth
    faster: large tensors then keep their memory from step to step.
    """
    wanted: dict[str, Any] = {**changes, **({"epochs": epochs} if epochs else {})}
    plan = replace(_recipe(recipe), **wanted)
    where, out = _device(device), Path(out)
    learnt, test = (labelled(data, split, plan.data) for split in ("train", "test"))
    checkpoints = out.with_name(f"{out.stem}-checkpoints")
    checkpoints.mkdir(parents=True, exist_ok=True)
    run = Run(plan, seed, where, Path(start) if start else None)
    if resume:
        run.load(checkpoints / "resume.pt")
    pictures, labels = in_memory(learnt, run.network, whole=plan.scale is not None)
    while run.epoch < plan.epochs:
        run.one_epoch(pictures, labels, test, report)
        write_weights(run.average, checkpoints / f"epoch-{run.epoch:02d}.safetensors")
        run.save(checkpoints / "resume.pt")
    write_weights(run.average, out)
    write_card(out, plan.network, run.facts(learnt), test, where)
    first = next((name for name, module in run.average.named_modules() if isinstance(module, torch.nn.Conv2d)), "")
    if first:
        keep_kernels(sorted(checkpoints.glob("epoch-*.safetensors"), key=lambda file: epoch_of(file.stem)), first, out)
    return out


def _recipe(recipe: str | Recipe) -> Recipe:
    if isinstance(recipe, str) and recipe not in RECIPES:
        raise TrainingError(f"no recipe is called {recipe!r}: expected {' or '.join(RECIPES)}")
    return RECIPES[recipe] if isinstance(recipe, str) else recipe


def _device(name: str) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise TrainingError(f"device {name!r}: expected a GPU, torch {torch.__version__} finds none; use cpu")
    return torch.device(name)
