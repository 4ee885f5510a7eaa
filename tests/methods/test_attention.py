"""Attention is followed as its authors say, on networks whose weights are worked out by hand."""

import pytest
import torch
import torchvision
from tiny_nets import Tokens, loaded, outcomes, picture, transformer
from torch import nn
from torchvision.models.maxvit import PartitionAttentionLayer

from generator.core.errors import NotApplicable
from generator.engine.model_card import describe

METHODS = ["attention-heads", "attention-rollout", "legrad"]


def weights_by_hand(net, x):
    """Attention (heads, T, T) and output (T, D) of each block."""
    model, found = net.model, []
    tokens = model.patches(x).flatten(2).transpose(1, 2)[0]
    tokens = torch.cat([model.extra[0], tokens])
    for block in model.blocks:
        q, k, _ = block.qkv(block.norm1(tokens)).split(8, 1)
        heads = [torch.softmax(q[:, at : at + 4] @ k[:, at : at + 4].T / 2, 1) for at in (0, 4)]
        tokens = block(tokens[None])[0]
        found.append((torch.stack(heads), tokens))
    return found


@pytest.mark.parametrize("extra", [0, 1, 2])
def test_heads_and_rollout_are_those_by_hand(extra):
    net, x = transformer(extra), picture((3, 8, 12))
    found = outcomes(net, x, METHODS[:2], ["top"])
    by_hand = [weights for weights, _ in weights_by_hand(net, x)]
    for number, weights in enumerate(by_hand):
        heads = found["attention-heads", f"blocks.{number}.proj", ""]
        row = weights[:, 0] if extra else weights.mean(1)
        torch.testing.assert_close(heads.value, row[None, :, extra:].unflatten(2, (2, 3)))
        assert heads.numbers == {"heads": 2, "queries averaged": 1 if extra else 6}
    rolled = torch.eye(6 + extra)
    for weights in by_hand:
        rolled = (0.5 * weights.mean(0) + 0.5 * torch.eye(6 + extra)) @ rolled
    row = rolled[0] if extra else rolled.mean(0)
    torch.testing.assert_close(found["attention-rollout", "", ""].value, row[extra:].view(1, 2, 3))


@pytest.mark.parametrize("extra", [0, 1, 2])
def test_legrad_is_the_gradient_of_each_blocks_own_score(extra):
    net, x = transformer(extra), picture((3, 8, 12))
    (outcome,) = outcomes(net, x, ["legrad"], ["class:cat"]).values()
    model = net.model
    tokens, maps = torch.cat([model.extra, model.patches(x).flatten(2).transpose(1, 2)], 1)[0], []
    for block in model.blocks:
        q, k, v = block.qkv(block.norm1(tokens)).split(8, 1)
        weights = [torch.softmax(q[:, at : at + 4] @ k[:, at : at + 4].T / 2, 1) for at in (0, 4)]
        weights = torch.stack(weights).detach().requires_grad_()
        mixed = tokens + block.proj(torch.cat([weights[0] @ v[:, :4], weights[1] @ v[:, 4:]], 1))
        made = mixed + block.mlp(block.norm2(mixed))
        score = model.head(model.norm(made.mean(0)))[2]
        (gradient,) = torch.autograd.grad(score, weights)
        maps.append(gradient.relu().mean((0, 1))[extra:].view(2, 3))
        tokens = made.detach()
    torch.testing.assert_close(outcome.value, torch.stack(maps).mean(0)[None], rtol=1e-4, atol=1e-6)
    assert outcome.value.max() > 0


class Pooled(Tokens):
    """A transformer whose tokens one learnt query reads, as SigLIP's image tower."""

    def __init__(self):
        super().__init__(0)
        self.probe, self.pool = nn.Parameter(torch.randn(1, 1, 8)), nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x):
        tokens = self.norm(self.blocks(self.patches(x).flatten(2).transpose(1, 2)))
        return self.head(self.pool(self.probe.expand(len(x), -1, -1), tokens, tokens)[0][:, 0])


