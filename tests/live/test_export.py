"""Networks as graphs for a browser: they give what torch gives, and one that cannot be made so says why."""

import sys
import threading

import numpy as np
import pytest
import torch
from tiny_nets import loaded as as_loaded
from tiny_nets import picture, tiny
from torch import nn
from torch.hub import tqdm

from generator.engine.model_card import describe
from generator.live.export import EXTRA, GRAPHS, bundled, export, live, runner
from generator.live.graph import NotLive, Pass, layers_of, state_of
from generator.live.live_script import live_script
from generator.models.load import load
from generator.models.specs import resolve

# What the exporter's own packages warn of.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


def compared(net, made, x, index=2):
    """How far each output of a live graph is from torch's, relative to torch's largest."""
    card = describe(net)
    direction = torch.zeros(1, len(card.classes))
    direction[0, index] = 1
    wanted = Pass(net, card, layers_of(net, card))(state_of(net), x, direction)
    got = runner(made.graph, made.weights)({"x": x.numpy(), "direction": direction.numpy()})
    (scores,) = runner(made.forward, made.weights)({"x": x.numpy()})
    assert np.allclose(scores, wanted[0].numpy(), rtol=1e-4, atol=1e-4)
    return [float(np.abs(a.numpy() - b).max() / a.abs().max()) for a, b in zip(wanted, got, strict=True)]


@pytest.mark.parametrize("name", ["in-place", "residual"])
def test_a_graph_gives_scores_gradients_and_activations_as_torch_does(name):
    net = tiny(name)
    made = live(net, describe(net))
    assert max(compared(net, made, picture(net.input.size, seed=4))) < 1e-3
    assert made.card["layers"] == layers_of(net, describe(net)) and made.card["class_map"]
    assert len(made.weights) < len(b"".join(t.numpy().tobytes() for t in state_of(net).values()))
    lock = tqdm.get_lock()  # one between processes would outlive a worker, and a terminal be told of it
    assert isinstance(lock, type(threading.RLock()))


def test_the_gradient_is_that_of_the_network_itself():
    net = tiny("residual")
    card, x = describe(net), picture(net.input.size, seed=1)
    direction = torch.zeros(1, len(card.classes))
    direction[0, 3] = 1
    _, gradient, *_ = Pass(net, card, layers_of(net, card))(state_of(net), x, direction)
    leaf = x.clone().requires_grad_()
    (wanted,) = torch.autograd.grad(net.model(leaf)[0, 3], leaf)
    assert torch.allclose(gradient, wanted, rtol=0.05, atol=5e-3 * float(wanted.abs().max()))  # weights of 16 bits


def test_a_bundled_network_needs_no_package_of_the_extra(monkeypatch):
    for name in ("onnx", "onnxscript", "onnxruntime"):
        monkeypatch.setitem(sys.modules, name, None)
    net = load(resolve("vgg-cifar10"))
    card = describe(net)
    made = live(net, card)
    assert made.graph == (GRAPHS / "vgg-cifar10.graph.onnx").read_bytes() and len(made.graph) < 100_000
    monkeypatch.undo()
    assert max(compared(net, made, picture(net.input.size))) < 1e-3


def test_a_kept_graph_is_not_taken_for_other_layers(monkeypatch):
    net = load(resolve("vgg-cifar10"))
    card = describe(net)
    assert bundled(net, card)
    net.model.classifier = nn.Linear(512, 11)
    assert bundled(net, card) is None


def test_without_the_extra_a_network_of_ones_own_says_what_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    net = tiny("in-place")
    assert live_script(net, describe(net)) == (b"", EXTRA)


class Fourier(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 6, 3), nn.Linear(6, 5)

    def forward(self, x):
        x = torch.relu(self.conv(x))
        return self.fc((x + torch.erfinv(x.tanh() / 2)).mean((2, 3)))


class Choosing(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 6, 3), nn.Linear(6, 5)

    def forward(self, x):
        x = torch.relu(self.conv(x))
        return self.fc(x.mean((2, 3)) * (1 if x.sum() > 0 else 2))


def test_an_operator_that_no_browser_has_is_named():
    net = as_loaded(Fourier(), (3, 8, 8))
    with pytest.raises(NotLive, match=r"^operator prims\.erf_inv has no counterpart$"):
        export(net, describe(net))


@pytest.mark.parametrize(
    ("net", "reason"),
    [
        (lambda: tiny("spaceless"), "no layer holds its maps"),
        (lambda: as_loaded(Choosing(), (3, 8, 8)), "its pass cannot be followed"),
    ],
)
def test_a_network_that_cannot_be_followed_says_why(net, reason):
    made = net()
    script, said = live_script(made, describe(made))
    assert script == b"" and reason in said and "\n" not in said


def test_weights_too_large_for_16_bits_are_refused():
    net = tiny("in-place")
    net.model.fc.weight[0, 0] = 1e6
    assert "fc.weight" in live_script(net, describe(net))[1]
