"""`innerview live`: fetch the runtime of the live page."""

from __future__ import annotations

import click

from .terminal import Terminal


@click.command()
@click.option("--graph", "models", multiple=True, metavar="M", help="Make the graph of a bundled network anew instead.")
def live(models: tuple[str, ...]) -> None:
    """Fetch the runtime of the live page, on which visitors try their own images.

    It is downloaded once from the npm registry, by name and version, and its SHA-512 is checked. Builds never download
    it: without it they omit the live page and say so.

    \b
    innerview live
    innerview live --graph vgg-cifar10
    """
    from generator.live import runtime

    if models:
        _make_graphs(models)
        return
    fetched = runtime.fetch()
    name = f"{runtime.PINNED['name']} {runtime.PINNED['version']}"
    click.echo(f"{name} {'is here now' if fetched else 'is here already'}")


def _make_graphs(models: tuple[str, ...]) -> None:
    """Make graphs of bundled networks anew, to be committed."""
    from generator.engine.model_card import describe
    from generator.live.export import keep
    from generator.models.load import load
    from generator.models.specs import resolve

    for model in models:
        loaded = load(resolve(model))
        keep(loaded, describe(loaded))
        Terminal().progress.say(f"{model}: its graph is kept")
