"""Relevance is shared as zennit shares it, and where it cannot be followed the method says so."""

import copy
import warnings

import pytest
import torch
import torchvision
from known_networks import close, known_network
from tiny_nets import loaded, outcomes, picture, tiny, value
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.overrides import TorchFunctionMode
from torchvision.models.swin_transformer import PatchMergingV2, SwinTransformerBlockV2
from zennit.attribution import Gradient
from zennit.canonizers import SequentialMergeBatchNorm
from zennit.composites import (
    EpsilonAlpha2Beta1,
    EpsilonAlpha2Beta1Flat,
    EpsilonGammaBox,
    EpsilonPlus,
    EpsilonPlusFlat,
    LayerMapComposite,
)
from zennit.core import Stabilizer
from zennit.layer import Sum
from zennit.rules import AlphaBeta, Epsilon, Norm, Pass, ZPlus
from zennit.torchvision import ResNetCanonizer
from zennit.types import Activation, AvgPool, BatchNorm, Convolution
from zennit.types import Linear as Dense

from generator.core.errors import NotApplicable
from generator.engine.attention import plain
from generator.engine.readout import readout_of
from generator.engine.tape import record
from generator.methods.lrp import lrp

EPSILON = 1e-2  # with less the quotients near zero are decided by rounding


@pytest.mark.parametrize("convolutions", ["z+", "alpha-beta", "epsilon"])
@pytest.mark.parametrize("name", ["alexnet", "resnet18", "squeezenet1_0", "vgg-cifar10"])
def test_relevance_is_zennits(name, convolutions, repository):

    known = known_network(name, repository.parent / "shared")
    found = known.draw(["lrp"], parameters={"lrp": {"convolutions": convolutions, "epsilon": EPSILON}})["lrp"]
    stable = Stabilizer(EPSILON)
    rule = {"z+": ZPlus(stable), "alpha-beta": AlphaBeta(2, 1, stable), "epsilon": Epsilon(EPSILON)}[convolutions]
    # first the classes that derive from others
    layers = [
        (Activation, Pass()),
        (AvgPool, Norm(EPSILON)),
        (BatchNorm, Pass()),
        (Convolution, rule),
        (Dense, Epsilon(EPSILON)),
    ]
    if name == "resnet18":
        layers = [(Sum, Norm(EPSILON)), *layers]
    canonizers = {"resnet18": [ResNetCanonizer()], "vgg-cifar10": [SequentialMergeBatchNorm()]}.get(name, [])
    model = copy.deepcopy(known.net.model)
    if name == "vgg-cifar10":  # zennit knows the mean over space only as a module
        model = nn.Sequential(model.backbone, nn.AdaptiveAvgPool2d(1), nn.Flatten(), model.classifier)
    seed = torch.zeros_like(known.logits)
    seed[0, known.target] = known.logits[0, known.target]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Gradient(model, LayerMapComposite(layers, canonizers=canonizers)) as attributor:
            _, expected = attributor(known.x.clone(), seed)
    close(found.value, expected.sum(1), 2e-3)


ZENNITS = {
    "epsilon-plus": EpsilonPlus,
    "epsilon-plus-flat": EpsilonPlusFlat,
    "epsilon-gamma-box": EpsilonGammaBox,
    "epsilon-alpha2-beta1": EpsilonAlpha2Beta1,
    "epsilon-alpha2-beta1-flat": EpsilonAlpha2Beta1Flat,
}


@pytest.mark.parametrize("composite", ZENNITS)
def test_composites_are_zennits(composite):
    """On a network of every kind of layer that they have a rule for, with batch norms behind convolutions."""
    net = tiny("in-place")
    net.model.features[0].bias.data.mul_(3)
    net = loaded(nn.Sequential(net.model.features, nn.AdaptiveAvgPool2d(1), nn.Flatten(), net.model.fc), (3, 12, 18))
    x = picture((3, 12, 18))
    parameters = {"lrp": {"composite": composite, "epsilon": EPSILON}}
    found = value(net, x, "lrp", parameters=parameters)
    more = {"low": torch.full_like(x, -2.0), "high": torch.full_like(x, 2.0)} if "box" in composite else {}
    seed = torch.zeros_like(net.model(x))
    seed[0, 1] = net.model(x)[0, 1]
    theirs = ZENNITS[composite](canonizers=[SequentialMergeBatchNorm()], stabilizer=EPSILON, epsilon=EPSILON, **more)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Gradient(copy.deepcopy(net.model), theirs) as attributor:
            _, expected = attributor(x.clone(), seed)
    close(found, expected.sum(1), 2e-3)


