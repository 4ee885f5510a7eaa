"""Guided backprop and the deconvnet are drawn only where every rectifier obeys; elsewhere the count says why not."""

import warnings

import pytest
import torch
from tiny_nets import loaded, outcomes, picture
from torch import nn
from torch.nn import functional as F

from generator.core.errors import NotApplicable
from generator.engine.model_card import describe

SIZE = (3, 8, 10)
NEEDS_RELU_RULES = ("guided-backprop", "deconvnet", "guided-grad-cam", "deconvnet-units")


class OwnReLU(torch.autograd.Function):
    """A rectifier written by hand."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return gradient * (x > 0)


class Two(nn.Module):
    """Two convolutions, each with a rectifier of a kind of its own."""

    def __init__(self, first, second):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.one, self.two, self.fc = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3), nn.Linear(4, 5)
        self.first, self.second = first, second

    def forward(self, x):
        return self.fc(self.second(self.two(self.first(self.one(x)))).mean((2, 3)))


DISGUISES = {  # rectifiers that a call of ReLU is not
    "clamp": lambda x: x.clamp(min=0),
    "clamp in place": lambda x: x.clamp_(min=0),
    "clamp_min": lambda x: x.clamp_min(0),
    "clip to six": lambda x: x.clip(0, 6),
    "clamp by a tensor": lambda x: x.clamp(min=torch.zeros(1)),
    "maximum": lambda x: torch.maximum(x, torch.zeros(())),
    "maximum the other way round": lambda x: torch.maximum(torch.zeros_like(x), x),
    "max": lambda x: torch.max(x, torch.zeros(())),
    "fmax": lambda x: torch.fmax(x, torch.zeros(())),
    "where": lambda x: torch.where(x > 0, x, 0.0),
    "a mask": lambda x: x * (x > 0),
    "masked_fill": lambda x: x.masked_fill(x < 0, 0.0),
    "threshold": lambda x: F.threshold(x, 0.0, 0.0),
    "custom function": OwnReLU.apply,
}


def refused(net):
    """Of each method that needs a rule the reason why there is none, and what vanilla backprop gives."""
    x = 3 * picture(SIZE)
    found = outcomes(net, x, [*NEEDS_RELU_RULES, "vanilla-backprop"], ["label"])
    plain = [one for (method, *_), one in found.items() if method == "vanilla-backprop"]
    assert all(not one.error for one in plain) and plain
    bent = [one for (method, *_), one in found.items() if method != "vanilla-backprop"]
    assert len(bent) >= len(NEEDS_RELU_RULES)
    return {str(one.error) for one in bent if isinstance(one.error, NotApplicable)}, sum(not one.error for one in bent)


@pytest.mark.parametrize("name", DISGUISES)
def test_where_no_rectifier_obeyed_there_is_no_picture(name):
    net = loaded(Two(DISGUISES[name], DISGUISES[name]), SIZE)
    reasons, drawn = refused(net)
    (reason,) = reasons
    assert reason.startswith("its rule holds at 0 of 2 rectifiers") and not drawn
    assert describe(net).rectifiers == "0 of 2 rectifiers"


@pytest.mark.parametrize("name", DISGUISES)
def test_where_one_was_missed_there_is_none_either(name):
    reasons, drawn = refused(loaded(Two(F.relu, DISGUISES[name]), SIZE))
    (reason,) = reasons
    assert reason.startswith("its rule holds at 1 of 2 rectifiers") and not drawn


def test_what_cannot_be_looked_into_is_named():
    reasons, _ = refused(loaded(Two(F.relu, OwnReLU.apply), SIZE))
    assert reasons == {"its rule holds at 1 of 2 rectifiers: the inside of OwnReLU cannot be reached"}


@pytest.mark.parametrize("how", ["traced", "scripted", "run until it was compiled"])
def test_what_torchscript_hides_is_not_drawn(how):
    stem = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.ReLU())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stem = torch.jit.trace(stem, picture(SIZE)) if how == "traced" else torch.jit.script(stem)
        for _ in range(3 if how.startswith("run") else 0):
            stem(picture(SIZE).requires_grad_())
        net = loaded(nn.Sequential(stem, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5)), SIZE)
        found = outcomes(net, picture(SIZE), ["guided-backprop", "deconvnet", "vanilla-backprop"], ["label"])
    for (method, *_), outcome in found.items():
        if method == "vanilla-backprop":
            assert not outcome.error
        else:
            assert isinstance(outcome.error, NotApplicable) and "holds at 0 of" in str(outcome.error)


def test_a_network_without_a_rectifier_has_no_such_picture():
    reasons, drawn = refused(loaded(Two(torch.tanh, torch.sigmoid), SIZE))
    assert reasons == {"the network has no rectifier, so that the picture would be that of vanilla backprop"}
    assert not drawn


@pytest.mark.parametrize("call", [F.hardtanh, F.celu, F.selu, F.rrelu, lambda x: F.threshold(x, 0.1, 0.0)])
def test_what_has_no_rule_is_named(call):
    reasons, drawn = refused(loaded(Two(F.relu, call), SIZE))
    (reason,) = reasons
    assert reason.startswith("undefined for ") and reason.endswith(": its rule is of ReLU") and not drawn


@pytest.mark.parametrize(
    "harmless",
    [
        lambda x: torch.maximum(x, -x),
        lambda x: x.clamp(-3, 3),
        lambda x: x.clamp(min=1e-6),
        lambda x: torch.where(torch.ones_like(x, dtype=torch.bool), x, 0.0),
        lambda x: x * 2.0,
        lambda x: F.hardsigmoid(x),
    ],
    ids=["maxout", "clamp", "floor", "where", "scale", "gate"],
)
def test_what_only_looks_like_one_is_none(harmless):
    reasons, drawn = refused(loaded(Two(F.relu, harmless), SIZE))
    assert not reasons and drawn >= len(NEEDS_RELU_RULES)
