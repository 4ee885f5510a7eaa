"""Statistics over a data set count what the network does there, and pages rest on them and say over how many images."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from page_reading import write
from PIL import Image

from generator.analysis.probe.statistics import measure
from generator.core.errors import ModelError
from generator.core.tasks import Source
from generator.data.batches import batches, match_classes, normalised
from generator.data.datasets import folder_per_class
from generator.models import specs
from generator.models.load import load
from generator.site.pages.channel_table import channel_table
from generator.site.pages.diagnostics_page import findings
from generator.site.pages.manifest_index import Gallery

NETWORK = specs.resolve("vgg-cifar10")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Twelve pictures of coloured noise in two classes of CIFAR-10."""
    root, random = tmp_path_factory.mktemp("labelled"), np.random.default_rng(0)
    for name in ("frog", "ship"):
        (root / name).mkdir()
        for number in range(6):
            coarse = random.integers(0, 255, (4, 4, 3), np.uint8)
            Image.fromarray(coarse).resize((32, 32), Image.BILINEAR).save(root / name / f"{number}.png")
    return root


@pytest.fixture(scope="module")
def measured(folder):
    return measure(NETWORK, Source(str(folder)))


def test_answers_and_dead_channels_are_those_of_a_plain_pass(folder, measured):
    loaded = load(NETWORK)
    data = folder_per_class(folder, "test")
    ((pixels, labels),) = batches(data, loaded.input, 12)
    index = np.array(match_classes(data, loaded.classes))[labels]
    largest = []
    handle = loaded.model.backbone.relu7.register_forward_hook(
        lambda module, inputs, output: largest.append(output.amax((0, 2, 3)))
    )
    with torch.no_grad():
        said = loaded.model(normalised(torch.from_numpy(pixels), loaded.input)).argmax(1).numpy()
    handle.remove()
    confusion = np.zeros((10, 10), int)
    np.add.at(confusion, (index, said), 1)
    assert measured["confusion"] == confusion.tolist()
    assert (measured["images"], measured["labelled"], measured["correct"]) == (12, 12, int((said == index).sum()))
    told = next(layer for layer in measured["layers"] if layer["layer"] == "backbone.relu7")
    assert told["dead"] == (largest[0] == 0).nonzero()[:, 0].tolist() != []


def test_nothing_is_told_of_single_images(measured):
    assert not {"wrong", "unsure", "sheet", "unreadable", "model"} & set(measured)
    assert ".png" not in json.dumps(measured)
    assert "backbone.conv0" not in {layer["layer"] for layer in measured["layers"]}, "stages alone"


def test_a_changed_network_is_refused(folder):
    with pytest.raises(ModelError, match="expected a network as it is"):
        measure(replace(NETWORK, derive=(("prune-global", 0.5),)), Source(str(folder)))


# --- what travels with the bundled weights ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "data", "images"),
    [
        ("vgg-cifar10", "cifar10", 10_000),
        ("imagenette", "imagenette", 3925),
        ("efficientnet-lite0", "imagenette", 3925),
    ],
)
def test_statistics_of_the_whole_test_set_travel_with_bundled_networks(name, data, images):
    loaded = load(specs.resolve(name))
    statistics = loaded.statistics
    assert (statistics["data"], statistics["images"], statistics["labelled"]) == (data, images, images)
    assert statistics["correct"] / images == pytest.approx(loaded.accuracy["top1"], abs=0.002)
    assert load(specs.resolve(f"{name}~random")).statistics == {}


# --- pages ---------------------------------------------------------------------------------------------------


@pytest.fixture
def manifest(fake_gallery):
    """The fake gallery with statistics over more images than its probe had; a test may change it."""
    manifest = json.loads(json.dumps(fake_gallery[1]))
    probe = manifest["probes"][0]
    layers = [{**layer, "dead": [7], "constant": [], "twins": [], "images": 9000} for layer in probe["layers"]]
    statistics = {key: value for key, value in probe.items() if key not in ("model", "wrong", "unsure", "sheet")}
    statistics |= {"data": "digits", "images": 9000, "labelled": 9000, "correct": 8100, "layers": layers}
    manifest["models"][0]["statistics"] = statistics
    return manifest


def test_a_probe_that_the_gallery_names_counts_more_than_what_travels(manifest):
    assert Gallery(manifest).statistics("tiny") is manifest["probes"][0]
    manifest["probes"][0]["data"] = ""
    assert Gallery(manifest).statistics("tiny")["data"] == "digits"
    manifest["models"][0]["statistics"] = {}
    assert Gallery(manifest).statistics("tiny") is manifest["probes"][0]


def test_findings_rest_on_the_statistics_and_say_over_how_many_images(manifest, tmp_path):
    manifest["probes"][0]["data"] = ""
    page = findings(Gallery(manifest), "tiny")
    assert page.probe == "9,000 images of digits" and not page.curated and page.examples.endswith("of this gallery")
    assert page.score == "8,100 of 9,000 labelled images correct (90\xa0%)"
    dead = next(fault for fault in page.faults if fault.kind == "dead")
    assert "zero on all 9,000 images tested" in dead.text
    shown = write(manifest, tmp_path)["gallery/tiny/findings/index.md"]
    assert "Measured on 9,000 images of digits" in shown and "Examples from the " in shown


def test_without_a_probe_the_statistics_are_shown_all_the_same(manifest):
    manifest["probes"] = manifest["probes"][1:]
    page = findings(Gallery(manifest), "tiny")
    assert page.probe == "9,000 images of digits" and page.confusions and page.layers
    assert page.sheet == "" and [answer.instead for answer in page.wrong] == ["label: cat"]
    links = [link.href for fault in page.faults for link in fault.evidence]
    links += [link.href for line in page.layers for link in line.first]
    assert links and not any("#c" in href.replace("#confusions", "") for href in links), "no page tells of channels"


def test_the_table_of_channels_says_which_images_its_verdicts_rest_on(manifest):
    assert channel_table(Gallery(manifest), "tiny", "relu0").measured == ""
    manifest["probes"][0]["data"] = ""
    table = channel_table(Gallery(manifest), "tiny", "relu0")
    assert table.measured == "9,000 images of digits" and [row.channel for row in table.rows] == [7]
    assert table.probe.endswith("images of this gallery")
