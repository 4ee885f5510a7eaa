"""Derived networks differ from theirs in just what their name says, and have digests of their own."""

import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from torch import nn

from generator.core.errors import ModelError
from generator.core.records import Network
from generator.models import derive, weights
from generator.models.load import load
from generator.models.specs import network_slug, resolve

BUNDLED = Network("vgg-cifar10", "bundled:vgg-cifar10")


@pytest.fixture(scope="module")
def dense():
    return load(BUNDLED)


def flat(model):
    return torch.cat([layer.weight.flatten() for layer in derive.weighted(model)])


def test_global_pruning_zeroes_the_smallest_half_and_nothing_else(dense):
    before = {name: tensor.clone() for name, tensor in dense.model.state_dict().items()}
    pruned = load(resolve("vgg-cifar10~pruned-50"))
    whole, left = flat(dense.model), flat(pruned.model)
    threshold = whole.abs().sort().values[len(whole) // 2 - 1]  # the largest of those to go
    assert int((left == 0).sum()) == len(whole) // 2 == 4_611_424
    assert (left[whole.abs() < threshold] == 0).all()
    assert torch.equal(left[whole.abs() > threshold], whole[whole.abs() > threshold])
    others = [name for name in before if before[name].ndim < 2]
    assert all(torch.equal(pruned.model.state_dict()[name], before[name]) for name in others)
    assert [name for name, _ in pruned.model.named_buffers()] == [name for name, _ in dense.model.named_buffers()]
    assert (pruned.slug, pruned.derived_from) == ("vgg-cifar10~pruned-50", "vgg-cifar10")
    assert pruned.title == "VGG-like, CIFAR-10, 50 % pruned"


def test_layer_pruning_zeroes_the_same_share_of_each_layer(dense):
    pruned = load(replace(BUNDLED, derive=(("prune-layer", 0.9),)))
    for whole, left in zip(derive.weighted(dense.model), derive.weighted(pruned.model), strict=True):
        count = round(0.9 * whole.weight.numel())
        threshold = whole.weight.abs().flatten().sort().values[count - 1]
        assert int((left.weight == 0).sum()) == count
        kept = whole.weight.abs() > threshold
        assert torch.equal(left.weight[kept], whole.weight[kept])
    assert pruned.slug == "vgg-cifar10~pruned-layer-90" == network_slug(resolve("vgg-cifar10~pruned-layer-90"))


@pytest.mark.parametrize("step", [("prune-global", 0.5), ("prune-layer", 0.5), ("randomise", 2), ("randomise", -1)])
def test_the_original_of_a_derived_network_stays_as_it_is(step):
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 2))
    before = weights.digest(model)
    assert weights.digest(derive.derive(model, (step,))) != before == weights.digest(model)


def test_randomising_goes_from_the_top_downwards(dense):
    def drawn(network):
        loaded = load(network).model.state_dict()
        return {name: value for name, value in loaded.items() if not torch.equal(value, dense.model.state_dict()[name])}

    one, three = (drawn(resolve(f"vgg-cifar10~random-top-{top}")) for top in (1, 3))
    assert set(one) == {"classifier.weight", "classifier.bias"}
    assert {name.rpartition(".")[0] for name in three} == {"classifier", "backbone.bn7", "backbone.conv7"}
    assert all(torch.equal(three[name], one[name]) for name in one)


@pytest.mark.parametrize(
    "name, changes, slug, parent",
    [
        ("vgg-cifar10", {}, "vgg-cifar10", ""),
        ("vgg-cifar10", {"weights": "random"}, "vgg-cifar10~random", "vgg-cifar10"),
        ("mine~v2", {"derive": (("prune-layer", 0.29),)}, "mine~v2~pruned-layer-29", "mine~v2"),
        ("a~random", {"weights": "random", "derive": (("prune-global", 0.5),)}, "a~random~pruned-50", "a~random"),
        ("a~random-top-3~pruned-50", {"derive": (("randomise", 3), ("prune-global", 0.5))}, "", "a~random-top-3"),
    ],
)
def test_a_name_says_each_change_once(name, changes, slug, parent):
    loaded = load(replace(BUNDLED, name=name, title="Title", **changes))
    assert (loaded.slug, loaded.derived_from) == (slug or name, parent)
    assert loaded.title.count(",") == loaded.slug.replace("mine~v2", "mine").count("~"), (
        "the title says each of them too"
    )


def test_all_layers_random_is_the_network_with_random_weights():
    spelled = resolve("vgg-cifar10~random")
    stepped = replace(BUNDLED, derive=(("randomise", -1),))
    assert load(spelled).digest == load(stepped).digest
    assert network_slug(spelled) == network_slug(stepped) == "vgg-cifar10~random"


def test_the_numbers_of_a_pruned_network():
    model = nn.Sequential(nn.Conv2d(1, 2, 2, bias=False), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 1))
    with torch.no_grad():
        model[0].weight[0] = 0
    assert derive.nonzero(model) == (12, 16)


@pytest.mark.parametrize(
    "step, message",
    [
        (("prune-global", 1.5), "1.5: expected a share between 0 and 1"),
        (("randomise", 99), "99 layers: expected 1 to 17"),
        (("quantise", 8), "'quantise': expected prune-global, prune-layer, randomise"),
    ],
)
def test_a_step_that_makes_no_sense_is_told(step, message):
    with pytest.raises(ModelError, match=message):
        load(replace(BUNDLED, derive=(step,)))


def test_digests_agree_between_processes_and_differ_between_networks(dense):
    name = "vgg-cifar10~random-top-2"
    code = "from generator.models.load import load; from generator.models.specs import resolve;"
    code += f"print(load(resolve({name!r})).digest)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == load(resolve(name)).digest != dense.digest
