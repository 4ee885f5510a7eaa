"""A figure under a magnifying glass, numbers as files, and two figures or films side by side."""

import browsing
import pytest

LAYER = "gallery/tiny/layers/relu0.html"
MAP, SPRITE = "gallery/tiny/frog/grad-cam--relu4--class-frog.html", "gallery/tiny/frog/activations--relu0.html"


# --- a figure under a magnifying glass --------------------------------------------------------------------


def level(page):
    return page.locator(".zoom__level").inner_text()


def test_a_figure_is_enlarged_moved_and_put_back(visit):
    page = visit(MAP)
    assert level(page) == "100 %"
    page.get_by_role("button", name="Zoom in").click()
    assert level(page) == "150 %"
    page.keyboard.press("+")
    assert level(page) == "225 %"
    box = browsing.steady_box(page.locator(".zoom"))
    before = page.locator(".stage__canvas").bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 130, box["y"] + 120, steps=4)
    page.mouse.up()
    after = page.locator(".stage__canvas").bounding_box()
    assert (round(after["x"] - before["x"]), round(after["y"] - before["y"])) == (30, 20)
    page.get_by_role("button", name="Zoom out").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator(".stage__canvas").bounding_box()["x"] < after["x"]
    page.keyboard.press("0")
    assert level(page) == "100 %" and page.locator(".stage__canvas").bounding_box()["x"] == box["x"]


def test_the_words_below_a_strip_stay_with_it(visit):
    page = visit("gallery/tiny/frog/grad-cam-over-depth--class-frog.html")
    names, bar = page.locator(".labels--stage").bounding_box(), page.get_by_role("toolbar").bounding_box()
    assert names["y"] + names["height"] <= bar["y"]


def test_the_wheel_zooms_with_ctrl_alone_and_keeps_the_point(visit):
    page = visit(MAP, 1280, 400)  # a window in which it can scroll
    box = browsing.steady_box(page.locator(".zoom"))
    top = page.evaluate("scrollY")
    page.mouse.move(box["x"] + 50, box["y"] + 60)
    page.mouse.wheel(0, 40)
    page.wait_for_function("top => scrollY > top", arg=top)
    assert level(page) == "100 %", "the page scrolls as ever"
    assert browsing.steady_box(page.locator(".zoom")) == box
    page.keyboard.down("Control")
    page.mouse.wheel(0, -100)
    page.keyboard.up("Control")
    page.wait_for_function("document.querySelector('.zoom__level').textContent === '200 %'")
    now = page.locator(".stage__canvas").bounding_box()
    assert now["x"] == pytest.approx(box["x"] - 50, abs=2) and now["y"] == pytest.approx(box["y"] - 60, abs=2)


def test_channels_can_be_pinned_under_the_glass(visit):
    page = visit(SPRITE)
    page.wait_for_selector(".browser__title")
    page.get_by_role("button", name="Zoom in").click()
    image = page.locator(".stage__canvas img")
    image.click(position={"x": 300, "y": 200})
    first = page.locator(".browser__title").inner_text()
    assert first != "Channel 0" and browsing.where(page).endswith(f"#c{first.split()[1]}")


# --- numbers as files -------------------------------------------------------------------------------------


def test_the_numbers_of_a_figures_channels_are_a_file(visit):
    page = visit(SPRITE)
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Channel numbers as CSV").click()
    lines = waiting.value.path().read_bytes().decode().split("\r\n")
    assert waiting.value.suggested_filename == "activations--relu0.csv"
    assert lines[0] == "channel,max,mean,zeros" and len(lines) == 64 + 2 and lines[33].startswith("32,1.5,")
    assert "--csv activations--relu0.csv" in page.locator("#copy-raw").input_value()


def test_the_numbers_of_a_layers_channels_are_a_file(visit):
    page = visit(LAYER)
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Channel numbers as CSV").click()
    lines = waiting.value.path().read_bytes().decode().split("\r\n")
    assert waiting.value.suggested_filename == "relu0-channels.csv"
    assert lines[0].startswith("channel,largest,mean,zeros,most correlated channel,correlation,state,class raised most")
    assert lines[6].split(",")[4:6] == ["8", "0.981"] and "zero in every image" in lines[4]


def test_a_field_that_a_spreadsheet_would_run_is_text(visit):
    page = visit(LAYER)
    written = page.evaluate("""innerview.csv([['=1+1', 'a "b", c', -2.5, null]])""")
    assert written == '\'=1+1,"a ""b"", c",-2.5,\r\n'


# --- two of a kind ----------------------------------------------------------------------------------------


def test_a_figure_leads_to_itself_of_another_image(visit):
    page = visit(MAP)
    page.get_by_role("link", name="Compare with another image: Cat").click()
    page.wait_for_selector("[data-compared]:not([hidden])")
    links = page.locator(".comparison__pane figcaption a").all_inner_texts()
    assert [words.split(", ")[1] for words in links] == ["Frog", "Cat"]


def test_both_films_play_together(visit, built_site):
    page = visit("gallery/compare/tiny--tiny~pruned-50/frog.html")
    assert page.locator(".comparison__films:visible").count() == 0, "none of them has a film"
    film = page.locator(".comparison__pane img").first.get_attribute("src")
    page.evaluate(
        """film => {
          const stage = document.querySelector('[data-comparison]');
          stage.querySelectorAll('.comparison__pane:not(.comparison__pane--difference) img')
            .forEach(image => image.dataset.animation = film);
          stage.dispatchEvent(new CustomEvent('iv-change'));
        }""",
        film,
    )
    pictures = page.locator("[data-comparison] >> nth=0").locator(".comparison__pane img")
    stills = [pictures.nth(place).get_attribute("src") for place in range(3)]
    page.get_by_role("button", name="Play both animations").click()
    page.wait_for_function(
        "film => document.querySelectorAll('.comparison__pane img')[1].getAttribute('src') === film", arg=film
    )
    assert [pictures.nth(place).get_attribute("src") for place in range(3)] == [film, film, stills[2]]
    page.get_by_role("button", name="Show the stills").click()
    assert [pictures.nth(place).get_attribute("src") for place in range(3)] == stills
