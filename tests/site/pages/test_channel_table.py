"""The channels of a layer one by one, and the findings of a network: sorted, narrowed, linked, without a script."""

import json
import re

import browsing
import fake_probe
import pytest

from generator.site.pages import channel_table
from generator.site.pages.manifest_index import Gallery

LAYER, FINDINGS = "gallery/tiny/layers/relu0.html", "gallery/tiny/findings/index.html"


@pytest.fixture(scope="module")
def gallery(fake_gallery):
    return Gallery(fake_gallery[1])


def channels(page):
    """The channels of the rows, from the top, of a layer that is unfolded where the address names a channel."""
    if (folded := page.get_by_role("button", name="Show the whole layer")).count():
        folded.click()
    page.wait_for_selector(".channel-table__table tbody tr")
    return [int(words) for words in page.locator(".channel-table__table tbody th").all_inner_texts()]


# --- what pages are given ---------------------------------------------------------------------------------


def test_what_one_would_look_at_first_stands_on_the_page_itself(gallery):
    shown = channel_table.channel_table(gallery, "tiny", "relu0")
    assert [(row.channel, row.anchor) for row in shown.rows] == [(3, "c3"), (5, "c5"), (8, "c8")]
    assert shown.summary == ["1 of 64 are zero in every image.", "1 pair is near-duplicates."]
    assert (shown.script, shown.findings) == ("relu0.units.js", "../findings/index.html")
    assert shown.strip == "9 16 1" and shown.cells.split()[0] == "64"
    assert channel_table.channel_table(gallery, "tiny", "bn2").summary == [
        "No channel is zero everywhere, constant or a near-duplicate of another."
    ]


def test_the_script_holds_every_channel_in_few_letters(gallery):
    told = next(one for one in gallery.probes["tiny"]["layers"] if one["layer"] == "relu0")
    found = fake_probe.channels("tiny", "relu0")
    text = channel_table.script(told, found)
    data = json.loads(re.fullmatch(r".*\[\"channel-table\"\]=(.*);\n", text)[1])
    assert {len(data[name]) for name in ("max", "mean", "zeros", "state", "bars", "top", "image")} == {64}
    assert data["state"][3] == "d" and data["partner"][5] == 8 and data["zeros"][3] == 1000
    assert all(len(bars) == 31 and bars[:15] == "0" * 15 for bars in data["bars"])
    assert data["bars"][0][int(found["histogram"][0].argmax())] == "z"
    assert len(text) < 64 * 220


def test_what_is_no_number_is_null():
    assert channel_table._short(fake_probe.np.array([1.23456, float("-inf"), 2.0])) == [1.23, None, 2]


# --- in a browser -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [LAYER, FINDINGS])
def test_pages_are_accessible_and_fit_a_phone(visit, name):
    for wishes in ({}, {"color_scheme": "dark", "width": 390, "height": 844}):
        page = visit(f"{name}#c5" if name == LAYER else name, **wishes)
        if name == LAYER:
            channels(page)
        assert browsing.violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= wishes.get("width", 1280)


def test_channels_are_sorted_narrowed_and_more_are_shown(visit):
    page = visit(f"{LAYER}#c8")
    assert channels(page)[:3] == [8, 0, 1], "the channel of the address comes first"
    assert len(channels(page)) == 24
    page.get_by_role("button", name="Show more").click()
    assert sorted(channels(page)) == list(range(64))
    page.locator(".channel-table__choice select").nth(1).select_option("silent")
    assert channels(page) == [8, 3]
    page.locator(".channel-table__choice select").nth(1).select_option("alike")
    assert channels(page) == [8, 5]
    page.locator(".channel-table__choice select").nth(1).select_option("all")
    page.locator(".channel-table__choice select").first.select_option("max")
    largest = fake_probe.channels("tiny", "relu0")["max"]
    assert channels(page)[1] == int(largest.argmax())


def test_a_link_to_a_channel_moves_it_to_the_top(visit):
    page = visit(f"{LAYER}#c8")
    channels(page)
    page.evaluate("location.hash = '#c40'")
    page.wait_for_selector(".channel-table__pinned#c40")
    assert channels(page)[0] == 40
    assert "dataset examples of channel 40" in page.locator("#c40 .channel-table__seen [role=img]").get_attribute(
        "aria-label"
    )


def test_the_pinned_row_follows_the_slider_and_keeps_the_keyboard(visit):
    page = visit(f"{LAYER}#c8")
    channels(page)
    page.get_by_role("slider", name="Channel").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_selector(".channel-table__pinned#c9")
    page.locator("#c5 th a").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".channel-table__pinned#c5")
    assert page.evaluate("document.activeElement.closest('tr')?.id") == "c5"


def test_a_layer_page_opens_from_a_file(visit, built_site):
    page = visit((built_site / LAYER).as_uri() + "#c5")
    assert channels(page)[0] == 5
    assert "near-duplicate of channel 8" in page.locator("#c5 .channel-table__why").inner_text()


def test_without_scripts_the_notable_channels_and_all_patches_are_there(visit):
    page = visit(LAYER, java_script_enabled=False)
    assert page.locator(".channel-table__noted tbody th").all_inner_texts() == ["3", "5", "8"]
    page.locator(".channel-table__all summary").click()
    assert page.locator(".channel-table__all img").is_visible()


def test_findings_lead_to_the_channel_and_begin_with_what_was_wrong(visit):
    page = visit(FINDINGS)
    assert page.locator("h2").first.inner_text() == "Wrong predictions"
    assert page.locator("[data-fault=twins]").count() == 1 and page.locator("[data-fault=dead]").count() == 1
    assert "40" in page.locator(".confusions tbody tr").nth(3).locator("td").nth(5).inner_text()
    page.locator("[data-fault=dead] .faults__links a").first.click()
    page.wait_for_selector(".unit__part--values")
    assert "zero in every image" in page.locator("iv-unit").inner_text()
    assert channels(page)[0] == 3


def test_the_hub_and_the_model_lead_to_findings(visit):
    for name in ("gallery/models/index.html", "gallery/tiny/index.html"):
        page = visit(name)
        assert page.locator("a[href$='findings/index.html']").count() >= 1
