"""Networks of five bands, of floats, and with further inputs are drawn as others are, from settings to pictures."""

import io
import json

import numpy as np
import pytest
import tiny_gallery
import yaml
from PIL import Image

from generator.config import settings
from generator.core.errors import ConfigError

MODULE = "odd_inputs_of_mine"
CODE = '''
import torch
from torch import nn


class Bands(nn.Module):
    """Five bands, an angle of the sun and a table of offsets."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(2)
        self.first, self.relu = nn.Conv2d(5, 6, 3, padding=1), nn.ReLU()
        self.last = nn.Linear(6 + 1, 3)

    def forward(self, x, sun=None, offsets=None, plain=False):
        assert plain is True and sun.shape == (len(x),) and offsets.shape == (len(x), 5)
        x = self.relu(self.first(x + offsets[:, :, None, None]))
        return self.last(torch.cat([x.mean((2, 3)), sun[:, None]], 1))


def bands():
    return Bands()


def deep():
    torch.manual_seed(2)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
'''
METHODS = [
    "input", "activations", "filters", "vanilla-backprop", "saliency", "gradient-x-input", "integrated-gradients",
    "occlusion", "grad-cam", "smoothgrad", "activation-maximisation",
]  # fmt: skip
BANDS = {
    "name": "bands",
    "source": f"{MODULE}:bands",
    "input": {"size": [5, 12, 12], "mean": ["127/255"] * 5, "std": ["128/255"] * 5, "range": [0, 4095],
              "display": [3, 2, 1]},
    "constants": {"sun": 0.25, "offsets": "offsets.npy", "plain": True},
    "images": ["field"],
}  # fmt: skip
DEEP = {
    "name": "deep",
    "source": f"{MODULE}:deep",
    "input": {"size": [1, 12, 12], "mean": [0], "std": [1], "range": [1000, 1287]},
    "images": ["scan"],
}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder, random = tmp_path_factory.mktemp("odd"), np.random.default_rng(1)
    methods = {name: {} for name in METHODS} | {"activation-maximisation": {"steps": 2}}
    options = tiny_gallery.lay(
        folder, images=(), network=CODE, module=MODULE, models=[BANDS, DEEP], methods=methods, targets=["top"]
    )
    bands = random.integers(0, 4096, (12, 12, 5)).astype("u2")
    scan = (1000 + np.arange(2 * 12 * 12)).reshape(2, 12, 12).astype("f4")
    np.save(folder / "images/field.npy", bands)
    np.save(folder / "images/scan.npy", scan)
    np.save(folder / "offsets.npy", random.random(5).astype("f4"))
    listing = [{"file": "field.npy", "credit": "me"}, {"file": "scan.npy", "frame": 2, "credit": "me"}]
    tiny_gallery.write(folder / "images/images.yml", {"images": listing})
    report, _ = tiny_gallery.run(options)
    return options, report, json.loads((options.work / "manifest.json").read_text()), bands, scan


@pytest.mark.parametrize("model", ["bands", "deep"])
def test_every_method_is_drawn(built, model):
    _, report, manifest, _, _ = built
    figures = [figure for figure in manifest["figures"] if figure["model"] == model]
    assert not report.failures, report.failures
    drawn = {figure["method"] for figure in figures if figure["status"] == "drawn"}
    assert drawn >= {*METHODS}


def picture(built, model, method):
    options, _, manifest, _, _ = built
    figure = next(f for f in manifest["figures"] if f["model"] == model and f["method"] == method and f["file"])
    record = options.store.get(figure["keys"]["picture"])
    return np.asarray(Image.open(io.BytesIO(options.store.read(record["payloads"]["file"]))).convert("RGB"))


def test_the_input_shows_the_bands_that_are_asked_for(built):
    bands = built[3]
    seen = np.rint(bands[..., [2, 1, 0]] / 4095 * 255)
    factor = picture(built, "bands", "input").shape[0] // 12
    assert np.abs(picture(built, "bands", "input")[::factor, ::factor] - seen).max() <= 1


def test_a_slice_is_seen_in_its_range(built):
    scan = built[4]
    factor = picture(built, "deep", "input").shape[0] // 12
    seen = np.rint((scan[1] - 1000) * 255 / 287)
    assert np.abs(picture(built, "deep", "input")[::factor, ::factor, 0] - seen).max() <= 1


def test_another_constant_is_another_network(built):
    options, _, manifest, _, _ = built
    changed = yaml.safe_load((options.root / "gallery.yml").read_text())
    changed["models"][0]["constants"]["sun"] = 0.5
    tiny_gallery.write(options.root / "gallery.yml", changed)
    tiny_gallery.run(options, models=("bands",), methods=("saliency",))
    again = json.loads((options.work / "manifest.json").read_text())
    before, after = (
        next(f for f in of["figures"] if f["model"] == "bands" and f["method"] == "saliency")["keys"]["array"]
        for of in (manifest, again)
    )
    assert before != after


@pytest.mark.parametrize(
    "change, words",
    [
        ({"mean": ["127/0"] * 5}, r"models\[0\].input.mean\[0\]: expected a number or a fraction such as 127/255"),
        ({"mean": ["half"] * 5}, "expected a number or a fraction such as 127/255"),
        ({"range": [5, 5]}, r"input.range: expected the smallest and the largest value, such as \[0, 4095\]"),
        ({"display": [6]}, "input.display: expected one or three channels from 1 to 5"),
        ({"display": [1, 2]}, "input.display: expected one or three channels from 1 to 5"),
        ({"size": [0, 12, 12]}, "input.size: expected 1 to 1024 channels"),
    ],
)
def test_what_is_wrong_with_an_input_is_one_line(change, words, tmp_path):
    entry = {**BANDS, "input": {**BANDS["input"], **change}}
    tiny_gallery.write(tmp_path / "gallery.yml", {"models": [entry]})
    with pytest.raises(ConfigError, match=words):
        settings.load(tmp_path / "gallery.yml")


def test_fractions_are_divided(tmp_path):
    tiny_gallery.write(tmp_path / "gallery.yml", {"models": [BANDS]})
    assert settings.load(tmp_path / "gallery.yml").models[0].input.mean == [127 / 255] * 5
