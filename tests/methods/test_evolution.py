"""Evolution: a copy learns the image, its gradient changes, and the network itself stays as it was."""

import copy
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_nets import assert_untouched, fingerprint, picture, tiny
from torch.nn import functional as F

from generator.config.image_entries import ImageEntry
from generator.core.errors import NotApplicable
from generator.data.images import read_image
from generator.data.preprocess import normalise, photo
from generator.drawing.styles import animate, draw
from generator.engine.model_card import describe
from generator.engine.model_handle import Driven
from generator.engine.progress import watched
from generator.engine.targets import find_targets
from generator.methods.evolution import Pupil, correlation, evolution
from generator.models.load import load
from generator.models.specs import resolve

SAMPLES = [  # files of ImageNet and what they show
    ("n02100583_vizsla", "vizsla"),
    ("n01734418_king_snake", "king snake"),
    ("n02108422_bull_mastiff", "bull mastiff"),
    ("n02123045_tabby", "tabby"),
]


def film(net, x, name, **more):
    """All frames (n, 1, C, H, W), the last being the result, and what was told of them."""
    card = describe(net)
    with torch.no_grad():
        target = find_targets(net.model(x.clone()), card, "", [name])[name]
        (last, numbers), frames = watched(evolution(Driven(net, card, 4), x, target, **more), lambda step: None)
    return torch.stack([*frames, last]), numbers


def pearson(one, other):
    return np.corrcoef(one.flatten().numpy(), other.flatten().numpy())[0, 1]


@pytest.fixture(scope="module")
def small():
    net = tiny("in-place")
    return net, picture(net.input.size)


def test_all_classes_are_equally_probable_at_the_start_and_the_right_one_in_the_end(small):
    frames, numbers = film(*small, "class:bee")
    assert len(frames) == 25 and numbers["probability at the start"] == pytest.approx(1 / 5)
    chances = [chance for _, chance in numbers["captions"]]
    assert chances == sorted(chances) and chances[-1] > 0.9, "it learns at every step"
    assert numbers["captions"][0][0] == "step 0: 20.0 %" and len(chances) == 25
    assert all(frame.abs().max() > 0 for frame in frames), "none is blank"


def test_first_and_last_frame_differ_as_the_number_says(small):
    frames, numbers = film(*small, "class:bee")
    assert numbers["first and last frame correlate"] == pytest.approx(pearson(frames[0], frames[-1]), abs=1e-5)
    assert numbers["first and last frame correlate"] < 0.8


def test_the_last_frame_is_vanilla_backprop_of_the_copy_that_has_learnt(small):
    net, x = small
    frames, numbers = film(net, x, "class:bee", steps=4)
    with torch.no_grad():
        pupil = Pupil(Driven(net, describe(net), 4), x, 1)
        for draw_ in range(1, numbers["last layers drawn"] + 1):
            pupil.forget(torch.Generator().manual_seed(draw_))
        for step in range(1, 5):
            pupil.look()
            pupil.learn(step**2 / 30)
    leaf = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(pupil.copy.model(leaf)[0, 1], leaf)
    assert torch.equal(frames[-1], gradient)


def test_a_step_is_gradient_descent_on_the_cross_entropy_of_the_last_layer_alone(small):
    net, x = small
    with torch.no_grad():
        pupil = Pupil(Driven(net, describe(net), 4), x, 1)
        pupil.forget(torch.Generator().manual_seed(0))
        slow = copy.deepcopy(pupil.copy.model)
        pupil.look()
        pupil.learn(0.1)
    slow.requires_grad_(False)
    slow.fc.requires_grad_(True)
    (score,) = slow(x)[:, 1]
    steepest = torch.autograd.grad(score, [slow.fc.weight, slow.fc.bias])
    rate = 0.1 * pupil.gain / sum(float(slope.square().sum()) for slope in steepest)
    slopes = torch.autograd.grad(F.cross_entropy(slow(x), torch.tensor([1])), [slow.fc.weight, slow.fc.bias])
    for parameter, slope, learnt in zip((slow.fc.weight, slow.fc.bias), slopes, pupil.parameters, strict=True):
        assert torch.allclose(parameter - rate * slope, learnt, atol=1e-6)
    rest = {name: tensor for name, tensor in pupil.copy.model.state_dict().items() if not name.startswith("fc.")}
    assert all(torch.equal(tensor, net.model.state_dict()[name]) for name, tensor in rest.items())


