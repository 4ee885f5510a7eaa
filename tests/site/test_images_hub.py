"""The hub of many images: numbered pages that need no scripts, and a filter that looks at the images of all of them."""

import gzip
import re

import browsing
import pytest
from repository import ROOT

from generator.site.assets import ASSETS
from generator.site.pages import index_pages, urls, write
from generator.site.pages.manifest_index import Gallery

IMAGES, PER_PAGE = 21, 6
STYLES, SCRIPTS = ASSETS["site"].styles, ("core", "enhance/card-filter")
ASSETS_FOLDER = ROOT / "site_src/assets"
# What a card is, without spaces between its elements and with whole addresses.
PLAIN = """card => {
    const copy = card.cloneNode(true), seen = document.createTreeWalker(copy, NodeFilter.SHOW_TEXT), blank = [];
    const from = card.querySelectorAll('a, img');
    copy.querySelectorAll('a, img').forEach((one, at) => {
        one.setAttribute(one.href ? 'href' : 'src', from[at].href || from[at].src);
    });
    while (seen.nextNode()) if (!seen.currentNode.textContent.trim()) blank.push(seen.currentNode);
    blank.forEach(text => text.remove());
    copy.removeAttribute('hidden');
    copy.querySelectorAll('*').forEach(one => {
        const all = [...one.attributes].map(({name, value}) => [name, value]).sort();
        all.forEach(([name]) => one.removeAttribute(name));
        all.forEach(([name, value]) => one.setAttribute(name, value));
    });
    return copy.outerHTML;
}"""


def multiplied(manifest, count):
    """The manifest with so many images, whose reports hold one figure each."""
    many = {**manifest, "images": [], "predictions": [], "figures": [], "comparisons": []}
    for number in range(count):
        image = manifest["images"][number % len(manifest["images"])]
        key = {"image": f"{image['id']}-{number:04}"}
        many["images"].append({**image, "id": key["image"], "title": f"{image['title']} {number}"})
        for kind in ("predictions", "figures"):
            reports = {one["model"]: one for one in manifest[kind] if one["image"] == image["id"]}
            many[kind] += [{**one, **key} for one in reports.values()]
    return many


def rendered(gallery, number):
    """The body of a page of the hub."""
    return write.render(write.jinja([ROOT / "templates"]), "pages/images.md", index_pages.images(gallery, number))


@pytest.fixture(scope="module")
def hub(fake_gallery, tmp_path_factory):
    """The pages of the hub, with their styles and scripts but without the frame of the theme; by number."""
    root, gallery, found = tmp_path_factory.mktemp("hub"), Gallery(multiplied(fake_gallery[1], IMAGES)), {}
    styles = [f'<link rel="stylesheet" href="{(ASSETS_FOLDER / f"css/{name}.css").as_uri()}">' for name in STYLES]
    scripts = [f'<script src="{(ASSETS_FOLDER / f"js/{name}.js").as_uri()}"></script>' for name in SCRIPTS]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(urls, "PER_PAGE", PER_PAGE)
        for number, page in enumerate(urls.images_pages(IMAGES), 1):
            found[number] = root / page
            found[number].parent.mkdir(parents=True, exist_ok=True)
            head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Images</title>{"".join(styles)}'
            body = f'<main class="md-typeset">{rendered(gallery, number)}</main>{"".join(scripts)}'
            found[number].write_text(f'{head}<body style="background:var(--paper);color:var(--ink)">{body}')
        for name, script in index_pages.data_scripts(gallery).items():
            (root / name).write_text(script)
    for image in fake_gallery[1]["images"]:
        thumb = root / "gallery" / image["thumb"]
        thumb.write_bytes((fake_gallery[0] / image["thumb"]).read_bytes())
    return found


@pytest.fixture
def visit(chromium, hub):
    with browsing.pages(chromium) as go:
        yield lambda number, fragment="", **wishes: go(hub[number].as_uri() + fragment, **wishes)


def titles(page):
    """The titles of the cards that are to be seen."""
    return page.locator(".card:visible h2").all_inner_texts()


