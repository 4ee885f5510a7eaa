"""FullGrad is what its authors' code computes, and adds up to the score."""

import pytest
import torch
from known_networks import close
from tiny_nets import loaded, outcomes, picture, tiny
from torch.nn import functional as F


def test_its_parts_are_those_of_pixels_and_of_each_layers_biases():
    net, x = tiny("in-place"), picture((3, 12, 18)).double()
    model = net.model.double()
    conv, _, pool, second, norm, _ = model.features
    leaf = x.clone().requires_grad_()
    first = conv(leaf)
    last = norm(second(pool(first.relu())))
    score = model.fc(last.relu().mean((2, 3)))[0, 1]
    by_pixel, by_first, by_last = torch.autograd.grad(score, [leaf, first, last])
    shift = norm.bias - norm.weight * norm.running_mean / (norm.running_var + norm.eps).sqrt()
    wanted = torch.zeros(1, 12, 18, dtype=torch.float64)
    for part in (x * by_pixel, conv.bias.view(1, -1, 1, 1) * by_first, shift.view(1, -1, 1, 1) * by_last):
        size = part.abs()
        size = (size - size.min()) / (size.max() - size.min())
        wanted += F.interpolate(size, (12, 18), mode="bilinear", align_corners=True).sum(1)
    net = tiny("in-place")
    (outcome,) = outcomes(net, x.float(), ["fullgrad"], ["class:bee"]).values()
    close(outcome.value, wanted.detach().float(), 1e-4)
    assert outcome.numbers["score"] == pytest.approx(score.item(), abs=1e-5)
    assert outcome.numbers["completeness gap"] == pytest.approx(0, abs=1e-5)
    assert outcome.numbers["layers with biases"] == 3, "a convolution without a bias adds nothing, but is a layer"


@pytest.mark.parametrize("name", ["functional", "residual", "by-convolution", "overwriting"])
def test_all_parts_add_up_to_the_score_of_a_network_of_rectifiers(name):
    net = tiny(name)
    for outcome in outcomes(net, picture(net.input.size), ["fullgrad"], ["class:cat", "contrast:bee:eel"]).values():
        assert outcome.error is None
        assert outcome.numbers["completeness gap"] == pytest.approx(0, abs=1e-5)


def test_of_smooth_networks_the_gap_is_said():
    net = tiny("smooth")
    (outcome,) = outcomes(net, picture(net.input.size), ["fullgrad"], ["class:cat"]).values()
    assert abs(outcome.numbers["completeness gap"]) > 1e-4


def test_a_flat_part_adds_nothing():
    net = loaded(
        torch.nn.Sequential(torch.nn.Conv2d(3, 5, 1), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()), (3, 4, 4)
    )
    (outcome,) = outcomes(net, torch.ones(1, 3, 4, 4), ["fullgrad"], ["class:cat"]).values()
    assert outcome.value.isfinite().all()
