"""Real networks, seeded or trained, that the oracles are asked about, and how alike two answers are."""

import copy
import warnings
from functools import cache

import pytest
import torch
from tiny_nets import outcomes, picture
from torch import nn

from generator.core.records import Input, Network
from generator.engine.model_card import describe
from generator.models.load import load

SEEDED = ["alexnet", "resnet18", "googlenet", "densenet121", "squeezenet1_0", "mobilenet_v2"]
TRAINED = ["vgg-cifar10", "squeezenet1_0-imagenet", "efficientnet-lite0"]
SHARED = "vanilla-backprop gradient-x-input saliency signed-gradient guided-backprop deconvnet cam grad-cam eigen-cam "
SHARED += "grad-cam-plus-plus xgrad-cam hires-cam layer-cam eigengrad-cam guided-grad-cam"


@cache
def known_network(name, shared_folder):
    """A network is loaded once for all tests of this file."""
    return Known(name, shared_folder)


class Known:
    """One network, one picture, and what the scene made of it for one class."""

    def __init__(self, name, shared_folder):
        self.name = name
        self.net = load(_network(name, shared_folder))
        if name in SEEDED:
            _calibrate(self.net.model, self.net.input.size)
        self.card = describe(self.net)
        self.x = picture(self.net.input.size)
        with torch.no_grad():
            self.logits = self.net.model(self.x)
        self.target = int(self.logits.argmax())
        self.symbol = f"class:{self.card.classes[self.target]}"
        self.found = self.draw(SHARED.split())

    def draw(self, methods, **more):
        made = outcomes(self.net, self.x, methods, [self.symbol], card=self.card, **more)
        return {slug: outcome for (slug, _, _), outcome in made.items()}

    def value(self, slug):
        outcome = self.found[slug]
        assert outcome.error is None, outcome.error
        return outcome.value

    @property
    def last(self):
        """A copy of the model, and the module of it that gives out the default layer's tensor."""
        model = copy.deepcopy(self.net.model).requires_grad_()  # what is hooked must lie on a graph
        if self.name == "densenet121":  # there it is a function's; the same network with a module in its place
            rest = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), model.classifier)
            model = nn.Sequential(model.features, nn.ReLU(), rest).eval()
            return model, model[1]
        places = {"resnet18": "layer4.1", "googlenet": "inception5b", "vgg-cifar10": "backbone.relu7"}
        places |= {"alexnet": "features.11", "mobilenet_v2": "features.18", "efficientnet-lite0": "head.relu"}
        return model, model.get_submodule(places.get(self.name, "features.12"))


def _network(name, shared_folder):
    size = Input((3, 64, 96), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))  # higher than wide, and quick
    if name == "vgg-cifar10":
        return Network(name, "bundled:vgg-cifar10")
    if name == "efficientnet-lite0":
        return Network(name, "bundled:efficientnet-lite0", input=size)
    if name in SEEDED:
        return Network(name, f"torchvision:{name}", weights="random", input=size)
    architecture, _, _ = name.partition("-")
    weights = shared_folder / "weights" / f"{name}.safetensors"
    if not weights.is_file():
        pytest.skip(f"needs {weights.name}, trained weights too big to be kept in the repository")
    return Network(architecture, f"torchvision:{architecture}", weights=str(weights), input=size)


def _calibrate(model, size):
    """Batch norms that norm, as after training: else the signal of a network with random weights dies on its way."""
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.train().momentum = None  # the plain mean over the batches, here one
        norm.reset_running_stats()
    with torch.no_grad():
        model(torch.cat([picture(size, seed) for seed in range(1, 4)]))
    model.eval()


def close(found, expected, tolerance):
    """Equal within a share of the largest value, which is not zero."""
    found, expected = torch.as_tensor(found).double(), torch.as_tensor(expected).double()
    assert found.shape == expected.shape
    largest = float(expected.abs().max())
    assert largest > 0, "a picture of nothing proves nothing"
    deviation = float((found - expected).abs().max()) / largest
    assert deviation <= tolerance, f"differs by {deviation:.2g} of the maximum"


def quietly(attribution, *args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # captum tells that it sets hooks
        return attribution(*args, **kwargs).detach()
