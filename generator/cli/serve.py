"""`innerview serve`: build, show the site in a browser, and build again when something changes."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any

import click

from .build import build_and_tell
from .options import destination, options, selection
from .terminal import Terminal


@click.command()
@selection
@destination
@click.option("--port", default=8000, show_default=True, help="Port on this machine; 0 picks a free one.")
@click.option("--watch/--no-watch", default=True, show_default=True, help="Rebuild when a source changes.")
def serve(port: int, watch: bool, **chosen: Any) -> None:
    """Build the site and serve it on this machine until interrupted.

    When gallery.yml, an image, a template, a page or your own code changes, the site is rebuilt, and open pages take
    over what changed, where they are. If a build fails, the error is printed and the site stays unchanged.

    \b
    innerview serve
    innerview serve --image frog --port 8080
    innerview serve --no-watch
    """
    from generator.site.dev_server import Built, keep_building, server

    wanted, built = options(grow=True, **chosen), Built()
    serving: list[threading.Thread] = []

    def appear() -> None:  # with the first pages, which follow what is drawn
        built.times += 1
        if not serving:
            here = server(wanted.out, port, built)
            serving.append(threading.Thread(target=here.serve_forever, daemon=True))
            serving[0].start()
            click.echo(f"Serving http://127.0.0.1:{here.server_port}/   (press Ctrl-C to stop)")

    code = build_and_tell(wanted, published=appear)
    if not (wanted.out / "index.html").is_file():
        raise SystemExit(code)
    appear()
    with suppress(KeyboardInterrupt):
        if watch:
            keep_building(wanted, lambda: build_and_tell(wanted, published=appear), Terminal().warn, built)
        serving[0].join()
