"""Attention is followed as its authors say, on networks whose weights are worked out by hand."""

import pytest
import torch
import torchvision
from tiny_nets import loaded, outcomes, picture, transformer
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
    heads = found["attention-heads", "", ""]
    rows = [weights[:, 0] if extra else weights.mean(1) for weights in by_hand]
    torch.testing.assert_close(heads.value, torch.cat(rows)[:, extra:].view(1, 6, 2, 3))
    assert heads.numbers == {"blocks": 3, "heads": 2}
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


def test_torchvisions_transformer_has_them_all_and_is_torch_cams():
    """The values are torch-cam 0.5.0's `LeGrad(model, list(model.encoder.layers))`, not normalised."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = torchvision.models.VisionTransformer(16, 4, 2, 2, 8, 16, num_classes=5)
        nn.init.normal_(model.heads.head.weight)
    x = torch.linspace(-1, 1, 3 * 16 * 16).view(1, 3, 16, 16).sin()
    found = outcomes(loaded(model, (3, 16, 16)), x, METHODS, ["class:cat"])
    assert [outcome.error for outcome in found.values()] == [None] * 3
    assert found["attention-heads", "", ""].value.shape == (1, 4, 4, 4)
    torch.testing.assert_close(found["legrad", "", "class:cat"].value, torch.tensor(TORCH_CAM), rtol=1e-3, atol=1e-7)


TORCH_CAM = [
    [
        [0.001496555, 0.001274987, 0.001389156, 0.00139516],
        [0.001181314, 0.001109916, 0.001117943, 0.000891074],
        [0.005798505, 0.005280257, 0.005375468, 0.007334779],
        [0.020430846, 0.021238256, 0.02196816, 0.02259412],
    ]
]


def test_windows_are_refused_in_words_and_networks_of_neither_are_not_asked():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = torchvision.models.SwinTransformer([2, 2], 8, [2, 2], [2, 4], [2, 2], num_classes=5)
    net = loaded(model, (3, 16, 16))
    assert not any(layer.layout.startswith("tokens") for layer in describe(net).layers)
    found = outcomes(net, picture((3, 16, 16)), METHODS, ["top"])
    assert len(found) == 3 and all("attention here is within windows" in str(one.error) for one in found.values())
    part = PartitionAttentionLayer(4, 2, 2, "window", (4, 4), 4, nn.GELU, nn.LayerNorm, 0.0, 0.0, 0.0)
    ends = nn.Sequential(nn.Conv2d(3, 4, 4, 4), part, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
    found = outcomes(loaded(ends, (3, 16, 16)), picture((3, 16, 16)), METHODS, ["top"])
    assert len(found) == 3 and all("attention here is within windows" in str(one.error) for one in found.values())
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
    for outcome in outcomes(loaded(Mixed(), (3, 8, 12)), picture((3, 8, 12)), METHODS, ["top"]).values():
        assert isinstance(outcome.error, NotApplicable) and "no weights between all" in str(outcome.error)