@pytest.mark.parametrize("convolutions", ["z+", "alpha-beta", "epsilon"])
def test_relevance_passes_padding_and_residual_blocks_as_zennits_does(convolutions, repository):
    known = known_network("efficientnet-lite0", repository.parent / "shared")
    found = known.draw(["lrp"], parameters={"lrp": {"convolutions": convolutions, "epsilon": EPSILON}})["lrp"]
    stable = Stabilizer(EPSILON)
    rule = {"z+": ZPlus(stable), "alpha-beta": AlphaBeta(2, 1, stable), "epsilon": Epsilon(EPSILON)}[convolutions]
    layers = [(Sum, Norm(EPSILON)), (Activation, Pass()), (AvgPool, Norm(EPSILON))]
    layers += [(Convolution, rule), (Dense, Epsilon(EPSILON))]
    model = copy.deepcopy(known.net.model)
    for unit in [module for module in model.modules() if hasattr(module, "bn")]:
        # torch merges batch norms: what zennit leaves of them still divides by the root of 1 + eps, here 1.001
        unit.conv, unit.bn = fuse_conv_bn_eval(unit.conv, unit.bn), nn.Identity()
    *body, classifier = (_summing(module) for module in model.children())
    model = nn.Sequential(*body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), classifier)
    seed = torch.zeros_like(known.logits)
    seed[0, known.target] = known.logits[0, known.target]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Gradient(model, LayerMapComposite(layers)) as attributor:
            _, expected = attributor(known.x.clone(), seed)
    close(found.value, expected.sum(1), 2e-3)


def _summing(module):
    """A residual block whose sum is a module, the only kind of sum that zennit has a rule for; others as they are."""
    if not getattr(module, "residual", False):
        return module
    block = nn.Module()
    block.expand, block.depthwise, block.project = module.expand, module.depthwise, module.project
    block.sum = Sum()
    block.forward = lambda x: block.sum(torch.stack([x, block.project(block.depthwise(block.expand(x)))], dim=-1))
    return block


def test_relevance_on_padding_is_lost():
    class Padded(nn.Module):
        def __init__(self, padding):
            super().__init__()
            self.conv, self.fc = nn.Conv2d(3, 4, 3, bias=False), nn.Linear(4, 5, bias=False)
            self.padding = padding

        def forward(self, x):
            return self.fc(self.conv(nn.functional.pad(x, (0, 1, 0, 1), value=self.padding)).relu().mean((2, 3)))

    torch.manual_seed(0)
    model = Padded(0.0)
    shares = {}
    for padding in (0.0, 2.0):
        model.padding = padding
        net = loaded(model, (3, 8, 8))
        parameters = {"lrp": {"convolutions": "epsilon", "epsilon": 1e-9}}
        (outcome,) = outcomes(net, picture(net.input.size), ["lrp"], ["top"], parameters=parameters).values()
        assert outcome.value.shape == (1, 8, 8)
        shares[padding] = outcome.numbers["share of the score that arrived"]
    assert shares[0.0] == pytest.approx(1, abs=1e-3)
    assert abs(shares[2.0] - 1) > 0.01


def test_without_biases_nothing_is_lost():
    net = tiny("functional")
    for module in net.model.modules():
        if getattr(module, "bias", None) is not None:
            module.bias.zero_()
    parameters = {"lrp": {"convolutions": "epsilon", "epsilon": 1e-9}}
    (outcome,) = outcomes(net, picture(net.input.size), ["lrp"], ["class:bee"], parameters=parameters).values()
    assert outcome.numbers["share of the score that arrived"] == pytest.approx(1, abs=1e-3)
    expected = value(net, picture(net.input.size), "gradient-x-input")  # what epsilon is for a network without biases
    close(outcome.value, expected, 2e-3)