def test_what_a_learnt_query_pools_is_followed_and_classified_through_it():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        net, x = loaded(Pooled(), (3, 8, 12)), picture((3, 8, 12))
    model, tokens = net.model, net.model.patches(x).flatten(2).transpose(1, 2)[0]
    rolled, maps = torch.eye(6), []
    pool = model.pool
    (wq, wk, wv), (bq, bk, bv) = pool.in_proj_weight.split(8), pool.in_proj_bias.split(8)
    query = model.probe[0] @ wq.T + bq

    def pooling(tokens):
        keys = model.norm(tokens) @ wk.T + bk
        return torch.stack([torch.softmax(query[:, at : at + 4] @ keys[:, at : at + 4].T / 2, 1) for at in (0, 4)])

    for block in model.blocks:
        q, k, _ = block.qkv(block.norm1(tokens)).split(8, 1)
        mean = sum(torch.softmax(q[:, at : at + 4] @ k[:, at : at + 4].T / 2, 1) for at in (0, 4)) / 2
        rolled = (0.5 * mean + 0.5 * torch.eye(6)) @ rolled
        tokens = block(tokens[None])[0]
        weights = pooling(tokens).detach().requires_grad_()
        values = model.norm(tokens) @ wv.T + bv
        read = torch.cat([weights[0] @ values[:, :4], weights[1] @ values[:, 4:]], 1)
        score = model.head(pool.out_proj(read))[0, 2]
        (gradient,) = torch.autograd.grad(score, weights)
        maps.append(gradient.relu().mean((0, 1)).view(2, 3))
    found = outcomes(net, x, METHODS, ["class:cat"])
    row = pooling(tokens).mean(0)[0] @ rolled
    torch.testing.assert_close(found["attention-rollout", "", ""].value, row.view(1, 2, 3))
    torch.testing.assert_close(
        found["legrad", "", "class:cat"].value, torch.stack(maps).mean(0)[None], rtol=1e-4, atol=1e-6
    )
    assert found["legrad", "", "class:cat"].value.max() > 0


