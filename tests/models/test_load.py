"""Networks arrive whole, with their weights, preprocessing and classes, or one line says what is wrong."""

import json
import pickle
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from generator.core.errors import ModelError
from generator.core.records import Input, Network
from generator.engine.model_card import describe
from generator.models import specs
from generator.models.load import load
from generator.models.specs import file_digest

BUNDLED = Network("vgg-cifar10", "bundled:vgg-cifar10")
TINY = Input(size=(3, 8, 8), mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


@pytest.fixture(scope="module")
def dense():
    return load(BUNDLED)


# --- the bundled network ------------------------------------------------------------------------------


def test_the_bundled_network_has_its_size(dense):
    assert sum(parameter.numel() for parameter in dense.model.parameters()) == 9_228_362
    assert dense.model(torch.zeros(2, *dense.input.size)).shape == (2, len(dense.classes)) == (2, 10)
    assert (dense.slug, dense.vocabulary, dense.derived_from) == ("vgg-cifar10", "cifar10", "")


def test_what_is_loaded_is_what_the_file_holds(dense):
    state = load_file(specs.weights_file(BUNDLED))
    assert {tensor.dtype for tensor in state.values()} == {torch.float16}
    for name, tensor in dense.model.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            assert tensor.dtype == torch.float32 and torch.equal(tensor, state[name].float()), name


def test_a_loaded_network_is_frozen_and_in_eval_mode(dense):
    assert not any(module.training for module in dense.model.modules())
    assert not any(parameter.requires_grad for parameter in dense.model.parameters())
    assert dense.model.backbone.relu0.inplace, "flags of the layers are none of our business"


@pytest.mark.parametrize("device, exact", [("cuda", True), ("cuda:1", True), ("cpu", False)])
def test_a_network_on_a_gpu_is_computed_in_float32(device, exact):
    places = (torch.backends.cudnn, torch.backends.cuda.matmul)
    before = [place.allow_tf32 for place in places]
    try:
        for place in places:
            place.allow_tf32 = True
        with suppress(AssertionError, RuntimeError):  # there need not be such a device
            load(Network("alexnet", "torchvision:alexnet", weights="random"), device)
        assert [place.allow_tf32 for place in places] == [not exact] * 2
    finally:
        for place, allowed in zip(places, before, strict=True):
            place.allow_tf32 = allowed


def test_weights_come_back_from_both_kinds_of_file(dense, tmp_path):
    state = dense.model.state_dict()
    save_file(state, tmp_path / "copy.safetensors")
    torch.save(
        {"epoch": 3, "state_dict": {f"module.{name}": value for name, value in state.items()}}, tmp_path / "copy.pt"
    )
    for file in ("copy.safetensors", "copy.pt"):
        assert load(replace(BUNDLED, weights=file, folder=str(tmp_path))).digest == dense.digest


def test_accuracy_is_that_of_the_card_which_speaks_of_this_file(dense, tmp_path):
    file, card = tmp_path / "some.safetensors", tmp_path / "some.json"
    save_file(dense.model.state_dict(), file)
    card.write_text(json.dumps({"sha256": file_digest(file), "accuracy": {"top1": 0.9, "images": 10}}))
    network = replace(BUNDLED, weights=str(file))
    assert load(network).accuracy == {"top1": 0.9, "images": 10}
    assert load(replace(network, derive=(("randomise", 1),))).accuracy == {}
    card.write_text('{"sha256": "0000", "accuracy": {"top1": 0.9, "images": 10}}')
    assert load(network).accuracy == {}


# --- weights that do not fit, or want more than to be read ----------------------------------------------


def test_weights_that_do_not_fit_are_listed(dense, tmp_path):
    state = dense.model.state_dict()
    state["classifier.weight"] = torch.zeros(3, 512)
    for name in [name for name in state if name.startswith("backbone.bn")]:
        state["other." + name] = state.pop(name)
    save_file(state, tmp_path / "odd.safetensors")
    with pytest.raises(ModelError) as caught:
        load(replace(BUNDLED, weights=str(tmp_path / "odd.safetensors")))
    message = str(caught.value)
    assert "odd.safetensors: the weights do not fit VGGCifar10: 32 missing (backbone.bn0.weight, " in message
    assert "...); 40 unexpected (other.backbone.bn" in message
    assert message.endswith("1 of another shape (classifier.weight (3, 512) for (10, 512))")


class Canary:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("write", [torch.save, lambda content, file: file.write_bytes(pickle.dumps(content))])
def test_a_pickle_that_wants_code_is_refused_and_not_run(write, tmp_path):
    write({"weight": Canary(tmp_path / "canary")}, tmp_path / "evil.pt")
    with pytest.raises(ModelError, match=r"evil\.pt: refused.*could run code.*safetensors file$"):
        load(replace(BUNDLED, weights=str(tmp_path / "evil.pt")))
    assert not (tmp_path / "canary").exists()


def test_a_whole_pickled_module_is_read_when_it_is_trusted(dense, tmp_path):
    torch.save(dense.model, tmp_path / "whole.pt")
    network = replace(BUNDLED, weights=str(tmp_path / "whole.pt"))
    with pytest.raises(ModelError, match="refused"):
        load(network)
    assert load(network, trust_pickle=True).digest == dense.digest


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", b"hello" * 100])
@pytest.mark.parametrize("name", ["broken.safetensors", "broken.pt"])
def test_a_broken_file_is_named(name, content, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match=rf"^[^\n]*{name}: [^\n]*expected[^\n]*$"):
        load(replace(BUNDLED, weights=str(tmp_path / name)))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"gone\.safetensors: no such weights file"):
        load(replace(BUNDLED, weights="gone.safetensors", folder=str(tmp_path)))


