"""Methods of many passes: captum's numbers or a plain loop's, whatever the chunks; and they say how sure they are."""

import copy
import warnings

import captum.attr as captum
import numpy as np
import pytest
import torch
from known_networks import close, known_network, quietly
from tiny_nets import outcomes, picture, tiny, value

SMALL = ["resnet18", "mobilenet_v2", "vgg-cifar10", "efficientnet-lite0"]


@pytest.fixture(scope="module", params=SMALL)
def small(request, repository):
    return known_network(request.param, repository.parent / "shared")


def test_integrated_gradients_are_captums(small):
    outcome = small.draw(["integrated-gradients"], parameters={"integrated-gradients": {"nodes": 20}})[
        "integrated-gradients"
    ]
    made = captum.IntegratedGradients(copy.deepcopy(small.net.model))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = made.attribute(
            small.x, target=small.target, n_steps=20, method="gausslegendre", internal_batch_size=8
        )
    close(outcome.value, expected.detach().sum(1), 1e-4)
    zero = small.net.model(torch.zeros_like(small.x))[0, small.target]
    gap = float(outcome.value.double().sum()) - float(small.logits[0, small.target] - zero)
    assert outcome.numbers["completeness gap"] == pytest.approx(gap, abs=1e-3)


@pytest.mark.parametrize(("window", "stride"), [(16, 8), (10, 7)])
def test_occlusion_is_captums_on_pictures_that_are_not_square(small, window, stride):
    parameters = {"occlusion": {"window": window, "stride": stride}}
    found = small.draw(["occlusion"], parameters=parameters)["occlusion"].value
    made = captum.Occlusion(copy.deepcopy(small.net.model))
    expected = quietly(
        made.attribute, small.x, (3, window, window), (3, stride, stride), target=small.target, perturbations_per_eval=8
    )
    close(found, expected.mean(1), 1e-4)


@pytest.mark.parametrize("kind", ["black", "white", "grey", "blur"])
def test_other_baselines_are_captums_too(kind, repository):
    net = known_network("vgg-cifar10", repository.parent / "shared")
    parameters = {
        "integrated-gradients": {"nodes": 8, "start": kind},
        "occlusion": {"window": 12, "stride": 10, "cover": kind},
    }
    found = net.draw(list(parameters), parameters=parameters)
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (net.net.input.mean, net.net.input.std))
    colour = {"black": 0.0, "white": 1.0, "grey": 0.5}.get(kind)
    if colour is None:
        photo = net.x[0].permute(1, 2, 0).double().numpy()
        side = photo.shape[0]
        weights = np.exp(-(np.subtract.outer(np.arange(side), np.arange(side)) ** 2) / (2 * (side / 8) ** 2))
        weights /= weights.sum(1, keepdims=True)
        empty = torch.from_numpy(np.einsum("ab,bcd,ec->aed", weights, photo, weights)).permute(2, 0, 1)[None].float()
    else:
        empty = ((colour - mean) / std).expand_as(net.x)
    made = captum.IntegratedGradients(copy.deepcopy(net.net.model))
    expected = quietly(
        made.attribute, net.x, empty, target=net.target, n_steps=8, method="gausslegendre", internal_batch_size=8
    )
    close(found["integrated-gradients"].value, expected.detach().sum(1), 1e-3)  # parts of white cancel
    covered = captum.Occlusion(copy.deepcopy(net.net.model))
    expected = quietly(
        covered.attribute, net.x, (3, 12, 12), (3, 10, 10), empty, target=net.target, perturbations_per_eval=8
    )
    close(found["occlusion"].value, expected.mean(1), 1e-4)


def test_smoothgrad_is_the_mean_of_gradients_of_noisy_copies(small):
    parameters = {"smoothgrad": {"n": 6, "sigma": 0.2}}
    found = small.draw(["smoothgrad"], parameters=parameters, chunk=1)["smoothgrad"].value
    width = 0.2 * float(small.x.max() - small.x.min())
    total = torch.zeros_like(small.x, dtype=torch.float64)
    for index in range(6):
        noise = torch.randn(small.x.shape, generator=torch.Generator().manual_seed(1_000_003 * (index + 1)))
        x = (small.x + width * noise).requires_grad_()
        total += torch.autograd.grad(small.net.model(x)[0, small.target], x)[0].double()
    close(found, total / 6, 1e-5)


def test_one_copy_without_noise_is_the_gradient(small):
    found = small.draw(["smoothgrad"], parameters={"smoothgrad": {"n": 1, "sigma": 0.0}})["smoothgrad"].value
    assert torch.equal(found, small.value("vanilla-backprop"))


