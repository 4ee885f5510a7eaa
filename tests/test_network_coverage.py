"""`make coverage`: what is drawn of a network is counted, and whatever may not be refused is a fault."""

import sys
from collections import Counter

import coverage_networks
import pytest
from network_coverage import ASKED, PERMITTED, Row, cover, networks, page

NAMED = {network.name: (kind, network) for kind, network in networks() if kind == "odd"}


@pytest.fixture(autouse=True)
def path(monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name, refused", [("five_bands", set()), ("traced", {"grad-cam"}), ("constants", set())])
def test_a_network_of_the_table_is_drawn(name, refused, tmp_path):
    row = cover(*NAMED[name], tmp_path)
    assert row.faults() == [] and set(row.reasons) == refused
    assert all(row.events[method]["drawn"] for method in set(ASKED) - refused)
    assert f"| {name} | " in page([row])


def test_what_may_not_be_refused_is_a_fault():
    events = {method: Counter(drawn=1) for method in ASKED}
    events["grad-cam"] = Counter(inapplicable=1)
    assert Row("odd", "five_bands", None, events, {"grad-cam": "no layer with space"}).faults() == [
        "odd five_bands: grad-cam: no layer with space"
    ]
    assert Row("odd", "traced", None, events, {"grad-cam": "the network has no layer with space"}).faults() == []
    events["saliency"] = Counter(failed=1)
    assert len(Row("odd", "traced", None, events, {"grad-cam": "no layer with space"}).faults()) == 1


def test_the_table_is_of_the_networks_that_are_asked():
    assert {name for name, _ in PERMITTED} <= NAMED.keys() and len(NAMED) == 25
    assert all(hasattr(coverage_networks, name) for name in ("timm_resnet10t", "transformers_vit"))
