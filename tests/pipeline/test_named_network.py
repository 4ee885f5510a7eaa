"""What gallery.yml calls a network, commands and notebooks know it by: its weights, its input, its class names."""

import json
import sys
from dataclasses import replace

import pytest
import tiny_gallery
import torch
from click.testing import CliRunner
from safetensors.torch import save_file

from generator import notebook
from generator.__main__ import main
from generator.core.errors import ConfigError, ModelError
from generator.core.records import Input, Network
from generator.engine.model_card import describe
from generator.models.load import load
from generator.pipeline.named_network import labelled_pictures_of, network_of

MODULE = "nets_with_names_of_mine"
CODE = """
from torch import nn

def net(outputs=3):
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, outputs))

def ten(): return net(10)
def thousand(): return net(1000)
def pair(): return net(2)
"""


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    """A gallery of three networks, one of which has weights and labelled pictures."""
    folder, path = tmp_path_factory.mktemp("named"), list(sys.path)
    entry = {"source": f"{MODULE}:net", "input": tiny_gallery.INPUT, "classes": ["ant", "bee", "cat"]}
    models = [
        {**entry, "name": "My Bees", "weights": "bees.safetensors", "labelled": "garden"},
        {**entry, "name": "ten", "source": f"{MODULE}:ten", "classes": [], "vocabulary": "cifar10"},
        "vgg-cifar10",
    ]
    tiny_gallery.lay(folder, network=CODE, module=MODULE, models=models)
    sys.path.append(str(folder))
    module = __import__(MODULE)
    torch.manual_seed(1)
    state = {name: torch.randn(value.shape) for name, value in module.net().state_dict().items()}
    save_file(state, folder / "bees.safetensors")
    for number, name in enumerate(("bee", "cat")):
        (folder / "garden" / name).mkdir(parents=True)
        for picture in range(2):
            tiny_gallery.draw(folder / "garden" / name / f"{picture}.png", seed=7 * number + picture)
    yield folder
    sys.path[:] = path
    sys.modules.pop(MODULE, None)


@pytest.fixture
def call(gallery, monkeypatch):
    monkeypatch.chdir(gallery)
    return lambda *words: CliRunner().invoke(main, list(words))


def test_a_name_of_the_gallery_is_its_network(gallery):
    network = network_of("My Bees", config=gallery / "gallery.yml")
    assert network == network_of("my-bees", config=gallery / "gallery.yml")
    assert (network.weights, network.classes) == ("bees.safetensors", ("ant", "bee", "cat"))
    assert labelled_pictures_of(network, gallery / "gallery.yml") == gallery / "garden"
    for name in ("vgg-cifar10~pruned-50", "alexnet"):
        other = network_of(name, config=gallery / "gallery.yml")
        assert other.name == name and labelled_pictures_of(other, gallery / "gallery.yml") is None
    with pytest.raises(ConfigError, match="no network is called 'my-bee', in gallery.yml or elsewhere; did you mean"):
        network_of("my-bee", config=gallery / "gallery.yml")


def test_evaluate_knows_its_name_weights_and_pictures(call):
    result = call("evaluate", "--model", "my-bees", "--device", "cpu", "--json")
    measured = json.loads(result.stdout)
    assert (measured["images"], measured["classes"]) == (4, 2)


def test_rank_knows_its_name_weights_and_pictures(call, gallery):
    wishes = ("--method", "saliency", "--device", "cpu", "--images", "2", "--json")
    ranking = json.loads(call("rank", "--model", "My Bees", *wishes).stdout)
    assert ranking["images"] == 2 and ranking["data"].startswith("garden, 4 pictures")
    kept = gallery / "bees.ranking.json"
    assert json.loads(kept.read_text())["name"] == "my-bees"
    kept.unlink()


def test_the_library_knows_its_name(gallery):
    model = notebook.load("my-bees", folder=gallery)
    assert model.classes == ("ant", "bee", "cat") and model.card.slug == "my-bees"
    spec = replace(network_of("my-bees", config=gallery / "gallery.yml"))
    assert model.card.digest == describe(load(spec)).digest
    assert notebook.load("vgg-cifar10", folder=gallery).classes[6] == "frog"


# --- class names of a vocabulary --------------------------------------------------------------------

SMALL = Input(size=(3, 10, 12), mean=(0.5,) * 3, std=(0.25,) * 3)


def own(gallery, function, **more):
    return Network(function, f"{MODULE}:{function}", folder=str(gallery), input=SMALL, **more)


@pytest.mark.parametrize(
    "function, vocabulary, sixth",
    [("ten", "cifar10", "frog"), ("ten", "imagenette", "garbage truck"), ("thousand", "imagenet", "hammerhead")],
)
def test_a_vocabulary_alone_gives_the_names(function, vocabulary, sixth, gallery):
    classes = describe(load(own(gallery, function, vocabulary=vocabulary))).classes
    assert classes[6 if vocabulary != "imagenet" else 4] == sixth


def test_given_names_come_before_those_of_a_vocabulary(gallery):
    names = tuple("abcdefghij")
    assert load(own(gallery, "ten", vocabulary="cifar10", classes=names)).classes == names
    assert describe(load(own(gallery, "ten", vocabulary="birds"))).classes[6] == "class 6"
    with pytest.raises(ModelError, match="10 classes of the vocabulary cifar10 for a network with 2 outputs"):
        load(own(gallery, "pair", vocabulary="cifar10"))
    network = replace(own(gallery, "pair", vocabulary="cifar10"), output="labels")
    assert describe(load(network)).classes == ("class 0", "class 1")


def test_torchvisions_networks_get_them_too():
    network = Network("odd", "torchvision:squeezenet1_1", weights="random", vocabulary="cifar10")
    assert load(network).classes[6] == "frog"


def test_a_module_at_hand_gets_them_too(gallery):
    module = __import__(MODULE).ten()
    assert notebook.load(module, input=SMALL, classes="cifar10").classes[6] == "frog"
    with pytest.raises(ConfigError, match="expected a list of names, or one of cifar10, imagenette, imagenet"):
        notebook.load(module, input=SMALL, classes="birds")