@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic", "transposed"])
def test_relevance_goes_through_what_enlarges(mode):
    """As through any other linear map: by the weights that each value had, here written down as a matrix."""
    torch.manual_seed(0)

    class Up(nn.Module):
        def __init__(self):
            super().__init__()
            self.deconv, self.fc = nn.ConvTranspose2d(3, 3, 3, 2, bias=False), nn.Conv2d(3, 5, 1, bias=False)

        def enlarge(self, x):
            if mode == "transposed":
                return self.deconv(x)
            return nn.functional.interpolate(x, scale_factor=2, mode=mode)

        def forward(self, x):
            return self.fc(self.enlarge(x)).mean((2, 3))

    net, x = loaded(Up(), (3, 4, 5)), picture((3, 4, 5))
    parameters = {"lrp": {"convolutions": "epsilon", "epsilon": 1e-6}}
    (outcome,) = outcomes(net, x, ["lrp"], ["class:cat"], parameters=parameters).values()
    matrix = torch.func.jacrev(net.model.enlarge)(x).double().reshape(-1, x.numel())  # of a linear map its values
    large = matrix @ x.double().flatten()
    arrived = net.model.fc.weight[2, :, 0, 0].double().repeat_interleave(len(large) // 3) * large / (len(large) // 3)
    wanted = x.double().flatten() * (matrix.T @ (arrived / (large + 1e-6 * large.sign())))
    close(outcome.value, wanted.view_as(x).sum(1).float(), 2e-3)
    assert outcome.numbers["share of the score that arrived"] == pytest.approx(1, abs=1e-2)


def test_transposed_convolutions_share_by_the_rule_of_convolutions():
    """Of a kernel of one value, moved 1 pixel at a time, both kinds are the same."""
    torch.manual_seed(0)
    found = {}
    for kind in (nn.Conv2d, nn.ConvTranspose2d):
        first = kind(3, 4, 1)
        with torch.no_grad():
            weight = torch.linspace(-1, 1, 12).view(4, 3, 1, 1)
            first.weight.copy_(weight if kind is nn.Conv2d else weight.transpose(0, 1))
            first.bias.copy_(torch.tensor([0.5, -0.5, 0.2, 0.1]))
        last = nn.Conv2d(4, 5, 1)
        nn.init.constant_(last.weight, 0.3)
        nn.init.zeros_(last.bias)
        model = nn.Sequential(first, nn.ReLU(), last, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        parameters = {"lrp": {"convolutions": "alpha-beta"}}
        found[kind] = value(loaded(model, (3, 4, 4)), picture((3, 4, 4)), "lrp", parameters=parameters)
    close(found[nn.ConvTranspose2d], found[nn.Conv2d], 1e-6)
    assert found[nn.Conv2d].abs().max() > 1e-3


def test_contrast_shares_the_difference_of_two_scores():
    net = tiny("residual")
    x = picture(net.input.size)
    apart = [value(net, x, "lrp", f"class:{name}") for name in ("bee", "eel")]
    close(value(net, x, "lrp", "contrast:bee:eel"), apart[0] - apart[1], 1e-4)


class Passed(torch.autograd.Function):
    """`y` made of `x` value by value, as if by a factor: relevance passes on as it is."""

    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        return y.clone()

    @staticmethod
    def backward(ctx, gradient):
        x, y = ctx.saved_tensors
        return gradient * y / x, None


class Halved(torch.autograd.Function):
    """The identity, of whose gradient half comes back."""

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient / 2


class ModifiedGradient(TorchFunctionMode):
    """AttnLRP as its authors compute it: input times a gradient with other derivatives, for epsilon towards zero."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = func.__name__.strip("_")
        if name in ("layer_norm", "gelu", "silu", "sigmoid", "normalize", "relu"):
            with torch.no_grad():
                y = func(*args, **kwargs)
            return Passed.apply(args[0], y)
        flat = args[1:] if name == "einsum" else args
        flat = flat[0] if flat and isinstance(flat[0], list | tuple) else flat
        if name in ("matmul", "mul", "einsum") and sum(getattr(one, "requires_grad", False) for one in flat) == 2:
            halves = [Halved.apply(one) for one in flat]
            return func(args[0], *halves) if name == "einsum" else func(*halves)
        return func(*args, **kwargs)


def baseline_of_none(kind):
    return torch.zeros(())


def of_attention(name):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        if name == "vit":
            model = torchvision.models.VisionTransformer(16, 4, 2, 2, 8, 16, num_classes=5)
        elif name == "gated":
            model = torchvision.models.efficientnet.SqueezeExcitation(3, 2, nn.SiLU)
            model = nn.Sequential(model, nn.Conv2d(3, 5, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        elif name == "maxvit":
            model = torchvision.models.MaxVit((64, 64), 8, 2, [8, 8], [1, 1], 4, 0.0, num_classes=5)
        else:
            blocks = {"swin_v2": {"block": SwinTransformerBlockV2, "downsample_layer": PatchMergingV2}}.get(name, {})
            model = torchvision.models.SwinTransformer(
                [2, 2], 8, [2, 2], [2, 4], [2, 2], 2.0, stochastic_depth_prob=0.0, num_classes=5, **blocks
            )
        for module in model.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, 0, 0.4)
    return loaded(model.double(), (3, 64, 64) if name == "maxvit" else (3, 16, 16))


@pytest.mark.parametrize("name", ["vit", "swin", "swin_v2", "gated"])
def test_relevance_of_attention_is_input_times_the_modified_gradient(name):
    net, x = of_attention(name), picture((3, 16, 16)).double()
    tape = record(net.model, x.clone(), readout_of(net))
    seed = torch.zeros_like(tape.values[tape.logits])
    seed[0, 1] = tape.values[tape.logits][0, 1]
    found, _ = lrp(tape, seed, baseline_of_none, convolutions="epsilon", epsilon=1e-14)
    leaf = x.clone().requires_grad_()
    fused = nn.functional.multi_head_attention_forward
    with pytest.MonkeyPatch.context() as patch, ModifiedGradient():
        patch.setattr(nn.functional, "multi_head_attention_forward", lambda *args, **more: by_hand(*args))
        score = net.model(leaf)[0, 1]
    assert fused is nn.functional.multi_head_attention_forward
    (gradient,) = torch.autograd.grad(score, leaf)
    close(found, (leaf * gradient).detach().sum(1), 1e-6)
    assert found.abs().max() > 1e-4


def by_hand(query, key, value, width, heads, in_weight, in_bias, *rest):
    """Self-attention head by head, (T, N, E)."""
    out_weight, out_bias = rest[-2:]
    made = []
    for head in range(heads):
        own = [
            slice(part * width + head * width // heads, part * width + (head + 1) * width // heads) for part in range(3)
        ]
        q, k, v = (nn.functional.linear(query, in_weight[rows], in_bias[rows])[:, 0] for rows in own)
        weights = torch.softmax(torch.matmul(q, k.T) / (width // heads) ** 0.5, 1)
        made.append(torch.matmul(weights, v))
    return nn.functional.linear(torch.cat(made, 1)[:, None], out_weight, out_bias), None


class Plain(TorchFunctionMode):
    """Makes fused calls plain ones."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        function = plain(func.__name__)
        self.seen += [func] if function else []
        return (function or func)(*args, **(kwargs or {}))


def test_the_plain_form_of_attention_computes_the_same():
    torch.manual_seed(0)
    attention, x = nn.MultiheadAttention(8, 2).eval(), torch.randn(5, 3, 8)
    mask = torch.rand(5, 5) > 0.7
    for given in ({}, {"attn_mask": mask}, {"attn_mask": mask.float()}, {"average_attn_weights": False}):
        wanted = attention(x, x, x, **given)
        with Plain() as mode:
            found = attention(x, x, x, **given)
        assert mode.seen
        torch.testing.assert_close(found, wanted)
    q, k, v = torch.randn(3, 2, 4, 6, 8)
    wanted = nn.functional.scaled_dot_product_attention(q, k, v, scale=0.3)
    torch.testing.assert_close(plain("scaled_dot_product_attention")(q, k, v, scale=0.3), wanted)
    assert plain("scaled_dot_product_attention")(q, k, v, is_causal=True) is NotImplemented
    assert plain("linear") is None


def test_a_softmax_hands_on_nothing_of_what_is_masked():
    class Masked(nn.Module):
        def forward(self, x):
            flat = x.flatten(1)
            shares = flat.masked_fill(torch.tensor([[False, True, False]]), -torch.inf).softmax(1)
            return shares @ torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 7.0]])

    net, x = loaded(Masked(), (1, 1, 3)), torch.tensor([[[[0.5, 9.0, -0.25]]]])
    tape = record(net.model, x.clone(), readout_of(net))
    logits = tape.values[tape.logits]
    found, _ = lrp(tape, torch.tensor([[0.0, 1.0]]) * logits, baseline_of_none, epsilon=1e-12)
    shares = x[0, 0, 0, [0, 2]].softmax(0)
    arrived = shares * torch.tensor([2.0, 7.0])  # the linear layer's shares, which add up to the score
    wanted = x[0, 0, 0, [0, 2]] * (arrived - shares * arrived.sum())
    torch.testing.assert_close(found[0, 0], torch.tensor([wanted[0], 0.0, wanted[1]]))


