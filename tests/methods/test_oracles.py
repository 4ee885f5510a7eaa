"""Every formula on real networks, against the library that people would ask otherwise, or against a slow derivation."""

import copy

import captum.attr as captum
import numpy as np
import pytest
import pytorch_grad_cam as pgc
import torch
from known_networks import SEEDED, TRAINED, close, known_network, quietly
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import nn
from torch.nn import functional as F


@pytest.fixture(scope="module", params=[*SEEDED, *TRAINED])
def known(request):
    return known_network(request.param, request.getfixturevalue("repository").parent / "shared")


# --- gradients at the input ----------------------------------------------------------------------------


def test_vanilla_backprop_is_autograd_bit_for_bit(known):
    x = known.x.clone().requires_grad_()
    (native,) = torch.autograd.grad(known.net.model(x)[0, known.target], x)
    assert torch.equal(known.value("vanilla-backprop"), native)
    assert torch.equal(known.value("saliency"), native.abs().sum(1))
    assert torch.equal(known.value("signed-gradient"), native.sum(1))


def test_gradient_times_input_is_captums(known):
    attribution = captum.InputXGradient(copy.deepcopy(known.net.model)).attribute
    expected = quietly(attribution, known.x.clone().requires_grad_(), target=known.target)
    close(known.value("gradient-x-input"), expected.sum(1), 1e-6)


RELU6 = {"mobilenet_v2", "efficientnet-lite0"}
# All their ReLUs are modules, and not ReLU6: captum catches no others.
CATCHES = {"alexnet", "resnet18", "squeezenet1_0", *TRAINED} - RELU6


@pytest.mark.parametrize(
    ("slug", "make"), [("guided-backprop", captum.GuidedBackprop), ("deconvnet", captum.Deconvolution)]
)
def test_relu_rules_are_captums_where_it_catches_every_relu(known, slug, make):
    expected = quietly(
        make(copy.deepcopy(known.net.model)).attribute, known.x.clone().requires_grad_(), target=known.target
    )
    if known.name in CATCHES:
        assert torch.equal(known.value(slug), expected)
    if known.name in {"googlenet", *RELU6}:  # it silently gives the plain gradient
        assert torch.equal(known.value("vanilla-backprop"), expected)
        assert (known.value(slug) - expected).abs().max() > 0.1 * expected.abs().max()


COUNTS = {"alexnet": 7, "resnet18": 17, "googlenet": 57, "densenet121": 121, "mobilenet_v2": 35, "vgg-cifar10": 8}
COUNTS |= {"efficientnet-lite0": 33}


@pytest.mark.parametrize("slug", ["guided-backprop", "deconvnet"])
@pytest.mark.parametrize("name", sorted(RELU6))
def test_relu_rules_reach_relu6_as_backward_hooks_on_its_modules_do(name, slug, repository):
    known = known_network(name, repository.parent / "shared")
    model = copy.deepcopy(known.net.model).requires_grad_()

    def ruled(module, given, arrived):
        (back,) = given if slug == "guided-backprop" else arrived
        return (back.relu() if slug == "deconvnet" else back * (arrived[0] > 0),)

    for module in model.modules():
        if isinstance(module, nn.ReLU6):
            module.inplace = False
            module.register_full_backward_hook(ruled)
    x = known.x.clone().requires_grad_()
    (expected,) = torch.autograd.grad(model(x)[0, known.target], x)
    assert torch.equal(known.value(slug), expected)


def test_the_picture_says_how_many_rectifiers_obeyed(known):
    count = COUNTS.get(known.name, 26)
    for slug in ("guided-backprop", "deconvnet", "guided-grad-cam"):
        assert known.found[slug].numbers["rectifiers"] == f"{count} of {count}"


def test_guided_grad_cam_is_the_product_of_both_and_captums(known):
    place = F.interpolate(known.value("grad-cam")[:, None], known.x.shape[2:], mode="bilinear", align_corners=False)
    product = torch.stack([channel * place[0, 0] for channel in known.value("guided-backprop")[0]])
    close(known.value("guided-grad-cam")[0], product, 1e-6)
    if known.name in CATCHES:
        model, layer = known.last
        made = captum.GuidedGradCam(model, layer)
        options = {"target": known.target, "interpolate_mode": "bilinear"}
        expected = quietly(made.attribute, known.x.clone().requires_grad_(), **options)
        close(known.value("guided-grad-cam"), expected, 2e-3)


# --- class activation maps -----------------------------------------------------------------------------


def activation_and_gradient(known):
    """A and G of the default layer by plain hooks, (1, K, h, w) in float64."""
    model, layer = known.last
    kept = []

    def keep(module, inputs, output):
        kept.append(output)
        return output.clone()  # so that no later in-place call overwrites it

    layer.register_forward_hook(keep)
    (gradient,) = torch.autograd.grad(model(known.x)[0, known.target], kept[0])
    return kept[0].detach().double(), gradient.double()


