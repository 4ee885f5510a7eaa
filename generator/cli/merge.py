"""`innerview merge`: merge shard stores."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from .options import FOLDER
from .terminal import Terminal


@click.command()
@click.argument("stores", type=FOLDER, nargs=-1, required=True)
@click.option("--into", type=FOLDER, default=Path(".innerview/store"), show_default=True, help="Store to merge into.")
def merge(stores: tuple[Path, ...], into: Path) -> None:
    """Merge the stores that several machines rendered with `innerview build --shard`.

    Every file is checked. Damaged records are listed and left out; the next build renders them again.

    \b
    innerview merge stores/*
    innerview merge one/store other/store --into both/store
    """
    from generator.core.store import Store
    from generator.pipeline.merge_stores import merge as run

    merged, terminal = run(list(stores), Store(into)), Terminal()
    for line in merged.refused:
        terminal.fail(line)
    refused = f", {len(merged.refused)} refused" if merged.refused else ""
    click.echo(f"{merged.new:,} records added to {into}, {merged.known:,} already there{refused}.")
    sys.exit(1 if merged.refused else 0)
