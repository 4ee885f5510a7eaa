"""The layer pages: one per tensor that is drawn, on one scale, with its numbers beside it, whatever it is called."""

import json
import re

import fake_manifest
import numpy as np
import pytest

from generator.config.image_entries import read_image_entries
from generator.core.errors import ConfigError
from generator.core.resources import resource
from generator.drawing.palettes import GREENS, SIGNED
from generator.site.pages import layer, write
from generator.site.pages.data_script import data_script
from generator.site.pages.manifest_index import Gallery
from generator.site.pages.svg_rescale import ZERO, rescale, shrink
from generator.site.pages.urls import layer_page


@pytest.fixture(scope="module")
def gallery(fake_gallery):
    return Gallery(fake_gallery[1])


def scaled(manifest, name, ends, signed=False):
    """A gallery whose activations at layer `name` of the first model end their scales at `ends`, image by image."""
    manifest = json.loads(json.dumps(manifest))
    found = [f for f in manifest["figures"] if (f["model"], f["layer"], f["method"]) == ("tiny", name, "activations")]
    for figure, end in zip(found, ends, strict=True):
        figure["scale"] = [-end if signed else 0.0, end]
    return Gallery(manifest)


# --- which layers, and what of them ---------------------------------------------------------------------


def test_every_tensor_that_is_drawn_has_a_page_and_no_other(gallery):
    drawn = {f["layer"] for f in gallery.figures if f["method"] == "activations" and f["status"] == "drawn"}
    assert set(gallery.layers_of("tiny")) == drawn
    built = {page for _, _, page in write._pages(gallery, lambda figure: None) if "/layers/" in page}
    assert built == {layer_page(model, name) for model in gallery.models for name in drawn}


def test_a_page_tells_what_the_network_tells_of_the_layer(gallery):
    page = layer.layer(gallery, "tiny", "relu2")
    facts = {fact.name: fact.value for fact in page.facts}
    assert (facts["Type"], facts["Output"], facts["Parameters"]) == ("ReLU", "256 × 16 × 16", "none")
    assert facts["Receptive field"] == "11 × 11 px of the input"
    assert (page.stage.text, page.stage.note) == ("conv 256", "stage 3 of 7")
    assert page.stage.href == "../frog/index.html#stage-3"
    assert [one.image for one in page.seen] == ["frog", "cat", "rocket"]
    assert page.seen[1].report.href == "../cat/index.html#stage-3"


def test_neighbours_are_layers_and_the_same_layer_of_other_networks(gallery):
    by_layer, by_model = layer.layer(gallery, "tiny", "bn2").pager
    assert (by_layer.previous.href, by_layer.next.href) == ("conv2.html", "relu2.html")
    assert by_model.previous is None and by_model.next.href == "../../tiny~pruned-50/layers/bn2.html"


def test_kernels_are_the_layers_own_or_those_its_channels_come_from(gallery):
    own, behind, none = (layer.layer(gallery, "tiny", name) for name in ("conv0", "relu0", "pool1"))
    assert own.kernels and not own.kernels_of
    assert behind.kernels.layer == behind.kernels_of == "conv0"
    assert none.kernels is None and not none.kernel_cells


def test_model_report_and_figure_lead_to_the_layer(fake_gallery, tmp_path):
    write.write_sources(fake_gallery[1], tmp_path, [resource("templates")])
    write.write_figure_pages(fake_gallery[1], tmp_path, [resource("templates")], fake_manifest.channels)
    assert 'href="layers/relu0.html"' in (tmp_path / "gallery/tiny/index.md").read_text()
    assert 'href="../layers/relu0.html"' in (tmp_path / "gallery/tiny/frog/index.md").read_text()
    assert 'href="../layers/relu0.html"' in (tmp_path / "gallery/tiny/frog/activations--relu0.html").read_text()


def test_an_image_cannot_be_called_layers(tmp_path):
    file = tmp_path / "images.yml"
    file.write_text("images:\n  - {file: a.png, id: layers}\n")
    with pytest.raises(ConfigError, match=r"images\[0\]\.id: 'layers' is a folder of the site"):
        read_image_entries(file)


# --- numbers --------------------------------------------------------------------------------------------


def test_the_numbers_stand_beside_the_page_by_image(gallery):
    values = {f["id"]: fake_manifest.channels(f) for f in gallery.figures}
    script = layer.data_scripts(gallery, values)["gallery/tiny/layers/relu0.js"]
    told = json.loads(re.fullmatch(r".*\[\"layer\"\]=(.*);\n", script).group(1))
    assert set(told) == {"frog", "cat", "rocket"}
    assert told["cat"]["max"][32] == 1.5 and told["cat"]["zeros"] == [500] * 64 and len(told["cat"]["mean"]) == 64


