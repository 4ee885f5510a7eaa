"""What is odd in a forward pass costs the pictures that it makes impossible, with the true reason, and no others."""

import warnings

import numpy as np
import pytest
import tiny_gallery
import torch
from tiny_nets import CARDS, loaded, outcomes, picture, value
from torch import nn
from torch.nn import functional as F

from generator.core.errors import NotApplicable
from generator.engine.derivatives import SWITCHED_OFF
from generator.engine.model_card import describe
from generator.engine.quantise import channels
from generator.methods.activations import filters

SIZE = (3, 10, 12)
GRADIENTS = ["vanilla-backprop", "smoothgrad", "integrated-gradients", "grad-cam", "grad-cam-over-depth"]
GRADIENTS += ["guided-backprop", "deconvnet", "deconvnet-units", "guided-grad-cam", "evolution", "deepdream", "lrp"]
QUICK = {"deepdream": {"octaves": 1, "steps": 1}, "evolution": {"steps": 2}, "smoothgrad": {"n": 2}}


class Plain(nn.Module):
    """Two convolutions, global average pooling, one linear layer."""

    def __init__(self):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.one, self.two, self.fc = nn.Conv2d(3, 6, 3), nn.Conv2d(6, 6, 3), nn.Linear(6, 5)

    def forward(self, x):
        return self.fc(F.relu(self.two(F.relu(self.one(x)))).mean((2, 3)))


class WithoutGradients(Plain):
    """Its forward switches gradients off."""

    forward = torch.no_grad()(Plain.forward)


class ForInference(Plain):
    """Its forward makes tensors that no graph may hold."""

    forward = torch.inference_mode()(Plain.forward)


class DetachedStem(Plain):
    """No gradient passes its first convolution."""

    def forward(self, x):
        return self.fc(F.relu(self.two(F.relu(self.one(x)).detach())).mean((2, 3)))


class Mixed(Plain):
    """Computes in half precision under autocast."""

    def forward(self, x):
        with torch.autocast(x.device.type, dtype=torch.bfloat16):
            return super().forward(x).float()


class Attention(nn.Module):
    """Two heads of attention over the patches of an image."""

    def __init__(self):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.stem, self.qkv, self.fc = nn.Conv2d(3, 8, 2, 2), nn.Linear(8, 24), nn.Linear(8, 5)

    def attention(self, x):
        tokens = self.stem(x).flatten(2).transpose(1, 2)
        q, k, v = (part.unflatten(2, (2, 4)).transpose(1, 2) for part in self.qkv(tokens).chunk(3, -1))
        return F.softmax(q @ k.transpose(-1, -2), -1), tokens, v

    def forward(self, x):
        weights, tokens, v = self.attention(x)
        return self.fc((tokens + (weights @ v).transpose(1, 2).flatten(2)).mean(1))


# --- no gradients -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [WithoutGradients, ForInference, DetachedStem])
def test_what_needs_no_gradient_is_drawn_without_one(kind):
    odd, plain, x = loaded(kind(), SIZE), loaded(Plain(), SIZE), picture(SIZE)
    methods = ["cam", "eigen-cam", "score-cam", "occlusion", "activations", "vanilla-backprop"]
    mine, theirs = (outcomes(net, x, methods, ["class:bee"], card=describe(plain)) for net in (odd, plain))
    drawn = {key for key in mine if not mine[key].error}
    assert {method for method, *_ in drawn} == set(methods) - {"vanilla-backprop"}
    for key in drawn:
        torch.testing.assert_close(mine[key].value, theirs[key].value, msg=str(key))


@pytest.mark.parametrize("kind", [WithoutGradients, ForInference, DetachedStem])
def test_what_needs_one_is_refused_with_the_reason(kind):
    net, x = loaded(kind(), SIZE), picture(SIZE)
    found = outcomes(net, x, GRADIENTS, ["class:bee"], parameters=QUICK, card=describe(loaded(Plain(), SIZE)))
    for (method, *_), outcome in found.items():
        if method == "lrp":  # walks back by itself
            assert not outcome.error or "detach" in str(outcome.error)
        else:
            assert isinstance(outcome.error, NotApplicable) and str(outcome.error) == SWITCHED_OFF, method


def test_a_strip_shows_the_stages_that_hand_back_a_gradient():
    class FirstStageAside(Plain):
        def forward(self, x):
            self.one(x)
            return self.fc(F.relu(self.two(F.pad(x, (0, 0, 0, 0)).repeat(1, 2, 1, 1))).mean((2, 3)))

    net = loaded(FirstStageAside(), SIZE)
    (outcome,) = outcomes(net, picture(SIZE), ["grad-cam-over-depth"], ["class:bee"]).values()
    assert not outcome.error and outcome.numbers["layers"] == ["relu@1"]


