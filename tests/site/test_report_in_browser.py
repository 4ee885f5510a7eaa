"""The report as an instrument: one map at a time, chosen by filmstrip, keys, class and address; all without scripts."""

import io
import json

import browsing
import fake_manifest
import pytest
from PIL import Image

from generator.core.resources import resource
from generator.site.pages import report, write
from generator.site.pages.manifest_index import Gallery

HREFS = "links => links.map(link => link.getAttribute('href'))"
REPORT = "gallery/tiny/frog/index.html"


@pytest.fixture
def visit(chromium, address):
    """Opens a page; in the end nothing may have gone wrong on any."""
    with browsing.pages(chromium) as go:
        yield lambda name=REPORT, *size, **wishes: go(f"{address}/{name}", *size, **wishes)


@pytest.fixture
def other(chromium, address, built_site, fake_gallery):
    """Opens the frog's report of a changed manifest: `other(change)`, where `change(manifest)` changes it."""
    page = (built_site / REPORT).read_text()
    start = page.index('<div class="page page--report"')
    with browsing.pages(chromium) as go:

        def start_with(change, *size, **wishes):
            manifest = json.loads(json.dumps(fake_gallery[1]))
            change(manifest)
            context = report.report(Gallery(manifest), "tiny", "frog", fake_manifest.channels)
            html = write.render(write.jinja([resource("templates")]), "pages/report.md", context)
            body = page[:start] + html + page[page.index("</article>", start) :]
            opened = go("", *size, **wishes)
            opened.route(f"**/{REPORT}", lambda route: route.fulfill(body=body, content_type="text/html"))
            opened.goto(f"{address}/{REPORT}", wait_until="load")
            return opened

        yield start_with


def figures(manifest, method):
    return [f for f in manifest["figures"] if (f["model"], f["image"], f["method"]) == ("tiny", "frog", method)]


def shown(page):
    """The title of the map that is shown."""
    assert page.locator("#maps > details:visible").count() == 1
    return page.locator("#maps > details:visible .view__head h3").inner_text()


def strip(page):
    """The titles of the filmstrip, in the order in which they are seen."""
    return page.locator("iv-filmstrip a:visible b").all_inner_texts()


MAPS = ["Vanilla backprop", "Saliency", "Signed gradient", "CAM", "Grad-CAM", "Occlusion"]


# --- one map at a time --------------------------------------------------------------------------------------


def test_arrows_in_the_filmstrip_and_digits_anywhere_choose_the_map(visit):
    page = visit()
    assert strip(page) == MAPS and shown(page) == "Grad-CAM", "the region comes first"
    assert page.locator("iv-filmstrip a[tabindex='0']").count() == 1, "the strip is one stop of the keyboard"
    page.locator("iv-filmstrip a").first.focus()
    for key, title in (
        ("ArrowRight", 1),
        ("ArrowRight", 2),
        ("ArrowLeft", 1),
        ("End", -1),
        ("ArrowRight", -1),
        ("Home", 0),
    ):
        page.keyboard.press(key)
        assert shown(page) == MAPS[title], key
        assert page.evaluate("document.activeElement.getAttribute('aria-current')") == "true"
    page.locator(".breadcrumb a").first.focus()
    page.keyboard.press("5")
    assert shown(page) == "Grad-CAM" and "method=" not in browsing.where(page)
    page.keyboard.press("9")
    assert shown(page) == "Grad-CAM", "there are six"
    page.locator("iv-filmstrip a").nth(1).click()
    assert shown(page) == "Saliency" and browsing.where(page).endswith("#method=saliency")
    page.locator("#map-saliency a.picture:visible").focus()
    page.keyboard.press("ArrowRight")
    assert shown(page) == MAPS[2], "on the stage"
    page.evaluate("() => { document.activeElement.blur(); document.querySelector('#maps').scrollIntoView(); }")
    page.keyboard.press("ArrowLeft")
    assert shown(page) == "Saliency", "where nothing has the keyboard"
    page.evaluate("scrollTo(0, 9999)")
    page.keyboard.press("ArrowLeft")
    assert shown(page) == "Saliency", "the stage is out of sight"


