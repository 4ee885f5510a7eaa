"""A real browser for tests and screenshots: Debian's chromium, else playwright's own."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path

from playwright.sync_api import Browser, Error, Page, sync_playwright

from generator.site.dev_server import Quiet

WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
# Nothing of its own on the network, and the same pixels on every machine.
FLAGS = (
    "--no-sandbox --disable-gpu --disable-dev-shm-usage --disable-background-networking --disable-component-update "
    "--disable-sync --no-first-run --hide-scrollbars --force-color-profile=srgb"
).split()


@contextmanager
def browser() -> Iterator[Browser]:
    """A headless browser. Raises `RuntimeError` where there is none."""
    with sync_playwright() as playwright:
        try:
            found = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        except Error as error:
            raise RuntimeError(
                "no browser: expected Debian's chromium (apt-get install chromium) or playwright's own "
                f"(python -m playwright install chromium); {error.message.splitlines()[0]}"
            ) from error
        yield found
        found.close()


@contextmanager
def served(site: Path) -> Iterator[str]:
    """The address of `site` while it is served on this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    server.handle_error = lambda request, client: None  # a browser that leaves a page early is no error
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@contextmanager
def pages(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Opens a page at an address, or an empty one; in the end nothing may have gone wrong on any."""
    contexts, faults = [], []

    def go(address: str = "", width: int = 1280, height: int = 900, **wishes) -> Page:
        wishes = {"reduced_motion": "reduce", **wishes}
        context = chromium.new_context(viewport={"width": width, "height": height}, **wishes)
        context.set_default_timeout(90_000)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda line: line.type in ("error", "warning") and faults.append(line.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("response", lambda answer: answer.status >= 400 and faults.append(answer.url))
        if address:
            page.goto(address, wait_until="load")
        return page

    yield go
    for context in contexts:
        context.close()
    assert faults == []


def where(page: Page) -> str:
    """The address as the page itself knows it; `page.url` hears of a changed fragment a moment later."""
    return page.evaluate("location.href")
