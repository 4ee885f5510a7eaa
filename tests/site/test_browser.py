"""The site in a real browser: nothing leaves it, everything can be seen, and every interaction works."""

import gzip
import re

import browsing
import pytest
from browsing import PHONE, WIDE, violations

PAGES = {
    "home": "index.html",
    "learn": "learn.html",
    "reading": "reading.html",
    "images": "gallery/images/index.html",
    "models": "gallery/models/index.html",
    "methods": "gallery/methods/index.html",
    "image": "gallery/images/frog.html",
    "model": "gallery/tiny/index.html",
    "class": "gallery/tiny/classes/cat.html",
    "unit": "gallery/tiny/layers/relu0.html#c5",
    "method": "gallery/methods/grad-cam.html",
    "method-by-layer": "gallery/methods/activations.html",
    "report": "gallery/tiny/frog/index.html",
    "report-wrong": "gallery/tiny/cat/index.html",
    "compare": "gallery/compare/index.html",
    "pair": "gallery/compare/tiny--tiny~pruned-50/index.html",
    "pair-image": "gallery/compare/tiny--tiny~pruned-50/frog.html",
    "figure-map": "gallery/tiny/frog/grad-cam--relu4--class-frog.html",
    "figure-sprite": "gallery/tiny/frog/activations--relu0.html",
    "figure-strip": "gallery/tiny/frog/grad-cam-over-depth--class-frog.html",
    "figure-failed": "gallery/tiny/frog/occlusion--class-frog.html",
    "figure-filters": "gallery/tiny/model/filters--conv0.html",
    "not-found": "404.html",
}
REPORT, MAP, SPRITE = PAGES["report"], PAGES["figure-map"], PAGES["figure-sprite"]


@pytest.fixture(scope="session")
def address(built_site):
    """Where the fake site is served."""
    with browsing.served(built_site) as found:
        yield found


class Visit:
    """A page of the site, and all that went wrong on it."""

    def __init__(self, chromium, address, **wishes):
        self.address = address
        self.context = chromium.new_context(**{"viewport": WIDE, "reduced_motion": "reduce"} | wishes)
        self.context.set_default_timeout(90_000)  # a loaded machine is no failure
        self.page = self.context.new_page()
        self.requests, self.faults = [], []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda line: line.type in ("error", "warning") and self.faults.append(line.text))
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("response", lambda answer: answer.status >= 400 and self.faults.append(answer.url))

    def __call__(self, name):
        """Go to a page of the site."""
        self.page.goto(f"{self.address}/{name}")
        return self.page


@pytest.fixture
def visit(chromium, address):
    """Opens visits that end with the test."""
    opened = []

    def start(**wishes):
        opened.append(Visit(chromium, address, **wishes))
        return opened[-1]

    yield start
    for one in opened:
        one.context.close()


# --- every kind of page -----------------------------------------------------------------------------------


@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
def test_every_page_is_whole(visit, address, viewport):
    one = visit(viewport=viewport)
    for kind, name in PAGES.items():
        page = one(name)
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert page.evaluate(UNDECODED) == [], kind
        assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"], kind
        ours = page.locator(".page img, .stage img")
        assert ours.evaluate_all("all => all.filter(i => !i.getAttribute('width') || !i.getAttribute('height'))") == []
        assert one.faults == [], kind
    assert [url for url in one.requests if not url.startswith((address, "data:"))] == []


UNDECODED = """() => Promise.all([...document.images].map(image => {
    image.loading = 'eager';
    return image.decode().then(() => '', () => image.src);
})).then(found => found.filter(Boolean))"""


@pytest.mark.parametrize("kind", PAGES)
def test_a_page_is_accessible(visit, kind):
    page = visit()(PAGES[kind])
    assert violations(page) == []
    page = visit(color_scheme="dark")(PAGES[kind])  # where colours are all that changes
    assert page.evaluate("document.body.dataset.mdColorScheme") == "slate"
    assert violations(page, only=["color-contrast", "link-in-text-block"]) == []


