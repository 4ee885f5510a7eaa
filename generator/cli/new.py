"""`innerview new`: a small gallery of one's own to begin with."""

from __future__ import annotations

from pathlib import Path

import click

from .options import FOLDER


@click.command()
@click.argument("folder", type=FOLDER, metavar="DIR")
def new(folder: Path) -> None:
    """Lay a complete small gallery into a new or empty folder.

    Two photographs, a commented gallery.yml, a front page, and a workflow that publishes it from GitHub.

    \b
    innerview new my-gallery
    innerview new .
    """
    lay_and_tell(folder)
    where = "" if folder.resolve() == Path.cwd() else f"cd {folder} && "
    click.echo(f"To build and look at it: {where}innerview serve")


def lay_and_tell(folder: Path) -> None:
    """Lay it and say so."""
    from generator.config.scaffold import lay

    lay(folder)
    click.echo(f"A gallery is in {folder}/: gallery.yml says what is drawn, images/ holds the pictures.")
