"""`innerview plan`: figures to render and their estimated time."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from .options import options, selection
from .terminal import Terminal, table


@click.command()
@selection
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--key", is_flag=True, help="Print only a digest of everything the figures depend on, as a cache key.")
def plan(as_json: bool, key: bool, **chosen: Any) -> None:
    """List the figures to render, those in the store, and the estimated time.

    \b
    innerview plan
    innerview plan --preset full --json
    """
    from generator.pipeline.plan import make_plan, price_list

    wanted, terminal = options(**chosen), Terminal()
    if key:
        from generator.pipeline.cache_key import cache_key

        click.echo(cache_key(wanted))
        return
    with wanted.pool() as pool:
        made = make_plan(wanted, pool, wanted.store)
    rows = price_list(made)
    if as_json:
        click.echo(json.dumps({"models": rows, "problems": made.problems, "failed": dict(made.failed)}, indent=1))
    else:
        for line in made.problems:
            terminal.warn(line)
        for name, reason in made.failed:
            terminal.fail(f"{name}: {reason}")
        heads = ["model", "images", "figures", "in store", "forward passes", "about"]
        table(heads, [[*list(row.values())[:5], f"{row['seconds']:.0f} s on one core"] for row in rows])
    sys.exit(1 if made.failed else 0)
