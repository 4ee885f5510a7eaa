"""A sprite in other colours and with more contrast, and any two figures side by side, in a browser."""

import base64
import io
import json

import browsing
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from generator.drawing.palettes import BETWEEN, GREENS, SIGNED
from generator.site.pages import compare_any
from generator.site.pages.manifest_index import Gallery

SPRITE, SIGNED_SPRITE = "tiny/frog/activations--relu0", "tiny/frog/activations--conv0"
TWO = "gallery/compare/figures.html"
SALIENCY, OTHER = "tiny/frog/saliency--class-frog", "tiny/cat/saliency--class-cat"


@pytest.fixture
def visit(chromium, address, built_site):
    """Opens a page, from the server or from its file; in the end nothing may have gone wrong on any."""
    with browsing.pages(chromium) as go:

        def start(name, *size, file=False, **wishes):
            return go(f"{built_site.as_uri() if file else address}/{name}" if name else "", *size, **wishes)

        yield start


def pixels(locator):
    locator.evaluate("image => image.decode && image.decode()")
    return np.asarray(Image.open(io.BytesIO(locator.screenshot())).convert("RGB")).astype(int)


# --- colours and contrast ----------------------------------------------------------------------------------


def strip(palette, codes):
    """The colours of some codes and then the colour between tiles, as a picture three pixels high, as an address."""
    file = io.BytesIO()
    row = np.concatenate([palette[codes], [BETWEEN]]).astype(np.uint8)
    Image.fromarray(np.stack([row] * 3)).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


@pytest.mark.parametrize(
    ("signed", "shown", "gain"),
    [
        (False, "heat", 1),
        (False, "green", 4),
        (False, "green", 0.4),
        (True, "green", 8),
        (True, "red", 1),
        (True, "grey", 2),
    ],
)
def test_a_filter_shows_the_stretched_value_in_new_colours_and_leaves_the_lines(visit, signed, shown, gain):
    palette, zero, codes = (SIGNED, 128, np.arange(1, 256)) if signed else (GREENS, 0, np.arange(255))
    page = visit(f"gallery/{SPRITE}.html")
    kind = "signed" if signed else "unsigned"
    new = page.evaluate(f"innerview.palettes.{kind}.find(palette => palette.name === '{shown}')")
    page.evaluate(
        """([picture, kind, name, gain]) => {
            const palettes = innerview.palettes[kind], palette = palettes.find(palette => palette.name === name);
            const image = document.createElement('img');
            image.id = 'strip';
            innerview.filters.recolour('made', palettes, palette, gain);
            const style = {display: "block", position: "fixed", top: 0, left: 0, filter: "url(#made)"};
            for (const key in style)
                image.style[key] = style[key];
            image.src = picture;
            document.body.append(image);
            return image.decode();
        }""",
        [strip(palette, codes), kind, shown, gain],
    )
    found = pixels(page.locator("#strip"))[1]
    end = 127 if signed else 254
    values = np.clip((codes - zero) * gain, -end if signed else 0, end) / end  # -1 or 0 to 1
    target = rgb(new["colours"])
    places = (values / 2 + 0.5 if signed else values) * (len(target) - 1)
    expected = np.stack([np.interp(places, np.arange(len(target)), target[:, n]) for n in range(3)], -1)
    off = np.abs(found[:-1] - expected).max(1)
    assert np.quantile(off, 0.9) <= 6 + 5 * gain and off.max() <= 14 + 12 * gain, "of 255 levels"
    assert np.abs(found[-1] - rgb(new["lines"])[0]).max() <= 2
    assert np.abs(found[:-1][codes == zero] - expected[codes == zero]).max() <= 1, "zero stays zero"


def rgb(colours):
    """ "ffffff00381a" as rows of three numbers."""
    return np.array([int(colours[i : i + 2], 16) for i in range(0, len(colours), 2)]).reshape(-1, 3)


def test_colours_and_contrast_by_keyboard_and_the_address_keeps_them_beside_the_channel(visit):
    page = visit(f"gallery/{SPRITE}.html#c9")
    before = pixels(page.locator(".browser__large"))
    page.get_by_role("combobox", name="Colours").select_option("heat")
    assert browsing.where(page).endswith("#c9&colours=heat")
    contrast = page.get_by_role("slider", name="Contrast")
    contrast.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert browsing.where(page).endswith("#c9&colours=heat&clip=3")
    assert contrast.get_attribute("aria-valuetext").startswith("3 times, colours end at ")
    page.locator(".stage__canvas .magnifier__mark").focus()
    page.keyboard.press("ArrowRight")
    assert browsing.where(page).endswith("#c10&colours=heat&clip=3")
    page.keyboard.press("ArrowLeft")
    after = pixels(page.locator(".browser__large"))
    assert np.abs(after - before).max() > 100
    page.reload()
    assert page.get_by_role("combobox", name="Colours").input_value() == "heat" and contrast.input_value() == "3"
    assert page.locator(".browser__title").inner_text() == "Channel 9"
    page.get_by_role("group", name="Colours and contrast").get_by_role("button", name="Reset").press("Enter")
    assert browsing.where(page).endswith("#c9")
    assert np.abs(pixels(page.locator(".browser__large")) - before).max() == 0


