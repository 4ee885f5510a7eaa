"""Layer pages, the scrubbed walk, the second matrix and the lecture in a browser, by keyboard, mouse and address."""

import base64
import gzip
import io
import re

import browsing
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from generator.core.resources import resource
from generator.drawing.palettes import GREENS, SIGNED
from generator.site.pages import layer, write
from generator.site.pages.manifest_index import Gallery
from generator.site.pages.svg_rescale import rescale, shrink

LAYER, REPORT, MODEL = "gallery/tiny/layers/relu0.html", "gallery/tiny/frog/index.html", "gallery/tiny/index.html"
VECTOR, CLASSES = "gallery/tiny/layers/mean.html", "gallery/tiny/layers/probabilities.html"
PICTURE = r'<a class="picture [^>]*><img [^>]*></a>'
PAGES = [LAYER, "gallery/tiny/layers/conv0.html", VECTOR, CLASSES, "lecture.html"]


# --- every kind of page -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_accessible_and_fits_a_phone(visit, name):
    assert browsing.violations(visit(name)) == []
    phone = visit(name, 390, 844, color_scheme="dark")
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    assert browsing.violations(phone, only=["color-contrast", "link-in-text-block"]) == []


def test_without_javascript_there_are_the_sprites_the_walk_and_both_tables(visit):
    page = visit(LAYER, java_script_enabled=False)
    assert page.locator(".layer__image img[src*='activations--relu0']").count() == 3
    assert page.locator(".channels").count() == 0
    page = visit(REPORT, java_script_enabled=False)
    assert page.get_by_role("slider").count() == 0 and page.locator("#walk > details:visible").count() == 8
    page = visit(MODEL, java_script_enabled=False)
    assert page.locator("[data-table]:visible .matrix").count() == 2


# --- one channel in every image -----------------------------------------------------------------------------


def cuts(page):
    """Where each image's piece of its sprite begins, in screen pixels, and the title below it."""
    return page.locator(".channels__row li:not(.channels__kernel)").evaluate_all(
        "all => all.map(li => [getComputedStyle(li.querySelector('.channels__cut')).backgroundPosition,"
        " li.querySelector('b').textContent])"
    )


def test_arrow_keys_show_a_channel_of_every_image_and_the_address_keeps_it(visit):
    page = visit(LAYER)
    slider = page.get_by_role("slider")
    slider.focus()
    for key, channel in (("ArrowRight", 1), ("ArrowDown", 17), ("ArrowUp", 1), ("End", 63), ("Home", 0)):
        page.keyboard.press(key)
        assert slider.input_value() == str(channel), key
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    assert (
        browsing.where(page).endswith("#c17") and page.locator(".channels__name").inner_text() == "Channel 17 (0 to 63)"
    )
    side = 104 / 32 * 33  # from one square to the next, at the size shown
    assert cuts(page) == [[f"{-side:g}px {-side:g}px", title] for title in ("Frog", "Cat", "Rocket")]
    assert page.locator(".channels__numbers").all_inner_texts() == ["largest 1.27\nmean 0.25\nzeros 50\xa0%"] * 3
    assert slider.get_attribute("aria-valuetext") == "Channel 17 (0 to 63), strongest in Frog with 1.27"


def test_a_value_of_the_classifier_is_called_after_its_class(visit):
    page = visit("gallery/tiny/layers/classifier.html#c6")
    assert page.locator(".channels__name").inner_text() == "Value 6 (0 to 9), frog"
    assert page.locator(".channels__numbers").first.inner_text() == "1.6"


def test_pointing_shows_a_channel_and_a_click_pins_it(visit):
    page = visit(LAYER)
    page.locator("[data-image='cat']").scroll_into_view_if_needed()
    image = page.locator("[data-image='cat'] .layer__sprite.is-near img")
    image.wait_for()
    box = browsing.steady_box(image)
    step = box["width"] / 16
    page.mouse.move(box["x"] + 2.5 * step, box["y"] + 1.5 * step)
    assert page.locator(".channels__name").inner_text() == "Channel 18 (0 to 63)"
    assert "#" not in browsing.where(page)
    page.mouse.move(5, 5)
    assert page.locator(".channels__name").inner_text() == "Channel 0 (0 to 63)"
    page.mouse.click(box["x"] + 3.5 * step, box["y"] + 0.5 * step)
    assert browsing.where(page).endswith(f"{LAYER}#c3"), "a click pins and does not leave the page"
    page.get_by_role("link", name="Activations").first.press("Enter")
    page.wait_for_url("**/activations--relu0.html")


