"""Pictures made by optimisation: their gradients, how they are written down and moved, and that they please."""

import math

import numpy as np
import pytest
import torch
from tiny_nets import METHODS, assert_untouched, fingerprint, loaded, picture, pictures, tiny
from torch import nn
from torch.nn import functional as F

from generator.core.errors import ConfigError, NotApplicable
from generator.core.records import Network
from generator.engine.image_optimisation import (
    COLOURS,
    RELU_WARMUP_STEPS,
    Canvas,
    _slope,
    ascend,
    canvas,
    decorrelated_to_rgb,
    moved,
    random_affine,
    size_for,
    synthesis,
)
from generator.engine.model_card import describe
from generator.engine.model_handle import Driven
from generator.engine.preserve import untouched
from generator.engine.progress import watched
from generator.methods.activation_maximisation import _response
from generator.methods.deepdream import _guided, dream, octave_size, reaches, resized, slope
from generator.methods.feature_inversion import total_variation
from generator.models.load import load

SMALL = {  # of each method, what makes it quick and leaves it what it is
    "activation-maximisation": {"units": 4, "steps": 24, "size": 24},
    "deepdream": {"octaves": 2, "steps": 4},
    "deepdream-over-depth": {"octaves": 2, "steps": 4},
    "inversion": {"steps": 40},
    "caricature": {"steps": 24},
}


def driven(name="in-place", chunk=4, double=False):
    net = tiny(name)
    if double:
        net.model.double()
    return Driven(net, describe(tiny(name)), chunk)


def made(network, slug, layer="", block=None, x=None, **parameters):
    """The result of a method that drives a network, its numbers and its frames."""
    x = picture(network.input.size) if x is None else x
    given = {"network": network, "layer": layer or network.card.default_layer, "block": block}
    given |= {"x": x, "photograph": pictures(x)[""]}
    method = METHODS[slug]
    with untouched(network._loaded.model), torch.no_grad():
        result = method.function(
            *(given[name] for name in method.inputs), **{**method.parameters, **SMALL[slug], **parameters}
        )
        (value, numbers), frames = watched(result, lambda step: None)
    return value, numbers, frames


# --- gradients ----------------------------------------------------------------------------------------


def against_finite_differences(score, x):
    """The gradient of `score` at `x` (float64) agrees with what a small step along it and across it changes."""
    gradient = slope(score, x)
    assert gradient.abs().max() > 0
    draws = torch.Generator().manual_seed(5)
    for along in (gradient, torch.randn(x.shape, generator=draws, dtype=x.dtype)):
        along = along / along.norm()
        with torch.no_grad():
            difference = (score(x + 1e-5 * along).sum() - score(x - 1e-5 * along).sum()) / 2e-5
        assert math.isclose(float(difference), float((gradient * along).sum()), rel_tol=1e-5, abs_tol=1e-9)


@pytest.mark.parametrize("guide", ["", "class:bee", "channel:3"])
@pytest.mark.parametrize("name", ["in-place", "functional", "residual"])
def test_what_a_dream_climbs_is_the_gradient(name, guide):
    network = driven(name, double=True)
    against_finite_differences(
        _guided(network, network.card.default_layer, guide), picture(network.input.size).double()
    )


@pytest.mark.parametrize("objective", ["channel", "unit"])
@pytest.mark.parametrize("kind", ["fourier", "pixels"])
def test_what_moves_the_paint_is_the_gradient(kind, objective):
    network = driven(double=True)
    blank = canvas(network, kind, 2, (3, 14, 15), 0)
    blank = Canvas(blank.paint.double() * 20, blank.show, blank.size)

    def gain(x, number, place, rule):
        answer = network.activation(random_affine(x, network.random(0, 3)), "features.3", rule)
        return _response(answer, objective)[range(len(x)), [1, 5][place]]

    def score(paint):
        return gain(network.normalised(blank.show(paint)), 0, slice(0, 2), "vanilla")

    against_finite_differences(score, blank.paint)
    values, gradient = _slope(network, blank, gain, slice(0, 2), 0)
    assert torch.equal(gradient, slope(score, blank.paint)) and values == score(blank.paint).tolist()


