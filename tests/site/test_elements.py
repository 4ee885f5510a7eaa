"""Elements of our own: complete without scripts, and with no listener left when they leave the page."""

import re

import browsing
import pytest
from repository import ROOT

from generator.site.pages.data_script import data_script
from generator.site.pages.escape import fold

SCRIPTS = ROOT / "site_src/assets/js"
FIGURE = "gallery/tiny/frog/activations--relu0.html"
WHERE = {
    "iv-channels": FIGURE,
    "iv-copy": FIGURE,
    "iv-compare": "gallery/compare/tiny--tiny~pruned-50/frog.html",
    "iv-channel-table": "gallery/tiny/layers/relu0.html#c3",  # fetched at once, as a channel is asked for
}
# How many listeners there are: those added, less those removed, whose signal was aborted, or which were called once.
COUNTING = """
    window.listeners = 0;
    const add = EventTarget.prototype.addEventListener, remove = EventTarget.prototype.removeEventListener;
    EventTarget.prototype.addEventListener = function (type, act, options) {
        const signal = options && options.signal;
        if (signal && signal.aborted) return;
        if (!(this instanceof AbortSignal)) {
            window.listeners += 1;
            let counted = true;
            const less = () => { window.listeners -= counted; counted = false; };
            if (signal) add.call(signal, "abort", less);
            if (options && options.once) add.call(this, type, less, options);
        }
        return add.call(this, type, act, options);
    };
    EventTarget.prototype.removeEventListener = function (...given) {
        window.listeners -= 1;
        return remove.apply(this, given);
    };
"""
AWAY_AND_BACK = """name => {
    const host = document.querySelector(name), next = host.nextSibling, parent = host.parentNode, counts = [];
    for (let round = 0; round < 3; round++) {
        host.remove();
        counts.push(window.listeners);
        parent.insertBefore(host, next);
        counts.push(window.listeners);
    }
    return counts;
}"""


@pytest.mark.parametrize("name", WHERE)
def test_an_element_that_leaves_takes_its_listeners_along(chromium, built_site, name):
    with browsing.pages(chromium) as go:
        page = go()
        page.add_init_script(COUNTING)
        page.goto(f"{built_site.as_uri()}/{WHERE[name]}")
        if name == "iv-channel-table":
            page.get_by_role("button", name="Show the whole layer").click()
            page.wait_for_selector(f"{name} select")
        page.wait_for_function("name => document.querySelector(name).ending instanceof AbortController", arg=name)
        counts = page.evaluate(AWAY_AND_BACK, name)
        away, back = counts[::2], counts[1::2]
        assert len(set(away)) == 1 and len(set(back)) == 1, f"listeners stay: {counts}"
        assert back[0] > away[0], "there are listeners while it is on the page"
        page.keyboard.press("Control+/")
        headings = page.locator(".keys h3").all_inner_texts()
        assert len(headings) == len(set(headings)), "its keys are listed once"


@pytest.mark.parametrize("name", WHERE)
def test_without_scripts_the_servers_html_is_all_there(chromium, built_site, name):
    with browsing.pages(chromium) as go:
        page = go(f"{built_site.as_uri()}/{WHERE[name]}", java_script_enabled=False)
        host = page.locator(name).first
        assert host.locator("xpath=./*").count() >= 1
        if name == "iv-copy":
            assert host.locator("textarea").is_visible() and host.locator("button").is_hidden()
        elif name == "iv-compare":
            assert page.locator(".comparison__pane img").first.is_visible()
        else:
            assert host.locator("img, h2").first.is_visible()


def test_what_an_element_shows_is_announced_as_one_event(chromium, built_site):
    with browsing.pages(chromium) as go:
        page = go((built_site / FIGURE).as_uri())
        page.evaluate("document.addEventListener('iv-change', event => { window.heard = event.detail; })")
        page.locator(".stage__canvas .magnifier__mark").focus()
        page.keyboard.press("ArrowRight")
        assert page.evaluate("window.heard") == {"channel": 1}


def test_there_is_one_global():
    for path in sorted(
        set(SCRIPTS.rglob("*.js")) - set(SCRIPTS.glob("live*.js"))
    ):  # the live page has its own with Python
        named = set(re.findall(r"\binnerview[A-Z]\w*", path.read_text()))
        assert named == set(), f"{path.name}: lay it into innerview.data, or into innerview"
    assert "</script" not in data_script("names", ["</script><script>"])


def test_a_number_and_its_unit_stay_on_one_line():
    assert fold("  63.3\xa0%  of\n it") == "63.3\xa0% of it"


def test_a_percentage_does_not_break_on_a_phone(chromium, built_site):
    with browsing.pages(chromium) as go:
        page = go((built_site / "gallery/images/index.html").as_uri(), width=390)
        percents = page.locator(".verdict span").all_inner_texts()
        assert any("%" in words for words in percents)
        assert [words for words in percents if re.search(r"\d %", words)] == [], "with a space that may break"
