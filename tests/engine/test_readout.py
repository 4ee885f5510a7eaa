"""What a network answers is said as what it is: no probability that is none, and everywhere the same number."""

import json
import re
from collections import namedtuple
from dataclasses import dataclass, replace

import pytest
import tiny_gallery
import torch
import torchvision
import yaml
from tiny_nets import loaded, outcomes, picture, value
from torch import nn

from generator.analysis.probe.forward_pass import _watch
from generator.core.answer_kinds import ranked
from generator.core.errors import ModelError, NotApplicable
from generator.core.resources import template_folders
from generator.engine.model_card import describe
from generator.engine.model_handle import Driven
from generator.engine.readout import member, readout_of
from generator.engine.sampling import Samples
from generator.engine.targets import find_targets
from generator.site.pages.figure import Axes, figure
from generator.site.pages.format import number, percent
from generator.site.pages.manifest_index import Gallery
from generator.site.pages.report import report
from generator.site.pages.write import jinja
from generator.site.social_cards import of_report

SIZE = (3, 10, 12)


class Linear(nn.Module):
    """Scores that are linear in the mean colours, with something behind them."""

    def __init__(self, width, end=None):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(4)
            self.conv, self.fc = nn.Conv2d(3, 6, 1), nn.Linear(6, width)
        self.end = end or (lambda scores: scores)

    def plain(self, x):
        return self.fc(self.conv(x).relu().mean((2, 3)))

    def forward(self, x):
        return self.end(self.plain(x))


def net(width, end=None, classes=(), **more):
    made = loaded(Linear(width, end), SIZE, classes=classes)
    made.network = replace(made.network, **more)
    return made


