"""`innerview add`: pictures are put into the gallery."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from generator.core.errors import ImageError, InnerviewError

from .options import DEVICE, FILE, options
from .terminal import Terminal, interactive

if TYPE_CHECKING:
    from generator.pipeline.options import Options

QUESTIONS = {
    "title": "Title",
    "alt": "What it shows, for those who cannot see it",
    "credit": "Whose picture it is",
    "licence": "On what terms, such as CC-BY-4.0",
}


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH..", type=click.Path(path_type=Path, exists=True))
@click.option("--title", help="The name as people write it; for a single picture.  [default: the file's name]")
@click.option("--alt", help="What it shows, for those who cannot see it; for a single picture.")
@click.option("--credit", help="Whose picture it is.  [default: the artist in its EXIF]")
@click.option("--licence", help="On what terms it may be shown, such as CC-BY-4.0.")
@click.option("--source-url", default="", metavar="URL", help="Where it was found.")
@click.option("--target", "targets", multiple=True, metavar="V=C", help="The right class in a network's vocabulary.")
@click.option("--set", "sets", multiple=True, metavar="S", help="A name by which models choose it; may be repeated.")
@click.option("--config", type=FILE, help="The configuration.  [default: gallery.yml if it exists]")
@DEVICE
def add(paths: tuple[Path, ...], config: Path | None, device: str, targets: tuple[str, ...], **about: Any) -> None:
    """Put pictures into the gallery, each with an entry in images.yml, and tell what the next build will cost.

    Title, credit and licence are asked for on a terminal; elsewhere options must say whose the pictures are. Where a
    file says at which place it was taken, the copy does not.

    \b
    innerview add heron.jpg
    innerview add heron.jpg --credit "Jo Example" --licence CC-BY-4.0 --target cifar10=bird
    innerview add photos/ --credit "Jo Example" --licence CC-BY-4.0
    """
    from generator.config import settings
    from generator.data.add_images import Folder, pictures

    wanted, terminal = options(config=config, device=device), Terminal()
    if wanted.config is None and not Path("images").is_dir():
        raise InnerviewError("expected a gallery.yml or a folder images here; `innerview new .` lays a gallery")
    files, folder = pictures(paths), Folder(settings.load(wanted.config))
    if len(files) > 1 and (about["title"] or about["alt"]):
        raise InnerviewError(f"--title and --alt are for a single picture, there are {len(files)}")
    about |= {"targets": _classes(targets), "sets": list(about["sets"])}
    last: dict[str, str] = {}
    refused = 0
    for path in files:
        try:
            picture = folder.examine(path)
            name = folder.put(picture, _details(about, picture, last))
        except ImageError as error:
            terminal.fail(str(error))
            refused += 1
            continue
        click.echo(f"{path.name}: added as {name}" + (", without the place where it was taken" * picture.located))
    if refused < len(files):
        click.echo(_cost(wanted))
    sys.exit(1 if refused else 0)


def _classes(targets: tuple[str, ...]) -> dict[str, str]:
    """`cifar10=bird` as a mapping of vocabularies to classes."""
    for target in targets:
        if not all(target.partition("=")):
            raise InnerviewError(f"--target {target}: expected VOCABULARY=CLASS, such as cifar10=bird")
    return {vocabulary: name for vocabulary, _, name in (target.partition("=") for target in targets)}


def _details(about: dict[str, Any], picture: Any, last: dict[str, str]) -> dict[str, Any]:
    """Return what is known of a picture: as the options say, else as the person at the terminal does, `last` time or
    now.
    """
    answers = {**about, "title": about["title"] or picture.title, "credit": about["credit"] or picture.author}
    if interactive():
        click.echo(f"\n{picture.path.name}")
        for key, question in QUESTIONS.items():
            if not about[key]:
                offer = answers[key] or last.get(key, "")
                answers[key] = click.prompt(f"  {question}", default=offer, show_default=bool(offer)).strip()
        last |= {key: answers[key] for key in ("credit", "licence")}
    for key in ("credit", "licence"):
        if not answers[key]:
            raise ImageError(f"{picture.path.name}: expected to be told its {key}; --{key} says it")
    return answers


def _cost(wanted: Options) -> str:
    """Return what the next build will draw, in words."""
    from generator.pipeline.plan import make_plan, price_list

    try:
        with wanted.pool() as pool:
            rows = price_list(make_plan(wanted, pool, wanted.store))
    except InnerviewError as error:
        return f"What the next build costs cannot be told: {error}"
    figures, seconds = (sum(row[key] for row in rows) for key in ("figures", "seconds"))
    missing = figures - sum(row["in_store"] for row in rows)
    return f"The next build draws {missing:,} of {figures:,} figures, about {seconds:,.0f} s of one core."
