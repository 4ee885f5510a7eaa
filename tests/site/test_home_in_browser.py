"""The front page in a browser: its stage by mouse, keyboard and address; everything is there without scripts."""

import gzip

import browsing
import pytest

HOME = "index.html"
MOST_STOPS = 10  # of the Tab key from the top of the page to a figure


@pytest.fixture
def visit(chromium, address):
    with browsing.pages(chromium) as go:
        yield lambda name=HOME, **wishes: go(f"{address}/{name}", **wishes)


def current(page):
    """The names of the tabs that are marked as current."""
    return page.locator(".tabs a[aria-current]").all_inner_texts()


def shown(page):
    """Where the pictures come from that the stage shows."""
    return page.locator("#front img").evaluate_all(
        "all => all.filter(image => image.checkVisibility() && !image.closest('.true-scale'))"
        ".map(image => image.src.split('/').pop())"
    )


def test_tabs_classes_and_layers_change_the_one_stage(visit):
    page = visit()
    assert current(page) == ["Grad-CAM"] and shown(page) == ["grad-cam--relu4--class-frog.png"]
    page.locator(".segmented span", has_text="bird").click()
    assert shown(page) == ["grad-cam--relu4--class-bird.png"]
    page.locator(".tabs a", has_text="Saliency").click()
    assert current(page) == ["Saliency"] and shown(page) == ["saliency--class-bird.png"]
    slider = page.locator(".scrubber__slider")
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert current(page) == ["Activations"] and shown(page) == ["activations--pool1.png"]
    assert slider.get_attribute("aria-valuetext").startswith("2. pool 1")
    assert not page.locator(".segmented").is_visible(), "activations are the same for every class"
    assert set(browsing.where(page).partition("#")[2].split("&")) == {"view=layer-2", "class=rival"}


def test_an_address_brings_back_what_was_shown(visit):
    page = visit(f"{HOME}#view=saliency&class=rival")
    assert current(page) == ["Saliency"] and shown(page) == ["saliency--class-bird.png"]


def test_a_figure_is_a_few_stops_of_the_keyboard_away(visit):
    page = visit()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # past the navigation
    page.wait_for_function("document.activeElement.id === 'content'")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the figure"
    page.keyboard.press("Enter")
    stops = 3
    while not page.evaluate("document.activeElement.matches('#front a.picture')"):
        page.keyboard.press("Tab")
        stops += 1
        assert stops <= MOST_STOPS
    assert page.evaluate("document.activeElement.href").endswith("grad-cam--relu4--class-frog.html")


