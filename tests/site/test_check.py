"""The checker of a built site: it finds each kind of break, and nothing wrong where nothing is."""

import json
import shutil

import pytest

from generator.site.check import check_site, resolve

FIGURE = "tiny/frog/grad-cam--relu4--class-frog"


@pytest.fixture
def site(built_site, tmp_path):
    """A copy of the fake site that a test may break."""
    return shutil.copytree(built_site, tmp_path / "site")


def test_nothing_is_wrong_with_a_whole_site(built_site):
    assert check_site(built_site) == []


def put(site, html):
    """Add some HTML to the home page."""
    page = site / "index.html"
    page.write_text(page.read_text().replace("</body>", f"{html}</body>"))


@pytest.mark.parametrize(
    ("html", "problem"),
    [
        ('<a href="gone.html">x</a>', "<a> links to gone.html: file not found"),
        (
            '<a href="gallery/models/">x</a>',
            "<a> links to the folder gallery/models/: name its index.html",
        ),
        (
            '<a href="gallery/tiny/layers/relu0.html#c64">x</a>',
            "<a> links to gallery/tiny/layers/relu0.html#c64: no such anchor",
        ),
        ('<a href="reading.html#gone">x</a>', "<a> links to reading.html#gone: no such anchor"),
        ('<img src="gone.png" alt="">', "<img> links to gone.png: file not found"),
        ('<img src="assets/logo.svg">', "image assets/logo.svg has no alt text"),
        ('<img alt="">', "an image has no src"),
        ('<img alt="" src="https://example.org/x.png">', "<img> loads https://example.org/x.png from another site"),
        ('<script src="//example.org/x.js"></script>', "<script> loads //example.org/x.js from another site"),
        ('<i style="background:url(gone.png)"></i>', "<style> links to gone.png: file not found"),
        ('<i id="twice"></i><i id="twice"></i>', "duplicate id twice"),
        ('<a data-zoom="gone.png">x</a>', "<a> links to gone.png: file not found"),
        ('<div data-facts="gone.js"></div>', "<div> links to gone.js: file not found"),
        ('<a href="javascript:alert(1)">x</a>', "<a> has 'javascript:alert(1)', neither http(s) nor relative"),
        ('<a href="data:text/html,x">x</a>', "<a> has 'data:text/html,x', neither http(s) nor relative"),
        ('<img alt="" src="mailto:x">', "<img> has 'mailto:x', neither http(s) nor relative"),
        ('<a href="//[x">x</a>', "<a> has '//[x', not a valid URL: Invalid IPv6 URL"),
        ('<a href="../outside.html">x</a>', "<a> links to ../outside.html: file not found"),
    ],
)
def test_a_broken_page_is_named(site, html, problem):
    put(site, html)
    assert check_site(site) == [f"index.html: {problem}"]


@pytest.mark.parametrize(
    "html",
    [
        '<a href="https://example.org/">x</a>',
        '<a href="reading.html#activations">x</a>',
        '<a href="mailto:a@example.org">x</a>',
        '<a href="gallery/tiny/layers/relu0.html#c63">x</a>',
        '<a href="gallery/tiny/frog/index.html?q=1#walk">x</a>',
        '<img alt="" src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">',
    ],
)
def test_what_is_right_is_let_be(site, html):
    put(site, html)
    assert check_site(site) == []


def test_a_style_sheet_loads_nothing_from_outside(site):
    sheet = site / "assets/css/pages/home.css"
    sheet.write_text("a{background:url('https://example.org/x.png')}b{background:url(gone.svg)}")
    assert check_site(site) == [
        "assets/css/pages/home.css: loads https://example.org/x.png from another site",
        "assets/css/pages/home.css: url(gone.svg): file not found",
    ]


def change(site, edit):
    """Let `edit` change the manifest of the site."""
    file = site / "gallery/manifest.json"
    manifest = json.loads(file.read_text())
    edit(manifest, next(figure for figure in manifest["figures"] if figure["id"] == FIGURE))
    file.write_text(json.dumps(manifest))


def test_a_picture_that_is_gone(site):
    (site / f"gallery/{FIGURE}.png").unlink()
    assert f"manifest: {FIGURE}.png of {FIGURE}: file not found" in check_site(site)


def test_a_picture_that_was_changed(site):
    with (site / f"gallery/{FIGURE}.png").open("ab") as file:
        file.write(b"x")
    (problem,) = check_site(site)
    assert problem.startswith(f"manifest: {FIGURE}.png: SHA-256 is ")


def test_a_page_that_is_gone(site):
    (site / f"gallery/{FIGURE}.html").unlink()
    assert f"manifest: {FIGURE} has no page gallery/{FIGURE}.html" in check_site(site)


def test_a_file_that_nothing_accounts_for(site):
    (site / "gallery/tiny/frog/stray.png").write_bytes(b"x")
    assert check_site(site) == ["gallery/tiny/frog/stray.png is not listed in the manifest"]


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        ({"file": ""}, ".file: the value is shorter than 1 character; there is ''"),
        ({"status": "failed", "file": ""}, ".reason: the value is shorter than 1 character; there is ''"),
        (
            {"status": "failed", "reason": "hot"},
            ".file: \"\" was expected; there is 'tiny/frog/grad-cam--relu4--class-frog.png'",
        ),
        ({"file": "../../x.png"}, ": '../../x.png' is no place below the manifest"),
    ],
)
def test_a_figure_that_contradicts_itself(site, edit, problem):
    change(site, lambda manifest, figure: figure.update(edit))
    (told,) = check_site(site)
    assert told.startswith(str(site / "gallery/manifest.json")) and told.endswith(problem)


def test_an_image_without_page_or_photo(site):
    change(
        site,
        lambda manifest, figure: manifest["images"].append(
            manifest["images"][0] | {"id": "x", "photo": "images/x.png", "thumb": "images/x.png"}
        ),
    )
    assert check_site(site) == [
        "manifest: image x has no page",
        "manifest: images/x.png of image x: file not found",
    ]


def test_a_page_of_the_images_that_is_gone(site, monkeypatch):
    monkeypatch.setattr("generator.site.pages.urls.PER_PAGE", 2)
    assert check_site(site) == ["manifest: the hub of images has no images/page/2.html"]


def test_a_model_without_page(site):
    change(site, lambda manifest, figure: manifest["models"].append(manifest["models"][0] | {"slug": "x"}))
    assert check_site(site) == ["manifest: model x has no page"]


def test_a_site_without_manifest(site):
    (site / "gallery/manifest.json").unlink()
    assert "gallery/manifest.json: file not found" in check_site(site)


@pytest.mark.parametrize(
    ("page", "path", "file"),
    [
        ("a/b.html", "c.png", "a/c.png"),
        ("a/b.html", "../c.png", "c.png"),
        ("a/b.html", "/c.png", "c.png"),
        ("a/b.html", "", "a/b.html"),
        ("a/b.html", "c%20d.png", "a/c d.png"),
        ("b.html", "../c.png", "..outside/c.png"),
    ],
)
def test_addresses_are_resolved_like_a_browser_does(page, path, file):
    assert resolve(page, path) == file
