"""Each formula against the sum it stands for, on numbers one can follow; and what a method says of itself."""

import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tiny_nets import CARDS, outcomes, picture, tiny, value
from torch import nn

from generator.core.docstrings import sections
from generator.drawing.style_registry import STYLES
from generator.drawing.styles import animate, draw, own_limit
from generator.engine.capture import Watch, first_tensor
from generator.engine.method_registry import INPUTS, METHODS
from generator.engine.model_card import describe
from generator.engine.quantise import frames_again, plain, reduce, reduce_frames

SPECIFIED = """
    activations filters vanilla-backprop saliency signed-gradient gradient-x-input guided-backprop deconvnet smoothgrad
    integrated-gradients cam grad-cam grad-cam-plus-plus xgrad-cam hires-cam layer-cam eigen-cam score-cam
    guided-grad-cam occlusion lrp rise ablation-cam eigengrad-cam
""".split()


def call(slug, *args, **parameters):
    """The plain function of a method; its number tells what it does, so they are left out."""
    result = METHODS[slug].function(*args, **{**METHODS[slug].parameters, **parameters})
    return result[0] if isinstance(result, tuple) else result


@pytest.fixture(scope="module")
def layer():
    """Activations and gradients of a layer, float32 (1, 5, 3, 4): some channels are silent, some sum to zero."""
    generator = torch.Generator().manual_seed(3)
    activation = torch.randn(1, 5, 3, 4, generator=generator)
    gradient = torch.randn(1, 5, 3, 4, generator=generator)
    activation[0, 1] = 0
    activation[0, 2] = torch.tensor([1.0, -1.0]).repeat(6).reshape(3, 4)
    gradient[0, 3] = 0
    return activation, gradient


def by_cells(activation, gradient, weigh):
    """Sum over channels of weight times activation in Python's own double precision, cut off at zero."""
    a, g = activation[0].double().numpy(), gradient[0].double().numpy()
    total = np.zeros(a.shape[1:])
    for k in range(a.shape[0]):
        for i in range(a.shape[1]):
            for j in range(a.shape[2]):
                total[i, j] += weigh(a[k], g[k], i, j) * a[k, i, j]
    return np.maximum(total, 0)[None]


def plus_plus(a, g, i, j):
    total = 0.0
    for slope in g.flatten():
        below = 2 * slope**2 + a.sum() * slope**3
        total += (slope**2 / below if below > 0 else 0) * max(slope, 0)
    return total


WEIGHTS = {
    "grad-cam": lambda a, g, i, j: sum(g.flatten()) / g.size,
    "grad-cam-plus-plus": plus_plus,
    "xgrad-cam": lambda a, g, i, j: (g * a).sum() / a.sum() if abs(a.sum()) > 1e-9 else 0,
    "hires-cam": lambda a, g, i, j: g[i, j],
    "layer-cam": lambda a, g, i, j: max(g[i, j], 0),
}


@pytest.mark.parametrize("slug", WEIGHTS)
def test_maps_are_the_sums_they_stand_for(slug, layer):
    expected = by_cells(*layer, WEIGHTS[slug])
    assert expected.max() > 0
    np.testing.assert_allclose(call(slug, *layer), expected, rtol=1e-4, atol=1e-5)


def test_grad_cam_plus_plus_counts_nothing_where_the_denominator_is_not_positive():
    activation, gradient = torch.tensor([[[[1.0, -11.0]]]]), torch.tensor([[[[2.0, 0.1]]]])
    assert 2 * 2.0**2 - 10 * 2.0**3 < 0, "so the first cell has no say; the second one's alpha is 0.01 / 0.01"
    torch.testing.assert_close(call("grad-cam-plus-plus", activation, gradient), torch.tensor([[[0.1, 0.0]]]))


