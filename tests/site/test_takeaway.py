"""Figures on someone else's page, in a real browser: framed from another origin, sandboxed or not, and from a file."""

import contextlib
import re

import browsing
import fake_site
import pytest
from browsing import PHONE, WIDE
from page_reading import Parsed

from generator.site.export import figure_as
from generator.site.export_walk import walk_as

OVERLAY = "tiny/frog/grad-cam--relu4--class-frog"
SPRITE = "tiny/frog/activations--relu0"
STRIP = "tiny/frog/grad-cam-over-depth--class-frog"
FAILED = "tiny/frog/occlusion--class-frog"
KINDS = {"overlay": OVERLAY, "channel": f"{SPRITE}#c17", "sprite": SPRITE, "strip": STRIP, "failed": FAILED}
SANDBOXES = {"free": "", "sandboxed": 'sandbox="allow-scripts"'}
HEIGHT = "document.body.getBoundingClientRect().height"
LOADED = "document.fonts.ready"  # what was told before may be of other fonts
FITS = "height => Math.abs(told.at(-1).height - height) <= 8"
LISTEN = "<script>var told = []; addEventListener('message', e => told.push(e.data));</script>"


@pytest.fixture(scope="session")
def gallery(addressed_site):
    """Where the gallery is served."""
    with browsing.served(addressed_site) as address:
        yield address


@pytest.fixture(scope="session")
def blog_folder(tmp_path_factory):
    """The files of someone's blog."""
    return tmp_path_factory.mktemp("blog")


@pytest.fixture(scope="session")
def blog(blog_folder):
    """Where the blog is served: another port, and so another origin."""
    with browsing.served(blog_folder) as address:
        yield address


@pytest.fixture
def reader(chromium, blog, blog_folder):
    """Writes a blog page and opens it; afterwards nothing may have gone wrong on it."""
    faults = []
    with contextlib.ExitStack() as stack:

        def read(html, start=blog, **wishes):
            (blog_folder / "post.html").write_text(
                f'<!doctype html><html lang="en"><meta charset="utf-8"><title>A post</title>'
                f'<link rel="icon" href="data:,">{LISTEN}{html}'
            )
            context = chromium.new_context(**{"viewport": WIDE} | wishes)
            context.set_default_timeout(90_000)
            stack.callback(context.close)
            page = context.new_page()
            page.on("console", lambda line: faults.append(line.text))
            page.on("pageerror", lambda error: faults.append(str(error)))
            page.on("requestfailed", lambda request: faults.append(request.url))
            page.on("response", lambda answer: answer.status >= 400 and faults.append(answer.url))
            page.goto(f"{start}/post.html")
            page.wait_for_function("told.length > 0")
            return page

        yield read
    assert faults == []


def frame(source, more="", width=600, height=700):
    """What a blog's author writes."""
    style = f"width:{width}px;max-width:100%;height:{height}px;border:0"
    return f'<iframe src="{source}" {more} title="a figure" style="{style}"></iframe>'


def inside(page):
    """The document in the frame."""
    return page.frame_locator("iframe")


def address(start, name):
    """The page of a figure."""
    plain, mark, anchor = name.partition("#")
    return f"{start}/gallery/{plain}.html{mark}{anchor}"


def seen(page):
    """The kinds of things in the frame that take up room."""
    shown = page.frames[1].evaluate(
        """[...document.querySelectorAll('header, nav, figcaption, .stage__canvas, .browser__large, .browser dl, ' +
        '.fader, .standalone__words, .standalone__line, .picture--void')].filter(e => e.checkVisibility())
        .map(e => e.className || e.tagName)"""
    )
    return {name.split()[0] for name in shown}


ALONE = {
    "overlay": {"stage__canvas", "standalone__line"},
    "sprite": {"stage__canvas", "standalone__line"},
    "strip": {"stage__canvas", "standalone__line"},
    "channel": {"browser__large", "DL", "standalone__line"},
    "failed": {"picture", "standalone__line"},
}


