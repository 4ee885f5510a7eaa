"""Two networks side by side: one scale, an honest difference, like beside like, and words for what was measured."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest
import tiny_gallery
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from generator.core.errors import ConfigError
from generator.drawing import differences, similarity
from generator.drawing.palettes import SIGNED
from generator.drawing.style_registry import STYLES
from generator.engine import quantise
from generator.site.pages.manifest_index import Gallery
from generator.site.pages.model_pairs import pair, pair_image
from generator.site.pages.pair_summary import accuracies, finding

VALUES = st.lists(st.tuples(*[st.floats(-1e3, 1e3, width=32)] * 2), min_size=3, max_size=20)
PLAIN = {"colour": (1, 3, 8, 9), "grey": (1, 8, 9), "signed": (1, 8, 9), "overlay": (1, 4, 5)}
PHOTO = np.full((16, 20, 3), 90, np.uint8)
PRUNED = {"prune": [0.5]}


# --- how alike two results are ----------------------------------------------------------------------------


@given(VALUES)
def test_the_correlation_is_numpys(pairs):
    left, right = np.array(pairs, np.float32).T
    found = similarity.likeness(left, right)
    if left.std() > 1e-3 and right.std() > 1e-3:
        expected = np.corrcoef(left.astype(np.float64), right.astype(np.float64))[0, 1]
        assert found["correlation"] == pytest.approx(expected, abs=1e-9)
    assert -1 <= found["correlation"] <= 1


@pytest.mark.parametrize(
    ("left", "right", "correlation", "difference"),
    [
        ([1, 2, 3], [2, 4, 6], 1, 1),  # the difference is as long as the left one
        ([3, 4], [3, 4], 1, 0),
        ([3, 4], [0, 0], 0, 1),
        ([0, 0], [0, 0], 1, 0),  # two flat pictures that are the same
        ([5, 5], [7, 7], 0, 0.4),  # flat, and not the same
        ([0, 1, 0, -1], [0, -1, 0, 1], -1, 2),
        ([1, 0, -1, 0], [0, 1, 0, -1], 0, 2**0.5),
    ],
)
def test_likeness_by_hand(left, right, correlation, difference):
    found = similarity.likeness(np.array(left, float), np.array(right, float))
    assert found == pytest.approx({"correlation": correlation, "relative difference": difference})


# --- one scale --------------------------------------------------------------------------------------------


def pixels(picture):
    """The colours of an encoded picture."""
    return np.asarray(Image.open(io.BytesIO(picture.files["file"][1])).convert("RGB")).astype(int)


def codes(picture):
    """The values of an indexed picture, before they got colours."""
    return np.asarray(Image.open(io.BytesIO(picture.files["file"][1]))).astype(int)


def sides(style, *maps):
    """Two results side by side, drawn as the store holds them."""
    kept = [quantise.reduce(STYLES[style].card.values, torch.from_numpy(one)) for one in maps]
    return differences.side_by_side(style, [one.arrays for one in kept], [one.meta for one in kept], PHOTO)


@pytest.mark.parametrize("style", ["grey", "signed"])
def test_the_same_value_has_the_same_colour_on_both_sides(style):
    random = np.random.default_rng(1)
    weak, strong = random.uniform(0.2, 1, (2, *PLAIN[style])).astype(np.float32) * [[[[1]]], [[[5]]]]
    weak, strong = weak.astype(np.float32), strong.astype(np.float32)
    strong[0, :, 3:] = weak[0, :, 3:]
    drawn, _ = sides(style, weak, strong)
    assert drawn["left"].scale == drawn["right"].scale
    left, right = codes(drawn["left"]), codes(drawn["right"])
    cell = left.shape[1] // PLAIN[style][-1]
    assert (left[:, 3 * cell :] == right[:, 3 * cell :]).all()
    assert (left[:, : 3 * cell] != right[:, : 3 * cell]).any()


def test_the_same_activation_has_the_same_code_on_both_sides():
    weak = torch.rand(1, 4, 6, 6, generator=torch.Generator().manual_seed(2))
    strong = 3 * weak
    strong[0, 2] = weak[0, 2]
    drawn, numbers = sides("sprite", weak.numpy(), strong.numpy())
    assert drawn["left"].scale == drawn["right"].scale and drawn["left"].scale[1] == pytest.approx(3, rel=0.05)
    one, other = (tile(drawn[side], 2) for side in ("left", "right"))
    assert np.abs(one - other).max() <= 1  # each side was rounded once before it was put on the common scale
    assert numbers["correlation"] < 1


def tile(picture, channel):
    """One channel of a sprite."""
    layout = picture.sprite
    (width, height), gap = layout["tile"], layout["gap"]
    board = codes(picture)
    edge = (board.shape[1] - (layout["columns"] * (width + gap) - gap)) // 2
    top, left = channel // layout["columns"], channel % layout["columns"]
    y, x = edge + top * (height + gap), edge + left * (width + gap)
    return board[y : y + height, x : x + width]


@pytest.mark.parametrize("style", [*PLAIN, "sprite"])
def test_a_network_beside_itself_differs_nowhere(style):
    shape = (1, 5, 6, 6) if style == "sprite" else PLAIN[style]
    values = np.random.default_rng(3).normal(0, 1, shape).astype(np.float32)
    drawn, numbers = sides(style, values, values.copy())
    assert numbers == {"correlation": 1.0, "relative difference": 0.0}
    assert drawn["left"].files == drawn["right"].files
    shown = pixels(drawn["difference"])
    if style == "sprite":
        shown = np.stack([SIGNED[tile(drawn["difference"], channel)] for channel in range(5)])
    nothing = (127, 128) if style == "colour" else (SIGNED[128].min(), SIGNED[128].max())
    assert set(np.unique(shown)) <= set(nothing)


def test_the_difference_is_the_right_one_minus_the_left_one():
    left, right = np.zeros((2, 1, 8, 8), np.float32)
    left[0, 0, 0], right[0, 0, 0] = 1, 3
    left[0, 7, 7], right[0, 7, 7] = 2, 1
    drawn, _ = sides("signed", left, right)
    shown = codes(drawn["difference"])
    assert shown[0, 0] > 128 > shown[-1, -1]
    assert drawn["difference"].scale == drawn["left"].scale == drawn["right"].scale


def test_what_is_no_number_is_drawn_as_nothing():
    values = np.ones((1, 8, 9), np.float32)
    broken = values.copy()
    broken[0, 2, 2] = np.nan
    drawn, numbers = sides("signed", values, broken)
    assert np.isfinite(list(numbers.values())).all() and numbers["relative difference"] > 0
    assert set(drawn) == {"left", "right", "difference"}


def test_maps_of_layers_of_different_sizes_lie_on_each_other():
    coarse, fine = np.ones((1, 2, 3), np.float32), np.ones((1, 4, 6), np.float32)
    drawn, numbers = sides("overlay", coarse, fine)
    assert numbers["relative difference"] == 0
    assert drawn["left"].width == drawn["right"].width


# --- like beside like -------------------------------------------------------------------------------------

BOTH = (
    tiny_gallery.NETWORK
    + """

