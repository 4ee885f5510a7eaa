"""The lecture page: each heading has a figure of the gallery, and is left out where there is none."""

import json
from pathlib import Path

import pytest
import yaml

from generator.site.pages import lecture, limits, tutorials
from generator.site.pages.manifest_index import Gallery


@pytest.fixture
def manifest(fake_gallery):
    """A copy that a test may change."""
    return json.loads(json.dumps(fake_gallery[1]))


def topics(manifest):
    return lecture.lecture(Gallery(manifest)).topics


def test_headings_stand_in_the_order_of_the_lecture(manifest):
    found = list(topics(manifest))
    assert found == [id for id in lecture.TOPICS if id in found]
    assert {"cnns", "architectures", "kernels", "activations", "backprop", "grad-cam", "pruning"} <= set(found)


def test_a_heading_without_a_figure_is_left_out(manifest):
    assert not {"deconvolution", "guided", "dreams", "style"} & set(topics(manifest)), "no such method here"
    manifest["figures"] = [f for f in manifest["figures"] if f["method"] != "grad-cam"]
    assert "grad-cam" not in topics(manifest)
    for figure in manifest["figures"]:
        figure["status"] = "failed" if figure["method"] == "filters" else figure["status"]
    assert "kernels" not in topics(manifest)


def test_a_heading_shows_the_figure_that_was_chosen_for_it_where_the_gallery_has_it(manifest, monkeypatch):
    first = topics(manifest)["backprop"].of.href
    assert first == "gallery/tiny/frog/index.html", "none was chosen for this gallery"
    monkeypatch.setitem(lecture.SHOWN_BEST, "backprop", ("tiny", "cat"))
    assert topics(manifest)["backprop"].of.href == "gallery/tiny/cat/index.html"
    monkeypatch.setitem(lecture.SHOWN_BEST, "backprop", ("tiny", "gone"))
    assert topics(manifest)["backprop"].of.href == first


def test_the_page_on_limits_shows_a_medical_image_where_there_is_one(manifest, monkeypatch):
    assert limits.limits(Gallery(manifest)).medical is None
    monkeypatch.setattr(limits, "MEDICAL", ("tiny", "rocket"))
    page = limits.limits(Gallery(manifest))
    assert page.medical.report.href == "gallery/tiny/rocket/index.html" and page.medical.predicted
    assert all(view.href.startswith("gallery/tiny/rocket/") for view in page.medical.figures) and page.medical.figures


def test_activations_are_those_of_a_stage(manifest):
    assert topics(manifest)["activations"].figure.layer == "relu0"


def test_debugging_shows_the_wrong_answer_and_without_one_the_least_sure(manifest):
    shown = topics(manifest)["debugging"]
    assert (shown.of.href, shown.figure.target) == ("gallery/tiny/cat/index.html", "dog")
    for number, prediction in enumerate(manifest["predictions"]):
        prediction["correct"] = None if prediction["correct"] is None else True
        prediction["top"][0]["probability"] = 0.5 if number == 0 else 0.9
    assert topics(manifest)["debugging"].of.href == "gallery/tiny/frog/index.html"


def test_pruning_shows_the_pruned_network(manifest):
    assert topics(manifest)["pruning"].of.href.startswith("gallery/tiny~pruned-50/")
    for model in manifest["models"]:
        model["nonzero"] = model["parameters"]
    assert "pruning" not in topics(manifest)


def test_a_gallery_without_anything_has_a_lecture_without_headings(manifest):
    empty = manifest | {"models": [], "methods": [], "images": [], "predictions": [], "figures": []}
    page = lecture.lecture(Gallery(empty))
    assert page.topics == {} and page.architecture == []


def test_the_shelf_is_what_the_navigation_lists(repository, fake_gallery):
    nav = yaml.safe_load((repository / "mkdocs.yml").read_text())["nav"]
    (listed,) = [entry["Learn"] for entry in nav if "Learn" in entry]
    pages = [{lesson.title: Path(lesson.page).with_suffix(".md").as_posix()} for lesson in tutorials.SHELF]
    assert listed == ["learn.md", *pages]
    offered = tutorials.learn(Gallery(fake_gallery[1])).lessons
    assert [offer.link.href for offer in offered] == [lesson.page for lesson in tutorials.SHELF]
