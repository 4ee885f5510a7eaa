"""A site that follows its sources: what counts as one, when it is built again, and how the browser learns of it."""

import threading
import urllib.request
from dataclasses import replace

import pytest
import tiny_gallery

from generator.core.errors import ConfigError
from generator.site import dev_server

PAGE = "<html><head></head><body><h1>{}</h1></body></html>"


@pytest.fixture
def gallery(tmp_path):
    """A gallery with templates and a page, and what a build would leave there."""
    options = tiny_gallery.lay(tmp_path / "mine")
    for name in (
        "templates/pages/home.md",
        "site_src/about.md",
        "site_src/assets/css/laid.css",
        "site_src/gallery/x.md",
    ):
        (options.root / name).parent.mkdir(parents=True, exist_ok=True)
        (options.root / name).write_text("mine")
    (options.root / "site_src" / "index.md").write_text('---\n{"kind": "home"}\n---\n')
    return replace(options, site_dir=options.root / "site")


def test_sources_are_what_people_write(gallery):
    names = {path.relative_to(gallery.root).as_posix() for path in dev_server.sources(gallery)}
    pictures = {"images/images.yml", "images/one.png", "images/two.png"}
    own = {"gallery.yml", "tiny_network_of_mine.py", "templates/pages/home.md", "site_src/about.md"}
    assert names == own | pictures


def test_sources_are_found_while_the_settings_are_wrong(gallery):
    before = dev_server.sources(gallery)
    (gallery.root / "gallery.yml").write_text("modles: []")
    assert dev_server.sources(gallery).keys() == before.keys()


@pytest.fixture
def watched(gallery, monkeypatch):
    """The gallery while it is watched: `change(name, text)` gives what was said until the build it caused was over."""
    monkeypatch.setattr(dev_server, "EVERY", 0.05)
    sources, looked = dev_server.sources, threading.Event()

    def looking(options):
        seen = sources(options)
        looked.set()
        return seen

    monkeypatch.setattr(dev_server, "sources", looking)
    built, said, done, wrong = dev_server.Built(), [], threading.Semaphore(0), []

    class Over(BaseException):
        """Ends the thread."""

    def build():
        if wrong:
            raise wrong[0]

    def tell(line):
        said.append(line)
        if line == "changed: stop.txt":
            raise Over
        if not line.startswith("changed"):
            done.release()

    class Counting(dev_server.Built):
        """Tells the test when a build is over."""

        def __setattr__(self, name, value):
            super().__setattr__(name, value)
            done.release()

    built = Counting()

    def run():
        with pytest.raises(Over):
            dev_server.keep_building(gallery, build, tell, built)

    thread = threading.Thread(target=run)
    thread.start()
    assert looked.wait(60), "what was there before the first change"

    def change(name, text):
        said.clear()
        (gallery.root / name).write_text(text)
        assert done.acquire(timeout=60)
        return list(said)

    change.built, change.wrong = built, wrong
    yield change
    (gallery.root / "stop.txt").write_text("")
    thread.join(60)
    assert not thread.is_alive()


def test_a_change_builds_again_and_what_stops_a_build_is_told(watched):
    assert watched("templates/pages/home.md", "other words") == ["changed: home.md"]
    assert watched.built.times == 1
    watched.wrong.append(ConfigError("gallery.yml: preset: expected another"))
    said = watched("gallery.yml", "preset: fast")
    assert said[0] == "changed: gallery.yml"
    assert said[1].startswith("gallery.yml: preset: expected another") and "The site is unchanged" in said[1]
    assert watched.built.times == 1
    watched.wrong.clear()
    watched("gallery.yml", "preset: quick")
    assert watched.built.times == 2


# --- in the browser ---------------------------------------------------------------------------------


@pytest.fixture
def served(tmp_path):
    """A site of two pages while it is served; its address, folder and count of builds."""
    (tmp_path / "figure").mkdir()
    (tmp_path / "index.html").write_text(PAGE.format("old"))
    (tmp_path / "figure" / "one.html").write_text(PAGE.format("figure"))
    (tmp_path / "a.css").write_text("p {}")
    built = dev_server.Built()
    server = dev_server.server(tmp_path, 0, built)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", tmp_path, built
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("path", ["/", "/index.html", "/figure/one.html", "/figure/one.html?x=1"])
def test_pages_are_served_with_a_script_that_is_not_in_their_files(path, served):
    address, folder, _ = served
    with urllib.request.urlopen(address + path) as answer:
        page = answer.read()
        assert answer.headers["Cache-Control"] == "no-store" and answer.headers["Content-Type"].startswith("text/html")
    assert page.count(b'<script src="/-/follow.js" data-edition="0"') == 1 and page.endswith(b"</script></body></html>")
    assert not any(b"follow.js" in file.read_bytes() for file in folder.rglob("*.*"))


def test_other_files_are_served_as_they_are(served):
    address, _, _ = served
    assert urllib.request.urlopen(f"{address}/a.css").read() == b"p {}"
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{address}/none.html")


def test_the_browser_shows_the_new_page_by_itself(served, chromium):
    address, folder, built = served
    policy = "default-src 'none'; script-src 'self'"  # as figure pages have it
    strict = PAGE.replace("<head>", f'<head><meta http-equiv="Content-Security-Policy" content="{policy}">')
    (folder / "index.html").write_text(strict.format("old"))
    page = chromium.new_page()
    try:
        with page.expect_response(f"{address}{dev_server.FOLLOW}"):
            page.goto(address)
        (folder / "index.html").write_text(strict.format("new"))
        built.times += 1
        page.locator("h1", has_text="new").wait_for()
    finally:
        page.close()