def test_the_class_is_chosen_for_all_that_depends_on_it(visit):
    page = visit(f"{REPORT}#method=saliency")
    pictures = page.locator("#map-saliency .view__canvas:visible .picture img")
    assert [src.rpartition("/")[2] for src in sources(pictures)] == ["saliency--class-frog.png"]
    page.get_by_role("radio", name="frog").focus()
    page.keyboard.press("ArrowRight")
    assert [src.rpartition("/")[2] for src in sources(pictures)] == ["saliency--class-bird.png"]
    assert page.locator("#attribution .scroller:visible").count() == 1, "the strip over depth is of that class, too"
    assert browsing.where(page).endswith("#method=saliency&class=rival")
    page.keyboard.press("ArrowRight")
    assert pictures.count() == 2 and browsing.where(page).endswith("&class=both")
    assert page.locator("#attribution .scroller:visible").count() == 2
    page.reload()
    assert pictures.count() == 2 and shown(page) == "Saliency"
    browsing.go_to_fragment(page, "#method=grad-cam&class=rival&at=3")
    assert page.locator("#stage-3").is_visible() and page.get_by_role("radio", name="bird").is_checked()


def sources(images):
    return images.evaluate_all("all => all.map(image => image.src)")


def test_maps_are_sorted_by_what_was_measured_of_them(visit, fake_gallery):
    page = visit(f"{REPORT}#method=grad-cam")
    scores = {
        f["method"]: f["evidence"]["insertion"]["score"] - f["evidence"]["deletion"]["score"]
        for f in fake_gallery[1]["figures"]
        if (f["model"], f["image"]) == ("tiny", "frog") and f.get("evidence") and f["target"]["role"] == "label"
    }
    assert len(scores) >= 2
    titles = {card["slug"]: card["title"] for card in fake_gallery[1]["methods"]}
    best = [titles[slug] for slug in sorted(scores, key=lambda slug: -scores[slug])]
    button = page.get_by_role("button", name="Sort by faithfulness")
    button.click()
    assert strip(page)[: len(best)] == best and sorted(strip(page)) == sorted(MAPS)
    assert button.get_attribute("aria-pressed") == "true" and shown(page) == "Grad-CAM"
    page.keyboard.press("1")
    assert shown(page) == best[0]
    page.reload()
    assert strip(page)[: len(best)] == best
    button.click()
    assert strip(page) == MAPS and "order" not in browsing.where(page)
    rows = page.locator("#evidence tbody th").all_inner_texts()
    assert [row for row in rows if row in best] == best, "the table of evidence has the same order"
    page.locator("#evidence tbody th a").first.click()
    assert shown(page) == best[0]


# --- equal maps and empty ones ----------------------------------------------------------------------------


def equal(manifest):
    """CAM becomes what Grad-CAM is."""
    for cam, grad_cam in zip(figures(manifest, "cam"), figures(manifest, "grad-cam"), strict=True):
        cam |= {
            key: grad_cam[key] for key in ("status", "file", "digest", "width", "height", "shape", "scale", "layer")
        }
        cam |= {"range": [0, 9], "reason": ""}


def test_equal_maps_are_one_card_that_says_why(other):
    page = other(equal)
    assert strip(page) == [title for title in MAPS if title != "Grad-CAM"]
    browsing.go_to_fragment(page, "#method=grad-cam")  # an address from before, or from another network
    assert shown(page) == "CAM = Grad-CAM"
    reason = page.locator(".view__reason:visible").inner_text()
    assert reason.startswith("A mean over space and one linear layer follow relu4.")
    link = page.locator("#map-cam .view__facts:visible a", has_text="Grad-CAM")
    assert link.get_attribute("href").startswith("grad-cam")


def test_equal_maps_without_that_architecture_are_said_to_be_equal_alone(other):
    def change(manifest):
        equal(manifest)
        classifier = next(layer for layer in manifest["models"][0]["layers"] if layer["name"] == "classifier")
        manifest["models"][0]["layers"].insert(-1, classifier | {"name": "second"})

    page = other(change)
    assert strip(page)[3] == "CAM"
    page.keyboard.press("4")
    assert "linear layer" not in page.locator(".view__reason:visible").inner_text()


def test_an_empty_map_is_called_empty(other):
    def change(manifest):
        for figure in figures(manifest, "grad-cam")[:1] + figures(manifest, "saliency"):
            figure["range"] = [0.0, 0.0]

    page = other(change)
    assert page.locator(".filmstrip__state").all_inner_texts() == [
        "zero everywhere", "Not applicable", "no positive evidence", "Failed"
    ]  # fmt: skip
    page.keyboard.press("5")
    assert page.locator(".view__empty:visible").inner_text() == "No positive evidence"
    page.get_by_role("radio", name="bird").check(force=True)
    assert page.locator(".view__empty:visible").count() == 0