ENDS = {
    "softmax": lambda scores: scores.softmax(1),
    "functional softmax": lambda scores: nn.functional.softmax(scores, dim=1),
    "log_softmax": lambda scores: scores.log_softmax(1),
    "a module": nn.Softmax(1),
    "a module of logs": nn.LogSoftmax(1),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_network_that_ends_in_a_softmax_is_explained_before_it(end):
    plain, squashed, x = net(5), net(5, ENDS[end]), picture(SIZE)
    cards = [describe(one) for one in (plain, squashed)]
    assert cards[1].output["kind"] == "classes" and cards[1].output["squash"] == end.split()[-1].replace(
        "module", "softmax"
    ).replace("logs", "log_softmax")
    assert [layer.name for layer in cards[0].layers] == [layer.name for layer in cards[1].layers]
    for method in ("vanilla-backprop", "grad-cam", "cam", "occlusion", "lrp", "smoothgrad"):
        mine, theirs = (
            value(one, x, method, target="class:class 1", card=card, parameters={"smoothgrad": {"n": 2}})
            for one, card in zip((squashed, plain), cards, strict=True)
        )
        torch.testing.assert_close(mine, theirs, msg=method)
    shown = value(squashed, x, "activations", card=cards[1], layer=cards[1].layers[-1].name)
    torch.testing.assert_close(shown, squashed.model.plain(x).softmax(1))
    (outcome,) = outcomes(squashed, x, ["saliency"], ["top"], card=cards[1]).values()
    assert outcome.target.probability == pytest.approx(float(shown.max()), rel=1e-6), "one number, report and figure"


@pytest.mark.parametrize("end", [None, torch.sigmoid, lambda z: z.sigmoid()[:, 0]], ids=["logit", "sigmoid", "(N,)"])
@pytest.mark.parametrize("names", [(), ("fine", "cracked"), ("cracked",)])
def test_one_number_is_a_binary_answer_with_two_sides(end, names):
    made, x = net(1, end, names), picture(SIZE)
    card = describe(made)
    assert card.output["kind"] == "binary" and card.output["threshold"] == 0.5
    assert card.classes == {0: ("negative", "positive"), 2: names, 1: ("not cracked", "cracked")}[len(names)]
    logit = float(made.model.plain(x))
    found = outcomes(made, x, ["vanilla-backprop", "cam"], [f"class:{name}" for name in card.classes], card=card)
    for side, name in ((-1, card.classes[0]), (1, card.classes[1])):
        outcome = found["vanilla-backprop", "", f"class:{name}"]
        assert outcome.target.probability == pytest.approx(1 / (1 + pow(2.718281828459045, -side * logit)), rel=1e-5)
        leaf = x.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(side * made.model.plain(leaf).sum(), leaf)
        torch.testing.assert_close(outcome.value, gradient)
        a, weight = made.model.conv(x).relu(), made.model.fc.weight
        expected = (side * weight[0, :, None, None] * a[0]).sum(0, keepdim=True).relu()
        torch.testing.assert_close(found["cam", card.default_layer, f"class:{name}"].value, expected)
    shown = value(made, x, "activations", card=card, layer=card.layers[-1].name)[0]
    share = float(torch.tensor(logit).sigmoid())
    assert shown.tolist() == pytest.approx([1 - share, share], rel=1e-5)


def test_the_threshold_decides_which_side_is_the_answer():
    made, x = net(1), picture(SIZE)
    share = float(made.model.plain(x).sigmoid())
    for threshold, first in ((share - 0.01, "positive"), (share + 0.01, "negative")):
        card = describe(replace(made, network=replace(made.network, threshold=threshold), readout=None))
        found = outcomes(made, x, ["saliency"], ["top", "rival"], card=card)
        names = {key[2]: outcome.target.name for key, outcome in found.items()}
        assert names["top"] == first and names["rival"] != first


def test_labels_have_a_probability_each():
    made, x = net(5, torch.sigmoid), picture(SIZE)
    card = describe(made)
    assert card.output["kind"] == "labels" and card.output["squash"] == "sigmoid"
    shown = value(made, x, "activations", card=card, layer=card.layers[-1].name)
    torch.testing.assert_close(shown, made.model(x))
    (outcome,) = outcomes(made, x, ["vanilla-backprop"], ["class:class 3"], card=card).values()
    assert outcome.target.probability == pytest.approx(float(shown[0, 3]), rel=1e-5)
    leaf = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(made.model.plain(leaf)[0, 3], leaf)
    torch.testing.assert_close(outcome.value, gradient)


def test_every_label_above_the_threshold_is_a_target():
    made, x = net(5, torch.sigmoid), picture(SIZE)
    card = describe(made)
    shares = made.model(x)[0]
    order = shares.argsort(descending=True).tolist()
    threshold = float(shares[order[3]])  # four labels reach it
    logits = readout_of(made).scores(made.model, x)
    symbols = ["top", "rival", "further:1", "further:2", "further:3"]
    card = replace(card, output=card.output | {"threshold": threshold - 1e-6})
    found = find_targets(logits, card, "", symbols)
    assert [found[symbol].index for symbol in symbols[:4]] == order[:4] and "further:3" not in found
    assert find_targets(logits, card, "class 2", ["label"])["label"].index == 2


def test_labels_without_a_squashing_end_are_told_by_configuration():
    made, x = net(4, output="labels"), picture(SIZE)
    card = describe(made)
    shown = value(made, x, "activations", card=card, layer=card.layers[-1].name)
    torch.testing.assert_close(shown, made.model(x).sigmoid())


@pytest.mark.parametrize("width", [1, 2])
def test_a_value_is_the_value_and_can_be_made_higher_and_lower(width):
    made, x = net(width, output="value", unit="years", classes=() if width == 1 else ("age", "size")), picture(SIZE)
    card = describe(made)
    assert card.output == {"kind": "value", "threshold": None, "unit": "years", "squash": "", "key": ""}
    assert card.classes == (
        ("lower", "higher") if width == 1 else ("age, lower", "age, higher", "size, lower", "size, higher")
    )
    shown = value(made, x, "activations", card=card, layer=card.layers[-1].name)
    torch.testing.assert_close(shown, made.model(x))
    found = outcomes(made, x, ["vanilla-backprop"], ["top", "rival"], card=card)
    up, down = (found["vanilla-backprop", "", symbol] for symbol in ("top", "rival"))
    assert up.target.name.endswith("higher") and down.target.name.endswith("lower") and up.target.probability is None
    torch.testing.assert_close(up.value, -down.value)
    (outcome,) = outcomes(made, x, ["evolution"], ["top"], card=card).values()
    assert isinstance(outcome.error, NotApplicable) and "cross-entropy of classes" in str(outcome.error)


def test_what_does_not_fit_is_refused_in_one_line():
    with pytest.raises(ModelError, match="a binary answer is one number, the network returns 5"):
        describe(net(5, output="binary"))
    with pytest.raises(ModelError, match="one number cannot be class scores"):
        describe(net(1, output="classes"))
    with pytest.raises(ModelError, match="3 class names, but the network has 1 outputs"):
        describe(net(1, classes=("a", "b", "c")))
    with pytest.raises(ModelError, match="output_key: the network returns no tensor 'scores'"):
        describe(net(5, lambda z: {"out": z}, output_key="scores"))


Pair = namedtuple("Pair", "features scores")


@dataclass
class Record:
    """What some networks return."""

    features: torch.Tensor
    scores: torch.Tensor


@pytest.mark.parametrize(
    ("wrap", "key"),
    [
        (lambda z: (z.repeat(1, 3), z), ""),
        (lambda z: {"features": z.repeat(1, 3), "head": z}, ""),
        (lambda z: Pair(z.repeat(1, 3), z), ""),
        (lambda z: Record(z.repeat(1, 3), z), ""),
        (lambda z: (z * 0, z), "1"),
        (lambda z: {"a": z * 0, "b": {"c": z}}, "b.c"),
        (lambda z: Record(z * 0, z), "scores"),
    ],
)
def test_the_member_that_holds_the_scores_is_read(wrap, key):
    made, x = net(5, wrap, tuple("abcde"), output_key=key), picture(SIZE)
    scores = readout_of(made).scores(made.model, x)
    torch.testing.assert_close(scores, made.model.plain(x))
    assert describe(made).output["key"] == key


def test_a_softmax_inside_a_member_is_left_out_as_well():
    made, x = net(5, lambda z: {"features": z.repeat(1, 2), "probs": z.softmax(1)}, tuple("abcde")), picture(SIZE)
    torch.testing.assert_close(readout_of(made).scores(made.model, x), made.model.plain(x))


def test_attention_before_the_end_stays_in():
    class Net(Linear):
        def forward(self, x):
            gate = self.conv(x).mean((2, 3)).softmax(1)
            return self.fc(gate).softmax(1)

    made, x = loaded(Net(5), SIZE, classes=tuple("abcde")), picture(SIZE)
    model = made.model
    expected = model.fc(model.conv(x).mean((2, 3)).softmax(1))
    torch.testing.assert_close(readout_of(made).scores(model, x), expected)
    assert readout_of(made).call == 2


def test_members_in_the_order_that_people_use():
    z = torch.randn(1, 4)
    assert member({"aux": z * 0, "out": z}) is z and member((z, z * 0)) is z and member({"x": None, "logits": z}) is z
    assert member([]) is None and member("words") is None


def test_answers_in_their_order():
    assert ranked({"kind": "value"}, [1.0, 2.0, 3.0, 4.0]) == [1, 0, 3, 2]
    assert ranked({"kind": "labels", "threshold": 0.5}, [0.2, 0.9, 0.9]) == [1, 2, 0]


class Spatial(nn.Module):
    """Logits of each pixel that are linear in its colours: scores and gradients can be computed by hand."""

    def __init__(self, end=None):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1, bias=False)
        weight = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [-1.0, -1.0, -1.0]]
        self.conv.weight.data = torch.tensor(weight)[:, :, None, None]
        self.end = end or (lambda scores: scores)

    def forward(self, x):
        return self.end(self.conv(x))