@pytest.mark.parametrize(
    "layer",
    [nn.Dropout(), nn.Dropout2d(), nn.AlphaDropout(), nn.FeatureAlphaDropout(), nn.ChannelShuffle(2)],
    ids=lambda layer: type(layer).__name__,
)
def test_what_drops_nothing_when_it_is_evaluated_hands_everything_on(layer):
    torch.manual_seed(0)
    convs = nn.Conv2d(3, 4, 3, bias=False), nn.Conv2d(4, 5, 3, bias=False)
    x = picture((3, 8, 8))
    relevance = [
        outcomes(
            loaded(
                nn.Sequential(convs[0], part, convs[1], nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()), (3, 8, 8)
            ),
            x,
            ["lrp"],
            ["top"],
        )
        .popitem()[1]
        .value
        for part in (layer, _Shuffled() if isinstance(layer, nn.ChannelShuffle) else nn.Identity())
    ]
    assert relevance[0] is not None and relevance[0].abs().max() > 0
    close(relevance[0], relevance[1], 1e-6)


class _Shuffled(nn.Module):
    """What ChannelShuffle(2) does to 4 channels, by indices."""

    def forward(self, x):
        return torch.cat([x[:, :1], x[:, 2:3], x[:, 1:2], x[:, 3:]], 1)


