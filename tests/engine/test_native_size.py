"""Pictures at their own size: nothing is cropped, nothing is shrunk, and no gradient asks for five times the memory."""

import json
from dataclasses import replace

import numpy as np
import pytest
import tiny_gallery
import yaml
from PIL import Image

from generator.core.errors import ConfigError
from generator.core.records import Input
from generator.data.preprocess import LONGEST, fitted
from generator.drawing.palettes import GREENS
from generator.engine.method_registry import METHODS
from generator.pipeline.provenance import describe_figure

NATIVE = Input((3, 10, 12), (0.5,) * 3, (0.25,) * 3, fit="native")
SIZES = {"wide": (50, 22), "high": (17, 40)}
FIGURE = "mine/wide/activations--2"


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    folder = tmp_path_factory.mktemp("native")
    options = tiny_gallery.lay(folder, SIZES)
    for name, size in SIZES.items():
        tiny_gallery.draw(folder / "images" / f"{name}.png", 3, size)
    settings = yaml.safe_load((folder / "gallery.yml").read_text())
    settings["models"][0]["native"] = True
    del settings["methods"], settings["preset"]
    tiny_gallery.write(folder / "gallery.yml", settings)
    report, _ = tiny_gallery.run(options)
    assert not report.failures
    return options


@pytest.fixture(scope="module")
def figures(gallery):
    return {one["id"]: one for one in json.loads((gallery.work / "manifest.json").read_text())["figures"]}


def test_every_pixel_of_the_file_is_seen():
    pixels = np.random.default_rng(0).integers(0, 256, (7, 90, 3), dtype=np.uint8)
    assert np.array_equal(fitted(Image.fromarray(pixels), NATIVE), pixels)
    grey = replace(NATIVE, size=(1, 10, 12), mean=(0.5,), std=(0.25,))
    assert fitted(Image.fromarray(pixels), grey).shape == (7, 90, 1)


def test_what_is_larger_than_any_screen_is_shrunk():
    assert fitted(Image.new("RGB", (2 * LONGEST, 300)), NATIVE).shape == (150, LONGEST, 3)


@pytest.mark.parametrize("name", SIZES)
def test_layers_are_as_large_as_the_picture_makes_them(figures, name):
    width, height = SIZES[name]
    assert figures[f"mine/{name}/activations--2"]["shape"] == [4, height, width]
    assert figures[f"mine/{name}/activations--5"]["shape"] == [6, height // 2, width // 2]


def test_what_goes_back_through_the_network_is_left_to_whoever_names_it(gallery, figures):
    assert {one["method"] for one in figures.values()} <= {"input", "activations", "filters"}
    named = replace(gallery, methods=("vanilla-backprop",), images=("wide",))
    tiny_gallery.run(named)
    found = json.loads((gallery.work / "manifest.json").read_text())["figures"]
    (gradient,) = [one for one in found if one["id"] == "mine/wide/vanilla-backprop--class-bee"]
    assert gradient["shape"] == [1, 3, 22, 50]


def test_one_channel_leaves_as_large_as_the_network_has_it(gallery, figures, tmp_path):
    told = describe_figure(gallery, f"{FIGURE}#c3", tmp_path / "one.npy", tmp_path / "one.png", tmp_path / "one.csv")
    assert told["picture"].endswith("one.png, 50 x 22 pixels")
    describe_figure(gallery, FIGURE, tmp_path / "all.npy")
    values = np.load(tmp_path / "one.npy")
    assert np.array_equal(values, np.load(tmp_path / "all.npy")[0, 3])
    assert np.array_equal(values, np.loadtxt(tmp_path / "one.csv", np.float32, delimiter=","))
    low, limit = figures[FIGURE]["scale"]
    assert low == 0
    colours = GREENS[(np.clip(values / limit, 0, 1) * 254).round().astype(np.uint8)]
    with Image.open(tmp_path / "one.png") as picture:
        assert np.array_equal(np.asarray(picture.convert("RGB")), colours)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        (f"{FIGURE}#c4", "#c4: expected a channel from 0 to 3"),
        (f"{FIGURE}#x", "expected #c and a channel's number, such as #c17"),
        (FIGURE, "--picture writes one channel: expected #c and its number"),
        ("mine/wide/filters--0#c1", "only activations have channels to write"),
    ],
)
def test_a_channel_that_is_not_there_is_one_line(gallery, tmp_path, name, line):
    with pytest.raises(Exception, match=line) as error:
        describe_figure(gallery, name, None, tmp_path / "no.png")
    assert "\n" not in str(error.value) and not (tmp_path / "no.png").exists()
    assert isinstance(error.value, ConfigError) or line.startswith("#c4")


def test_a_large_picture_lies_with_its_channels_last_and_gives_the_same(gallery, figures, monkeypatch):
    layouts = []

    def look(activation):
        layouts.append(activation.shape[1] == 1 or activation.stride(1) == 1)
        return activation

    monkeypatch.setitem(METHODS, "activations", replace(METHODS["activations"], function=look))
    monkeypatch.setattr("generator.engine.scene.LARGE_IMAGE_PIXELS", 0)
    fresh = replace(gallery, store_dir=gallery.work / "other")
    tiny_gallery.run(fresh, images=("wide",), methods=("activations",))
    assert all(layouts) and len(layouts) > 4
    found = {one["id"]: one for one in json.loads((gallery.work / "manifest.json").read_text())["figures"]}
    assert found[FIGURE]["scale"] == pytest.approx(figures[FIGURE]["scale"], rel=1e-5)
    assert found[FIGURE]["range"] == pytest.approx(figures[FIGURE]["range"], 1e-5)
