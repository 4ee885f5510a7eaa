"""A layer's tensor is read along the axes that the pass says are channels and space, wherever they lie."""

import pytest
import pytorch_grad_cam as pgc
import torch
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from tiny_nets import CARDS, loaded, outcomes, picture, value
from torch import nn
from torch.nn import functional as F
from torchvision.models.maxvit import PartitionAttentionLayer
from torchvision.models.swin_transformer import ShiftedWindowAttention, SwinTransformer
from torchvision.models.vision_transformer import EncoderBlock

from generator.core.errors import ModelError
from generator.engine.capture import Watch
from generator.engine.model_card import describe
from generator.engine.model_handle import Driven
from generator.engine.readout import readout_of
from generator.engine.sampling import Samples
from generator.engine.space import find_space, space_of
from generator.engine.targets import Target
from generator.methods.activation_maximisation import activation_maximisation

SIZE = (3, 10, 14)
# Averaged over the stages, of which a network of linear layers has one more than its twin of convolutions.
OF_ALL_STAGES = "averaged-cam"
CAMS = [slug for slug, card in CARDS.items() if card.family == "cam" and "guided" not in slug and slug != OF_ALL_STAGES]


class First(nn.Module):
    """Channels first: three 1x1 convolutions, of which the last two stand after a 3x3 one."""

    def __init__(self):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            self.stem, self.one, self.two = nn.Conv2d(3, 6, 3), nn.Conv2d(6, 8, 1), nn.Conv2d(8, 7, 1)
            self.fc = nn.Linear(7, 5)

    def forward(self, x):
        x = F.relu(self.one(self.stem(x)))
        return self.fc(F.relu(self.two(x)).mean((2, 3)))


class Last(First):
    """The same with the channels last, 1x1 convolutions being linear."""

    def forward(self, x):
        x = self.stem(x).permute(0, 2, 3, 1)
        x = F.relu(F.linear(x, self.one.weight.flatten(1), self.one.bias))
        return self.fc(F.relu(F.linear(x, self.two.weight.flatten(1), self.two.bias)).mean((1, 2)))


class Tokens(First):
    """The same on tokens, (N, T, D)."""

    def forward(self, x):
        x = self.stem(x).flatten(2).transpose(1, 2)
        x = F.relu(F.linear(x, self.one.weight.flatten(1), self.one.bias))
        return self.fc(F.relu(F.linear(x, self.two.weight.flatten(1), self.two.bias)).mean(1))


class TokensOutermost(First):
    """The same on tokens with the images in the middle, (T, N, D)."""

    def forward(self, x):
        x = self.stem(x).flatten(2).permute(2, 0, 1)
        x = F.relu(F.linear(x, self.one.weight.flatten(1), self.one.bias))
        return self.fc(F.relu(F.linear(x, self.two.weight.flatten(1), self.two.bias)).mean(0))


class Windows(First):
    """The same in windows of 4 x 4 that lie along the axis of the images, shifted by (1, 2)."""

    def forward(self, x):
        x = torch.roll(self.stem(x).permute(0, 2, 3, 1), (-1, -2), (1, 2))
        n, h, w, c = x.shape
        x = x.view(n, h // 4, 4, w // 4, 4, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, 16, c)
        x = F.relu(F.linear(x, self.one.weight.flatten(1), self.one.bias))
        x = F.relu(F.linear(x, self.two.weight.flatten(1), self.two.bias))
        return self.fc(x.view(n, -1, 7).mean(1))


LAYOUTS = {Last: "channels last", Tokens: "tokens", TokensOutermost: "tokens", Windows: "windows"}


@pytest.mark.parametrize("kind", LAYOUTS)
def test_a_layer_has_the_shape_and_the_values_of_its_twin_with_channels_first(kind):
    first, other, x = loaded(First(), SIZE), loaded(kind(), SIZE), picture(SIZE)
    cards = describe(first), describe(other)
    assert [card.default_layer for card in cards] == ["relu@2", "relu@2"]
    shapes, theirs = ({layer.name: layer for layer in card.layers} for card in cards)
    for name in ("relu@1", "relu@2"):
        assert theirs[name].shape == shapes[name].shape
        assert theirs[name].layout.startswith(LAYOUTS[kind]) and shapes[name].layout == ""
        mine, twin = (value(net, x, "activations", layer=name) for net in (other, first))
        torch.testing.assert_close(mine, twin)
        assert theirs[name].receptive_field == shapes[name].receptive_field == (3, 3)


@pytest.mark.parametrize("kind", LAYOUTS)
def test_maps_of_classes_are_those_of_the_twin(kind):
    first, other, x = loaded(First(), SIZE), loaded(kind(), SIZE), picture(SIZE)
    mine, twin = (outcomes(net, x, CAMS, ["class:bee"], layer=None) for net in (other, first))
    drawn = [key for key in twin if not twin[key].error]
    assert len(drawn) >= 10
    for key in drawn:
        assert not mine[key].error, (key, mine[key].error)
        values = (one.value[-1] if isinstance(one.value, list) else one.value for one in (mine[key], twin[key]))
        for a, b in [tuple(values)]:
            torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4 * float(b.abs().max()), msg=str(key))


