"""What a preview of a link shows: a card per report, network and method, drawn once, and the tags that name it."""

import io
import json
import shutil

import fake_site
import numpy as np
import pytest
import yaml
from page_reading import Parsed, poisoned, write
from PIL import Image

from generator.core.store import Store
from generator.drawing import social_card
from generator.drawing.social_card import PAPER, Postcard, Tile, draw
from generator.site import social_cards
from generator.site.check import check_site

REPORT, FIGURE = "gallery/tiny/frog/index", "gallery/tiny/frog/grad-cam--relu4--class-frog"


@pytest.fixture(scope="module")
def drawn(fake_gallery, tmp_path_factory):
    """The cards of the fake gallery: shares, files, and the store they are in."""
    folder, manifest = fake_gallery
    store = Store(tmp_path_factory.mktemp("store"))
    return *social_cards.draw_all(manifest, fake_site.stored(folder, store), store), store


def opened(data):
    """A picture from its bytes."""
    return Image.open(io.BytesIO(data))


# --- the cards ------------------------------------------------------------------------------------------


def test_every_report_network_and_method_has_a_card(fake_gallery, drawn):
    manifest, (shares, files, store) = fake_gallery[1], drawn
    networks = [card["slug"] for card in manifest["models"]]
    expected = {f"{one['model']}/{one['image']}/index" for one in manifest["predictions"]}
    expected |= {f"{slug}/index" for slug in networks} | {f"methods/{card['slug']}" for card in manifest["methods"]}
    assert {one["file"] for one in shares} == {file.path for file in files} == {f"{name}.png" for name in expected}
    assert {one["page"] for one in shares} == {f"{name}.html" for name in expected}
    for file in files:
        image = opened(store.read(file.digest))
        assert (image.size, image.mode) == ((1200, 630), "P")
        assert image.convert("RGB").getpixel((3, 3)) == tuple(bytes.fromhex(PAPER[1:])), "flat colours are exact"
    assert max(len(store.read(file.digest)) for file in files) < 120_000


def test_a_report_shows_the_photo_the_pixels_the_place_and_the_answer(fake_gallery, drawn):
    folder, (shares, files, store) = fake_gallery[0], drawn
    card = opened(store.read(next(file.digest for file in files if file.path == "tiny/frog/index.png")))
    pixels = np.asarray(card.convert("RGB")).astype(int)
    for place, name in enumerate(
        ("images/frog", "tiny/frog/vanilla-backprop--class-frog", FIGURE.removeprefix("gallery/"))
    ):
        left = 56 + place * 277
        own = Image.open(folder / f"{name}.png").convert("RGB").resize((256, 256), Image.Resampling.BOX)
        shown = pixels[270 : 270 + 256, left : left + 256]
        assert np.corrcoef(shown.ravel(), np.asarray(own).ravel())[0, 1] > 0.9, f"{name} stands in place {place}"
    bars = pixels[270 : 270 + 256, 56 + 3 * 277 :][:256, :256]
    green = (bars == tuple(bytes.fromhex(social_card.GREEN[1:]))).all(-1).sum(1)
    assert green.max() == round(0.871 * 235) + 1, "the label's bar is as long as it is probable"
    assert next(one["alt"] for one in shares if one["file"] == "tiny/frog/index.png") == (
        "Frog. A tiny network predicts frog (87.1 %). Figures: photo, Vanilla backprop, Grad-CAM, prediction."
    )


def test_equal_inputs_give_equal_bytes_and_nothing_is_drawn_twice(fake_gallery, drawn, tmp_path, monkeypatch):
    (folder, manifest), (shares, _, store) = fake_gallery, drawn
    other = Store(tmp_path)
    assert social_cards.draw_all(manifest, fake_site.stored(folder, other), other)[0] == shares
    calls = []
    monkeypatch.setattr(social_cards, "draw", lambda card: calls.append(card.title) or draw(card))
    assert social_cards.draw_all(manifest, fake_site.stored(folder, store), store)[0] == shares
    assert calls == []
    renamed = json.loads(json.dumps(manifest))
    renamed["images"][0]["title"] = "Toad"
    social_cards.draw_all(renamed, fake_site.stored(folder, store), store)
    assert set(calls) == {"Toad", "A tiny network", "A tiny network, half pruned"} | {
        card["title"]
        for card in manifest["methods"]
        if any(f["method"] == card["slug"] for f in manifest["figures"][1:])
    } - {"CAM", "Occlusion", "Filters", "Top images"}, "cards on which that picture stands, and no other"


def test_hostile_and_foreign_words_are_drawn_as_far_as_the_font_goes(fake_gallery, tmp_path):
    folder, manifest = fake_gallery
    store = Store(tmp_path)
    shares, _ = social_cards.draw_all(poisoned(manifest), fake_site.stored(folder, store), store)
    assert all(one["alt"].isprintable() for one in shares)
    foreign = json.loads(json.dumps(manifest))
    foreign["images"][0]["title"], foreign["models"][0]["title"] = "青蛙", "Łódź × 2"
    shares, _ = social_cards.draw_all(foreign, fake_site.stored(folder, store), store)
    assert next(one["alt"] for one in shares if one["page"] == "tiny/frog/index.html").startswith(
        "frog. Lodz x 2 predicts"
    )


def test_words_that_do_not_fit_are_shortened():
    long = draw(
        Postcard("b" * 500, "t" * 500, "word " * 200, "plain", (Tile("c" * 300, bars=(("n" * 99, 0.5, True),)),))
    )
    pixels = np.asarray(opened(long).convert("RGB"))
    assert (pixels[14:600, 1150:] == tuple(bytes.fromhex(PAPER[1:]))).all(), "the margin stays empty"


