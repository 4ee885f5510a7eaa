"""A build does what is missing and nothing else, heals what is damaged, and gives the same bytes wherever it runs."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_gallery
import yaml
from PIL import Image
from repository import ROOT

from generator.config import settings
from generator.core.atomic_io import write_atomically
from generator.drawing import style_registry
from generator.engine import method_card
from generator.models.specs import WEIGHTS
from generator.pipeline import catalogue, fingerprint
from generator.pipeline.fingerprint import Fingerprint
from generator.pipeline.manifest import manifest
from generator.pipeline.options import Progress
from generator.pipeline.plan import make_plan
from generator.pipeline.pool import WorkerError
from generator.pipeline.scene_output import SceneOutput as _Drawing
from generator.pipeline.worker import Worker
from generator.site.build import _contents, _pairs, rewrite

WITHOUT_TORCH = "import sys; sys.modules['torch'] = sys.modules['torchvision'] = None"
POISONED = f"{WITHOUT_TORCH}; from generator.__main__ import main; main()"


@pytest.fixture(scope="module")
def drawn_once(tmp_path_factory):
    """A gallery of the bundled network, built without a site; to be copied."""
    folder = tmp_path_factory.mktemp("bundled")
    options = tiny_gallery.bundled(folder)
    report, lines = tiny_gallery.run(options)
    assert (report.failures, report.unchanged) == ({}, False)
    assert report.drawn == report.figures == lines.count("vgg-cifar10 / frog") == 5, "two methods, two classes each"
    return options


@pytest.fixture
def gallery(drawn_once, tmp_path):
    """A copy of it, with a first build of its own behind it."""
    subprocess.run(["cp", "-r", "--preserve=all", f"{drawn_once.root}/.", str(tmp_path)], check=True)
    options = replace(drawn_once, root=tmp_path, config=tmp_path / "gallery.yml")
    report, _ = tiny_gallery.run(options)
    assert (report.drawn, report.unchanged) == (0, False), "another place, but nothing to draw"
    return options


@pytest.fixture
def untouched_networks(monkeypatch):
    """No network is loaded meanwhile."""

    def refuse(self, network):
        raise AssertionError("a network was loaded")

    monkeypatch.setattr(Worker, "_load", refuse)


# --- nothing changed --------------------------------------------------------------------------------


def test_nothing_changed_is_seen_without_a_worker(gallery, monkeypatch):
    monkeypatch.setattr("generator.pipeline.pool.Pool.__init__", None)
    report, lines = tiny_gallery.run(gallery)
    assert (report.unchanged, report.drawn, report.reused, report.figures, lines) == (True, 0, 5, 5, [])


def test_times_do_not_count(gallery):
    for path in [*gallery.root.glob("images/*"), gallery.config]:
        os.utime(path, ns=(1, 1))
    assert tiny_gallery.run(gallery)[0].unchanged


def test_nothing_changed_and_pages_need_no_torch(gallery):
    def command(*arguments, poison=()):
        call = [sys.executable, "-c", "; ".join([*poison, POISONED]), *arguments]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(call, cwd=gallery.root, env=environment, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    assert command("pages", "--device", "cpu") == "The site is in site\n"
    assert (gallery.root / "site/gallery/vgg-cifar10/frog/index.html").is_file()
    build = ("build", "--device", "cpu", "--no-site")
    assert command(*build) == "5 figures: rendered 0, reused 5.\n", "the first build sees where it is"
    no_reader = ["import sys; sys.modules['jsonschema_rs'] = None"]
    assert command(*build, poison=no_reader) == "Nothing changed: 5 figures are up to date.\n"
    summary = json.loads((gallery.root / ".innerview/build.json").read_text())
    assert summary == {"drawn": 0, "reused": 5, "inapplicable": 0, "figures": 5, "failures": {}}
    top = next(figure["target"]["name"] for figure in manifest_of(gallery)["figures"] if figure["target"])
    told = command("show", f"vgg-cifar10/frog/saliency--class-{top}", "--device", "cpu", "--array", "array.npy")
    assert "array from   the store" in told
    assert np.load(gallery.root / "array.npy").shape == (1, 32, 32)


CHANGES = {
    "configuration": lambda root: rewrite_yaml(root / "gallery.yml", targets=["label"]),
    "a byte of a picture": lambda root: change_last_byte(root / "images/frog.png"),
    "listing": lambda root: (root / "images/images.yml").write_text("images: [{file: frog.png, credit: you}]"),
    "another picture": lambda root: tiny_gallery.draw(root / "images/more.png"),
    "template": lambda root: write_atomically(root / "templates/pages/method.md", b"{# mine #}"),
    "words": lambda root: write_atomically(root / "site_src/mine.md", b"# Mine"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_what_decides_the_site_is_looked_at(gallery, change):
    mark = Fingerprint(gallery.work, gallery.selection())
    assert mark.unchanged()
    change(gallery.root)
    assert Fingerprint(gallery.work, gallery.selection()).unchanged() is None


def test_options_and_versions_are_looked_at(gallery, monkeypatch):
    for more in (
        {"preset": "full"},
        {"methods": ("saliency",)},
        {"no_site": False},
        {"memory": 2**26},
        {"device": "cuda"},
    ):
        assert Fingerprint(gallery.work, replace(gallery, **more).selection()).unchanged() is None
    assert Fingerprint(gallery.work, replace(gallery, workers=7, time_limit=3.0).selection()).unchanged()
    monkeypatch.setattr(fingerprint, "versions", lambda: ["another"])
    assert Fingerprint(gallery.work, gallery.selection()).unchanged() is None


def test_data_sets_are_looked_at_by_name_size_and_time(gallery, tmp_path):
    data = tmp_path / "data"
    mark = Fingerprint(gallery.work, gallery.selection(), data)
    mark.remember([], gallery.root, settings.load(gallery.config), {"figures": 1})
    assert Fingerprint(gallery.work, gallery.selection(), data).unchanged() == {"figures": 1}
    write_atomically(data / "cifar10.tar", b"new")
    assert Fingerprint(gallery.work, gallery.selection(), data).unchanged() is None


def test_code_of_ones_own_is_looked_at_by_every_build_and_it_says_so(tmp_path):
    options = tiny_gallery.lay(tmp_path, ["one"])
    for drawn in (True, False):
        report, _ = tiny_gallery.run(options)
        assert bool(report.drawn) == drawn and not report.unchanged
        assert report.problems == ["mine: your own code is read again by every build"]


# --- what changed is done again, and nothing else ---------------------------------------------------


def test_a_new_image_is_the_only_one_that_is_done(gallery):
    tiny_gallery.draw(gallery.root / "images/more.png", seed=9)
    report, lines = tiny_gallery.run(gallery)
    assert (report.drawn, report.reused, report.figures) == (5, 5, 10)
    assert lines == ["start 5", *["vgg-cifar10 / more"] * 5]


def test_a_fresh_clone_with_the_cache_of_another_run_draws_its_new_image_alone(gallery, tmp_path_factory):
    """As in CI: a checkout writes every file anew, the program's too, and only the store comes from a cache."""
    clone = tmp_path_factory.mktemp("clone")
    anew = {"copy_function": shutil.copyfile, "ignore": shutil.ignore_patterns("__pycache__", "*.safetensors")}
    for name in ("images", ".innerview/store"):
        shutil.copytree(gallery.root / name, clone / name, **anew)
    shutil.copyfile(gallery.config, clone / "gallery.yml")
    shutil.copytree(ROOT / "generator", clone / "program/generator", **anew)
    for path in (ROOT / "templates", ROOT / "site_src", ROOT / "mkdocs.yml", *WEIGHTS.glob("*.safetensors")):
        (clone / "program" / path.relative_to(ROOT)).symlink_to(path)
    command = [sys.executable, "-c", POISONED, "build", "--no-site", "--device", "cpu"]
    variables = {**os.environ, "PYTHONPATH": str(clone / "program")}
    done = subprocess.run(command, cwd=clone, env=variables, capture_output=True, text=True)
    assert (done.stderr, done.stdout) == ("", "5 figures: rendered 0, reused 5.\n"), "the keys are those of the cache"
    tiny_gallery.draw(clone / "images/more.png", seed=9)
    report, lines = tiny_gallery.run(replace(gallery, root=clone, config=clone / "gallery.yml"))
    assert (report.drawn, report.reused) == (5, 5)
    assert lines == ["start 5", *["vgg-cifar10 / more"] * 5]


