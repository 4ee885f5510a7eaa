"""The effect of a channel on a class score is what a slow search finds: by hooks, by changes, by the weights."""

import copy
import dataclasses

import broken_nets
import numpy as np
import pytest
import tiny_nets
import torch

from generator.analysis.probe import class_effects as probed
from generator.analysis.probe.class_effects import class_effects, strongest
from generator.analysis.probe.dataset import Pictures
from generator.analysis.probe.forward_pass import watched_layers
from generator.data.batches import normalised
from generator.engine.model_card import describe

SIZE = (3, 12, 18)


def pictures_of(count, size=SIZE):
    """Random pictures of the size that the network takes."""
    crops = np.random.default_rng(3).integers(0, 256, (count, *size[1:], size[0]), dtype=np.uint8)
    names = tuple(f"{number}.png" for number in range(count))
    return Pictures("random", names, (-1,) * count, lambda number: crops[number])


def inputs(pictures, card):
    crops = np.stack([pictures.read(number) for number in range(len(pictures))])
    return normalised(torch.from_numpy(crops.transpose(0, 3, 1, 2).copy()), card.input)


def by_changes(model, x, name, channels, step=1e-6):
    """What the scores gain when every value of one channel rises, by two passes for each channel."""

    def scores(channel, by):
        def raise_channel(module, given, output):
            return output + by * torch.eye(output.shape[1])[channel].reshape(1, -1, *(1,) * (output.ndim - 2))

        handle = dict(model.named_modules())[name].register_forward_hook(raise_channel)
        try:
            with torch.no_grad():
                return model(x.clone())
        finally:
            handle.remove()

    gains = [(scores(k, step) - scores(k, -step)).mean(0) / (2 * step) for k in range(channels)]
    effect = torch.stack(gains, 1)
    return (effect - effect.mean(0)).numpy()


@pytest.fixture(scope="module")
def learnt():
    net = broken_nets.healthy()
    return net, describe(net), pictures_of(5, (3, 16, 16))


@pytest.fixture(scope="module")
def measured(learnt):
    net, card, pictures = learnt
    return class_effects(net, card, pictures, watched_layers(card))


def test_effects_are_what_small_changes_of_all_values_do(learnt, measured):
    net, card, pictures = learnt
    effects, images = measured
    assert images == 5
    model, x = copy.deepcopy(net.model).double(), inputs(pictures, card).double()
    for name, channels in (("1", 6), ("3", 6), ("4", 8), ("6", 8)):
        slow = by_changes(model, x, name, channels)
        assert np.abs(slow).max() > 0.01
        np.testing.assert_allclose(effects[name], slow, rtol=1e-3, atol=1e-4, err_msg=name)
    assert "8" not in effects and "probabilities" not in effects, "a score's effect on itself says nothing"


def test_the_network_is_as_it_was(learnt):
    net, card, pictures = learnt
    before = tiny_nets.fingerprint(net.model)
    class_effects(net, card, pictures, watched_layers(card))
    tiny_nets.assert_untouched(before, tiny_nets.fingerprint(net.model))


@pytest.mark.parametrize("name", ["in-place", "overwriting"])
def test_behind_a_mean_gradients_and_weights_agree(name, monkeypatch):
    """What is overwritten in place is measured as it was when it passed."""
    net = tiny_nets.tiny(name)
    card = describe(net)
    pictures = pictures_of(3, card.input.size)
    layers = watched_layers(card)
    by_gradients, images = class_effects(net, card, pictures, layers)
    monkeypatch.setattr(probed, "GRADIENT_CLASSES", 4)
    by_weights, none = class_effects(net, card, pictures, layers)
    assert (images, none) == (3, 0)
    assert card.default_layer in by_weights and len(by_weights) < len(by_gradients)
    weight = net.model.fc.weight.numpy()
    for layer, effect in by_weights.items():
        np.testing.assert_allclose(effect, weight - weight.mean(0), atol=1e-6)
        np.testing.assert_allclose(by_gradients[layer], effect, atol=1e-5)


def test_of_many_classes_nothing_is_claimed_that_does_not_follow_from_the_weights(learnt, monkeypatch):
    net, card, pictures = learnt
    monkeypatch.setattr(probed, "GRADIENT_CLASSES", 3)  # the largest value of each channel is no mean
    assert class_effects(net, card, pictures, watched_layers(card)) == ({}, 0)


def test_a_value_has_no_classes(learnt):
    net, card, pictures = learnt
    value = dataclasses.replace(card, output={**card.output, "kind": "value"})
    assert class_effects(net, value, pictures, watched_layers(card)) == ({}, 0)


def test_the_strongest_come_first():
    effect = np.array([[0.1, -2.0, 3.0], [0.2, 5.0, -1.0]])
    kept = strongest(effect, 7)
    assert kept["raised"].tolist() == [[1, 1, 0], [0, 0, 1]] and kept["effect_images"] == 7
    assert kept["raising"].T.tolist() == [[2, 0, 1], [1, 0, 2]]
    np.testing.assert_allclose(kept["raised_by"], [[0.2, 5, 3], [0.1, -2, -1]], rtol=1e-6)
    np.testing.assert_allclose(kept["raising_by"].T, [[3, 0.1, -2], [5, 0.2, -1]], rtol=1e-6)