@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("sandbox", SANDBOXES)
@pytest.mark.parametrize("kind", KINDS)
def test_in_a_frame_there_is_the_figure_alone(reader, gallery, kind, sandbox, viewport):
    page = reader(frame(address(gallery, KINDS[kind]), SANDBOXES[sandbox]), viewport=viewport)
    assert seen(page) == ALONE[kind]
    line = inside(page).locator(".standalone__line")
    assert "Drawn for a test, CC0-1.0" in line.inner_text() or kind == "failed"
    assert line.locator("a").evaluate("a => a.href") == address(gallery, KINDS[kind])
    page.wait_for_function(FITS, arg=page.frames[1].evaluate(f"{LOADED}.then(() => {HEIGHT})"))
    told = page.evaluate("told.at(-1)")
    assert (told["type"], told["figure"]) == ("innerview:height", KINDS[kind].partition("#")[0])
    document = page.frames[1].evaluate(f"[{HEIGHT}, innerHeight, document.body.scrollWidth, innerWidth]")
    assert document[0] <= document[1] and document[2] <= document[3], "it fits: nothing scrolls"
    assert abs(told["height"] - document[0]) <= 8, "the height that is told is the height it has"


@pytest.mark.parametrize("kind", ["overlay", "channel", "sprite", "strip"])
def test_from_a_file_it_is_alone_too(reader, addressed_site, blog_folder, kind):
    page = reader(frame(address(addressed_site.as_uri(), KINDS[kind])), start=blog_folder.as_uri())
    assert seen(page) == ALONE[kind]
    assert page.evaluate("told.at(-1).figure") == KINDS[kind].partition("#")[0]


@pytest.mark.parametrize("sandbox", SANDBOXES)
def test_the_channel_is_the_one_that_was_asked_for_and_changes_live(reader, gallery, sandbox):
    page = reader(frame(address(gallery, f"{SPRITE}#c17"), SANDBOXES[sandbox]))
    large, name = inside(page).locator(".browser__large"), inside(page).locator(".browser__title")

    def place():
        return large.evaluate(
            "e => [e.style.backgroundPosition, e.offsetWidth, e.offsetHeight, getComputedStyle(e).imageRendering]"
        )

    # 32 pixels to 448, so 14 times; channel 17 is the second of the second row of 16, with gaps of 1
    assert place() == ["-462px -462px", 448, 448, "pixelated"]
    assert name.inner_text() == "Channel 17"
    assert (
        re.sub(r"\s+", " ", inside(page).locator(".browser dl").inner_text()) == "largest 1.27 mean 0.25 zeros 50.0 %"
    )
    page.evaluate("address => document.querySelector('iframe').src = address", address(gallery, f"{SPRITE}#c33"))
    name.filter(has_text="Channel 33").wait_for()
    assert place()[0] == "-462px -924px"
    assert inside(page).locator(".standalone__line a").evaluate("a => a.hash") == "#c33"
    page.evaluate("address => document.querySelector('iframe').src = address", address(gallery, f"{SPRITE}#"))
    inside(page).locator(".stage__canvas").wait_for()
    assert seen(page) == ALONE["sprite"]


def test_a_channel_that_is_not_there_shows_them_all(reader, gallery):
    assert seen(reader(frame(address(gallery, f"{SPRITE}#c64")))) == ALONE["sprite"]


def test_a_channel_is_looked_up_among_those_that_the_sprite_shows(reader, gallery, addressed_site):
    html = (addressed_site / f"gallery/{SPRITE}.html").read_text()
    cells = "64 16 4 32 32 1"
    assert f'data-cells="{cells}"' in html
    some = html.replace(f'data-cells="{cells}"', f'data-cells="{cells} {" ".join(map(str, range(300, 364)))}"')
    page = reader(frame(address(gallery, OVERLAY)))
    page.route(f"**/{SPRITE}.html?*", lambda route: route.fulfill(body=some, content_type="text/html"))
    for channel, parts in (("c317", ALONE["channel"]), ("c3", ALONE["sprite"])):
        page.evaluate(f"document.querySelector('iframe').src = '{address(gallery, SPRITE)}?{channel}#{channel}'")
        inside(page).locator("html.embedded .stage__canvas").wait_for(state="attached")
        page.frames[1].wait_for_load_state()
        browsing.until(page.frames[1], f"location.hash === '#{channel}'")
        assert seen(page) == parts, channel
    page.evaluate(f"document.querySelector('iframe').src = '{address(gallery, SPRITE)}?again#c317'")
    title = inside(page).locator(".browser__title")
    title.filter(has_text="Channel 317").wait_for()
    assert inside(page).locator(".browser__large").evaluate("e => e.style.backgroundPosition") == "-462px -462px"


