"""What is seen of a forward pass is what was there, and nobody can tell afterwards that someone looked."""

import pytest
import torch
from tiny_nets import NETS, loaded, picture, tiny
from torch import nn
from torch.nn import functional as F

from generator.core.records import Input, Network
from generator.engine.capture import Watch, first_tensor
from generator.engine.model_card import count_rectifiers, describe
from generator.engine.readout import readout_of
from generator.engine.rectifiers import census
from generator.models.load import load

IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


def zoo(name, height=64, width=96):
    """A network of torchvision with random weights, for pictures that are quick."""
    size = Input((3, height, width), **IMAGENET)
    return load(Network(name, f"torchvision:{name}", weights="random", input=size))


# --- activations --------------------------------------------------------------------------------------


def seen(model, x, rules=False):
    """Each layer's output as the watch tells it, copied at once."""
    found = {}

    def keep(name, type_, kind, tensor):
        assert name not in found, "a layer is told of once"
        found[name] = tensor.detach().clone()

    with torch.set_grad_enabled(rules), Watch(model, keep, rules=rules):
        model(x.clone())
    return found


def by_cloning_hooks(model, x):
    """What hooks of the modules' own see, copied at once: right for every module's first call."""
    found = {}

    def hook(name):
        def keep(module, inputs, output):  # returns nothing: what a hook returns takes the output's place
            found.setdefault(name, first_tensor(output).detach().clone())

        return keep

    handles = [module.register_forward_hook(hook(name)) for name, module in model.named_modules() if name]
    with torch.no_grad():
        model(x.clone())
    for handle in handles:
        handle.remove()
    return found


@pytest.mark.parametrize("rules", [False, True], ids=["plain", "rules"])
@pytest.mark.parametrize("name", NETS)
def test_activations_are_what_a_cloning_hook_sees(name, rules):
    net = tiny(name)
    x = picture(net.input.size)
    truth, told = by_cloning_hooks(net.model, x), seen(net.model, x, rules)
    modules = {name for name in told if name in truth}
    assert modules and set(truth) - modules <= {"features", "classifier", "net"}, "only containers are left out"
    for layer in modules:
        assert torch.equal(told[layer], truth[layer]), layer


def test_a_relu_in_place_does_not_change_what_was_seen_before_it():
    net = tiny("in-place")
    told = seen(net.model, picture(net.input.size))
    assert told["features.0"].min() < 0 and told["features.4"].min() < 0
    assert torch.equal(told["features.0"].relu(), told["features.1"])


def test_a_residual_sum_in_place_does_not_change_what_was_seen_before_it():
    net = tiny("residual")
    told = seen(net.model, picture(net.input.size))
    assert torch.equal(told["norm"] + told["relu"], told["add@1"])
    assert torch.equal(told["norm@2"] + told["relu@2"], told["add@2"])
    assert not torch.equal(told["norm"], told["add@1"])


def test_what_no_module_owns_and_what_is_called_again_has_a_name():
    told = seen(tiny("functional").model, picture((3, 14, 18)))
    assert list(told) == (
        "one relu@1 max_pool2d@1 two relu@2 two@2 relu6@1 cat@1 three relu@3 adaptive_avg_pool2d@1 fc".split()
    )
    assert told["relu6@1"].max() <= 6 and torch.equal(told["cat@1"], torch.cat([told["relu@2"], told["relu6@1"]], 1))


def test_layers_within_blocks_carry_the_name_of_their_owner():
    net = zoo("resnet18")
    told = seen(net.model, picture(net.input.size))
    assert {"layer1.0.relu", "layer1.0.relu@2", "layer1.0.add@1", "layer4.1.add@1"} <= set(told)
    assert torch.equal(told["layer1.0.add@1"].relu(), told["layer1.0.relu@2"])
    assert torch.equal(told["layer1.0.bn2"] + told["maxpool"], told["layer1.0.add@1"])


@pytest.mark.parametrize("name", NETS)
def test_a_watched_pass_gives_the_same_answer(name):
    net = tiny(name)
    x = picture(net.input.size)
    with torch.no_grad():
        plain = first_tensor(net.model(x.clone()))
        with Watch(net.model, lambda *layer: None):
            assert torch.equal(first_tensor(net.model(x.clone())), plain)
    with Watch(net.model, lambda *layer: None, rules=True):
        ruled = first_tensor(net.model(x.clone().requires_grad_().clone()))
    assert torch.equal(ruled, plain)


# --- the default layer --------------------------------------------------------------------------------

DEFAULTS = {
    "alexnet": ("features.11", (256, 3, 5), "7 of 7 rectifiers"),
    "resnet18": ("layer4.1.relu@2", (512, 2, 3), "17 of 17 rectifiers"),
    "googlenet": ("inception5b.cat@1", (1024, 2, 3), "57 of 57 rectifiers"),
    "densenet121": ("relu@1", (1024, 2, 3), "121 of 121 rectifiers"),
    "squeezenet1_0": ("features.12.cat@1", (512, 3, 5), "26 of 26 rectifiers"),
    "mobilenet_v2": ("features.18.2", (1280, 2, 3), "35 of 35 rectifiers"),
    "efficientnet_b0": ("features.8.2", (1280, 2, 3), "undefined: SiLU"),
    "shufflenet_v2_x0_5": ("conv5.2", (1024, 2, 3), "37 of 37 rectifiers"),
}


@pytest.mark.parametrize("name", DEFAULTS)
def test_the_layer_before_space_collapses_is_found_and_every_rectifier_counted(name):
    card = describe(zoo(name))
    layers = {layer.name: layer.shape for layer in card.layers}
    assert (card.default_layer, layers.get(card.default_layer), card.rectifiers) == DEFAULTS[name]


