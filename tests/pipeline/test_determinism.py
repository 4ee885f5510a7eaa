"""The same inputs give the same bytes, in whatever order they came: clean, by and by, listed the other way round."""

import json
from dataclasses import replace

import pytest
import tiny_gallery
import yaml

METHODS = ["saliency", "grad-cam", "activations", "smoothgrad"]
# Two builds in different folders, by this process and by two workers, are compared in test_build.py.


def build(folder, images, **settings):
    """A gallery of these pictures with its site; its options."""
    options = replace(tiny_gallery.lay(folder, images, methods=METHODS, **settings), no_site=False)
    report, _ = tiny_gallery.run(options)
    assert report.failures == {}
    return options


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    """Two pictures, built at once."""
    return build(tmp_path_factory.mktemp("clean"), ["one", "other"])


def test_an_image_added_later_gives_the_site_of_a_clean_build(clean, tmp_path):
    build(tmp_path, ["other"])
    options = build(tmp_path, ["one", "other"])
    assert tree(options.out) == tree(clean.out)


def test_a_selection_in_between_leaves_no_trace(clean, tmp_path):
    options = tiny_gallery.lay(tmp_path, ["one", "other"], methods=METHODS)
    tiny_gallery.run(options, images=("other",), methods=("saliency",))
    tiny_gallery.run(options, memory=2**26, preset="full", images=("one",), methods=("grad-cam",))
    options = build(tmp_path, ["one", "other"])
    assert tree(options.out) == tree(clean.out)


def test_the_order_of_images_changes_pages_and_no_picture(clean, tmp_path):
    options = build(tmp_path, ["other", "one"])
    one, other = tree(clean.out), tree(options.out)
    assert one.keys() == other.keys()
    different = {name for name in one if one[name] != other[name]}
    assert "gallery/manifest.json" in different
    shared = {name for name in different if not name.endswith((".html", ".json", ".js", ".xml", ".gz"))}
    assert not [name for name in shared if not name.startswith(("gallery/methods/", "gallery/mine/index."))], shared
    listed = [json.loads(site["gallery/manifest.json"])["figures"] for site in (one, other)]
    assert sorted(listed[0], key=lambda figure: figure["id"]) == sorted(listed[1], key=lambda figure: figure["id"])


def test_no_time_and_no_path_is_in_what_is_published(clean):
    for name, content in tree(clean.out).items():
        assert str(clean.root).encode() not in content and b"/tmp/" not in content, name
    manifest = json.loads((clean.out / "gallery/manifest.json").read_text())
    keys = {key for part in ("figures", "images", "models") for entry in manifest[part] for key in entry}
    assert not keys & {"path", "time", "date", "created", "seconds", "passes_seconds", "reused"}
    settings = yaml.safe_load(clean.config.read_text())
    assert "date" not in json.dumps(settings)


def tree(folder):
    """All files below a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
