"""`innerview schema`: what editors need to know of gallery.yml and images.yml."""

from __future__ import annotations

from pathlib import Path

import click

from .options import FILE


@click.command()
@click.argument("kind", type=click.Choice(["gallery", "images"]))
@click.option("--out", type=FILE, metavar="FILE", help="Output file.  [default: standard output]")
def schema(kind: str, out: Path | None) -> None:
    """Write the JSON Schema of gallery.yml or images.yml, for completion and checks in an editor.

    An editor with a YAML language server finds it through the first line of the file, which `innerview new` writes.

    \b
    innerview schema gallery --out .schema/gallery.json
    innerview schema images --out .schema/images.json
    """
    from generator.config.json_schema import written
    from generator.core.atomic_io import write_atomically

    if out:
        write_atomically(out, written(kind).encode())
    else:
        click.echo(written(kind), nl=False)
