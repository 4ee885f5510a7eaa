"""One build over every kind of bad picture: each is read rightly or costs itself alone, with a line and a tile."""

import json
import os
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from html import unescape
from pathlib import Path

import bad_pictures
import numpy as np
import pytest
import tiny_gallery
from click.testing import CliRunner
from PIL import Image

from generator.__main__ import main
from generator.config.image_entries import ImageEntry
from generator.data.decode import decode
from generator.data.images import read_images
from generator.pipeline.plan import make_plan
from generator.pipeline.worker import Worker
from generator.site.build import _preview

CASES = {case.file: case for case in bad_pictures.cases()}
NOT_NAMES = ("m" * 300 + ".png", "nul\0.png")  # that no file can have, but an entry may


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """All cases in one gallery and what became of it: its options, manifest, summary, and the page of images."""
    folder = tmp_path_factory.mktemp("strange")
    settings = {"methods": ["saliency"], "targets": ["top"]}
    options = replace(tiny_gallery.lay(folder, [], **settings), no_site=False)
    for case in CASES.values():
        case.put(folder / "images" / case.file)
    (folder / "images/sub").mkdir()
    bad_pictures.noise(9, 9).save(folder / "images/sub/nested.png")
    listed = [{"file": "listed.png", "targets": {"mine": "bee"}}, *({"file": name} for name in NOT_NAMES)]
    (folder / "images/images.yml").write_text(json.dumps({"images": listed}))
    tiny_gallery.draw(folder / "images/listed.png")
    report, _ = tiny_gallery.run(options)
    manifest = json.loads((options.out / "gallery/manifest.json").read_text())
    summary = json.loads((options.work / "build.json").read_text())
    page = (options.out / "gallery/images/index.html").read_text()
    assert report.failures == summary["failures"]
    return options, manifest, summary, unescape(page)


def test_there_are_many_cases():
    assert len(CASES) + len(NOT_NAMES) >= 80


@pytest.mark.parametrize("case", [case for case in CASES.values() if case.read], ids=lambda case: ascii(case.file)[:40])
def test_what_can_be_read_is(built, case):
    options, manifest, _, _ = built
    (example,) = read_images(options.root / "images", only=[identity(case.file)])[0]
    (image,) = [image for image in manifest["images"] if image["id"] == example.id]
    assert Path(example.path).name == case.file
    assert case.said in image["note"] and (case.said or not image["note"])
    figures = [figure for figure in manifest["figures"] if figure["image"] == example.id]
    assert figures and {figure["status"] for figure in figures} == {"drawn"}
    assert (options.out / "gallery" / image["photo"]).is_file()
    json.dumps(image, ensure_ascii=False).encode()
    assert not any(character < " " for character in image["title"])


@pytest.mark.parametrize("case", [case for case in CASES.values() if not case.read], ids=lambda case: case.file)
def test_what_cannot_costs_itself_with_a_line_and_a_tile(built, case):
    _, manifest, summary, page = built
    (told,) = [one["reason"] for one in manifest["unreadable"] if one["reason"].startswith(f"{case.file}:")]
    assert case.said in told and len(told.splitlines()) == 1
    assert told in summary["failures"].values()
    assert f"<b>Failed</b><span>{' '.join(told.split())}</span>" in page


def test_names_that_no_file_can_have_cost_themselves(built):
    _, manifest, _, _ = built
    told = [one["reason"] for one in manifest["unreadable"] if one["reason"].startswith(("mmmm", "nul"))]
    assert len(told) == 2 and any("File name too long" in line for line in told)


def test_all_others_are_built(built):
    _, manifest, summary, _ = built
    read = {case.file for case in CASES.values() if case.read} | {"listed.png", "sub/nested.png"}
    assert len(manifest["images"]) == len(read)
    assert len(manifest["unreadable"]) == len(CASES) + len(NOT_NAMES) + 2 - len(read) == len(summary["failures"])
    assert {figure["status"] for figure in manifest["figures"]} == {"drawn"}


def test_the_exit_code_is_1_unless_failures_are_allowed(built, monkeypatch):
    options, _, _, _ = built
    monkeypatch.chdir(options.root)
    call = ["build", "--no-site", "--workers", "0", "--device", "cpu"]
    result = CliRunner().invoke(main, call)
    assert result.exit_code == 1, result.output
    assert all(len(line) < 1000 and line.isprintable() for line in result.stderr.splitlines())
    assert CliRunner().invoke(main, [*call, "--allow-failed"]).exit_code == 0


def test_the_eight_orientations_show_one_picture(built):
    options, _, _, _ = built
    seen = [decode(options.root / f"images/turned {value}.jpg")[0] for value in range(1, 9)]
    first = np.asarray(seen[0]).astype(int)
    for picture in seen:
        assert np.abs(np.asarray(picture).astype(int) - first).mean() < 8, "JPEG's losses alone"
    assert (first[4, 4] > (180, -1, -1)).all() and (first[4, 18] > (-1, 180, -1)).all()