def test_weights_that_are_no_numbers_are_told(dense, tmp_path):
    state = dense.model.state_dict()
    state["classifier.bias"] = torch.full((10,), torch.nan)
    save_file(state, tmp_path / "nan.safetensors")
    assert load(replace(BUNDLED, weights=str(tmp_path / "nan.safetensors"))).note == (
        "weights hold NaN or infinity in 1 of 50 tensors (classifier.bias)"
    )
    assert dense.note == ""


# --- your own ---------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A gallery's folder with networks of one's own; `sys.path` and the imported modules are restored."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "mynets.py").write_text(
        "import torch\nfrom torch import nn\n"
        "def small(): return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 5))\n"
        "def lazy(): return nn.Sequential(nn.LazyConv2d(4, 3), nn.Flatten(), nn.LazyLinear(5))\n"
        "def half(): return small().half()\n"
        "def number(): return 7\n"
        "def broken(): return 1 / 0\n"
    )
    yield tmp_path
    sys.modules.pop("mynets", None)


def own(folder, function, **changes):
    return replace(Network(f"mynets:{function}", f"mynets:{function}", folder=str(folder), input=TINY), **changes)


def test_a_function_of_the_users_makes_a_network(folder):
    loaded = load(own(folder, "small"))
    assert (loaded.slug, loaded.title) == ("mynets-small", "small")
    assert loaded.classes == () and describe(loaded).classes == tuple(f"class {index}" for index in range(5))
    assert loaded.code == load(own(folder, "small")).code != load(own(folder, "half")).code
    assert sys.path[-1] == str(folder) and str(folder) not in sys.path[:-1], (
        "a file of the user's never hides a library"
    )
    assert load(own(folder, "small")).digest == loaded.digest != load(own(folder, "small", seed=1)).digest


def test_the_code_of_a_network_is_all_that_it_imports_from_its_folder(folder, monkeypatch):
    (folder / "parts").mkdir()
    (folder / "parts/__init__.py").write_text("from .blocks import block\n")
    (folder / "parts/blocks.py").write_text("block = 3\n")
    (folder / "other.py").write_text("unused = 1\n")
    (folder / "mynets.py").write_text((folder / "mynets.py").read_text() + "import json, parts\n")
    before = load(own(folder, "small")).code
    (folder / "other.py").write_text("unused = 2\n")
    assert load(own(folder, "small")).code == before
    (folder / "parts/blocks.py").write_text("block = 4\n")
    assert load(own(folder, "small")).code != before
    for name in ("parts", "parts.blocks"):
        sys.modules.pop(name)


def test_a_function_may_return_lazy_layers_and_half_precision(folder):
    assert load(own(folder, "lazy")).model[0].weight.shape == (4, 3, 3, 3)
    assert load(own(folder, "half")).model[0].weight.dtype == torch.float32


def test_a_function_with_a_weights_file(folder):
    state = {name: torch.ones_like(value) for name, value in load(own(folder, "small")).model.state_dict().items()}
    save_file(state, folder / "ones.safetensors")
    loaded = load(own(folder, "small", weights="ones.safetensors", classes=tuple("abcde"), vocabulary="letters"))
    assert all((parameter == 1).all() for parameter in loaded.model.parameters())
    assert (loaded.classes, loaded.vocabulary) == (tuple("abcde"), "letters")


@pytest.mark.parametrize(
    "function, changes, message",
    [
        ("small", {"input": None}, "needs `input`: its size, mean and std"),
        ("small", {"classes": ("a", "b")}, "2 classes for a network with 5 outputs"),
        (
            "small",
            {"input": replace(TINY, size=(3, 9, 9))},
            r"does not take an input of size \(3, 9, 9\): RuntimeError",
        ),
        ("small", {"source": "nomynets:small"}, "no module nomynets in "),
        ("gone", {}, "has no such function"),
        ("number", {}, "expected it to return a torch.nn.Module, got int"),
        ("broken", {}, "calling it without arguments failed: ZeroDivisionError: division by zero"),
    ],
)
def test_what_is_wrong_with_a_network_of_the_users_is_told(folder, function, changes, message):
    with pytest.raises(ModelError, match=message):
        load(own(folder, function, **changes))


def test_a_function_that_brings_trained_weights_can_be_randomised(folder):
    trained, random = load(own(folder, "small")), load(own(folder, "small", weights="random", seed=3))
    assert random.digest != trained.digest
    assert random.digest == load(own(folder, "small", weights="random", seed=3)).digest