# --- on small networks ---------------------------------------------------------------------------------


def test_occlusion_by_default_covers_a_picture_that_is_not_square():
    net = tiny("in-place")
    x = picture(net.input.size)  # 12 x 18
    found = outcomes(net, x, ["occlusion"], ["class:bee"])
    (outcome,) = found.values()
    assert outcome.numbers == {"window": 3, "stride": 1, "positions": 10 * 16}
    height, width = x.shape[2:]
    score = lambda sample: float(net.model(sample)[0, 1])  # noqa: E731 (a name for what the loop below asks)
    falls, count = np.zeros((height, width)), np.zeros((height, width))
    for top in range(height - 2):
        for left in range(width - 2):
            hidden = x.clone()
            hidden[:, :, top : top + 3, left : left + 3] = 0
            falls[top : top + 3, left : left + 3] += score(x) - score(hidden)
            count[top : top + 3, left : left + 3] += 1
    close(outcome.value[0], falls / count, 1e-4)


def test_rise_is_the_mean_score_of_the_masks_that_show_a_pixel():
    net = tiny("functional")
    x = picture(net.input.size)
    found = value(net, x, "rise", parameters={"rise": {"masks": 40, "cells": 4}})
    generators = [torch.Generator().manual_seed(1_000_003 * (index + 1)) for index in range(40)]
    tall, wide = 4, 5  # 14 x 18 pixels in 4 x 4 cells, rounded up
    scores, masks = [], []
    for generator in generators:
        grid = (torch.rand(1, 1, 5, 5, generator=generator) < 0.5).float()
        large = torch.nn.functional.interpolate(grid, (5 * tall, 5 * wide), mode="bilinear", align_corners=False)
        top, left = (int(torch.randint(side, (), generator=generator)) for side in (tall, wide))
        masks.append(large[0, 0, top : top + 14, left : left + 18].double())
        scores.append(float(net.model(x * masks[-1].float())[0, 1]))
    seen = sum(masks)
    expected = sum(score * mask for score, mask in zip(scores, masks, strict=True)) / seen - np.mean(scores)
    assert seen.min() > 0
    close(found[0], expected, 1e-4)


@pytest.mark.parametrize("method", ["smoothgrad", "rise"])
def test_chance_is_seeded_for_each_sample(method):
    net = tiny("residual")
    x = picture(net.input.size)
    count = {"smoothgrad": "n", "rise": "masks"}[method]
    draw = lambda seed, chunk: value(net, x, method, chunk=chunk, parameters={method: {count: 9, "seed": seed}})  # noqa: E731
    before = torch.get_rng_state()
    assert torch.equal(draw(0, 4), draw(0, 4))
    close(draw(0, 4), draw(0, 1), 1e-4)
    assert (draw(0, 4) - draw(1, 4)).abs().max() > 0.01 * draw(0, 4).abs().max()
    assert torch.equal(before, torch.get_rng_state())


def test_the_spread_over_seeds_is_what_other_seeds_show():
    net = tiny("functional")
    x = picture(net.input.size)
    found = [
        next(iter(outcomes(net, x, ["smoothgrad"], ["class:bee"], parameters={"smoothgrad": {"seed": seed}}).values()))
        for seed in range(12)
    ]
    pictures = torch.stack([outcome.value for outcome in found]).double()
    measured = float(pictures.var(0).mean().sqrt() / pictures.mean(0).square().mean().sqrt())
    told = np.mean([outcome.numbers["spread over seeds"] for outcome in found])
    assert 0 < told == pytest.approx(measured, rel=0.2)


@pytest.mark.parametrize(("method", "least"), [("smoothgrad", 8), ("integrated-gradients", 8)])
def test_methods_that_converge_show_how(method, least):
    net = tiny("residual")
    (outcome,) = outcomes(net, picture(net.input.size), [method], ["class:bee"]).values()
    assert least <= len(outcome.frames) <= 16
    distances = [float((frame - outcome.value).norm()) for frame in outcome.frames]
    assert distances[-1] < 0.5 * distances[0]
    assert {frame.shape for frame in outcome.frames} == {outcome.value.shape}


def test_integrated_gradients_are_complete():
    net = tiny("one-channel")
    (outcome,) = outcomes(net, picture(net.input.size), ["integrated-gradients"], ["class:bee"]).values()
    rise, gap = outcome.numbers["rise of the score"], outcome.numbers["completeness gap"]
    assert abs(rise) > 0 and abs(gap) < 0.02 * abs(rise)
    assert float(outcome.value.sum()) == pytest.approx(rise + gap, abs=1e-5)