MASKED = ("red", "green", "blue", "dark")


def colours():
    """Two red pixels (3 and 1), one green one (2), none of blue or dark."""
    x = torch.zeros(1, 3, 1, 3)
    x[0, 0, 0, 0], x[0, 0, 0, 1], x[0, 1, 0, 2] = 3.0, 1.0, 2.0
    return x


def mask_net(end=None, **more):
    made = loaded(Spatial(end), (3, 1, 3), classes=MASKED)
    made.network = replace(made.network, **more)
    return made


@pytest.mark.parametrize(
    "end", [None, lambda z: z.softmax(1), lambda z: {"out": z, "aux": z * 0}], ids=["logits", "softmax", "dict"]
)
def test_the_score_of_a_mask_is_the_mean_of_its_logit_where_it_is_predicted(end):
    made, x = mask_net(end), colours()
    readout = readout_of(made)
    assert readout.kind == "mask"
    reading = readout.read(made.model, x)
    # red over its two pixels, green over its one; blue and dark, predicted nowhere, over all three
    torch.testing.assert_close(reading.scores, torch.tensor([[2.0, 2.0, 0.0, -2.0]]))
    torch.testing.assert_close(reading.shares, torch.tensor([[2 / 3, 1 / 3, 0.0, 0.0]]))
    pixels = made.model.conv(x).softmax(1)[0, :, 0]
    expected = [pixels[0, :2].mean(), pixels[1, 2], pixels[2].mean(), pixels[3].mean()]
    torch.testing.assert_close(reading.probabilities, torch.stack(expected)[None])
    leaf = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(readout.scores(made.model, leaf)[0, 0], leaf)
    wanted = torch.zeros_like(x)
    wanted[0, 0, 0, :2] = 0.5
    torch.testing.assert_close(gradient, wanted)