def test_an_address_brings_back_channel_order_and_scale(visit):
    page = visit(f"{LAYER}#c9&strongest&own")
    assert page.locator(".channels__name").inner_text() == "Channel 9 (0 to 63)"
    assert page.get_by_label("Strongest first").is_checked() and page.get_by_label("Separate scales").is_checked()
    page.get_by_label("Separate scales").uncheck()
    assert browsing.where(page).endswith("#c9&strongest")
    browsing.go_to_fragment(page, "#c11")
    assert page.locator(".channels__name").inner_text() == "Channel 11 (0 to 63)"
    assert not page.get_by_label("Strongest first").is_checked()


def test_the_strongest_image_comes_first_when_asked(visit):
    page = visit(LAYER)
    page.evaluate("""() => window.innerview.data.layer.rocket.max[0] = 9""")
    page.get_by_label("Strongest first").check()
    assert [title for _, title in cuts(page)] == ["Rocket", "Frog", "Cat"]


def test_loud_channels_are_offered(visit):
    page = visit(LAYER)
    page.locator(".channels__status").get_by_role("button", name="channel 63").click()
    assert browsing.where(page).endswith("#c63")


# --- one scale: the browser does what the tables say -----------------------------------------------------------


@pytest.mark.parametrize("signed", [False, True])
def test_a_filter_turns_each_colour_into_that_of_the_weaker_value(chromium, fake_gallery, signed):
    share, codes = 0.4, np.arange(1, 255)
    palette, zero = (SIGNED, 128) if signed else (GREENS, 0)
    target = palette[np.round(zero + (codes - zero) * share).astype(int)].astype(int)
    page = chromium.new_page()
    page.set_content(
        f'<body style="margin:0;background:#fff">{svg(fake_gallery[1], signed, share)}<img style="display:block;'
        f"filter:url(#values-{'signed' if signed else 'greens'}) url(#scale-0) url(#colours)"
        f'" src="{strip(palette[codes])}"></body>'
    )
    page.locator("img").evaluate("image => image.decode()")
    shot = np.asarray(Image.open(io.BytesIO(page.locator("img").screenshot())).convert("RGB")).astype(int)
    page.close()
    assert np.abs(shot[1, :] - target).max() <= 10, "of 255 levels"


@pytest.mark.parametrize("scheme, line", [("light", (220, 218, 208)), ("dark", (39, 49, 43))])
def test_lines_between_tiles_of_a_sprite_on_the_scale_of_the_page_are_no_values(visit, scheme, line):
    page = visit(LAYER, color_scheme=scheme)
    page.locator("[data-image='cat']").scroll_into_view_if_needed()
    image = page.locator("[data-image='cat'].rescaled .layer__sprite.is-near img")
    image.wait_for()
    image.evaluate("image => image.decode()")
    shot = np.asarray(Image.open(io.BytesIO(image.screenshot())).convert("RGB")).astype(int)
    scale = shot.shape[1] / (16 * 33 - 1)
    between = shot[round(16 * scale), round((6 * 33 - 1) * scale) : round(6 * 33 * scale) + 1]
    assert np.abs(between - line).max(1).min() <= 8, "filters leave what lies between the tiles"


def strip(colours):
    """Colours (n, 3) as a picture three pixels high, as an address."""
    file = io.BytesIO()
    Image.fromarray(np.stack([colours] * 3)).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def svg(manifest, signed, share):
    """The filters as the layer page writes them."""
    context = layer.layer(Gallery(manifest), "tiny", "relu0")
    filters = rescale(signed, [shrink("scale-0", share, signed, signed)], {signed})
    known = {name: getattr(context, name) for name in context.__dataclass_fields__} | {"rescale": filters}
    page = write.jinja([resource("templates")]).get_template("pages/layer.md").render(known)
    return page[page.index("<svg") : page.index("</svg>") + 6]


# --- the walk, scrubbed ---------------------------------------------------------------------------------------


def test_the_walk_is_scrubbed_by_arrow_keys_from_the_input_to_the_classes(visit):
    page = visit(REPORT)
    slider = page.get_by_role("slider", name="Stage, from")
    slider.focus()
    page.keyboard.press("Home")
    seen = [title(page)]
    for _ in range(7):
        page.keyboard.press("ArrowRight")
        seen.append(title(page))
    stages = ["conv 64", "pool 1", "conv 256", "pool 2", "conv 512", "vector of 512", "10 classes"]
    assert seen == ["The input", *(f"{number}. {stage}" for number, stage in enumerate(stages, start=1))]
    assert browsing.where(page).endswith("#at=7") and page.locator("#walk .bars:visible li").count() == 5
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    assert "#" not in browsing.where(page), "that is what a report begins with"
    assert slider.get_attribute("aria-valuetext").startswith("1. conv 64 64 × 32 × 32")
    assert page.locator(".architecture a[aria-current]").inner_text() == "conv 64"


