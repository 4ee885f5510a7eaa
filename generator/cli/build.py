"""`innerview build`: render missing figures and publish the site."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .new import lay_and_tell
from .options import FILE, against, destination, options, selection
from .terminal import Terminal, interactive

if TYPE_CHECKING:
    from generator.pipeline.options import Options


@click.command()
@selection
@destination
@against
@click.option("--no-site", is_flag=True, help="Render and store figures, but write no pages.")
@click.option("--shard", metavar="I/N", help="Render and store part I of N only; for machines without a shared folder.")
@click.option("--allow-failed", is_flag=True, help="Exit 0 even if some inputs failed, to deploy anyway.")
@click.option("--summary", type=FILE, help="Append a Markdown summary to this file, for CI.")
def build(no_site: bool, allow_failed: bool, summary: Path | None, shard: str | None, **chosen: Any) -> None:
    """Render missing figures and publish the site.

    A failing input does not stop the build; it becomes a placeholder, and the exit code is 1.

    \b
    innerview build
    innerview build --model vgg-cifar10 --image frog --method grad-cam
    innerview build --config galleries/imagenet.yml --preset quick --time-limit 300
    innerview build --allow-failed
    innerview build --against old/site
    innerview build --shard 1/4 --store stores/1
    innerview build --engine ray --address auto --workers 64
    """
    from generator.config.scaffold import empty
    from generator.pipeline.shards import parse

    if chosen["config"] is None and empty(Path.cwd()):
        if interactive() and click.confirm("This folder is empty. Create a small gallery here?", True):
            lay_and_tell(Path("."))
        else:
            Terminal().warn("no gallery.yml here: building the default gallery. `innerview new .` creates your own")
    part = parse(shard) if shard else None
    code = build_and_tell(options(no_site=no_site, shard=part, grow=True, **chosen), summary)
    sys.exit(0 if allow_failed else code)


def build_and_tell(options: Options, summary: Path | None = None, published: Callable[[], None] | None = None) -> int:
    """Build and print a summary, also into the file `summary`; return 0 if all was rendered, 1 if some failed.

    `published` is called whenever pages were published that do not hold everything yet.
    """
    from generator.site.build import build as run

    terminal = Terminal()
    terminal.progress.published = published or terminal.once(f"The first reports are in {options.out}/index.html.")
    with terminal:
        report = run(options, terminal.progress)
    for line in report.problems:
        terminal.warn(line)
    lines = _failures(report.failures)
    for line in lines[:30]:
        terminal.fail(line)
    if len(lines) > 30:
        terminal.fail(f"... and {len(lines) - 30} more; full list: {options.work / 'build.json'}")
    if summary:
        with summary.open("a", encoding="utf-8") as file:
            file.write(_in_markdown(report))
    if report.unchanged:
        click.echo(f"Nothing changed: {report.figures} figures are up to date.")
    else:
        parts = [f"rendered {report.drawn}", f"reused {report.reused}"]
        parts += [f"{len(report.failures)} failed"] if report.failures else []
        parts += [f"{report.inapplicable} not applicable"] if report.inapplicable else []
        part = "Part {} of {}: ".format(*options.shard) if options.shard else ""
        click.echo(f"{part}{report.figures} figures: {', '.join(parts)}.")
    if report.site:
        chosen = f" --config {options.config}" if options.config not in (None, Path("gallery.yml")) else ""
        click.echo(f"The site is in {report.site}/ ({report.pages:,} pages). View it: innerview serve{chosen}")
    return 1 if report.failures else 0


def _failures(failures: Mapping[str, str]) -> list[str]:
    """Return a line for each reason, with the first of those it is given for."""
    names: dict[str, list[str]] = {}
    for name, reason in failures.items():
        names.setdefault(reason, []).append(name)
    others = {reason: f" and {len(of) - 1:,} more" if len(of) > 1 else "" for reason, of in names.items()}
    return [f"{of[0]}{others[reason]}: {reason}" for reason, of in names.items()]


def _in_markdown(report: Any) -> str:
    """`rendered 12, reused 2,988`, and a list of what failed."""
    from generator.site.diff.markdown import code

    parts = [f"rendered {report.drawn:,}", f"reused {report.reused:,}"]
    parts += [f"failed {len(report.failures):,}"] if report.failures else []
    lines = [f"**Innerview**: {', '.join(parts)}", ""]
    lines += [f"- {code(name)}: {code(reason)}" for name, reason in list(report.failures.items())[:30]]
    return "\n".join([*lines, ""])
