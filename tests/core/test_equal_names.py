"""Classes with equal names keep their figures apart: where a name stands twice, ids hold the index."""

import json
from dataclasses import replace

import pytest
import tiny_gallery
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tiny_nets import describe, loaded

from generator.core.naming import SLUG, class_slugs, parse_figure_name, slug
from generator.data.batches import match_classes
from generator.data.datasets import class_index
from generator.engine.targets import find_targets
from generator.site.pages.components import bars

LINEAR = '''
"""A network whose scores are linear in the image: class c counts the mean brightness of colour c, times c + 1."""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.pool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(3, 3)
        self.fc.bias = nn.Parameter(torch.tensor([50.0, 0.0, 90.0]))
        self.fc.weight = nn.Parameter(torch.diag(torch.tensor([1.0, 2.0, 3.0])))

    def forward(self, x):
        return self.fc(self.pool(x).flatten(1))


def net():
    return Net()
'''
NAMES = st.lists(st.sampled_from(["a", "A", "a-0", "a 1", "a-1-2", "b", "b-5", "", "ä", "-"]), min_size=1, max_size=9)


@given(NAMES)
def test_slugs_are_unique_and_plain_where_they_can_be(names):
    slugs = class_slugs(tuple(names))
    assert len(set(slugs)) == len(names) and all(SLUG.fullmatch(part) for part in slugs)
    plain = [slug(name) for name in names]
    if len(set(plain)) == len(plain):
        assert list(slugs) == plain


def test_targets_know_their_slug():
    card = replace(describe(loaded(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 5)), (3, 2, 2))))
    card = replace(card, classes=("crane", "bee", "crane", "Bee", "dog"))
    symbols = ("top", "rival", "class:bee", "contrast:dog:crane")
    found = find_targets(torch.tensor([[2.0, 0.0, 3.0, 0.0, 0.0]]), card, "", symbols)
    assert {symbol: target.slug for symbol, target in found.items()} == {
        "top": "crane-2",
        "rival": "crane-0",
        "class:bee": "bee-1",
        "contrast:dog:crane": "dog-against-crane-0",
    }


@pytest.fixture(scope="module", params=[["crane", "bee", "crane"], ["Cardigan", "bee", "cardigan"]])
def built(request, tmp_path_factory):
    root = tmp_path_factory.mktemp("names")
    options = tiny_gallery.lay(root, ("one",), network=LINEAR, module="linear_of_mine", preset="quick")
    content = yaml.safe_load(options.config.read_text())
    content |= {"methods": ["vanilla-backprop", "saliency"], "targets": ["top", "rival", "class:bee"]}
    content["models"][0] |= {"classes": request.param, "vocabulary": "other"}  # so that the image has no label
    tiny_gallery.write(options.config, content)
    report, lines = tiny_gallery.run(options)
    assert not report.failures
    return options, json.loads((options.work / "manifest.json").read_text()), [*report.problems, *lines]


def test_no_figure_is_swallowed(built):
    _, manifest, _ = built
    figures = [figure for figure in manifest["figures"] if figure["method"] == "vanilla-backprop"]
    ids = {figure["target"]["index"]: figure["id"] for figure in figures}
    assert set(ids) == {0, 1, 2} and len(set(ids.values())) == 3
    assert ids[1].endswith("--class-bee")
    assert ids[0].endswith("-0") and ids[2].endswith("-2")
    assert all(parse_figure_name(figure["id"])["target"] == figure["target"]["slug"] for figure in figures)


def test_equal_names_have_a_line_and_bars_of_their_own(built):
    _, manifest, lines = built
    names = manifest["models"][0]["classes"]
    line = "is the name of 2 classes (0, 2); a label means the first"
    equal = names[0] == names[2]
    assert sum(line in each for each in lines) == equal
    (prediction,) = manifest["predictions"]
    shown = [bar.name for bar in bars(prediction)]
    assert sorted(shown) == sorted(["crane (0)", "bee", "crane (2)"] if equal else names)
    top = [entry["index"] for entry in prediction["top"]]
    assert not equal or [name[-2] for name in shown if name != "bee"] == [str(index) for index in top if index != 1]


def test_each_holds_its_own_gradient(built):
    """The gradient of class c is c + 1 over the number of pixels, in colour c alone: its largest value says which."""
    _, manifest, _ = built
    for figure in manifest["figures"]:
        if figure["method"] == "vanilla-backprop":
            index = figure["target"]["index"]
            assert figure["range"] == pytest.approx([0.0, (index + 1) / (10 * 12)], rel=1e-5)
    files = [figure["file"] for figure in manifest["figures"] if figure["status"] == "drawn"]
    assert len(files) == len(set(files))


def test_data_is_matched_by_the_name_itself_first():
    class Data:
        name, classes = "cards", ("Cardigan", "cardigan", "chain_saw")

    assert match_classes(Data, ("cardigan", "Cardigan", "chain saw")) == [1, 0, 2]
    assert class_index(("crane", "bee", "crane"))("crane") == 0
