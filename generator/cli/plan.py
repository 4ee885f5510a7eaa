"""`innerview plan`: what would be drawn, and what it costs."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from .options import options, selection
from .terminal import Terminal, table


@click.command()
@selection
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option("--key", is_flag=True, help="Only a digest of all that the figures depend on: a key for caches.")
def plan(as_json: bool, key: bool, **chosen: Any) -> None:
    """Tell what would be drawn, what is in the store, and what the rest costs.

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
        table(heads, [[*list(row.values())[:5], f"{row['seconds']:.0f} s of one core"] for row in rows])
    sys.exit(1 if made.failed else 0)