def test_names_of_stages_that_are_wider_than_their_blocks_are_not_seen(visit):
    page = visit(REPORT)
    look = """bdi => {
        const [name, own] = [bdi.firstElementChild, bdi].map(part => part.getBoundingClientRect());
        return [name.top < own.bottom - 1, name.width <= own.width + 0.5];
    }"""
    names = page.locator(".architecture bdi")
    assert [names.nth(at).evaluate(look) for at in range(names.count())] == [[True, True]] * 7
    page.locator(".architecture ol").evaluate(
        """list => {
            const block = list.querySelector("li");
            for (let at = 0; at < 40; at += 1) list.append(block.cloneNode(true));
            list.lastElementChild.querySelector("bdi span span").textContent = "convolutions";
        }"""
    )
    narrow, wide = names.nth(20).evaluate(look), names.last.evaluate(look)
    assert narrow[0] == narrow[1] and wide == [False, False]
    names.last.locator("xpath=..").hover()
    assert names.last.evaluate(look)[0], "whoever points at one sees its name"


def title(page):
    """The title of the stage that is shown."""
    return page.locator("#walk > details[open] .view__head h3").inner_text()


def test_the_strongest_channels_are_large_and_lead_to_their_places(visit):
    page = visit(REPORT)
    page.locator("#layers").scroll_into_view_if_needed()
    links = page.locator("#stage-1 .strongest a")
    links.nth(11).wait_for()
    assert links.count() == 12 and not page.locator("#stage-1 .view__all img").is_visible()
    values = [float(words.split("max ")[1]) for words in links.all_inner_texts()]
    assert values == sorted(values, reverse=True) and links.first.inner_text().startswith("channel 63")
    tile = page.locator("#stage-1 .strongest__cut").first
    assert tile.bounding_box()["width"] % 32 == 0, "whole pixels of the map"
    side = tile.bounding_box()["width"]
    assert tile.evaluate("e => e.style.backgroundPosition") == f"{-15 * 33 * side / 32:g}px {-3 * 33 * side / 32:g}px"
    links.first.click()
    page.wait_for_url("**/activations--relu0.html#c63")


def test_all_channels_of_a_stage_keep_the_magnifier_and_the_link(visit):
    page = visit(f"{REPORT}#stage-1")
    page.locator("#stage-1 .view__all summary").click()
    page.locator("#stage-1 .strongest a").nth(11).wait_for()
    picture = page.locator("#stage-1 .view__all a[data-cells]")
    box = browsing.steady_box(picture.locator("img"))
    page.mouse.move(box["x"] + box["width"] * 2.5 / 16, box["y"] + box["height"] * 1.5 / 4)
    assert page.locator(".magnifier").inner_text() == "channel 18 (0 to 63)"
    assert picture.get_attribute("href").endswith("activations--relu0.html")


def test_an_address_brings_back_the_stage_and_play_goes_on_to_the_end(visit):
    page = visit(f"{REPORT}#at=6")
    assert title(page) == "6. vector of 512"
    play = page.get_by_role("button", name="Play")
    play.click()
    page.get_by_role("button", name="Pause").wait_for()
    page.wait_for_function("document.querySelector('#stage-7').open && location.hash.endsWith('at=7')")
    expect(play).to_have_text("Play")


def test_the_walk_is_scrubbed_where_its_pictures_failed(chromium, address):
    """The input and each layer: the words in place of a picture are shown, and the strip goes on to the classes."""
    tile = r'<a class="picture picture--void" href="x.html"><b>Failed</b><span>out of memory</span></a>'

    def fail(route):
        answer = route.fetch()
        route.fulfill(response=answer, body=re.sub(PICTURE, tile, answer.text()))

    with browsing.pages(chromium) as go:
        page = go()
        page.route("**/frog/index.html", fail)
        page.goto(f"{address}/{REPORT}", wait_until="load")
        page.get_by_role("slider", name="Stage, from").focus()
        page.keyboard.press("Home")
        for number in range(7):
            tile = page.locator(f"#stage-{number} .picture--void").first
            assert "out of memory" in tile.text_content() and page.locator(f"#stage-{number}").is_visible(), number
            page.keyboard.press("ArrowRight")
        page.keyboard.press("End")
        assert page.locator("#walk .bars:visible li").count() == 5


# --- two matrices ---------------------------------------------------------------------------------------------


