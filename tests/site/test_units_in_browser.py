"""One channel of a layer as a place of its own, and the ways between classes, images and channels."""

import re

import browsing

LAYER, CLASS = "gallery/tiny/layers/relu0.html", "gallery/tiny/classes/frog.html"


def unit(page, channel):
    """The place of a channel, once its numbers are there."""
    page.wait_for_function(f"document.querySelector('.unit__title')?.textContent.startsWith('Channel {channel} ')")
    page.wait_for_selector(".unit__part--values")
    return page.locator("iv-unit")


# --- a unit -----------------------------------------------------------------------------------------------


def test_a_channel_is_a_place_where_the_address_names_it(visit):
    page = visit(LAYER)
    assert page.locator("iv-unit").is_hidden(), "no channel is named"
    page.evaluate("location.hash = '#c5'")
    place = unit(page, 5)
    heads = place.locator("h3").all_inner_texts()
    assert heads == ["Dataset examples", "Map of an image", "Values", "Classes it raises most", "Near-duplicates"]
    assert place.locator(".unit__examples li").count() == 9
    assert "channel 8 correlation 0.981" in place.locator(".unit__alike").inner_text()
    assert "mean over 16 images" in place.locator(".unit__part--classes").inner_text()
    assert place.locator(".unit__part--classes a").first.get_attribute("href").startswith("../classes/")
    place.locator(".unit__alike a").click()
    unit(page, 8)


def test_of_a_silent_channel_nothing_is_invented(visit):
    place = unit(visit(f"{LAYER}#c3"), 3)
    assert place.locator(".unit__examples li").count() == 0
    assert "No image activates this channel." in place.inner_text()
    assert "zero in every image" in place.locator(".unit__part--values").inner_text()
    assert "It raises the score of none." in place.inner_text() and "No correlation was measured" in place.inner_text()


def test_previous_next_random_and_close_keep_the_keyboard(visit):
    page = visit(f"{LAYER}#c0")
    unit(page, 0)
    page.get_by_role("button", name="Previous channel").click()
    unit(page, 63)
    assert browsing.where(page).endswith("#c63")
    page.get_by_role("button", name="Next channel").press("ArrowLeft")
    unit(page, 62)
    assert page.evaluate("document.activeElement.textContent") == "Next channel"
    page.get_by_role("button", name="Random channel").click()
    page.wait_for_function("!location.hash.startsWith('#c62')")
    page.get_by_role("button", name="Close channel").click()
    assert page.locator("iv-unit").is_hidden() and "#c" not in browsing.where(page)


def test_who_comes_for_a_channel_finds_the_rest_of_the_layer_folded(visit):
    page = visit(f"{LAYER}#c5")
    unit(page, 5)
    rest = page.locator("iv-channel-table, [data-layer]")
    assert not any(section.is_visible() for section in rest.all()) and rest.count() == 2
    page.get_by_role("button", name="Next channel").click()
    unit(page, 6)
    assert not rest.first.is_visible(), "the way from channel to channel stays short"
    page.get_by_role("button", name="Show the whole layer").press("Enter")
    assert all(section.is_visible() for section in rest.all()) and page.locator("iv-unit").is_visible()
    assert page.evaluate("document.querySelector('iv-channel-table').contains(document.activeElement)")
    assert page.get_by_role("button", name="Show the whole layer").count() == 0
    for ending in ("document.querySelector('.unit__moves > :last-child').click()", "location.hash = '#images'"):
        page = visit(f"{LAYER}#c5")
        unit(page, 5)
        page.evaluate(ending)
        page.wait_for_function("!document.querySelector('[data-layer]').hidden")


def test_the_slider_moves_no_place_into_view_until_asked(visit):
    page = visit(LAYER)
    page.get_by_role("slider", name="Channel").press("ArrowRight")
    assert page.locator("iv-unit").is_hidden() and browsing.where(page).endswith("#c1")
    page.get_by_role("button", name="Open this channel").click()
    unit(page, 1)
    assert page.evaluate("document.activeElement.id") == "unit"
    page.get_by_role("slider", name="Channel").press("ArrowRight")
    unit(page, 2)


def test_the_map_is_that_of_the_image_one_chooses(visit):
    page = visit(f"{LAYER}#c5")
    place = unit(page, 5)
    place.get_by_label("Image").select_option("cat")
    link = place.locator(".unit__map a")
    assert link.get_attribute("href").endswith("cat/activations--relu0.html#c5")
    assert link.locator("[role=img]").get_attribute("aria-label") == "channel 5 of Cat"
    place.get_by_role("button", name="Next channel").click()
    unit(page, 6)
    assert place.locator(".unit__map a [role=img]").get_attribute("aria-label") == "channel 6 of Cat", "the image stays"


def test_a_unit_that_leaves_the_page_hears_nothing_and_comes_back(visit):
    page = visit(f"{LAYER}#c5")
    unit(page, 5)
    page.evaluate("window.kept = document.querySelector('iv-unit'); window.before = kept.nextSibling; kept.remove()")
    page.evaluate("innerview.address.set({c: 7})")
    assert page.evaluate("[kept.hidden, kept.childElementCount]") == [True, 0]
    assert page.locator(".unit__rest").count() == 0 and page.locator("[data-layer]").is_visible()
    page.evaluate("before.before(kept)")
    unit(page, 7)
    assert page.locator("iv-unit .unit__bar").count() == 1


def test_a_layer_that_was_not_probed_says_what_is_missing(visit, built_site, address):
    """Its page is the same without the table, and is answered in the place of the other."""
    whole = (built_site / LAYER).read_text()
    bare = re.sub(r"<iv-channel-table.*?</iv-channel-table>", "", whole, flags=re.S)
    assert bare != whole
    page = visit("404.html")
    page.route(f"**/{LAYER}", lambda route: route.fulfill(body=bare, content_type="text/html"))
    page.goto(f"{address}/{LAYER}#c5")
    page.wait_for_selector(".unit__part--map")
    assert page.locator("iv-unit h3").all_inner_texts() == ["Map of an image"]
    assert "are not measured in this gallery" in page.locator(".unit__note").inner_text()


def test_a_unit_opens_from_a_file(visit, built_site):
    unit(visit((built_site / LAYER).as_uri() + "#c5"), 5)


def test_without_scripts_the_place_of_a_unit_stays_away(visit):
    page = visit(f"{LAYER}#c5", java_script_enabled=False)
    assert page.locator("iv-unit").is_hidden() and page.locator(".layer__image").first.is_visible()


# --- narrowing images -------------------------------------------------------------------------------------


def test_images_are_narrowed_to_a_predicted_class(visit):
    page = visit("gallery/images/index.html")
    page.get_by_role("group", name="Predicted class").get_by_role("button", name="dog").click()
    assert page.locator(".card:visible h2").all_inner_texts() == ["Cat"]
    assert browsing.where(page).endswith("#class=dog")


def test_a_class_leads_to_the_channels_that_raise_it(visit):
    page = visit(CLASS)
    link = page.locator(".class-channels a[href*='#c']").first
    channel = link.inner_text()
    link.click()
    place = unit(page, channel)
    assert "frog" in place.locator(".unit__part--classes .bars").inner_text()
