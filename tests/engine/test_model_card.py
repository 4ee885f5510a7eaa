"""A model card says what a network consists of: counted by hand, known from papers, or measured by gradients."""

import pytest
import tiny_nets
import torch
from torch import nn
from torch.nn import functional as F

from generator.core.errors import ModelError
from generator.core.records import Layer
from generator.engine.model_card import describe, walk
from generator.models.load import load
from generator.models.specs import resolve


def card_of(model, size=(3, 12, 16), classes=tiny_nets.CLASSES):
    return describe(tiny_nets.loaded(model, size, classes=classes))


def fields(card):
    return {layer.name: layer.receptive_field for layer in card.layers}


@pytest.fixture(scope="module")
def bundled():
    return describe(load(resolve("vgg-cifar10")))


def test_the_bundled_network_is_the_one_of_the_seed(bundled):
    assert (bundled.parameters, bundled.macs) == (9_228_362, 605_754_368)
    assert bundled.nonzero <= bundled.parameters == sum(layer.parameters for layer in bundled.layers)
    titles = [stage.title for stage in bundled.stages]
    assert titles == (
        "conv 64, conv 128, pool, conv 256, conv 256, pool, conv 512, conv 512, pool, conv 512, conv 512, pool, "
        "vector of 512, 10 classes"
    ).split(", ")
    assert bundled.default_layer == "backbone.relu7" and bundled.rectifiers == "8 of 8 rectifiers"
    assert bundled.layers[-1] == Layer("probabilities", "softmax", "softmax", (10,), stage=len(titles) - 1)
    known = fields(bundled)
    places = ["conv0", "conv1", "pool0", "conv3", "pool1", "conv5", "pool2", "conv7", "pool3"]
    assert [known[f"backbone.{place}"][0] for place in places] == [3, 5, 6, 14, 16, 32, 36, 68, 76]
    assert known["mean@1"] is None and known["classifier"] is None, "these see the whole input"


def test_every_layer_belongs_to_one_stage(bundled):
    told = [name for stage in bundled.stages for name in stage.layers]
    assert told == [layer.name for layer in bundled.layers]
    for layer in bundled.layers:
        assert layer.name in bundled.stages[layer.stage].layers
    for stage in bundled.stages:
        assert stage.layer in stage.layers
    for stage in bundled.stages:
        if stage.title.startswith("conv"):
            assert ".relu" in stage.layer, "what follows the convolution's ReLU"


def test_alexnet_is_as_in_the_paper():
    card = describe(load(resolve("alexnet~random")))
    assert (card.parameters, card.macs) == (61_100_840, 714_188_480)
    known = fields(card)
    convolutions = [known[layer.name] for layer in card.layers if layer.kind == "conv"]
    assert convolutions == [(side, side) for side in (11, 51, 99, 131, 163)] and known["features.12"] == (195, 195)
    assert [stage.title for stage in card.stages] == (
        "conv 64, pool, conv 192, pool, conv 384, conv 256, conv 256, pool, linear 4096, linear 4096, 1000 classes"
    ).split(", ")
    assert card.default_layer == "features.11"


def test_receptive_fields_of_vgg16():
    """Those that are told everywhere, 212 pixels at the last pooling; they do not depend on the number of channels."""
    layers, channels = [], 3
    for count in (2, 2, 3, 3, 3):
        for _ in range(count):
            layers += [nn.Conv2d(channels, 2, 3, padding=1), nn.ReLU(inplace=True)]
            channels = 2
        layers.append(nn.MaxPool2d(2, 2))
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 5))
    card = card_of(model, (3, 64, 64))
    found = [
        layer.receptive_field[0] for layer in card.layers if layer.kind in ("conv", "pool") and layer.receptive_field
    ]
    assert found == [3, 5, 6, 10, 14, 16, 24, 32, 40, 44, 60, 76, 92, 100, 132, 164, 196, 212]


GEOMETRIES = {
    "strides": [nn.Conv2d(3, 2, 3, stride=2), nn.Conv2d(2, 2, 5, stride=3, padding=2)],
    "oblong": [nn.Conv2d(3, 2, (1, 5)), nn.Conv2d(2, 2, (3, 1), stride=(2, 1)), nn.Conv2d(2, 2, 3)],
    "dilation": [nn.Conv2d(3, 2, 3, dilation=2), nn.Conv2d(2, 2, 3, dilation=(1, 3))],
    "pooling": [nn.AvgPool2d(3, stride=2), nn.Conv2d(3, 2, 3), nn.AvgPool2d(2)],
    "groups": [nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 3, groups=2), nn.Conv2d(4, 4, 3, groups=4)],
}


@pytest.mark.parametrize("layers", GEOMETRIES.values(), ids=GEOMETRIES.keys())
def test_a_receptive_field_is_as_wide_as_the_gradient_of_one_value(layers):
    model = nn.Sequential(*layers)
    for parameter in model.parameters():
        nn.init.constant_(parameter, 1.0)
    x = torch.zeros(1, 3, 61, 61, requires_grad=True)
    output = model(x)
    middle = output[0, :, output.shape[2] // 2, output.shape[3] // 2].sum()
    (gradient,) = torch.autograd.grad(middle, x)
    seen = gradient[0].abs().sum(0) > 0
    spans = [axis.nonzero().max() - axis.nonzero().min() + 1 for axis in (seen.any(1), seen.any(0))]
    whole = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(output.shape[1], 5))
    known = fields(card_of(whole, (3, 61, 61)))
    assert known[str(len(layers) - 1)] == tuple(int(span) for span in spans)


