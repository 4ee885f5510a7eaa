"""`innerview embed`: a figure in a form for other pages."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from generator.core.errors import ConfigError

from .options import FILE, destination, options


@click.command()
@click.argument("figure", default="")
@click.option(
    "--as", "kind", type=click.Choice(["html", "markdown", "iframe", "bibtex", "png", "gif"]), default="html",
    show_default=True, help="Output format.",
)  # fmt: skip
@click.option("--table", metavar="MODEL", help="Export a model's table in Markdown instead of a figure.")
@click.option("--out", type=FILE, metavar="FILE", help="Output file.  [default: standard output]")
@click.option("--url", default="", help="URL of the site, if gallery.yml does not set it.")
@click.option("--title", is_flag=True, help="Add a title above a PNG.")
@click.option("--colour-bar", is_flag=True, help="Add the colour scale below a PNG.")
@click.option("--config", type=FILE, help="Configuration file.  [default: gallery.yml if it exists]")
@destination
def embed(
    figure: str, kind: str, table: str | None, out: Path | None, url: str, title: bool, colour_bar: bool,
    config: Path | None, site_dir: Path | None,
) -> None:  # fmt: skip
    """Export a figure of the built site for a blog, a README, an article or slides.

    \b
    innerview embed vgg-cifar10/frog/grad-cam--backbone.relu7--class-frog --as markdown
    innerview embed vgg-cifar10/frog/activations--backbone.relu0#c17 --as png --out channel.png
    innerview embed vgg-cifar10/frog/saliency--class-frog --as png --title --colour-bar --out slide.png
    innerview embed --table vgg-cifar10 --as markdown --url https://example.org/gallery
    """
    from generator.core.atomic_io import write_atomically
    from generator.site.export import channel_file, figure_as, table_as_markdown

    site = options(config=config, site_dir=site_dir).out
    if bool(figure) == bool(table):
        raise ConfigError("expected either a figure or --table MODEL")
    if table and kind != "markdown":
        raise ConfigError(f"--table needs --as markdown, not {kind}")
    content = table_as_markdown(site, table, url) if table else figure_as(site, figure, kind, url, title, colour_bar)
    if kind == "markdown" and "#" in figure:
        click.echo(f"For the image: innerview embed '{figure}' --as png --out {channel_file(figure)}", err=True)
    if out:
        write_atomically(out, content if isinstance(content, bytes) else f"{content}\n".encode())
    elif isinstance(content, bytes) and sys.stdout.isatty():
        raise ConfigError(f"{kind.upper()} output is binary. Pass --out FILE")
    else:
        click.echo(content, nl=isinstance(content, str))
