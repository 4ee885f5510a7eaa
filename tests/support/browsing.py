"""A real browser for tests and screenshots: Debian's chromium, else playwright's own."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Error, Frame, Locator, Page, sync_playwright

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


ALL = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
STILL = """async at => {
    await document.fonts.ready;
    scrollTo({ top: at, behavior: "instant" });
    for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame);
}"""


def violations(
    page: Page, tags: list[str] = ALL, *, only: list[str] | None = None, within: str | None = None, at: int = 0
) -> list[str]:
    """What axe finds against the rules of `tags`, or against those of `only`, once the page is still.

    `within` narrows it to the elements of a selector. Pages are seen from their top, or `at` so many pixels: there any
    link may lie half under the header that stays, so sizes of targets are not judged.
    """
    page.wait_for_load_state("networkidle")
    page.evaluate(STILL, at)
    rules = {"type": "rule", "values": only} if only else {"type": "tag", "values": tags}
    options = {
        "runOnly": rules,
        "resultTypes": ["violations"],
        "preload": False,
        "rules": {"target-size": {"enabled": at == 0}},
    }
    if only:
        del options["rules"]
    response = Axe().run(page, context=within, options=options).response
    return [
        f"{violation['id']}: {node['target']} {node['failureSummary']}"
        for violation in response["violations"]
        for node in violation["nodes"]
    ]


STEADY = """async element => {
    const images = [element, ...element.querySelectorAll("img")].filter(one => one.decode), box = () => {
        const {x, y, width, height} = element.getBoundingClientRect();
        return {x, y, width, height};
    };
    element.scrollIntoView({block: "center", behavior: "instant"});
    await document.fonts.ready;
    await Promise.all(images.map(one => one.decode()));
    for (let same = 0, before = ""; same < 5;) {
        await new Promise(requestAnimationFrame);
        same = before === JSON.stringify(box()) ? same + 1 : 0;
        before = JSON.stringify(box());
    }
    return box();
}"""


def steady_box(element: Locator) -> dict[str, float]:
    """The box of an element in the window, in the middle of which it is scrolled, once nothing moves it any more.

    Fonts, pictures and what is built as it comes near are there by then, and for five frames it has kept its place.
    """
    return element.evaluate(STEADY)


def go_to_fragment(page: Page, fragment: str) -> None:
    """Change the fragment of the address, and wait until all who listen to that have heard of it."""
    page.evaluate(
        """fragment => new Promise(done => {
            if (location.hash === fragment) return done();
            addEventListener("hashchange", () => setTimeout(done), {once: true});
            location.hash = fragment;
        })""",
        fragment,
    )


def until(frame: Page | Frame, condition: str) -> None:
    """Wait until an expression is true, where the policy of a page forbids what `wait_for_function` does."""
    frame.evaluate(
        f"() => new Promise(done => {{ const look = () => ({condition}) ? done() : setTimeout(look, 30); look(); }})"
    )


def where(page: Page) -> str:
    """The address as the page itself knows it; `page.url` hears of a changed fragment a moment later."""
    return page.evaluate("location.href")