def test_a_switch_leads_from_methods_to_layers_and_the_address_keeps_it(visit):
    page = visit(MODEL)
    assert page.locator("[data-table]:visible h2").all_inner_texts() == ["All images by method"]
    page.get_by_role("button", name="Layers by image").press("Enter")
    assert page.locator("[data-table]:visible h2").all_inner_texts() == ["All images by layer"]
    assert browsing.where(page).endswith("#table=layers")
    rows = page.locator("[data-table='layers'] tbody tr")
    assert rows.locator("th").all_inner_texts()[:3] == ["conv 64", "pool 1", "conv 256"]
    assert rows.first.locator("td img").count() == 3
    page.reload()
    assert page.get_by_role("button", name="Layers by image").get_attribute("aria-pressed") == "true"
    rows.first.locator("th a").click()
    page.wait_for_url("**/layers/relu0.html")


# --- weight and print -------------------------------------------------------------------------------------------


def requests(chromium, address, name):
    """Addresses and sizes of all that a page fetches before one scrolls, text as a server that compresses sends it."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    page, answers = context.new_page(), []
    page.on("response", lambda answer: answers.append(answer))
    page.goto(f"{address}/{name}", wait_until="networkidle")
    sent = [(a.url, len(a.body() if a.url.endswith((".png", ".webp")) else gzip.compress(a.body()))) for a in answers]
    context.close()
    return sent


METHOD = "gallery/methods/activations.html"


@pytest.mark.parametrize("name", [LAYER, MODEL, "lecture.html", "learn.html"])
def test_a_page_is_light_before_one_scrolls(chromium, address, name):
    sent = requests(chromium, address, name)
    assert len(sent) <= 60 and sum(size for _, size in sent) <= 500_000, sent


@pytest.mark.parametrize("name", [METHOD, f"{MODEL}#table=layers"])
def test_cells_fetch_corners_of_sprites_and_no_whole_one(chromium, address, name):
    sent = [url for url, _ in requests(chromium, address, name) if "activations--" in url]
    wide = [url for url in sent if "--relu0" in url or "--relu2" in url]
    assert len(wide) >= 3 and sum(".thumb." not in url for url in wide) <= 1, "the example of a method is whole"


def test_one_network_at_a_time_on_the_page_of_a_method_and_the_address_keeps_it(visit):
    page = visit(METHOD)
    assert page.locator("[data-table]:visible h2").all_inner_texts() == ["A tiny network"]
    page.get_by_role("button", name="A tiny network, half pruned").press("Enter")
    assert page.locator("[data-table]:visible h2").all_inner_texts() == ["A tiny network, half pruned"]
    assert browsing.where(page).endswith("#table=tiny~pruned-50")
    page.locator("[data-table]:visible thead a").first.click()
    page.wait_for_url("**/tiny~pruned-50/layers/relu0.html")


def test_a_channel_is_cut_from_the_corner_until_its_sprite_is_there(visit):
    page = visit(LAYER, 1280, 500)
    last = page.locator(".channels__row li:not(.channels__kernel) .channels__cut").last
    image = page.locator("[data-image='rocket'] .picture img")
    shown = "box => [getComputedStyle(box).backgroundImage, getComputedStyle(box).backgroundSize]"
    first, size = last.evaluate(shown)
    assert ".thumb." in first and image.is_hidden()
    page.locator("[data-image='rocket']").scroll_into_view_if_needed()
    image.wait_for()
    image.evaluate("image => image.decode()")
    page.wait_for_function(
        "!document.querySelector('.channels__row li:last-child .channels__cut').style.backgroundImage.includes('thumb')"
    )
    whole, larger = last.evaluate(shown)
    assert "activations--relu0.png" in whole and float(larger.split("px")[0]) >= float(size.split("px")[0])


def test_the_second_matrix_costs_nothing_before_it_is_seen(chromium, address):
    assert not [url for url, _ in requests(chromium, address, MODEL) if "activations--relu2" in url]
    assert [url for url, _ in requests(chromium, address, f"{MODEL}#table=layers") if "activations--relu2" in url]


def test_on_paper_there_are_pictures_and_no_controls(visit):
    page = visit(REPORT, color_scheme="dark")
    page.emulate_media(media="print")
    for gone in (".md-header", "iv-scrubber", "iv-filmstrip", ".breadcrumb", ".pager", ".fader"):
        assert page.locator(gone).first.is_hidden(), gone
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("#stage-3 .view__all img").is_visible() and page.locator("#map-saliency img").first.is_visible()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("#walk > details[open]").count() == 1
    shown = page.evaluate("getComputedStyle(document.body).getPropertyValue('--dark-field')")
    assert shown.strip() == "none", "on white paper zero is white"
