"""`innerview new`: create a small gallery."""

from __future__ import annotations

from pathlib import Path

import click

from .options import FOLDER


@click.command()
@click.argument("folder", type=FOLDER, metavar="DIR")
def new(folder: Path) -> None:
    """Create a gallery in a new or empty folder.

    It has two photographs, a commented gallery.yml, a front page, and a GitHub workflow that publishes it.

    \b
    innerview new my-gallery
    innerview new .
    """
    lay_and_tell(folder)
    where = "" if folder.resolve() == Path.cwd() else f"cd {folder} && "
    click.echo(f"Build and view it: {where}innerview serve")


def lay_and_tell(folder: Path) -> None:
    """Create the gallery and print what it contains."""
    from generator.config.scaffold import lay

    lay(folder)
    click.echo(f"Created a gallery in {folder}/: gallery.yml sets models and methods, images/ holds the images.")