def other():
    torch.manual_seed(4)
    return nn.Sequential(nn.Conv2d(3, 5, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 3))
"""
)


def entry(name="mine", function="net", module="nets_side_by_side", **more):
    """A model of gallery.yml."""
    size = {"input": tiny_gallery.INPUT, "classes": ["ant", "bee", "cat"], "vocabulary": "mine"}
    return {"name": name, "source": f"{module}:{function}", **size, **more}


def built(folder, *models, **settings):
    """The manifest of a gallery of these models, after a whole build with its site."""
    options = tiny_gallery.lay(folder, network=BOTH, module="nets_side_by_side", models=list(models), **settings)
    report, _ = tiny_gallery.run(options, no_site=False)
    assert report.failures == {}
    return json.loads((options.out / "gallery" / "manifest.json").read_text()), options.out


@pytest.fixture(scope="module")
def pruned(tmp_path_factory):
    """A tiny network beside itself with half its weights pruned: the manifest and the site."""
    return built(tmp_path_factory.mktemp("pruned"), entry(**PRUNED))


def test_a_pruned_network_stands_beside_its_whole(pruned):
    manifest, site = pruned
    pairs = manifest["comparisons"]
    assert {tuple(entry["models"]) for entry in pairs} == {("mine", "mine~pruned-50")}
    assert {entry["image"] for entry in pairs} == {"one", "two"}
    assert {entry["method"] for entry in pairs} == {"activations", "vanilla-backprop", "saliency", "cam", "grad-cam"}
    stages = [stage["layer"] for stage in manifest["models"][0]["stages"][:-1]]
    walked = [e["layer"] for e in pairs if e["method"] == "activations" and e["image"] == "one"]
    assert walked == stages
    for entry in pairs:
        assert all((site / "gallery" / file).is_file() for file in entry["files"].values())
    assert any(entry["numbers"]["correlation"] < 0.999 for entry in pairs)
    for name in ("index.html", "mine--mine~pruned-50/index.html", "mine--mine~pruned-50/one.html"):
        assert (site / "gallery" / "compare" / name).is_file()


def test_both_sides_explain_the_same_class_at_the_same_layer(pruned):
    manifest, _ = pruned
    figures = {figure["id"]: figure for figure in manifest["figures"]}
    for entry in manifest["comparisons"]:
        left, right = (figures[key] for key in entry["figures"])
        assert (left["method"], left["layer"], left["image"]) == (right["method"], right["layer"], right["image"])
        names = {(figure["target"] or {}).get("name", "") for figure in (left, right)}
        assert names == {entry["target"]}


def test_networks_built_differently_share_what_asks_for_no_layer_of_theirs(tmp_path):
    manifest, _ = built(tmp_path, entry(), entry("other", "other"), compare=[["mine", "other"]])
    assert {entry["method"] for entry in manifest["comparisons"]} == {"vanilla-backprop", "saliency", "cam", "grad-cam"}
    sizes = {entry["layer"] for entry in manifest["comparisons"]}
    assert sizes == {"", manifest["models"][0]["default_layer"]}


@pytest.mark.parametrize(
    ("models", "wish", "message"),
    [
        ([entry()], [["mine", "mime"]], r"compare\[0\]: no network here is called 'mime'; did you mean 'mine'"),
        ([entry()], [["mine"]], "compare: expected pairs of two different networks"),
        ([entry()], [["mine", "mine"]], "compare: expected pairs of two different networks"),
        (
            [entry(), entry("large", "other", input={**tiny_gallery.INPUT, "size": [20, 24]})],
            [["mine", "large"]],
            "mine and large: expected networks of one input size, theirs are 3 x 10 x 12 and 3 x 20 x 24",
        ),
    ],
)
def test_a_pair_that_cannot_be_is_refused_in_one_line(tmp_path, models, wish, message):
    options = tiny_gallery.lay(tmp_path, network=BOTH, module="nets_side_by_side", models=models, compare=wish)
    with pytest.raises(ConfigError, match=message):
        tiny_gallery.run(options)


def test_a_pair_is_left_out_where_one_of_it_is_not_asked_for(tmp_path):
    models = [entry(), entry("other", "other")]
    options = tiny_gallery.lay(
        tmp_path, network=BOTH, module="nets_side_by_side", models=models, compare=[["mine", "other"]]
    )
    report, _ = tiny_gallery.run(replace(options, models=("mine",)))
    assert report.failures == {} and report.figures > 0


# --- in words ---------------------------------------------------------------------------------------------

NAMES = ("tiny", "tiny~pruned-50")


def changed(manifest, correlation=None, right=(), agree=True):
    """A copy of the fake manifest in which pictures, answers and the second network are others."""
    copy = json.loads(json.dumps(manifest))
    for entry in copy["comparisons"] if correlation is not None else []:
        entry["numbers"]["correlation"] = correlation
    copy["models"][1] |= dict(right)
    for prediction in copy["predictions"]:
        if prediction["model"] == NAMES[1] and not agree and prediction["image"] == "frog":
            prediction["top"].reverse()
            prediction["correct"] = False
    return Gallery(copy)


def test_the_finding_says_what_was_measured(fake_gallery):
    said = finding(changed(fake_gallery[1], 0.97), NAMES)
    assert said == (
        "Pruning 50\xa0% of the weights barely changes the maps "
        "(mean correlation: activations 0.97, gradients 0.97, class activation maps 0.97); 3 of 3 predictions agree; "
        "accuracy changes from 89.0\xa0% to 89.0\xa0% on 10,000 images."
    )


@pytest.mark.parametrize(
    ("correlation", "words"),
    [(0.949, "slightly"), (0.6, "clearly"), (0.1, "largely"), (-0.3, "largely")],
)
def test_the_finding_is_honest_in_the_other_direction(fake_gallery, correlation, words):
    worse = {"accuracy": {**fake_gallery[1]["models"][1]["accuracy"], "top1": 0.1}}
    said = finding(changed(fake_gallery[1], correlation, worse, agree=False), NAMES)
    assert f" {words} changes the maps (" in said
    assert "2 of 3 predictions agree" in said and "to 10.0\xa0% on" in said


def test_two_networks_of_their_own_are_not_said_to_be_pruned(fake_gallery):
    said = finding(changed(fake_gallery[1], 1.0, {"derived_from": ""}), NAMES)
    assert said.startswith("The maps of the two models barely differ (mean correlation: activations 1,")


def test_accuracies_are_compared_on_the_same_images_or_not_at_all(fake_gallery):
    left, right = fake_gallery[1]["models"]
    assert accuracies(left, right) == (0.8896, 0.8896, 10000)
    fewer = right | {"accuracy": {"top1": 0.85, "images": 100, "data": "a folder"}}
    assert accuracies(left, fewer) == (0.89, 0.85, 100)  # the curve knows the whole network's on these
    assert accuracies(left | {"pruning": {}}, fewer) is None
    assert accuracies(left, right | {"accuracy": {}}) is None


def test_images_on_which_the_networks_disagree_come_first(fake_gallery):
    rows = pair(changed(fake_gallery[1]), NAMES).rows
    assert [len(row.verdicts) for row in rows] == [1, 1, 1]
    gallery = changed(fake_gallery[1])
    gallery.predictions[NAMES[1], "rocket"]["top"].reverse()
    rows = pair(gallery, NAMES).rows
    assert (rows[0].link.text, [len(row.verdicts) for row in rows]) == ("Rocket", [2, 1, 1])


def test_the_page_of_an_image_walks_through_all_stages_and_folds_other_classes(fake_gallery):
    gallery = Gallery(fake_gallery[1])
    page = pair_image(gallery, NAMES, "frog")
    stages = [stage["title"] for stage in fake_gallery[1]["models"][0]["stages"][:-1]]
    kinds = [title.rstrip(" 0123456789") for title in stages]
    assert [step.title.rstrip(" 0123456789-") for step in page.layers] == kinds
    assert len({step.title for step in page.layers}) == len(stages), "each by a title of its own"
    assert [step.id for step in page.layers] == [f"stage-{number + 1}" for number in range(len(stages))]
    first, other = page.chapters[0].comparisons, page.chapters[0].others
    assert [duel.title for duel in first] == ["Vanilla backprop for frog", "Saliency for frog"]
    assert [duel.title for duel in other] == ["Vanilla backprop for bird", "Saliency for bird"]
    assert {pane.name for pane in first[0].panes} == {"original", "half pruned", "difference"}


def test_a_gallery_of_one_network_has_an_empty_hub(fake_gallery):
    from generator.site.pages.model_pairs import hub

    assert hub(Gallery({**fake_gallery[1], "comparisons": []})).pairs == []
