"""Image towers with text vectors as their head: scores, scale and every gradient are those of a module by hand."""

import math

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from tiny_nets import METHODS, Tokens, loaded, outcomes, picture
from torch import nn

from generator import load
from generator.config import settings
from generator.core.errors import ConfigError, ModelError, NotApplicable
from generator.core.records import Input, Network
from generator.models.load import load as load_network
from generator.pipeline.selection import networks

NAMES = ("ant", "bee", "cat", "dog")
SIZE = (3, 8, 12)
INPUT = Input(size=SIZE, mean=(0.5,) * 3, std=(0.25,) * 3)
TOWER = """
import torch
from tiny_nets import Tokens

class Tower(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.visual = Tokens(1)

    def forward(self, pixel_values):
        tokens = self.visual.patches(pixel_values)
        return {"last_hidden_state": tokens, "pooled": tokens.mean((2, 3)), "image_embeds": self.visual(pixel_values)}

def tower():
    torch.manual_seed(1)
    return Tower()

def plain():
    torch.manual_seed(1)
    return Tokens(1)

def spatial():
    return torch.nn.Conv2d(3, 5, 3)
"""


class ByHand(nn.Module):
    """The same as anyone would write it."""

    def __init__(self, tower, text, scale):
        super().__init__()
        self.tower, self.text, self.scale = tower, text, scale

    def forward(self, x):
        embedding = self.tower(x)
        return self.scale * nn.functional.cosine_similarity(embedding[:, None], self.text[None], dim=-1)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "towers.py").write_text(TOWER)
    generator = np.random.default_rng(0)
    np.save(tmp_path / "text.npy", generator.normal(size=(4, 5)))
    return tmp_path


@pytest.fixture
def network(folder, monkeypatch):
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(__import__("sys").modules, "towers", raising=False)

    def make(source="towers:tower", text="text.npy", classes=NAMES, **more):
        return Network("tower", source, folder=str(folder), input=INPUT, classes=classes, text=text, **more)

    return make


def by_hand(folder, scale=100.0):
    torch.manual_seed(1)
    tower = Tokens(1)
    return loaded(ByHand(tower, torch.from_numpy(np.load(folder / "text.npy")).float(), scale), SIZE, classes=NAMES)


def test_scores_and_maps_are_those_of_a_module_by_hand(network, folder):
    mine, twin, x = load_network(network()), by_hand(folder), picture(SIZE)
    torch.testing.assert_close(mine.model(x), twin.model(x), rtol=1e-5, atol=1e-4)
    assert mine.model(x).abs().max() > 1 and mine.classes == NAMES
    methods = ["saliency", "gradient-x-input", "integrated-gradients", "smoothgrad", "occlusion", "legrad"]
    mine_outcomes, twins = (outcomes(net, x, methods, ["class:bee"]) for net in (mine, twin))
    for key, outcome in mine_outcomes.items():
        other = twins[key]
        assert outcome.error is None, (key, outcome.error)
        torch.testing.assert_close(outcome.value, other.value, rtol=1e-3, atol=1e-4 * float(other.value.abs().max()))
    cams = [outcomes(net, x, ["grad-cam"], ["class:bee"]) for net in (mine, twin)]
    torch.testing.assert_close(*(next(iter(cam.values())).value for cam in cams), rtol=1e-3, atol=1e-5)


def test_every_method_draws_or_says_why_it_cannot(network):
    quick = [slug for slug, method in METHODS.items() if method.preset in ("forward", "quick")]
    results = outcomes(load_network(network()), picture(SIZE), [*quick, "lrp"], ["class:bee"])
    broken = {key: outcome.error for key, outcome in results.items() if outcome.error}
    assert all(isinstance(error, NotApplicable) for error in broken.values()), broken
    assert {"lrp", "saliency", "attention-rollout", "grad-cam"} <= {key[0] for key in results} - {
        key[0] for key in broken
    }


def test_the_scale_is_the_one_given_else_the_checkpoints_else_clips(network, folder):
    torch.manual_seed(2)
    saved = {f"visual.{name}": tensor for name, tensor in Tokens(1).state_dict().items()}
    save_file({**saved, "logit_scale": torch.tensor(3.0), "text.weight": torch.ones(2)}, folder / "both.safetensors")
    x = picture(SIZE)
    hundred, learnt, given = (
        load_network(network(**more)).model
        for more in ({}, {"weights": "both.safetensors"}, {"weights": "both.safetensors", "text_scale": 10.0})
    )
    assert (
        float(hundred.scale) == 100 and float(learnt.scale) == pytest.approx(math.exp(3)) and float(given.scale) == 10
    )
    torch.testing.assert_close(learnt(x) / math.exp(3), given(x) / 10)
    assert not torch.allclose(learnt(x) / math.exp(3), hundred(x) / 100), "the tower has the checkpoint's weights"