@pytest.mark.parametrize("kind", LAYOUTS)
def test_several_images_in_a_pass_are_kept_apart(kind):
    first, other = loaded(First(), SIZE), loaded(kind(), SIZE)
    x = torch.cat([picture(SIZE, seed) for seed in range(3)])
    mine, twin = (Driven(net, describe(net), 4).activation(x, "relu@2") for net in (other, first))
    torch.testing.assert_close(mine, twin)


class Cramped(Windows):
    """The same where memory holds one image, said as one of several allocators says it."""

    error: Exception = MemoryError()

    def forward(self, x):
        if len(x) > 1:
            raise self.error
        return super().forward(x)


SHORTAGES = {
    "of Python": (MemoryError(), "MemoryError"),
    "of the CPU": (
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        "9 bytes",
    ),
    "of a GPU": (torch.OutOfMemoryError("CUDA out of memory."), "CUDA out of memory"),
    "of a GPU's library": (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED"), "CUBLAS_STATUS_ALLOC_FAILED"),
}


@pytest.mark.parametrize("shortage", SHORTAGES)
def test_windows_are_not_taken_for_images_where_memory_holds_one(shortage):
    model = Cramped()
    model.error, words = SHORTAGES[shortage]
    with pytest.raises(ModelError, match=f"memory ran out in a pass of two images.*{words}"):
        find_space(loaded(model, SIZE), SIZE)


def test_a_network_that_takes_one_image_alone_keeps_the_layout_of_that_pass():
    model = Cramped()
    model.error = ValueError("expected one image")
    assert find_space(loaded(model, SIZE), SIZE).images == 1


@pytest.mark.parametrize("kind", LAYOUTS)
def test_a_silenced_channel_is_that_channel_in_every_image(kind):
    first, other, x = loaded(First(), SIZE), loaded(kind(), SIZE), picture(SIZE)
    target = Target("bee", 1, 0.5, "class")
    scores = []
    for net in (other, first):
        space = space_of(net, describe(net), SIZE)
        scores.append(Samples(net.model, x, 3, readout_of(net), space).ablated_score("relu@1", range(8), target))
    torch.testing.assert_close(*scores)
    assert len(set(scores[1].tolist())) > 4


@pytest.mark.parametrize("kind", LAYOUTS)
def test_a_picture_for_a_channel_is_that_of_the_twin(kind):
    pictures = []
    for net in (loaded(kind(), SIZE), loaded(First(), SIZE)):
        network = Driven(net, describe(net), 4)
        with torch.no_grad():
            *_, (shown, numbers) = activation_maximisation(
                network, "relu@2", None, units=3, steps=4, size=14 if kind is not Windows else 10
            )
        pictures.append((shown, numbers["reached"]))
    torch.testing.assert_close(pictures[0][0], pictures[1][0], rtol=1e-3, atol=1e-3)


# --- what stands in networks that people use ----------------------------------------------------------


def seen(model, x):
    """Each layer's planes and each module's output, of a pass over `x`."""
    net = loaded(model, tuple(x.shape[1:]))
    space, planes, outputs, handles = find_space(net, x.shape[1:]), {}, {}, []
    for name, module in model.named_modules():

        def keep(module, inputs, output, name=name):
            outputs[name] = output

        handles.append(module.register_forward_hook(keep))

    def layer(name, type_, kind, tensor):
        planes[name] = space.planes(name, tensor, len(x))

    with torch.no_grad(), Watch(model, layer):
        model(x)
    for handle in handles:
        handle.remove()
    return space, planes, outputs


class Whole(nn.Module):
    """A part between a stem and a mean, which takes (N, h, w, C) or (N, C, h, w)."""

    def __init__(self, part, last):
        super().__init__()
        self.stem, self.part, self.fc, self.last = nn.Conv2d(3, 8, 2, 2), part, nn.Linear(8, 5), last

    def forward(self, x):
        x = self.stem(x)
        if self.last:
            return self.fc(self.part(x.permute(0, 2, 3, 1)).mean((1, 2)))
        return self.fc(self.part(x).mean((2, 3)))


@pytest.mark.parametrize("shift", [0, 2])
@pytest.mark.parametrize("side", [16, 18], ids=["whole windows", "padded"])
def test_swins_windows_come_back_to_their_places(shift, side):
    part = ShiftedWindowAttention(8, [4, 4], [shift, shift], 2).eval()
    model = Whole(part, True).eval()
    x = torch.randn(2, 3, 2 * side, 2 * side)
    space, planes, outputs = seen(model, x)
    entering = outputs["stem"]
    expected = F.linear(entering.permute(0, 2, 3, 1), part.qkv.weight, part.qkv.bias).permute(0, 3, 1, 2)
    torch.testing.assert_close(planes["part.linear@1"], expected)
    torch.testing.assert_close(planes["part.linear@2"], outputs["part"].permute(0, 3, 1, 2))
    assert space.shape("part.softmax@1")[1] == 16 and space.grids["part.softmax@1"] is None, "attention is cells"
    assert max(span for span in space.spans if span) == (4, 4), "each value sees its window"


class Padded(nn.Module):
    """A convolution behind padding of both axes, as TensorFlow pads: the odd row and column below and right."""

    def __init__(self, pad):
        super().__init__()
        self.conv, self.fc, self.pad = nn.Conv2d(3, 4, 3, stride=2), nn.Linear(4, 5), pad

    def forward(self, x):
        return self.fc(self.conv(F.pad(x, self.pad)).relu().mean((2, 3)))


@pytest.mark.parametrize("pad", [(0, 1, 0, 1), (1, 2, 1, 2), (0, 1), (1, 1, 1, 1)])
def test_a_convolution_behind_padding_keeps_its_rows_and_columns(pad):
    model = Padded(pad).eval()
    x = torch.randn(2, 3, 10, 14)
    space, planes, outputs = seen(model, x)
    assert torch.equal(planes["conv"], outputs["conv"])
    assert space.shape("conv") == tuple(outputs["conv"].shape[1:]) and space.collapse == "relu@1"


@pytest.mark.parametrize("kind", ["window", "grid"])
def test_maxvits_partitions_come_back_to_their_places(kind):
    part = PartitionAttentionLayer(8, 4, 4, kind, (8, 8), 4, nn.GELU, nn.LayerNorm, 0.0, 0.0, 0.0).eval()
    space, planes, outputs = seen(Whole(part, False).eval(), torch.randn(2, 3, 16, 16))
    norm = part.attn_layer[0]
    expected = norm(outputs["stem"].permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
    torch.testing.assert_close(planes["part.attn_layer.0"], expected)
    torch.testing.assert_close(planes["part.add@2"], outputs["part"])
    assert space.shape(space.collapse) == space.shape("part.add@2") == (8, 8, 8)


class Vision(nn.Module):
    """A vision transformer with a class token and two registers behind it."""

    def __init__(self, blocks=2):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(2)
            self.stem, self.fc = nn.Conv2d(3, 8, 4, 4), nn.Linear(8, 5)
            self.token, self.registers = nn.Parameter(torch.randn(1, 1, 8)), nn.Parameter(torch.randn(1, 2, 8))
            norm = lambda width: nn.LayerNorm(width)  # noqa: E731
            self.blocks = nn.Sequential(*(EncoderBlock(2, 8, 16, 0.0, 0.0, norm) for _ in range(blocks)))

    def forward(self, x):
        x = self.stem(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x, self.registers.expand(len(x), -1, -1)], 1)
        return self.fc(self.blocks(x)[:, 0])


def test_tokens_come_back_to_their_grid_without_the_extra_ones():
    """As the reshape that pytorch-grad-cam asks its users for."""
    model = Vision().eval()
    x = torch.randn(2, 3, 16, 24)
    space, planes, outputs = seen(model, x)
    for name in ("blocks.0.ln_1", "blocks.1.self_attention", "blocks.1.mlp.0"):
        tokens = outputs[name][0] if isinstance(outputs[name], tuple) else outputs[name]
        expected = tokens[:, 1:-2].reshape(2, 4, 6, -1).permute(0, 3, 1, 2)
        torch.testing.assert_close(planes[name], expected)
        assert space.layout(name) == "tokens, 3 + 4 x 6"


def test_the_layer_to_look_at_is_the_last_whose_places_the_class_token_reads():
    net = loaded(Vision(), (3, 16, 24))
    card = describe(net)
    assert card.default_layer == "blocks.1.ln_1"
    grad_cam = value(net, torch.randn(1, 3, 16, 24), "grad-cam", card=card)
    assert grad_cam.shape == (1, 4, 6) and grad_cam.abs().max() > 0


def test_grad_cam_on_tokens_is_that_of_the_reshaped_ones():
    net, x = loaded(Vision(), (3, 16, 24)), torch.randn(1, 3, 16, 24)
    kept = {}

    def hook(module, inputs, output):
        output.requires_grad_()
        kept["a"] = output

    handle = net.model.blocks[1].ln_1.register_forward_hook(hook)
    score = net.model(x)[0, 1]
    handle.remove()
    (gradient,) = torch.autograd.grad(score, kept["a"])
    a, g = (tensor[:, 1:-2].reshape(1, 4, 6, 8).permute(0, 3, 1, 2) for tensor in (kept["a"].detach(), gradient))
    expected = (g.mean((2, 3), keepdim=True) * a).sum(1).relu()
    torch.testing.assert_close(value(net, x, "grad-cam"), expected)


class Fused(nn.Module):
    """A block as timm writes it: what it adds stands behind the tokens that it is added to."""

    def __init__(self):
        super().__init__()
        self.norm, self.qkv, self.proj = nn.LayerNorm(8), nn.Linear(8, 24), nn.Linear(8, 8)

    def forward(self, x):
        q, k, v = self.qkv(self.norm(x)).unflatten(2, (3, 2, 4)).permute(2, 0, 3, 1, 4)
        return x + self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


def test_the_last_block_is_looked_at_in_whatever_order_it_adds():
    model = Vision()
    model.blocks = nn.Sequential(Fused(), Fused(), Fused())
    assert describe(loaded(model, (3, 16, 24))).default_layer == "blocks.2.norm"


class Merging(nn.Module):
    """Merges patches of tokens as Hugging Face's Swin does: strided pieces, joined, and viewed as tokens again."""

    def __init__(self):
        super().__init__()
        self.stem, self.merge, self.fc = nn.Conv2d(3, 8, 2, 2), nn.Linear(32, 8), nn.Linear(8, 5)

    def forward(self, x):
        x = self.stem(x).permute(0, 2, 3, 1)
        x = torch.cat([x[:, row::2, column::2] for column in range(2) for row in range(2)], -1)
        return self.fc(F.relu(self.merge(x.view(len(x), -1, 32))).mean(1))


def test_merged_patches_keep_their_grid():
    card = describe(loaded(Merging(), (3, 16, 24)))
    layer = next(layer for layer in card.layers if layer.name == card.default_layer)
    assert (layer.name, layer.shape, layer.layout) == ("relu@1", (8, 4, 6), "tokens, 4 x 6")


class MergingAtOnce(nn.Module):
    """Patches merged in one reshape, as timm's Swin does; odd sides are padded before."""

    def __init__(self):
        super().__init__()
        self.stem, self.merge, self.fc = nn.Conv2d(3, 8, 2, 2), nn.Linear(32, 12, bias=False), nn.Linear(12, 5)

    def forward(self, x):
        x = self.stem(x).permute(0, 2, 3, 1)
        x = F.pad(x, (0, 0, 0, x.shape[2] % 2, 0, x.shape[1] % 2))
        n, h, w, c = x.shape
        x = x.reshape(n, h // 2, 2, w // 2, 2, c).permute(0, 1, 3, 4, 2, 5).flatten(3)
        return self.fc(F.relu(self.merge(x)).mean((1, 2)))


class PoolingQueries(nn.Module):
    """Patches in the order of what becomes one, of which the largest values stay, as in Hiera."""

    def __init__(self):
        super().__init__()
        self.stem, self.merge, self.fc = nn.Conv2d(3, 8, 2, 2), nn.Linear(8, 12), nn.Linear(12, 5)

    def forward(self, x):
        x = self.stem(x).permute(0, 2, 3, 1)
        n, h, w, c = x.shape
        x = x.view(n, h // 2, 2, w // 2, 2, c).permute(0, 2, 4, 1, 3, 5).reshape(n, h * w, c)
        x = self.merge(x).view(n, 4, -1, 12)
        return self.fc(F.relu(x.max(dim=1).values).mean(1))


class PatchesByHand(nn.Module):
    """Patches cut by a reshape and embedded by a linear layer, a register before them."""

    def __init__(self):
        super().__init__()
        self.embed, self.fc, self.register = nn.Linear(48, 12), nn.Linear(12, 5), nn.Parameter(torch.zeros(1, 1, 12))

    def forward(self, x):
        n, _, h, w = x.shape
        x = x.view(n, 3, h // 4, 4, w // 4, 4).permute(0, 2, 4, 3, 5, 1).reshape(n, -1, 48)
        x = torch.cat([self.register.expand(n, -1, -1), self.embed(x)], 1)
        return self.fc(F.relu(x).mean(1))


@pytest.mark.parametrize(
    ("kind", "size", "layout"),
    [
        (MergingAtOnce, (3, 16, 24), "channels last, 4 x 6 x 12"),
        (MergingAtOnce, (3, 14, 22), "channels last, 4 x 6 x 12"),
        (PoolingQueries, (3, 16, 24), "tokens, 4 x 6"),
        (PatchesByHand, (3, 16, 24), "tokens, 1 + 4 x 6"),
    ],
)
def test_patches_that_become_one_lie_on_a_coarser_grid(kind, size, layout):
    net = loaded(kind(), size)
    card = describe(net)
    layer = next(layer for layer in card.layers if layer.name == card.default_layer)
    assert (layer.name, layer.shape, layer.layout) == ("relu@1", (12, 4, 6), layout)
    x = torch.zeros(1, *size)
    x[:, :, :4, 8:12] = 1  # the patch in the first row and the third column
    with torch.no_grad():
        net.model.fc.weight[0] = 1
    cam = value(net, x, "hires-cam", "class:ant", card=card) - value(net, 0 * x, "hires-cam", "class:ant", card=card)
    assert cam[0, 0, 2] != 0 and cam.count_nonzero() == 1


@pytest.mark.parametrize("first", ["tokens", "mixed"])
def test_a_wider_layer_between_mixed_tokens_does_not_lose_the_grid(first):
    class Mixer(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.fc = nn.Conv2d(3, 8, 2, 2), nn.Linear(8, 5)
            self.mix = nn.Sequential(nn.Linear(24, 40), nn.GELU(), nn.Linear(40, 24))

        def forward(self, x):
            x = self.stem(x).flatten(2).transpose(1, 2)
            mixed = self.mix(x.transpose(1, 2)).transpose(1, 2)
            return self.fc((x + mixed if first == "tokens" else mixed + x).mean(1))

    card = describe(loaded(Mixer(), (3, 8, 12)))
    shapes = {layer.name: layer.shape for layer in card.layers}
    assert card.default_layer == "add@1" and shapes["add@1"] == (8, 4, 6)


class Pooling(nn.Module):
    """Attention pooling: one learnt query reads all places."""

    def __init__(self):
        super().__init__()
        self.stem, self.key, self.fc = nn.Conv2d(3, 8, 2, 2), nn.Linear(8, 8), nn.Linear(8, 5)
        self.query = nn.Parameter(torch.randn(1, 1, 8))

    def forward(self, x):
        x = F.relu(self.stem(x)).flatten(2).transpose(1, 2)
        weights = (self.query @ self.key(x).transpose(1, 2)).softmax(2)
        return self.fc((weights @ x)[:, 0])


class PoolingOfValues(Pooling):
    """The same with keys and values of one projection, as timm's pooling has them."""

    def __init__(self):
        super().__init__()
        self.key = nn.Linear(8, 16)

    def forward(self, x):
        keys, values = self.key(F.relu(self.stem(x)).flatten(2).transpose(1, 2)).chunk(2, -1)
        query = self.query.expand(len(x), -1, -1)
        return self.fc(F.scaled_dot_product_attention(query, keys, values)[:, 0])


class Factorised(nn.Module):
    """Attention without weights between tokens, as in CoaT; the class token alone is read."""

    def __init__(self):
        super().__init__()
        self.stem, self.norm, self.fc = nn.Conv2d(3, 8, 2, 2), nn.LayerNorm(8), nn.Linear(8, 5)
        self.query, self.key, self.value = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 8)
        self.token = nn.Parameter(torch.randn(1, 1, 8))

    def forward(self, x):
        x = F.relu(self.stem(x)).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1)
        mixed = self.query(x) @ (self.key(x).softmax(1).transpose(1, 2) @ self.value(x))
        return self.fc(self.norm(x + mixed)[:, 0])


class NormedHead(nn.Module):
    """As ConvNeXt ends: the mean keeps its axes and is normalised with the channels last."""

    def __init__(self):
        super().__init__()
        self.stem, self.norm, self.fc = nn.Conv2d(3, 8, 2, 2), nn.LayerNorm(8), nn.Linear(8, 5)

    def forward(self, x):
        x = F.adaptive_avg_pool2d(F.relu(self.stem(x)), 1)
        return self.fc(self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2).flatten(1))


@pytest.mark.parametrize(
    ("kind", "layer"),
    [(Pooling, "relu@1"), (PoolingOfValues, "relu@1"), (Factorised, "cat@1"), (NormedHead, "relu@1")],
)
def test_the_last_layer_with_space_is_found(kind, layer):
    net = loaded(kind(), (3, 8, 12))
    card = describe(net)
    assert card.default_layer == layer
    assert value(net, picture((3, 8, 12)), "grad-cam", card=card).shape == (1, 4, 6)


def test_a_mixer_sees_everything_and_keeps_its_grid():
    class Mixer(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.mix, self.fc = nn.Conv2d(3, 8, 2, 2), nn.Linear(24, 24), nn.Linear(8, 5)

        def forward(self, x):
            x = self.stem(x).flatten(2).transpose(1, 2)
            return self.fc((x + self.mix(x.transpose(1, 2)).transpose(1, 2)).mean(1))

    card = describe(loaded(Mixer(), (3, 8, 12)))
    layers = {layer.name: layer for layer in card.layers}
    assert layers["add@1"].shape == (8, 4, 6) and layers["add@1"].receptive_field is None
    assert card.default_layer == "add@1"


def test_what_has_no_layout_is_cells_and_refused_for_maps():
    class Sorted(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.fc = nn.Conv2d(3, 8, 2, 2), nn.Linear(8, 5)

        def forward(self, x):
            x = self.stem(x).flatten(2).sort(2).values
            return self.fc(F.relu(x.view(len(x), 8, 4, 6)).mean((2, 3)))

    net, x = loaded(Sorted(), (3, 8, 12)), picture((3, 8, 12))
    card = describe(net)
    layers = {layer.name: layer for layer in card.layers}
    assert layers["relu@1"].layout == "cells, held as 8 x 4 x 6" and layers["relu@1"].shape == (32, 6)
    assert card.default_layer == "stem", "the last that has space"
    shown = value(net, x, "activations", card=card, layer="relu@1")
    assert shown.shape == (1, 32, 6)


def shifted():
    """Swin of two stages, in windows of 2 x 2, its channels last."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        return SwinTransformer([4, 4], 8, [1, 2], [2, 2], [2, 2], stochastic_depth_prob=0.0, num_classes=5)


RESHAPES = {
    "tokens": (Vision, "blocks.1.ln_1", lambda x: x[:, 1:-2].reshape(len(x), 8, 12, -1).permute(0, 3, 1, 2)),
    "channels last": (shifted, "norm", lambda x: x.permute(0, 3, 1, 2)),
}


@pytest.mark.parametrize("layout", RESHAPES)
@pytest.mark.parametrize("method", ["grad-cam", "layer-cam", "hires-cam", "xgrad-cam"])
def test_maps_are_those_of_pytorch_grad_cam_with_its_reshape(method, layout):
    kind = {"grad-cam": "GradCAM", "layer-cam": "LayerCAM", "hires-cam": "HiResCAM", "xgrad-cam": "XGradCAM"}[method]
    make, layer, reshape = RESHAPES[layout]
    net, x = loaded(make(), (3, 32, 48)), torch.randn(1, 3, 32, 48, generator=torch.Generator().manual_seed(3))
    card = describe(net)
    assert card.default_layer == layer
    mine = value(net, x, method, card=card)[0]
    model = make().eval()
    with getattr(pgc, kind)(model, [model.get_submodule(layer)], reshape) as cam:
        theirs = torch.from_numpy(cam(x, [ClassifierOutputTarget(1)])[0])
    shown = F.interpolate(mine[None, None], (32, 48), mode="bilinear", align_corners=False)[0, 0]
    shown = (shown - shown.min()) / (shown.max() - shown.min())
    assert theirs.max() > 0.5 and (shown - theirs).abs().max() < 0.02