def test_the_network_stays_as_it_was_and_the_seed_decides_all(small):
    before = fingerprint(small[0].model)
    one, again, other = (film(*small, "class:bee", steps=6, seed=seed)[0] for seed in (0, 0, 1))
    assert_untouched(before, fingerprint(small[0].model))
    assert torch.equal(one, again) and not torch.equal(one, other)


def test_a_film_has_no_more_frames_than_it_may_and_a_caption_for_each(small):
    for steps, kept in ((3, 4), (60, 25)):
        frames, numbers = film(*small, "class:bee", steps=steps)
        assert len(frames) == len(numbers["captions"]) == kept


def test_what_cannot_be_learnt_says_so(small):
    with pytest.raises(NotApplicable, match="a contrast of two classes"):
        film(*small, "contrast:bee:cat")
    net, x = small
    elsewhere = replace(describe(net), classes=("one", "two"))  # as if the five outputs were none of classes yet
    with pytest.raises(NotApplicable, match="no linear layer"):
        Pupil(Driven(net, elsewhere, 4), x, 0)


def test_correlation_is_pearsons():
    one, other = torch.randn(2, 40, generator=torch.Generator().manual_seed(0))
    assert correlation(one, other) == pytest.approx(pearson(one, other))
    assert np.isnan(correlation(one, torch.ones(40)))


def test_the_probability_is_written_below_each_frame():
    gradient = np.random.default_rng(0).normal(0, 1, (1, 3, 230, 240)).astype(np.float32)
    meta = {"captions": [("p = 1.0 %", 0.01), ("p = 50.0 %", 0.5), ("p = 99.0 %", 0.99)]}
    still = draw("colour", {"map": gradient}, meta, None, 3.0)
    plain = draw("colour", {"map": gradient}, {}, None, 3.0)
    assert still.width == 240 and still.height > 230 and (plain.width, plain.height) == (240, 230)
    _, data = animate("colour", np.stack([gradient, gradient]), {"map": gradient}, meta, None, 3.0)
    moving = Image.open(io.BytesIO(data))
    bands = []
    for number in range(moving.n_frames):
        moving.seek(number)
        bands.append(np.asarray(moving.convert("RGB"))[230:].astype(int))
    green = [int(((band[..., 1] - band[..., 0]) > 40).sum()) for band in bands]
    assert moving.size == (still.width, still.height)
    assert green[0] < 0.1 * green[2] and 0.4 < green[1] / green[2] < 0.6, "the bar is as long as the probability"


def test_the_bundled_network_learns_the_frog_anew(repository):
    net = load(resolve("vgg-cifar10"))
    entry = ImageEntry(file="frog.png", background="#8a8a5c", fit="pad")
    frames, numbers = film(net, seen(net, repository / "images/cutouts/frog.png", entry), "class:frog")
    assert numbers["first and last frame correlate"] < 0.8
    assert numbers["probability at the start"] == pytest.approx(0.1) and numbers["probability at the end"] > 0.9
    assert all(frame.abs().max() > 0 for frame in frames)


@pytest.fixture(scope="module")
def squeezenet(shared):
    weights = str(shared / "weights" / "squeezenet1_0-imagenet.safetensors")
    return load(replace(resolve("squeezenet1_0"), weights=weights))


@pytest.mark.parametrize(("file", "title"), SAMPLES)
def test_squeezenet_learns_its_samples_anew(shared, squeezenet, file, title):
    path = shared / "images" / "imagenet-samples" / f"{file}.JPEG"
    frames, numbers = film(squeezenet, seen(squeezenet, path, ImageEntry(file=path.name)), f"class:{title}", steps=6)
    assert numbers["first and last frame correlate"] < 0.8
    assert numbers["probability at the end"] > 0.8
    assert all(frame.abs().max() > 0 for frame in frames)


def seen(net, path: Path, entry):
    """A picture as the network sees it."""
    return torch.from_numpy(normalise(photo(read_image(path, entry), net.input), net.input))