def test_a_changed_method_draws_its_figures_and_those_built_on_it(gallery, monkeypatch):
    real = method_card.closure_digest

    def changed(*names):
        return real(*names) + ("x" if any(name.endswith("methods.gradients") for name in names) else "")

    monkeypatch.setattr(method_card, "closure_digest", changed)
    monkeypatch.setattr(catalogue, "closure_digest", changed)
    look_again(gallery)
    report, lines = tiny_gallery.run(gallery)
    assert (report.drawn, report.reused) == (2, 3)
    found = {figure["method"]: figure["status"] for figure in manifest_of(gallery)["figures"]}
    assert found == {"saliency": "drawn", "grad-cam": "drawn", "activations": "drawn"}
    assert lines == ["start 2", *["vgg-cifar10 / frog"] * 2]


def test_a_mended_sentence_draws_nothing(gallery, monkeypatch, untouched_networks):
    real = fingerprint.folder_digest
    monkeypatch.setattr(fingerprint, "folder_digest", lambda name: real(name) + "x")
    before = set(gallery.store.folder.rglob("*.json"))
    look_again(gallery)
    report, lines = tiny_gallery.run(gallery)
    assert (report.drawn, report.reused, report.unchanged, lines) == (0, 5, False, [])
    new = [file.read_bytes() for file in set(gallery.store.folder.rglob("*.json")) - before]
    said = {word for word in (b'"cards"', b'"controls"') for record in new if word in record}
    assert (len(new), len(said)) == (2, 2), "the methods and the measures were asked what they say now"