def test_a_report_is_light_before_one_scrolls(visit):
    """At most 500 kB in 60 requests, as a server that compresses text would send them."""
    one = visit()
    answers = []
    one.page.on("response", lambda answer: answers.append(answer))
    one(REPORT).wait_for_load_state("networkidle")
    sent = [a.body() if a.url.endswith((".png", ".webp")) else gzip.compress(a.body()) for a in answers]
    assert len(sent) <= 60 and sum(map(len, sent)) <= 500_000, (len(sent), sum(map(len, sent)))


def test_pages_say_what_they_show_without_javascript(visit):
    page = visit(java_script_enabled=False)(REPORT)
    assert page.locator("#walk > details img").count() >= 6
    assert page.locator("[data-fader]").first.is_hidden()
    page.locator("#map-vanilla-backprop > summary").click()
    page.locator("#map-vanilla-backprop a.picture").first.click()
    page.wait_for_url("**/vanilla-backprop--class-frog.html")
    assert page.locator("#copy-html").input_value().startswith("<figure>")
    assert page.locator("iv-copy button").first.is_hidden()


def test_the_first_tab_skips_to_the_content(visit):
    page = visit()(REPORT)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_function("document.activeElement.id === 'content'")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to attribution"
    for _ in range(3):
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('.breadcrumb') !== null")


@pytest.mark.parametrize("kind", ["home", "report", "model", "figure-map"])
def test_what_has_the_keyboard_is_seen(visit, kind):
    page = visit()(PAGES[kind])
    seen = []
    for _ in range(30):
        page.keyboard.press("Tab")
        seen.append(page.evaluate(FOCUSED))
    assert [element for element, box, ring in seen if not (box and ring)] == []
    assert len({element for element, _, _ in seen}) > 4


# What has the focus, whether it has a size, and whether a ring shows it; the theme shows its own by other means.
FOCUSED = """() => {
    const element = document.activeElement, box = element.getBoundingClientRect();
    const theirs = element.matches('body, .md-header *, .md-tabs *');
    const ring = getComputedStyle(element).outlineStyle !== 'none';
    return [element.tagName + element.className + element.title, theirs || box.width > 0, theirs || ring];
}"""


def test_the_site_opens_from_a_file(chromium, built_site):
    one = Visit(chromium, built_site.as_uri())
    page = one("index.html")
    for name, where in (
        ("See the full report", "tiny/frog/index.html"),
        ("A tiny network", "tiny/index.html"),
        ("Methods", "methods/index.html"),
        ("Saliency", "methods/saliency.html"),
    ):
        page.get_by_role("link", name=name, exact=True).first.click()
        page.wait_for_url(f"**/{where}")
    page.goto(f"{built_site.as_uri()}/{MAP}")
    page.get_by_role("link", name="Innerview").click()
    page.wait_for_url("**/index.html")
    assert one.faults == []
    one.context.close()


# --- the lightbox -------------------------------------------------------------------------------------------


GRADIENT = f"{REPORT}#method=vanilla-backprop"


def is_open(page):
    """Whether the lightbox is open."""
    return page.evaluate("!!document.querySelector('dialog.lightbox[open]')")


def test_the_lightbox_by_mouse(visit):
    page = visit()(GRADIENT)
    page.locator("#maps a.picture").first.click()
    assert is_open(page)
    assert "vanilla-backprop--class-frog.png" in page.locator(".lightbox img").get_attribute("src")
    page.get_by_role("button", name="Next figure").click()
    assert "vanilla-backprop--class-bird.png" in page.locator(".lightbox img").get_attribute("src")
    page.get_by_role("button", name="Close").click()
    page.wait_for_function("!document.querySelector('dialog.lightbox[open]')")
    assert browsing.where(page).endswith(GRADIENT)