@pytest.mark.parametrize("shape", [(1, 6, 3, 4), (1, 20, 3, 4)], ids=["more places", "more channels"])
def test_eigen_cam_is_the_first_principal_component(shape):
    generator = torch.Generator().manual_seed(1)
    activation = torch.rand(shape, generator=generator) + torch.linspace(0, 3, shape[3])
    values = activation[0].flatten(1).T.double().numpy()
    values = values - values.mean(0)
    left, sizes, _ = np.linalg.svd(values, full_matrices=False)
    component = left[:, 0] * sizes[0]
    component *= np.sign(np.corrcoef(component, activation[0].mean(0).flatten().numpy())[0, 1])
    expected = np.maximum(component, 0).reshape(1, *shape[2:])
    np.testing.assert_allclose(call("eigen-cam", activation), expected, rtol=1e-4, atol=1e-5)
    flipped = call("eigen-cam", -activation)
    np.testing.assert_allclose(flipped, np.maximum(-component, 0).reshape(1, *shape[2:]), rtol=1e-4, atol=1e-5)
    gradient = torch.full_like(activation, 2.0)
    np.testing.assert_allclose(call("eigengrad-cam", activation, gradient), 2 * expected, rtol=1e-4, atol=1e-5)


def test_score_cam_weighs_by_a_softmax_over_channels():
    net = tiny("in-place")
    x = picture(net.input.size)
    activation = net.model.features(x.clone())
    scores = []
    for k in range(8):
        mask = nn.UpsamplingBilinear2d(size=(12, 18))(activation[:, k : k + 1])
        low, high = mask.min(), mask.max()
        scores.append(float(net.model(x * (mask - low) / (high - low + 1e-12))[0, 1]))
    weights = np.exp(scores) / np.exp(scores).sum()
    expected = sum(weight * activation[0, k].double() for k, weight in enumerate(weights)).relu()
    torch.testing.assert_close(value(net, x, "score-cam")[0].double(), expected, rtol=1e-4, atol=1e-5)


def test_ablation_cam_weighs_by_what_silence_costs():
    net = tiny("residual")
    x = picture(net.input.size)
    m = net.model

    def rest(y):
        y = m.relu(m.norm(m.conv(y)) + y)
        y = m.relu(m.norm(m.conv(y)) + y)
        return float(m.fc(y.mean((2, 3)))[0, 1])

    stem = m.relu(m.bn(m.stem(x)))
    expected = torch.zeros(stem.shape[2:], dtype=torch.float64)
    for k in range(6):
        silent = stem.clone()
        silent[:, k] = 0
        expected += (rest(stem.clone()) - rest(silent)) * stem[0, k].double()
    found = value(net, x, "ablation-cam", layer="relu")
    torch.testing.assert_close(found[0].double(), expected.relu(), rtol=1e-3, atol=1e-5)


def test_a_unit_is_projected_from_its_single_strongest_place():
    net = tiny("functional")
    x = picture(net.input.size)
    (outcome,) = outcomes(
        net, x, ["deconvnet-units"], layer="relu@1", parameters={"deconvnet-units": {"units": 3}}
    ).values()
    first = torch.relu(net.model.one(x))[0]
    strengths = first.flatten(1).amax(1)
    assert outcome.numbers["channels"] == strengths.argsort(descending=True)[:3].tolist()
    assert outcome.value.shape == (3, *x.shape[1:])
    for tile, channel in zip(outcome.value, outcome.numbers["channels"], strict=True):
        row, column = divmod(int(first[channel].argmax()), first.shape[2])
        expected = torch.zeros_like(tile)  # the transposed convolution of one value is its kernel, laid where it looked
        expected[:, row : row + 3, column : column + 3] = strengths[channel] * net.model.one.weight[channel]
        torch.testing.assert_close(tile, expected, rtol=1e-5, atol=1e-6)


def test_strips_hold_a_map_for_every_stage_and_end_at_the_default_layer():
    net = tiny("residual")
    x = picture(net.input.size)
    (outcome,) = outcomes(net, x, ["grad-cam-over-depth"], ["class:bee"]).values()
    assert outcome.numbers["layers"][-1] == "relu@3" and len(outcome.value) == len(outcome.numbers["layers"]) >= 3
    for name, cam in zip(outcome.numbers["layers"], outcome.value, strict=True):
        assert torch.equal(cam, value(net, x, "grad-cam", layer=name)), name


@pytest.mark.parametrize("slug", ["vanilla-backprop", "gradient-x-input", "signed-gradient"])
def test_contrast_is_the_difference_of_two_classes(slug):
    net = tiny("functional")
    x = picture(net.input.size)
    expected = value(net, x, slug, "class:bee") - value(net, x, slug, "class:eel")
    torch.testing.assert_close(value(net, x, slug, "contrast:bee:eel"), expected, rtol=1e-4, atol=1e-6)


