"""Style sheets stand in layers, so that none has to fight the theme; each name of a layer, file and font is there."""

import re

import browsing
import pytest
from repository import ROOT

from generator.site import assets
from generator.site.assets import ASSETS

ASSETS_FOLDER = ROOT / "site_src" / "assets"
SHEETS = sorted((ASSETS_FOLDER / "css").rglob("*.css"))
LAYERS = "theme base components pages print".split()


def bare(path):
    """The text of a sheet without its comments."""
    return re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)


def outermost(css):
    """What stands before each outermost block of a sheet, or before a semicolon there."""
    depth, words, found = 0, "", []
    for character in css:
        if character == "}":
            depth -= 1
        elif depth == 0 and character in "{;":
            found.append(words.strip())
            words = ""
        elif depth == 0:
            words += character
        depth += character == "{"
    assert depth == 0 and not words.strip()
    return found


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda path: path.name)
def test_every_rule_stands_in_a_layer(sheet):
    allowed = {f"@layer {name}" for name in LAYERS[1:]} | {f"@layer {', '.join(LAYERS)}", "@font-face"}
    assert set(outermost(bare(sheet))) <= allowed


def test_only_one_sheet_knows_the_class_of_the_theme():
    assert {sheet.name for sheet in SHEETS if ".md-typeset" in bare(sheet)} <= {"theme.css"}


def test_the_sheets_of_the_theme_are_below_ours(built_site):
    theirs = sorted((built_site / "assets/stylesheets").glob("*.css"))
    assert len(theirs) >= 2
    for sheet in theirs:
        assert set(outermost(bare(sheet).removeprefix('@charset "UTF-8";'))) == {
            f"@layer {', '.join(LAYERS)}",
            "@layer theme",
        }, "a rule outside of layers wins over all that stand in one"


def test_a_rule_of_ours_wins_over_one_of_the_theme_that_is_more_specific(chromium, built_site):
    page = chromium.new_page()
    page.goto((built_site / "index.html").as_uri())
    sizes = page.evaluate("""() => {
        const made = document.querySelector('.page').appendChild(document.createElement('h2'));
        return [getComputedStyle(made).marginBottom, getComputedStyle(document.documentElement).fontSize];
    }""")
    page.close()
    assert float(sizes[0][:-2]) == pytest.approx(0.2 * float(sizes[1][:-2]), abs=0.1)  # as `.page h2` says


@pytest.mark.parametrize("name", ["index.html", "gallery/tiny/frog/saliency--class-frog.html"])
def test_pages_are_set_in_fonts_of_our_own(chromium, built_site, name):
    with browsing.served(built_site) as address, browsing.pages(chromium) as go:
        page = go(f"{address}/{name}")
        page.evaluate("document.fonts.ready")
        loaded = (
            "[...document.fonts].filter(font => font.status === 'loaded').map(font => font.family.replaceAll('\"', ''))"
        )
        assert set(page.evaluate(loaded)) == {"Inter Variable", "Source Serif 4 Variable"}


def test_each_font_has_its_licence_and_is_small():
    fonts = sorted((ASSETS_FOLDER / "fonts").glob("*.woff2"))
    assert len(fonts) == 2 and sum(font.stat().st_size for font in fonts) < 110_000
    for font in fonts:
        licence = ASSETS_FOLDER / "fonts" / f"{font.name.split('-latin')[0]}.LICENSE.txt"
        assert "SIL Open Font License" in licence.read_text()


def test_the_ring_of_what_has_the_keyboard_is_one():
    rings = [
        sheet.name for sheet in SHEETS for _ in re.findall(r"outline: *[1-9]\w* solid var\(--green\)", bare(sheet))
    ]
    assert rings.count("tokens.css") == 0 and len(rings) <= 2, "write `outline: var(--ring)`"


@pytest.mark.parametrize("scheme, green", [("light", "rgb(15, 107, 69)"), ("dark", "rgb(111, 207, 157)")])
def test_the_ring_has_the_green_of_its_scheme(chromium, built_site, scheme, green):
    with browsing.served(built_site) as address, browsing.pages(chromium) as go:
        page = go(f"{address}/gallery/tiny/frog/index.html", color_scheme=scheme)
        link = page.locator(".page .breadcrumb a").first
        link.focus()
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Tab")
        assert link.evaluate("e => [getComputedStyle(e).outlineColor, getComputedStyle(e).outlineWidth]") == [
            green,
            "2px",
        ]


@pytest.mark.parametrize("kind", ASSETS)
def test_what_a_kind_of_page_loads_is_there_and_the_kind_too(kind):
    if kind != "site":
        folder = ROOT / "templates" if "/" in kind else ROOT / "templates/pages"
        assert list(folder.glob(f"{kind.partition('+')[0]}.*")), f"no page is a {kind}"
    assert [name for name in assets.files(kind) if not (ASSETS_FOLDER / name).is_file()] == []


def test_every_sheet_and_script_is_loaded_by_some_kind_of_page():
    listed = {name for kind in ASSETS for name in assets.files(kind)}
    there = {
        path.relative_to(ASSETS_FOLDER).as_posix()
        for kind in ("css", "js")
        for path in (ASSETS_FOLDER / kind).rglob("*.*")
    }
    assert there == listed


def test_no_class_is_defined_in_two_files_as_a_whole():
    """`.visually-hidden` and its like are components of their own."""
    bare_rules = [
        rule for sheet in SHEETS for rule in re.findall(r"^  (\.visually-hidden) {", bare(sheet), re.MULTILINE)
    ]
    assert bare_rules == [".visually-hidden"]


def test_buttons_fields_and_choices_are_drawn_in_one_sheet():
    """Elsewhere a rule says at most where a `.button` or `.field` stands; a frame that is dragged has no face."""
    control = re.compile(r"(?<![\w.-])(?:button|select|textarea)(?![\w-])")
    drawn = {
        selector.strip()
        for sheet in SHEETS
        if sheet.name != "controls.css"
        for selector in re.findall(r"([^{};]+)\{", bare(sheet))
        if control.search(selector)
    }
    assert drawn == {".live .live__crop button", ".filter .segmented > button"}


def test_every_button_and_field_that_is_written_has_its_class():
    written = [
        path.read_text()
        for folder in ("templates", "site_src/assets/js")
        for path in (ROOT / folder).rglob("*.*")
        if path.is_file()
    ]
    tags = [
        tag
        for text in written
        for tag in re.findall(r"<(?:button|select|textarea)\b[^>]*>", re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL))
    ]
    made = [
        name for text in written for name in re.findall(r'element\("(?:button|select|textarea)"(?:, "([^"]*))?', text)
    ]
    bare_tags = [tag for tag in tags if not re.search(r'class="[^"]*\b(?:button|field)\b', tag)]
    assert len(tags) > 10 and [tag for tag in bare_tags if "live-crop-box" not in tag] == []
    assert len(made) > 10 and [name for name in made if not re.match(r"(?:button|field)\b", name)] == [
        ""
    ]  # in a `.segmented`