def test_the_figure_makes_itself_as_large_as_the_frame_allows(reader, gallery):
    page = reader(frame(address(gallery, OVERLAY), height=200))
    picture = inside(page).locator(".stage__canvas img").last.bounding_box()
    line = inside(page).locator(".standalone__line").bounding_box()
    assert picture["width"] == picture["height"] and 100 < picture["height"] == pytest.approx(
        200 - line["height"], abs=1
    )
    assert page.evaluate("told.at(-1).height") > 448, "it tells what it would like, not what it got"
    told = page.evaluate("told.length")
    page.evaluate("document.querySelector('iframe').style.height = told.at(-1).height + 'px'")
    browsing.until(page.frames[1], "[...document.querySelectorAll('.stage__canvas img')].at(-1).clientWidth === 448")
    page.wait_for_timeout(200)
    assert page.evaluate("told.length") == told, "a frame that does as it is told is not told again"


def test_the_snippet_of_a_frame_works_as_it_is(reader, addressed_site, gallery):
    text = figure_as(addressed_site, OVERLAY, "iframe").replace(fake_site.ADDRESS, gallery)
    page = reader(text)
    assert seen(page) == ALONE["overlay"]
    assert inside(page).locator(".stage__canvas img").last.bounding_box()["width"] > 430
    page = reader(text, viewport=PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    height, room = page.frames[1].evaluate("[document.body.getBoundingClientRect().height, innerHeight]")
    assert height <= room


@pytest.mark.parametrize("name", [OVERLAY, f"{SPRITE}#c17"])
def test_the_html_of_a_figure_works_as_it_is(chromium, addressed_site, gallery, blog, blog_folder, name):
    text = figure_as(addressed_site, name, "html").replace(fake_site.ADDRESS, gallery)
    (blog_folder / "html.html").write_text(f"<!doctype html>{text}")
    page = chromium.new_page()
    requests = []
    page.on("response", lambda answer: requests.append((answer.status, answer.url)))
    page.goto(f"{blog}/html.html", wait_until="load")
    box = page.locator("span[role=img]" if "#" in name else "figure img").bounding_box()
    page.close()
    assert box["width"] == box["height"] == (256 if "#" in name else 448)
    assert any(status == 200 and url.startswith(f"{gallery}/gallery/") for status, url in requests)


def test_the_link_of_a_frame_opens_the_page_beside_the_blog(reader, gallery):
    page = reader(
        frame(address(gallery, OVERLAY), 'sandbox="allow-scripts allow-popups allow-popups-to-escape-sandbox"')
    )
    with page.context.expect_page() as opened:
        inside(page).locator(".standalone__line a").click()
    opened.value.wait_for_load_state()
    assert opened.value.url == address(gallery, OVERLAY)
    assert (
        opened.value.locator(".standalone__words").is_visible()
        and not opened.value.locator(".standalone__line").is_visible()
    )


def test_without_scripts_the_whole_page_is_there(chromium, gallery, blog, blog_folder):
    (blog_folder / "quiet.html").write_text(frame(address(gallery, OVERLAY)))
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{blog}/quiet.html")
    frame_text = inside(page).locator("body").inner_text()
    context.close()
    assert "Share and export" in frame_text and "CC0-1.0" in frame_text


# --- a whole report as a post ------------------------------------------------------------------------


def post(site, start, kind):
    """A post made of the report of the frog, about the gallery at `start`."""
    return walk_as(site, "tiny", "frog", kind).replace(fake_site.ADDRESS, start)


def test_a_post_of_frames_gives_each_figure_the_height_it_asks_for(reader, addressed_site, gallery):
    page = reader(post(addressed_site, gallery, "iframe"), viewport={"width": 800, "height": 12_000})
    frames = page.locator("iframe")
    page.wait_for_function(
        "new Set(told.map(message => message.figure)).size === document.querySelectorAll('iframe').length"
    )
    assert frames.count() > 10
    page.wait_for_function(
        """[...document.querySelectorAll('iframe')].every(frame => told.some(message =>
        frame.src.endsWith(message.figure + '.html') && frame.style.height === message.height + 'px'))"""
    )
    for frame in page.frames[1:]:
        content, room = frame.evaluate("[document.body.getBoundingClientRect().height, innerHeight]")
        assert content <= room, f"{frame.url} scrolls"


@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
def test_a_post_in_html_needs_no_script_and_fits_its_column(
    chromium, addressed_site, gallery, blog, blog_folder, viewport
):
    viewed = '<!doctype html><html lang="en"><meta name="viewport" content="width=device-width"><title>A post</title>'
    eager = post(addressed_site, gallery, "html").replace(' loading="lazy"', "")
    (blog_folder / "walk.html").write_text(f'{viewed}<link rel="icon" href="data:,">{eager}')
    context = chromium.new_context(viewport=viewport, java_script_enabled=False)
    page = context.new_page()
    answers = []
    page.on("response", lambda answer: answers.append((answer.status, answer.url)))
    page.goto(f"{blog}/walk.html", wait_until="load")
    pictures, widest = page.locator("figure img"), page.locator("article").bounding_box()["width"]
    sizes = [pictures.nth(place).bounding_box() for place in range(pictures.count())]
    context.close()
    assert len(sizes) > 10 and all(8 < size["width"] <= min(widest, 640) for size in sizes)
    assert {status for status, _ in answers} == {200}
    assert len({url for _, url in answers if url.startswith(f"{gallery}/gallery/")}) == len(sizes)


def test_cards_and_oembed_answers_can_be_used_elsewhere(chromium, addressed_site, gallery, blog, blog_folder):
    page = chromium.new_page()
    page.goto(address(gallery, OVERLAY))
    card = page.locator('meta[property="og:image"]').get_attribute("content")
    discovered = page.locator('link[type="application/json+oembed"]').get_attribute("href")
    answer = page.request.get(discovered.replace(fake_site.ADDRESS, gallery)).json()
    assert (answer["version"], answer["type"]) == ("1.0", "photo") and answer["license"] == "CC0-1.0"
    expected = {card: [1200, 630], answer["url"]: [answer["width"], answer["height"]]}
    shown = "".join(f'<img src="{source.replace(fake_site.ADDRESS, gallery)}" alt="">' for source in expected)
    (blog_folder / "cards.html").write_text(f"<!doctype html><title>Cards</title>{shown}")
    page.goto(f"{blog}/cards.html", wait_until="load")
    sizes = page.evaluate("[...document.images].map(image => [image.naturalWidth, image.naturalHeight])")
    page.close()
    assert sizes == list(expected.values())


@pytest.mark.parametrize("name", ["overlay", "sprite", "strip", "failed"])
def test_a_figures_page_allows_nothing_but_its_own_files(addressed_site, name):
    page = Parsed((addressed_site / "gallery" / f"{KINDS[name]}.html").read_text())
    (policy,) = [meta["content"] for tag, meta in page.elements if meta.get("http-equiv") == "Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert [attributes for tag, attributes in page.elements if "style" in attributes] == []
    scripts = [attributes for tag, attributes in page.elements if tag == "script"]
    assert all("src" in script or script["type"] == "application/json" for script in scripts)


def test_the_policy_holds(chromium, gallery):
    page = chromium.new_page()
    page.goto(address(gallery, OVERLAY))
    page.evaluate(
        "s => { const e = document.createElement('script'); e.textContent = s; document.body.append(e); }",
        "window.ran = 1",
    )
    ran = page.evaluate("window.ran")
    page.close()
    assert ran is None


@pytest.mark.parametrize("snippet", ["link", "frame"])
def test_what_is_copied_beside_a_channel_leads_to_it(chromium, gallery, snippet):
    page = chromium.new_page()
    page.goto(address(gallery, f"{SPRITE}#c17"))
    area = page.locator(f"#copy-{snippet}")
    assert f"{SPRITE}.html#c17" in area.input_value()
    page.locator(".stage__canvas .magnifier__mark").focus()
    page.keyboard.press("ArrowRight")
    page.locator(f"iv-copy:has(#copy-{snippet}) button").click()
    copied = area.input_value()
    page.close()
    assert f"{SPRITE}.html#c18" in copied and "#c17" not in copied


@pytest.mark.parametrize(
    ("snippet", "part"), [("link", ""), ("html", "<figure>"), ("markdown", "[!["), ("frame", "<iframe")]
)
def test_copy_buttons_copy_what_they_say(chromium, gallery, snippet, part):
    context = chromium.new_context()
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(address(gallery, OVERLAY))
    page.locator(f"iv-copy:has(#copy-{snippet}) button").click()
    page.get_by_text("Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    context.close()
    assert copied.startswith(part) and f"{fake_site.ADDRESS}/gallery/{OVERLAY}.html" in copied
    assert snippet == "link" or (
        "Drawn for a test, CC0-1.0" in copied.replace("\\", "") and "strongest in the middle" in copied
    )