def test_the_lightbox_by_keyboard(visit):
    page = visit()(GRADIENT)
    first = page.locator("#maps a.picture").first
    first.focus()
    page.keyboard.press("Enter")
    assert is_open(page)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    assert "class-bird.png" in page.locator(".lightbox img").get_attribute("src")
    page.keyboard.press("Escape")
    page.wait_for_function("!document.querySelector('dialog.lightbox[open]')")
    assert page.evaluate("document.activeElement.matches('#map-vanilla-backprop a.picture')")


def test_back_closes_the_lightbox_and_its_page_is_a_click_away(visit):
    page = visit()(GRADIENT)
    page.locator("#maps a.picture").first.click()
    page.go_back()
    page.wait_for_function("!document.querySelector('dialog.lightbox[open]')")
    assert browsing.where(page).endswith(GRADIENT)
    page.locator("#maps a.picture").first.click()
    page.get_by_role("link", name="Open figure page").click()
    page.wait_for_url("**/vanilla-backprop--class-frog.html")


def test_a_modified_click_opens_the_page_as_a_link_does(visit):
    one = visit()
    page = one(GRADIENT)
    with one.context.expect_page() as opened:
        page.locator("#maps a.picture").first.click(modifiers=["Control"])
    opened.value.wait_for_url("**/vanilla-backprop--class-frog.html")
    assert not is_open(page)


# --- channels -----------------------------------------------------------------------------------------------


def test_a_channel_can_be_looked_at_in_a_report_and_leads_to_its_page(visit):
    page = visit()(REPORT)
    page.locator("#stage-1 .view__all summary").click()
    page.locator("#stage-1 .strongest a").nth(11).wait_for()  # built above it as it comes near
    box = browsing.steady_box(page.locator("#stage-1 .view__all a[data-cells] img"))
    page.mouse.move(box["x"] + box["width"] * 2.5 / 16, box["y"] + box["height"] * 1.5 / 4)
    assert page.locator(".magnifier").inner_text() == "channel 18 (0 to 63)"
    page.mouse.click(box["x"] + box["width"] * 2.5 / 16, box["y"] + box["height"] * 1.5 / 4)
    page.wait_for_url("**/activations--relu0.html#c18")
    page.locator(".browser__title", has_text="Channel 18").wait_for()


def test_arrow_keys_walk_through_the_channels_and_the_address_follows(visit):
    page = visit()(SPRITE)
    slider = page.get_by_role("slider", name="Channel")
    slider.focus()
    for key, channel in (("ArrowRight", 1), ("ArrowDown", 17), ("End", 63), ("ArrowRight", 63), ("Home", 0)):
        page.keyboard.press(key)
        assert slider.get_attribute("aria-valuenow") == str(channel)
    page.keyboard.press("ArrowDown")
    assert browsing.where(page).endswith("#c16")
    assert slider.get_attribute("aria-valuetext") == "Channel 16, largest 1.25, mean 0.25, zeros 50.0\xa0%"


def test_an_address_with_a_channel_shows_it(visit):
    page = visit()(f"{SPRITE}#c9")
    page.wait_for_selector(".browser__title")
    assert page.locator(".browser__title").inner_text() == "Channel 9"
    browsing.go_to_fragment(page, "#c11")
    assert page.locator(".browser__title").inner_text() == "Channel 11"


# --- narrowing a hub --------------------------------------------------------------------------------------


def titles(page):
    """The titles of the cards that are to be seen."""
    return page.locator(".card:visible h2").all_inner_texts()


def test_the_images_can_be_narrowed_and_the_address_keeps_it(visit):
    page = visit()(PAGES["images"])
    page.locator(".filter").wait_for()  # of a script that is fetched
    assert titles(page) == ["Frog", "Cat", "Rocket"]
    page.get_by_role("button", name="wrong").click()
    assert titles(page) == ["Cat"] and browsing.where(page).endswith("#show=wrong")
    assert page.locator(".filter output").inner_text() == "1 of 3"
    page.reload()
    page.locator(".filter").wait_for()
    assert titles(page) == ["Cat"]
    browsing.go_to_fragment(page, "#show=right&find=fr")
    assert titles(page) == ["Frog"]
    every = page.get_by_role("group", name="Prediction").get_by_role("button", name="all")
    every.click()
    assert every.get_attribute("aria-pressed") == "true"