# --- the whole page -----------------------------------------------------------------------------------------


def crowded(manifest):
    """Forty stages and twenty methods, as the deepest networks and the largest presets have them."""
    card = manifest["models"][0]
    card["stages"] = [*card["stages"][:5] * 8, *card["stages"][5:]]
    saliency = next(one for one in manifest["methods"] if one["slug"] == "saliency")
    for number in range(15):
        slug = f"method-{number}"
        manifest["methods"].append(saliency | {"slug": slug, "title": f"Method number {number}"})
        for figure in figures(manifest, "saliency"):
            copy = {"id": f"{figure['id']}-{number}", "method": slug, "digest": str(number)}
            manifest["figures"].append(figure | copy)


@pytest.mark.parametrize("size, most", [((1280, 900), 4000), ((390, 844), 6500)])
def test_a_report_is_short_however_much_there_is_in_it(other, size, most):
    page = other(crowded, *size)
    assert page.locator("#maps > details").count() >= 20 and page.locator("#walk > details").count() >= 40
    for view in ("", "#at=40", "#method=cam&class=both"):
        browsing.go_to_fragment(page, view)
        height = page.evaluate("document.documentElement.scrollHeight")
        assert height <= most, view
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]


@pytest.mark.parametrize("size, scheme", [((1280, 900), "light"), ((390, 844), "dark")])
def test_every_state_of_a_report_is_accessible(visit, size, scheme):
    page = visit(f"{REPORT}#method=grad-cam&class=both&at=5&order=faithfulness", *size, color_scheme=scheme)
    page.locator("#stage-5 .view__all summary").click()
    assert browsing.violations(page) == []
    assert browsing.violations(page, at=900) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]


def test_the_bar_stays_and_leads_to_the_sections(visit):
    page = visit()
    bar = page.locator(".report-bar")
    for name, place in (("Evidence", "evidence"), ("Attribution", "attribution"), ("Layers", "layers")):
        bar.get_by_role("link", name=name).click()
        top = page.locator(f"#{place}").bounding_box()["y"]
        below = bar.bounding_box()["y"] + bar.bounding_box()["height"]
        assert bar.bounding_box()["y"] < 60 and top >= below - 30, name


@pytest.mark.parametrize("size", [(1280, 900), (390, 844)])
def test_the_bar_marks_the_section_that_is_read(visit, size):
    page = visit(REPORT, *size)
    current = "[...document.querySelectorAll('.report-bar__places [aria-current=true]')].map(a => a.textContent).join()"
    page.wait_for_function(f"{current} === 'Overview'")
    for name in ("Attribution", "Layers", "Evidence", "Overview"):
        page.locator(".report-bar").get_by_role("link", name=name).focus()
        page.keyboard.press("Enter")
        page.wait_for_function(f"{current} === '{name}'")
    for place, name in (("layers", "Layers"), ("attribution", "Attribution")):
        page.evaluate(f"scrollTo(0, document.getElementById('{place}').getBoundingClientRect().top + scrollY - 100)")
        page.wait_for_function(f"{current} === '{name}'")
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    page.wait_for_function(f"{current} === 'Evidence'")


def test_everything_is_there_without_scripts(visit):
    page = visit(java_script_enabled=False)
    assert page.locator("#maps > details:visible").count() == len(MAPS)
    assert page.locator("#walk > details:visible").count() == 8
    assert page.locator("iv-filmstrip a:visible").count() == len(MAPS)
    assert page.locator(".segmented:visible, .fader:visible, iv-scrubber button").count() == 0
    page.locator("#map-saliency summary").click()
    assert page.locator("#map-saliency .picture img:visible").count() == 2, "for both classes"
    page.locator("#stage-3 > summary").click()
    assert page.locator("#stage-3 .view__all img").is_visible()


def test_intermediate_outputs_are_links_and_become_figures_when_they_are_opened(visit):
    page = visit(REPORT)
    page.wait_for_function("document.querySelector('#maps[data-ready]')")
    lists = page.locator("details[data-folded]")
    stage, names = lists.first.get_attribute("data-folded"), lists.first.locator("li a").evaluate_all(HREFS)
    page.goto(page.url.split("#")[0] + f"#{stage}")
    page.locator(f"#{stage} details[data-folded] > summary").click()
    figures = page.locator(f"#{stage} .view__folded figure a.picture")
    figures.first.wait_for()
    assert figures.evaluate_all(HREFS) == names and page.locator(f"#{stage} .view__folded li").count() == 0
    assert all(figures.locator("img").evaluate_all("images => images.map(image => image.alt)"))
    assert figures.first.get_attribute("data-cells") or figures.first.get_attribute("data-caption")


