"""What scripts share: numbers as Python prints them, the address that several components keep, where tiles lie."""

import browsing
import pytest
from repository import ROOT

from generator.site.pages import format

CORE = ROOT / "site_src/assets/js/core.js"
VALUES = [
    0,
    1,
    -1,
    0.25,
    -0.0213,
    1.274,
    999.5,
    1000,
    1234.5,
    12345,
    -999999,
    1e6,
    1.23e-7,
    9.999e-5,
    1e-4,
    0.12345,
    2.5e8,
]


@pytest.fixture
def page(chromium):
    with browsing.pages(chromium) as go:
        opened = go()
        opened.route("http://core/*", lambda route: route.fulfill(body="<p>", content_type="text/html"))
        opened.goto("http://core/page")
        opened.add_script_tag(path=CORE)
        yield opened


def test_numbers_are_printed_as_python_prints_them(page):
    assert page.evaluate("all => all.map(innerview.number)", VALUES) == [format.number(value) for value in VALUES]


def test_two_components_keep_their_keys_in_one_address(page):
    page.evaluate("""() => {
        window.heard = [];
        innerview.address.keep(['c'], () => heard.push('channel'), ['own']);
        innerview.address.keep(['colours', 'clip'], () => heard.push('colours'));
        innerview.address.set({c: 17, own: true});
        innerview.address.set({colours: 'heat'});
    }""")
    assert browsing.where(page).endswith("#c17&own&colours=heat")
    assert page.evaluate("heard") == ["channel", "colours"]
    page.evaluate("innerview.address.set({own: false, c: 3})")
    assert browsing.where(page).endswith("#c3&colours=heat")
    page.evaluate("location.hash = '#c5&own'")
    page.wait_for_function("innerview.address.get('c') === '5'")
    assert page.evaluate("[innerview.address.get('own'), innerview.address.get('colours')]") == [True, None]


def test_an_anchor_changes_nothing_that_was_chosen(page):
    page.evaluate("""() => {
        window.heard = 0;
        innerview.address.keep(['show', 'find'], () => { heard += 1; });
        innerview.address.set({show: 'wrong', find: 'a b/c'});
    }""")
    browsing.go_to_fragment(page, "#content")
    assert page.evaluate("[innerview.address.get('show'), heard]") == ["wrong", 1]
    page.evaluate("innerview.address.set({find: null})")
    assert browsing.where(page).endswith("#show=wrong")


def test_every_address_comes_back_as_it_was(page):
    for hash in (
        "#c17&view=slider&at=36",
        "#a=tiny~pruned-50/frog/saliency--class-frog&b=tiny/cat/lrp",
        "#find=%C3%BC%26%3D",
    ):
        assert page.evaluate("hash => innerview.address.written(innerview.address.parse(hash))", hash) == hash
    assert page.evaluate("innerview.address.parse('#stage-1')") is None


def test_the_address_changes_no_more_often_than_browsers_allow(page):
    changes = page.evaluate("""() => {
        let count = 0;
        const replace = history.replaceState;
        history.replaceState = function () { count += 1; return replace.apply(history, arguments); };
        innerview.address.keep(['at'], () => {});
        for (let at = 0; at < 300; at++) innerview.address.set({at: at});
        return count;
    }""")
    assert changes <= 60
    page.wait_for_function("location.hash === '#at=299'")


@pytest.mark.parametrize("edge", [0, 3])
def test_a_point_and_a_corner_are_each_others_inverse(page, edge):
    places = page.evaluate("""edge => {
        const g = Object.assign(innerview.sprite.grid('10 4 3 5 7 2'), {edge}), size = innerview.sprite.sizeOf(g);
        const box = {left: 20, top: 30, width: size.width * 2};
        return Array.from({length: 10}, (_, place) => {
            const at = innerview.sprite.corner(g, place);
            return innerview.sprite.placeAt(g, box, box.left + 2 * at.x + 3, box.top + 2 * at.y + 3);
        });
    }""", edge)  # fmt: skip
    assert places == list(range(10))


def test_a_sprite_of_some_channels_knows_which_it_shows(page):
    assert page.evaluate("""() => {
        const g = innerview.sprite.grid('3 2 2 5 5 1 300 4 17');
        return [innerview.sprite.placeOf(g, 300), innerview.sprite.placeOf(g, 3), innerview.sprite.channelOf(g, 2)];
    }""") == [0, -1, 17]


def test_single_keys_are_answered_unless_one_types_or_turned_them_off(page):
    page.evaluate("""() => {
        document.body.innerHTML = '<input id="field">';
        window.heard = [];
        const act = event => /^[12]$/.test(event.key) && Boolean(heard.push(event.key));
        window.end = innerview.keys.press('1, 2', 'Either', act);
    }""")
    for key in ("1", "3", "2"):
        page.keyboard.press(key)
    page.keyboard.press("Control+1")
    page.focus("#field")
    page.keyboard.press("1")
    assert page.evaluate("heard.join()") == "1,2" and page.locator("#field").input_value() == "1"
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Control+/")
    assert "1, 2" in page.get_by_role("dialog").inner_text()
    page.keyboard.press("2")
    page.get_by_label("Single keys, such as ? for this list").uncheck()
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog", state="detached")
    page.keyboard.press("1")
    assert page.evaluate("heard.join()") == "1,2", "a dialog was open, or they are turned off"
    page.keyboard.press("Control+/")
    assert "1, 2" not in page.get_by_role("dialog").inner_text()
    page.get_by_label("Single keys, such as ? for this list").check()
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog", state="detached")
    page.keyboard.press("1")
    page.evaluate("end()")
    page.keyboard.press("1")
    assert page.evaluate("heard.join()") == "1,2,1"


def test_n_and_p_follow_their_links_and_take_the_choice_along(page):
    page.evaluate("""() => {
        document.body.innerHTML = '<a href="/next" aria-keyshortcuts="n">next</a>';
        innerview.address.keep(['at'], () => {});
        innerview.address.set({at: 5});
    }""")
    page.keyboard.press("p")
    assert browsing.where(page) == "http://core/page#at=5"
    page.keyboard.press("n")
    page.wait_for_url("http://core/next#at=5")