def test_the_command_is_copied(chromium, address):
    context = chromium.new_context()
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(f"{address}/{HOME}")
    page.get_by_role("button", name="Copy the command").click()
    page.get_by_text("Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    context.close()
    assert copied == "innerview look photo.jpg"


def test_everything_is_there_without_scripts(visit):
    page = visit(java_script_enabled=False)
    views = page.locator("#front > details")
    assert views.count() == 3 + 1 + 5 and page.locator("#front img").count() >= 12
    assert views.first.locator("img").first.is_visible()
    page.locator("#front summary", has_text="Photograph").click()
    assert page.locator("#front-photo img").is_visible()
    assert not page.locator("iv-copy button").is_visible() and not page.locator(".front__layers").is_visible()
    assert page.get_by_label("Make your own").input_value() == "innerview look photo.jpg"


@pytest.mark.parametrize("width", [1280, 390], ids=["wide", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_each_view_is_accessible_and_fits(visit, scheme, width):
    page = visit(width=width, color_scheme=scheme)
    for place in range(page.locator(".tabs a").count()):
        page.locator(".tabs a").nth(place).click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert browsing.violations(page) == []


@pytest.mark.parametrize("width", [1280, 390], ids=["wide", "phone"])
def test_few_pixels_are_enlarged_by_the_whole_number_that_is_stated(visit, width):
    page = visit(width=width)
    times = 12 if width == 1280 else 6
    for tab in ("Grad-CAM", "Saliency"):
        page.locator(".tabs a", has_text=tab).click()
        view = page.locator("#front details[open] .front__view").first
        box = browsing.steady_box(view.locator(".picture--enlarged img"))
        assert (box["width"], box["height"]) == (32 * times, 32 * times)
        assert width < 480 or view.locator(".view__canvas").bounding_box()["width"] == 480
        assert f"32 × 32 px, shown {times}×" in view.locator(".true-scale").inner_text()
        inset = view.locator(".true-scale img").bounding_box()
        assert (inset["width"], inset["height"]) == (32, 32)


def test_it_is_light_before_one_scrolls(visit, chromium, address):
    context = chromium.new_context(viewport=browsing.WIDE)
    page, answers = context.new_page(), []
    page.on("response", lambda answer: answers.append(answer))
    page.goto(f"{address}/{HOME}", wait_until="networkidle")
    packed = (".png", ".webp", ".woff2")
    sent = [len(a.body() if a.url.endswith(packed) else gzip.compress(a.body())) for a in answers]
    context.close()
    assert len(sent) <= 60 and sum(sent) <= 500_000, (len(sent), sum(sent))


def test_a_pointer_reads_the_value_of_a_cell_that_the_page_carries(visit):
    page = visit()
    picture = page.locator("#front details[open] [data-grid]").first
    picture.evaluate("e => { e.dataset.grid = '4 2'; e.dataset.values = '0 0.5 1 1.5 2 2.5 3 1234.5'; }")
    box = browsing.steady_box(picture.locator("img").last)
    value = page.locator("#front details[open] .true-scale__value").first
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + box["height"] * 0.9)
    assert value.inner_text().endswith("x 3, y 1: 1,234")
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.1)
    assert value.inner_text().endswith("x 1, y 0: 0.5")
    picture.evaluate("e => { delete e.dataset.values; }")
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.1)
    assert value.inner_text().endswith("x 2, y 0"), "only the place where no values are at hand"
    page.mouse.move(0, 0)
    assert value.inner_text() == ""


def test_squares_become_smooth_and_squares_again(visit):
    page = visit(f"{HOME}#view=saliency")
    image, button = (
        page.locator("#front details[open] .picture--enlarged img").first,
        page.get_by_role("button", name="Smooth"),
    )
    assert image.evaluate("e => getComputedStyle(e).imageRendering") == "pixelated"
    button.first.click()
    assert button.first.get_attribute("aria-pressed") == "true"
    assert image.evaluate("e => getComputedStyle(e).imageRendering") == "auto"
    button.first.click()
    assert image.evaluate("e => getComputedStyle(e).imageRendering") == "pixelated"


def test_the_lightbox_has_the_colour_bar_and_whole_pixels(visit):
    page = visit(f"{HOME}#view=saliency")
    picture = page.locator("#front details[open] a.picture").first
    ends = picture.get_attribute("data-scale").split("|")
    picture.click()
    assert page.locator(".lightbox .scale span").all_inner_texts() == [ends[0], ends[2]]
    assert page.locator(f".lightbox .scale__ramp--{ends[1]}").count() == 1
    assert page.locator(".lightbox__stage img").bounding_box()["width"] % 32 == 0
    assert not page.locator(".lightbox .fader").is_visible(), "nothing lies over a photo here"


def test_a_colour_map_has_words_in_place_of_a_bar(visit):
    page = visit("gallery/tiny/frog/vanilla-backprop--class-frog.html")
    scale = page.locator(".stage .scale")
    assert scale.locator(".scale__ramp--colour").evaluate("e => getComputedStyle(e).display") == "contents"
    assert scale.evaluate("e => getComputedStyle(e, '::after').content") == '"in red, green and blue"'


@pytest.mark.parametrize("width", [1280, 390], ids=["wide", "phone"])
def test_a_figure_of_few_pixels_is_enlarged_by_a_whole_number_on_its_page(visit, width):
    page = visit("gallery/tiny/frog/saliency--class-frog.html", width=width)
    box, times = page.locator(".stage__canvas img").last.bounding_box(), 12 if width == 1280 else 6
    assert (box["width"], box["height"]) == (32 * times, 32 * times)
    assert f"shown {times}×" in page.locator(".true-scale").inner_text()
