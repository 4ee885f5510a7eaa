"""The pages of classes: those that images, figures or measurements touch, with counts that a slow count confirms."""

import json
import re

import fake_probe
import numpy as np
import pytest

from generator.analysis.probe.results import GRADIENT_CLASSES
from generator.core.resources import resource
from generator.site.pages import channel_table, class_page, index_pages, model, write
from generator.site.pages.manifest_index import MOST, Gallery


@pytest.fixture(scope="module")
def gallery(fake_gallery):
    return Gallery(fake_gallery[1])


def changed(manifest, change):
    """A gallery whose manifest `change` has altered."""
    manifest = json.loads(json.dumps(manifest))
    change(manifest)
    return Gallery(manifest)


def of(gallery, name, slug="tiny"):
    return class_page.class_of(gallery, slug, gallery.models[slug]["classes"].index(name))


def thousand(manifest, images=1, names=1000):
    """Nothing is measured; of a thousand classes the images are predicted some."""
    manifest["probes"], template = [], manifest["predictions"][0]
    for card in manifest["models"]:
        card["classes"] = [f"class {number}" for number in range(names)]
    manifest["figures"] = []
    first = manifest["images"][0]
    manifest["images"] = [{**first, "id": f"image-{number}", "title": f"Image {number}"} for number in range(images)]
    manifest["predictions"] = [
        {
            **template,
            "model": "tiny",
            "image": f"image-{number}",
            "label": None,
            "label_probability": None,
            "correct": None,
            "top": [
                {"name": f"class {(number + place) % names}", "index": (number + place) % names, "probability": share}
                for place, share in enumerate((0.6, 0.3, 0.05))
            ],
        }
        for number in range(images)
    ]


# --- which classes have a page ----------------------------------------------------------------------------


def test_only_classes_that_something_touches_have_a_page(fake_gallery):
    few = changed(fake_gallery[1], lambda manifest: thousand(manifest, images=2))
    assert few.classes.of("tiny") == [0, 1, 2], "predicted or runner-up, of two images"
    assert few.classes.of("tiny~pruned-50") == []
    assert few.classes.href("tiny", "class 2", "index.html") == "gallery/tiny/classes/class-2.html"
    assert few.classes.href("tiny", "class 7", "index.html") == few.classes.href("tiny", "no class", "") == ""


def test_a_class_is_touched_by_confusions_and_by_figures_of_the_network(fake_gallery):
    def change(manifest):
        thousand(manifest, images=1)
        manifest["models"][0]["statistics"] = {"confusion": None, "confused": [{"label": "class 9", "said": "class 4"}]}
        target = {"name": "class 77", "index": 77, "role": "label"}
        manifest["figures"] = [{**fake_gallery[1]["figures"][0], "image": "model", "target": target}]

    assert changed(fake_gallery[1], change).classes.of("tiny") == [0, 1, 4, 9, 77]


def test_values_and_masks_have_no_classes_to_show(fake_gallery):
    def change(manifest):
        manifest["models"][0]["output"] = {"kind": "mask"}

    assert changed(fake_gallery[1], change).classes.of("tiny") == []


def test_pages_stay_few_and_small_for_many_images(fake_gallery):
    many = changed(fake_gallery[1], lambda manifest: thousand(manifest, images=300, names=3))
    assert many.classes.of("tiny") == [0, 1, 2]
    page = of(many, "class 1")
    assert len(page.images) == MOST and page.rest.text == "All 300 by filter"
    assert [image.share for image in page.images] == [60.0] * MOST, "the most probable first"


# --- what stands on one -----------------------------------------------------------------------------------


def test_images_come_by_probability_with_what_they_have_to_do_with_the_class(gallery):
    page = of(gallery, "cat")
    assert page.images[0].report.text == "Cat" and page.images[0].state == "label, runner-up"
    assert page.images[0].verdict.predicted == "dog" and page.images[0].verdict.state == "wrong"
    shares = [image.share for image in page.images]
    assert shares == sorted(shares, reverse=True)
    frog = of(gallery, "frog")
    assert frog.images[0].state == "label, predicted" and frog.images[0].map.target == "frog"
    assert frog.images[0].report.href == "../frog/index.html" and frog.map_title == "Grad-CAM"


def test_recall_precision_and_confusions_are_those_of_the_matrix(gallery):
    page, matrix = of(gallery, "cat"), np.array(gallery.probes["tiny"]["confusion"])
    facts = {fact.name: fact.value for fact in page.facts}
    assert f"({matrix[3, 3]} of {matrix[3].sum()})" in facts["Recall"]
    assert f"({matrix[3, 3]} of {matrix[:, 3].sum()})" in facts["Precision"]
    instead = next(one for one in page.shares if one.id == "mistaken-for")
    assert (instead.rows[0].name.text, instead.rows[0].count) == ("dog", "40")
    assert instead.rows[0].share == pytest.approx(100 * 40 / (matrix[3].sum() - matrix[3, 3]), abs=0.01)
    assert instead.rows[0].name.href == "dog.html" and len(instead.rows) == class_page.LISTED
    labels = next(one for one in of(gallery, "dog").shares if one.id == "mistaken")
    assert (labels.rows[0].name.text, labels.rows[0].count) == ("cat", "40")


