"""Pinned figures: an address that was given away once shows the same picture for ever, whatever the gallery does."""

import hashlib
import json
import shutil
from dataclasses import replace

import fake_site
import pytest
import tiny_gallery
import yaml

from generator.core.errors import ConfigError
from generator.core.store import Store
from generator.site import pins
from generator.site.check import check_site

FROG, CAT = "tiny/frog/grad-cam--relu4--class-frog", "tiny/cat/grad-cam--relu4--class-cat"


@pytest.fixture
def gallery(fake_gallery, tmp_path):
    """A manifest whose pictures are in a store, that store, and the folder for pins."""
    folder, manifest = fake_gallery
    store = Store(tmp_path / "store")
    fake_site.stored(folder, store)
    return json.loads(json.dumps(manifest)), store, tmp_path / pins.FOLDER


def figure(manifest, name):
    """The figure of that name."""
    return next(one for one in manifest["figures"] if one["id"] == name)


def change(manifest, store, name):
    """Have the figure show something else."""
    figure(manifest, name)["digest"] = store.keep(b"another picture")


def names(files):
    return [file.path for file in files]


def test_a_pinned_picture_is_kept_and_published_under_its_digest(gallery):
    manifest, store, folder = gallery
    kept, files, told = pins.pin(folder, [FROG], manifest, store)
    digest = figure(manifest, FROG)["digest"]
    assert kept == [{"figure": FROG, "file": f"pinned/{FROG}.{digest[:8]}.png", "digest": digest, "current": True}]
    assert names(files) == [f"pinned/{FROG}.{digest[:8]}.png"] and files[0].digest == digest
    assert "commit the folder pins/" in told[0]
    assert pins.pin(folder, [FROG], manifest, store) == (kept, files, []), "the second time there is nothing to tell"


def test_the_old_picture_stays_when_the_figure_changes(gallery):
    manifest, store, folder = gallery
    (old,), _, _ = pins.pin(folder, [FROG], manifest, store)
    change(manifest, store, FROG)
    kept, files, _ = pins.pin(folder, [FROG], manifest, store)
    assert {one["file"]: one["current"] for one in kept} == {
        old["file"]: False,
        f"pinned/{FROG}.{hashlib.sha256(b'another picture').hexdigest()[:8]}.png": True,
    }
    assert len(files) == 2


def test_it_stays_when_the_pattern_and_the_figure_go_and_the_store_is_empty(gallery, tmp_path):
    manifest, store, folder = gallery
    (old,), _, _ = pins.pin(folder, [FROG], manifest, store)
    manifest["figures"] = []
    fresh = Store(tmp_path / "fresh")
    kept, files, _ = pins.pin(folder, [], manifest, fresh)
    assert kept == [{**old, "current": False}]
    assert hashlib.sha256(fresh.read(files[0].digest)).hexdigest() == old["digest"]


def test_patterns_pin_many_and_say_when_they_match_nothing(gallery):
    manifest, store, folder = gallery
    kept, _, told = pins.pin(folder, ["tiny/*/grad-cam--relu4--class-*", "tiny/dog/*"], manifest, store)
    assert {FROG, CAT} < {one["figure"] for one in kept} and len(kept) == 6
    assert "pin: 'tiny/dog/*' matches no figure that is drawn" in told
    failed, _, told = pins.pin(folder.with_name("other"), ["tiny/frog/occlusion--class-frog"], manifest, store)
    assert failed == [] and len(told) == 1, "what failed has no picture to pin"


def test_a_kept_picture_that_was_changed_is_refused(gallery):
    manifest, store, folder = gallery
    pins.pin(folder, [FROG], manifest, store)
    (file,) = folder.rglob("*.png")
    file.write_bytes(b"retouched")
    with pytest.raises(ConfigError, match=r"pins/tiny/frog/.*: expected SHA-256 to begin with"):
        pins.pin(folder, [FROG], manifest, store)


def test_other_files_in_the_folder_are_left_alone_and_odd_names_refused(gallery):
    manifest, store, folder = gallery
    folder.mkdir()
    (folder / "README.md").write_text("why")
    assert pins.pin(folder, [], manifest, store) == ([], [], [])
    (folder / "holiday.0123abcd.png").write_bytes(b"")
    with pytest.raises(ConfigError, match="pins/holiday.0123abcd.png: expected <model>/<image>/<method>"):
        pins.pin(folder, [], manifest, store)


def test_the_checker_knows_pinned_pictures(addressed_site, tmp_path):
    site = shutil.copytree(addressed_site, tmp_path / "site")
    (file,) = (path for path in (site / "gallery/pinned").rglob("*.png"))
    file.write_bytes(b"another")
    assert any("recorded is" in line for line in check_site(site))
    file.unlink()
    assert any("file not found" in line and "pinned/" in line for line in check_site(site))


def test_a_build_pins_and_a_clone_without_a_store_still_publishes(tmp_path):
    options = tiny_gallery.lay(tmp_path / "mine", images=("one",), pin=["mine/one/saliency*"])
    options = replace(options, no_site=False)
    _, lines = tiny_gallery.run(options)
    (line,) = (line for line in lines if line.startswith("pinned:"))
    assert "pins/mine/one/saliency--class-" in line
    pinned = sorted(path.relative_to(tmp_path / "mine") for path in (tmp_path / "mine/pins").rglob("*.png"))
    published = {path: (options.out / "gallery/pinned" / path.relative_to("pins")).read_bytes() for path in pinned}
    assert pinned
    shutil.rmtree(options.work)
    tiny_gallery.write(options.config, {**yaml.safe_load(options.config.read_text()), "pin": []})
    tiny_gallery.draw(tmp_path / "mine/images/one.png", seed=9)
    tiny_gallery.run(options)
    for path, data in published.items():
        assert (options.out / "gallery/pinned" / path.relative_to("pins")).read_bytes() == data