def test_the_largest_masks_are_explained_and_layers_are_those_of_the_network():
    made, x = mask_net(), colours()
    card = describe(made)
    assert card.output["kind"] == "mask" and [layer.name for layer in card.layers] == ["conv", "shares"]
    found = outcomes(made, x, ["vanilla-backprop"], ["top", "rival"], card=card)
    top, rival = (found["vanilla-backprop", "", symbol] for symbol in ("top", "rival"))
    assert (top.target.name, rival.target.name) == ("red", "green")
    share = made.model.conv(x).softmax(1)[0, 0, 0, :2].mean()
    assert top.target.probability == pytest.approx(float(share), rel=1e-5)
    assert found["vanilla-backprop", "", "rival"].value[0, 1, 0].tolist() == pytest.approx([0, 0, 1])
    shown = value(made, x, "activations", card=card, layer="shares")
    assert shown[0].tolist() == pytest.approx([2 / 3, 1 / 3, 0, 0])
    (outcome,) = outcomes(made, x, ["lrp"], ["top"], card=card).values()
    torch.testing.assert_close(outcome.value[0, 0], torch.tensor([1.5, 0.5, 0.0]))


def test_variants_of_a_picture_are_asked_about_its_own_mask():
    made, x = mask_net(), colours()
    samples = Samples(made.model, x, 2, readout_of(made))
    target = find_targets(torch.zeros(1, 4), replace(describe(made), output={"kind": "classes"}), "red", ["label"])
    changed = x.clone()
    changed[0, 0, 0, 1] = 0  # the second pixel is no longer red, but still asked about
    changed[0, 2, 0, 1] = 5
    assert samples.score([x, changed], target["label"]).tolist() == pytest.approx([2.0, 1.5])
    pixels = made.model.conv(changed).softmax(1)[0, 0, 0, :2]
    assert float(samples.probability([changed], target["label"])) == pytest.approx(float(pixels.mean()), rel=1e-5)


def test_a_mask_that_is_none_is_refused():
    with pytest.raises(ModelError, match="classes does not fit what the network returns"):
        readout_of(mask_net(output="classes"))
    with pytest.raises(ModelError, match="mask does not fit what the network returns"):
        readout_of(net(5, output="mask"))


