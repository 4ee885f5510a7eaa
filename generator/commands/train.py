"""`innerview train`: a bundled network from its data set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ..terminal import Terminal
from .options import DATA, DATA_HELP, DEVICE, FILE


@click.command()
@click.option(
    "--recipe",
    type=click.Choice(["vgg-cifar10", "imagenette"]),
    default="vgg-cifar10",
    show_default=True,
    help="Which network to train, and how.",
)
@click.option(
    "--data", type=DATA, help=f"{DATA_HELP}, with train/ and test/ in it.  [default: the network's own, downloaded]"
)
@click.option("--out", type=FILE, metavar="FILE.safetensors", help="The weights.  [default: RECIPE.safetensors]")
@click.option("--epochs", type=click.IntRange(1), help="Instead of the recipe's.")
@click.option("--start", type=FILE, help="Weights to start from.")
@click.option("--resume", is_flag=True, help="Go on from the last checkpoint beside the output.")
@click.option("--seed", default=0, show_default=True, help="Of the first weights, the crops and the order.")
@DEVICE
def train(out: Path | None, **wishes: Any) -> None:
    """Train a bundled network from its data set; a checkpoint each epoch, resumable.

    \b
    innerview train
    innerview train --recipe imagenette
    innerview train --data cifar10/ --epochs 4 --out mine.safetensors
    innerview train --data cifar10/ --epochs 4 --out mine.safetensors --resume
    """
    from ..learning import trained

    out = trained(Terminal().progress.say, out=out or Path(f"{wishes['recipe']}.safetensors"), **wishes)
    click.echo(f"The weights are in {out}, their model card is in {out.with_suffix('.json')}")
