"""Relevance is shared as zennit shares it, and where it cannot be followed the method says so."""

import copy
import warnings

import pytest
import torch
from known_networks import close, known_network
from tiny_nets import loaded, outcomes, picture, tiny, value
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
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


@pytest.mark.parametrize("convolutions", ["z+", "alpha-beta", "epsilon"])
def test_relevance_passes_padding_and_residual_blocks_as_zennits_does(convolutions, repository):
    known = known_network("efficientnet-lite0", repository.parent / "shared")
    found = known.draw(["lrp"], parameters={"lrp": {"convolutions": convolutions, "epsilon": EPSILON}})["lrp"]
    stable = Stabilizer(EPSILON)
    rule = {"z+": ZPlus(stable), "alpha-beta": AlphaBeta(2, 1, stable), "epsilon": Epsilon(EPSILON)}[convolutions]
    layers = [(Sum, Norm(EPSILON)), (Activation, Pass()), (AvgPool, Norm(EPSILON))]
    layers += [(Convolution, rule), (Dense, Epsilon(EPSILON))]
    model = copy.deepcopy(known.net.model)
    for unit in [module for module in model.modules() if hasattr(module, "bn")]:
        # torch merges batch norms: what zennit leaves of them still divides by the root of 1 + eps, here 1.001
        unit.conv, unit.bn = fuse_conv_bn_eval(unit.conv, unit.bn), nn.Identity()
    *body, classifier = (_summing(module) for module in model.children())
    model = nn.Sequential(*body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), classifier)
    seed = torch.zeros_like(known.logits)
    seed[0, known.target] = known.logits[0, known.target]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Gradient(model, LayerMapComposite(layers)) as attributor:
            _, expected = attributor(known.x.clone(), seed)
    close(found.value, expected.sum(1), 2e-3)


def _summing(module):
    """A residual block whose sum is a module, the only kind of sum that zennit has a rule for; others as they are."""
    if not getattr(module, "residual", False):
        return module
    block = nn.Module()
    block.expand, block.depthwise, block.project = module.expand, module.depthwise, module.project
    block.sum = Sum()
    block.forward = lambda x: block.sum(torch.stack([x, block.project(block.depthwise(block.expand(x)))], dim=-1))
    return block


def test_relevance_on_padding_is_lost():
    class Padded(nn.Module):
        def __init__(self, padding):
            super().__init__()
            self.conv, self.fc = nn.Conv2d(3, 4, 3, bias=False), nn.Linear(4, 5, bias=False)
            self.padding = padding

        def forward(self, x):
            return self.fc(self.conv(nn.functional.pad(x, (0, 1, 0, 1), value=self.padding)).relu().mean((2, 3)))

    torch.manual_seed(0)
    model = Padded(0.0)
    shares = {}
    for padding in (0.0, 2.0):
        model.padding = padding
        net = loaded(model, (3, 8, 8))
        parameters = {"lrp": {"convolutions": "epsilon", "epsilon": 1e-9}}
        (outcome,) = outcomes(net, picture(net.input.size), ["lrp"], ["top"], parameters=parameters).values()
        assert outcome.value.shape == (1, 8, 8)
        shares[padding] = outcome.numbers["share of the score that arrived"]
    assert shares[0.0] == pytest.approx(1, abs=1e-3)
    assert abs(shares[2.0] - 1) > 0.01


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