def test_a_pixel_is_explained_by_the_logit_predicted_there():
    made, x = mask_net(), colours()
    symbols = ["pixel:0:0", "pixel:0:2", "pixel:1:0"]
    methods = ["vanilla-backprop", "lrp", "occlusion", "smoothgrad"]
    found = outcomes(made, x, methods, symbols, parameters={"smoothgrad": {"n": 2, "sigma": 0.0}})
    for symbol, name, channel, column in (("pixel:0:0", "red", 0, 0), ("pixel:0:2", "green", 1, 2)):
        outcome = found["vanilla-backprop", "", symbol]
        wanted = torch.zeros_like(x)
        wanted[0, channel, 0, column] = 1.0
        torch.testing.assert_close(outcome.value, wanted)
        target = outcome.target
        assert (target.name, target.slug) == (f"{name} at row 0, column {column}", f"{name}-at-0-{column}")
        share = made.model.conv(x).softmax(1)[0, channel, 0, column]
        assert target.probability == pytest.approx(float(share), rel=1e-5) and target.index == channel
        torch.testing.assert_close(found["smoothgrad", "", symbol].value, wanted)
        relevance = torch.zeros(1, 1, 3)
        relevance[0, 0, column] = float(x[0, channel, 0, column])
        torch.testing.assert_close(found["lrp", "", symbol].value, relevance)
        assert found["occlusion", "", symbol].error is None
    assert "row 1, column 0 lies outside of the input of 1 x 3 pixels" in str(found["lrp", "", "pixel:1:0"].error)
    (refused,) = outcomes(net(5), picture(SIZE), ["saliency"], ["pixel:0:0"]).values()
    assert isinstance(refused.error, NotApplicable) and "does not answer pixel by pixel" in str(refused.error)


def test_a_pixel_of_the_input_lies_in_a_coarser_answer():
    made = loaded(nn.Sequential(nn.AvgPool2d(2), Spatial()), (3, 4, 6), classes=MASKED)
    x = torch.zeros(1, 3, 4, 6)
    x[0, 2, 2:, 4:] = 4.0  # the last of 2 x 3 cells is blue
    (outcome,) = outcomes(made, x, ["vanilla-backprop"], ["pixel:3:5"]).values()
    wanted = torch.zeros_like(x)
    wanted[0, 2, 2:, 4:] = 0.25
    torch.testing.assert_close(outcome.value, wanted)
    assert outcome.target.name == "blue at row 3, column 5"


@pytest.mark.parametrize("end", [None, torch.sigmoid], ids=["logits", "sigmoid"])
@pytest.mark.parametrize("names", [(), ("sky", "bird"), ("bird",)])
def test_one_channel_of_space_is_foreground_and_background(end, names):
    made = loaded(Spatial(lambda z: (end or torch.clone)(z[:, :1] - 0.5)), (3, 1, 3), classes=names)
    card, x = describe(made), colours()
    assert card.output["kind"] == "mask" and card.output["threshold"] == 0.5
    assert card.classes == {0: ("background", "foreground"), 2: names, 1: ("not bird", "bird")}[len(names)]
    reading = readout_of(made).read(made.model, x)
    # of 2.5, 0.5 and -0.5 the first two are foreground
    torch.testing.assert_close(reading.scores, torch.tensor([[0.5, 1.5]]))
    torch.testing.assert_close(reading.shares, torch.tensor([[1 / 3, 2 / 3]]))
    sides = torch.tensor([2.5, 0.5, 0.5]).sigmoid()
    torch.testing.assert_close(reading.probabilities, torch.stack([sides[2], sides[:2].mean()])[None])
    found = outcomes(made, x, ["vanilla-backprop", "lrp"], ["top", "rival", "pixel:0:2"], card=card)
    assert [found["lrp", "", one].target.index for one in ("top", "rival", "pixel:0:2")] == [1, 0, 0]
    for symbol, wanted in (("top", [0.5, 0.5, 0.0]), ("rival", [0, 0, -1.0]), ("pixel:0:2", [0, 0, -1.0])):
        torch.testing.assert_close(found["vanilla-backprop", "", symbol].value[0, 0, 0], torch.tensor(wanted))
    made.network = replace(made.network, threshold=0.7)
    made.readout = None
    torch.testing.assert_close(readout_of(made).read(made.model, x).shares, torch.tensor([[2 / 3, 1 / 3]]))


