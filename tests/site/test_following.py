"""An open page becomes its next edition in place, and is loaded again where it cannot."""

import base64
import hashlib
import json
import shutil
import threading

import pytest
from repository import ROOT

from generator.site import dev_server, following, growing

HERE = ROOT / "generator/site"
CORE = (ROOT / "site_src/assets/js/core.js").read_text("utf-8")
# What scripts of a page do: an element that counts its beginnings and ends, one enlivened part, and marks of their own.
SCRIPTS = """
window.events = [];
window.innerview.define("iv-count", function (host, signal) {
  window.events.push("+" + host.id);
  signal.addEventListener("abort", function () { window.events.push("-" + host.id); });
});
window.innerview.enliven(".part", function (part, signal) {
  part.append(window.innerview.element("button", "made", "made"));
  signal.addEventListener("abort", function () { part.querySelector(".made").remove(); });
});
document.querySelector("ul").classList.add("is-ready");
document.querySelector("ul").append(window.innerview.element("li", "own", "of a script"));
"""


def page(items, extra="", head=""):
    """A page with a list of pictures and what the scripts above enliven, twice as high as a window below `extra`."""
    listed = "".join(f'<li><a href="#{name}"><img src="{name}.svg" alt="{name}"></a></li>' for name in items)
    return (
        f"<!doctype html><html><head><title>{len(items)}</title>{head}</head><body><main>{extra}"
        f'<div style="height: 900px"></div><p id="count">{len(items)} pictures</p><ul class="list">{listed}</ul>'
        f'<iv-count id="one"><b>{len(items)}</b></iv-count><iv-count id="two"><b>always</b></iv-count>'
        f'<div class="part"><span>{items[0]}</span></div><details><summary>More</summary><p id="words">to be marked</p>'
        f'</details><div style="height: 1800px"></div></main><script src="core.js"></script>'
        f'<script src="page.js"></script></body></html>'
    )


class Site:
    """A site that is published as a build does it: the new one beside the old, and exchanged."""

    def __init__(self, folder):
        self.folder, self.out, self.pages = folder, folder / "site", folder / "work/growing"

    def publish(self, content, number=0, colour="red"):
        new = self.folder / "site.new"
        new.mkdir()
        (new / "index.html").write_text(content)
        (new / "core.js").write_text(CORE)
        (new / "page.js").write_text(SCRIPTS)
        for name in "abcd":
            drawing = f'<rect width="80" height="80" fill="{colour}"/>'
            (new / f"{name}.svg").write_text(
                f'<svg xmlns="http://www.w3.org/2000/svg" width="80" height="80">{drawing}</svg>'
            )
        if number:
            growing.mark(new, number, self.out, self.pages)
        else:
            growing.finish(new, self.out, self.pages)
        if self.out.exists():
            shutil.rmtree(self.out)
        new.rename(self.out)


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


@pytest.fixture
def view(chromium):
    made = chromium.new_page(viewport={"width": 800, "height": 600})
    yield made
    made.close()


def test_a_finished_site_is_as_it_was_built_and_the_pages_of_the_last_edition_are_cleared_up(site):
    site.publish(page("ab"), 1)
    site.publish(page("abc"), 2)
    assert sorted(path.name for path in site.pages.iterdir()) == ["1", "2"]
    site.publish(page("abc"), 3)
    assert sorted(path.name for path in site.pages.iterdir()) == ["2", "3"]
    site.publish(page("abcd"))
    assert sorted(path.name for path in site.out.iterdir()) == sorted(
        [*(f"{n}.svg" for n in "abcd"), "core.js", "index.html", "page.js"]
    )
    assert (site.out / "index.html").read_text() == page("abcd")
    assert sorted(path.name for path in site.pages.iterdir()) == ["3", "last"]
    site.publish(page("abcd"))
    assert not site.pages.exists(), "nobody looks at a site that grows"