def test_networks_that_cannot_be_followed_are_refused():
    class After(nn.Module):
        def __init__(self, call):
            super().__init__()
            self.conv, self.call = nn.Conv2d(3, 5, 3), call

        def forward(self, x):
            return self.call(self.conv(x)).mean((2, 3))

    for call, reason in (
        (lambda x: x.pow(2), "no rule for pow"),
        (lambda x: 1 / x, "no rule for rdiv"),
        (lambda x: torch.ones(1) / x, "no rule for a number divided by a value"),
        (lambda x: x.square().add(1).rsqrt(), "no rule for rsqrt"),
        (lambda x: x.clamp(max=x.mean()), "no rule for 2 values in one clamp"),
    ):
        net = loaded(After(call), (3, 8, 8))
        (outcome,) = outcomes(net, picture(net.input.size), ["lrp"], ["top"]).values()
        assert isinstance(outcome.error, NotApplicable) and reason in str(outcome.error)


def rms(x, hold):
    return x * hold(torch.rsqrt(x.pow(2).mean(1, keepdim=True) + 1e-6))


def response_norm(x, hold):
    """ConvNeXt V2's, as Hugging Face and timm write it."""
    size = torch.linalg.vector_norm(x, dim=(2, 3), keepdim=True)
    return torch.addcmul(torch.zeros(1).double(), torch.linspace(1, 2, 4).double().view(4, 1, 1), x * hold(
        size / (size.mean(1, keepdim=True) + 1e-6)
    )) + x  # fmt: skip


def folded(x, _):
    patches = nn.functional.unfold(x, 2, stride=1)
    return nn.functional.fold(patches, x.shape[2:], 2, stride=1)