@pytest.mark.parametrize("name", ["lraspp_mobilenet_v3_large", "fcn_resnet50", "deeplabv3_mobilenet_v3_large"])
def test_segmentations_of_torchvision_are_read(name):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = torchvision.models.get_model(name, weights=None, weights_backbone=None, num_classes=5)
    made, x = loaded(model, (3, 32, 48)), picture((3, 32, 48))
    card = describe(made)
    assert card.output["kind"] == "mask" and len(card.layers) > 20
    (layer,) = [layer for layer in card.layers if layer.name == card.default_layer]
    assert layer.shape[0] != 5 and layer.shape[1] > 1
    found = outcomes(made, x, ["vanilla-backprop", "grad-cam"], ["top"], card=card)
    logits = made.model(x)["out"]
    index = logits.argmax(1).flatten().bincount(minlength=5).argmax()
    leaf = x.clone().requires_grad_()
    score = made.model(leaf)["out"][0, index][logits.argmax(1)[0] == index].mean()
    (gradient,) = torch.autograd.grad(score, leaf)
    torch.testing.assert_close(found["vanilla-backprop", "", "top"].value, gradient, rtol=1e-3, atol=1e-7)
    assert found["grad-cam", card.default_layer, "top"].value.shape[1:] == layer.shape[1:]


# --- in a gallery -------------------------------------------------------------------------------------

SOURCE = '''
"""Networks that answer in several ways."""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, width, end):
        super().__init__()
        torch.manual_seed(1)
        self.conv, self.fc, self.end = nn.Conv2d(3, 6, 3), nn.Linear(6, width), end

    def forward(self, x):
        return self.end(self.fc(self.conv(x).relu().mean((2, 3))))


def binary():
    return Net(1, nn.Identity())


def labels():
    return Net(3, nn.Sigmoid())


def regression():
    return Net(1, nn.Identity())


def softmax():
    return Net(3, nn.Softmax(1))


def segmentation(classes=3):
    torch.manual_seed(2)
    return nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, classes, 1))


def foreground():
    return segmentation(1)
'''


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    root = tmp_path_factory.mktemp("answers")
    options = tiny_gallery.lay(root, ("one", "two"), network=SOURCE, module="answers_of_mine", preset="standard")
    content = yaml.safe_load(options.config.read_text())
    content["methods"] = ["input", "activations", "vanilla-backprop", "grad-cam", "top-images"]
    content["measures"] = ["deletion", "insertion"]
    entry = content["models"][0]
    own = {
        "binary": {"classes": ["ant", "bee"]},
        "labels": {"classes": ["ant", "bee", "cat"], "threshold": 0.4},
        "regression": {"classes": [], "output": "value", "unit": "mm"},
        "softmax": {"classes": ["ant", "bee", "cat"]},
        "segmentation": {"classes": ["ant", "bee", "cat"], "targets": ["top", "rival", "pixel:2:3", "pixel:900:3"]},
        "foreground": {"classes": [], "threshold": 0.3},
    }
    content["models"] = [
        {**entry, "name": name, "source": f"answers_of_mine:{name}", **more} for name, more in own.items()
    ]
    tiny_gallery.write(options.config, content)
    report, _ = tiny_gallery.run(options)
    assert not report.failures, report.failures
    manifest = json.loads((options.work / "manifest.json").read_text())
    return options, manifest


def test_report_figure_and_manifest_show_one_number(gallery):
    _, manifest = gallery
    for prediction in manifest["predictions"]:
        shares = {one["name"]: one["probability"] for one in prediction["top"]}
        mine = (prediction["model"], prediction["image"])
        explained = [one for one in manifest["figures"] if (one["model"], one["image"]) == mine and one["target"]]
        assert explained
        for record in explained:
            target = record["target"]
            if prediction["kind"] == "mask":
                assert 0 < target["probability"] < 1 and prediction["top"] == []
                assert sum(one["share"] for one in prediction["shares"]) == pytest.approx(1, abs=1e-5)
            elif prediction["kind"] == "value":
                assert target["probability"] is None and prediction["top"] == []
            else:
                assert target["probability"] == pytest.approx(shares[target["name"]], rel=1e-5)
        if prediction["kind"] in ("classes", "binary"):
            assert sum(shares.values()) == pytest.approx(1, abs=1e-5)


