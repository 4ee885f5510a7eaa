"""`innerview train`: a bundled network from its data set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import DATA, DATA_HELP, DEVICE, FILE, device_of
from .terminal import Terminal, at_intervals

if TYPE_CHECKING:  # torch is loaded by the command alone
    from generator.training.trainer import Progress


@click.command()
@click.option(
    "--recipe",
    type=click.Choice(["vgg-cifar10", "imagenette"]),
    default="vgg-cifar10",
    show_default=True,
    help="Network and training recipe.",
)
@click.option(
    "--data", type=DATA, help=f"{DATA_HELP}, with train/ and test/ in it.  [default: the network's own, downloaded]"
)
@click.option(
    "--out", type=FILE, metavar="FILE.safetensors", help="Output file for the weights.  [default: RECIPE.safetensors]"
)
@click.option("--epochs", type=click.IntRange(1), help="Number of epochs.  [default: the recipe's]")
@click.option("--start", type=FILE, help="Initial weights.")
@click.option("--resume", is_flag=True, help="Resume from the last checkpoint next to the output.")
@click.option("--seed", default=0, show_default=True, help="Seed of initial weights, crops and order.")
@DEVICE
def train(out: Path | None, device: str, **wishes: Any) -> None:
    """Train a bundled network on its data set, with a checkpoint per epoch, resumable.

    \b
    innerview train
    innerview train --recipe imagenette
    innerview train --data cifar10/ --epochs 4 --out mine.safetensors
    innerview train --data cifar10/ --epochs 4 --out mine.safetensors --resume
    """
    from generator.training.train import train as train_network

    say = Terminal().progress.say
    sometimes = at_intervals(say)

    def report(now: Progress) -> None:
        (sometimes if now.test is None else say)(_in_words(now))

    chosen = {name: value for name, value in wishes.items() if value is not None}
    out = out or Path(f"{chosen['recipe']}.safetensors")
    out = train_network(device=device_of(device), report=report, out=out, **chosen)
    click.echo(f"Weights: {out}, model card: {out.with_suffix('.json')}")


def _in_words(now: Progress) -> str:
    line = f"epoch {now.epoch} of {now.epochs}, step {now.step} of {now.steps}: loss {now.loss:.3f}, "
    line += f"accuracy {100 * now.accuracy:.1f} %"
    line += f", test {100 * now.test:.1f} %" if now.test is not None else ""
    minutes, seconds = divmod(round(now.seconds_left), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{line}, {f'{hours} h {minutes} min' if hours else f'{minutes} min {seconds} s'} left"
