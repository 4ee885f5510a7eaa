"""The report's content: which maps are one, which are empty, which channels are strongest."""

import json

import pytest

from generator.site.pages import attribution, report
from generator.site.pages.manifest_index import Gallery

INF = float("inf")


@pytest.fixture
def manifest(fake_gallery):
    """The fake gallery's, to be changed."""
    return json.loads(json.dumps(fake_gallery[1]))


def figures(manifest, method):
    return [f for f in manifest["figures"] if (f["model"], f["image"], f["method"]) == ("tiny", "frog", method)]


def views(manifest):
    page = report.report(Gallery(manifest), "tiny", "frog")
    return {view.key: view for family in page.families for view in family.views}


def copied(manifest, method, of):
    """Let the maps of a method be those of another."""
    for figure, other in zip(figures(manifest, method), figures(manifest, of), strict=True):
        figure |= {key: other[key] for key in ("digest", "file", "layer", "range")}


def test_maps_are_one_where_those_of_both_classes_are_equal(manifest):
    copied(manifest, "signed-gradient", "saliency")
    both = views(manifest)["saliency"]
    assert (both.title, both.also) == ("Saliency = Signed gradient", "signed-gradient")
    assert both.reason == "These methods produced the same picture here (equal SHA-256). It is shown once."
    assert [[link.href for link in shown.equal] for shown in both.shown] == [
        ["signed-gradient--class-frog.html"],
        ["signed-gradient--class-bird.html"],
    ]
    figures(manifest, "signed-gradient")[1]["digest"] = "of another picture"
    assert {"saliency", "signed-gradient"} <= set(views(manifest))


def test_empty_maps_are_not_called_equal_but_where_the_architecture_makes_them_so(manifest):
    copied(manifest, "signed-gradient", "saliency")
    for method in ("saliency", "signed-gradient"):
        for figure in figures(manifest, method):
            figure["range"] = [0, 0]
    shown = views(manifest)
    assert [shown[method].shown[0].empty for method in ("saliency", "signed-gradient")] == ["zero everywhere"] * 2
    for method in ("saliency", "signed-gradient"):
        for figure in figures(manifest, method):
            figure["layer"] = "relu4"
    assert views(manifest)["saliency"].also == "signed-gradient"


def test_maps_without_a_picture_are_equal_to_none(manifest):
    for figure in figures(manifest, "occlusion") + figures(manifest, "cam"):
        figure |= {"status": "failed", "reason": "out of memory", "digest": ""}
    assert {"occlusion", "cam"} <= set(views(manifest))


@pytest.mark.parametrize("role, side", [("label", "label"), ("top", "label"), ("rival", "rival"), ("pixel", "")])
def test_a_figure_is_for_one_of_the_two_classes_or_for_neither(role, side):
    assert attribution.side_of({"target": {"role": role}}) == side


def test_the_strongest_channels_come_by_value_then_by_mean_and_are_no_more_than_twelve():
    numbers = {"max": [6, 1, INF, 6, 2.3456], "mean": [0.1, 1, 0, 0.2, 0]}
    assert report.strongest(numbers) == "3 6 0 6 4 2.35 1 1"
    assert len(report.strongest({"max": [1.0] * 40, "mean": [0.0] * 40}).split()) == 24
    assert report.strongest(None) == ""


def test_the_table_of_evidence_is_in_order_and_has_the_baseline(manifest):
    rows = report.report(Gallery(manifest), "tiny", "frog").evidence.rows
    scores = [float(row.score.replace("−", "-")) for row in rows]
    assert scores == sorted(scores, reverse=True) and len(rows) >= 3
    assert [row.title.text for row in rows if row.control] == ["Random map (baseline)"]