def test_a_new_palette_draws_again_without_a_pass(gallery, monkeypatch, untouched_networks):
    before = {figure["id"]: figure["keys"] for figure in manifest_of(gallery)["figures"]}
    real = style_registry.closure_digest
    of_methods = "generator.engine.method_card"  # the key of their cards, which hold the styles
    monkeypatch.setattr(style_registry, "closure_digest", lambda *names: real(*names) + "x")
    monkeypatch.setattr(catalogue, "closure_digest", lambda *names: real(*names) + "x" * (of_methods in names))
    look_again(gallery)
    report, _ = tiny_gallery.run(gallery)
    assert (report.drawn, report.reused, report.failures) == (5, 0, {})
    for figure in manifest_of(gallery)["figures"]:
        assert figure["keys"]["array"] == before[figure["id"]]["array"]
        assert figure["keys"]["picture"] != before[figure["id"]]["picture"]


def test_another_label_is_told_without_drawing_what_it_does_not_touch(gallery):
    rewrite_yaml(
        gallery.root / "images/images.yml",
        images=[{"file": "frog.png", "credit": "me", "targets": {"cifar10": "ship"}}],
    )
    report, _ = tiny_gallery.run(gallery)
    assert (report.drawn, report.reused) == (4, 1), "the class probabilities are as they were"
    (prediction,) = manifest_of(gallery)["predictions"]
    named = {entry["name"]: entry["probability"] for entry in prediction["top"]}
    assert prediction["label"] == "ship"
    assert prediction["label_probability"] == pytest.approx(named.get("ship", prediction["label_probability"]))
    labels = [
        figure["target"]["name"]
        for figure in manifest_of(gallery)["figures"]
        if (figure["target"] or {}).get("role") == "label"
    ]
    assert labels == ["ship"] * 2


# --- what goes wrong --------------------------------------------------------------------------------


def test_a_failed_job_leaves_its_neighbour_its_own_scale_until_it_is_mended(gallery, monkeypatch):
    look_again(gallery)
    tiny_gallery.draw(gallery.root / "images/more.png", seed=5)
    done = _Drawing.done

    def fail(self, job, outcome):
        if (job.method, job.target) == ("saliency", "rival"):
            outcome.error = ArithmeticError("not today")
        done(self, job, outcome)

    monkeypatch.setattr(_Drawing, "done", fail)
    report, lines = tiny_gallery.run(gallery)
    assert list(report.failures.values()) == ["ArithmeticError: not today"]
    assert (report.drawn, len(lines)) == (4, 1 + 5)
    figures = {figure["status"] for figure in manifest_of(gallery)["figures"]}
    assert figures == {"drawn", "failed"}
    report, _ = tiny_gallery.run(gallery)
    assert (report.drawn, report.reused, len(report.failures)) == (0, 9, 1), (
        "the neighbour is not drawn again and again"
    )
    monkeypatch.undo()
    report, _ = tiny_gallery.run(gallery)
    assert (report.drawn, report.failures) == (2, {}), "now the pair has one scale, so both are drawn"
    pair = [f for f in manifest_of(gallery)["figures"] if (f["image"], f["method"]) == ("more", "saliency")]
    assert len({figure["scale"][1] for figure in pair}) == 1


def test_a_network_that_cannot_be_loaded_costs_only_itself(gallery):
    rewrite_yaml(gallery.config, models=["vgg-cifar10", {"name": "alexnet", "weights": "missing.safetensors"}])
    report, _ = tiny_gallery.run(gallery)
    assert (report.drawn, report.figures, set(report.failures)) == (0, 5, {"alexnet"})
    assert "missing.safetensors" in report.failures["alexnet"]


def test_an_unreadable_picture_costs_only_itself(gallery):
    (gallery.root / "images/broken.png").write_bytes(b"no picture")
    report, _ = tiny_gallery.run(gallery)
    assert (report.drawn, report.figures, set(report.failures)) == (0, 5, {"broken"})
    assert report.failures["broken"].startswith("broken.png: expected a")
    assert not tiny_gallery.run(gallery)[0].unchanged, "what failed is tried again"