# --- files that change under one's hands ---------------------------------------------------------------


@pytest.mark.parametrize("what", ["vanishes", "changes", "becomes a pipe"])
@pytest.mark.parametrize("when", ["before it is drawn", "before anything is shown"])
def test_a_picture_that_is_another_than_was_planned_costs_itself(tmp_path, monkeypatch, what, when):
    options = tiny_gallery.lay(tmp_path, ["one", "other"], methods=["saliency"], targets=["top"])
    victim = tmp_path / "images/other.png"

    def strike(*_):
        victim.unlink()
        if what == "changes":
            Image.new("RGB", (16, 14), "red").save(victim)
        elif what == "becomes a pipe":
            os.mkfifo(victim)

    if when == "before it is drawn":
        scene = Worker.scene

        def late(self, task, tell):
            if task.image == "one":
                strike()
            scene(self, task, tell)

        monkeypatch.setattr(Worker, "scene", late)
    else:
        monkeypatch.setattr("generator.site.build._preview", lambda plan, store: (strike(), _preview(plan, store)))
    report, _ = tiny_gallery.run(options)
    said = {"vanishes": "No such file", "changes": "it changed while the gallery was built", "becomes a pipe": "a pipe"}
    assert report.failures and all(said[what] in why for why in report.failures.values())
    assert all("other" in name for name in report.failures)
    assert report.drawn == 2, "the other picture's map and probabilities"
    monkeypatch.undo()
    victim.unlink(missing_ok=True)
    tiny_gallery.draw(victim, seed=9)
    report, _ = tiny_gallery.run(options)
    assert (report.failures, report.drawn) == ({}, 2), "nothing wrong was kept under the other picture's name"


@contextmanager
def somebody():
    """As a user whom file modes bind, which root is not."""
    if os.geteuid() == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        if os.getuid() == 0:
            os.seteuid(0)


def test_what_may_not_be_read_costs_itself():
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        folder = Path(place)
        folder.chmod(0o755)
        for name in ("fine.png", "secret.png"):
            tiny_gallery.draw(folder / name)
        (folder / "closed").mkdir()
        tiny_gallery.draw(folder / "closed/inside.png")
        (folder / "secret.png").chmod(0)
        (folder / "closed").chmod(0)
        try:
            with somebody():
                examples, problems = read_images(folder)
        finally:
            (folder / "closed").chmod(0o755)
    assert [example.id for example in examples] == ["fine"]
    assert {one.name: one.message for one in problems if one.kind == "failed"} == {
        "closed": "closed: this folder cannot be read: Permission denied",
        "secret": "secret.png: cannot be read: Permission denied",
    }


def test_a_pipe_beside_the_pictures_does_not_hang_the_next_build(tmp_path):
    options = tiny_gallery.bundled(tmp_path)
    tiny_gallery.run(options)
    for place in ("images/not-a-picture", "images/later.png", "templates/pipe.md"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        os.mkfifo(tmp_path / place)
    report, _ = tiny_gallery.run(options)
    assert set(report.failures) == {"later"} and report.figures == 5


def test_a_model_may_name_a_picture_that_cannot_be_read(tmp_path):
    options = tiny_gallery.lay(tmp_path, ["one", "two"], methods=["saliency"], targets=["top"])
    content = json.loads(json.dumps(tiny_gallery.yaml.safe_load(options.config.read_text())))
    content["models"][0]["images"] = ["one", "two"]
    tiny_gallery.write(options.config, content)
    (tmp_path / "images/two.png").write_bytes(b"")
    with options.pool(0) as pool:
        plan = make_plan(options, pool, options.store)
    assert [name for name, _ in plan.failed] == ["two"] and [one.id for one in plan.examples] == ["one"]


def test_a_style_that_cannot_be_read_costs_the_pairs_it_is_in(tmp_path):
    methods = {"saliency": {}, "style-transfer": {"steps": 2, "size": 12}}
    pairs = [["one", "two"], ["one", "torn"]]
    options = tiny_gallery.lay(tmp_path, ["one", "two"], methods=methods, preset="full", styles=pairs)
    (tmp_path / "images/torn.png").write_bytes((tmp_path / "images/two.png").read_bytes()[:60])
    report, _ = tiny_gallery.run(options)
    manifest = json.loads((options.work / "manifest.json").read_text())
    (painted,) = [figure for figure in manifest["figures"] if figure["method"] == "style-transfer"]
    assert painted["status"] == "drawn" and painted["image"] == "one" and painted["style"] == "two"
    assert {*report.failures} == {"torn"} == {picture["id"] for picture in manifest["unreadable"]}
    assert {figure["image"] for figure in manifest["figures"] if figure["method"] == "saliency"} == {"one", "two"}


def identity(file):
    """The id that a file gets."""
    return ImageEntry(file=file).name