CALLS = {
    "a hand-written RMS norm": rms,
    "a response norm": response_norm,
    "a quotient": lambda x, hold: x / hold(x.abs().amax((2, 3), keepdim=True) + 1),
    "a quotient of a smaller value": lambda x, hold: x.mean((2, 3), keepdim=True) / hold(x.square() + 1),
    "max over places": lambda x, _: x.max(3, keepdim=True).values,
    "amax": lambda x, _: x.amax((2, 3), keepdim=True),
    "max of two": lambda x, _: torch.max(x, x.flip(1)),
    "repetition": lambda x, _: x.repeat_interleave(3, 2),
    "patches": lambda x, _: x.unfold(2, 3, 1).sum(4),
    "patches laid over each other": folded,
    "another's type": lambda x, _: x.type_as(x.flip(1)) + torch.zeros(1).double().type_as(x),
    "another's shape": lambda x, _: x.flatten(1).reshape_as(x).view_as(x),
    "another's size": lambda x, _: x.mean((2, 3), keepdim=True).expand_as(x),
}


@pytest.mark.parametrize("name", CALLS)
def test_rules_are_input_times_the_gradient_where_norms_count_as_constants(name):
    """In a network without biases, whose relevance arrives in whole."""
    torch.manual_seed(0)
    first, last = nn.Conv2d(3, 4, 3, bias=False).double(), nn.Conv2d(4, 5, 1, bias=False).double()

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = first, last

        def forward(self, x, hold=lambda value: value):
            return self.last(CALLS[name](self.first(x), hold)).mean((2, 3))

    net, x = loaded(Network(), (3, 6, 7)), picture((3, 6, 7)).double()
    tape = record(net.model, x.clone(), readout_of(net))
    seed = torch.zeros_like(tape.values[tape.logits])
    seed[0, 1] = tape.values[tape.logits][0, 1]
    found, numbers = lrp(tape, seed, baseline_of_none, convolutions="epsilon", epsilon=1e-14)
    leaf = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(net.model(leaf, torch.Tensor.detach)[0, 1], leaf)
    close(found, (leaf * gradient).detach().sum(1), 1e-6)
    assert numbers["share of the score that arrived"] == pytest.approx(1, abs=1e-6)


def test_a_hand_written_norm_passes_as_torchs_does():
    torch.manual_seed(0)
    first, last = nn.Conv2d(3, 8, 3, stride=3), nn.Linear(8, 5)

    class Tokens(nn.Module):
        def __init__(self, norm):
            super().__init__()
            self.first, self.norm, self.last = first, norm, last

        def forward(self, x):
            return self.last(self.norm(self.first(x).flatten(2).transpose(1, 2))).mean(1)

    class Written(nn.Module):
        def forward(self, x):
            return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6).type_as(x)

    mine, theirs = (
        value(loaded(Tokens(norm), (3, 9, 9)), picture((3, 9, 9)), "lrp")
        for norm in (Written(), nn.RMSNorm(8, eps=1e-6))
    )
    assert theirs.abs().max() > 0
    torch.testing.assert_close(mine, theirs)


def test_a_square_passes_as_a_product_with_itself():
    torch.manual_seed(0)
    first, last = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 5, 1)

    class Squared(nn.Module):
        def __init__(self, call):
            super().__init__()
            self.first, self.call, self.last = first, call, last

        def forward(self, x):
            return self.last(self.call(self.first(x))).mean((2, 3))

    mine, theirs = (
        value(loaded(Squared(call), (3, 6, 6)), picture((3, 6, 6)), "lrp") for call in (torch.square, lambda x: x * x)
    )
    close(mine, theirs, 1e-3)


def test_an_unknown_rule_is_answered_with_those_there_are():
    net = tiny("in-place")
    with pytest.raises(ValueError, match="expected z\\+, alpha-beta, gamma or epsilon; there is 'w2'"):
        value(net, picture(net.input.size), "lrp", parameters={"lrp": {"convolutions": "w2"}})


def test_a_mean_of_tokens_shares_as_one_of_places():
    """As Hugging Face's Swin ends: places as one axis, pooled along it."""
    first, head = nn.Conv2d(3, 6, 3), nn.Linear(6, 5)
    places = nn.Sequential(first, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), head)
    tokens = nn.Sequential(first, nn.ReLU(), nn.Flatten(2), nn.AdaptiveAvgPool1d(1), nn.Flatten(), head)
    mine, theirs = (value(loaded(model, (3, 8, 12)), picture((3, 8, 12)), "lrp") for model in (tokens, places))
    assert theirs.abs().max() > 0
    torch.testing.assert_close(mine, theirs)