def test_of_many_classes_the_most_frequent_confusions_are_said_to_be_such(fake_gallery):
    def change(manifest):
        thousand(manifest)
        pairs = [{"label": "class 0", "said": "class 1", "count": 5}]
        statistics = {"confusion": None, "confused": pairs, "labelled": 500, "data": "", "images": 500}
        manifest["models"][0]["statistics"] = statistics

    page = of(changed(fake_gallery[1], change), "class 0")
    assert page.shares[0].text.endswith(
        "500 images of this gallery, among the most frequent confusions of all classes."
    )
    assert [row.name.text for row in page.shares[0].rows] == ["class 1"]


def test_runner_ups_are_counted_over_the_images_predicted_so(gallery):
    (shares,) = [one for one in of(gallery, "dog").shares if one.id == "runner-ups"]
    assert [(row.name.text, row.count) for row in shares.rows] == [("cat", "1")]
    assert "in the 1 image of this gallery" in shares.text


def test_strongest_channels_are_those_of_the_measurement_and_lead_to_their_place(gallery):
    page, effect = of(gallery, "frog"), fake_probe.effect(512)
    assert [one.layer.text for one in page.raising] == ["relu4", "relu0"], "the last layer first"
    first = page.raising[0].channels[0]
    assert int(first.text) == effect[6].argmax() and first.href == f"../layers/relu4.html#c{first.text}"
    assert float(first.note) == pytest.approx(effect[6].max(), abs=0.006)
    assert "mean over 16 images" in page.effect and "minus the mean over all classes" in page.effect


def test_what_was_not_measured_is_said_to_be_missing(fake_gallery, tmp_path):
    manifest = json.loads(json.dumps(fake_gallery[1]))
    for probe in manifest["probes"]:
        for layer in probe["layers"]:
            layer.pop("raising", None)
    bare = Gallery(manifest)
    assert of(bare, "frog").raising == [] and of(bare, "frog").effect == ""
    page = write.render(write.jinja([resource("templates")]), "pages/class.md", of(bare, "frog"))
    assert "Not measured in this gallery" in page


def test_weights_are_named_as_such(gallery):
    words = channel_table.effect_words(gallery.models["tiny"], 0)
    assert f"more than {GRADIENT_CLASSES} classes only such layers" in words


# --- the ways to it ---------------------------------------------------------------------------------------


def test_the_model_leads_to_its_classes_few_of_many(gallery, fake_gallery):
    links = model.model(gallery, "tiny").classes
    assert len(links) == 10 and links[6].href == "classes/frog.html"
    many = changed(fake_gallery[1], lambda manifest: thousand(manifest, images=300))
    assert len(model.model(many, "tiny").classes) == model.MOST_CLASSES


def test_images_can_be_narrowed_to_a_class_and_a_confidence(gallery):
    data = index_pages.image_data(gallery)
    cards = {title: [data["facets"][at] for at in facets] for _, title, _, _, _, facets, _ in data["images"]}
    assert {"show=wrong", "class=dog", "confidence=50 to 90 %"} <= set(cards["Cat"])
    assert "class=cat" not in cards["Cat"], "its label is not what is predicted"
    assert "show=outside the model's classes" in cards["Rocket"]


def test_a_class_may_be_called_anything(fake_gallery, tmp_path):
    hostile = "x<script>alert(1)</script>{{ 7*7 }}\"'>&|\n\n# h"
    manifest = json.loads(json.dumps(fake_gallery[1]).replace('"frog"', json.dumps(hostile)))
    manifest["images"][0]["id"] = "frog"
    for prediction in manifest["predictions"]:
        prediction["image"] = prediction["image"].replace(hostile, "frog")
    for figure in manifest["figures"]:
        figure["image"] = figure["image"].replace(hostile, "frog")
    found = Gallery(manifest)
    page = of(found, hostile)
    text = write.render(write.jinja([resource("templates")]), "pages/class.md", page)
    assert "<script" not in text and "x&lt;script&gt;" in text and re.search(r'href="[a-z0-9.~@-]+\.html"', text)


# --- in the data of a layer -------------------------------------------------------------------------------


def test_the_script_of_a_layer_names_the_classes_that_a_channel_raises(built_site, gallery):
    text, effect = (built_site / "gallery/tiny/layers/relu0.units.js").read_text(), fake_probe.effect(64)
    data = json.loads(re.fullmatch(r".*\[\"channel-table\"\]=(.*);\n", text)[1])
    assert "mean over 16 images" in data["effect"] and data["raised"][3] == [], "channel 3 raises none"
    best, gain = data["raised"][7][0]
    name = gallery.models["tiny"]["classes"][effect[:, 7].argmax()]
    assert (data["classes"][best], data["pages"][best]) == (name, f"../classes/{name}.html")
    assert gain == pytest.approx(effect[:, 7].max(), rel=0.01)
    assert "raised" not in (built_site / "gallery/tiny/layers/pool1.units.js").read_text()
