"""A figure taken away: its words and its licence come along in every language, its pixels stay what they are."""

import json
import re
import shutil
import subprocess
import sys

import fake_site
import markdown
import numpy as np
import pytest
from click.testing import CliRunner
from page_reading import CANARY, Parsed, poisoned
from PIL import Image

from generator.__main__ import main
from generator.core.errors import ConfigError
from generator.site.export import RAMPS, figure_as, find, read_gallery, table_as_markdown
from generator.site.pages.escape import fold

OVERLAY, SPRITE = "tiny/frog/grad-cam--relu4--class-frog", "tiny/frog/activations--relu0"
STRIP, FILTERS = "tiny/frog/grad-cam-over-depth--class-frog", "tiny/model/filters--conv0"
MAP, VECTOR = "tiny/frog/saliency--class-frog", "tiny/frog/activations--mean"
FIGURES = [OVERLAY, SPRITE, STRIP, FILTERS, MAP, VECTOR, f"{SPRITE}#c17", f"{VECTOR}#c300"]
CREDIT = "Drawn for a test, CC0-1.0"
HOSTILE = fold(CANARY)  # as it may stand anywhere, once it is escaped


@pytest.fixture(scope="module")
def hostile_site(addressed_site, tmp_path_factory):
    """A site whose every title, credit, licence and alt text wants to be markup."""
    site = tmp_path_factory.mktemp("hostile")
    manifest = json.loads((addressed_site / "gallery/manifest.json").read_text())
    (site / "gallery").mkdir()
    (site / "gallery/manifest.json").write_text(json.dumps(poisoned(manifest)))
    return site


def run(*arguments):
    """What the command answers."""
    return CliRunner().invoke(main, ["embed", *map(str, arguments)])


# --- snippets -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("kind", ["html", "markdown", "iframe"])
def test_a_snippet_shows_the_figure_and_leads_to_its_page(addressed_site, name, kind):
    text = figure_as(addressed_site, name, kind)
    parsed = Parsed(markdown.markdown(text) if kind == "markdown" else text)
    page = f"{fake_site.ADDRESS}/gallery/{name.replace('#', '.html#') if '#' in name else name + '.html'}"
    if kind == "iframe":
        frame = parsed.only("iframe")
        assert frame["src"] == page and "allow-same-origin" not in frame["sandbox"]
        said, told = frame["title"], frame["title"]
    else:
        assert parsed.only("a")["href"] == page
        picture = parsed.only("span") if kind == "html" and "#" in name else parsed.only("img")
        said, told = picture.get("alt") or picture.get("aria-label"), parsed.words
    record, channel = find(read_gallery(addressed_site), name)
    assert record["alt"] in said
    assert (CREDIT in told) == (record["image"] != "model"), "a picture's licence is its photo's"
    assert channel is None or f"channel {channel}" in told.lower()


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("kind", ["html", "markdown", "iframe"])
def test_strangers_words_stay_words(addressed_site, hostile_site, name, kind):
    tame, wild = figure_as(addressed_site, name, kind), figure_as(hostile_site, name, kind)
    if kind == "markdown":
        tame, wild = markdown.markdown(tame), markdown.markdown(wild)
    before, after = Parsed(tame), Parsed(wild)
    shape = [(tag, sorted(attributes)) for tag, attributes in before.elements]
    assert [(tag, sorted(attributes)) for tag, attributes in after.elements] == shape
    said = after.words + " ".join(value for _, attributes in after.elements for value in attributes.values())
    assert HOSTILE in fold(said), "they are told, letter by letter"


def test_a_frame_keeps_the_shape_of_its_picture(addressed_site):
    frame = Parsed(figure_as(addressed_site, STRIP, "iframe")).only("iframe")
    width, height = int(frame["width"]), int(frame["height"])
    assert f"aspect-ratio: {width} / {height}" in frame["style"] and f"max-width: {width}px" in frame["style"]
    assert width / 8 < height < width / 8 + 60, "eight squares in a row, and a line or two of words"


def test_a_channel_in_html_is_a_window_on_its_sprite(addressed_site):
    style = Parsed(figure_as(addressed_site, f"{SPRITE}#c17", "html")).only("span")["style"]
    # 64 channels of 32 x 32 in rows of 16 with a gap of 1: number 17 is the second of the second row, 8 times as large
    assert "width: 256px; height: 256px" in style
    assert f"relu0.png') -{33 * 8}px -{33 * 8}px / {527 * 8}px {131 * 8}px" in style


