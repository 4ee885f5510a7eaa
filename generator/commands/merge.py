"""`innerview merge`: put together what several machines drew."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ..terminal import Terminal
from .options import FOLDER


@click.command()
@click.argument("stores", type=FOLDER, nargs=-1, required=True)
@click.option("--into", type=FOLDER, default=Path(".innerview/store"), show_default=True, help="The store that grows.")
def merge(stores: tuple[Path, ...], into: Path) -> None:
    """Put together what several machines drew with `innerview build --shard`.

    Every file is checked on the way. What is damaged is left out and named, and the next build draws it again.

    \b
    innerview merge stores/*
    innerview merge one/store other/store --into both/store
    """
    from ..merge import merge as run
    from ..store import Store

    merged, terminal = run(list(stores), Store(into)), Terminal()
    for line in merged.refused:
        terminal.fail(line)
    refused = f", {len(merged.refused)} refused" if merged.refused else ""
    click.echo(f"{merged.new:,} records are new in {into}, {merged.known:,} were there already{refused}.")
    sys.exit(1 if merged.refused else 0)
