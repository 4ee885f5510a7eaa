"""`innerview pages`: the pages again, from what is in the store."""

from __future__ import annotations

from typing import Any

import click

from .options import against, destination, options, selection
from .terminal import Terminal


@click.command()
@selection
@destination
@against
def pages(**chosen: Any) -> None:
    """Rewrite the pages from the store, without torch.

    Use it after a change of templates, styles or text. Figures that are not in the store become placeholders.

    \b
    innerview pages
    innerview pages --site-dir preview/
    """
    from generator.site.build import rewrite

    wanted = options(**chosen)
    rewrite(wanted, Terminal().progress)
    click.echo(f"The site is in {wanted.out}")