def test_grad_cam_is_captums(known):
    model, layer = known.last
    attribution = captum.LayerGradCam(model, layer).attribute
    expected = quietly(attribution, known.x.clone().requires_grad_(), target=known.target, relu_attributions=True)
    close(known.value("grad-cam"), expected[:, 0], 2e-3)


def scaled(cam):
    return (cam - cam.min()) / (cam.max() - cam.min())


def theirs(known, make, place=""):
    """A map of pytorch-grad-cam, from 0 to 1 and of the input's size."""
    model, layer = known.last
    layer = model.get_submodule(place) if place else layer
    for module in model.modules():  # it reads what it has hooked only after the pass
        if hasattr(module, "inplace"):
            module.inplace = False
    with make(model=model, target_layers=[layer]) as cam:
        return cam(known.x.clone(), targets=[ClassifierOutputTarget(known.target)])


def ours(known, slug, found=None):
    """Our map, scaled and resized in the same way."""
    cam = scaled(known.value(slug) if found is None else found)
    return scaled(F.interpolate(cam[:, None], known.x.shape[2:], mode="bilinear", align_corners=False)[:, 0])


@pytest.mark.parametrize(
    ("slug", "make"),
    [
        ("grad-cam", pgc.GradCAM),
        ("xgrad-cam", pgc.XGradCAM),
        ("hires-cam", pgc.HiResCAM),
        ("layer-cam", pgc.LayerCAM),
    ],
)
def test_maps_are_those_of_pytorch_grad_cam(known, slug, make):
    close(ours(known, slug), theirs(known, make), 6e-3)


@pytest.mark.parametrize(("slug", "make"), [("eigen-cam", pgc.EigenCAM), ("eigengrad-cam", pgc.EigenGradCAM)])
def test_principal_components_are_those_of_pytorch_grad_cam_but_for_their_sign(known, slug, make, monkeypatch):
    kept = []
    plain = make.get_cam_image
    monkeypatch.setattr(make, "get_cam_image", lambda *args, **kwargs: kept.append(plain(*args, **kwargs)) or kept[0])
    theirs(known, make)
    component = torch.as_tensor(np.asarray(kept[0], np.float64)).reshape(known.value(slug).shape)
    mean = np.sign(float((component * known.value(slug)).sum()))
    close(known.value(slug), (mean * component).relu(), 2e-3)


def test_grad_cam_plus_plus_is_the_papers_sum_in_double(known):
    activation, gradient = activation_and_gradient(known)
    expected = torch.zeros(activation.shape[2:], dtype=torch.float64)
    for a, g in zip(activation[0], gradient[0], strict=True):
        below = 2 * g**2 + a.sum() * g**3
        weight = sum(
            float(g_ij**2 / b_ij) * max(0.0, float(g_ij))
            for g_ij, b_ij in zip(g.flatten(), below.flatten(), strict=True)
            if b_ij > 0
        )
        expected += weight * a
    close(known.value("grad-cam-plus-plus")[0], expected.relu(), 1e-3)


def test_cam_is_the_classifier_laid_over_the_last_maps(known):
    if known.name == "alexnet":
        assert "global average pooling" in str(known.found["cam"].error)
        return
    activation, _ = activation_and_gradient(known)
    model = known.net.model
    layers = [module for module in model.modules() if isinstance(module, nn.Linear)]
    weight = layers[-1].weight if layers else model.classifier[1].weight[:, :, 0, 0]
    row, expected = weight[known.target].double(), torch.zeros(activation.shape[2:], dtype=torch.float64)
    for k in range(activation.shape[1]):
        expected += row[k] * activation[0, k]
    close(known.value("cam")[0], expected.relu(), 1e-5)
    if layers and known.name != "vgg-cifar10":  # there a max-pool stands between
        bias = float(layers[-1].bias[known.target])
        assert float(expected.mean()) + bias == pytest.approx(float(known.logits[0, known.target]), abs=1e-3)


@pytest.mark.parametrize(("slug", "make"), [("score-cam", pgc.ScoreCAM), ("ablation-cam", pgc.AblationCAM)])
@pytest.mark.parametrize(
    ("name", "layer", "place"),  # at most 144 channels, each a pass
    [
        ("squeezenet1_0", "features.3.cat@1", "features.3"),
        ("efficientnet-lite0", "block3.expand.relu", "block3.expand.relu"),
    ],
)
def test_maps_that_try_every_channel_are_those_of_pytorch_grad_cam(slug, make, name, layer, place, repository):
    known = known_network(name, repository.parent / "shared")
    outcome = known.draw([slug], layer=layer)[slug]
    close(ours(known, slug, outcome.value), theirs(known, make, place), 2e-3)
