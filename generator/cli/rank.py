"""`innerview rank`: which methods' maps of a network deserve belief, over labelled pictures."""

from __future__ import annotations

import json
from pathlib import Path

import click

from .options import CONFIG, DATA, DATA_HELP, DEVICE, MODEL, device_of
from .terminal import Terminal, at_intervals, table

NOT_KEPT = "The order was not kept: no weights file is there to lie beside"
HEADS = ("method", "rank", "insertion - deletion [95 %]", "deletion", "insertion", "pictures")


@click.command()
@click.option("--model", default="vgg-cifar10", show_default=True, help="A network's name.", **MODEL)
@CONFIG
@click.option("--weights", default="", help="A weights file to put in.")
@click.option("--data", type=DATA, help=f"{DATA_HELP}.  [default: gallery.yml's, else its own, downloaded]")
@click.option("--images", default=200, show_default=True, type=click.IntRange(1), help="How many pictures of them.")
@click.option(
    "--method", "methods", multiple=True, metavar="X", help="Only this one; may be repeated.  [default: cheap]"
)
@DEVICE
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def rank(
    model: str,
    config: Path | None,
    weights: str,
    data: Path | None,
    images: int,
    methods: tuple[str, ...],
    device: str,
    as_json: bool,
) -> None:
    """Rank the methods by how well their maps find what the network uses.

    Pixels are taken away, and brought back, in the order of each map, and the class's probability is read: deletion
    and insertion. Maps that know nothing of the network take part as controls. Methods with one rank are tied: over
    these pictures neither is better than the other beyond chance. The order is kept beside the weights, for the pages
    of the network and of the methods. Methods that take more than 200 passes a picture take part when they are named.

    \b
    innerview rank --data cifar10/
    innerview rank --model alexnet --data photos/ --images 100 --method grad-cam --method saliency
    innerview rank --model my-network --config gallery.yml
    innerview rank --data cifar10/ --method rise --method grad-cam --json
    """
    from generator.analysis import method_ranking
    from generator.data.downloads import labelled
    from generator.models.load import load
    from generator.models.specs import RANKING
    from generator.models.weights import keep_beside
    from generator.pipeline.named_network import labelled_pictures_of, network_of

    network = network_of(model, weights, config)
    data = data or labelled_pictures_of(network, config)
    pictures = labelled(data, "test", load(network).vocabulary)
    say = at_intervals(Terminal().progress.say)
    ranking = method_ranking.rank(network, pictures, images=images, methods=methods, device=device_of(device), say=say)
    path = keep_beside(ranking, network, RANKING)
    if as_json:
        click.echo(json.dumps(ranking))
        return
    table(HEADS, method_ranking.in_words(ranking))
    click.echo(f"The order is in {path}" if path else NOT_KEPT)
