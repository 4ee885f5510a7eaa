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
@click.option(
    "--walk", nargs=2, metavar="MODEL IMAGE", help="Export a whole report, stage by stage, as the seed of a post.",
)  # fmt: skip
@click.option("--out", type=FILE, metavar="FILE", help="Output file.  [default: standard output]")
@click.option("--url", default="", help="URL of the site, if gallery.yml does not set it.")
@click.option("--title", is_flag=True, help="Add a title above a PNG.")
@click.option("--colour-bar", is_flag=True, help="Add the colour scale below a PNG.")
@click.option("--config", type=FILE, help="Configuration file.  [default: gallery.yml if it exists]")
@destination
def embed(
    figure: str, kind: str, table: str | None, walk: tuple[str, str] | None, out: Path | None, url: str, title: bool,
    colour_bar: bool, config: Path | None, site_dir: Path | None,
) -> None:  # fmt: skip
    """Export a figure of the built site for a blog, a README, an article or slides.

    With --walk, export a whole report as the seed of a post: the photo with its credit and licence, each stage with its
    layer, size and receptive field, the class probabilities, and the maps. As html it needs no script; as iframe the
    figures are interactive. MODEL and IMAGE are as in the report's address: gallery/MODEL/IMAGE/.

    \b
    innerview embed vgg-cifar10/frog/grad-cam--backbone.relu7--class-frog --as markdown
    innerview embed vgg-cifar10/frog/activations--backbone.relu0#c17 --as png --out channel.png
    innerview embed vgg-cifar10/frog/saliency--class-frog --as png --title --colour-bar --out slide.png
    innerview embed --table vgg-cifar10 --as markdown --url https://example.org/gallery
    innerview embed --walk vgg-cifar10 frog --as markdown --out frog.md
    """
    from generator.core.atomic_io import write_atomically
    from generator.site.export import channel_file, figure_as, table_as_markdown
    from generator.site.export_walk import WALK_KINDS, walk_as

    site = options(config=config, site_dir=site_dir).out
    if [bool(figure), bool(table), bool(walk)].count(True) != 1:
        raise ConfigError("expected one of: a figure, --table MODEL, --walk MODEL IMAGE")
    if table and kind != "markdown":
        raise ConfigError(f"--table needs --as markdown, not {kind}")
    if walk and kind not in WALK_KINDS:
        raise ConfigError(f"--walk needs --as {', '.join(WALK_KINDS[:-1])} or {WALK_KINDS[-1]}, not {kind}")
    content: str | bytes
    if walk:
        content = walk_as(site, *walk, kind, url)
    elif table:
        content = table_as_markdown(site, table, url)
    else:
        content = figure_as(site, figure, kind, url, title, colour_bar)
    if kind == "markdown" and "#" in figure:
        click.echo(f"For the image: innerview embed '{figure}' --as png --out {channel_file(figure)}", err=True)
    if out:
        write_atomically(out, content if isinstance(content, bytes) else f"{content}\n".encode())
    elif isinstance(content, bytes) and sys.stdout.isatty():
        raise ConfigError(f"{kind.upper()} output is binary. Pass --out FILE")
    else:
        click.echo(content, nl=isinstance(content, str))