def test_what_an_inversion_and_a_caricature_climb_is_the_gradient():
    network = driven(double=True)
    layer, x = network.card.default_layer, picture(network.input.size).double()
    goal = network.activation(picture(network.input.size, seed=1).double(), layer)
    against_finite_differences(lambda x: (network.activation(x, layer) - goal).square().sum() + total_variation(x), x)
    against_finite_differences(
        lambda x: F.cosine_similarity(network.activation(x, layer).flatten(), goal.flatten(), 0), x
    )


# --- how a picture is written down --------------------------------------------------------------------


def test_total_variation_is_over_rows_and_columns_and_never_over_channels():
    flat = torch.tensor([0.0, 1.0, 5.0]).view(1, 3, 1, 1).expand(1, 3, 4, 6)
    assert total_variation(flat).tolist() == [0.0], "channels differ, pixels do not"
    down = torch.arange(4.0).view(1, 1, 4, 1).expand(2, 3, 4, 6)
    assert total_variation(down).tolist() == [1.0, 1.0], "each row is one more than the one above"
    along = 3 * torch.arange(6.0).view(1, 1, 1, 6).expand(1, 3, 4, 6)
    assert total_variation(along + down[:1]).tolist() == [10.0], "nine along, one down"


@pytest.mark.parametrize("size", [(16, 16), (9, 12), (12, 7)])
def test_amplitudes_are_those_of_the_picture(size):
    wanted = torch.randn(2, 3, *size, dtype=torch.float64)
    down, along = torch.fft.fftfreq(size[0]), torch.fft.rfftfreq(size[1])
    frequency = torch.tensor([[max(math.hypot(v, u), 1 / max(size)) for u in along.tolist()] for v in down.tolist()])
    spectrum = torch.fft.rfft2(wanted) * (4 / math.sqrt(size[0] * size[1])) * frequency
    assert torch.allclose(synthesis(torch.view_as_real(spectrum.contiguous()), *size), wanted, atol=1e-6)


def test_large_structures_come_first():
    paint = torch.randn(1, 3, 64, 33, 2, generator=torch.Generator().manual_seed(0))
    power = torch.fft.rfft2(synthesis(paint, 64, 64)).abs().mean((0, 1))
    assert power[1, 1] > 5 * power[16, 16] > 0, "as in photographs, amplitude falls as frequency grows"


def test_independent_colours_mix_as_in_photographs_and_can_be_told_apart_again():
    mix = torch.tensor(COLOURS)
    covariance = torch.tensor([[0.0790, 0.0721, 0.0683], [0.0721, 0.0780, 0.0770], [0.0683, 0.0770, 0.0893]])
    assert torch.allclose(mix @ mix.T, covariance, atol=5e-4), "of 1,000 photographs of Imagenette"
    independent = torch.randn(2, 3, 5, 6)
    seen = decorrelated_to_rgb(independent)
    back = torch.einsum("cr,nrhw->nchw", torch.linalg.inv(mix / mix.norm(dim=0).max()), seen)
    assert torch.allclose(back, independent, atol=1e-3)
    assert decorrelated_to_rgb(independent[:, :1]) is not None and torch.equal(
        decorrelated_to_rgb(independent[:, :1]), independent[:, :1]
    )


# --- how it is moved ----------------------------------------------------------------------------------


def test_a_shift_by_whole_pixels_is_a_roll_with_nothing_coming_in():
    x = torch.rand(2, 3, 8, 16, generator=torch.Generator().manual_seed(1))
    shifted = moved(x, (2 / 8, -3 / 16), 1.0, 0.0)
    assert torch.allclose(shifted[:, :, 2:, :-3], x[:, :, :-2, 3:], atol=1e-5)
    assert shifted[:, :, :2].abs().max() < 1e-6 and shifted[:, :, :, -3:].abs().max() < 1e-5