def test_every_page_of_every_kind_shows_the_number_of_the_manifest(gallery, repository):
    _, manifest = gallery
    shown, environment = Gallery(manifest), jinja(template_folders(repository))
    for prediction in manifest["predictions"]:
        report_ = environment.get_template("pages/report.md").render(
            vars(report(shown, prediction["model"], prediction["image"]))
        )
        own = [f for f in manifest["figures"] if (f["model"], f["image"]) == (prediction["model"], prediction["image"])]
        explained = [one for one in own if one["target"] and one["status"] == "drawn"]
        assert len(explained) >= 4, prediction["model"]
        for record in explained:
            page = environment.get_template("standalone/figure.html").render(
                vars(figure(shown, record, None, Axes(shown)))
            )
            probability = record["target"]["probability"]
            if probability is not None:
                assert f">{shown_percent(probability)}<" in page, record["id"]
            else:
                assert "probability</dt>" not in page
        (answer,) = [f for f in own if f["method"] == "activations" and f["layer"] in LAST[prediction["kind"]]]
        if prediction["kind"] == "value":
            said = [number(entry["value"]) for entry in prediction["values"]]
        else:
            entries = prediction["shares"] if prediction["kind"] == "mask" else prediction["top"]
            said = [shown_percent(entry.get("share", entry.get("probability"))) for entry in entries]
        assert said and all(one in report_ for one in said), prediction["model"]
        if prediction["kind"] not in ("value", "labels"):  # of labels it says which reach the threshold
            assert f" {float(said[0].split()[0]):.0f} %" in answer["alt"], answer["alt"]


def shown_percent(share):
    return percent(share)


LAST = {"value": ("values",), "mask": ("shares",)} | dict.fromkeys(("classes", "binary", "labels"), ("probabilities",))


def test_pixels_have_figures_of_their_own(gallery):
    _, manifest = gallery
    own = [
        f for f in manifest["figures"] if f["model"] == "segmentation" and (f["target"] or {}).get("role") == "pixel"
    ]
    assert {f["image"] for f in own} == {"one", "two"}
    assert all(f["id"].endswith("-at-2-3") and "row 2, column 3" in f["alt"] for f in own if f["status"] == "drawn")
    scales = {
        figure["target"]["role"]: figure["scale"]
        for figure in manifest["figures"]
        if (figure["model"], figure["image"], figure["method"]) == ("segmentation", "one", "vanilla-backprop")
        and figure["status"] == "drawn"
    }
    assert scales["top"][1] < scales["pixel"][1], "a pixel's gradient would leave those of masks blank"
    refused = [f for f in manifest["figures"] if f["id"].endswith("--class-900-3")]
    assert refused and all("lies outside of the input" in f["reason"] for f in refused)


def test_each_kind_is_told_as_what_it_is(gallery):
    _, manifest = gallery
    kinds = {model["slug"]: model["output"] for model in manifest["models"]}
    assert {slug: output["kind"] for slug, output in kinds.items()} == {
        "binary": "binary", "labels": "labels", "regression": "value", "softmax": "classes",
        "segmentation": "mask", "foreground": "mask",
    }  # fmt: skip
    for prediction in manifest["predictions"]:
        if prediction["kind"] == "labels":
            above = {one["name"] for one in prediction["top"] if one["probability"] >= 0.4}
            assert set(prediction["above"]) == above and prediction["correct"] == ("bee" in above)
            mine = (prediction["model"], prediction["image"])
            own = [f for f in manifest["figures"] if (f["model"], f["image"]) == mine and f["target"]]
            assert above <= {f["target"]["name"] for f in own} and not [
                f for f in manifest["figures"] if "further" in f["reason"]
            ]
        if prediction["kind"] == "value":
            (answer,) = prediction["values"]
            assert answer["unit"] == "mm" and prediction["correct"] is None
    probes = {probe["model"]: probe for probe in manifest["probes"]}
    assert (
        probes["regression"]["labelled"] == 0 and probes["regression"]["wrong"] == probes["regression"]["unsure"] == []
    )
    assert probes["labels"]["confusion"] is None and probes["labels"]["unsure"] == []


def test_no_curve_is_drawn_of_a_probability_that_there_is_not(gallery):
    _, manifest = gallery
    curves = {
        model: {name for figure in manifest["figures"] if figure["model"] == model for name in figure["evidence"]}
        for model in ("binary", "regression")
    }
    assert "deletion" in curves["binary"] and not {"deletion", "insertion"} & curves["regression"]