def test_what_changed_is_exchanged_and_the_rest_is_not_touched(site, view):
    site.publish(page("ac"), 1)
    view.goto((site.out / "index.html").as_uri() + "#a")
    view.evaluate(
        """() => {
          window.kept = { images: [...document.images], list: document.querySelector("ul") };
          document.querySelector("details").open = true;
          document.querySelector('a[href="#c"]').focus({ preventScroll: true });
          window.scrollTo(0, 700);
          getSelection().selectAllChildren(document.querySelector("#words"));
          window.before = document.activeElement.getBoundingClientRect().top;
        }"""
    )
    for items, number in (("abc", 2), ("dabc", 0)):
        site.publish(page(items, "<p style='height: 300px'>arrived above</p>"), number)
        view.wait_for_function(f"document.querySelector('#count').textContent === '{len(items)} pictures'")
        assert view.evaluate("[...document.images].map(image => image.alt).join('')") == items
        assert view.evaluate("kept.images.every(image => image.isConnected) && kept.list.isConnected"), "the same nodes"
        assert view.evaluate(
            "document.querySelector('details').open && document.activeElement.getAttribute('href') === '#c'"
        )
        assert view.evaluate("String(getSelection())") == "to be marked"
        assert view.evaluate("kept.list.className") == "list is-ready" and view.inner_text(".own") == "of a script"
        assert view.evaluate("window.before > 0 && window.scrollY > 900")
        view.wait_for_function("Math.abs(document.activeElement.getBoundingClientRect().top - window.before) < 1")
        assert view.title() == str(len(items))
    assert view.evaluate("events") == ["+one", "+two", "-one", "+one", "-one", "+one"], "one holds what changed"
    assert view.evaluate("document.querySelectorAll('.made').length") == 1
    assert view.evaluate("[...document.scripts].map(script => script.getAttribute('src'))") == ["core.js", "page.js"]


def test_a_page_that_needs_another_script_is_loaded_again(site, view):
    site.publish(page("ab"), 1)
    view.goto((site.out / "index.html").as_uri())
    view.evaluate("window.kept = true")
    site.publish(page("ab", head='<script src="core.js?2"></script>'), 2)
    view.wait_for_function("window.kept === undefined && document.querySelector('script[src=\"core.js?2\"]')")


def test_a_page_that_may_read_nothing_is_loaded_again_when_nobody_is_disturbed(site, view):
    policy = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src 'self'\">"
    site.publish(page("ab", head=policy), 1)
    assert not (site.pages / "1").exists()
    view.goto((site.out / "index.html").as_uri())
    view.evaluate("document.querySelector('details').open = true")
    view.evaluate("getSelection().selectAllChildren(document.querySelector('#words'))")
    site.publish(page("abc", head=policy))
    view.wait_for_timeout(3000)
    assert view.inner_text("#count") == "2 pictures"
    view.evaluate("getSelection().removeAllRanges()")
    view.locator("#count", has_text="3 pictures").wait_for()
    assert view.locator("script").count() == 2


def test_a_served_page_shows_another_picture_of_the_same_name(site, view):
    built = dev_server.Built()
    site.publish(page("ab"))
    server = dev_server.server(site.out, 0, built)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        view.goto(f"http://127.0.0.1:{server.server_port}/")
        view.evaluate("window.kept = document.images[0]")
        (site.out / "a.svg").write_text((site.out / "a.svg").read_text().replace('width="80"', 'width="90"'))
        built.times += 1
        view.wait_for_function("kept.isConnected && kept.naturalWidth === 90 && document.images[1].naturalWidth === 80")
    finally:
        server.shutdown()
        server.server_close()


def test_a_page_without_an_end_and_one_without_scripts_load_it_too():
    assert (
        following.tagged(b"<p>no more", "f.js", edition="1")
        == b'<p>no more<script src="f.js" data-edition="1"></script>'
    )
    begins = b'<body><script src="boot.js"></script><main>a</main>'
    scripts = b'<script src="own.js"></script></body>'
    assert following.tagged(begins + scripts, "f.js") == begins + b'<script src="f.js"></script>' + scripts
    assert following.tagged(b"<body>a</body>", "f.js").startswith(b'<body>a<script src="f.js"></script></body>')


def test_the_library_is_the_one_that_is_pinned():
    pinned = json.loads((HERE / "idiomorph.json").read_text())
    assert hashlib.sha512((HERE / "idiomorph.min.js").read_bytes()).hexdigest() == pinned["sha512"]
    assert len(base64.b64decode(pinned["integrity"].removeprefix("sha512-"))) == 64
    assert "Zero-Clause BSD" in (HERE / "idiomorph.LICENSE.txt").read_text()
