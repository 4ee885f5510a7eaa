"""Findings name what is wrong with a network that was broken on purpose, and none of it where nothing is."""

import broken_nets
import pytest

from generator.analysis.probe import results
from generator.core.records import record
from generator.core.store import Store
from generator.site.pages.channel_table import channel_table
from generator.site.pages.diagnostics import exchanged, faults
from generator.site.pages.diagnostics_channels import looked_at
from generator.site.pages.diagnostics_page import _untabled, findings
from generator.site.pages.manifest_index import Gallery

WAYS = ("dead-layer", "labels", "numbers", "normalisation", "twins")


@pytest.fixture(scope="module")
def kinds(tmp_path_factory):
    """Of the healthy network ("") and of each broken one: its gallery."""
    images, store = broken_nets.folder(tmp_path_factory.mktemp("kinds")), Store(tmp_path_factory.mktemp("store"))
    net, found = broken_nets.healthy(), {}
    for way in ("", *WAYS):
        task = broken_nets.probed(broken_nets.broken(net, way) if way else net, images, store)
        found[way] = gallery(task, results.summary(task, store))
    return found


def gallery(task, probe):
    card = record(task.card)
    empty = {"methods": [], "images": [], "predictions": [], "figures": []}
    return Gallery({"site": {"title": "t"}, "models": [card], "probes": [probe], **empty})


def named(gallery):
    return {fault.kind for fault in faults(gallery, "learnt")}


def test_nothing_is_said_of_a_healthy_network(kinds):
    assert not named(kinds[""]) & {*WAYS, "accuracy", "stuck", "dead", "constant", "saturated"}


@pytest.mark.parametrize("way", WAYS)
def test_each_way_of_being_broken_is_named_and_no_other(kinds, way):
    assert named(kinds[way]) & set(WAYS) == {way}


def test_a_fault_says_what_and_where(kinds):
    by_kind = {way: next(f for f in faults(kinds[way], "learnt") if f.kind == way) for way in WAYS}
    assert by_kind["numbers"].title == "NaN or infinity in 4.weight" and "channel 3" in by_kind["numbers"].text
    assert by_kind["dead-layer"].title == "Dead layer: 5"
    assert "All its 8 channels are zero" in by_kind["dead-layer"].text
    assert by_kind["labels"].title == "Swapped labels: rain, bars"
    assert "mean 0 0 0, std 1 1 1" in by_kind["normalisation"].text
    assert "1 pair whose values correlate above 0.95: 1 in 2" in by_kind["twins"].text


def test_labels_are_exchanged_in_circles_only():
    probe = {"confusion": [[1, 9, 0], [0, 1, 9], [9, 0, 1]], "classes": ["a", "b", "c"]}
    assert [[step[:2] for step in circle] for circle in exchanged(probe)] == [[("a", "b"), ("b", "c"), ("c", "a")]]
    probe["confusion"] = [[1, 9, 0], [0, 10, 0], [0, 0, 10]]
    assert exchanged(probe) == [], "a class that is always mistaken is no exchange"
    probe["confusion"] = [[0, 2, 0], [2, 0, 0], [0, 0, 10]]
    assert exchanged(probe) == [], "two images say nothing"


def test_the_page_begins_with_the_wrong_answers_and_links_to_evidence(kinds):
    page = findings(kinds["labels"], "learnt")
    assert page.wrong[0].instead.startswith("label: ") and page.sheet.endswith("findings.webp")
    shares = [float(one.percent.replace("over", "").split("\xa0")[0]) for one in page.wrong]
    assert shares == sorted(shares, reverse=True), "most confident first"
    assert [len(row.cells) for row in page.confusions] == [4] * 4
    assert sum(int(cell.count or 0) for row in page.confusions for cell in row.cells) == 96
    links = [link.href for fault in page.faults for link in fault.evidence]
    assert links and all(href.startswith("#") or ".html" in href for href in links)


def test_channels_are_judged_once_each(kinds):
    card = kinds[""].models["learnt"]
    assert looked_at(card) == ["2", "5"], "what follows the rectifiers"
    lines = findings(kinds["twins"], "learnt").layers
    assert [line.layer.text for line in lines] == ["2", "5"] and lines[0].twins == "1"


def test_a_layer_page_has_an_anchor_for_each_channel_that_findings_link_to(kinds):
    shown = channel_table(kinds["dead-layer"], "learnt", "5")
    assert [row.anchor for row in shown.rows] == [f"c{channel}" for channel in range(8)]
    assert "8 of 8 are zero in every image." in shown.summary
    assert channel_table(kinds[""], "learnt", "6.nothing") is None


def test_a_matrix_that_is_not_shown_says_what_is_listed_instead(kinds):
    """Of many classes, as of ImageNet's thousand, only the most frequent confusions are on the page."""
    gallery = kinds["labels"]
    record = gallery.statistics("learnt")
    assert findings(gallery, "learnt").untabled == ""
    many = {**record, "confusion": None, "labels": None, "labelled": 40, "correct": 30}
    many["confused"] = [{"label": "a", "said": "b", "count": 4}, {"label": "b", "said": "a", "count": 3}]
    card = {**gallery.models["learnt"], "classes": [str(number) for number in range(1000)]}
    assert _untabled(card, many) == (
        "The matrix of 1,000 classes is not shown: only the 2 most frequent confusions are listed, "
        "7 of 10 wrong answers."
    )
    assert _untabled(card, {**many, "confused": []}) == ""