def test_reports_and_cards_say_each_kind_as_what_it_is(gallery, repository):
    _, manifest = gallery
    shown, environment = Gallery(manifest), jinja(template_folders(repository))
    pages = {
        model: environment.get_template("pages/report.md").render(vars(report(shown, model, "one")))
        for model in ("binary", "labels", "regression", "softmax", "segmentation")
    }
    predictions = {model: shown.predictions[model, "one"] for model in pages}
    certain = r"The network predicts <b [^>]*><bdi>[^<]*</bdi></b> \([\d.]+.%\)"
    assert "(opposite class)" in pages["binary"] and re.search(certain, pages["binary"])
    assert "The network predicts" in pages["labels"] and not re.search(certain, pages["labels"])
    assert "The network predicts" in pages["regression"] and " mm</bdi>" in pages["regression"]
    assert not re.search(certain, pages["regression"]) and "bars__track" not in pages["regression"]
    for model in ("binary", "labels", "softmax"):
        for entry in predictions[model]["top"]:
            assert percent(entry["probability"]) in pages[model]
    assert of_report(shown, "labels", "one").line.startswith("labels predicts ")
    assert re.fullmatch(r"softmax predicts .*\(.*%\)\.", of_report(shown, "softmax", "one").line)
    assert of_report(shown, "regression", "one").line == "in regression"
    assert "The network predicts" in pages["segmentation"] and not re.search(certain, pages["segmentation"])
    assert "shares of the image" in pages["segmentation"]
    for entry in predictions["segmentation"]["shares"]:
        assert percent(entry["share"]).replace("\xa0", " ") in pages["segmentation"].replace("\xa0", " ")
    assert of_report(shown, "segmentation", "one").line.startswith("segmentation predicts ")
    words = [figure["alt"] for figure in manifest["figures"] if figure["layer"] == "shares"]
    assert words and any(alt.endswith(" of the picture") for alt in words)
    words = [figure["alt"] for figure in manifest["figures"] if figure["layer"] == "values"]
    assert words and all(alt.endswith(" mm") for alt in words if alt.startswith("Activations"))


def test_another_threshold_is_another_answer(gallery):
    """Last of those that use the gallery, as it builds it anew."""
    options, before = gallery
    content = yaml.safe_load(options.config.read_text())
    (entry,) = [one for one in content["models"] if one["name"] == "labels"]
    shares = [one["probability"] for p in before["predictions"] if p["model"] == "labels" for one in p["top"]]
    entry["threshold"] = round(min(0.99, max(shares) + 0.001), 4)
    tiny_gallery.write(options.config, content)
    report, _ = tiny_gallery.run(options)
    after = json.loads((options.work / "manifest.json").read_text())
    assert not report.failures
    assert [p["above"] for p in after["predictions"] if p["model"] == "labels"] == [[], []]
    assert any(p["above"] for p in before["predictions"] if p["model"] == "labels")


@pytest.mark.parametrize("kind", ["probe", "scene", "handle"])
def test_how_it_is_read_is_found_before_anything_is_watched(kind):
    """A worker that did not describe a network finds it while it draws or probes: layers pass by once all the same."""
    made = net(5, ENDS["softmax"], tuple("abcde"))
    card = describe(made)
    made.readout = None
    seen = []
    if kind == "scene":
        found = outcomes(made, picture(SIZE), ["activations"], ["top"], card=card)
        assert all(not outcome.error for outcome in found.values())
    elif kind == "handle":
        x = torch.cat([picture(SIZE, seed) for seed in range(3)])
        assert Driven(made, card, 4).activation(x, card.layers[-1].name).shape == (3, 5)
    else:
        crops = torch.randint(0, 256, (3, 10, 12, 3), dtype=torch.uint8).numpy()
        wanted = {layer.name: None for layer in card.layers}
        _watch(made, card, crops, lambda name, tensor: seen.append((name, len(tensor))), wanted)
        assert len(seen) == len(card.layers) and {count for _, count in seen} == {3}
