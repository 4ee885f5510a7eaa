"""The front page shows what the gallery has: chosen from the manifest, and less of it where there is less."""

import copy

import pytest
from page_reading import TEMPLATES, Parsed

from generator.site.pages import faithfulness, front_stage, home, write
from generator.site.pages.manifest_index import Gallery


@pytest.fixture
def manifest(fake_gallery):
    """A copy that a test may change."""
    return copy.deepcopy(fake_gallery[1])


def page(manifest):
    return home.home(Gallery(manifest))


def html(manifest):
    """The front page as its template writes it."""
    return Parsed(write.render(write.jinja([TEMPLATES]), "pages/home.md", page(manifest)))


def with_roles(manifest, **roles):
    """Give methods (slugs, with underscores) other roles."""
    for card in manifest["methods"]:
        card["roles"] = roles.get(card["slug"].replace("-", "_"), card["roles"])


def test_the_tabs_are_the_maps_of_one_report(manifest):
    stage = page(manifest).stage
    assert [tab.key for tab in stage.tabs] == ["grad-cam", "saliency", "vanilla-backprop"], "no method with role path"
    assert stage.names == ("frog", "bird") and stage.opened == "grad-cam"
    for tab in stage.tabs:
        assert [shown.target for shown in tab.maps] == ["label", "rival"]
        assert [shown.figure.target for shown in tab.maps] == ["frog", "bird"]
        assert all(shown.figure.href.startswith("gallery/tiny/frog/") for shown in tab.maps)


def test_a_method_stands_in_only_for_what_is_missing(manifest):
    with_roles(manifest, vanilla_backprop=["path"], signed_gradient=["guided"])
    assert [tab.key for tab in page(manifest).stage.tabs] == ["grad-cam", "saliency", "vanilla-backprop"]
    with_roles(manifest, saliency=["relevance"], vanilla_backprop=["direction"])
    assert [tab.key for tab in page(manifest).stage.tabs][:2] == ["grad-cam", "saliency"]


def test_the_image_is_that_of_the_manifest_and_no_other(manifest):
    manifest["images"] = [image for image in manifest["images"] if image["id"] == "rocket"]
    manifest["figures"] = [figure for figure in manifest["figures"] if figure["image"] in ("rocket", "model")]
    manifest["predictions"] = [entry for entry in manifest["predictions"] if entry["image"] == "rocket"]
    found = page(manifest)
    assert found.showcase.report.href == "gallery/tiny/rocket/index.html"
    assert found.stage.photo.href == "gallery/images/rocket.html" and found.stage.tabs


def test_of_equal_reports_the_one_with_most_maps_comes_first(manifest):
    for entry in manifest["predictions"]:
        entry["correct"] = True
    manifest["figures"] = [f for f in manifest["figures"] if (f["image"], f["method"]) != ("frog", "saliency")]
    assert home.most_telling(Gallery(manifest)) == ("tiny", "cat")


@pytest.mark.parametrize(
    ("left_out", "opened", "tabs", "stops"),
    [
        ({"grad-cam", "saliency", "vanilla-backprop"}, "layer-1", 0, 5),
        ({"activations"}, "grad-cam", 3, 0),
        ({"grad-cam", "saliency", "vanilla-backprop", "activations"}, "photo", 0, 0),
    ],
    ids=["no maps", "no activations", "neither"],
)
def test_a_gallery_without_these_methods_shows_the_rest(manifest, left_out, opened, tabs, stops):
    manifest["figures"] = [figure for figure in manifest["figures"] if figure["method"] not in left_out]
    stage = page(manifest).stage
    assert (stage.opened, len(stage.tabs), len(stage.stops)) == (opened, tabs, stops)
    parsed = html(manifest)
    views = [attributes for tag, attributes in parsed.elements if tag == "details" and "data-view" in attributes]
    assert [attributes["data-view"] for attributes in views if "open" in attributes] == [opened]
    anchors = {attributes["href"] for tag, attributes in parsed.elements if attributes.get("href", "").startswith("#")}
    assert anchors - {"#front"} <= {f"#{attributes['id']}" for attributes in views} and len(views) == 1 + tabs + stops
    radios = [attributes for tag, attributes in parsed.elements if tag == "input" and attributes.get("type") == "radio"]
    assert len(radios) == (2 if tabs else 0), "nothing is to be switched where no map is"


def test_a_method_with_one_map_has_it_for_both_classes(manifest):
    manifest["figures"] = [f for f in manifest["figures"] if (f["target"] or {}).get("role") != "rival"]
    stage = page(manifest).stage
    assert stage.names == ("", "") and all(len(tab.maps) == 1 and tab.maps[0].target == "" for tab in stage.tabs)


def test_without_reports_there_is_the_headline_and_the_command(manifest):
    manifest |= {"figures": [], "predictions": [], "comparisons": [], "probes": []}
    found = page(manifest)
    assert found.stage is None and found.showcase is None and found.proofs == []
    written = html(manifest)
    assert "when it says what it says" in " ".join(written.words.split())
    assert "innerview look photo.jpg" in written.words


def test_a_layer_is_shown_by_whole_squares_of_whole_pixels(manifest):
    stops = page(manifest).stage.stops
    assert [stop.title for stop in stops] == ["conv 64", "pool 1", "conv 256", "pool 2", "conv 512"]
    for stop in stops:
        corner, figure = stop.corner, stop.corner.figure
        assert max(corner.size) * corner.times <= 480 and max(corner.size) * corner.narrow <= 340
        assert corner.size[0] <= figure.width and corner.size[1] <= figure.height
    first = stops[0].corner  # 32 x 32 in rows of 16 with gaps of 1, four rows
    assert (first.size, first.times, first.narrow) == ((131, 131), 3, 2)
    assert stops[0].facts == "64 × 32 × 32, receptive field: 3 × 3 px"


def test_the_scrubber_has_a_dozen_stops_at_most(manifest, monkeypatch):
    monkeypatch.setattr(front_stage, "LAYERS", 3)
    assert [stop.number for stop in page(manifest).stage.stops] == [1, 3, 5]


def test_each_proof_leads_to_where_it_can_be_checked(manifest):
    cited, measured, compared = page(manifest).proofs
    assert cited.title.href == "gallery/tiny/frog/grad-cam--relu4--class-frog.html"
    assert (measured.title.text, measured.title.href) == ("Methods are measured", "gallery/tiny/index.html#belief")
    assert (compared.title.text, compared.title.href) == (
        "Any two figures can be compared",
        "gallery/compare/figures.html",
    )


def test_a_gallery_claims_no_more_than_it_shows(manifest, monkeypatch):
    monkeypatch.setattr(faithfulness, "is_ranked", lambda gallery, model: False)
    measured = page(manifest).proofs[1].title
    assert (measured.text, measured.href) == ("Methods are measured", "gallery/tiny/frog/index.html#evidence")
    for figure in manifest["figures"]:
        figure["evidence"] = {}
    stated = page(manifest).proofs[1].title
    assert (stated.text, stated.href) == ("Methods state their limits", "gallery/methods/index.html")
    manifest["changes"] = {"counts": {"changed": 1, "new": 0, "gone": 0}}
    changed = page(manifest).proofs[2].title
    assert (changed.text, changed.href) == ("Pull requests show what changed", "gallery/changes/index.html")