def test_a_strip_without_any_gradient_says_so():
    class Cut(Plain):
        def forward(self, x):
            return self.fc(F.relu(self.two(F.relu(self.one(x)))).detach().mean((2, 3)) + 0 * x.mean())

    net = loaded(Cut(), SIZE)
    (outcome,) = outcomes(net, picture(SIZE), ["grad-cam-over-depth"], ["class:bee"]).values()
    assert isinstance(outcome.error, NotApplicable)
    assert str(outcome.error) == "no stage of tiny with channels and space hands back a gradient"


# --- one failure is one failure -----------------------------------------------------------------------


class Underivable(torch.autograd.Function):
    """An operation without a derivative."""

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        raise RuntimeError("nobody wrote this derivative")


def test_an_operation_without_a_derivative_costs_the_gradients_alone():
    class Stops(Plain):
        def forward(self, x):
            return super().forward(Underivable.apply(x))

    net, plain, x = loaded(Stops(), SIZE), loaded(Plain(), SIZE), picture(SIZE)
    found = outcomes(net, x, ["vanilla-backprop", "cam", "occlusion", "activations", "input"], ["class:bee"])
    failed = {method for (method, *_), outcome in found.items() if outcome.error}
    assert failed == {"vanilla-backprop"}
    (error,) = {str(outcome.error) for outcome in found.values() if outcome.error}
    assert error == "nobody wrote this derivative"
    torch.testing.assert_close(found["cam", "relu@2", "class:bee"].value, value(plain, x, "cam"))


def scripted_end():
    """`Plain`, its second half in TorchScript."""
    plain = Plain()
    rest = nn.Sequential(plain.two, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), plain.fc)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return loaded(nn.Sequential(plain.one, nn.ReLU(), torch.jit.script(rest)), SIZE)


def test_a_scripted_end_costs_what_must_look_inside():
    net, plain, x = scripted_end(), loaded(Plain(), SIZE), picture(SIZE)
    methods = ["vanilla-backprop", "smoothgrad", "occlusion", "activations", "input", "lrp"]
    found = outcomes(net, x, methods, ["class:bee"], parameters=QUICK)
    refused = {method: str(outcome.error) for (method, *_), outcome in found.items() if outcome.error}
    assert set(refused) == {"lrp"} and "TorchScript" in refused["lrp"]
    torch.testing.assert_close(found["vanilla-backprop", "", "class:bee"].value, value(plain, x, "vanilla-backprop"))
    torch.testing.assert_close(found["occlusion", "", "class:bee"].value, value(plain, x, "occlusion"))


def test_a_result_that_cannot_be_drawn_costs_itself(tmp_path, monkeypatch):
    def broken(value, room):
        if value.shape[0] == 4:  # the first convolution and what follows it
            raise RuntimeError("cannot be laid out")
        return channels(value, room)

    monkeypatch.setattr("generator.engine.quantise.channels", broken)
    options = tiny_gallery.lay(tmp_path, ["one"])
    scenes = []
    monkeypatch.setattr("generator.engine.scene.Scene.run", counted(scenes))
    report, _ = tiny_gallery.run(options)
    names = {name.partition("--")[0] for name in report.failures}
    assert names == {"mine/one/activations"} and set(report.failures.values()) == {"RuntimeError: cannot be laid out"}
    assert len(scenes) == 2, "one for the network and one for the image: no pass is made anew for what failed"


def counted(scenes):
    from generator.engine.scene import Scene

    run = Scene.run

    def counting(self):
        scenes.append(self)
        return run(self)

    return counting


# --- shapes -------------------------------------------------------------------------------------------


def test_attention_is_drawn_as_it_is_and_never_as_classes():
    model = Attention()
    net, x = loaded(model, SIZE), picture(SIZE)
    card = describe(net)
    assert [layer.kind for layer in card.layers].count("softmax") == 2, "attention's and the classes'"
    with torch.no_grad():
        weights = model.attention(x)[0]
    torch.testing.assert_close(value(net, x, "activations", card=card, layer="softmax@1"), weights.flatten(1, 2))
    last = value(net, x, "activations", card=card, layer=card.layers[-1].name)
    torch.testing.assert_close(last, model(x).softmax(1))


