"""Mean maps of a class and published arrays, in a real build: against a slow mean over the arrays of the site."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest
import tiny_gallery
from page_reading import Parsed
from PIL import Image

from generator.core.store import Store
from generator.drawing import palettes
from generator.drawing.mean_maps import mean_map, picture
from generator.pipeline.provenance import describe_figure
from generator.site import class_means

IMAGES = ("one", "two", "three")


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    """A site of three images with one label, built in this process; not to be changed."""
    laid = tiny_gallery.lay(tmp_path_factory.mktemp("means"), IMAGES, measures=[])
    laid = replace(laid, no_site=False)
    report, _ = tiny_gallery.run(laid)
    assert report.failures == {}
    return laid


@pytest.fixture(scope="module")
def manifest(options):
    return json.loads((options.out / "gallery" / "manifest.json").read_text())


def own_maps(options, manifest, method, name="bee"):
    """The published arrays of a method for a class, of images that are labelled or predicted so."""
    figures = [f for f in manifest["figures"] if f["method"] == method and (f["target"] or {}).get("name") == name]
    figures = [f for f in figures if f["target"]["role"] in ("label", "top")]
    return [np.load(options.out / "gallery" / f["array"]) for f in figures]


def slow_mean(maps, signed):
    """Pixel by pixel, in Python's own numbers."""
    height, width = maps[0].shape[1:]
    mean = [[0.0] * width for _ in range(height)]
    for values in maps:
        cells = [[float(v) if signed else max(0.0, float(v)) for v in row] for row in values[0]]
        largest = max(abs(v) for row in cells for v in row)
        for y in range(height):
            for x in range(width):
                mean[y][x] += (cells[y][x] / largest if largest else 0.0) / len(maps)
    return np.array(mean)


# --- means ------------------------------------------------------------------------------------------------


def test_a_mean_is_that_of_normalised_maps():
    maps = [np.random.default_rng(seed).normal(size=(1, 3, 4)).astype(np.float32) * 10**seed for seed in range(4)]
    maps.append(np.zeros((1, 3, 4), np.float32))
    for signed in (True, False):
        mean, count, zero = mean_map(iter(maps), signed)
        np.testing.assert_allclose(mean, slow_mean(maps, signed), rtol=1e-6, atol=1e-7)
        assert (count, zero, mean.dtype, mean.shape) == (5, 1, np.float32, (3, 4))
    broken = np.array([[[np.nan, np.inf, 2.0]]], np.float32)
    assert mean_map([broken], signed=False)[0].tolist() == [[0, 0, 1]]


def test_the_colours_of_a_mean_end_at_its_largest_value():
    mean = np.array([[0.0, 0.1], [0.2, 0.4]], np.float32)
    for ramp, palette, codes in (
        ("heat", palettes.HEAT, [0, 64, 128, 255]),
        ("signed", palettes.SIGNED, [128, 160, 192, 255]),
    ):
        drawn = picture(mean, ramp)
        pixels = np.asarray(Image.open(io.BytesIO(drawn.files["file"][1])).convert("RGB"))
        assert pixels.shape[:2] == (224, 224)
        assert drawn.scale == pytest.approx((-0.4 if ramp == "signed" else 0, 0.4))
        squares = pixels[[0, 0, 223, 223], [0, 223, 0, 223]]
        assert squares.tolist() == [palette[code].tolist() for code in codes], ramp
    assert picture(np.zeros((2, 2), np.float32), "signed").scale == (0, 0)


def test_a_class_of_three_images_has_a_mean_for_each_method(options, manifest):
    means = manifest["class_means"]
    assert [(mean["method"], mean["layer"]) for mean in means if mean["name"] == "bee"] == [
        ("saliency", ""),
        ("cam", "5"),
        ("grad-cam", "5"),
    ]
    for mean in means:
        maps = own_maps(options, manifest, mean["method"], mean["name"])
        assert len(maps) == mean["images"] >= 3
        expected = slow_mean(maps, signed=False)
        assert mean["scale"][1] == pytest.approx(expected.max(), rel=1e-5)
        board = Image.open(options.out / "gallery" / mean["file"]).convert("RGB")
        palette = palettes.HEAT if "cam" in mean["method"] else palettes.GREYS
        factor = mean["width"] // mean["shape"][-1]
        colours = np.asarray(board)[::factor, ::factor]
        codes = np.array([[palette.tolist().index(colour.tolist()) for colour in row] for row in colours])
        assert np.abs(codes - 255 * expected / (expected.max() or 1)).max() <= 1.5, mean["method"]
    assert any(mean["scale"][1] > 0 for mean in means)


def test_means_are_computed_once_and_change_no_figure(options, manifest, monkeypatch):
    store = Store(options.work / "store")
    monkeypatch.setattr(class_means, "mean_map", None)
    again, files = class_means.draw_all(manifest, store)
    assert again == manifest["class_means"] and [file.path for file in files] == [mean["file"] for mean in again]


@pytest.mark.parametrize("change", ["fewer", "another size", "lost", "runner-up"])
def test_there_is_no_mean_of_few_maps_or_of_unlike_ones(options, manifest, change, tmp_path):
    changed = json.loads(json.dumps(manifest))
    for figure in changed["figures"]:
        if figure["image"] == "two" and figure["target"]:
            if change == "fewer":
                figure["status"] = "failed"
            elif change == "another size":
                figure["shape"] = [1, 2, 2]
            elif change == "runner-up":
                figure["target"]["role"] = "rival"
    store = Store(tmp_path) if change == "lost" else Store(options.work / "store")
    means, files = class_means.draw_all(changed, store)
    assert [mean for mean in means if mean["name"] == "bee"] == []
    assert len(files) == len(means)


def test_the_page_of_the_class_states_what_its_means_are(options, manifest):
    page = Parsed((options.out / "gallery/mine/classes/bee.html").read_text())
    words = " ".join(page.words.split())
    assert "divided by its largest absolute value" in words and "in the frame of the picture, not of the thing" in words
    assert words.count("mean of 3 maps") in (2, 3), "equal pictures are shown once"
    shown = {img["src"] for tag, img in page.elements if tag == "img" and "/means/" in f"/{img.get('src', '')}"}
    assert shown and shown <= {mean["file"].rpartition("classes/")[2] for mean in manifest["class_means"]}
    other = Parsed((options.out / "gallery/mine/classes/cat.html").read_text())
    assert "Mean maps" not in other.words or any(mean["name"] == "cat" for mean in manifest["class_means"])


# --- arrays -----------------------------------------------------------------------------------------------


def test_small_arrays_are_published_as_the_method_returned_them(options, manifest, tmp_path):
    drawn = [f for f in manifest["figures"] if f["status"] == "drawn"]
    assert {f["method"] for f in drawn if f.get("array")} == {
        "input",
        "vanilla-backprop",
        "saliency",
        "cam",
        "grad-cam",
    }
    figure = next(f for f in drawn if f["method"] == "grad-cam")
    describe_figure(options, figure["id"], tmp_path / "raw.npy")
    published = options.out / "gallery" / figure["array"]
    assert published.read_bytes() == (tmp_path / "raw.npy").read_bytes()
    page = (options.out / "gallery" / figure["page"]).read_text()
    assert f'href="{published.name}" download' in page and "1 × 5 × 6, float32 .npy" in page
    sprite = next(f for f in drawn if f["method"] == "activations" and f["sprite"])
    page = (options.out / "gallery" / sprite["page"]).read_text()
    assert "download>Download the array" not in page and "the command writes their values" in page