def test_a_hub_of_few_images_is_one_page(fake_gallery):
    few = Gallery(multiplied(fake_gallery[1], urls.PER_PAGE))
    assert urls.images_pages(len(few.images)) == [urls.hub_page("images")]
    page = index_pages.images(few)
    assert len(page.images) == urls.PER_PAGE and page.numbers == [] and "page-numbers" not in rendered(few, 1)


def test_without_scripts_each_image_is_on_a_page_that_the_others_link_to(visit, hub):
    page, seen = visit(1, java_script_enabled=False), []
    for number in hub:
        assert page.locator("[aria-current=page]").last.inner_text() == str(number)
        seen += titles(page)
        if number < len(hub):
            page.get_by_role("navigation", name="Pages of images").get_by_role("link", name=str(number + 1)).click()
    assert len(hub) == 4 and [int(title.split()[1]) for title in seen] == list(range(IMAGES))
    page.get_by_role("link", name="1", exact=True).click()
    assert "Frog 0" in titles(page) and page.locator(".filter").count() == 0


def test_the_filter_finds_images_of_all_pages_from_any_of_them(visit):
    page = visit(2)
    assert titles(page) == ["Frog 6", "Cat 7", "Rocket 8", "Frog 9", "Cat 10", "Rocket 11"]
    page.get_by_role("searchbox", name="Filter by text").fill("cat 1")
    assert titles(page) == ["Cat 1", "Cat 10", "Cat 13", "Cat 16", "Cat 19"]
    assert page.locator(".filter output").inner_text() == "5 of 21" and browsing.where(page).endswith("#find=cat%201")
    assert page.locator(".page-numbers").is_hidden()
    assert page.locator(".card img").evaluate_all("all => all.map(one => one.naturalWidth > 0)").count(True) >= 5
    page.get_by_role("searchbox", name="Filter by text").fill("")
    assert titles(page)[0] == "Frog 6" and len(titles(page)) == PER_PAGE
    assert page.locator(".page-numbers").is_visible() and page.locator(".card").count() == PER_PAGE


def test_a_choice_in_the_address_holds_on_every_page_and_in_a_new_one(visit):
    for number in (1, 4):
        page = visit(number, "#class=dog&find=19")
        page.wait_for_selector(".filter")
        assert titles(page) == ["Cat 19"], "predicted is a dog"


def test_of_many_that_fit_a_page_is_shown_and_more_on_demand(visit):
    page = visit(1)
    page.get_by_role("group", name="Prediction").get_by_role("button", name="wrong").click()
    assert len(titles(page)) == PER_PAGE and page.locator(".filter output").inner_text() == "7 of 21"
    page.get_by_role("button", name="Show more").press("Enter")
    assert len(titles(page)) == 7 and page.evaluate("document.activeElement.textContent") == "Cat 19"
    assert page.get_by_role("button", name="Show more").is_hidden()


def test_a_card_that_the_script_makes_is_that_of_the_server(visit):
    for theirs, fragment in ((1, "Frog 0"), (3, "Cat 13"), (4, "Rocket 20")):
        written = visit(theirs).locator(".card", has_text=re.compile(rf"^\s*{fragment}\s"))
        made = visit(2, f"#find={fragment}").locator(".card:visible").first
        assert made.evaluate(PLAIN) == written.evaluate(PLAIN)


@pytest.mark.parametrize("scheme", ["default", "slate"])
def test_the_hub_and_its_numbers_can_be_read_by_all(visit, scheme):
    page = visit(2)
    page.evaluate("scheme => document.body.setAttribute('data-md-color-scheme', scheme)", scheme)
    assert browsing.violations(page) == []
    page.locator(".page-numbers a").first.focus()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "3", "this page is no link"


def test_a_page_of_a_thousand_images_is_light(fake_gallery):
    gallery = Gallery(multiplied(fake_gallery[1], 1000))
    pages = [rendered(gallery, number) for number in range(1, 6)]
    assert sum(page.count('<li class="card">') for page in pages) == 1001, "and one that could not be read"
    assert max(len(gzip.compress(page.encode())) for page in pages) < 60_000
    (script,) = index_pages.data_scripts(gallery).values()
    assert len(gzip.compress(script.encode())) < 60_000