def test_what_an_address_asks_in_vain_is_as_in_the_file(visit):
    page = visit(f"gallery/{SPRITE}.html#colours=nonsense&clip=1000000")
    assert page.get_by_role("combobox", name="Colours").input_value() == "green"
    assert page.get_by_role("slider", name="Contrast").input_value() == "0"


@pytest.mark.parametrize("place", ["file", "frame"])
def test_they_work_from_a_file_and_in_a_sandboxed_frame(visit, address, place):
    name = f"gallery/{SPRITE}.html#c9&colours=heat"
    if place == "file":
        shown = visit(name, file=True)
    else:
        page = visit("")
        page.set_content(
            f'<iframe src="{address}/{name}" sandbox="allow-scripts" width="400" height="460" title="f"></iframe>'
        )
        shown = page.frame_locator("iframe")
    large = shown.locator(".browser__large")
    large.wait_for()
    found = pixels(large)
    assert len(np.unique(found.reshape(-1, 3), axis=0)) > 3
    assert (found[..., 1] < found[..., 0] + 120).all() and np.abs(found[..., 0] - found[..., 1]).max() > 60, (
        "heat, no green"
    )


def test_what_is_copied_has_the_colours_too(visit):
    page = visit(f"gallery/{SPRITE}.html#c9&colours=heat&clip=8")
    assert page.locator("#copy-link").input_value().endswith("activations--relu0.html#c9&colours=heat&clip=8")


def test_only_values_have_other_colours(built_site):
    assert 'id="colour-controls"' in (built_site / f"gallery/{SPRITE}.html").read_text()
    for other in ("tiny/model/filters--conv0", SALIENCY, "tiny/frog/grad-cam-over-depth--class-frog"):
        assert 'id="colour-controls"' not in (built_site / f"gallery/{other}.html").read_text(), other


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_eight_times_the_difference_keeps_the_lines_between_tiles(visit, scheme):
    page = visit("gallery/compare/tiny--tiny~pruned-50/frog.html#view=difference&gain=8", color_scheme=scheme)
    image = page.locator("#stage-1 .comparison__pane--difference img")
    image.scroll_into_view_if_needed()
    assert "#amplify" in image.evaluate("image => getComputedStyle(image).filter")


# --- any two -----------------------------------------------------------------------------------------------


def panes(page):
    page.wait_for_selector("[data-compared]:not([hidden])")
    return page.locator(".comparison__pane figcaption a").all_inner_texts()


@pytest.mark.parametrize("file", [False, True])
def test_a_figures_page_leads_to_it_beside_another_one(visit, file):
    page = visit(f"gallery/{SALIENCY}.html", file=file)
    page.get_by_role("link", name="Compare with another figure").click()
    page.wait_for_url(f"**/figures.html?a={SALIENCY}")
    assert panes(page) == ["Saliency for frog, Frog, A tiny network", "Saliency for bird, Frog, A tiny network"]
    page.get_by_label("Image").nth(1).select_option("cat")
    page.wait_for_function("document.querySelector('.comparison__pane--right a').textContent.includes('Cat')")
    assert f"#a={SALIENCY}&b=tiny/cat/saliency" in browsing.where(page)
    for role in ("left", "right"):
        assert (
            page.locator(f".comparison__pane--{role} img").evaluate(
                "image => image.decode().then(() => image.naturalWidth)"
            )
            == 224
        )


def test_a_figure_without_a_scale_has_no_empty_ramp(visit):
    page = visit(f"{TWO}#a=tiny/frog/input&b={SALIENCY}")
    assert panes(page)[0].startswith("Preprocessed input")
    scales = page.locator(".comparison__pane .scale")
    assert not scales.nth(0).is_visible() and scales.nth(1).is_visible()