def test_numbers_are_short():
    script = layer.values_script({"a": {"max": [1.23456, 12345.6, 0.0], "zeros": [0.12345, 1.0, 0.0]}}, [])
    assert script == data_script("layer", {"a": {"max": [1.23, 12300, 0], "zeros": [123, 1000, 0]}})


def test_where_each_value_is_a_classs_it_has_its_name(gallery):
    values = {f["id"]: fake_manifest.channels(f) for f in gallery.figures}
    scripts = layer.data_scripts(gallery, values)
    assert '["names"]=["airplane","automobile",' in scripts["gallery/tiny/layers/classifier.js"]
    assert "names" not in scripts["gallery/tiny/layers/mean.js"]


# --- one scale ------------------------------------------------------------------------------------------


def test_the_widest_scale_is_everyones(fake_gallery):
    page = layer.layer(scaled(fake_gallery[1], "relu0", (1.0, 4.0, 2.0)), "tiny", "relu0")
    assert (page.scale.low, page.scale.high, page.scale.ramp) == ("0", "4", "green")
    assert [bool(one.filter) for one in page.seen] == [True, False, True]
    assert [(one.id, one.slope) for one in page.rescale.shrinks] == [("scale-0", 0.25), ("scale-2", 0.5)]
    assert page.seen[2].filter == "url(#values-greens) url(#scale-2) url(#colours)"


def test_what_is_on_one_scale_already_needs_no_filter(fake_gallery):
    page = layer.layer(scaled(fake_gallery[1], "relu0", (2.0, 2.0, 2.0)), "tiny", "relu0")
    assert page.rescale is None and not any(one.filter for one in page.seen)


def test_a_scale_that_ends_at_nothing_is_left_alone(fake_gallery):
    page = layer.layer(scaled(fake_gallery[1], "relu0", (0.0, 0.0, 0.0)), "tiny", "relu0")
    assert page.rescale is None and page.scale.high == "0"


def entries(table):
    return np.array([float(value) for value in table.split()])


def through(filters, one, colours, signed):
    """What the chain of filters makes of colours (n, 3) in 0 to 255, done by hand."""
    at = np.linspace(0, 1, len(entries(filters.greens)))
    red, green = colours[:, 0] / 255, colours[:, 1] / 255
    if signed:
        above, below = np.interp(red, at, entries(filters.above)), np.interp(green, at, entries(filters.below))
        value = np.where(colours[:, 0] > colours[:, 1].astype(int), below, above)
    else:
        value = np.interp(red, at, entries(filters.greens))
    value = one.slope * value + one.intercept
    return np.stack([np.interp(value, at, entries(table)) for table in filters.colours], -1) * 255


@pytest.mark.parametrize("share", [0.2, 0.7, 1.0])
@pytest.mark.parametrize(("signed", "onto"), [(False, False), (True, True), (False, True)])
def test_a_colour_becomes_that_of_the_weaker_value(share, signed, onto):
    filters = rescale(onto, [], {True, False})
    value = np.linspace(-1 if signed else 0, 1, 101)
    source = SIGNED[np.round(128 + 127 * value).astype(int)] if signed else GREENS[np.round(254 * value).astype(int)]
    target = SIGNED[np.round(128 + 127 * value * share).astype(int)] if onto else None
    target = GREENS[np.round(254 * value * share).astype(int)] if target is None else target
    found = through(filters, shrink("x", share, signed, onto), source, signed)
    assert np.abs(found - target).max() < 8, "of 255 levels"


def test_zero_stays_zero():
    for one in (shrink("x", 0.3, True, True), shrink("x", 0.3, False, True)):
        start = ZERO if one.slope == 0.3 else 0.0
        assert one.slope * start + one.intercept == pytest.approx(ZERO, abs=1e-3)


# --- strangers' names -----------------------------------------------------------------------------------

HOSTILE = "x<script>alert(1)</script>{{ 7*7 }}\"'>&|\n\n# h ](a)‮"


def test_a_layer_may_be_called_anything(fake_gallery, tmp_path):
    manifest = json.loads(json.dumps(fake_gallery[1]).replace('"relu0"', json.dumps(HOSTILE)))
    manifest["images"][0]["title"] = HOSTILE
    write.write_sources(manifest, tmp_path, [resource("templates")])
    (file,) = [path for path in (tmp_path / "gallery/tiny/layers").glob("*.md") if path.stem.startswith("x-script")]
    page = file.read_text()
    assert page.count("<script") == 1 and "<script>alert" not in page and "‮" not in page
    assert "x&lt;script&gt;alert(1)&lt;/script&gt;{{ 7*7 }}&#34;&#39;&gt;&amp;| # h ](a)" in page
    assert page.split("\n---\n", 1)[1].startswith('<div class="page page--layer">')
