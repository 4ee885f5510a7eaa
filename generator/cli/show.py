"""`innerview show`: where a figure comes from, and its raw numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from .options import FILE, options, selection


@click.command()
@click.argument("figure")
@selection
@click.option("--array", type=FILE, metavar="OUT.npy", help="Write the raw float32 array returned by the method.")
@click.option("--csv", "table", type=FILE, metavar="OUT.csv", help="Write the same numbers as CSV.")
@click.option("--picture", type=FILE, metavar="OUT.png", help="Write one channel, FIGURE#c17, at its own size.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(
    figure: str, array: Path | None, table: Path | None, picture: Path | None, as_json: bool, **chosen: Any
) -> None:
    """Print the provenance of a figure; write its raw array.

    \b
    innerview show vgg-cifar10/frog/grad-cam--backbone.relu7--class-frog
    innerview show vgg-cifar10/frog/vanilla-backprop--class-frog --array gradient.npy
    innerview show vgg-cifar10/frog/grad-cam--backbone.relu7--class-frog --csv map.csv
    innerview show 'vgg-cifar10/frog/activations--backbone.relu2#c17' --picture channel.png
    """
    from generator.pipeline.provenance import describe_figure

    description = describe_figure(options(**chosen), figure, array, picture, table)
    if as_json:
        click.echo(json.dumps(description, indent=1, sort_keys=True))
        return
    for name, value in description.items():
        if value not in ("", None, [], {}):
            click.echo(f"{name:12} {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}")
