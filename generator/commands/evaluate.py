"""`innerview evaluate`: how often a network is right."""

from __future__ import annotations

import json
from typing import Any

import click

from ..terminal import Terminal
from .options import DATA, DATA_HELP, DEVICE

SHARE = click.FloatRange(0, 1, min_open=True, max_open=True)


@click.command()
@click.option("--model", default="vgg-cifar10", show_default=True, metavar="M", help="A network's name.")
@click.option("--weights", default="", help="A weights file to put in.")
@click.option("--data", type=DATA, help=f"{DATA_HELP}.  [default: the network's own, downloaded]")
@DEVICE
@click.option("--pruning", is_flag=True, help="Measure pruned copies too, and keep the curve beside the weights.")
@click.option("--sparsity", multiple=True, type=SHARE, metavar="S", help="Pruned to this.  [default: 0.1 to 0.95]")
@click.option("--sample", default=1000, show_default=True, type=click.IntRange(1), help="Pictures for each copy.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def evaluate(pruning: bool, sparsity: tuple[float, ...], sample: int, as_json: bool, **wishes: Any) -> None:
    """Measure a network's accuracy on labelled pictures.

    With --pruning also of copies with ever fewer weights, and how alike their pictures stay: a curve for its page.

    \b
    innerview evaluate --data cifar10/
    innerview evaluate --model squeezenet1_0 --data photos/ --json
    innerview evaluate --data cifar10/ --pruning
    """
    from .. import learning

    say = Terminal().progress.say
    if pruning or sparsity:
        found, told = learning.pruned(say=say, sparsities=sparsity, sample=sample, **wishes)
    else:
        found, told = learning.measured(say=say, **wishes)
    click.echo(json.dumps(found) if as_json else told)