def test_torchvisions_transformer_has_them_all_and_is_torch_cams():
    """The values are torch-cam 0.5.0's `LeGrad(model, list(model.encoder.layers))`, not normalised."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = torchvision.models.VisionTransformer(16, 4, 2, 2, 8, 16, num_classes=5)
        nn.init.normal_(model.heads.head.weight)
    x = torch.linspace(-1, 1, 3 * 16 * 16).view(1, 3, 16, 16).sin()
    found = outcomes(loaded(model, (3, 16, 16)), x, METHODS, ["class:cat"])
    assert [outcome.error for outcome in found.values()] == [None] * 4
    tokens = model.encoder.pos_embedding + torch.cat([model.class_token, model._process_input(x)], 1)
    for number, block in enumerate(model.encoder.layers):
        attention, normed = block.self_attention, block.ln_1(tokens)[0]
        q, k, _ = (normed @ attention.in_proj_weight.T + attention.in_proj_bias).split(8, 1)
        heads = [torch.softmax(q[:, at : at + 4] @ k[:, at : at + 4].T / 2, 1)[0, 1:].view(4, 4) for at in (0, 4)]
        layer = f"encoder.layers.encoder_layer_{number}.self_attention"
        torch.testing.assert_close(found["attention-heads", layer, ""].value, torch.stack(heads)[None])
        tokens = block(tokens)
    torch.testing.assert_close(found["legrad", "", "class:cat"].value, torch.tensor(TORCH_CAM), rtol=1e-3, atol=1e-7)


TORCH_CAM = [
    [
        [0.001496555, 0.001274987, 0.001389156, 0.00139516],
        [0.001181314, 0.001109916, 0.001117943, 0.000891074],
        [0.005798505, 0.005280257, 0.005375468, 0.007334779],
        [0.020430846, 0.021238256, 0.02196816, 0.02259412],
    ]
]


def swin(sides):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return loaded(torchvision.models.SwinTransformer([2, 2], 8, [2], [2], [4, 4], num_classes=5), (3, *sides))


def by_windows(attention, normed):
    """Maps (heads, h, w) of torchvision's shifted windows, window after window and query after query."""
    height, width = normed.shape[1:3]
    (side, _), (shift, _) = attention.window_size, attention.shift_size
    rows, columns = -(-height // side) * side, -(-width // side) * side
    down, right = (shift if length > side else 0 for length in (rows, columns))  # one window is not shifted
    q, k, _ = attention.qkv(nn.functional.pad(normed, (0, 0, 0, columns - width, 0, rows - height)))[0].split(8, 2)
    bias = attention.get_relative_position_bias()[0]
    maps = torch.zeros(2, rows, columns)
    for top, left in ((top, left) for top in range(0, rows, side) for left in range(0, columns, side)):
        window = [(i, j) for i in range(top, top + side) for j in range(left, left + side)]
        places = [((i + down) % rows, (j + right) % columns) for i, j in window]  # where these tokens came from
        region = [(i + down >= rows, j + right >= columns) for i, j in window]  # tokens from beyond the edge
        asking = [n for n, (i, j) in enumerate(places) if i < height and j < width]
        for head, n in ((head, n) for head in range(2) for n in asking):
            own = slice(4 * head, 4 * head + 4)
            scores = torch.stack([q[places[n]][own] @ k[place][own] / 2 for place in places]) + bias[head, n]
            scores += torch.tensor([0.0 if other == region[n] else -100.0 for other in region])
            for place, share in zip(places, torch.softmax(scores, 0), strict=True):
                maps[(head, *place)] += share / len(asking)
    return maps[:, :height, :width]


@pytest.mark.parametrize("sides", [(16, 16), (12, 18)], ids=["filled", "padded"])
def test_heads_of_shifted_windows_lie_where_their_tokens_do(sides):
    net, x = swin(sides), picture((3, *sides))
    found = outcomes(net, x, METHODS[:1], ["top"])
    with torch.no_grad():
        tokens = net.model.features[0](x)
        for number, block in enumerate(net.model.features[1]):
            heads = found["attention-heads", f"features.1.{number}.attn.softmax@1", ""]
            torch.testing.assert_close(heads.value[0], by_windows(block.attn, block.norm1(tokens)))
            assert heads.numbers["heads"] == 2 and heads.numbers["windows"] == -(-sides[0] // 8) * -(-sides[1] // 8)
            tokens = block(tokens)


def test_heads_of_a_grid_lie_where_their_tokens_do():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        part = PartitionAttentionLayer(8, 4, 2, "grid", (6, 6), 4, nn.GELU, nn.LayerNorm, 0.0, 0.0, 0.0)
        ends = nn.Sequential(nn.Conv2d(3, 8, 4, 4), part, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5))
    net, x = loaded(ends, (3, 24, 24)), picture((3, 24, 24))
    (heads,) = outcomes(net, x, METHODS[:1], ["top"]).values()
    attention = part.attn_layer[1]
    with torch.no_grad():
        tokens = part.attn_layer[0](ends[0](x).permute(0, 2, 3, 1))[0]
        q, k, _ = attention.to_qkv(tokens).split(8, 2)
        bias = attention.get_relative_positional_bias()
        maps = torch.zeros(2, 6, 6)
        for down, right in ((i, j) for i in range(3) for j in range(3)):
            places = [(i, j) for i in range(down, 6, 3) for j in range(right, 6, 3)]  # every third row and column
            for head in range(2):
                own = slice(4 * head, 4 * head + 4)
                for n, asking in enumerate(places):
                    scores = torch.stack([q[asking][own] @ (k[place][own] / 8**0.5) for place in places])
                    for place, share in zip(places, torch.softmax(scores + bias[0, head, n], 0), strict=True):
                        maps[(head, *place)] += share / 4
    torch.testing.assert_close(heads.value[0], maps)
    assert heads.numbers == {"heads": 2, "queries averaged": 4, "windows": 9}


def test_rollout_and_legrad_are_refused_for_windows_and_networks_of_neither_are_not_asked():
    net = swin((16, 16))
    assert not any(layer.layout.startswith("tokens") for layer in describe(net).layers)
    found = outcomes(net, picture((3, 16, 16)), METHODS[1:], ["top"])
    assert len(found) == 2 and all("attention here is within windows" in str(one.error) for one in found.values())
    plain = loaded(nn.Sequential(nn.Conv2d(3, 5, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()), (3, 16, 16))
    assert outcomes(plain, picture((3, 16, 16)), METHODS, ["top"]) == {}


class Mixed(nn.Module):
    """Attention of another kind in each block."""

    def __init__(self):
        super().__init__()
        self.patches, self.attention = nn.Conv2d(3, 8, 4, 4), nn.MultiheadAttention(8, 2, batch_first=True)
        self.more, self.head = nn.MultiheadAttention(8, 4, batch_first=True), nn.Linear(8, 5)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        return self.head(self.more(*[self.attention(x, x, x)[0]] * 3)[0].mean(1))


def test_attention_that_cannot_be_followed_is_refused_in_words():
    net, x = loaded(Mixed(), (3, 8, 12)), picture((3, 8, 12))
    assert {key[1]: outcome.value.shape[1] for key, outcome in outcomes(net, x, METHODS[:1], ["top"]).items()} == {
        "attention": 2,
        "more": 4,
    }
    for outcome in outcomes(net, x, METHODS[1:], ["top"]).values():
        assert isinstance(outcome.error, NotApplicable) and "no weights between all" in str(outcome.error)