def test_macs_are_products_counted_by_hand():
    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.one = nn.Conv2d(3, 4, (3, 5), padding=(1, 2))
            self.two = nn.Conv2d(4, 8, 3, stride=2, groups=2, bias=False)
            self.fc = nn.Linear(8, 5)

        def forward(self, x):
            x = self.two(F.relu(self.one(x)))
            return self.fc(x.mean((2, 3)))

    card = card_of(Mixed())
    by_name = {layer.name: layer for layer in card.layers}
    assert by_name["one"].macs == (12 * 16 * 4) * (3 * 3 * 5)
    assert by_name["two"].macs == (5 * 7 * 8) * (2 * 3 * 3)
    assert by_name["fc"].macs == 8 * 5
    assert card.macs == sum(layer.macs for layer in card.layers)
    assert by_name["two"].parameters == 8 * 2 * 3 * 3 and by_name["relu@1"].parameters == 0


def test_a_layer_used_twice_counts_its_weights_once_and_its_work_twice():
    card = describe(tiny_nets.tiny("reused"))
    calls = [layer for layer in card.layers if layer.name.partition("@")[0] == "two"]
    assert [layer.name for layer in calls] == ["two", "two@2", "two@3"]
    assert [layer.parameters > 0 for layer in calls] == [True, False, False]
    assert len({layer.macs for layer in calls}) == 1 and calls[0].macs > 0
    assert card.parameters == sum(layer.parameters for layer in card.layers)


def titles(name):
    return [stage.title for stage in describe(tiny_nets.tiny(name)).stages]


def test_a_residual_block_is_a_convolution_and_its_sum():
    block = ["conv 6", "add 6"]
    assert titles("residual")[:1] == ["conv 6"]
    card = describe(tiny_nets.tiny("residual"))
    sums = [stage for stage in card.stages if stage.title == block[1]]
    assert len(sums) == 2 and all(stage.layer.startswith("relu") for stage in sums)
    assert sums[0].layers[0] == "conv", "its convolution has no ReLU of its own and folds under the sum"
    assert titles("residual")[-2:] == ["vector of 6", "5 classes"]


def test_classes_made_by_a_convolution_and_the_mean_are_one_stage():
    card = describe(tiny_nets.tiny("by-convolution"))
    assert [stage.title for stage in card.stages] == ["conv 8", "pool", "conv 5", "5 classes"]
    assert card.stages[-1].layer == "probabilities"


def test_resnet18_walks_from_sum_to_sum():
    stages = [stage.title for stage in describe(load(resolve("resnet18~random"))).stages]
    blocks = [title for width in (64, 128, 256, 512) for title in [f"conv {width}", f"add {width}"] * 2]
    assert stages == ["conv 64", "pool", *blocks, "vector of 512", "1000 classes"]


def test_a_join_before_the_first_convolution_only_prepares_the_input():
    layers = [
        Layer("cat@1", "cat", "join", (3, 8, 8)),
        Layer("conv", "Conv2d", "conv", (4, 8, 8)),
        Layer("relu", "ReLU", "activation", (4, 8, 8)),
        Layer("probabilities", "softmax", "softmax", (4,)),
    ]
    assert [(stage.title, stage.layers) for stage in walk(layers)] == [
        ("conv 4", ("cat@1", "conv", "relu")),
        ("4 classes", ("probabilities",)),
    ]


def test_a_pooling_that_changes_nothing_is_no_stage():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.AdaptiveAvgPool2d((5, 7)))
    card = card_of(nn.Sequential(*model, nn.Flatten(), nn.Linear(4 * 35, 5)))
    assert [stage.title for stage in card.stages] == ["conv 4", "pool", "5 classes"]


def test_rectifiers_are_counted_and_what_has_no_rule_is_named():
    found = {name: describe(tiny_nets.tiny(name)).rectifiers for name in ("in-place", "functional", "reused", "smooth")}
    assert found["in-place"] == "2 of 2 rectifiers"
    assert found["functional"] == "4 of 4 rectifiers"
    assert found["reused"] == "4 of 4 rectifiers"
    assert found["smooth"] == "undefined: GELU, SiLU"


def test_a_network_that_gives_no_row_of_classes_is_refused_in_one_line():
    with pytest.raises(ModelError, match=r"tiny: expected class scores of shape \(1, classes\) .* \(1, 4, 5\)"):
        card_of(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(2), nn.AdaptiveAvgPool1d(5)))
    with pytest.raises(ModelError, match="tiny: 3 class names, but the network has 5 outputs"):
        card_of(tiny_nets.InPlace(), classes=("a", "b", "c"))


def test_a_network_that_is_one_layer_is_described():
    """Its layer has no name, as the picture's has none."""
    assert describe(tiny_nets.loaded(nn.Conv2d(3, 5, 1), (3, 6, 8))).default_layer == ""
    pooled = nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(3, 5, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    assert describe(tiny_nets.loaded(pooled, (3, 6, 8))).default_layer in ("0", "1")
    first = nn.Sequential(nn.Conv2d(3, 5, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    assert describe(tiny_nets.loaded(first, (3, 6, 8))).default_layer == "0"


def test_a_pass_has_a_price():
    card = describe(tiny_nets.tiny("in-place"))
    assert 0 < card.passes_seconds < 5