def test_contrast_of_maps_keeps_what_speaks_for_the_one_against_the_other():
    net = tiny("in-place")
    x = picture(net.input.size)
    activation, weight = net.model.features(x.clone())[0], net.model.fc.weight
    expected = ((weight[1] - weight[4])[:, None, None] * activation).sum(0).relu()
    assert expected.max() > 0
    for slug, factor in (("cam", 1), ("grad-cam", activation[0].numel())):
        torch.testing.assert_close(value(net, x, slug, "contrast:bee:eel")[0] * factor, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["in-place", "functional", "reused", "residual", "by-convolution", "one-channel"])
def test_gradients_at_every_layer_are_what_a_small_change_there_does(name, monkeypatch):
    net = tiny(name)
    card = describe(net)
    net.model.double()
    x = 2 * picture(net.input.size).double()
    both = replace(METHODS["hires-cam"], function=lambda activation, gradient: torch.cat([activation, gradient]))
    monkeypatch.setitem(METHODS, "hires-cam", both)
    spatial = [layer.name for layer in card.layers if len(layer.shape) == 3]
    assert len(spatial) >= 3
    for layer in spatial:
        activation, gradient = value(net, x, "hires-cam", layer=layer, card=card).split(1)
        direction = torch.randn(gradient.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        direction[activation == 0] = 0  # where a max-pool chooses among zeros there is no slope

        def score(step, layer=layer, direction=direction):
            def push(name, type_, kind, tensor):
                if name == layer:
                    tensor += step * direction

            with torch.no_grad(), Watch(net.model, push):
                return float(first_tensor(net.model(x.clone()))[0, 1])

        slope = (score(1e-8) - score(-1e-8)) / 2e-8
        assert slope != 0
        assert float((gradient * direction).sum()) == pytest.approx(slope, rel=1e-4), layer


# --- what is no number ----------------------------------------------------------------------------------


def test_values_that_are_not_finite_are_counted_and_drawn_as_zero():
    broken = torch.tensor([[[1.0, float("nan")], [float("inf"), -2.0]]])
    reduced = reduce("map", broken)
    assert (reduced.meta["range"], reduced.meta["note"]) == ([-2, 1], "2 values are not finite and drawn as zero")
    drawn = draw("signed", reduced.arrays, reduced.meta, None, None)
    board = np.asarray(Image.open(io.BytesIO(drawn.files["file"][1])).convert("RGB"))
    assert drawn.scale == pytest.approx((-2, 2), abs=0.05)
    assert (board[0, -1] == 255).all() and (board[-1, 0] == 255).all()
    assert (board[0, 0] != 255).any() and (board[-1, -1] != 255).any()


def test_numbers_that_are_not_finite_are_said_in_words():
    told = plain({"gap": float("nan"), "rise": -float("inf"), "copies": 50, "layers": ["a"], "rectifiers": "8 of 8"})
    assert told == {"gap": "not finite", "rise": "not finite", "copies": 50, "layers": ["a"], "rectifiers": "8 of 8"}
    assert plain(None) == {}


# --- frames -------------------------------------------------------------------------------------------


def film(frames, still, style="colour"):
    again = frames_again(reduce_frames([torch.as_tensor(frame) for frame in frames]))
    limit = own_limit(style, {"map": still})
    suffix, data = animate(style, again, {"map": still}, {}, None, limit)
    return suffix, Image.open(io.BytesIO(data)), data


def test_an_animation_shows_the_frames_on_the_stills_scale_and_ends_with_it():
    still = np.linspace(-1, 1, 3 * 8 * 10, dtype=np.float32).reshape(1, 3, 8, 10)
    suffix, animation, data = film([still / 4, still / 2], still)
    picture = draw("colour", {"map": still}, {}, None, None)
    assert (suffix, animation.n_frames, animation.size) == (".webp", 3, (picture.width, picture.height))
    shown = []
    for number in range(3):
        animation.seek(number)
        shown.append(np.asarray(animation.convert("RGB"), np.int16))
    poster = np.asarray(Image.open(io.BytesIO(picture.files["file"][1])).convert("RGB"), np.int16)
    assert abs(shown[-1] - poster).mean() < 6, "lossy, but the same picture"
    contrast = [abs(frame - 128).mean() for frame in shown]
    assert contrast[0] == pytest.approx(contrast[2] / 4, abs=6) and contrast[1] == pytest.approx(contrast[2] / 2, abs=6)
    assert film([still / 4, still / 2], still)[2] == data, "the same bytes on every run"


@given(st.floats(-30, 30), st.integers(1, 4))
def test_frames_come_back_as_they_were_however_small(exponent, count):
    frames = [torch.linspace(-1, 1, 12).reshape(1, 3, 4) * 10**exponent * (n + 1) for n in range(count)]
    again = frames_again(reduce_frames(frames))
    largest = float(frames[-1].abs().max())
    assert np.abs(again - torch.stack(frames).numpy()).max() <= 1e-3 * largest


def test_units_are_drawn_around_what_they_saw():
    tiles = np.zeros((5, 3, 20, 30), np.float32)
    for index in range(5):
        tiles[index, :, 2 * index : 2 * index + 4, 3 * index : 3 * index + 6] = (-1) ** index * (index + 1)
    drawn = draw("units", {"map": tiles}, {}, None, None)
    tile, factor = drawn.sprite["tile"], drawn.sprite["factor"]
    assert (drawn.sprite["channels"], tile) == (5, [6 * factor, 4 * factor]), "no larger than the largest of them"
    board = np.asarray(Image.open(io.BytesIO(drawn.files["file"][1])).convert("RGB"))
    assert board.shape[:2] == (drawn.height, drawn.width)
    first, second = board[: tile[1], : tile[0]], board[: tile[1], tile[0] + drawn.sprite["gap"] :][:, : tile[0]]
    assert (first == 255).all() and (second == 0).all()


def test_units_of_nothing_are_drawn_flat():
    drawn = draw("units", {"map": np.zeros((4, 3, 8, 8), np.float32)}, {}, None, None)
    board = np.asarray(Image.open(io.BytesIO(drawn.files["file"][1])).convert("RGB"))
    assert drawn.sprite["channels"] == 4 and set(np.unique(board)) <= {127, 128, 255}


# --- what a file says of itself -------------------------------------------------------------------------


def test_every_method_of_the_specification_is_there_under_its_name():
    assert set(SPECIFIED) <= set(METHODS)


@pytest.mark.parametrize("slug", METHODS)
def test_every_method_explains_itself(slug):
    card = CARDS[slug]
    assert card.draw in STYLES and card.preset in ("forward", "quick", "standard", "full")
    assert card.family in ("inside", "gradient", "cam", "perturbation", "optimisation")
    assert re.search(r"\b(19|20)\d\d\b", card.cites) or slug == "input", "a source has a year"
    for part in (card.summary, card.formula, card.reading, card.limits):
        assert len(part) > 5, "summary, formula, reading and limits are its page"
    assert card.summary.endswith(".") and not re.search(r"\s$|  ", card.summary)
    assert set(card.inputs) <= set(INPUTS) | {name.replace("-", "_") for name in METHODS}
    json.dumps(card.parameters)  # they stand in gallery.yml and in the manifest


QUICK_PASSES = 10  # beyond those that methods share; LRP takes 8


def test_prices_and_presets_agree():
    for slug, card in CARDS.items():
        asked_for = {"style_image", "epochs", "first_kernels"} & set(card.inputs)  # there is none unless one names it
        assert card.preset != "quick" or card.passes <= QUICK_PASSES or asked_for, f"{slug} is no quick method"
        probed = "probe" in card.inputs  # its price is the probe's, which the standard runs and the quick does not
        assert card.preset != "standard" or probed or 0 < card.passes <= 150, f"{slug} costs too much for the standard"


def test_sections_are_the_paragraphs_of_a_docstring():
    found = sections("What.\n\nMore\nof it.\n\nFormula: a\nb\n\nReading: see\nhere.\n\nLimits: none.")
    assert found == {
        "summary": "What.",
        "text": "More of it.",
        "Formula": "a\nb",
        "Reading": "see here.",
        "Limits": "none.",
    }
