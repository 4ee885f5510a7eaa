"""What someone types into the search of the site, and what is offered first."""

import json
import shutil

import browsing
import pytest
import tiny_nets

from generator.pipeline.manifest import entry_of
from generator.site import diagnose, mkdocs_hooks
from generator.site.pages import search_entries
from generator.site.pages.manifest_index import Gallery

FIRST = {  # what is typed -> where the first hit leads, or may lead
    "grad-cam": ["gallery/methods/grad-cam.html"],
    "gradcam": ["gallery/methods/grad-cam.html"],
    "cam": ["gallery/methods/cam.html", "gallery/methods/grad-cam.html"],
    "heatmap": ["gallery/methods/grad-cam.html"],
    "saliency": ["gallery/methods/saliency.html"],
    "frog": ["gallery/images/frog.html"],
    "attribution": ["glossary.html#attribution"],
    "feature visualization": ["glossary.html#feature-visualisation", "gallery/methods/activation-maximisation.html"],
    "receptive field": ["glossary.html#receptive-field"],
    "integrated gradients": ["gallery/methods/integrated-gradients.html"],
    "ca": ["gallery/methods/cam.html", "gallery/methods/grad-cam.html", "gallery/images/cat.html"],
    "relu4": ["glossary.html#relu"],
}


@pytest.fixture(scope="module")
def searching(chromium, built_site, fake_gallery, tmp_path_factory):
    """A page of the site, with every method of the program in its index, whose search is open; and what was asked
    for before.
    """
    site = tmp_path_factory.mktemp("searched") / "site"
    shutil.copytree(built_site, site, ignore=shutil.ignore_patterns("*.png", "*.webp", "*.woff2"))
    methods = {card["slug"]: card for card in [*map(entry_of, tiny_nets.CARDS.values()), *fake_gallery[1]["methods"]]}
    search_entries.write(Gallery(fake_gallery[1] | {"methods": list(methods.values())}), site)
    mkdocs_hooks.add_entries(site / search_entries.FILE, site / mkdocs_hooks.INDEX)
    with browsing.served(site) as address:
        context = chromium.new_context()
        context.set_default_timeout(90_000)
        page, requests = context.new_page(), []
        page.on("request", lambda request: requests.append(request.url))
        page.goto(f"{address}/404.html", wait_until="networkidle")
        before = list(requests)
        page.get_by_role("textbox", name="Search").click()
        page.wait_for_function("!document.querySelector('.md-search-result__meta').textContent.includes('Init')")
        yield page, before
        context.close()


def test_the_index_is_loaded_when_someone_means_to_search(searching):
    page, before = searching
    assert not [url for url in before if "search_index" in url]
    assert (
        page.evaluate("performance.getEntriesByType('resource').filter(e => /search_index/.test(e.name)).length") == 1
    )


@pytest.mark.parametrize("query", FIRST)
def test_the_first_hit_is_what_one_means(searching, query):
    page, _ = searching
    field = page.get_by_role("textbox", name="Search")
    for words in ("", query):
        page.wait_for_function("!document.querySelector('.md-search-result__item')")
        field.fill(words)
        page.keyboard.press("Shift")  # the theme listens to keys
    first = page.locator(".md-search-result__item").first
    first.wait_for()
    links = first.locator("a.md-search-result__link").evaluate_all(
        "all => all.map(a => decodeURI(a.href).replace(location.origin + '/', '').replace(/\\?h=[^#]*/, ''))"
    )
    shown = links[1:] if "#" in FIRST[query][0] else links[:1]  # a section stands below its page
    field.fill("")
    page.keyboard.press("Shift")
    assert set(shown) & set(FIRST[query]), links


def test_there_is_an_entry_for_everything_one_looks_for(fake_gallery):
    gallery = Gallery(fake_gallery[1])
    entries = search_entries.entries(gallery)
    places = [entry.location for entry in entries]
    assert len(set(places)) == len(places)
    wanted = [f"gallery/images/{image}.html" for image in gallery.images]
    wanted += [f"gallery/methods/{method}.html" for method in gallery.methods]
    wanted += [f"gallery/{model}/{image}/index.html" for model in gallery.models for image in gallery.images_of(model)]
    wanted += ["gallery/tiny/classes/frog.html", "gallery/tiny/layers/relu0.html"]
    assert set(wanted) <= set(places)


def test_the_index_holds_no_facts_and_no_matrices(built_site):
    index = json.loads((built_site / "search/search_index.json").read_text())
    pages = {entry["location"]: entry["text"] for entry in index["docs"]}
    assert "SHA-256" not in pages["gallery/images/frog.html"]
    assert max(len(words) for place, words in pages.items() if place.startswith("gallery/")) < 3000


def test_what_is_hostile_reaches_the_index_as_text(fake_gallery, tmp_path):
    manifest = json.loads(json.dumps(fake_gallery[1]))
    manifest["images"][0]["title"] = "<img src=x onerror=alert(1)>"
    search_entries.write(Gallery(manifest), tmp_path)
    written = (tmp_path / search_entries.FILE).read_text()
    assert "&lt;img src=x" in written and "<img" not in json.loads(written)[len(manifest["methods"])]["title"]


@pytest.mark.parametrize("separator, told", [(r"[\s\-]+", 1), (r"[\s\-\d]+", 0), ("[", 0)])
def test_check_says_when_the_separator_breaks_queries(tmp_path, separator, told):
    (tmp_path / "search").mkdir()
    (tmp_path / "search/search_index.json").write_text(json.dumps({"config": {"separator": separator}}))
    assert len(diagnose.search_problems(tmp_path)) == told


def test_the_sites_own_separator_is_whole(built_site):
    assert diagnose.search_problems(built_site) == []
