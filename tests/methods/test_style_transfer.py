"""Style transfer: its parts against slow derivations, its layers by role, and pictures that take on the style."""

from dataclasses import replace

import pytest
import torch
from tiny_nets import CARDS, loaded, picture, tiny, value
from torch import nn

from generator.core.errors import NotApplicable
from generator.engine.model_card import describe
from generator.engine.model_handle import Driven
from generator.engine.progress import watched
from generator.methods.style_transfer import Goal, gram, relative, roles, style_transfer
from generator.models.load import Loaded, load
from generator.models.specs import resolve


def driven(net):
    return Driven(net, describe(net), 4)


@pytest.fixture(scope="module")
def small():
    """A tiny network, a photograph and a style of other sizes."""
    draws = torch.Generator().manual_seed(1)
    photo, style = (torch.rand(1, 3, *size, generator=draws) for size in ((14, 20), (18, 16)))
    return driven(tiny("in-place")), photo * 2 - 1, (style * 2 - 1).round()


def transfer(network, photo, manner, **more):
    told = []
    with torch.no_grad():
        result, frames = watched(style_transfer(network, lambda side: photo, lambda side: manner, **more), told.append)
    return *result, frames, told


def test_a_gram_matrix_is_the_mean_product_of_two_channels():
    activation = torch.randn(1, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    found = gram(activation)
    for one in range(3):
        for other in range(3):
            products = [
                activation[0, one, row, column] * activation[0, other, row, column]
                for row in range(4)
                for column in range(5)
            ]
            assert torch.isclose(found[one, other], sum(products) / (3 * 4 * 5), atol=1e-6)


def test_distances_are_told_in_parts_of_what_is_wanted():
    wanted = torch.tensor([[3.0, 4.0]])
    assert relative(wanted, wanted) == 0
    assert relative(torch.zeros(1, 2), wanted) == 1
    assert torch.isclose(relative(wanted + torch.tensor([[1.0, 0.0]]), wanted), torch.tensor(1 / 25))


def test_the_gradient_is_that_of_finite_differences(small):
    network, photo, style = small
    exact = Loaded(**{**vars(network._loaded), "model": network.copy().model.double().requires_grad_(False)})
    photo, style = photo.double(), style.double()
    kept, painted = roles(network)
    with torch.no_grad():
        goal = Goal(Driven(exact, network.card, 4), kept, painted, photo, style, 50.0, 1.0)
    draws = torch.Generator().manual_seed(2)
    x = photo + 0.3 * torch.randn(photo.shape, generator=draws, dtype=torch.float64)
    _, gradient = goal.gradient(x)
    for _ in range(4):
        along = torch.randn(x.shape, generator=draws, dtype=torch.float64)
        step = 1e-6
        with torch.no_grad():
            slope = (goal.value(x + step * along) - goal.value(x - step * along)) / (2 * step)
        assert torch.isclose((gradient * along).sum(), slope, rtol=1e-5)


def test_a_default_run_ends_nearer_to_the_style_and_shows_how_it_came(small):
    made, numbers, frames, told = transfer(*small, steps=20)
    assert numbers["objective after"] < 0.5 * numbers["objective before"]
    assert numbers["style missed"] < numbers["objective before"] / 50
    assert made.shape == small[1].shape and 0 <= made.min() < made.max() <= 1
    assert [step.number for step in told] == [5, 10, 15, 20]
    assert len(frames) == 3 and not torch.equal(frames[0], made)


def test_it_is_the_same_on_every_run_and_leaves_the_photograph_as_it_was(small):
    before = small[1].clone()
    first, again = (transfer(*small, steps=10)[0] for _ in range(2))
    assert torch.equal(first, again) and torch.equal(small[1], before)


def test_without_weight_for_the_style_the_photograph_stays(small):
    network, photo, style = small
    made = transfer(network, photo, style, steps=10, style=0.0, smooth=0.0)[0]
    assert torch.equal(made, network.rgb(photo))


def test_layers_are_found_by_their_role():
    bundled = resolve("vgg-cifar10")
    network = driven(load(replace(bundled, weights="random")))
    kept, painted = roles(network)
    assert painted == tuple(f"backbone.relu{number}" for number in (0, 2, 4, 6)), "the first of each resolution"
    assert kept == "backbone.relu5", "the second of the last resolution but one"


def test_of_vgg16_they_are_those_of_the_paper():
    layers, channels, names = [], 3, {}
    for block, count in enumerate((2, 2, 3, 3, 3), 1):
        for number in range(1, count + 1):
            layers += [nn.Conv2d(channels, 4 * block, 3, padding=1), nn.ReLU(inplace=True)]
            channels, names[f"conv{block}_{number}"] = 4 * block, f"{len(layers) - 1}"  # what comes out of its ReLU
        layers.append(nn.MaxPool2d(2))
    net = loaded(nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels, 5)), (3, 32, 32), "thin-vgg16")
    kept, painted = roles(driven(net))
    assert painted == tuple(names[f"conv{block}_1"] for block in range(1, 6))
    assert kept == names["conv4_2"]


def test_layers_can_be_named_and_wrong_names_are_told(small):
    network = small[0]
    assert roles(network, "features.1", ("features.5",)) == ("features.1", ("features.5",))
    with pytest.raises(NotApplicable, match="has no layer 'features.99'"):
        roles(network, "features.99")
    with pytest.raises(NotApplicable, match="'fc' of in-place has no space"):
        roles(network, "", ("fc",))
    with pytest.raises(NotApplicable, match="no convolution whose result has space"):
        roles(driven(tiny("spaceless")))


def test_in_a_scene_it_paints_the_image_in_each_style_that_is_asked_for():
    net = tiny("in-place")
    x = picture(net.input.size)
    made = value(net, x, "style-transfer", parameters={"style-transfer": {"steps": 5}})
    assert made.shape == (1, 3, 2 * x.shape[2], 2 * x.shape[3]), "the whole photograph, larger than the input"
    assert CARDS["style-transfer"].axes == ("image", "style")