def test_the_skip_link_leaves_the_choice_of_cards(visit):
    page = visit()(f"{PAGES['images']}#show=wrong")
    page.locator(".filter").wait_for()
    browsing.go_to_fragment(page, "#content")
    assert titles(page) == ["Cat"]
    page.get_by_role("group", name="Prediction").get_by_role("button", name="right").click()
    assert titles(page) == ["Frog"] and browsing.where(page).endswith("#show=right")


@pytest.mark.parametrize(
    "kind, heading", [("report", "Enlarged figures"), ("figure-sprite", "Channels"), ("pair-image", "Comparison")]
)
def test_a_question_mark_lists_the_keys_of_the_page(visit, kind, heading):
    one = visit(color_scheme="dark" if kind == "report" else "light")
    page = one(PAGES[kind])
    page.locator(".breadcrumb a").first.focus()
    page.keyboard.press("Shift+?")
    dialog = page.get_by_role("dialog", name="Keyboard")
    assert dialog.is_visible() and heading in dialog.inner_text()
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog.keys", state="detached")
    assert page.evaluate("document.activeElement.closest('.breadcrumb') !== null"), "the keyboard is where it was"
    assert one.faults == []


def test_the_single_key_can_be_turned_off_and_writes_in_fields(visit):
    page = visit()(PAGES["report"])
    page.keyboard.press("Control+/")
    page.get_by_label("Single keys, such as ? for this list").uncheck()
    page.get_by_role("button", name="Close").click()
    page.wait_for_selector("dialog.keys", state="detached")
    page.keyboard.press("Shift+?")
    assert page.locator("dialog.keys").count() == 0
    page.keyboard.press("Control+/")
    page.get_by_label("Single keys, such as ? for this list").check()
    page.keyboard.press("Control+/")
    page.wait_for_selector("dialog.keys", state="detached")
    page.locator(".md-search__input").focus()
    page.keyboard.press("Shift+?")
    assert page.locator("dialog.keys").count() == 0 and page.locator(".md-search__input").input_value() == "?"


def test_a_sprite_that_can_be_browsed_keeps_its_own_words(visit):
    page = visit()(SPRITE)
    page.get_by_role("slider", name="Channel").wait_for()
    assert page.locator(".stage__canvas").get_attribute("role") is None
    assert page.get_by_role("img", name=re.compile("activations", re.IGNORECASE)).count() == 1


@pytest.mark.parametrize("kind, count", [("images", 3), ("model", 2), ("pair-image", 2), ("report", 1)])
def test_a_toggle_changes_its_name_or_its_state_and_not_both(visit, kind, count):
    """Else a screen reader says of a button that was pressed that its opposite is."""
    page = visit()(f"{PAGES[kind]}{'#view=blink' if kind == 'pair-image' else ''}")
    page.wait_for_load_state("networkidle")  # some of them stand in what a script fetches
    buttons = page.locator(".page button:visible")
    state = (
        "all => all.map(one => [one.getAttribute('aria-label') || one.textContent, one.getAttribute('aria-pressed')])"
    )
    assert buttons.count() >= count
    for number in range(buttons.count()):
        before = buttons.evaluate_all(state)[number]
        buttons.nth(number).evaluate("button => button.click()")
        after = buttons.evaluate_all(state)[number]
        assert before[0] == after[0] or before[1] == after[1], (before, after)


