"""`innerview add`: add images to the gallery."""

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
    "alt": "Description for screen readers",
    "credit": "Author or rights holder",
    "licence": "Licence, such as CC-BY-4.0",
}


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH..", type=click.Path(path_type=Path, exists=True))
@click.option("--title", help="Title; for a single image.  [default: the file's name]")
@click.option("--alt", help="Description for screen readers; for a single image.")
@click.option("--credit", help="Author or rights holder.  [default: the artist in its EXIF]")
@click.option("--licence", help="Licence, such as CC-BY-4.0.")
@click.option("--source-url", default="", metavar="URL", help="URL of the original.")
@click.option(
    "--target",
    "targets",
    multiple=True,
    metavar="V=C",
    help="Correct class in a model's vocabulary, such as cifar10=bird.",
)
@click.option("--set", "sets", multiple=True, metavar="S", help="Set of images to add it to; may be repeated.")
@click.option("--config", type=FILE, help="Configuration file.  [default: gallery.yml if it exists]")
@DEVICE
def add(paths: tuple[Path, ...], config: Path | None, device: str, targets: tuple[str, ...], **about: Any) -> None:
    """Add images to the gallery, each with an entry in images.yml, and estimate the next build.

    On a terminal the command prompts for title, credit and licence; elsewhere pass --credit and --licence. The copy
    omits the location stored in a photo.

    \b
    innerview add heron.jpg
    innerview add heron.jpg --credit "Jo Example" --licence CC-BY-4.0 --target cifar10=bird
    innerview add photos/ --credit "Jo Example" --licence CC-BY-4.0
    """
    from generator.config import settings
    from generator.data.add_images import Folder, pictures

    wanted, terminal = options(config=config, device=device), Terminal()
    if wanted.config is None and not Path("images").is_dir():
        raise InnerviewError("no gallery.yml and no folder images/ here. Run `innerview new .` to create a gallery")
    files, folder = pictures(paths), Folder(settings.load(wanted.config))
    if len(files) > 1 and (about["title"] or about["alt"]):
        raise InnerviewError(f"--title and --alt need a single image; there are {len(files)}")
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
        click.echo(f"{path.name}: added as {name}" + (", without its location" * picture.located))
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
            raise ImageError(f"{picture.path.name}: missing {key}. Pass --{key}")
    return answers


def _cost(wanted: Options) -> str:
    """Return what the next build will draw, in words."""
    from generator.pipeline.plan import make_plan, price_list

    try:
        with wanted.pool() as pool:
            rows = price_list(make_plan(wanted, pool, wanted.store))
    except InnerviewError as error:
        return f"Cannot estimate the next build: {error}"
    figures, seconds = (sum(row[key] for row in rows) for key in ("figures", "seconds"))
    missing = figures - sum(row["in_store"] for row in rows)
    return f"The next build renders {missing:,} of {figures:,} figures, about {seconds:,.0f} s on one core."
