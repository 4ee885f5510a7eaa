"""Averaged CAM is the mean of Grad-CAMs that are worked out one by one."""

import pytest
import torch
from known_networks import close
from tiny_nets import loaded, outcomes, picture, tiny
from torch.nn import functional as F

from generator.core.errors import NotApplicable
from generator.engine.model_card import describe
from generator.models.layers import strip_layers


@pytest.mark.parametrize("flips", [True, False])
def test_it_is_the_mean_over_layers_and_both_pictures(flips):
    net, x = tiny("in-place"), picture((3, 12, 18))
    assert strip_layers(describe(net)) == ["features.1", "features.5"]
    conv, _, pool, second, norm, _ = net.model.features
    maps = []
    for mirrored in (False, True)[: 1 + flips]:
        sample = (x.flip(3) if mirrored else x).clone().requires_grad_()
        first = conv(sample).relu()
        last = norm(second(pool(first))).relu()
        score = net.model.fc(last.mean((2, 3)))[0, 1]
        for layer, gradient in zip((first, last), torch.autograd.grad(score, [first, last]), strict=True):
            cam = torch.einsum("kij,k->ij", layer[0], gradient[0].mean((1, 2))).relu()
            cam = F.interpolate((cam / cam.max())[None, None], (12, 18), mode="bilinear", align_corners=False)[0]
            maps.append(cam.flip(2) if mirrored else cam)
    parameters = {"averaged-cam": {"flips": flips}}
    (outcome,) = outcomes(net, x, ["averaged-cam"], ["class:bee"], parameters=parameters).values()
    close(outcome.value, torch.stack(maps).mean(0).detach(), 1e-5)
    assert outcome.numbers == {"maps": 2 + 2 * flips}


def test_the_mirror_image_has_the_mirrored_map():
    net, x = tiny("residual"), picture((3, 14, 18))
    one, other = (
        next(iter(outcomes(net, sample, ["averaged-cam"], ["class:bee"]).values())).value for sample in (x, x.flip(3))
    )
    close(other.flip(2), one, 1e-5)


def test_a_pixel_is_asked_about_without_the_mirror_image():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Conv2d(3, 6, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(6, 5, 1))
    net, x = loaded(model, (3, 6, 8)), picture((3, 6, 8))
    (refused,) = outcomes(net, x, ["averaged-cam"], ["pixel:1:2"]).values()
    assert isinstance(refused.error, NotApplicable) and "another one in the mirror image" in str(refused.error)
    alone = {"averaged-cam": {"flips": False}}
    (outcome,) = outcomes(net, x, ["averaged-cam"], ["pixel:1:2"], parameters=alone).values()
    assert outcome.error is None and outcome.value.shape == (1, 6, 8)
