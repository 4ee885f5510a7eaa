"""Evaluation: the figures equal a count by hand, on pictures fitted as the gallery fits them."""

import math

import numpy as np
import pytest
import torch
from PIL import Image

from generator.core.records import Input
from generator.data.batches import batches, match_classes, normalised
from generator.data.datasets import DataError, folder_per_class
from generator.data.preprocess import normalise
from generator.training.evaluate import evaluate

INPUT = Input((3, 8, 8), (0.5, 0.4, 0.3), (0.2, 0.25, 0.3))
CLASSES = ("Red", "green sea", "blue", "grey", "white", "black")


class Brightest(torch.nn.Module):
    """Logits (N, 6): the mean of each of three channels, then three constants."""

    def forward(self, x):
        return torch.cat([x.mean((2, 3)), torch.tensor([[-0.1, -9.0, -9.5]]).expand(len(x), 3)], 1)


@pytest.fixture
def pictures(tmp_path):
    """Flat pictures, the last of each class in another class's colour; larger than the input, so they are fitted."""
    colours = {"red": (250, 0, 0), "green_sea": (0, 250, 0), "blue": (0, 0, 250)}
    names = list(colours)
    for position, name in enumerate(names):
        (tmp_path / name).mkdir()
        for number in range(4):
            shown = name if number < 3 else names[(position + 1) % 3]
            Image.new("RGB", (16, 12), colours[shown]).save(tmp_path / name / f"{number}.png")
    return tmp_path


def test_the_figures_equal_a_count_by_hand(pictures):
    told = []
    found = evaluate(Brightest().eval(), pictures, INPUT, CLASSES, batch=5, report=lambda *done: told.append(done))
    losses = []
    for path in sorted(pictures.glob("*/*.png")):
        colour = np.asarray(Image.open(path))[0, 0] / 255
        logits = [*((colour - INPUT.mean) / INPUT.std), -0.1, -9.0, -9.5]
        right = {"red": 0, "green_sea": 1, "blue": 2}[path.parent.name]
        losses.append(math.log(sum(math.exp(logit) for logit in logits)) - logits[right])
    assert found == {
        "accuracy": 9 / 12,
        "top5": 1.0,
        "loss": pytest.approx(sum(losses) / 12, rel=1e-5),
        "images": 12,
        "classes": 3,
    }
    assert told == [(5, 12), (10, 12), (12, 12)]


def test_top5_counts_the_five_best(pictures):
    class Last(torch.nn.Module):
        def forward(self, x):
            return torch.tensor([[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]]).expand(len(x), 6)

    found = evaluate(Last().eval(), pictures, INPUT, CLASSES)  # red is sixth of six
    assert (found["accuracy"], found["top5"]) == (0.0, 8 / 12)


def test_pictures_are_normalised_as_the_gallery_does_it(pictures):
    pixels, labels = next(batches(folder_per_class(pictures, "test"), INPUT, 3))
    assert (pixels.shape, pixels.dtype, labels.tolist()) == ((3, 3, 8, 8), np.uint8, [0, 0, 0])
    x = normalised(torch.from_numpy(pixels), INPUT)
    assert x.is_contiguous(memory_format=torch.channels_last)
    for picture, row in zip(pixels, x, strict=True):
        expected = normalise(picture.transpose(1, 2, 0), INPUT)[0]
        assert np.allclose(row.numpy(), expected, rtol=0, atol=1e-6)


def test_classes_are_matched_by_name(pictures):
    data = folder_per_class(pictures, "test")
    assert data.classes == ("blue", "green_sea", "red")
    assert match_classes(data, CLASSES) == [2, 1, 0]
    with pytest.raises(DataError, match=r"expected classes of the network \(red, blue\), there is 'green_sea'"):
        evaluate(Brightest(), data, INPUT, ("red", "blue"))


def test_a_broken_picture_is_named(pictures):
    (pictures / "red" / "9.png").write_bytes(b"nothing")
    with pytest.raises(DataError, match="red/9.png"):
        evaluate(Brightest(), pictures, INPUT, CLASSES)
