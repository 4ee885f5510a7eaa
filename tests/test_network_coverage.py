"""`make coverage`: what is drawn of a network is counted, and whatever may not be refused is a fault."""

import json
import sys
from dataclasses import asdict

import coverage_networks
import pytest
from network_coverage import ASKED, PERMITTED, Row, cover, kept, networks, page

NAMED = {network.name: (kind, network) for kind, network in networks() if kind == "odd"}


@pytest.fixture(autouse=True)
def path(monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name, refused", [("five_bands", set()), ("traced", {"grad-cam"}), ("constants", set())])
def test_a_network_of_the_table_is_drawn(name, refused, tmp_path):
    row = cover(*NAMED[name], tmp_path)
    assert row.faults() == [] and set(row.reasons) == refused
    assert all(row.drawn(method) for method in set(ASKED) - refused)
    assert f"| {name} | " in page([row])


def test_what_may_not_be_refused_is_a_fault():
    events = {method: {"drawn": 1} for method in ASKED}
    events["grad-cam"] = {"inapplicable": 1}
    assert Row("odd", "five_bands", events=events, reasons={"grad-cam": "no layer with space"}).faults() == [
        "odd five_bands: grad-cam: no layer with space"
    ]
    reasons = {"grad-cam": "the network has no layer with space"}
    assert Row("odd", "traced", events=events, reasons=reasons).faults() == []
    events["saliency"] = {"failed": 1}
    assert len(Row("odd", "traced", events=events, reasons=reasons).faults()) == 1
    events["saliency"] = events["grad-cam"] = {"drawn": 1}
    early = Row("odd", "plain", events=events, looks_at="`stem`, 4 x 8 x 8", depth=0.2)
    assert early.faults() == ["odd plain: grad-cam: `stem`, 4 x 8 x 8 is in the first half of the network"]


def test_an_interrupted_run_goes_on_behind_what_has_no_faults(tmp_path):
    events = {method: {"drawn": 1} for method in ASKED}
    good, bad = Row("odd", "traced", "3 x 4 x 4", 5, 1, "`stem`, 6", events), Row("odd", "five_bands", stages=2)
    bad.events = events  # one stage of two
    results = tmp_path / "coverage.jsonl"
    assert kept(results) == {}
    lines = [json.dumps(asdict(row)) for row in (bad, good)]
    results.write_text("\n".join([*lines, lines[1][:20]]))
    assert kept(results) == {("odd", "traced"): good}


def test_the_table_is_of_the_networks_that_are_asked():
    assert {name for name, _ in PERMITTED} <= NAMED.keys() and len(NAMED) == 25
    assert all(hasattr(coverage_networks, name) for name in ("timm_resnet10t", "transformers_vit"))
