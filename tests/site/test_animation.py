"""Pictures that came about step by step: the still is shown, a button plays the film, and a link stands in for it."""

import io
import json
import re
import shutil
from pathlib import Path

import browsing
import fake_site
import numpy as np
import pytest
from page_reading import CANARY, Elements, poisoned, write
from PIL import Image
from playwright.sync_api import expect
from tiny_nets import CARDS

from generator.core.errors import ConfigError
from generator.drawing.encode import animation
from generator.drawing.styles import animate, draw
from generator.site.check import check_site
from generator.site.export import figure_as
from generator.site.pages.components import ANYHOW

REPORT, METHOD = "gallery/tiny/frog/index.html", "gallery/methods/saliency.html"
FIGURE = "gallery/tiny/frog/saliency--class-frog.html"
FILM = "tiny/frog/saliency--class-frog.animation.webp"


@pytest.fixture(scope="module")
def moving(fake_gallery, tmp_path_factory):
    """The fake gallery, its maps of saliency with an animation: the folder and the manifest."""
    folder = tmp_path_factory.mktemp("moving")
    shutil.copytree(fake_gallery[0], folder, dirs_exist_ok=True)
    manifest = json.loads(json.dumps(fake_gallery[1]))
    for figure in manifest["figures"]:
        if figure["method"] == "saliency" and figure["status"] == "drawn":
            still = np.asarray(Image.open(folder / figure["file"]).convert("RGB"))
            figure["animation"] = f"{figure['id']}.animation.webp"
            (folder / figure["animation"]).write_bytes(animation([still // 4, still // 2, still], exact=True))
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder, manifest


@pytest.fixture(scope="module")
def site(moving, tmp_path_factory):
    return fake_site.publish(*moving, tmp_path_factory.mktemp("site"))


# --- the file -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("style", "shape"), [("colour", (1, 3, 8, 10)), ("grey", (1, 8, 10)), ("signed", (1, 8, 10))])
def test_it_plays_three_times_and_ends_on_the_still_itself(style, shape):
    values = np.linspace(-1, 1, np.prod(shape), dtype=np.float32).reshape(shape)
    photo = np.zeros((8, 10, 3), np.uint8)
    _, data = animate(style, np.stack([values / 4, values / 2]), {"map": values}, {}, photo, 1.0)
    film = Image.open(io.BytesIO(data))
    assert (film.info["loop"], film.n_frames) == (3, 3)
    still = draw(style, {"map": values}, {}, photo, 1.0).files["file"][1]
    film.seek(2)
    film.load()
    assert film.info["duration"] >= 1000, "time to look at the result"
    assert np.array_equal(np.asarray(film.convert("RGB")), np.asarray(Image.open(io.BytesIO(still)).convert("RGB")))


def test_photographs_are_not_kept_to_the_last_bit():
    values = np.random.default_rng(0).normal(0, 1, (1, 3, 224, 224)).astype(np.float32)
    _, data = animate("colour", values[None] / 2, {"map": values}, {}, None, 2.0)
    assert len(data) < 2 * 224 * 224 * 3 / 2


# --- the pages ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [REPORT, METHOD, FIGURE])
def test_the_still_is_the_picture_and_the_film_is_offered_below_it(site, page):
    html = (site / page).read_text()
    assert not re.search(r"<img[^>]*animation", html), "nothing is fetched before it is asked for"
    films = re.findall(r'<a class="animation__link" href="([^"]*)">Play animation</a><span [^>]*>([^<]*)</span>', html)
    assert films and all(moves == ANYHOW for _, moves in films)
    for file, _ in films:
        assert (site / page).parent.joinpath(file).resolve().is_file()


def test_pages_without_a_film_have_no_button(site):
    still = (site / FIGURE.replace("saliency", "vanilla-backprop")).read_text()
    assert "motion" not in still and "animation" not in still


def test_what_moves_is_told_of_the_very_methods_that_have_a_film():
    filmed = {slug for slug, card in CARDS.items() if card.film}
    assert {slug for slug, card in CARDS.items() if "film" in card.reading} == filmed


def test_strangers_words_stay_words(moving, tmp_path):
    tame, wild = write(moving[1], tmp_path / "tame"), write(poisoned(moving[1]), tmp_path / "wild")
    for name, page in wild.items():
        assert "<script>alert" not in page and CANARY not in page, name
        assert Elements(page).scripts == Elements(tame[name]).scripts, name
        if "/classes/" in name:  # by their names, which are others now, no image has anything to do with these
            assert Elements(page).attributes <= Elements(tame[name]).attributes, name
        else:
            assert Elements(page).attributes == Elements(tame[name]).attributes, name


def test_the_check_looks_for_films_and_for_films_that_nobody_names(site, tmp_path):
    copy = tmp_path / "site"
    shutil.copytree(site, copy)
    assert check_site(copy) == []
    (copy / "gallery" / FILM).rename(copy / "gallery/tiny/frog/stray.animation.webp")
    problems = "\n".join(check_site(copy))
    assert f"{FILM} of tiny/frog/saliency--class-frog: file not found" in problems
    assert "stray.animation.webp" in problems and REPORT in problems and FIGURE in problems


@pytest.mark.parametrize("kind", ["html", "markdown"])
def test_what_is_taken_away_is_the_still(site, kind):
    taken = figure_as(site, "tiny/frog/saliency--class-frog", kind, url="https://example.org/g")
    assert "saliency--class-frog.png" in taken and "animation" not in taken


# --- in a browser ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def address(site):
    with browsing.served(site) as found:
        yield found


@pytest.fixture
def visit(chromium, address):
    """Opens a page, with the list of the films it has fetched; nothing may go wrong on any."""
    with browsing.pages(chromium) as go:

        def start(name, *size, **wishes):
            page, films = go("", *size, **{"reduced_motion": "no-preference", **wishes}), []
            page.on("request", lambda asked: ".animation." in asked.url and films.append(asked.url))
            page.goto(f"{address}/{name}", wait_until="networkidle")
            return page, films

        yield start


def source(image):
    return Path(image.evaluate("image => image.decode().then(() => image.currentSrc)")).name


# Where a picture is on its page, which the browser may have scrolled for a click, and its size.
PLACE = """image => {
    const box = image.getBoundingClientRect();
    return [box.x + scrollX, box.y + scrollY, box.width, box.height].map(Math.round);
}"""
SHOWN = f"{REPORT}#method=saliency"
STILL, MOVING = "saliency--class-frog.png", "saliency--class-frog.animation.webp"


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
@pytest.mark.parametrize("page", [SHOWN, METHOD, FIGURE])
def test_a_click_plays_and_another_stops(visit, page, motion):
    page, films = visit(page, reduced_motion=motion)
    button = page.get_by_role("button", name="Play Saliency for frog").first
    image = page.locator(f":is(a.picture, .stage__canvas) img[src$='{STILL}']").first.element_handle()
    button.scroll_into_view_if_needed()
    page.wait_for_load_state("networkidle")
    assert films == [] and source(image) == STILL
    box = browsing.steady_box(button)
    assert box["width"] >= 24 and box["height"] >= 24
    place = image.evaluate(PLACE)
    with page.expect_request(lambda request: ".animation." in request.url):
        button.click()
    assert source(image) == MOVING and len(films) == 1
    assert image.evaluate(PLACE) == place, "nothing jumps"
    page.get_by_role("button", name="Show the still image of Saliency for frog").first.click()
    assert source(image) == STILL
    expect(page.get_by_role("button", name="Show the still image")).to_have_count(0)


def test_the_keyboard_reaches_it_right_after_the_picture(visit):
    page, _ = visit(SHOWN)
    page.locator(f"#maps a:has(img[src$='{STILL}'])").focus()
    image = page.locator(f"#maps a img[src$='{STILL}']").element_handle()
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    assert source(image) == MOVING
    page.keyboard.press("Enter")
    assert source(image) == STILL


def test_large_it_plays_too_and_the_arrows_go_on(visit):
    page, films = visit(SHOWN)
    page.locator(f"#maps a:has(img[src$='{STILL}'])").click()
    large = page.locator("dialog img").element_handle()
    assert films == [] and source(large) == STILL
    assert f"In motion: {ANYHOW}." in page.locator(".lightbox__words").inner_text()
    play = page.locator("dialog").get_by_role("button", name="Play Saliency for frog")
    play.focus()
    page.keyboard.press("Enter")
    assert source(large) == MOVING
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    assert ".animation." not in source(large), "another picture begins with its still"
    assert page.locator("dialog .animation__button").is_hidden()
    for _ in range(2):
        page.keyboard.press("ArrowLeft")
    assert source(large) == STILL and play.is_visible()


def test_in_a_frame_the_button_lies_on_the_picture(visit, address):
    page, films = visit("404.html")
    page.set_content(
        f'<iframe src="{address}/{FIGURE}" sandbox="allow-scripts" width="448" height="490" title="f"></iframe>'
    )
    frame = page.frame_locator("iframe")
    image = frame.locator(".stage__canvas img").element_handle()
    button = frame.get_by_role("button", name="Play Saliency for frog")
    inside, around = button.bounding_box(), image.bounding_box()
    assert around["x"] <= inside["x"] and inside["x"] + inside["width"] <= around["x"] + around["width"]
    assert around["y"] <= inside["y"] and inside["y"] + inside["height"] <= around["y"] + around["height"]
    assert films == []
    button.click()
    assert source(image) == MOVING


@pytest.mark.parametrize("page", [SHOWN, FIGURE])
def test_without_scripts_a_link_leads_to_the_film(visit, page):
    page, films = visit(page, java_script_enabled=False)
    assert page.locator(".animation button").count() == 0 and films == []
    for closed in page.locator("#map-saliency > summary").all():
        closed.click()
    assert page.get_by_role("link", name="Play animation").first.get_attribute("href").endswith(".animation.webp")


@pytest.mark.parametrize("name", [SHOWN, METHOD, FIGURE])
def test_it_is_accessible_and_fits_a_phone(visit, name):
    for wishes in ({}, {"width": 390, "height": 844, "color_scheme": "dark"}):
        page, _ = visit(name, **wishes)
        assert page.evaluate("document.documentElement.scrollWidth") <= wishes.get("width", 1280)
        assert browsing.violations(page, within=".animation") == []


def test_a_film_can_be_taken_away_as_a_gif(site):
    gif = Image.open(io.BytesIO(figure_as(site, "tiny/frog/saliency--class-frog", "gif")))
    with Image.open(site / "gallery" / FILM) as film:
        assert (gif.format, gif.n_frames, gif.size) == ("GIF", film.n_frames, film.size)
    with pytest.raises(ConfigError, match="has no animation"):
        figure_as(site, "tiny/frog/vanilla-backprop--class-frog", "gif")
