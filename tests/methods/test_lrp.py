"""Relevance is shared as zennit shares it, and where it cannot be followed the method says so."""

import copy
import warnings

import pytest
import torch
from known_networks import close, known_network
from tiny_nets import loaded, outcomes, picture, tiny, value
from torch import nn
from zennit.attribution import Gradient
from zennit.canonizers import SequentialMergeBatchNorm
from zennit.composites import LayerMapComposite
from zennit.core import Stabilizer
from zennit.layer import Sum
from zennit.rules import AlphaBeta, Epsilon, Norm, Pass, ZPlus
from zennit.torchvision import ResNetCanonizer
from zennit.types import Activation, AvgPool, BatchNorm, Convolution
from zennit.types import Linear as Dense

from generator.core.errors import NotApplicable

EPSILON = 1e-2  # with less the quotients near zero are decided by rounding


@pytest.mark.parametrize("convolutions", ["z+", "alpha-beta", "epsilon"])
@pytest.mark.parametrize("name", ["alexnet", "resnet18", "squeezenet1_0", "vgg-cifar10"])
def test_relevance_is_zennits(name, convolutions, repository):

    known = known_network(name, repository.parent / "shared")
    found = known.draw(["lrp"], parameters={"lrp": {"convolutions": convolutions, "epsilon": EPSILON}})["lrp"]
    stable = Stabilizer(EPSILON)
    rule = {"z+": ZPlus(stable), "alpha-beta": AlphaBeta(2, 1, stable), "epsilon": Epsilon(EPSILON)}[convolutions]
    # first the classes that derive from others
    layers = [
        (Activation, Pass()),
        (AvgPool, Norm(EPSILON)),
        (BatchNorm, Pass()),
        (Convolution, rule),
        (Dense, Epsilon(EPSILON)),
    ]
    if name == "resnet18":
        layers = [(Sum, Norm(EPSILON)), *layers]
    canonizers = {"resnet18": [ResNetCanonizer()], "vgg-cifar10": [SequentialMergeBatchNorm()]}.get(name, [])
    model = copy.deepcopy(known.net.model)
    if name == "vgg-cifar10":  # zennit knows the mean over space only as a module
        model = nn.Sequential(model.backbone, nn.AdaptiveAvgPool2d(1), nn.Flatten(), model.classifier)
    seed = torch.zeros_like(known.logits)
    seed[0, known.target] = known.logits[0, known.target]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Gradient(model, LayerMapComposite(layers, canonizers=canonizers)) as attributor:
            _, expected = attributor(known.x.clone(), seed)
    close(found.value, expected.sum(1), 2e-3)


def test_without_biases_nothing_is_lost():
    net = tiny("functional")
    for module in net.model.modules():
        if getattr(module, "bias", None) is not None:
            module.bias.zero_()
    parameters = {"lrp": {"convolutions": "epsilon", "epsilon": 1e-9}}
    (outcome,) = outcomes(net, picture(net.input.size), ["lrp"], ["class:bee"], parameters=parameters).values()
    assert outcome.numbers["share of the score that arrived"] == pytest.approx(1, abs=1e-3)
    expected = value(net, picture(net.input.size), "gradient-x-input")  # what epsilon is for a network without biases
    close(outcome.value, expected, 2e-3)


def test_contrast_shares_the_difference_of_two_scores():
    net = tiny("residual")
    x = picture(net.input.size)
    apart = [value(net, x, "lrp", f"class:{name}") for name in ("bee", "eel")]
    close(value(net, x, "lrp", "contrast:bee:eel"), apart[0] - apart[1], 1e-4)


def test_networks_that_cannot_be_followed_are_refused():
    class Gated(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.gate, self.fc = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3), nn.Linear(4, 5)

        def forward(self, x):
            return self.fc((self.conv(x) * self.gate(x)).mean((2, 3)))

    for net, reason in (
        (loaded(Gated(), (3, 8, 8)), "multiplied with each other"),
        (tiny("smooth"), "no rule for silu"),
    ):
        (outcome,) = outcomes(net, picture(net.input.size), ["lrp"], ["top"]).values()
        assert isinstance(outcome.error, NotApplicable) and reason in str(outcome.error)


def test_an_unknown_rule_is_answered_with_those_there_are():
    net = tiny("in-place")
    with pytest.raises(ValueError, match="expected z\\+, alpha-beta or epsilon; there is 'gamma'"):
        value(net, picture(net.input.size), "lrp", parameters={"lrp": {"convolutions": "gamma"}})