@pytest.mark.parametrize("images", [("one",), ()])
def test_a_gallery_without_a_readable_picture_shows_its_networks(images, tmp_path):
    options = tiny_gallery.lay(tmp_path, images)
    for name in images:
        (tmp_path / "images" / f"{name}.png").write_text("a note")
    report, _ = tiny_gallery.run(options, no_site=False)  # its links are checked
    page = (tmp_path / "site" / "gallery" / "mine" / "index.html").read_text()
    assert set(report.failures) == set(images) and "index.html#layers" in page


def test_pages_ask_for_a_build_first(tmp_path):
    options = tiny_gallery.bundled(tmp_path)
    with pytest.raises(WorkerError, match="run innerview build first"):
        rewrite(options, Progress())


# --- the published site -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A site, built in this process; not to be changed."""
    options = replace(tiny_gallery.lay(tmp_path_factory.mktemp("one"), site={"title": "Mine"}), no_site=False)
    report, _ = tiny_gallery.run(options)
    assert report.failures == {} and report.pages > report.figures
    return options


def test_two_clean_builds_give_the_same_bytes(published, tmp_path):
    """In another folder, by two worker processes, with the pictures listed the other way round."""
    options = replace(tiny_gallery.lay(tmp_path / "elsewhere", site={"title": "Mine"}), no_site=False, workers=2)
    report, _ = tiny_gallery.run(options)
    assert report.failures == {}
    one, other = tree(published.out), tree(options.out)
    assert sorted(one) == sorted(other)
    assert [name for name in one if one[name] != other[name]] == []
    text = b"".join(content for name, content in one.items() if name.endswith((".html", ".json", ".xml", ".css")))
    assert str(published.root).encode() not in text, "no path of this machine is published"


def test_a_picture_does_not_depend_on_its_neighbours(published, tmp_path):
    options = tiny_gallery.lay(tmp_path, ["two"], site={"title": "Mine"})
    tiny_gallery.run(options)
    alone = {figure["id"]: figure["digest"] for figure in manifest_of(options)["figures"]}
    among = {figure["id"]: figure["digest"] for figure in manifest_of(published)["figures"]}
    assert alone and alone.items() <= among.items()


def test_damage_heals_and_what_is_gone_is_gone(published, tmp_path):
    options = replace(tiny_gallery.lay(tmp_path), no_site=False)
    tiny_gallery.run(options)
    first = manifest_of(options)["figures"]
    victims = [figure for figure in first if figure["image"] == "one" and figure["method"] in ("cam", "activations")]
    for figure in victims[:3]:
        change_last_byte(options.store.path(figure["digest"]))
    record = options.store.get(victims[0]["keys"]["array"])
    change_last_byte(options.store.path(record["payloads"]["arrays"]))
    (tmp_path / "images/two.png").unlink()
    rewrite_yaml(
        tmp_path / "images/images.yml", images=[{"file": "one.png", "credit": "me", "targets": {"mine": "bee"}}]
    )
    report, lines = tiny_gallery.run(options)
    assert any("damaged in the store; rendering it again" in line for line in lines)
    assert report.failures == {} and options.store.remove_damaged() == []
    names = [name for name in [*tree(options.out), *tree(tmp_path / "site_src")] if "two" in Path(name).parts]
    assert names == []
    now = json.loads((options.out / "gallery/manifest.json").read_text())
    kept = {figure["id"]: figure["digest"] for figure in first if figure["image"] != "two"}
    assert {figure["id"]: figure["digest"] for figure in now["figures"]} == kept, "drawn again, to the same bytes"
    assert [image["id"] for image in now["images"]] == ["one"]


# --- small things -----------------------------------------------------------------------------------


def look_again(options):
    """Something changed that decides no picture, so that the build looks at all of them."""
    write_atomically(options.root / "templates/pages/method.md", b"{# mine #}")


def manifest_of(options):
    """The manifest as a build would publish it now."""
    with options.pool(0) as pool:
        plan = make_plan(options, pool, options.store)
    return manifest(_contents(plan, {}, _pairs(plan, options.store), options.store), options.store)[0]


def tree(folder):
    """All files below a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def rewrite_yaml(path, **changes):
    """Some keys of a YAML file are others."""
    tiny_gallery.write(path, {**yaml.safe_load(path.read_text()), **changes})


def change_last_byte(path):
    """One byte is another, the size is the same; a picture stays one that can be read."""
    data = bytearray(path.read_bytes())
    if path.suffix == ".png":
        Image.open(path).convert("RGB").point(lambda value: 255 - value).save(path)
        path.write_bytes(path.read_bytes()[: len(data)].ljust(len(data), b"\0"))
        return
    data[-1] ^= 1
    path.unlink()
    path.write_bytes(bytes(data))
