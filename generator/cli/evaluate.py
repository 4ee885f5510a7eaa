"""`innerview evaluate`: measure a network's accuracy."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import CONFIG, DATA, DATA_HELP, DEVICE, MODEL, device_of
from .terminal import Terminal, at_intervals

if TYPE_CHECKING:
    import torch

    from generator.core.records import Network
    from generator.data.datasets import Labelled

Say = Callable[[str], None]

SHARE = click.FloatRange(0, 1, min_open=True, max_open=True)


@click.command()
@click.option("--model", default="vgg-cifar10", show_default=True, help="Model name.", **MODEL)
@CONFIG
@click.option("--weights", default="", help="Weights file to load.")
@click.option("--data", type=DATA, help=f"{DATA_HELP}.  [default: gallery.yml's, else its own, downloaded]")
@DEVICE
@click.option("--pruning", is_flag=True, help="Also measure pruned copies, and store the curve next to the weights.")
@click.option(
    "--sparsity",
    multiple=True,
    type=SHARE,
    metavar="S",
    help="Share of weights to prune; may be repeated.  [default: 0.1 to 0.95]",
)
@click.option("--sample", default=1000, show_default=True, type=click.IntRange(1), help="Number of images per copy.")
@click.option("--channels", is_flag=True, help="Also measure every channel, and store the numbers next to the weights.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def evaluate(
    model: str,
    config: Path | None,
    weights: str,
    data: Path | None,
    device: str,
    pruning: bool,
    sparsity: tuple[float, ...],
    sample: int,
    channels: bool,
    as_json: bool,
) -> None:
    """Measure a network's accuracy on labelled images.

    M is a name from gallery.yml, a bundled network or one of torchvision's. --pruning also measures accuracy and
    similarity of maps for copies with increasing sparsity, as a curve for the model's page. --channels also measures
    every channel and the confusion matrix; the numbers are stored next to the weights, and the model's pages then use
    them instead of the images of the gallery.

    \b
    innerview evaluate --data cifar10/
    innerview evaluate --model squeezenet1_0 --data photos/ --json
    innerview evaluate --model my-network --config gallery.yml
    innerview evaluate --data cifar10/ --pruning
    innerview evaluate --model imagenette --data imagenette/ --channels
    """
    from generator.data.downloads import labelled
    from generator.pipeline.named_network import labelled_pictures_of, network_of
    from generator.training.recipe import data_set_of

    say = Terminal().progress.say
    network = network_of(model, weights, config)
    data = data or labelled_pictures_of(network, config)
    if channels:
        result, summary = _with_channels(network, data, data_set_of(model), device_of(device), say)
        click.echo(json.dumps(result) if as_json else summary)
        return
    pictures = labelled(data, "test", data_set_of(model))
    if pruning or sparsity:
        result, summary = _pruned(network, pictures, sparsity, sample, device_of(device), say)
    else:
        result, summary = _measured(network, pictures, device_of(device), say)
    click.echo(json.dumps(result) if as_json else summary)


def _measured(network: Network, pictures: Labelled, device: str, say: Say) -> tuple[dict[str, Any], str]:
    """Return the accuracy of a network, as `training.evaluate` returns it, and in words."""
    from generator.engine.readout import readout_of
    from generator.models.load import load
    from generator.training.evaluate import evaluate as measure

    sometimes = at_intervals(say)

    def report(done: int, total: int) -> None:
        sometimes(f"{done:,}/{total:,} images")

    loaded = load(network, device)
    readout = readout_of(loaded)
    classes = readout.names(loaded.classes)

    def scores(x: torch.Tensor) -> torch.Tensor:
        return readout.scores(loaded.model, x)

    result = measure(scores, pictures, loaded.input, classes, device=device, report=report)
    shares = f"top-1 {100 * result['accuracy']:.2f} %, top-5 {100 * result['top5']:.2f} %"
    return result, f"{result['images']:,} images: {shares}, loss {result['loss']:.4f}"


def _with_channels(
    network: Network, data: Path | None, data_set: str, device: str, say: Say
) -> tuple[dict[str, Any], str]:
    """Return the statistics of answers and channels, and in words where they were kept."""
    from generator.analysis.probe.statistics import measure
    from generator.core.tasks import Source
    from generator.data.downloads import place_of
    from generator.models.specs import STATISTICS
    from generator.models.weights import keep_beside

    source = Source(str(place_of(data, data_set)), data_set, 0)
    statistics = measure(network, source, device=device, say=at_intervals(say))
    path = keep_beside(statistics, network, STATISTICS)
    where = f"Statistics: {path}" if path else "Statistics not saved: no weights file to save them next to"
    return statistics, f"{_accuracy(statistics)}. {where}"


def _accuracy(statistics: dict[str, Any]) -> str:
    """Return the accuracy over the images that have a class of the network, which may be some of them or none.

    >>> _accuracy({"images": 3, "labelled": 2, "correct": 1})
    "3 images, 2 of them in folders of the network's classes: top-1 50.00 %"
    """
    images, labelled = statistics["images"], statistics["labelled"]
    if not labelled:
        return f"{images:,} images, none of them in a folder of the network's classes: no accuracy"
    those = f", {labelled:,} of them in folders of the network's classes" if labelled < images else ""
    return f"{images:,} images{those}: top-1 {100 * statistics['correct'] / labelled:.2f} %"


def _pruned(
    network: Network, pictures: Labelled, sparsities: Sequence[float], sample: int, device: str, say: Say
) -> tuple[dict[str, Any], str]:
    """Return the curve of a network over its pruned copies, and in words where it was kept."""
    from generator.analysis import pruning_curve
    from generator.models.specs import PRUNING
    from generator.models.weights import keep_beside

    chosen = sorted(set(sparsities)) or pruning_curve.SPARSITIES
    curve = pruning_curve.measure(network, pictures, sparsities=chosen, sample=sample, device=device, say=say)
    path = keep_beside(curve, network, PRUNING)
    if path is None:
        return curve, "Curve not saved: no weights file to save it next to. Use --json to print it"
    return curve, f"Curve: {path}"
