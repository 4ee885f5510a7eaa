"""What a style may say of itself, and that the manifest's schema, the ramps and the style sheets know the same."""

import json
import re
from dataclasses import asdict

import numpy as np
import pytest
from repository import ROOT

from generator.core.records import StyleCard
from generator.drawing import style_registry
from generator.drawing.palettes import RAMPS
from generator.drawing.style_registry import DIFFERENCES, LOOKS, READS, STYLES, VALUES, style, style_card
from generator.drawing.styles import percentile, style_cards

SCHEMA = json.loads((ROOT / "generator/pipeline/manifest.schema.json").read_text())["$defs"]["style"]["properties"]


@pytest.fixture
def registry(monkeypatch):
    """The registry, of which nothing that a test adds is left."""
    monkeypatch.setattr(style_registry, "STYLES", copy := dict(STYLES))
    return copy


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ({"look": "wall"}, "look='wall': expected one of"),
        ({"values": "bits"}, "values='bits'"),
        ({"ramp": "rainbow"}, "ramp='rainbow'"),
        ({"reads": "backwards"}, "reads='backwards'"),
        ({"difference": "bands"}, "difference='bands'"),
        ({"counts": "much"}, "counts='much'"),
        ({"pairs": True, "difference": "signed"}, "pairs need `difference`, and a `limit`"),
        ({"pairs": True, "limit": np.max}, "pairs need `difference`"),
    ],
)
def test_what_no_one_would_read_is_refused(registry, about, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        style("mine", **about)
    assert "mine" not in registry


def test_a_name_of_ours_is_not_taken_over(registry):
    with pytest.raises(ValueError, match="two styles are called 'grey': in generator.drawing.styles and "):
        style("grey")(lambda *of: None)


def test_a_style_that_nobody_registered_is_named_with_those_there_are():
    with pytest.raises(LookupError, match="no style is called 'gray': expected one of .*grey"):
        style_card("gray")


def test_a_limit_means_that_scales_are_shared():
    sharing = {name for name, one in STYLES.items() if one.card.shares_scale}
    assert sharing == {name for name, one in STYLES.items() if one.limit} == {"colour", "grey", "signed", "overlay"}


def test_the_schema_allows_what_the_registry_does():
    choices = {
        "look": LOOKS,
        "values": VALUES,
        "reads": READS,
        "difference": DIFFERENCES,
        "ramp": ("by sign", *RAMPS, ""),
    }
    for field, allowed in choices.items():
        assert set(SCHEMA[field]["enum"]) == set(allowed)
    for card in style_cards().values():
        assert asdict(card).keys() == SCHEMA.keys()


@pytest.mark.parametrize("name", RAMPS)
def test_every_ramp_has_its_colours_in_the_style_sheets(name):
    sheets = "".join(path.read_text() for path in (ROOT / "site_src/assets/css").rglob("*.css"))
    assert f".scale__ramp--{name}" in sheets


def test_a_manifest_says_what_its_styles_meant_and_the_program_says_the_rest():
    cards = style_cards([{"name": "grey", "ramp": "heat", "invented_later": 1}, {"name": "theirs", "zero_white": True}])
    assert cards["grey"] == StyleCard("grey", ramp="heat")
    assert cards["theirs"] == StyleCard("theirs", zero_white=True) and cards["signed"] == STYLES["signed"].card


def test_keys_of_styles_depend_on_the_code_that_draws_them():
    assert len({style_card(name).key for name in STYLES}) == 1, "of ours it is one code"
    assert style_card("dreams").key != StyleCard("dreams").key == ""


def test_values_of_differences_are_of_a_kind_that_their_style_draws():
    for one in STYLES.values():
        if one.card.difference:
            assert STYLES[one.card.difference].card.axes == one.card.axes or one.card.values == "channels"


def test_where_scales_end():
    values = np.arange(101, dtype=np.float32)
    assert STYLES["grey"].limit(values) == percentile(values, 99.0) == 99
    assert STYLES["overlay"].limit(values) == 100 and STYLES["signed"].limit(-values) == percentile(values, 99.5)