def test_a_pinned_figure_is_taken_by_its_frozen_address(addressed_site):
    record, _ = find(read_gallery(addressed_site), fake_site.PINNED)
    frozen = f"{fake_site.ADDRESS}/gallery/pinned/{record['id']}.{record['digest'][:8]}.png"
    assert Parsed(figure_as(addressed_site, fake_site.PINNED, "html")).only("img")["src"] == frozen
    assert (addressed_site / frozen.removeprefix(fake_site.ADDRESS + "/")).is_file()


def test_bibtex_names_weights_photo_and_picture(addressed_site, hostile_site):
    record, _ = find(read_gallery(addressed_site), OVERLAY)
    entry = figure_as(addressed_site, OVERLAY, "bibtex")
    assert entry.startswith("@misc{tiny-frog-grad-cam-relu4-class-frog,\n")
    assert record["digest"] in entry and "1" * 64 in entry and "2" * 64 in entry and CREDIT in entry
    for text in (entry, figure_as(hostile_site, OVERLAY, "bibtex")):
        plain = re.sub(r"\\[{}]", "", text)
        assert plain.count("{") == plain.count("}")
        assert not re.search(r"(?<!\\)[%&#_$]", re.sub(r"url = .*", "", plain)), "LaTeX would trip over these"


# --- the picture ----------------------------------------------------------------------------------------


def pixels(data_or_file):
    """Colours (H, W, 3) of a PNG."""
    with Image.open(data_or_file) as image:
        return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize("name", [OVERLAY, SPRITE, MAP, FILTERS])
def test_a_png_has_the_files_own_pixels_as_squares(addressed_site, tmp_path, name):
    out = tmp_path / "out.png"
    assert run(name, "--as", "png", "--site-dir", addressed_site, "--out", out).exit_code == 0
    own, found = pixels(addressed_site / "gallery" / f"{name}.png"), pixels(out)
    factor = found.shape[0] // own.shape[0]
    assert max(found.shape) >= 640 > max(own.shape) * (factor - 1)
    assert np.array_equal(found, own.repeat(factor, 0).repeat(factor, 1))


def test_a_channel_is_cut_out_of_its_sprite_exactly(addressed_site, tmp_path):
    out = tmp_path / "c17.png"
    assert run(f"{SPRITE}#c17", "--as", "png", "--site-dir", addressed_site, "--out", out).exit_code == 0
    own = pixels(addressed_site / "gallery" / f"{SPRITE}.png")[33:65, 33:65]
    assert np.array_equal(pixels(out), own.repeat(20, 0).repeat(20, 1))


def test_title_and_colour_bar_stand_around_the_same_pixels(addressed_site, tmp_path):
    bare, full = tmp_path / "bare.png", tmp_path / "full.png"
    for out, more in ((bare, []), (full, ["--title", "--colour-bar"])):
        run(MAP, "--as", "png", "--site-dir", addressed_site, "--out", out, *more)
    small, large = pixels(bare), pixels(full)
    height, width = small.shape[:2]
    assert np.array_equal(large[48 : 48 + height, 16 : 16 + width], small)
    ramp = large[48 + height + 18, 16 : 16 + width]
    assert np.array_equal(ramp[[0, -1]], RAMPS["grey"][[0, -1]])
    assert large[:40].min() < 80 and large[-40:].min() < 80, "there are words above and below"


def test_a_picture_without_a_scale_has_no_colour_bar(addressed_site):
    with pytest.raises(ConfigError, match="no colour scale"):
        figure_as(addressed_site, STRIP, "png", bar=True)


# --- the table ------------------------------------------------------------------------------------------


def test_the_table_has_a_row_per_image_and_leads_home(addressed_site, hostile_site):
    for site in (addressed_site, hostile_site):
        text = table_as_markdown(site, "tiny")
        lines = text.split("\n")
        rows = [line for line in lines if line.startswith("|")]
        assert len({line.count("|") for line in rows}) == 1, "the same number of cells in every row"
        assert len(rows) == 2 + 3 and re.fullmatch(r"(\|---)+\|", rows[1])
        addresses = [
            attributes.get("href") or attributes.get("src")
            for tag, attributes in Parsed(text).elements
            if tag in ("a", "img")
        ]
        assert len(addresses) > 20 and all(address.startswith(f"{fake_site.ADDRESS}/gallery/") for address in addresses)
        missing = [a for a in addresses if not (addressed_site / a.removeprefix(fake_site.ADDRESS + "/")).is_file()]
        assert missing == []
        assert "Drawn for a test" in Parsed(lines[-1]).words and "CC0" in Parsed(lines[-1]).words
        assert {tag for tag, _ in Parsed(text).elements} == {"a", "img", "br"}