def test_the_last_channel_is_not_the_last_but_one(visit):
    """Channels count from 0: the sixty-fourth of 64 is channel 63, and nothing may read "63 of 64"."""
    page = visit()(f"{SPRITE}#c63")
    assert page.locator(".browser__title").inner_text() == "Channel 63"
    slider = page.get_by_role("slider", name="Channel")
    assert slider.get_attribute("aria-valuemax") == "63"
    assert "of 64" not in page.locator(".browser").inner_text() + slider.get_attribute("aria-valuetext")
    page = visit()("gallery/tiny/layers/relu0.html#c63")
    assert page.locator(".channels__name").inner_text() == "Channel 63 (0 to 63)"


@pytest.mark.parametrize("name, bar", [("report", ".bars__track i"), ("pair", ".meter__track i")])
def test_bars_are_seen_in_forced_colours(visit, name, bar):
    page = visit(forced_colors="active")(PAGES[name])
    colours = page.locator(bar).first.evaluate(
        "bar => [bar, bar.parentNode].map(e => getComputedStyle(e).backgroundColor)"
    )
    assert colours[0] != colours[1], "a bar is its colour alone"


def test_the_shading_of_confusions_is_seen_in_forced_colours(visit):
    page = visit(forced_colors="active")("gallery/tiny/findings/index.html")
    cells = page.locator(".confusions :is(.confusions__right, .confusions__wrong)")
    shades = cells.evaluate_all("all => all.map(cell => getComputedStyle(cell).backgroundColor)")
    assert len(set(shades)) > 2


def test_a_picture_without_a_label_has_no_bar_of_a_wrong_answer(visit):
    one = visit()
    colours = [one(name).locator(".bars__chosen .bars__track i").first.evaluate(
        "bar => getComputedStyle(bar).backgroundColor"
    ) for name in ("gallery/tiny/rocket/index.html", PAGES["report-wrong"])]  # fmt: skip
    assert colours[0] != colours[1]
    assert one("gallery/tiny/rocket/index.html").locator(".bars__wrong").count() == 0


def test_what_the_network_said_and_what_an_image_belongs_to_are_chosen_apart(visit):
    page = visit()(PAGES["images"])
    page.locator(".filter").wait_for()
    groups = page.locator(".filter [role=group]")
    names = groups.evaluate_all("all => all.map(one => one.getAttribute('aria-label'))")
    assert names[0] == "Prediction"
    assert page.get_by_role("group", name="Prediction").get_by_role("button").all_inner_texts()[:2] == ["all", "right"]


def test_the_logo_keeps_its_place(visit):
    logo = visit()(REPORT).locator(".md-header .md-logo img").first
    assert (logo.get_attribute("width"), logo.get_attribute("height")) == ("24", "24")


# --- maps over the photo ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [REPORT, MAP])
def test_the_slider_fades_the_maps_to_show_the_photo(visit, name):
    page = visit()(name)
    picture = page.locator(".picture--fade img:not(.stage__under)").first
    slider = page.get_by_role("slider", name=re.compile("Opacity"))
    slider.focus()
    page.keyboard.press("Home")
    assert picture.evaluate("image => getComputedStyle(image).opacity") == "0"
    mount = page.locator(".picture--fade").first
    below = mount.evaluate("e => getComputedStyle(e).backgroundImage") + mount.inner_html()
    assert "input.png" in below and browsing.where(page).endswith("#opacity=0")
    page.reload()
    assert picture.evaluate("image => getComputedStyle(image).opacity") == "0"
    slider.focus()
    page.keyboard.press("End")
    assert picture.evaluate("image => getComputedStyle(image).opacity") == "1"


# --- what is laid out --------------------------------------------------------------------------------------


def test_the_words_below_a_strip_are_as_wide_as_the_strip(visit):
    page = visit(viewport=PHONE)(REPORT)
    widths = page.locator(".figure--wide").first.evaluate(
        "figure => ['.picture', '.labels'].map(name => figure.querySelector(name).getBoundingClientRect().width)"
    )
    assert widths[0] == widths[1] > PHONE["width"]


def test_a_choice_fills_its_frame(visit):
    page = visit()(REPORT)
    left = page.locator(".segmented:visible").evaluate_all(
        "all => all.map(one => one.clientHeight - Math.max(...[...one.children].map(choice => choice.offsetHeight)))"
    )
    assert left and set(left) == {0}


