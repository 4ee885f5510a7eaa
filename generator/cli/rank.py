"""`innerview rank`: benchmark the faithfulness of attribution methods on labelled images."""

from __future__ import annotations

import json
from pathlib import Path

import click

from .options import CONFIG, DATA, DATA_HELP, DEVICE, MODEL, device_of
from .terminal import Terminal, at_intervals, table

NOT_KEPT = "Ranking not saved: no weights file to save it next to"
HEADS = ("method", "rank", "insertion - deletion [95 %]", "deletion", "insertion", "images")


@click.command()
@click.option("--model", default="vgg-cifar10", show_default=True, help="Model name.", **MODEL)
@CONFIG
@click.option("--weights", default="", help="Weights file to load.")
@click.option("--data", type=DATA, help=f"{DATA_HELP}.  [default: gallery.yml's, else its own, downloaded]")
@click.option("--images", default=200, show_default=True, type=click.IntRange(1), help="Number of images.")
@click.option(
    "--method",
    "methods",
    multiple=True,
    metavar="X",
    help="Only this method; may be repeated.  [default: all up to 200 passes]",
)
@DEVICE
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
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
    """Benchmark the faithfulness of attribution methods on labelled images.

    Pixels are deleted and inserted in the order of each map while the class probability is measured: deletion and
    insertion AUC. Model-independent baselines are included. Methods of equal rank do not differ significantly on these
    images. The ranking is stored next to the weights, for the pages of models and methods. Methods that take more than
    200 passes per image are included only if named.

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
    click.echo(f"Ranking: {path}" if path else NOT_KEPT)
