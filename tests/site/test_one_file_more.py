"""A style and methods of another package, a file each: planned, drawn, shown, compared, diffed and embedded."""

import io
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tiny_gallery
import visiting_styles
from PIL import Image
from visiting_styles import SLUGS

from generator.drawing.palettes import HEAT
from generator.drawing.style_registry import STYLES
from generator.site.diff import report
from generator.site.diff.compute import diff, pictures
from generator.site.diff.snapshot import Side
from generator.site.export import figure_as
from generator.site.pages import channel_table, components, home, overview_table
from generator.site.pages.manifest_index import Gallery
from generator.site.pages.urls import pair_image_page

OURS = ["input", "activations", "saliency", "vanilla-backprop-classic"]
MODELS = ["heron-net", "heron-net~pruned-50"]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Two sites of the same networks, the second with another exponent in the network's code; their folders."""
    root = tmp_path_factory.mktemp("more")
    package = visiting_styles.install(root / "installed")
    tiny_gallery.lay(root / "mine", images=("one",))
    settings = {"models": MODELS, "methods": [*OURS, *SLUGS.values()], "preset": "full", "measures": []}
    tiny_gallery.write(root / "mine" / "gallery.yml", settings)
    path = os.pathsep.join([str(root / "installed"), *filter(None, sys.path)])
    environment = {**os.environ, "PYTHONPATH": path}

    def innerview(*arguments):
        command = [sys.executable, "-m", "generator", *arguments]
        done = subprocess.run(
            command, cwd=root / "mine", env=environment, capture_output=True, text=True, timeout=500, check=False
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    planned = innerview("plan")
    innerview("build", "--workers", "2", "--device", "cpu")
    shutil.copytree(root / "mine" / "site", root / "old")
    blocks = package / "blocks.py"
    blocks.write_text(blocks.read_text().replace("F.relu(x + ", "F.relu(2 * x + "))
    innerview("build", "--workers", "2", "--device", "cpu")
    return planned, root / "old", root / "mine" / "site"


@pytest.fixture(scope="module")
def manifest(built):
    return json.loads((built[1] / "gallery" / "manifest.json").read_text())


def drawn(manifest, method):
    return [figure for figure in manifest["figures"] if figure["method"] == method and figure["status"] == "drawn"]


def loud(manifest):
    return drawn(manifest, SLUGS["map"])[0]


# --- methods ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", SLUGS)
def test_a_method_of_each_kind_is_one_file(built, manifest, kind):
    planned, site, _ = built
    slug = SLUGS[kind]
    rows = [line.split()[:3] for line in planned.splitlines() if line.startswith("heron-net")]
    in_all = {model: sum(figure["model"] == model for figure in manifest["figures"]) for model in MODELS}
    assert {row[0]: int(row[2]) for row in rows} == in_all, "the plan counts them"
    figures = drawn(manifest, slug)
    assert figures and all((site / "gallery" / figure["file"]).is_file() for figure in figures)
    assert slug in {card["slug"] for card in manifest["methods"]}
    assert (site / "gallery" / "methods" / f"{slug}.html").is_file()
    assert all((site / "gallery" / figure["page"]).is_file() for figure in figures)
    layers = {figure["layer"] for figure in figures if figure["model"] == "heron-net"}
    assert len(layers) > 1 if kind in ("sprite", "layers", "units") else len(layers) == 1


def test_what_a_method_says_of_itself_is_on_its_pages(built, manifest):
    gallery, (film, *_) = Gallery(manifest), drawn(manifest, SLUGS["film"])
    view = components.figure_view(gallery, film, "index.html")
    assert film["animation"] and view.moves == "how the pull rises"
    assert "how the pull rises" in (built[1] / "gallery" / film["page"]).read_text()
    assert home.home(gallery).showcase.figures["region"].title == "Loud places"
    table = overview_table.of_model(gallery, "heron-net", "index.html")
    assert "Loud places" in [column.text for column in table.columns]
    counts = {card["slug"]: card["counts"] for card in manifest["methods"]}
    assert (counts[SLUGS["map"]], counts[SLUGS["film"]], counts[SLUGS["units"]]) == ("value", "value", "")


def test_tiles_of_units_stand_beside_their_channels(manifest):
    gallery, (figure, *_) = Gallery(manifest), drawn(manifest, SLUGS["units"])
    tiles = channel_table._pictured(gallery, figure["model"], figure["layer"], "index.html")
    assert [one["kind"] for one in tiles] == [SLUGS["units"]] and tiles[0]["channels"] == figure["numbers"]["channels"]


def test_methods_stand_in_their_order_and_those_without_one_behind(manifest):
    listed = [card["slug"] for card in manifest["methods"]]
    assert listed[:4] == ["input", "activations", "vanilla-backprop-classic", "saliency"]
    assert set(listed[4:]) == set(SLUGS.values())


# --- the style --------------------------------------------------------------------------------------


def test_this_process_does_not_know_the_style():
    assert "bands" not in STYLES


def test_a_style_is_drawn_and_described(built, manifest):
    (described,) = [style for style in manifest["styles"] if style["name"] == "bands"]
    assert (described["ramp"], described["pairs"], described["shares_scale"]) == ("heat", True, True)
    assert len(described["key"]) == 64
    with Image.open(built[1] / "gallery" / loud(manifest)["file"]) as image:
        assert image.mode == "P" and len(np.unique(np.asarray(image))) <= 9
        assert np.array_equal(np.array(image.getpalette(), np.uint8).reshape(-1, 3)[:256], HEAT)
    view = components.figure_view(Gallery(manifest), loud(manifest), "index.html")
    assert (view.look, view.scale.ramp, view.zero_white) == ("map", "heat", False)
    entries = (built[1] / "gallery/heron-net/one/figures.js").read_text()
    written = json.loads(entries[entries.index("]=") + 2 :].rstrip(" ;\n"))
    (entry,) = [one for one in written if one["id"] == loud(manifest)["id"]]
    assert (entry["kind"], entry["ramp"], entry["smooth"]) == ("linear", "heat", False)


def test_a_style_is_compared_between_two_networks(built, manifest):
    pair, *_ = [entry for entry in manifest["comparisons"] if entry["method"] == SLUGS["map"]]
    assert pair["models"] == MODELS and set(pair["files"]) == {"left", "right", "difference"}
    assert all((built[1] / "gallery" / file).is_file() for file in pair["files"].values())
    page = (built[1] / pair_image_page(*MODELS, "one")).read_text()
    assert "scale__ramp--heat" in page and "Loud places" in page


@pytest.mark.parametrize(("stores", "source"), [(True, "stored"), (False, "decoded")])
def test_a_style_is_set_against_another_gallery(built, tmp_path, stores, source):
    _, before, after = built
    store = [after.parent / ".innerview" / "store"] if stores else []
    if not stores:  # a site alone, as it was downloaded
        shutil.copytree(after, tmp_path / "site")
        after = tmp_path / "site"
    old, new = Side(before, store), Side(after, store)
    changes = diff(old, new)
    entry = next(one for one in changes["figures"] if one["method"] == SLUGS["map"])
    assert entry["kind"] == "changed" and entry["values"] == source and -1 <= entry["numbers"]["correlation"] < 1
    files = pictures(old, new, changes)
    with Image.open(io.BytesIO(files[entry["files"]["difference"]])) as image:
        assert image.mode == "P", "drawn from the values: white is zero"


def test_a_gallery_of_an_older_version_is_set_against_a_new_one(built, tmp_path):
    """Its manifest describes no styles: those of the program mean the same, and of others the pictures are left."""
    shutil.copytree(built[1], tmp_path / "older")
    file = tmp_path / "older" / "gallery" / "manifest.json"
    older = json.loads(file.read_text())
    del older["styles"]
    for card in older["methods"]:
        for name in ("order", "film", "counts", "roles"):
            del card[name]
    file.write_text(json.dumps(older))
    shutil.copytree(built[2], tmp_path / "new")  # away from its store
    changes = diff(Side(tmp_path / "older"), Side(tmp_path / "new"))
    entries = {one["method"]: one for one in changes["figures"] if one["status"] == ["drawn", "drawn"]}
    assert "correlation" in entries["saliency"]["numbers"] and entries["saliency"]["values"] == "decoded"
    assert set(entries[SLUGS["map"]]["numbers"]) == {"ssim"}
    view = components.figure_view(Gallery(older), drawn(older, "saliency")[0], "index.html")
    assert (view.look, view.scale.ramp) == ("map", "grey")
    assert Gallery(older).with_role("activations") == "activations" and Gallery(older).layers_of("heron-net")


def test_of_methods_that_are_gone_the_styles_are_known(built, manifest, tmp_path):
    """They stand in the older manifest alone."""
    shutil.copytree(built[2], tmp_path / "new")
    file = tmp_path / "new" / "gallery" / "manifest.json"
    newer = json.loads(file.read_text())
    for part, name in (("figures", "method"), ("comparisons", "method"), ("methods", "slug")):
        newer[part] = [one for one in newer[part] if one[name] != SLUGS["map"]]
    newer["styles"] = [style for style in newer["styles"] if style["name"] != "bands"]
    assert report._with_old(newer, manifest)["styles"] == manifest["styles"]
    file.write_text(json.dumps(newer))
    answer = report.set_against(built[1], tmp_path / "new", html=tmp_path / "folder")
    assert answer.told["counts"]["gone"] == len([one for one in manifest["figures"] if one["method"] == SLUGS["map"]])
    assert "Loud places" in (tmp_path / "folder" / "index.html").read_text()


def test_a_style_is_embedded(built, manifest):
    name = loud(manifest)["id"]
    with Image.open(io.BytesIO(figure_as(built[1], name, "png", title=True, bar=True))) as image:
        bar = np.asarray(image.convert("RGB")).astype(int)[-46, 17:-17]  # under the picture, from its left to its right
        assert max(image.size) >= 640
        assert np.abs(bar[[0, -1]] - HEAT[[0, -1]]).max() < 4
    html = figure_as(built[1], name, "html", url="https://me.org/")
    assert f"https://me.org/gallery/{loud(manifest)['file']}" in html and "pixelated" in html