def test_a_gallery_without_pictures_has_cards_of_words(fake_gallery, tmp_path):
    manifest = fake_gallery[1] | {"figures": [], "predictions": []}
    shares, files = social_cards.draw_all(manifest, [], Store(tmp_path))
    assert {one["page"].split("/")[0] for one in shares} == {"tiny", "tiny~pruned-50", "methods"} and len(files) == len(
        shares
    )


# --- the tags ---------------------------------------------------------------------------------------------


def tags(site, page):
    """What previews read on a page."""
    parsed = Parsed((site / f"{page}.html").read_text())
    metas = [attributes for tag, attributes in parsed.elements if tag == "meta"]
    return {
        meta.get("property") or meta["name"]: meta["content"] for meta in metas if "property" in meta or "name" in meta
    }


@pytest.mark.parametrize(
    ("page", "card"),
    [
        (REPORT, REPORT),
        (FIGURE, REPORT),
        ("gallery/tiny/index", "gallery/tiny/index"),
        ("gallery/methods/grad-cam", "gallery/methods/grad-cam"),
        ("gallery/tiny/model/filters--conv0", "gallery/tiny/index"),
        ("index", "gallery/tiny/index"),
    ],
)
def test_a_page_names_its_card_by_its_whole_address(addressed_site, page, card):
    found = tags(addressed_site, page)
    assert found["og:image"] == f"{fake_site.ADDRESS}/{card}.png" and (addressed_site / f"{card}.png").is_file()
    assert found["og:url"] == f"{fake_site.ADDRESS}/{page}.html"
    assert (found["og:image:width"], found["twitter:card"]) == ("1200", "summary_large_image")
    assert found["og:title"] and found["og:description"] == found.get("description", "") and found["og:image:alt"]


def test_without_an_address_the_card_is_named_from_the_page(fake_gallery, drawn, tmp_path):
    written = write(fake_gallery[1] | {"shares": drawn[0]}, tmp_path)
    head = yaml.safe_load(written[f"{REPORT}.md"].split("---\n")[1])
    told = {name: content for _, name, content in head["share"]}
    assert told["og:image"] == "index.png" and "og:url" not in told
    assert 'property="og:image" content="index.png"' in written[f"{FIGURE}.html"]
    assert "oembed" not in written[f"{FIGURE}.html"] and not any(name.endswith(".oembed.json") for name in written)


def test_strangers_words_stay_words_in_tags_and_answers(fake_gallery, drawn, tmp_path):
    site = {"site": {"title": "T", "url": fake_site.ADDRESS, "description": ""}, "shares": drawn[0]}
    tame, wild = write(fake_gallery[1] | site, tmp_path / "a"), write(poisoned(fake_gallery[1]) | site, tmp_path / "b")
    for page in (f"{FIGURE}.html", f"{REPORT}.md"):
        assert "<script>alert" not in wild[page]
    head = yaml.safe_load(wild[f"{REPORT}.md"].split("---\n")[1])
    assert all("<" not in part and '"' not in part for tag in head["share"] for part in tag)
    before, after = (json.loads(one[f"{FIGURE}.oembed.json"]) for one in (tame, wild))
    assert before.keys() == after.keys() and "<script>alert(1)</script>" in after["title"]


# --- oEmbed ----------------------------------------------------------------------------------------------


def test_every_drawn_figure_answers_as_an_oembed_photo(addressed_site):
    manifest = json.loads((addressed_site / "gallery/manifest.json").read_text())
    for figure in manifest["figures"]:
        links = Parsed((addressed_site / "gallery" / f"{figure['id']}.html").read_text()).elements
        found = [attributes["href"] for tag, attributes in links if attributes.get("type") == "application/json+oembed"]
        if figure["status"] != "drawn":
            assert found == []
            continue
        assert found == [f"{fake_site.ADDRESS}/gallery/{figure['id']}.oembed.json"]
        answer = json.loads((addressed_site / "gallery" / f"{figure['id']}.oembed.json").read_text())
        assert (answer["version"], answer["type"]) == ("1.0", "photo")
        assert (answer["width"], answer["height"]) == (figure["width"], figure["height"])
        assert (addressed_site / answer["url"].removeprefix(fake_site.ADDRESS + "/")).is_file()
        if figure["image"] != "model":
            assert (answer["author_name"], answer["license"]) == ("Drawn for a test", "CC0-1.0")
            assert "Drawn for a test, CC0-1.0" in answer["title"]


# --- the checker -----------------------------------------------------------------------------------------


def test_nothing_is_wrong_with_a_site_that_knows_its_address(addressed_site):
    assert check_site(addressed_site) == []


@pytest.mark.parametrize(
    ("gone", "problem"),
    [
        (f"{REPORT}.png", f"{REPORT}.html: <meta> links to {REPORT}.png: file not found"),
        (f"{FIGURE}.oembed.json", f"{FIGURE}.html: <link alternate> links to {FIGURE}.oembed.json: file not found"),
    ],
)
def test_the_checker_misses_cards_and_answers(addressed_site, tmp_path, gone, problem):
    site = shutil.copytree(addressed_site, tmp_path / "site")
    (site / gone).unlink()
    assert problem in check_site(site)
    (site / "gallery/methods/more.png").write_bytes(b"")
    assert "gallery/methods/more.png is not listed in the manifest" in check_site(site)