def test_the_table_of_evidence_shows_the_curves_of_the_stage_again(visit):
    curves = visit(REPORT).locator(".evidence .spark svg:has(use)").first
    curves.scroll_into_view_if_needed()
    colours = Image.open(io.BytesIO(curves.screenshot())).convert("RGB").getcolors(10_000)
    assert max(colour[1] - colour[0] for _, colour in colours) > 50, "green, of insertion"
    assert all(sum(colour) > 150 for _, colour in colours), "lines, and not the black that fills paths without a style"


def test_it_works_from_a_file(chromium, built_site):
    with browsing.pages(chromium) as go:
        page = go(f"{(built_site / REPORT).as_uri()}#method=saliency&at=3")
        assert shown(page) == "Saliency"
        page.locator("#stage-3 .strongest li").nth(11).wait_for()
        page.keyboard.press("5")
        assert shown(page) == "Grad-CAM"


def test_n_and_p_lead_to_the_neighbours_of_reports_and_figures_and_keep_the_choice(visit):
    page = visit(f"{REPORT}#method=saliency&at=3")
    page.keyboard.press("p")
    page.keyboard.press("n")
    page.wait_for_url("**/tiny/cat/index.html*")
    assert browsing.where(page).endswith("/cat/index.html#method=saliency&at=3") and shown(page) == "Saliency"
    page.keyboard.press("p")
    page.wait_for_url("**/tiny/frog/index.html*")
    page = visit("gallery/tiny/frog/activations--relu0.html#c17")
    page.keyboard.press("n")
    page.wait_for_url("**/tiny/cat/activations--relu0.html*")
    assert browsing.where(page).endswith("#c17")


@pytest.mark.parametrize(
    "skip, keys, figure",
    [
        ("Skip to attribution", ["ArrowRight"], "occlusion--class-frog.html"),
        ("Skip to layers", ["End", "ArrowLeft"], "activations--mean.html"),
    ],
)
def test_the_keyboard_gets_from_the_front_page_to_any_figure_in_ten_stops(visit, skip, keys, figure):
    page, stops = visit("index.html"), 0

    def tab_to(found):
        nonlocal stops
        while not page.evaluate(f"(() => {{ const at = document.activeElement; return {found}; }})()"):
            page.keyboard.press("Tab")
            stops += 1
            assert stops <= 10, found

    def follow(words):
        tab_to(f"at.tagName === 'A' && at.textContent.trim().startsWith({words!r})")
        page.keyboard.press("Enter")

    follow("Skip to the content")
    tab_to("/tiny\\/frog\\/index.html$/.test(at.pathname || '')")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/{REPORT}")
    follow("Skip to the content")
    follow(skip)
    tab_to("at.closest('iv-filmstrip') || at.type === 'range'")
    for key in keys:
        page.keyboard.press(key)
    follow("Open the figure")
    page.wait_for_url(f"**/{figure}")


# --- the elements ---------------------------------------------------------------------------------------------


def test_an_element_that_is_taken_out_listens_no_more_and_works_again_when_put_back(visit):
    page = visit(f"{REPORT}#order=faithfulness")
    changes = page.evaluate("""() => {
        let changes = 0;
        const kept = [...document.querySelectorAll('iv-stage, iv-filmstrip, iv-scrubber, iv-strongest')];
        const places = kept.map(element => { const mark = new Comment(); element.before(mark); return mark; });
        kept.forEach(element => {
            element.remove();
            element.addEventListener('iv-change', () => { changes += 1; });
        });
        document.dispatchEvent(new KeyboardEvent('keydown', {key: '2', bubbles: true}));
        document.querySelector('input[value=rival]').click();
        innerview.address.set({method: 'saliency', at: 4});
        kept.reverse().forEach((element, place) => {
            if (!place) changes *= 100;
            places[kept.length - 1 - place].replaceWith(element);
        });
        return changes;
    }""")
    assert changes == 2, "none meanwhile, and one of each stage that is put back"
    assert shown(page) == "Saliency" and page.locator("#stage-4").is_visible()
    page.keyboard.press("1")
    assert page.locator("#maps > details[open]").count() == 1
    assert page.get_by_role("button", name="Sort by faithfulness").count() == 1
    assert page.locator("#maps > details .view__head h3:visible").count() == 1
