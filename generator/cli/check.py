"""`innerview check`: whether what is there holds together."""

from __future__ import annotations

import sys
from typing import Any

import click

from .options import destination, options, selection
from .terminal import Terminal


@click.command()
@selection
@destination
@click.option("--budget", metavar="SIZE", help="Maximum size of the site, such as 900MB for GitHub Pages.")
@click.option("--report-budget", metavar="SIZE", help="Maximum size of the images of one report, such as 4MB.")
def check(budget: str | None, report_budget: str | None, **chosen: Any) -> None:
    """Check configuration, images, store, links, and the manifest against the files.

    Failed figures are counted but do not change the exit code.

    \b
    innerview check
    innerview check --config galleries/imagenet.yml
    innerview check --budget 900MB --report-budget 4MB
    """
    from generator.site.diagnose import examine, failed_figures
    from generator.site.size_budget import in_bytes, over_budget

    terminal, wanted = Terminal(), options(**chosen)
    limits = [in_bytes(size) if size else None for size in (budget, report_budget)]
    findings = examine(wanted)
    if (budget or report_budget) and wanted.out.is_dir():
        findings["budget"] = over_budget(wanted.out, *limits)
    for name, problems in findings.items():
        for line in problems:
            terminal.warn(f"{name}: {line}")
        if not problems:
            click.echo(f"{name}: no problems")
    figures, failed, first = failed_figures(wanted.out)
    if failed:
        terminal.warn(f"figures: {failed} of {figures} failed, first: {first}")
    elif figures:
        click.echo(f"figures: none of {figures} failed")
    sys.exit(1 if any(findings.values()) else 0)