def test_a_quarter_turn_is_one_and_a_whole_turn_is_nothing():
    x = torch.rand(1, 3, 12, 12, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(moved(x, (0, 0), 1.0, 90), torch.rot90(x, 1, (2, 3)), atol=1e-5)
    assert torch.allclose(moved(x, (0, 0), 1.0, 360), x, atol=1e-5)


@pytest.mark.parametrize("size", [(40, 40), (30, 50)])
def test_a_movement_and_its_inverse_cancel_in_the_middle(size):
    x = picture((3, *size))
    there = moved(x, (0.05, 0.0), 1.1, 7.0)
    angle, scale = math.radians(7), 1.1
    shift = 0.05 * size[0]  # pixels; back through the turned and enlarged picture
    back = (-shift * math.cos(angle) / scale / size[0], shift * math.sin(angle) / scale / size[1])
    again = moved(there, back, 1 / scale, -7.0)
    smooth = [F.avg_pool2d(one, 5, 1)[:, :, 8:-8, 8:-8] for one in (again, x)]
    assert (smooth[0] - smooth[1]).abs().max() < 0.15 * x.std()
    wrong = moved(there, back, 1 / scale, 7.0)
    assert (F.avg_pool2d(wrong, 5, 1)[:, :, 8:-8, 8:-8] - smooth[1]).abs().max() > 0.3 * x.std()


def test_octaves_shrink_by_their_ratio_and_grow_back():
    assert [octave_size((196, 140), 1.4, times) for times in range(4)] == [(196, 140), (140, 100), (100, 71), (71, 51)]
    assert octave_size((3, 2), 1.4, 9) == (1, 1) and reaches(32, (200, 60)) == [32, 15]
    smooth = F.interpolate(torch.randn(1, 3, 4, 5), (80, 100), mode="bicubic")
    again = resized(resized(smooth, octave_size((80, 100), 1.4, 2)), (80, 100))
    assert (again - smooth).abs().mean() < 0.02 * smooth.std()


def test_the_shift_of_a_step_is_undone():
    """A 1x1 convolution treats every place alike, so that a shift there and back must change nothing."""
    net = loaded(nn.Sequential(nn.Conv2d(3, 4, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5)), (3, 32, 40))
    network = Driven(net, describe(net), 4)
    x = picture((3, 48, 60))
    with torch.no_grad():
        still, jumpy = (
            [show() for _, show in dream(network, x, "0", "", (2, 1.4, 3), 1.5, jitter, 0)][-1] for jitter in (0, 9)
        )
    assert torch.allclose(still, jumpy, atol=1e-4) and not torch.allclose(still, network.rgb(x), atol=1e-2)


def test_octaves_that_the_network_cannot_take_are_left_out_and_counted():
    class Large(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.fc = nn.Conv2d(3, 4, 31), nn.Linear(4, 5)

        def forward(self, x):
            return self.fc(self.conv(x).relu().mean((2, 3)))

    net = loaded(Large(), (3, 40, 40))
    network = Driven(net, describe(net), 4)
    with torch.no_grad():
        steps = [made for made, _ in dream(network, picture((3, 40, 40)), "relu@1", "", (4, 1.4, 2), 1.5, 8, 0)]
    assert steps == [2, 4, 6, 7, 8], "29 and 20 pixels are too few for a kernel of 31, and 15 are no picture"


def test_a_network_that_takes_no_other_size_is_painted_for_at_its_own():
    spaceless, plain = driven("spaceless"), driven()
    assert size_for(spaceless, 24, spaceless.answer) == (3, 12, 18) and size_for(plain, 24, "fc") == (3, 24, 24)
    assert size_for(plain, 0, "fc") == (3, 27, 27), "half as large again as the input"


# --- they get what they want --------------------------------------------------------------------------


@pytest.mark.parametrize("objective", ["channel", "unit"])
@pytest.mark.parametrize("kind", ["fourier", "pixels"])
def test_pictures_please_their_channels_more_and_more(kind, objective):
    network = driven()
    for layer in (network.card.default_layer, "fc"):
        value, numbers, frames = made(
            network, "activation-maximisation", layer, parametrisation=kind, objective=objective
        )
        assert value.shape == (4, 3, 24, 24) and 0 <= value.min() < value.max() <= 1
        assert 2 <= len(frames) <= 24 and frames[0].shape == value.shape
        with torch.no_grad():
            answers = [
                _response(network.activation(network.normalised(x), layer), objective) for x in (value, frames[0])
            ]
        place = (range(4), numbers["channels"])
        after, before = (answer[place] for answer in answers)
        assert after.sum() > before.sum() and (after >= before).sum() >= 3
    assert numbers["classes"] == ["ant", "bee", "dog", "eel"] and numbers["channels"] == [0, 1, 3, 4]


@pytest.mark.parametrize("objective", ["channel", "unit"])
def test_what_a_picture_reaches_is_said_beside_what_grey_does(objective):
    network = driven()
    for layer in (network.card.default_layer, "fc"):
        value, numbers, _ = made(network, "activation-maximisation", layer, objective=objective)
        grey = network.normalised(torch.full_like(value[:1], 0.5))
        with torch.no_grad():
            answers = [_response(network.activation(x, layer), objective) for x in (network.normalised(value), grey)]
        place = (range(4), numbers["channels"])
        assert np.allclose(numbers["reached"], answers[0][place], rtol=1e-3)
        assert np.allclose(numbers["grey"], answers[1].expand(4, -1)[place], rtol=1e-3)
    assert numbers["ranked first"] == [network.card.classes[index] for index in answers[0].argmax(1)]


@pytest.mark.parametrize("name", ["imagenette", "vgg-cifar10"])
def test_of_a_trained_network_every_class_gets_a_picture_that_the_network_names(name):
    net = load(Network(name, f"bundled:{name}"))
    network = Driven(net, describe(net), 8)
    size = network.input.size[1] if name == "vgg-cifar10" else 64
    _, numbers, _ = made(network, "activation-maximisation", network.answer, units="all", steps=40, size=size)
    assert numbers["ranked first"] == numbers["classes"]
    assert min(np.array(numbers["reached"]) - numbers["grey"]) > 3


class Hinges(nn.Module):
    """Two units of the mean brightness m: one rises with m, with a brake that is off until m is 5; the other is off
    wherever m is below 0.2, so that grey gets no gradient from it."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(1, 2, bias=False)

    def forward(self, x):
        m = x.mean((1, 2, 3), keepdim=True).flatten(1)
        return torch.cat([F.relu(m + 1) - 10 * F.relu(m - 5), F.relu(m - 0.2)], 1)


def ascended(channels, steps, warmup=RELU_WARMUP_STEPS, chunk=4):
    """The paint (n, 1, 8, 8) after some steps up the units `channels` of `Hinges`, and the gain's calls by rule."""
    net = loaded(Hinges(), (1, 8, 8), classes=("rises", "sleeps"))
    network, calls = Driven(net, describe(net), chunk), []
    blank = canvas(network, "pixels", len(channels), (1, 8, 8), 0)

    def gain(x, number, place, rule):
        calls.append((number, rule))
        return network.activation(x, "cat@1", rule)[range(len(x)), channels[place]]

    with torch.no_grad():
        for _ in ascend(network, blank, gain, steps, []):
            pass
    return blank.paint, calls


def test_a_picture_that_gets_a_gradient_climbs_that_gradient_from_the_first_step_on():
    """Against Adam written out on the closed form: m + 1 is the objective, its gradient one and the same everywhere."""
    paint, calls = ascended([0], 24)
    assert {rule for _, rule in calls} == {"vanilla"}
    slow = canvas(Driven(loaded(Hinges(), (1, 8, 8), classes=("a", "b")), None, 4), "pixels", 1, (1, 8, 8), 0).paint
    leaf = slow.clone().requires_grad_()
    adam = torch.optim.Adam([leaf], lr=0.05, maximize=True)
    for _ in range(24):
        adam.zero_grad()
        leaf.grad = torch.autograd.grad(((leaf.sigmoid() - 0.5) / 0.25).mean(), leaf)[0]
        adam.step()
    assert torch.allclose(paint, leaf.detach(), atol=1e-4)
    assert (paint > slow + 0.9).all(), "every pixel went up at every step; opened, 1 - 10 would have sent it down"


def test_only_a_picture_that_gets_none_is_woken_and_only_at_first(monkeypatch):
    paint, calls = ascended([0, 1], 24)
    opened = [number for number, rule in calls if rule == "open"]
    assert opened and opened == list(range(len(opened))) and len(opened) < RELU_WARMUP_STEPS, "until it is awake"
    assert (paint[1].sigmoid().mean() - 0.5) / 0.25 > 0.2, "it is awake"
    alone, _ = ascended([0], 24)
    assert torch.equal(paint[:1], alone), "its neighbour knows nothing of that"
    monkeypatch.setattr("generator.engine.image_optimisation.RELU_WARMUP_STEPS", 0)
    asleep, calls = ascended([1], 24)
    assert {rule for _, rule in calls} == {"vanilla"} and torch.equal(asleep, ascended([1], 1)[0])


def test_no_rectifier_is_open_after_the_first_steps(monkeypatch):
    """A unit that no picture can wake: after the warm-up nothing is let through any more."""
    monkeypatch.setattr(Hinges, "forward", lambda self, x: torch.cat([F.relu(-x.mean((2, 3)).abs() - 1)] * 2, 1))
    _, calls = ascended([0], 24)
    assert [number for number, rule in calls if rule == "open"] == list(range(RELU_WARMUP_STEPS))


def test_a_silent_channel_is_woken_by_the_open_rule():
    network = driven()
    layer, x = network.card.default_layer, torch.zeros(1, 3, 12, 18)
    asleep = next(k for k in range(8) if not network.activation(x, layer)[:, k].any())
    closed, opened = (
        slope(lambda x, rule=rule: network.activation(x, layer, rule)[:, asleep].mean(), x)
        for rule in ("vanilla", "open")
    )
    assert closed.abs().max() == 0 < opened.abs().max()


@pytest.mark.parametrize("name", ["in-place", "functional", "residual", "one-channel"])
def test_a_dream_holds_more_of_what_the_layer_saw(name):
    network = driven(name)
    layer, x = network.card.default_layer, picture(network.input.size)
    value, _, _ = made(network, "deepdream", x=x)
    photo = network.rgb(pictures(x)[""](0))
    with torch.no_grad():
        seen, dreamt = (network.activation(network.normalised(one), layer).square().sum() for one in (photo, value))
    assert dreamt > 1.05 * seen and value.shape == photo.shape


def test_a_guided_dream_is_another_one_and_goes_where_it_is_sent():
    network = driven("residual")
    x = picture(network.input.size)
    free, bee, eel, channel = (
        made(network, "deepdream", x=x, guide=guide)[0] for guide in ("", "class:bee", "class:eel", "channel:2")
    )
    assert not torch.equal(free, bee) and not torch.equal(bee, eel) and not torch.equal(free, channel)
    with torch.no_grad():
        logits = {name: network.logits(network.normalised(value))[0] for name, value in (("bee", bee), ("eel", eel))}
    assert logits["bee"][1] > logits["eel"][1] and logits["eel"][4] > logits["bee"][4]
    with pytest.raises(NotApplicable, match="no class 'unicorn'"):
        made(network, "deepdream", guide="class:unicorn")
    for guide, words in (
        ("channel:99", "from 0 to 5"),
        ("channel:x", "from 0 to 5"),
        ("tench", "class:NAME or channel"),
    ):
        with pytest.raises(ConfigError, match=words):
            made(network, "deepdream", guide=guide)


def test_a_strip_dreams_through_every_stage():
    network = driven("residual")
    value, numbers, frames = made(network, "deepdream-over-depth")
    assert len(value) == len(numbers["layers"]) == len(network.stages()) + 1 > 2
    assert all(not torch.equal(value[0], panel) for panel in value[1:])
    alone, _, _ = made(network, "deepdream", numbers["layers"][-1], size=224)
    assert torch.allclose(value[-1:], alone, atol=1e-5) and frames[0].shape == value.shape


def test_an_inversion_looks_to_the_layer_like_the_photo():
    network = driven("functional")
    x = picture(network.input.size)
    value, numbers, _ = made(network, "inversion", x=x, steps=60)
    assert numbers["layers"][0] == "the photo" and torch.equal(value[:1], network.rgb(x))
    assert len(numbers["missed"]) == len(value) - 1 and max(numbers["missed"]) < 0.3
    first = numbers["layers"][1]
    with torch.no_grad():
        goal, grey = (network.activation(one, first) for one in (x, network.normalised(torch.full_like(x, 0.5))))
    assert (grey - goal).square().sum() / goal.square().sum() > 2 * numbers["missed"][0]


def test_a_caricature_exaggerates():
    network = driven("functional")
    x = picture(network.input.size)
    value, numbers, frames = made(network, "caricature", x=x)
    for place, layer in enumerate(numbers["layers"][1:], start=1):
        with torch.no_grad():
            shown = (x, network.normalised(value[place:][:1]), network.normalised(torch.full_like(x, 0.5)))
            photo, own, grey = (network.activation(one, layer) for one in shown)
        assert (photo * own).sum() > 1.1 * (photo * grey).sum()
    assert len(numbers["reached"]) == len(value) - 1 and len(frames) <= 24
    for place, layer in enumerate(numbers["layers"][1:]):
        with torch.no_grad():
            photo, own, grey = (
                network.activation(one, layer).flatten()
                for one in (x, network.normalised(value[place + 1 :][:1]), network.normalised(torch.full_like(x, 0.5)))
            )
        for name, seen in (("reached", own), ("grey", grey), ("the photo", photo)):
            cosine = max(0.1, float(F.cosine_similarity(photo, seen, 0)))
            assert math.isclose(numbers[name][place], float((photo * seen).mean()) * cosine, rel_tol=2e-3), name


# --- promises -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("slug", SMALL)
def test_the_same_seed_gives_the_same_bytes_and_the_network_stays(slug):
    network = driven("residual")
    before = fingerprint(network._loaded.model)
    few = {"steps": 6} if slug in ("inversion", "caricature", "activation-maximisation") else {}
    one, two, other = (made(network, slug, seed=seed, **few)[0] for seed in (0, 0, 1))
    assert_untouched(before, fingerprint(network._loaded.model))
    assert torch.equal(one, two) and not torch.equal(one, other)


def test_a_picture_does_not_depend_on_those_beside_it():
    network = driven(chunk=1)
    alone, _, _ = made(network, "activation-maximisation", units=[5], steps=8)
    among, _, _ = made(network, "activation-maximisation", units=[5], steps=8)
    assert torch.equal(alone, among)
    block, numbers, _ = made(network, "activation-maximisation", units="all", block=(4, 7), steps=2)
    assert numbers["channels"] == [4, 5, 6, 7] and len(block) == 4


def test_layers_that_are_silent_are_left_grey():
    network = driven("in-place")
    for parameter in network._loaded.model.parameters():
        parameter.zero_()
    network._loaded.model.features[4].running_mean.zero_()
    for slug in ("inversion", "caricature"):
        value, _, _ = made(network, slug)
        assert np.ptp(value[1:].numpy()) == 0
