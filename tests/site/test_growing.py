"""A site is published while it is drawn: it says what is missing, follows, and leaves nothing behind."""

import json
import shutil
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import publications
import pytest
import tiny_gallery

from generator.pipeline.plan import make_plan
from generator.site.build import publish_so_far
from generator.site.growing import SCRIPT, Growing, mark


def until(true, seconds=120):
    """Wait until something is true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture(scope="module")
def editions(tmp_path_factory):
    """A gallery as it grows: folders of three editions of its site, half a report, more of it, all; each with what it
    left in `.innerview`.
    """
    place = tmp_path_factory.mktemp("grown")
    options = tiny_gallery.lay(place / "gallery", ["one", "three"], measures=[])
    whole = replace(options, no_site=False, cards=False)

    def kept(name):
        for part in ("site", ".innerview/growing"):
            shutil.copytree(options.root / part, place / name / part)
        return place / name

    def publish(number, *methods):
        tiny_gallery.run(options, images=("one",), methods=methods)
        with whole.pool() as pool:
            publish_so_far(number, whole, make_plan(whole, pool, whole.store))
        return kept(str(number))

    first, second = publish(3, "saliency"), publish(4, "saliency", "activations", "grad-cam")
    tiny_gallery.run(whole)
    return first, second, kept("last")


def test_what_is_drawn_is_there_and_what_is_missing_is_on_its_way(editions):
    site = editions[0] / "site"
    manifest = json.loads((site / "gallery/manifest.json").read_text())
    assert [image["id"] for image in manifest["images"]] == ["one"], "nothing of the other one is drawn"
    reasons = {figure["method"]: figure.get("reason") for figure in manifest["figures"] if figure["image"] == "one"}
    assert not reasons["saliency"] and reasons["input"] == "being drawn"
    report = (site / "gallery/mine/one/index.html").read_text()
    assert "<b>Not yet</b>" in report and "Failed" not in report
    assert f'<script src="../../../follow.js" data-edition="3" data-poll="../../../{SCRIPT}"' in report
    assert f'<script src="follow.js" data-edition="3" data-poll="{SCRIPT}"' in (site / "index.html").read_text()
    assert (site / SCRIPT).read_text() == "innerviewEdition(3);\n"


def test_the_last_site_is_the_one_that_comes_of_a_build_without_it(editions, tmp_path):
    other = tiny_gallery.lay(tmp_path, ["one", "three"], measures=[])
    tiny_gallery.run(replace(other, no_site=False, cards=False))
    assert contents(editions[2] / "site") == contents(other.root / "site")
    assert not (editions[2] / "site" / SCRIPT).exists() and not (editions[2] / "site/follow.js").exists()


def test_an_open_report_grows_where_it_is(editions, tmp_path, chromium):
    """Scrolled, with another map, something unfolded and the keyboard somewhere, over two exchanges, from a disk."""
    place = tmp_path / "gallery"
    shutil.copytree(editions[0], place)
    view = chromium.new_page(viewport={"width": 1100, "height": 700})
    view.goto((place / "site/gallery/mine/one/index.html").as_uri())
    view.click('iv-filmstrip a[href="#map-vanilla-backprop"]')
    view.evaluate(
        """() => {
          const folded = document.querySelector("#stage-1 .view__layer > details.more:last-of-type");
          folded.open = true;
          folded.querySelector("summary").focus();
          folded.scrollIntoView({ block: "start", behavior: "instant" });
          window.images = [...document.images];
          window.sources = images.map(image => image.src);
          window.folded = folded;
          window.at = folded.querySelector("summary").getBoundingClientRect().top;
        }"""
    )
    for edition, arrived in zip(editions[1:], ("activations--2", "cam--5"), strict=True):
        for part in ("site", ".innerview"):
            shutil.rmtree(place / part)
            shutil.copytree(edition / part, place / part)
        view.wait_for_function(f"document.querySelector('iv-stage img[src^=\"{arrived}\"]')")
        assert view.evaluate("scrollY > 500")
        assert view.evaluate("folded.isConnected && folded.open && document.activeElement === folded.firstElementChild")
        view.wait_for_function("Math.abs(folded.querySelector('summary').getBoundingClientRect().top - window.at) < 2")
        assert view.evaluate("document.querySelector('#maps').view") == "vanilla-backprop"
        assert (
            view.evaluate("[...document.querySelectorAll('#maps > details')].map(view => view.open)").count(True) == 1
        )
        shown = view.get_attribute("iv-filmstrip a[aria-current]", "href")
        assert shown == "#map-vanilla-backprop"
        assert view.evaluate("images.every((image, n) => image.isConnected && image.src === sources[n])"), "no flicker"
        assert view.locator("#stage-1 > .view__body > .view__head").count() == 1
        assert view.locator(".scrubber__slider").count() == 1
    assert not view.locator(".picture--void", has_text="Not yet").count()
    assert not view.locator('script[src*="follow.js"], script[src*="growing.js"]').count()
    server = (editions[2] / "site/gallery/mine/one/index.html").read_text()
    view.evaluate("document.querySelectorAll('iv-stage, iv-filmstrip').forEach(each => each.disconnectedCallback())")
    assert view.locator("iv-filmstrip li").count() == server.count('<li><a href="#map-')
    view.close()


def contents(site):
    return {path.relative_to(site).as_posix(): path.read_bytes() for path in site.rglob("*") if path.is_file()}


def test_one_publication_at_a_time_and_each_is_noticed(tmp_path):
    noticed = []
    with Growing(publications.note, (tmp_path,), lambda: noticed.append(len(list(tmp_path.iterdir())))) as growing:
        for _ in range(3):
            growing.offer()
        until(lambda: growing.poll() or noticed)
        growing.offer()
    assert noticed == [1] and [path.name for path in tmp_path.iterdir()] == ["1.txt"], "the next one comes later"


def test_the_first_publication_is_prepared_before_anything_is_offered(tmp_path):
    noticed = []
    prepare = partial(publications.ready, tmp_path)
    with Growing(publications.note, (tmp_path,), lambda: noticed.append(1), prepare) as growing:
        until((tmp_path / "ready.txt").is_file)
        growing.poll()
        assert [path.name for path in tmp_path.iterdir()] == ["ready.txt"] and not noticed
        growing.offer()
        until(lambda: growing.poll() or noticed)
    assert (tmp_path / "1.txt").is_file()


def test_a_publication_that_failed_is_not_announced(tmp_path, capfd):
    noticed = []
    with Growing(publications.fail, (tmp_path,), lambda: noticed.append(1)) as growing:
        growing.offer()
        until(lambda: growing.poll() or growing._process is None)
    assert noticed == [] and capfd.readouterr().err == ""


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="asks Linux which processes there are")
def test_what_publishes_ends_with_the_build_and_all_that_it_started(tmp_path):
    with Growing(publications.hang, (tmp_path,), lambda: None) as growing:
        growing.offer()
        until((tmp_path / "process.txt").is_file)
    ended = int((tmp_path / "process.txt").read_text())
    until(lambda: not Path(f"/proc/{ended}").exists() or " Z " in Path(f"/proc/{ended}/stat").read_text())
    assert growing._process is None


def test_every_page_is_marked_but_that_of_an_error(tmp_path):
    site = tmp_path / "site"
    (site / "a").mkdir(parents=True)
    (site / "a" / "b.html").write_text("<body>no more</body>")
    (site / "404.html").write_text("<body></body>")
    mark(site, 1, site, tmp_path / "growing")
    assert (
        '<script src="../follow.js" data-edition="1" data-poll="../growing.js"' in (site / "a" / "b.html").read_text()
    )
    assert (site / "404.html").read_text() == "<body></body>", "nobody knows where it is served"
    assert (tmp_path / "growing/1/a/b.html.js").read_text() == 'innerviewPage("<body>no more</body>");\n'
