"""`innerview diff`: what changed from one gallery to another."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from generator.core.errors import ConfigError

from .options import FILE, FOLDER
from .terminal import Terminal, table

if TYPE_CHECKING:
    from generator.core.manifest_types import ChangesFigure

TOLD = 10  # changed figures on the terminal


@click.command()
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@click.option("--html", type=FOLDER, metavar="DIR", help="Write a page with figures into this folder.")
@click.option("--markdown", type=FILE, metavar="FILE", help="Write a pull request comment; - prints it.")
@click.option("--comment", type=FILE, metavar="FILE", help="Write the data from which comment.yml writes a comment.")
@click.option("--json", "as_json", type=FILE, metavar="FILE", help="Write JSON; - prints it.")
@click.option(
    "--fail-if",
    "conditions",
    multiple=True,
    metavar="GATE",
    help="Exit 1 if the condition holds; may be repeated, see GATE.",
)
@click.option("--model", "models", multiple=True, metavar="M", help="Only this model; may be repeated.")
@click.option("--image", "images", multiple=True, metavar="I", help="Only this image; may be repeated.")
@click.option("--method", "methods", multiple=True, metavar="X", help="Only this method; may be repeated.")
@click.option(
    "--store", "stores", multiple=True, type=FOLDER, help="Additional store to read arrays from; may be repeated."
)
@click.option(
    "--most",
    default=200,
    show_default=True,
    type=click.IntRange(0),
    help="Maximum number of changed figures shown with images.",
)
def diff(
    old: Path,
    new: Path,
    html: Path | None,
    markdown: Path | None,
    comment: Path | None,
    as_json: Path | None,
    conditions: tuple[str, ...],
    models: tuple[str, ...],
    images: tuple[str, ...],
    methods: tuple[str, ...],
    stores: tuple[Path, ...],
    most: int,
) -> None:
    """Compare two galleries, OLD and NEW: figures that are new, removed or different, and by how much.

    OLD and NEW are built sites, gallery folders, their .innerview folders or manifests. Values are compared if a store
    has them or an image can be read back, images if they are available, digests always.

    A GATE is [METHOD:]WHAT<LIMIT, or with >, <= or >=. WHAT is one of correlation, relative-difference,
    largest-difference and ssim of a changed figure, or a count: new, gone, changed, failed, answers. Exit codes: 0 no
    gate failed, 1 a gate failed, 2 wrong usage.

    \b
    innerview diff old/site site
    innerview diff old site --html changes/ --markdown comment.md
    innerview diff old site --model vgg-cifar10 --fail-if "grad-cam:correlation<0.9"
    innerview diff old site --fail-if "gone>0" --fail-if "answers>0"
    """
    from generator.site.diff.report import as_comment, as_markdown, set_against
    from generator.site.diff.report import as_json as json_of
    from generator.site.pages.changes import causes, measured, same, summary

    if Path("-") in (markdown, as_json) and markdown == as_json:
        raise ConfigError("--markdown and --json: only one of them can be printed")
    chosen = {"model": models, "image": images, "method": methods}
    answer = set_against(old, new, stores=stores, chosen=chosen, conditions=conditions, html=html, most=most)
    for file, text in ((markdown, as_markdown), (as_json, lambda answer: json_of(answer.told))):
        if file == Path("-"):
            click.echo(text(answer), nl=False)
        elif file:
            file.write_text(text(answer), encoding="utf-8")
    if comment:
        comment.write_text(as_comment(answer), encoding="ascii")
    terminal = Terminal()
    if Path("-") not in (markdown, as_json):
        click.echo(f"{summary(answer.told)} {same(answer.told)}")
        for title, words in causes(answer.told):
            click.echo(f"{title}: {words}")
        changed = [entry for entry in answer.told["figures"] if entry["kind"] == "changed"]
        if changed:
            rows = [[entry["id"], *_measures(entry, measured)] for entry in changed[:TOLD]]
            table(["figure", "correlation", "rel. L2 difference", "largest difference", "SSIM"], rows)
        if html:
            click.echo(f"Open {(html / 'index.html').absolute()} in a browser.")
    if answer.blind:
        terminal.warn(answer.blind)
    for line in answer.refused:
        terminal.fail(line)
    sys.exit(1 if answer.refused else 0)


def _measures(entry: ChangesFigure, measured) -> list[str]:
    if entry["status"][0] != entry["status"][1]:
        return [f"{entry['status'][0]}, now {entry['status'][1]}", "", "", ""]
    values = dict(measured(entry["numbers"]))
    names = ("correlation", "relative L2 difference", "largest difference", "SSIM")
    return [values.get(name, "?") for name in names]
