"""Checkpoints as trainers leave them: the network's tensors come out, one line says how, and no code of a file runs."""

import argparse
import collections
import pathlib
import pickle
import sys
import warnings
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from generator.core.errors import ModelError
from generator.core.records import Input, Network
from generator.engine.model_card import describe
from generator.models import weights
from generator.models.load import load
from generator.models.state_dicts import find_state, fitted

SQUARE = Input(size=(3, 9, 9), mean=(0.5,) * 3, std=(0.5,) * 3)
NETS = '''
import torch
from torch import nn
from torch.nn import functional as F

class Odd(nn.Module):
    """A stem, a block that is called twice, a head."""
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3)
        self.block = nn.Sequential(nn.Conv2d(6, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU())
        self.head = nn.Linear(6, 4)
    def forward(self, x):
        x = F.relu(self.stem(x))
        x = x + self.block(x)
        return self.head(x.mean((2, 3)))

class Wrapped(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = Odd()
    def forward(self, x):
        return self.model(x)

def odd(): return Odd()
def wrapped(): return Wrapped()
def compiled(): return torch.compile(Odd())
def compiled_inside():
    net = Wrapped()
    net.model.block = torch.compile(net.model.block)
    net.model.head.compile()
    return net
def scripted(): return torch.jit.script(Odd())
def traced(): return torch.jit.trace(Odd().eval(), torch.zeros(1, 3, 9, 9))
def frozen(): return torch.jit.freeze(torch.jit.script(Odd().eval()))
def partly():
    net = Wrapped()
    net.model.block = torch.jit.script(net.model.block)
    return net
def exported(): return torch.export.export(Odd().eval(), (torch.zeros(1, 3, 9, 9),)).module()
'''


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory):
    folder, path = tmp_path_factory.mktemp("found"), list(sys.path)
    (folder / "oddnets.py").write_text(NETS)
    sys.path.append(str(folder))
    yield folder
    sys.path[:] = path
    sys.modules.pop("oddnets", None)


def own(folder, function="odd", **changes):
    return replace(Network(function, f"oddnets:{function}", folder=str(folder), input=SQUARE), **changes)


@pytest.fixture(scope="module")
def state(folder):
    torch.manual_seed(5)
    from oddnets import Odd

    return {name: torch.randn(value.shape) if value.is_floating_point() else value
            for name, value in Odd().state_dict().items()}  # fmt: skip


@pytest.fixture(scope="module")
def digest(folder, state):
    save_file(state, folder / "plain.safetensors")
    loaded = load(own(folder, weights="plain.safetensors"))
    assert loaded.note == ""
    return loaded.digest


def prefixed(state, prefix):
    return {prefix + name: value for name, value in state.items()}


class Config:
    """A class of a trainer's project."""

    def __init__(self):
        self.rate = 0.1