@pytest.mark.parametrize("suffix", [".npy", ".safetensors", ".pt"])
def test_vectors_are_read_from_each_kind_of_file_and_by_the_library(folder, suffix):
    text = torch.from_numpy(np.load(folder / "text.npy")).float()
    if suffix == ".safetensors":
        save_file({"text_embeds": text}, folder / "text.safetensors")
    elif suffix == ".pt":
        torch.save(text, folder / "text.pt")
    torch.manual_seed(1)
    model = load(Tokens(1), input=INPUT, classes=NAMES, text=f"text{suffix}", folder=folder)
    x = picture(SIZE)
    torch.testing.assert_close(model.worker._loaded[1].model(x), by_hand(folder).model(x), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("suffix", [".npz", ".safetensors", ".pt"])
def test_vectors_by_name_give_the_classes_or_are_taken_by_them(network, folder, suffix):
    table = np.load(folder / "text.npy").astype(np.float32)
    named = {name: table[number] for number, name in enumerate(NAMES)}
    tensors = {name: torch.from_numpy(vector).clone() for name, vector in named.items()}
    if suffix == ".npz":
        np.savez(folder / "named.npz", **named)
    elif suffix == ".pt":
        torch.save(tensors, folder / "named.pt")
    else:
        save_file(tensors, folder / "named.safetensors")
    x, by_table = picture(SIZE), load_network(network())
    mine = load_network(network(text=f"named{suffix}", classes=()))
    assert mine.classes == NAMES
    torch.testing.assert_close(mine.model(x), by_table.model(x))
    some = load_network(network(text=f"named{suffix}", classes=("dog", "ant")))
    torch.testing.assert_close(some.model(x), by_table.model(x)[:, [3, 0]])
    at_hand = load(Tokens(1), input=INPUT, text=f"named{suffix}", folder=folder)
    assert at_hand.classes == NAMES
    with pytest.raises(
        ModelError, match="^tower: text: named.*: no vector is called 'cow'; there are ant, bee, cat, dog$"
    ):
        load_network(network(text=f"named{suffix}", classes=("ant", "cow")))


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"ant": np.ones(5), "bee": np.ones(6)}, "or a vector .D,. for each name, there are 0 tables and 2 tensors"),
        ({"ant": np.ones((2, 5)), "bee": np.ones((2, 5))}, "there are 2 tables and 2 tensors"),
        ({"ant": np.ones(5), "bee": np.zeros(5)}, "expected finite vectors other than zero, vector 2 is none"),
        ({"ant": np.array("words")}, "named.npz: expected an array of numbers: could not convert"),
        (None, "named.npz: expected an array of numbers: File is not a zip file"),
    ],
)
def test_named_vectors_that_do_not_fit_are_one_line(network, folder, arrays, words):
    np.savez(folder / "named.npz", **arrays) if arrays else (folder / "named.npz").write_bytes(b"PK\3\4 nothing")
    with pytest.raises(ModelError, match=words) as error:
        load_network(network(text="named.npz", classes=()))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("array", "more", "words"),
    [
        (np.ones((3, 5)), {}, "text.npy: expected a vector for each of 4 class names, there are 3 vectors"),
        (np.ones((4, 6)), {}, "text.npy: expected vectors of 5 values, as the embedding has, they have 6"),
        (np.ones(20), {}, "expected one table of vectors .classes, D. of floats, or .* for each name, there are 0"),
        (np.zeros((4, 5)), {}, "expected finite vectors other than zero, vector 1 is none"),
        (np.full((4, 5), np.nan), {}, "expected finite vectors other than zero, vector 1 is none"),
        (None, {"text": "nowhere.npy"}, "nowhere.npy: cannot be read: No such file"),
        (None, {"text": "towers.py"}, "towers.py: expected tensors alone, saved by torch"),
        (None, {"source": "towers:spatial"}, "tower: text: expected an embedding .N, D., got torch.Size"),
        (None, {"source": "bundled:vgg-cifar10"}, "the networks of bundled:vgg-cifar10 have classes of their own"),
    ],
)
def test_vectors_that_do_not_fit_are_one_line(network, folder, array, more, words):
    if array is not None:
        np.save(folder / "text.npy", array)
    with pytest.raises(ModelError, match=words) as error:
        load_network(network(**more))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "vectors", "scale"), [("v.npy", "v.npy", 0), ("{vectors: v.pt, scale: 5e1}", "v.pt", 50)]
)
def test_gallery_yml_names_the_vectors_and_the_scale(tmp_path, text, vectors, scale):
    (tmp_path / "gallery.yml").write_text(f"models: [{{name: a, source: 'm:f', text: {text}}}]")
    (chosen,) = networks(settings.load(tmp_path / "gallery.yml"))
    assert (chosen.text, chosen.text_scale) == (vectors, scale)


def test_vectors_of_another_kind_of_file_are_one_line(tmp_path):
    (tmp_path / "gallery.yml").write_text("models: [{name: a, source: 'm:f', text: words.txt}]")
    with pytest.raises(ConfigError, match=r"models\[0\].text.vectors: expected a file of vectors .*'words.txt'"):
        settings.load(tmp_path / "gallery.yml")