def test_a_photo_without_a_map_has_the_room_of_both(visit):
    page = visit()(PAGES["class"])
    rooms = page.locator(".class-image__pictures").evaluate_all(
        "all => all.map(one => [one.children.length, one.getBoundingClientRect().right"
        " - one.lastElementChild.getBoundingClientRect().right])"
    )
    assert {count for count, _ in rooms} == {1, 2} and all(abs(room) < 1 for _, room in rooms)


# --- taking a figure away -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["Link", "HTML", "Markdown"])
def test_a_copy_button_copies(visit, address, kind):
    one = visit(permissions=["clipboard-read", "clipboard-write"])
    page = one(MAP)
    page.get_by_role("button", name=f"Copy {kind}").click()
    page.get_by_text("Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.locator(f"#copy-{kind.lower()}").input_value()
    assert f"{address}/{MAP}" in copied and "your.site" not in copied


def test_the_command_for_the_array_is_copied_too(visit):
    page = visit(permissions=["clipboard-read", "clipboard-write"])(MAP)
    page.get_by_role("button", name="Copy Command for the array").click()
    page.get_by_text("Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.locator("#copy-raw").input_value() and copied.startswith("innerview show tiny/frog/")


def test_the_snippet_shows_the_figure_where_it_is_pasted(visit, address):
    one = visit()
    snippet = one(MAP).locator("#copy-html").input_value()
    page = one.context.new_page()
    page.set_content(snippet)
    assert page.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)") == 224
    assert "CC0-1.0" in page.locator("figcaption").inner_text()


# --- light and dark mode ----------------------------------------------------------------------------------


def test_the_choice_of_field_is_kept_on_the_pages_of_figures(visit):
    one = visit()
    page = one(REPORT)
    assert page.evaluate("document.body.dataset.mdColorScheme") == "default"
    page.get_by_title("Switch to dark mode").click()
    assert page.evaluate("document.body.dataset.mdColorScheme") == "slate"
    page = one(SPRITE)
    assert page.evaluate("document.body.dataset.mdColorScheme") == "slate"
    assert "invert" in page.locator(".stage__canvas img").evaluate("image => getComputedStyle(image).filter")


def test_the_search_finds_a_method(visit):
    page = visit()("index.html")
    page.get_by_role("textbox", name="Search").click()
    page.wait_for_function("!document.querySelector('.md-search-result__meta').textContent.includes('Init')")
    page.keyboard.type("saliency")  # key by key: that is what the theme listens to
    page.locator(".md-search-result__link").first.wait_for()
    assert "saliency" in page.locator(".md-search-result__link").first.get_attribute("href")


# --- two networks side by side ------------------------------------------------------------------------------

DUEL = "#vanilla-backprop--class-frog"
PAIR = PAGES["pair-image"]


def shown(page):
    """The names of the pictures of one duel that can be seen."""
    panes = page.locator(f"{DUEL} .comparison__pane")
    seen = panes.evaluate_all(
        """all => all.filter(pane => pane.checkVisibility({visibilityProperty: true}))
            .map(pane => pane.className.match(/--(\\w+)/)[1])"""
    )
    return " ".join(seen)


def boundary(page):
    """Where the right picture begins, as a share of the width."""
    return page.locator(f"{DUEL} .comparison__pane--right img").evaluate("image => getComputedStyle(image).clipPath")


def test_the_views_of_a_duel_by_keyboard_and_the_address_follows(visit):
    page = visit()(PAIR)
    assert shown(page) == "left right difference" and "#" not in browsing.where(page)
    page.get_by_role("radio", name="Side by side").focus()
    for view, panes in (("slider", "left right"), ("blink", "left"), ("difference", "difference")):
        page.keyboard.press("ArrowRight")
        assert shown(page) == panes
        assert f"#view={view}" in browsing.where(page)
    page.keyboard.press("ArrowRight")
    assert shown(page) == "left right difference" and "#" not in browsing.where(page)


def test_the_slider_of_a_duel_by_keyboard(visit):
    page = visit()(f"{PAIR}#view=slider&at=35")
    slider = page.get_by_role("slider", name=re.compile("divider"))
    assert (slider.input_value(), boundary(page)) == ("35", "inset(0px 0px 0px 35%)")
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert browsing.where(page).endswith("#view=slider&at=36") and boundary(page).endswith("36%)")
    page.keyboard.press("End")
    assert boundary(page).endswith("100%)")


def test_the_slider_of_a_duel_by_mouse(visit):
    page = visit()(PAIR)
    page.get_by_text("Slider", exact=True).click()
    box = browsing.steady_box(page.locator(f"{DUEL} .comparison__pane--left img"))
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.5, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.25, middle, steps=3)
    page.mouse.up()
    assert boundary(page).endswith("25%)") and browsing.where(page).endswith("#view=slider&at=25")
    page.mouse.move(box["x"] + box["width"] * 0.75, middle)  # no button is down
    assert boundary(page).endswith("25%)")


