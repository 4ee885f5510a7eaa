"""How a network came to be: checkpoints of its training, what is kept of them, and the films made of both."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_nets import CARDS, loaded, picture, tiny

from generator.config.settings import load as settings_from
from generator.core.errors import ConfigError, ModelError, NotApplicable
from generator.core.records import Network
from generator.engine.checkpoint_series import Epochs
from generator.engine.model_card import describe
from generator.engine.progress import watched
from generator.engine.targets import Target
from generator.methods.training_history import features_evolution, filters_evolution, saliency_evolution
from generator.models.checkpoints import keep_kernels, kernels
from generator.models.load import load
from generator.models.specs import checkpoint_files
from generator.pipeline.jobs import NetworkRequest, scene_tasks
from generator.pipeline.selection import networks

EPOCHS = (1, 2, 10)
FILMS = {"filters-evolution", "saliency-evolution", "features-evolution"}
FIRST = "features.0"


@pytest.fixture
def trained(tmp_path):
    """A tiny network whose folder holds three epochs of it, the last being itself, and what else a training leaves."""
    return kept_at_epochs(tiny("in-place"), tmp_path)


def kept_at_epochs(net, tmp_path):
    """The network with such a folder beside it."""
    folder = tmp_path / "made-checkpoints"
    folder.mkdir()
    (folder / "resume.pt").write_bytes(b"the state of a run is no checkpoint")
    for epoch in EPOCHS:
        state = {
            name: (tensor * (epoch / EPOCHS[-1]) if tensor.is_floating_point() else tensor).contiguous()
            for name, tensor in net.model.state_dict().items()
        }
        save_file(state, folder / f"epoch-{epoch:02d}.safetensors")
    net.network = replace(net.network, folder=str(tmp_path), checkpoints=folder.name)
    return net


def played(film):
    with torch.no_grad():
        (last, numbers), frames = watched(film, lambda step: None)
    return [*frames, last], numbers


def test_checkpoints_are_found_in_the_order_of_their_epochs(trained):
    card = describe(trained)
    assert card.checkpoints == 3 and len(card.becoming) == 64
    assert [file.name for file in checkpoint_files(trained.network)] == [
        "epoch-01.safetensors",
        "epoch-02.safetensors",
        "epoch-10.safetensors",
    ]
    epochs = Epochs(trained, card, 4)
    assert epochs.chosen(5) == [1, 2, 10] and epochs.chosen(2) == [1, 10]


def test_filters_are_those_of_each_epoch_and_the_last_are_the_networks_own(trained):
    before = trained.model.features[0].weight.clone()
    frames, numbers = played(filters_evolution(kernels(trained, FIRST)))
    assert torch.equal(frames[-1], trained.model.features[0].weight)
    assert torch.allclose(frames[0], before / 10)
    assert numbers["captions"] == [("epoch 1", 0.1), ("epoch 2", 0.2), ("epoch 10", 1.0)]


def test_saliency_ends_with_that_of_the_network_itself(trained):
    x = picture(trained.input.size)
    leaf = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(trained.model(leaf)[0, 1], leaf)
    epochs = Epochs(trained, describe(trained), 4)
    frames, numbers = played(saliency_evolution(epochs, x, Target("bee", 1, 0.5, "label")))
    assert torch.allclose(frames[-1], gradient.abs().sum(1), atol=1e-6)
    with torch.no_grad():
        chances = [epochs.network(epoch).logits(x).softmax(1)[0, 1].item() for epoch in EPOCHS]
    assert [share for _, share in numbers["captions"]] == pytest.approx(chances)
    assert len(frames) == 3 and not torch.allclose(frames[0], frames[-1])


def test_saliency_of_a_mask_is_about_the_pixels_that_the_finished_network_finds(tmp_path):
    torch.manual_seed(0)
    net = kept_at_epochs(loaded(torch.nn.Conv2d(3, 5, 3, padding=1), (3, 6, 8)), tmp_path)
    x, index = picture((3, 6, 8)), 1
    mask = net.model(x).argmax(1)[0] == index
    assert 0 < mask.sum() < mask.numel()
    epochs = Epochs(net, describe(net), 4)
    frames, numbers = played(saliency_evolution(epochs, x, Target("bee", index, 0.5, "label")))
    leaf = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(net.model(leaf)[0, index][mask].mean(), leaf)
    assert torch.allclose(frames[-1], gradient.abs().sum(1), atol=1e-6)
    states = [load_file(file) for file in checkpoint_files(net.network)]
    logits = [torch.nn.functional.conv2d(x, state["weight"], state["bias"], padding=1) for state in states]
    chances = [float(maps.softmax(1)[0, index][mask].mean()) for maps in logits]
    assert [share for _, share in numbers["captions"]] == pytest.approx(chances)
    with pytest.raises(NotApplicable, match="not for a single pixel"):
        played(saliency_evolution(epochs, x, Target("bee", index, 0.5, "pixel", pixel=5)))


def test_features_are_painted_anew_at_each_epoch_from_the_same_noise(trained):
    epochs = Epochs(trained, describe(trained), 4)
    small = {"units": 2, "steps": 3, "size": 16}
    frames, numbers = played(features_evolution(epochs, "features.5", moments=3, **small))
    again, _ = played(features_evolution(epochs, "features.5", moments=3, **small))
    assert all(torch.equal(one, other) for one, other in zip(frames, again, strict=True))
    assert frames[0].shape == (2, 3, 16, 16) and not torch.equal(frames[0], frames[-1])
    assert numbers["channels"] == [0, 7]


def test_such_films_are_planned_only_where_there_is_something_to_show(trained):
    def planned(net):
        chosen = {slug: CARDS[slug].parameters for slug in FILMS}
        tasks = scene_tasks(NetworkRequest(net.network, describe(net), [], ["label"], chosen, CARDS))
        return {job.method: job.key for task in tasks for job in task.jobs}

    before = planned(trained)
    assert set(before) == {"filters-evolution", "features-evolution"}, "saliency needs an image"
    assert planned(tiny("in-place")) == {}
    file = checkpoint_files(trained.network)[0]
    save_file({name: tensor * 2 for name, tensor in load_file(file).items()}, file)
    again = replace(trained, files={})
    assert all(key != before[method] for method, key in planned(again).items()), "their files are in the key"


def test_what_is_kept_beside_the_weights_stands_in_for_the_folder(trained, tmp_path):
    weights = tmp_path / "made.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in trained.model.state_dict().items()}, weights)
    keep_kernels(checkpoint_files(trained.network), FIRST, weights)
    alone = replace(trained, network=replace(trained.network, checkpoints="", weights=weights.name), files={})
    found = kernels(alone, FIRST)
    assert sorted(found) == list(EPOCHS)
    assert torch.allclose(found[10], trained.model.features[0].weight, atol=1e-3)
    save_file({"other": torch.zeros(1)}, weights)
    assert kernels(replace(alone, files={}), FIRST) == {}, "it tells of other weights"


def test_the_bundled_network_brings_the_kernels_of_its_own_training():
    found = kernels(load(Network("imagenette", "bundled:imagenette")), "backbone.conv0")
    assert len(found) == 25 and min(found) == 1
    assert all(tensor.shape == (48, 3, 7, 7) for tensor in found.values())


def test_files_that_are_missing_or_wrong_are_told_in_one_line(trained, tmp_path):
    listing = tmp_path / "gallery.yml"
    listing.write_text("models: [{name: vgg-cifar10, checkpoints: nowhere}]")
    with pytest.raises(ConfigError, match=r"gallery.yml: vgg-cifar10: checkpoints: .*nowhere is none"):
        networks(settings_from(listing))
    file = checkpoint_files(trained.network)[1]
    save_file({"fc.weight": torch.zeros(5, 8)}, file)
    with pytest.raises(ModelError, match=r"epoch-02.safetensors: the weights do not fit InPlace: .* missing"):
        describe(trained)
    for rest in checkpoint_files(trained.network)[1:]:
        rest.unlink()
    with pytest.raises(ModelError, match="expected files such as epoch-01.safetensors in .*, there are 1"):
        describe(trained)
