"""A site is published while it is drawn: it says what is missing, follows, and leaves nothing behind."""

import json
import os
import time
from dataclasses import replace
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
def grown(tmp_path_factory):
    """A gallery of which one report is half drawn, published so far: the options of the whole build."""
    options = tiny_gallery.lay(tmp_path_factory.mktemp("grown"), ["one", "three"], measures=[])
    tiny_gallery.run(options, images=("one",), methods=("saliency",))
    whole = replace(options, no_site=False, cards=False)
    with whole.pool() as pool:
        publish_so_far(3, whole, make_plan(whole, pool, whole.store))
    return whole


def test_what_is_drawn_is_there_and_what_is_missing_is_on_its_way(grown):
    manifest = json.loads((grown.out / "gallery/manifest.json").read_text())
    assert [image["id"] for image in manifest["images"]] == ["one"], "nothing of the other one is drawn"
    reasons = {figure["method"]: figure.get("reason") for figure in manifest["figures"] if figure["image"] == "one"}
    assert not reasons["saliency"] and reasons["input"] == "being drawn"
    report = (grown.out / "gallery/mine/one/index.html").read_text()
    assert "<b>Not yet</b>" in report and "Failed" not in report
    assert f'<script src="../../../{SCRIPT}" defer></script></body>' in report
    assert f'<script src="{SCRIPT}" defer></script></body>' in (grown.out / "index.html").read_text()
    assert "var number = 3," in (grown.out / SCRIPT).read_text()


def test_the_last_site_is_the_one_that_comes_of_a_build_without_it(grown, tmp_path):
    tiny_gallery.run(grown)
    other = tiny_gallery.lay(tmp_path, ["one", "three"], measures=[])
    tiny_gallery.run(replace(other, no_site=False, cards=False))
    assert contents(grown.out) == contents(other.root / "site")
    assert not (grown.out / SCRIPT).exists()


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


def test_a_page_without_an_end_is_marked_too(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.html").write_text("<p>no more")
    (tmp_path / "404.html").write_text("<body></body>")
    mark(tmp_path, 1)
    assert (tmp_path / "a" / "b.html").read_text() == f'<p>no more<script src="../{SCRIPT}" defer></script>'
    assert (tmp_path / "404.html").read_text() == "<body></body>", "nobody knows where it is served"
    assert os.listdir(tmp_path / "a") == ["b.html"]


def test_an_open_page_follows_where_it_was_scrolled_to_and_waits_for_who_marks_text(tmp_path, chromium):
    page = tmp_path / "a" / "b.html"
    page.parent.mkdir()

    def publish(text, number):
        page.write_text(f"<!doctype html><html><body><p>{text}</p><div style='height: 4000px'></div></body></html>")
        if number:
            mark(tmp_path, number)
        else:
            (tmp_path / SCRIPT).unlink()

    publish("first", 1)
    view = chromium.new_page()
    view.goto(page.as_uri())
    view.evaluate("window.scrollTo(0, 1500)")
    publish("second", 2)
    view.wait_for_function("document.querySelector('p').textContent === 'second' && scrollY === 1500")
    view.evaluate("getSelection().selectAllChildren(document.querySelector('p'))")
    publish("last", 0)
    view.wait_for_timeout(4000)
    assert view.inner_text("p") == "second"
    view.evaluate("getSelection().removeAllRanges()")
    view.wait_for_function("document.querySelector('p').textContent === 'last'")
    assert view.evaluate("document.scripts.length") == 0
    view.close()