def test_blinking_by_hand_and_by_itself(visit):
    page = visit()(PAIR)
    page.get_by_text("Blink", exact=True).click()
    assert shown(page) == "left"
    page.get_by_role("button", name="Swap").focus()
    page.keyboard.press("Enter")
    assert shown(page) == "right" and browsing.where(page).endswith("#view=blink&shown=right")
    assert page.locator(".viewer output").inner_text() == "half pruned"
    play = page.get_by_role("button", name="Play")
    play.click()
    page.wait_for_function(
        f"getComputedStyle(document.querySelector('{DUEL} .comparison__pane--left')).visibility === 'visible'"
    )
    page.get_by_role("button", name="Pause").click()
    now = shown(page)
    page.wait_for_timeout(900)  # longer than a beat
    assert shown(page) == now
    assert play.inner_text() == "Play" and play.get_attribute("aria-pressed") is None


def test_an_address_with_a_view_shows_it(visit):
    page = visit()(f"{PAIR}#view=blink&shown=right")
    assert shown(page) == "right"
    browsing.go_to_fragment(page, "#view=difference&gain=8")
    assert shown(page) == "difference"
    assert page.get_by_role("checkbox", name=re.compile("Amplify")).is_checked()
    strength = page.locator(f"{DUEL} .comparison__pane--difference img").evaluate(
        "image => getComputedStyle(image).filter"
    )
    assert strength == "contrast(8)"
    page = visit()(f"{PAIR}#view=nonsense")
    assert shown(page) == "left right difference"


def test_a_duel_needs_no_javascript(visit):
    page = visit(java_script_enabled=False)(PAIR)
    assert page.locator("[data-viewer]").is_hidden()
    assert page.locator(f"{DUEL} img").evaluate_all("all => all.filter(image => image.width > 100).length") == 3
    page.locator(f"{DUEL} figcaption a").last.click()
    page.wait_for_url("**/tiny~pruned-50/frog/vanilla-backprop--class-frog.html")


def test_a_report_leads_to_the_same_picture_in_the_other_network(visit):
    page = visit()(REPORT)
    page.get_by_role("link", name="half pruned", exact=True).click()
    page.wait_for_url(f"**/{PAIR}")


FORCED = PAGES | {
    "layer": "gallery/tiny/layers/relu0.html",
    "findings": "gallery/tiny/findings/index.html",
    "two-figures": "gallery/compare/figures.html",
    "lecture": "lecture.html",
}


def test_every_kind_of_page_is_accessible_in_forced_colours(visit):
    one = visit(forced_colors="active")
    faults = {kind: violations(one(name)) for kind, name in FORCED.items()}
    assert {kind: found for kind, found in faults.items() if found} == {}
    assert one.page.evaluate("matchMedia('(forced-colors: active)').matches")
