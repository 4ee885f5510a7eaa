"""Training: it learns, goes on where it was interrupted to the same bits, and its card tells what is in the file."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from repository import ROOT
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F

from generator.core.errors import ModelError
from generator.core.records import Input, Network
from generator.data.datasets import folder_per_class
from generator.models.load import load
from generator.models.specs import file_digest, resolve
from generator.training.augment import augmented
from generator.training.data_parallel import Replicas
from generator.training.evaluate import evaluate
from generator.training.recipe import RECIPES, Recipe
from generator.training.small_conv_bf16 import SmallMapConvolution, speed_up
from generator.training.train import train
from generator.training.weights_io import TrainingError, write_weights

WEIGHTS = ROOT / "generator" / "models" / "bundled" / "weights"
SIZES = {"vgg-cifar10": (9_228_362, 605_754_368), "imagenette": (4_687_482, 821_628_672)}  # parameters, MACs
INPUT = Input((3, 8, 8), (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))


def tiny():
    """A convolution with batch norm, and one look at it."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 2),
    )


@pytest.fixture(scope="module")
def recipe():
    network = Network("tiny", f"{__name__}:tiny", input=INPUT, classes=("dark", "light"))
    return Recipe(network, epochs=3, batch=8, peak=0.1, crops=((0.4, 6),), padding=1, averaging=0.7)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Noise of two brightnesses, which a mean over space tells apart."""
    folder, random = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    for split, count in (("train", 20), ("test", 6)):
        for name, low in (("dark", 0), ("light", 60)):
            (folder / split / name).mkdir(parents=True)
            for number in range(count):
                pixels = random.integers(low, low + 190, (8, 8, 3), np.uint8)
                Image.fromarray(pixels).save(folder / split / name / f"{number:02d}.png")
    return folder


@pytest.fixture(scope="module")
def trained(recipe, pictures, tmp_path_factory):
    """A finished run: its weights file, and what it reported."""
    told = []
    return train(recipe, pictures, tmp_path_factory.mktemp("run") / "tiny.safetensors", report=told.append), told


def card_of(path):
    return json.loads(path.with_suffix(".json").read_text("utf-8"))


def test_training_lowers_the_loss(trained):
    path, told = trained
    epochs = [progress for progress in told if progress.test is not None]
    assert [progress.epoch for progress in epochs] == [1, 2, 3]
    assert epochs[-1].loss < 0.8 * epochs[0].loss
    assert epochs[-1].seconds_left == 0
    assert card_of(path)["accuracy"]["top1"] == epochs[-1].test >= 0.9


def test_the_card_tells_what_is_in_the_file(trained, recipe, pictures):
    path, told = trained
    card = card_of(path)
    assert card["sha256"] == file_digest(path)
    assert card["parameters"] == 3 * 8 * 9 + 8 + 8 + 8 * 2 + 2
    assert card["macs"] == 3 * 8 * 9 * 64 + 8 * 2
    assert (card["epochs"], card["seed"], card["classes"]) == (3, 0, ["dark", "light"])
    assert [epoch["crop"] for epoch in card["history"]] == [6, 6, 8]
    loaded = load(replace(recipe.network, weights=str(path)))
    found = evaluate(loaded.model, folder_per_class(pictures, "test"), loaded.input, loaded.classes)
    assert card["accuracy"]["top1"] == found["accuracy"]
    assert card["accuracy"]["loss"] == pytest.approx(found["loss"], abs=1e-4)
    assert card["accuracy"]["images"] == 12
    assert loaded.accuracy == card["accuracy"]
    halves = {name for name, tensor in load_file(path).items() if tensor.dtype == torch.float16}
    assert halves == set(load_file(path)) - {"1.num_batches_tracked"}


def test_an_interrupted_run_goes_on_to_the_same_bits(trained, recipe, pictures, tmp_path):
    class Interrupted(Exception):
        pass

    def interrupt(progress):
        if progress.epoch == 2:
            raise Interrupted

    out = tmp_path / "tiny.safetensors"
    with pytest.raises(Interrupted):
        train(recipe, pictures, out, report=interrupt)
    assert not out.exists()
    train(recipe, pictures, out, resume=True)
    assert out.read_bytes() == trained[0].read_bytes()
    assert card_of(out) == card_of(trained[0])
    kept = sorted(file.name for file in (tmp_path / "tiny-checkpoints").iterdir())
    assert kept == ["epoch-01.safetensors", "epoch-02.safetensors", "epoch-03.safetensors", "resume.pt"]


def test_another_seed_learns_something_else(trained, recipe, pictures, tmp_path):
    other = train(recipe, pictures, tmp_path / "tiny.safetensors", seed=1, epochs=1)
    first = trained[0].with_name("tiny-checkpoints") / "epoch-01.safetensors"
    assert other.read_bytes() != first.read_bytes()


def test_a_start_is_where_learning_begins(trained, recipe, pictures, tmp_path):
    out = train(recipe, pictures, tmp_path / "again.safetensors", start=trained[0], epochs=1, peak=1e-9, averaging=0.0)
    before, after = load_file(trained[0]), load_file(out)
    assert all(torch.equal(before[name], after[name]) for name in ("0.weight", "1.weight", "5.weight"))
    assert card_of(out)["start"] == file_digest(trained[0])


def test_a_run_that_cannot_be_resumed_says_why(recipe, pictures, tmp_path):
    out = tmp_path / "tiny.safetensors"
    with pytest.raises(TrainingError, match=r"resume.pt: no interrupted run"):
        train(recipe, pictures, out, resume=True)
    train(recipe, pictures, out, epochs=1)
    with pytest.raises(TrainingError, match=r"resume.pt: expected the same recipe, seed and start"):
        train(recipe, pictures, out, resume=True, epochs=1, seed=1)


def test_what_cannot_be_trained_is_said_at_once(recipe, pictures, tmp_path):
    out = tmp_path / "tiny.safetensors"
    with pytest.raises(TrainingError, match="no recipe is called 'vgg': expected vgg-cifar10"):
        train("vgg", pictures, out)
    with pytest.raises(ModelError, match=r"none.safetensors"):
        train(recipe, pictures, out, start=tmp_path / "none.safetensors")
    with pytest.raises(TrainingError, match="epoch 1: the loss is (nan|inf)"):
        train(recipe, pictures, out, peak=1e30)


# --- the parts --------------------------------------------------------------------------------------


def test_the_rate_rises_and_falls_along_a_cosine():
    recipe = Recipe(resolve("vgg-cifar10"), epochs=10, peak=0.4, warm=0.1, last=0.01, crops=((0.3, 24),))
    rates = [recipe.rate(step, 100) for step in range(100)]
    assert rates[:10] == pytest.approx([0.04 * step for step in range(1, 11)])
    assert rates[55] == pytest.approx(0.4 * (0.01 + 0.99 * 0.5))  # half way down
    assert rates[9:] == sorted(rates[9:], reverse=True) and 0.004 < rates[-1] < 0.0042
    assert [recipe.crop(epoch, 32) for epoch in range(10)] == [24] * 3 + [32] * 7


def plainly(**changes):
    """A recipe whose crops are as large as the pictures, and unchanged."""
    return Recipe(resolve("vgg-cifar10"), **{"epochs": 1, "padding": 0, "cutout": 0.0, **changes})


def test_every_crop_is_a_window_of_the_padded_picture():
    pixels = torch.randint(256, (6, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    crops = augmented(pixels, torch.arange(6), INPUT, 6, plainly(padding=2), torch.Generator().manual_seed(1))
    padded = F.pad((pixels / 255 - 0.5) / 0.25, (2, 2, 2, 2), mode="reflect")
    places = set()
    for crop, picture in zip(crops, padded, strict=True):
        windows = {
            (top, left, flip): window.flip(2) if flip else window
            for top in range(7)
            for left in range(7)
            for flip in (False, True)
            for window in [picture[:, top : top + 6, left : left + 6]]
        }
        found = [place for place, window in windows.items() if torch.allclose(crop, window, atol=1e-6)]
        assert found
        places.update(found)
    assert len({(top, left) for top, left, _ in places}) > 1 and len({flip for *_, flip in places}) == 2


def ramp(height, width):
    """A picture whose red is the place across and whose green the place down, 3 levels a pixel."""
    down, across = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([3 * across, 3 * down, torch.zeros_like(down)]).to(torch.uint8)


def test_resized_crops_are_such_shares_of_pictures_of_any_size():
    pictures = [ramp(40, 60), ramp(60, 40)] * 20
    plain = Input((3, 32, 32), (0.0, 0.0, 0.0), (1 / 255, 1 / 255, 1 / 255))
    random = torch.Generator().manual_seed(0)
    x = augmented(pictures, torch.arange(40), plain, 32, plainly(scale=(0.2, 0.5)), random)
    assert x.shape == (40, 3, 32, 32)
    steps = x.diff(dim=3)[:, 0, 8:24, 8:24].mean((1, 2)) / 3  # pixels of the picture in one of the crop, across
    wide, high = steps.abs() * 32, x.diff(dim=2)[:, 1, 8:24, 8:24].mean((1, 2)) / 3 * 32
    assert 0.17 < float((wide * high / 2400).min()) and float((wide * high / 2400).max()) < 0.53
    assert 0.7 < float((wide / high).min()) < 0.9 and 1.1 < float((wide / high).max()) < 1.4
    assert 10 < int((steps < 0).sum()) < 30  # mirrored
    assert x[:, 0].min() >= 0 and x[:, 0].max() <= 177


def test_jitter_moves_contrast_brightness_and_colour_within_its_bounds():
    pixels = torch.zeros(200, 3, 4, 4, dtype=torch.uint8)
    pixels[:, :, 0] = 255  # x is 2 above and -2 below
    pixels[:, 0, 1] = 255
    x = augmented(pixels, torch.arange(200), INPUT, 4, plainly(jitter=0.3), torch.Generator().manual_seed(0))
    contrast, bright = (x[:, 0, 0, 0] - x[:, 0, 2, 0]) / 4, (x[:, 0, 0, 0] + x[:, 0, 2, 0]) / 2
    colour = (x[:, 0, 1, 0] - x[:, 1, 1, 0]) / 4 / contrast
    for found, middle in ((contrast, 1), (bright, 0), (colour, 1)):
        assert middle - 0.3 <= found.min() < middle - 0.25 and middle + 0.25 < found.max() <= middle + 0.3 + 1e-5


def test_cutout_greys_one_square():
    pixels = torch.full((5, 3, 8, 8), 255, dtype=torch.uint8)
    x = augmented(pixels, torch.arange(5), INPUT, 8, plainly(cutout=0.375), torch.Generator().manual_seed(0))
    for picture in x:
        rows, columns = (picture[0] == 0).nonzero(as_tuple=True)
        assert (picture == 0).sum() == 3 * 9
        assert rows.max() - rows.min() == columns.max() - columns.min() == 2


def test_nine_products_are_the_weight_gradient():
    random = torch.Generator().manual_seed(0)
    x, weight = (torch.randn(shape, dtype=torch.float64, generator=random) for shape in ((2, 3, 4, 5), (4, 3, 3, 3)))
    x, weight = x.requires_grad_(), weight.requires_grad_()
    direction = torch.randn(2, 4, 4, 5, dtype=torch.float64, generator=random)
    expected = torch.autograd.grad(F.conv2d(x, weight, padding=1), (x, weight), direction)
    found = torch.autograd.grad(SmallMapConvolution.apply(x, weight), (x, weight), direction)
    for ours, theirs in zip(found, expected, strict=True):
        assert torch.allclose(ours, theirs, rtol=0, atol=1e-12)


def test_only_wide_plain_convolutions_are_sped_up():
    plain, strided = nn.Conv2d(4, 512, 3, padding=1, bias=False), nn.Conv2d(4, 512, 3, padding=1, stride=2, bias=False)
    model = nn.ModuleList([plain, strided, nn.Conv2d(4, 8, 3, padding=1, bias=False)])
    speed_up(model)
    assert ["forward" in vars(module) for module in model] == [True, False, False]
    x = torch.randn(2, 4, 4, 4, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(plain(x).float(), nn.Conv2d.forward(plain, x), atol=0.05)
    assert plain(x.expand(2, 4, 4, 4).repeat(1, 1, 3, 3)).dtype == torch.float32  # 12x12 is left to torch


def test_replicas_sum_the_gradients_of_their_parts():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(16, 2))
    x, target = torch.randn(7, 3, 4, 4), torch.tensor([0, 1, 0, 1, 1, 0, 1])

    def learn(part, x, target, batch):
        part.zero_grad()
        logits = part(x)
        loss = F.cross_entropy(logits, target, reduction="sum") / batch
        loss.backward()
        return loss.item(), int((logits.argmax(1) == target).sum())

    whole_loss, whole_right = learn(model, x, target, 7)
    expected = [parameter.grad.clone() for parameter in model.parameters()]
    loss, right = Replicas(model, 3).learn(learn, x, target)
    assert (loss, right) == (pytest.approx(whole_loss), whole_right)
    for parameter, gradient in zip(model.parameters(), expected, strict=True):
        assert torch.allclose(parameter.grad, gradient, atol=1e-6)


# --- what ships -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [WEIGHTS / f"{name}.safetensors" for name in SIZES], ids=lambda path: path.stem)
def test_shipped_weights_are_what_their_card_tells(path):
    card, state = card_of(path), load_file(path)
    assert path.stem in RECIPES
    assert card["sha256"] == file_digest(path)
    counted = ("running_mean", "running_var", "num_batches_tracked")  # by batch norm, not learnt
    learnt = {name: tensor for name, tensor in state.items() if not name.endswith(counted)}
    assert card["parameters"] == sum(tensor.numel() for tensor in learnt.values())
    assert (card["parameters"], card["macs"]) == SIZES[path.stem]
    assert {tensor.dtype for tensor in learnt.values()} == {torch.float16}
    assert all(torch.isfinite(tensor).all() for tensor in state.values())
    assert load(resolve(path.stem)).accuracy == card["accuracy"]


@pytest.mark.parametrize(
    ("name", "archive", "count"), [("vgg-cifar10", "cifar10-images", 500), ("imagenette", "imagenette-144", 200)]
)
def test_shipped_weights_are_as_good_as_their_card_tells(shared, name, archive, count):
    archive = shared / "data" / f"{archive}.tar.gz"
    if not archive.exists():
        pytest.skip(f"needs {archive.name} in `shared/data`")
    loaded = load(resolve(name))
    pictures = folder_per_class(archive, "test").some(count)
    found = evaluate(loaded.model, pictures, loaded.input, loaded.classes)
    told = loaded.accuracy["top1"]
    assert count / 2 < found["images"] == len(pictures.items) <= count
    assert abs(found["accuracy"] - told) < 4 * (told * (1 - told) / found["images"]) ** 0.5  # four standard errors


def test_weights_are_written_as_asked(tmp_path):
    model = tiny()
    digest = write_weights(model, tmp_path / "a.safetensors", torch.float32)
    assert digest == file_digest(tmp_path / "a.safetensors")
    assert torch.equal(load_file(tmp_path / "a.safetensors")["0.weight"], model[0].weight)
