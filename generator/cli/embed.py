"""`innerview embed`: a figure in a form for other pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .options import FILE, destination, options


@click.command()
@click.argument("figure", default="")
@click.option(
    "--as", "kind", type=click.Choice(["html", "markdown", "iframe", "bibtex", "png", "gif"]), default="html",
    show_default=True, help="In which form.",
)  # fmt: skip
@click.option("--table", metavar="MODEL", help="Instead of a figure: a network's whole table, in Markdown.")
@click.option("--out", type=FILE, metavar="FILE", help="Write it there.  [default: standard output]")
@click.option("--url", default="", help="The site's address, where gallery.yml does not tell it.")
@click.option("--title", is_flag=True, help="Put what it shows above a PNG.")
@click.option("--colour-bar", is_flag=True, help="Put the colour scale under a PNG.")
@click.option("--config", type=FILE, help="The gallery's configuration.  [default: gallery.yml if it exists]")
@destination
def embed(figure: str, out: Path | None, config: Path | None, site_dir: Path | None, **wishes: Any) -> None:
    """Take a figure of the built site away: for a blog, a README, an article or slides.

    \b
    innerview embed vgg-cifar10/frog/grad-cam--backbone.relu7--class-frog --as markdown
    innerview embed vgg-cifar10/frog/activations--backbone.relu0#c17 --as png --out channel.png
    innerview embed vgg-cifar10/frog/saliency--class-frog --as png --title --colour-bar --out slide.png
    innerview embed --table vgg-cifar10 --as markdown --url https://example.org/gallery
    """
    from generator.site.export import hand_out

    hand_out(options(config=config, site_dir=site_dir).out, figure, out, **wishes)