CASES = {
    "module": (lambda s: prefixed(s, "module."), "module. taken out of the names"),
    "model": (lambda s: prefixed(s, "model."), "prefix model. taken off"),
    "compiled": (lambda s: prefixed(s, "_orig_mod."), "_orig_mod. taken out of the names"),
    "nested": (lambda s: prefixed(s, "module._orig_mod.net.encoder."), "prefix net.encoder. taken off"),
    "inside": (lambda s: {n.replace("block.", "block._orig_mod.module."): v for n, v in s.items()},
               "_orig_mod. and module. taken out of the names"),
    **{entry: (lambda s, entry=entry: {"epoch": 3, entry: s, "optimizer": {"state": {0: {"exp_avg": torch.zeros(2)}}}},
               f"entry {entry} taken")
       for entry in ("state_dict", "model", "model_state_dict", "net", "ema", "model_ema")},
    "two entries": (lambda s: {"ema": {n: torch.zeros_like(v) for n, v in s.items()}, "model": prefixed(s, "module.")},
                    "entry model taken (ema is there too)"),
    "entry in entry": (lambda s: {"model": {"state_dict": s, "arch": "odd"}}, "entry model.state_dict taken"),
    "unheard of": (lambda s: {"steps": 7, "generator_weights": s}, "entry generator_weights taken"),
    "with others": (lambda s: {"state_dict": {**prefixed(s, "model."), "criterion.weight": torch.ones(4),
                                              "metric.total": torch.tensor(3)}},
                    "2 other tensors left out (criterion.weight, metric.total)"),
    "averaged": (lambda s: {"n_averaged": torch.tensor(9), **prefixed(s, "module.")}, "1 other tensors left out"),
    "teacher": (lambda s: {**prefixed({n: torch.zeros_like(v) for n, v in s.items()}, "ema_model."),
                           **prefixed(s, "model.")}, "ema_model. would fit too"),
    "arguments": (lambda s: {"args": argparse.Namespace(lr=0.1, out=pathlib.PurePosixPath("runs")), "model": s,
                             "history": collections.Counter(a=1)}, "entry model taken"),
    "own class": (lambda s: {"hyper_parameters": Config(), "state_dict": prefixed(s, "net.")}, "prefix net. taken off"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("suffix", [".pt", ".ckpt"])
def test_the_tensors_of_a_checkpoint_are_the_networks(case, suffix, folder, state, digest):
    make, words = CASES[case]
    file = folder / f"{case}{suffix}"
    torch.save(make(state), file)
    loaded = load(own(folder, weights=file.name))
    assert loaded.digest == digest
    assert loaded.note.startswith(f"{file.name}: ") and words in loaded.note and "\n" not in loaded.note


@pytest.mark.parametrize("name", ["old.pth", "best.pth.tar", "pytorch_model.bin"])
def test_other_endings_and_the_old_format_are_read(name, folder, state, digest):
    torch.save({"state_dict": state}, folder / name, _use_new_zipfile_serialization=name != "old.pth")
    assert load(own(folder, weights=name)).digest == digest


def test_a_prefix_that_the_network_has_is_put_before_the_names(folder, state):
    loaded = load(own(folder, "wrapped", weights="plain.safetensors"))
    assert loaded.note == "plain.safetensors: prefix model. put before the names"
    assert torch.equal(loaded.model.model.head.weight, state["head.weight"])


def test_an_exported_programs_weights_are_read(folder, state, digest):
    from oddnets import Odd

    model = Odd().eval()
    model.load_state_dict(state)
    torch.export.save(torch.export.export(model, (torch.zeros(1, 3, 9, 9),)), folder / "odd.pt2")
    assert load(own(folder, weights="odd.pt2")).digest == digest
    (folder / "no.pt2").write_bytes(b"PK nothing")
    with pytest.raises(ModelError, match=r"no\.pt2: expected a state dict saved by torch"):
        load(own(folder, weights="no.pt2"))


class Canary:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, call):
        self.call = call

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("call", ["touch", "system", "eval", "torch"])
def test_code_in_a_checkpoint_is_refused_and_not_run(call, zipped, tmp_path, folder, state):
    import os

    mark = tmp_path / "mark"
    calls = {
        "touch": (pathlib.Path.touch, (mark,)),
        "system": (os.system, (f"touch {mark}",)),
        "eval": (eval, (f"open({str(mark)!r}, 'w')",)),
        "torch": (torch.save, (3, str(mark))),
    }
    content = {"callbacks": Canary(calls[call]), "state_dict": state}
    torch.save(content, tmp_path / "evil.ckpt", _use_new_zipfile_serialization=zipped)
    with pytest.raises(ModelError, match=r"evil\.ckpt: refused.*could run code \(it asks for .*safetensors file$"):
        load(own(folder, weights=str(tmp_path / "evil.ckpt")))
    assert not mark.exists()


def test_a_class_of_someones_is_never_built(tmp_path, folder, state, digest, monkeypatch):
    torch.save({"hyper_parameters": Config(), "state_dict": state}, tmp_path / "own.ckpt")
    monkeypatch.setattr(Config, "__setstate__", lambda self, state: pytest.fail("it was built"), raising=False)
    assert load(own(folder, weights=str(tmp_path / "own.ckpt"))).digest == digest


def test_a_whole_module_and_a_program_say_what_they_are(tmp_path, folder):
    torch.save(nn.Linear(2, 2), tmp_path / "whole.pt")
    with pytest.raises(ModelError, match=r"refused.*it holds a whole Linear"):
        load(own(folder, weights=str(tmp_path / "whole.pt")))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(torch.jit.script(nn.Linear(2, 2)), tmp_path / "program.pt")
    with pytest.raises(ModelError, match=r"TorchScript program; a function of yours may return torch\.jit\.load"):
        load(own(folder, weights=str(tmp_path / "program.pt")))
    (tmp_path / "pickled.pt").write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(ModelError, match=r"pickled\.pt: expected a state dict"):
        load(own(folder, weights=str(tmp_path / "pickled.pt")))


def test_names_that_do_not_fit_stay_as_they_are():
    state = {"a.weight": torch.zeros(1), "b.weight": torch.zeros(1)}
    assert fitted(state, ["c.weight"]) == state
    assert find_state({"epoch": 3, "list": [1, 2]}) is None
    doubled = {"module.a": torch.zeros(1), "a": torch.ones(1)}
    assert torch.equal(fitted(doubled, ["a"])["a"], torch.ones(1))


# --- compiled, scripted, traced, exported --------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    "function, layers, words",
    [
        ("compiled", ["stem", "relu@1", "block.0", "block.1", "block.2", "add@1", "mean@1", "head"], "torch.compile"),
        ("compiled_inside", ["model.stem", "model.block.0", "model.head"], "torch.compile"),
        ("exported", ["conv2d@1", "relu@1", "conv2d@2", "batch_norm@1", "relu@2", "add@1", "mean@1", "linear@1"],
         "an exported program"),
        ("scripted", [], "a TorchScript program"),
        ("traced", [], "a TorchScript program"),
        ("frozen", [], "a TorchScript program"),
        ("partly", ["model.stem", "model.relu@1", "model.block", "model.head"],
         "of what is TorchScript (model.block) the output alone can be watched"),
    ],
)  # fmt: skip
def test_programs_are_watched_as_far_as_they_can_be(function, layers, words, folder, state):
    """They answer as the plain network with the same weights does, and say once what is missing."""
    plain, loaded = (load(own(folder, name, seed=3)) for name in ("odd", function))
    x = torch.randn(1, 3, 9, 9)
    torch.testing.assert_close(loaded.model(x), plain.model(x))
    card = describe(loaded)
    names = [layer.name for layer in card.layers]
    assert [name for name in names if name in layers] == layers and names[-1] == "probabilities"
    assert len(names) == len(layers) + 1 or function in ("compiled_inside", "partly")
    assert card.note.count(words) == 1
    assert card.one_at_a_time == (function == "exported") == ("takes one picture at a time" in card.note)
    if function not in ("scripted", "traced", "frozen", "partly"):
        assert card.macs == describe(plain).macs and card.rectifiers == "2 of 2 rectifiers"


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


@pytest.mark.parametrize("suffix", [".safetensors", ".pt", ".pt2"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is empty$"),
        (LFS, "it is a pointer of Git LFS: `git lfs pull` fetches what it stands for$"),
        (b"<!DOCTYPE html>\n<html>", "there is text: '<!DOCTYPE html>'$"),
    ],
)
def test_a_file_that_holds_no_weights_is_named_by_what_it_holds(suffix, content, message, tmp_path):
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=message):
        weights.read(path)