def test_a_row_of_the_table_has_class_index_and_answer(addressed_site):
    rows = table_as_markdown(addressed_site, "tiny").split("\n")[2:5]
    frog, cat, rocket = (row.split(" | ")[0] for row in rows)
    assert re.search(r"<br>class: frog \(6\)<br>answer: frog, [\d.]+\s%$", frog)
    assert re.search(r"<br>class: cat \(3\)<br>answer: dog, [\d.]+\s%$", cat)
    assert "class:" not in rocket and "<br>answer: " in rocket


def test_what_moves_moves_in_the_table(addressed_site, tmp_path):
    site = tmp_path / "site"
    shutil.copytree(addressed_site, site)
    file = site / "gallery" / "manifest.json"
    manifest = json.loads(file.read_text())
    figure = next(f for f in manifest["figures"] if f["id"] == MAP)
    figure["animation"] = f"{MAP}.animation.webp"
    file.chmod(0o644)
    file.write_text(json.dumps(manifest))
    assert f"{MAP}.animation.webp" in table_as_markdown(site, "tiny")
    assert f"{MAP}.animation.webp" not in table_as_markdown(addressed_site, "tiny")


def test_pictures_in_the_table_have_words(addressed_site):
    pictures = [
        attributes for tag, attributes in Parsed(table_as_markdown(addressed_site, "tiny")).elements if tag == "img"
    ]
    assert len(pictures) == 3 * 4 and all("strongest in the middle" in picture["alt"] for picture in pictures)


# --- the command ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "expected one of: a figure, --table MODEL, --walk MODEL IMAGE"),
        ([OVERLAY, "--table", "tiny"], "expected one of: a figure, --table MODEL, --walk MODEL IMAGE"),
        (["--table", "tiny"], "needs --as markdown, not html"),
        (["--table", "tony", "--as", "markdown"], "tony: no such network"),
        ([OVERLAY + "s"], f"did you mean {OVERLAY}?"),
        (["frog"], "frog: no such figure"),
        (["tiny/frog/occlusion--class-frog"], "not rendered: ran out of memory after 3 of 49 patches"),
        ([f"{SPRITE}#c64"], "expected a channel from 0 to 63"),
        ([f"{OVERLAY}#c0"], "it has no channels"),
        ([f"{SPRITE}#seventeen"], "expected #c and a channel's number"),
    ],
)
def test_what_cannot_be_taken_is_told_in_one_line(addressed_site, arguments, problem):
    done = run(*arguments, "--site-dir", addressed_site)
    assert done.exit_code == 2
    assert problem in done.stderr and done.stderr.count("\n") == 1


def test_without_an_address_one_has_to_be_given(built_site):
    assert "give --url" in run(OVERLAY, "--site-dir", built_site).stderr
    assert (
        'href="https://a.example/b/gallery/'
        in run(OVERLAY, "--site-dir", built_site, "--url", "https://a.example/b/").stdout
    )
    entry = run(OVERLAY, "--as", "bibtex", "--site-dir", built_site)
    assert entry.exit_code == 0 and "url =" not in entry.stdout


def test_without_a_site_there_is_nothing_to_take(tmp_path):
    assert "no built site found" in run(OVERLAY, "--site-dir", tmp_path).stderr


def test_a_channel_in_markdown_says_how_to_get_its_picture(addressed_site):
    done = run(f"{SPRITE}#c17", "--as", "markdown", "--site-dir", addressed_site)
    assert "](activations--relu0-c17.png)" in done.stdout
    assert f"innerview embed '{SPRITE}#c17' --as png --out activations--relu0-c17.png" in done.stderr


def test_torch_is_not_needed(addressed_site):
    code = "import sys; sys.modules['torch'] = None; from generator.__main__ import main; main()"
    command = [sys.executable, "-c", code, "embed", OVERLAY, "--as", "png", "--site-dir", str(addressed_site)]
    done = subprocess.run(command, capture_output=True, check=True)
    assert done.stdout.startswith(b"\x89PNG")