def test_a_gallery_of_attention_draws_it(tmp_path):
    source = "\n".join(["import torch", "from torch import nn", "from torch.nn import functional as F", ""])
    import inspect

    source += inspect.getsource(Attention).replace("nn.Linear(8, 5)", "nn.Linear(8, 3)") + "\n\ndef net():\n"
    source += "    return Attention()\n"
    options = tiny_gallery.lay(tmp_path, ["one"], network=source, module="attention_of_mine", preset="standard")
    report, _ = tiny_gallery.run(options)
    assert not report.failures


def test_axes_beyond_channels_and_space_become_maps():
    tensor = torch.randn(3, 4, 5, 6, generator=torch.Generator().manual_seed(0))
    mine, flat = channels(tensor), channels(tensor.flatten(0, 1))
    for name in flat.arrays:
        assert np.array_equal(mine.arrays[name], flat.arrays[name]), name
    assert mine.meta["shape"] == [3, 4, 5, 6] and mine.meta["note"].startswith("3 x 4 maps")


def test_kernels_along_a_line_and_over_a_volume_are_laid_out():
    line = torch.arange(24.0).view(4, 2, 3)
    assert torch.equal(filters(line), line[:, :, None])
    volume = torch.randn(4, 2, 3, 5, 7)
    drawn = filters(volume)
    assert drawn.shape == (4, 2, 5, 21)
    for depth in range(3):
        assert torch.equal(drawn[..., 7 * depth : 7 * (depth + 1)], volume[:, :, depth])


@pytest.mark.parametrize("kind", ["line", "volume"])
def test_networks_with_such_convolutions_are_drawn(kind):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv3d(1, 4, 3, padding=1) if kind == "volume" else nn.Conv1d(3, 4, 5)
            self.fc = nn.Linear(4, 5)

        def forward(self, x):
            x = x[:, None] if kind == "volume" else x.flatten(2)
            return self.fc(F.relu(self.conv(x)).flatten(2).mean(2))

    net, x = loaded(Net(), SIZE), picture(SIZE)
    methods = [slug for slug, card in CARDS.items() if card.preset in ("forward", "quick", "standard")]
    found = outcomes(net, x, methods, ["class:bee"], parameters=QUICK | {"rise": {"masks": 4}})
    assert {method for (method, *_), outcome in found.items() if not outcome.error} >= {"activations", "occlusion"}
    wrong = {key: outcome.error for key, outcome in found.items() if outcome.error}
    assert all(isinstance(error, NotApplicable) for error in wrong.values()), wrong


def test_a_network_without_parameters_has_a_gradient_in_closed_form():
    class Pooled(nn.Module):
        def forward(self, x):
            y = F.relu(x.mean(1, keepdim=True)).repeat(1, 5, 1, 1)
            return y.mean((2, 3)) * torch.arange(5.0)

    net, x = loaded(Pooled(), SIZE), picture(SIZE)
    card = describe(net)
    assert card.parameters == 0
    expected = (x.mean(1, keepdim=True) > 0).float().expand_as(x) / 3 / (10 * 12)  # class 1 counts once
    torch.testing.assert_close(value(net, x, "vanilla-backprop", card=card), expected)


# --- half precision -----------------------------------------------------------------------------------


def test_relevance_under_autocast_is_that_of_single_precision():
    x = picture(SIZE)
    mixed, plain = loaded(Mixed(), SIZE), loaded(Plain(), SIZE)
    for parameters in ({}, {"lrp": {"convolutions": "epsilon"}}):
        (mine,), (theirs,) = (
            outcomes(net, x, ["lrp"], ["class:bee"], parameters=parameters).values() for net in (mixed, plain)
        )
        assert not mine.error and not theirs.error
        assert (mine.value - theirs.value).abs().max() < 0.03 * theirs.value.abs().max()
        assert mine.value.dtype == torch.float32


def test_an_evolution_under_autocast_learns():
    (outcome,) = outcomes(
        loaded(Mixed(), SIZE), picture(SIZE), ["evolution"], ["class:bee"], parameters={"evolution": {"steps": 4}}
    ).values()
    assert not outcome.error and outcome.numbers["probability at the end"] > outcome.numbers["probability at the start"]


def test_a_probe_reads_half_precision():
    from generator.analysis.probe.channel_stats import Channels

    values = torch.randn(4, 6, 5, 5, generator=torch.Generator().manual_seed(0)).bfloat16()
    states = []
    for tensor in (values, values.float()):
        seen = Channels("ReLU", "activation", (6, 5, 5), 3, 25, True)
        seen.calibrate(tensor)
        seen.see(tensor, torch.arange(4))
        states.append(seen.state)
    for name in states[0]:
        np.testing.assert_allclose(states[0][name], states[1][name], rtol=1e-6, err_msg=name)