def test_two_figures_by_address_in_every_view_and_exchanged(visit):
    page = visit(f"{TWO}#a={SALIENCY}&b={OTHER}&view=slider&at=35")
    assert panes(page) == ["Saliency for frog, Frog, A tiny network", "Saliency for cat, Cat, A tiny network"]
    right = page.locator(".comparison__pane--right img")
    assert right.evaluate("image => getComputedStyle(image).clipPath") == "inset(0px 0px 0px 35%)"
    page.get_by_role("radio", name="Slider").focus()
    page.keyboard.press("ArrowRight")
    assert browsing.where(page).endswith(f"#a={SALIENCY}&b={OTHER}&view=blink&shown=left")
    page.keyboard.press("ArrowRight")
    assert page.locator(".comparison__blend").is_visible() and not right.is_visible()
    page.get_by_role("button", name="Swap").press("Enter")
    page.wait_for_function("document.querySelector('.comparison__pane--left a').textContent.includes('Cat')")
    assert browsing.where(page).endswith(f"#a={OTHER}&b={SALIENCY}&view=difference")


def test_the_difference_of_a_figure_and_itself_is_black(visit):
    page = visit(f"{TWO}#a={SALIENCY}&b={SALIENCY}&view=difference&gain=8")
    panes(page)
    page.locator(".comparison__blend img").evaluate_all("all => Promise.all(all.map(image => image.decode()))")
    assert pixels(page.locator(".comparison__blend"))[4:-4, 4:-4].max() == 0
    assert page.locator("[data-status]").inner_text().startswith("Both share one scale, 0 to ")
    page = visit(f"{TWO}#a={SALIENCY}&b={OTHER}&view=difference")
    panes(page)
    assert pixels(page.locator(".comparison__blend"))[4:-4, 4:-4].max() > 60


def test_a_frame_that_a_sprite_leaves_free_is_dark_in_dark_mode(visit):
    page = visit(f"{TWO}#a={SALIENCY}&b={SPRITE}", color_scheme="dark")
    panes(page)
    shown = pixels(page.locator(".comparison__pane--right img"))
    assert shown[6, 6].max() < 60, "the letterbox around a picture of another aspect ratio"


def test_scales_are_told_and_shared_where_they_can_be(visit):
    page = visit(f"{TWO}#a={SPRITE}&b=tiny/cat/activations--relu0")
    panes(page)
    said = page.locator("[data-status]")
    assert said.inner_text().startswith("Both are shown on one scale, 0 to ")
    ends = page.locator(".comparison__pane .scale").all_inner_texts()
    assert ends[0] == ends[1]
    expect(page.locator(".comparison__pane.is-rescaled")).to_have_count(1)
    page.get_by_label("Separate scales").check()
    assert "equal shades are not equal values" in said.inner_text() and browsing.where(page).endswith("&own")
    expect(page.locator(".comparison__pane.is-rescaled")).to_have_count(0)
    page = visit(f"{TWO}#a={SALIENCY}&b={SPRITE}")
    panes(page)
    said = page.locator("[data-status]").inner_text()
    assert "different colour maps" in said and "Aspect ratios differ" in said
    assert page.get_by_label("Separate scales").is_disabled()


@pytest.mark.parametrize(
    "asked", ["a=tiny/frog/nothing", "a=../../x/y/z", "a=tiny/none/saliency&b=1", "a=__proto__/a/b"]
)
def test_a_figure_that_is_not_there_is_told(visit, asked):
    page = visit(f"{TWO}#{asked}")
    page.wait_for_function(
        "document.querySelector('[data-status]').textContent.startsWith('This gallery has no figure')"
    )
    assert page.locator("[data-compared]").is_hidden()


def test_it_is_accessible_fits_a_phone_and_needs_scripts_to_choose(visit):
    for wishes in ({}, {"width": 390, "height": 844, "color_scheme": "dark"}):
        page = visit(f"{TWO}#a={SALIENCY}&b={OTHER}", **wishes)
        panes(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= wishes.get("width", 1280)
        assert browsing.violations(page) == []
    page = visit(TWO, java_script_enabled=False)
    assert (
        page.get_by_text("Choosing figures needs JavaScript").is_visible() and page.locator("[data-choice]").is_hidden()
    )


def test_the_data_beside_a_report_is_of_its_drawn_figures(fake_gallery):
    scripts = compare_any.data_scripts(Gallery(fake_gallery[1]))
    told = json.loads(scripts["gallery/tiny/frog/figures.js"].partition("]=")[2].rstrip(";\n"))
    drawn = [
        f for f in fake_gallery[1]["figures"] if (f["model"], f["image"], f["status"]) == ("tiny", "frog", "drawn")
    ]
    assert [one["id"] for one in told] == [figure["id"] for figure in drawn]
    kinds = {one["id"].split("/")[2]: (one["draw"], one["kind"]) for one in told}
    assert kinds["activations--conv0"] == ("sprite-signed", "palette")
    assert kinds["saliency--class-frog"] == ("grey", "linear") and kinds["input"][1] == ""