@pytest.mark.parametrize(
    ("name", "layer", "counted"),
    [
        ("in-place", "features.5", "2 of 2 rectifiers"),
        ("functional", "relu@3", "4 of 4 rectifiers"),
        ("reused", "relu@2", "4 of 4 rectifiers"),
        ("residual", "relu@3", "3 of 3 rectifiers"),
        ("by-convolution", "features.2", "2 of 2 rectifiers"),
        ("smooth", "net.3", "undefined: GELU, SiLU"),
        ("spaceless", "", "1 of 1 rectifiers"),
        ("overwriting", "relu@1", "1 of 1 rectifiers"),
    ],
)
def test_small_networks_too(name, layer, counted):
    card = describe(tiny(name))
    assert (card.default_layer, card.rectifiers) == (layer, counted)


def test_the_bundled_network_has_its_layer():
    card = describe(load(Network("vgg-cifar10", "bundled:vgg-cifar10")))
    assert (card.default_layer, card.rectifiers) == ("backbone.relu7", "8 of 8 rectifiers")


# --- ReLU rules ---------------------------------------------------------------------------------------


def gradient(model, x, rule):
    x = x.clone().requires_grad_()
    watch = Watch(model, lambda *layer: None, rules=True)
    with watch:
        logits = first_tensor(model(x.clone()))
    watch.rule = rule
    return torch.autograd.grad(logits[0, 1], x)[0]


@pytest.mark.parametrize("name", NETS)
def test_without_a_rule_the_gradient_is_the_native_one_bit_for_bit(name):
    net = tiny(name)
    x = picture(net.input.size).requires_grad_()
    (native,) = torch.autograd.grad(first_tensor(net.model(x.clone()))[0, 1], x)
    assert native.abs().sum() > 0
    assert torch.equal(gradient(net.model, x.detach(), "vanilla"), native)


class Ruled(torch.autograd.Function):
    """The rules again, written out for the plain model below."""

    @staticmethod
    def forward(ctx, x, rule, high):
        ctx.save_for_backward(x)
        ctx.rule, ctx.high = rule, high
        return x.clamp(0, high)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        g = g.clamp(min=0)
        return g if ctx.rule == "deconvnet" else g * ((x > 0) & (x < ctx.high)), None, None


def plain_functional(net, x, rule):
    """`Functional` written without one ReLU."""
    m, relu = net.model, lambda x, high=float("inf"): Ruled.apply(x, rule, high)
    x = F.max_pool2d(relu(m.one(x)), 2)
    x = relu(m.three(torch.cat([relu(m.two(x)), relu(m.two(x) * 2, 6.0)], 1)))
    return m.fc(x.mean((2, 3)))


def plain_reused(net, x, rule):
    m, relu = net.model, lambda x, high=float("inf"): Ruled.apply(x, rule, high)
    x = relu(m.two(relu(m.one(x))), 6.0)
    return m.fc(relu(m.two(relu(m.two(x), 6.0))).mean((2, 3)))


def plain_residual(net, x, rule):
    m, relu = net.model, lambda x: Ruled.apply(x, rule, float("inf"))
    x = relu(m.bn(m.stem(x)))
    x = relu(m.norm(m.conv(x)) + x)
    x = relu(m.norm(m.conv(x)) + x)
    return m.fc(x.mean((2, 3)))


@pytest.mark.parametrize("rule", ["guided", "deconvnet"])
@pytest.mark.parametrize(
    ("name", "plain"), [("functional", plain_functional), ("reused", plain_reused), ("residual", plain_residual)]
)
def test_rules_reach_functional_reused_and_in_place_rectifiers(name, plain, rule):
    net = tiny(name)
    x = 3 * picture(net.input.size)  # strong enough to reach the upper end of ReLU6
    leaf = x.clone().requires_grad_()
    (slow,) = torch.autograd.grad(plain(net, leaf, rule)[0, 1], leaf)
    assert slow.abs().sum() > 0 and not torch.equal(slow, gradient(net.model, x, "vanilla"))
    torch.testing.assert_close(gradient(net.model, x, rule), slow, rtol=1e-5, atol=1e-6 * float(slow.abs().max()))


def test_one_forward_serves_all_rules():
    net = tiny("residual")
    x = picture(net.input.size)
    alone = {rule: gradient(net.model, x, rule) for rule in ("guided", "deconvnet", "vanilla")}
    leaf = x.clone().requires_grad_()
    with Watch(net.model, lambda *layer: None, rules=True) as watch:
        logits = net.model(leaf.clone())
    for rule, expected in alone.items():
        watch.rule = rule
        assert torch.equal(torch.autograd.grad(logits[0, 1], leaf, retain_graph=True)[0], expected), rule


@pytest.mark.parametrize("call", [torch.relu_, torch.Tensor.relu_, lambda y: F.relu(y, inplace=True)])
def test_a_rectifier_in_place_works_by_side_effect(call):
    class Statement(nn.Module):
        def forward(self, x):
            y = x * 1.0
            call(y)
            return y.mean((2, 3))

    x = picture((3, 4, 5))
    with Watch(Statement(), lambda *layer: None, rules=True) as watch:
        means = Statement()(x.clone().requires_grad_())
    assert torch.equal(means, x.relu().mean((2, 3)))
    assert census(watch, means) == (1, 0, (), ())


def test_rectifiers_out_of_reach_are_counted():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Threshold(0, 0), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    readout = readout_of(loaded(model, (3, 6, 6), classes=()))
    assert count_rectifiers(model, picture((3, 6, 6)), readout) == "1 of 2 rectifiers"
