"""A report as the seed of a post: every stage in order, credit and licence, strangers' words harmless, clear errors."""

import json
import re

import fake_site
import markdown
import pytest
from click.testing import CliRunner
from page_reading import CANARY, Parsed, poisoned

from generator.__main__ import main
from generator.pipeline.manifest_reader import read_manifest
from generator.site.export_walk import WALK_KINDS, walk_as
from generator.site.pages.escape import fold

STAGES = ["conv 64", "pool 1", "conv 256", "pool 2", "conv 512", "vector of 512", "10 classes"]
LAYERS = ["relu0", "pool1", "relu2", "pool3", "relu4", "mean", "probabilities"]


def run(*arguments):
    """What the command answers."""
    return CliRunner().invoke(main, ["embed", *map(str, arguments)])


def as_html(text, kind):
    """A post as a browser gets it."""
    return markdown.markdown(text) if kind == "markdown" else text


@pytest.mark.parametrize("kind", WALK_KINDS)
def test_a_post_walks_through_all_stages_in_order(addressed_site, kind):
    html = as_html(walk_as(addressed_site, "tiny", "frog", kind), kind)
    places = [html.index(f">{number}. {title}</h3>") for number, title in enumerate(STAGES, start=1)]
    assert places == sorted(places)
    for place, end, layer in zip(places, places[1:], LAYERS, strict=False):
        section = html[place:end]
        assert f"Layer {layer}, output " in section and "receptive field" in section
        assert f"gallery/tiny/frog/activations--{layer}.html" in section
    assert "receptive field 3 × 3 px" in html and "64 channels, one per square. Colours from 0 to" in html
    assert html.index("<ol>") > places[-1] and html.count("<li>") == 5
    assert html.index("Which pixels drove the prediction?") > html.index("<ol>")


@pytest.mark.parametrize("kind", WALK_KINDS)
def test_a_post_states_credit_and_licence_with_the_photo_and_at_its_end(addressed_site, kind):
    words = Parsed(as_html(walk_as(addressed_site, "tiny", "frog", kind), kind)).words
    assert words.count("Drawn for a test, CC0-1.0.") == 2
    assert "keep its licence" in words and "SHA-256 " + "2" * 64 in words


@pytest.mark.parametrize("kind", WALK_KINDS)
def test_every_address_of_a_post_is_there(addressed_site, kind):
    parsed = Parsed(as_html(walk_as(addressed_site, "tiny", "cat", kind), kind))
    addresses = {
        attributes.get("href") or attributes.get("src")
        for tag, attributes in parsed.elements
        if tag in ("a", "img", "iframe")
    }
    assert len(addresses) > 10 and all(address.startswith(f"{fake_site.ADDRESS}/gallery/") for address in addresses)
    missing = [a for a in addresses if not (addressed_site / a.removeprefix(fake_site.ADDRESS + "/")).is_file()]
    assert missing == []
    assert all(attributes["alt"] for tag, attributes in parsed.elements if tag == "img")


def test_a_label_that_the_network_missed_is_stated(addressed_site):
    words = " ".join(Parsed(walk_as(addressed_site, "tiny", "cat", "html")).words.split())
    assert re.search(r"The network predicts dog \([\d.]+\s%\)\. The label is cat \([\d.]+\s%\)\.", words)


@pytest.mark.parametrize("kind", WALK_KINDS)
def test_strangers_words_stay_words(addressed_site, tmp_path, kind):
    (tmp_path / "gallery").mkdir()
    (tmp_path / "gallery/manifest.json").write_text(
        json.dumps(poisoned(read_manifest(addressed_site / "gallery/manifest.json")))
    )
    before, after = (Parsed(as_html(walk_as(site, "tiny", "frog", kind), kind)) for site in (addressed_site, tmp_path))
    shape = [(tag, sorted(attributes)) for tag, attributes in before.elements]
    assert [(tag, sorted(attributes)) for tag, attributes in after.elements] == shape
    assert fold(CANARY) in fold(after.words)


def test_a_stage_without_a_picture_says_why(addressed_site, tmp_path):
    manifest = read_manifest(addressed_site / "gallery/manifest.json")
    for figure in manifest["figures"]:
        if figure["id"] == "tiny/frog/activations--relu2":
            figure |= {"status": "failed", "reason": "ran out of memory", "file": "", "sprite": None}
    manifest["figures"] = [f for f in manifest["figures"] if f["id"] != "tiny/frog/activations--pool3"]
    (tmp_path / "gallery").mkdir()
    (tmp_path / "gallery/manifest.json").write_text(json.dumps(manifest))
    words = Parsed(walk_as(tmp_path, "tiny", "frog", "html", fake_site.ADDRESS)).words
    assert "Its activations are not rendered: ran out of memory." in words
    assert "Its activations are not part of this gallery." in words


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["tinny", "frog"], "tinny: no such model in "),
        (["tinny", "frog"], "did you mean 'tiny'?"),
        (["tiny", "forg"], "forg: no such image in "),
        (["tiny", "forg"], "did you mean 'frog'?"),
        (["tiny", "frog", "--as", "png"], "--walk needs --as html, markdown or iframe, not png"),
        (["tiny", "frog", "--table", "tiny"], "expected one of: a figure, --table MODEL, --walk MODEL IMAGE"),
    ],
)
def test_what_cannot_be_exported_is_one_line(addressed_site, arguments, problem):
    done = run("--walk", *arguments, "--site-dir", addressed_site)
    assert done.exit_code == 2 and done.stdout == ""
    assert problem in done.stderr and done.stderr.count("\n") == 1


def test_an_image_of_another_model_is_refused_with_those_that_there_are(addressed_site, tmp_path):
    manifest = read_manifest(addressed_site / "gallery/manifest.json")
    manifest["figures"] = [f for f in manifest["figures"] if (f["model"], f["image"]) != ("tiny", "cat")]
    (tmp_path / "gallery").mkdir()
    (tmp_path / "gallery/manifest.json").write_text(json.dumps(manifest))
    done = run("--walk", "tiny", "cat", "--site-dir", tmp_path, "--url", fake_site.ADDRESS)
    assert done.exit_code == 2 and "cat: no report by tiny; it has reports of: frog, rocket" in done.stderr


def test_the_command_writes_a_post_into_a_file(addressed_site, tmp_path):
    out = tmp_path / "frog.md"
    done = run("--walk", "tiny", "frog", "--as", "markdown", "--site-dir", addressed_site, "--out", out)
    assert done.exit_code == 0 and done.output == ""
    assert out.read_text().startswith("## ") and out.read_text().endswith(".html)\n")
