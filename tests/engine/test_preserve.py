"""Nobody can tell from a model that someone looked, even after an error; and what cannot be explained says why."""

from dataclasses import replace

import pytest
import torch
from tiny_nets import NETS, InPlace, assert_untouched, fingerprint, loaded, outcomes, picture, tiny
from torch import nn

from generator.core.errors import ModelError, NotApplicable
from generator.engine.method_registry import METHODS
from generator.engine.model_card import describe
from generator.engine.preserve import untouched
from generator.engine.quantise import reduce

# --- nothing is touched -------------------------------------------------------------------------------


def mistreated(name):
    """A network in training mode whose parameters want gradients, as its user may have left it."""
    net = tiny(name)
    net.model.train().requires_grad_(True)
    next(net.model.children()).eval()
    return net


@pytest.mark.parametrize("name", NETS)
def test_a_scene_leaves_the_model_as_it_was(name):
    net = tiny(name)
    card = describe(net)
    net = mistreated(name)
    before = fingerprint(net.model)
    found = outcomes(net, picture(net.input.size), ["activations", "vanilla-backprop", "grad-cam"], card=card)
    assert any(outcome.error is None for outcome in found.values())
    assert_untouched(before, fingerprint(net.model))


def test_describing_leaves_the_model_as_it_was():
    net = mistreated("residual")
    before = fingerprint(net.model)
    describe(net)
    assert_untouched(before, fingerprint(net.model))


def test_an_error_in_a_method_is_its_own_and_leaves_the_model_as_it_was(monkeypatch):
    net = tiny("residual")
    card = describe(net)
    net = mistreated("residual")
    before = fingerprint(net.model)
    monkeypatch.setitem(
        METHODS, "hires-cam", replace(METHODS["hires-cam"], function=lambda activation, gradient: 1 / 0)
    )
    found = outcomes(net, picture(net.input.size), ["hires-cam", "grad-cam"], card=card)
    errors = {key[0]: outcome.error for key, outcome in found.items()}
    assert isinstance(errors["hires-cam"], ZeroDivisionError) and errors["grad-cam"] is None
    assert_untouched(before, fingerprint(net.model))


def test_an_error_in_the_forward_pass_leaves_the_model_as_it_was():
    class Falling(InPlace):
        def forward(self, x):
            scores = super().forward(x)
            if x.abs().sum() > 0:
                raise RuntimeError("fell over")
            return scores

    net = loaded(Falling(), (3, 12, 18))
    card = describe(net)
    net.model.train().requires_grad_(True)
    before = fingerprint(net.model)
    with pytest.raises(RuntimeError, match="fell over"):
        outcomes(net, picture(net.input.size), ["vanilla-backprop"], card=card)
    assert_untouched(before, fingerprint(net.model))


def test_buffers_that_a_network_writes_in_eval_mode_are_put_back():
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("calls", torch.zeros(1))
            self.fc = nn.Linear(3, 2)

        def forward(self, x):
            self.calls += 1
            return self.fc(x.mean((2, 3)))

    model = Counting()
    with untouched(model), torch.no_grad():
        model(picture((3, 4, 4)))
    assert model.calls == 0


# --- what cannot be explained -------------------------------------------------------------------------


def test_what_a_module_keeps_in_plain_attributes_is_put_back():
    module = nn.Module()
    shared = [1, [2]]
    kept = {"number": 1, "pair": (1, "a"), "nested": ([1], 2), "list": shared, "same": shared, "table": {"a": [1]}}
    vars(module).update({**kept, "tensor": torch.zeros(2), "flag": True, "none": None})
    with untouched(module):
        module.number, module.pair, module.flag, module.added = 2, (2, "a"), 1, "new"
        module.nested[0].append(3)
        module.list[1].append(4)
        module.table["a"].append(2)
        module.tensor += 1
        del module.none
    assert {name: getattr(module, name) for name in kept} == {
        **{"number": 1, "pair": (1, "a"), "nested": ([1], 2), "table": {"a": [1]}},
        **dict.fromkeys(("list", "same"), [1, [2]]),
    }
    assert module.list is module.same and module.flag is True and module.none is None
    assert module.tensor.tolist() == [0, 0] and not hasattr(module, "added")


@pytest.mark.parametrize("method", ["guided-backprop", "deconvnet", "guided-grad-cam", "deconvnet-units"])
def test_networks_without_relu_have_no_relu_rule(method):
    net = tiny("smooth")
    for outcome in outcomes(net, picture(net.input.size), [method]).values():
        assert isinstance(outcome.error, NotApplicable)
        assert str(outcome.error).startswith("undefined for GELU and SiLU")


def test_a_network_without_space_has_no_map():
    net = tiny("spaceless")
    (outcome,) = outcomes(net, picture(net.input.size), ["grad-cam"], ["top"]).values()
    assert isinstance(outcome.error, NotApplicable) and "no layer with space" in str(outcome.error)


class Halved(nn.Module):
    """Computes in half precision, where 70,000 is infinite."""

    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 4, 3), nn.Linear(4, 5)

    def forward(self, x):
        large = (self.conv(x).relu() * 1e4).half() * 100
        return self.fc(large.float().mean((2, 3)))


def test_what_half_precision_cannot_hold_is_said_and_never_drawn_silently():
    net = loaded(Halved(), (3, 8, 8))
    found = outcomes(net, picture(net.input.size), ["activations", "vanilla-backprop", "grad-cam", "occlusion"])
    for (slug, layer, _), outcome in found.items():
        if slug != "activations" or layer == "probabilities":
            assert isinstance(outcome.error, ModelError), slug
            assert "5 of 5 logits are not finite for this image" in str(outcome.error)
    pooled = reduce("channels", found["activations", "mean@1", ""].value, "pool")
    assert "not finite and drawn as zero" in pooled.meta["note"]


def test_half_precision_that_holds_gives_half_a_gradient():
    net = tiny("in-place")
    card = describe(net)
    full = outcomes(net, picture(net.input.size), ["vanilla-backprop", "grad-cam"], ["class:bee"])
    net.model.bfloat16()
    x = picture(net.input.size).bfloat16()
    half = outcomes(net, x, ["vanilla-backprop", "grad-cam"], ["class:bee"], card=card)
    for key, outcome in half.items():
        assert torch.isfinite(outcome.value).all()
        largest = full[key].value.abs().max()
        assert (outcome.value.float() - full[key].value).abs().max() < 0.1 * largest
