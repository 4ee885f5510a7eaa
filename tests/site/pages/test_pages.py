"""What the pages say: every field through one door, strangers' words harmless, every job accounted for."""

import json
import re
from dataclasses import fields

import jsonschema
import pytest
import yaml
from jinja2 import UndefinedError, meta, nodes
from page_reading import CANARY, TEMPLATES, Elements, poisoned, write

from generator.core.records import Figure, MethodCard, ModelCard, StyleCard
from generator.pipeline.manifest_reader import SCHEMA as MANIFEST_SCHEMA
from generator.site.pages import write as pages
from generator.site.pages.escape import fold, front_matter, prose, text
from generator.site.pages.format import count, number, percent

SCHEMA = json.loads(MANIFEST_SCHEMA.read_text())


@pytest.fixture(scope="session")
def written(fake_gallery, tmp_path_factory):
    """The Markdown pages and the figure pages of the fake gallery, by name."""
    return write(fake_gallery[1], tmp_path_factory.mktemp("written"))


# --- one door -------------------------------------------------------------------------------------------


DOORS = {"text", "prose", "verbatim", "json", "drawing"}


@pytest.mark.parametrize("path", sorted(TEMPLATES.glob("*.*")), ids=lambda path: path.name)
def test_a_template_prints_nothing_but_through_the_door(path):
    environment = pages.jinja([TEMPLATES])
    tree = environment.parse(path.read_text())
    printed = [node for output in tree.find_all(nodes.Output) for node in output.nodes]
    for node in printed:
        assert is_safe(node), f"{path.name}, line {node.lineno}: {node} is printed as it is"


def is_safe(node):
    """Our own text, a value through the door, or a macro (whose own template is tested)."""
    if isinstance(node, nodes.TemplateData):
        return True
    if isinstance(node, nodes.Filter):
        return node.name in DOORS
    if isinstance(node, nodes.Call):
        return isinstance(node.node, nodes.Name | nodes.Getattr)
    return False


@pytest.mark.parametrize("name", pages.TEMPLATES)
def test_a_template_uses_what_its_context_offers(name):
    source = (TEMPLATES / name).read_text()
    used = meta.find_undeclared_variables(pages.jinja([TEMPLATES]).parse(source))
    offered = {field.name for field in fields(pages.TEMPLATES[name])}
    used -= set(pages.jinja([TEMPLATES]).globals)
    assert used <= offered, f"{name} asks for {used - offered}"
    assert offered - used <= {"title"}, f"{name} leaves {offered - used} unused"


def test_an_undefined_name_fails():
    with pytest.raises(UndefinedError):
        pages.jinja([TEMPLATES]).from_string("{{ nothing|text }}").render()


def test_a_gallerys_own_template_wins(fake_gallery, tmp_path):
    own = tmp_path / "templates"
    (own / "pages").mkdir(parents=True)
    (own / "pages/home.md").write_text("<p>ours</p>\n")
    pages.write_sources(fake_gallery[1], tmp_path / "site_src", [own, TEMPLATES])
    assert (tmp_path / "site_src/index.md").read_text().endswith("---\n<p>ours</p>\n")


# --- strangers' words -----------------------------------------------------------------------------------


def test_no_strangers_word_becomes_markup(fake_gallery, written, tmp_path):
    hostile = write(poisoned(fake_gallery[1]), tmp_path)
    assert hostile.keys() == written.keys()
    for name, page in hostile.items():
        tame, wild = Elements(written[name]), Elements(page)
        assert "<script>alert" not in page, name
        assert "\x02" not in page and "\x00" not in page and "‮" not in page, name
        assert wild.scripts == tame.scripts, name
        if "/classes/" in name:  # predictions under other names than the network's are no images of its classes
            assert wild.attributes <= tame.attributes, name
        else:
            assert wild.attributes == tame.attributes, name


def test_the_body_of_a_page_is_one_block_of_html(fake_gallery, tmp_path):
    """Markdown would read what stands outside of a block: there is nothing but our own front matter."""
    for name, page in write(poisoned(fake_gallery[1]), tmp_path).items():
        if name.endswith(".md"):
            head, body = page.removeprefix("---\n").split("\n---\n", 1)
            assert isinstance(yaml.safe_load(head).get("title", ""), str), name
            assert body.startswith('<div class="page ') and body.rstrip().endswith("</div>"), name


@pytest.mark.parametrize(
    ("given", "safe"),
    [
        ("a\n\nb\x0b\x1fc", "a b c"),
        ("‮abc‬", "abc"),
        ("a\u2028b\u2029c", "a b c"),
        ("é 漢字 🐸", "é 漢字 🐸"),
        ("<&>\"'", "&lt;&amp;&gt;&#34;&#39;"),
        ("\ud800", ""),
    ],
)
def test_text_is_one_line_of_harmless_html(given, safe):
    assert str(text(given)) == safe


def test_front_matter_survives_anything():
    head = yaml.safe_load(front_matter({"title": CANARY, "hide": ["toc"]}).split("---\n")[1])
    assert head["title"] == str(text(CANARY)) and "<" not in head["title"] and head["hide"] == ["toc"]


def test_prose_keeps_paragraphs_and_code_only():
    assert prose("One `x < 1`\nline.\n\n<b>Two</b>") == (
        "<p>One <code>x &lt; 1</code> line.</p><p>&lt;b&gt;Two&lt;/b&gt;</p>"
    )


def test_numbers_read_like_numbers():
    assert [number(v) for v in (-0.5, 12345.6, 2.5e-9, float("nan"))] == ["−0.5", "12,346", "2.50·10⁻⁹", "nan"]
    assert [percent(v) for v in (1.0, 0.5, 0.9996, 0.0001)] == [
        "100\xa0%",
        "50\xa0%",
        "over 99.9\xa0%",
        "under 0.1\xa0%",
    ]
    assert (count(9228362), fold(" a  b ")) == ("9,228,362", "a b")


# --- everything is told ---------------------------------------------------------------------------------


def test_every_job_is_on_a_page_or_says_why_not(fake_gallery, written):
    for figure in fake_gallery[1]["figures"]:
        page = written[f"gallery/{figure['id']}.html"]
        told = figure["file"].rpartition("/")[2] if figure["status"] == "drawn" else figure["reason"]
        assert told in page, figure["id"]


def test_a_report_shows_every_layer_and_every_method_of_its_image(fake_gallery, written):
    manifest = fake_gallery[1]
    for prediction in manifest["predictions"]:
        report = written[f"gallery/{prediction['model']}/{prediction['image']}/index.md"]
        for figure in manifest["figures"]:
            if (figure["model"], figure["image"]) == (prediction["model"], prediction["image"]):
                assert f'href="{figure["id"].rpartition("/")[2]}.html"' in report, figure["id"]


def test_what_scripts_alone_need_of_a_figure_stands_beside_the_report_and_not_in_it(written):
    page, script = written["gallery/tiny/frog/index.md"], written["gallery/tiny/frog/report.js"]
    assert 'data-facts="report.js"' in page
    beside = json.loads(script.partition('["report"]=')[2].strip().rstrip(";"))
    facts, folded = beside["figures"], beside["folded"]
    saliency, layer = facts["saliency--class-frog"], facts["activations--relu0"]
    assert saliency["caption"] == "Saliency for frog" and re.fullmatch(r"\S+\|\w+\|\S+", saliency["scale"])
    assert layer["cells"].startswith("64 ") and len(layer["strongest"].split()) == 24 and "caption" not in layer
    stages = page[page.index('id="maps"') :]
    assert not re.findall(r"data-(?:scale|values|cells|caption)=", stages)
    links = re.findall(r'data-folded="([^"]*)".*?<ul class="view__folded">(.*?)</ul>', stages, re.DOTALL)
    assert [stage for stage, _ in links] == list(folded) != []
    for stage, listed in links:
        assert re.findall(r'href="([^"]*)"', listed) == re.findall(
            r'<a class="picture[^>]*href="([^"]*)"', folded[stage]
        )
        assert folded[stage].count("<img") == len(re.findall(r'alt="[^"]+"', folded[stage]))


def test_the_photo_below_a_map_is_fetched_only_where_a_slider_shows_it(written):
    covered = {name for name, page in written.items() if "picture--fade" in page and name.endswith(".md")}
    assert covered == {name for name, page in written.items() if "data-fader" in page and name.endswith(".md")} != set()


def test_a_picture_that_has_a_small_file_is_shown_by_it_and_opens_by_the_whole(fake_gallery, tmp_path):
    manifest = json.loads(json.dumps(fake_gallery[1]))
    for figure in manifest["figures"]:
        if figure["method"] == "saliency":
            figure["thumb"] = f"{figure['id']}.thumb.webp"
    shown = write(manifest, tmp_path)
    small = re.findall(r'data-zoom="([^"]*)"[^>]*><img src="([^"]*)"', shown["gallery/tiny/index.md"])
    assert all(src.startswith(f"{file.removesuffix('.png')}.thumb.") for file, src in small)
    assert any(file.endswith("saliency--class-frog.png") for file, _ in small)
    strip = re.search(r"<iv-filmstrip.*?</iv-filmstrip>", shown["gallery/tiny/frog/index.md"], re.DOTALL)[0]
    assert 'src="saliency--class-frog.thumb.webp"' in strip and 'src="saliency--class-frog.png"' not in strip


def test_the_walk_reads_like_the_network(written):
    report = written["gallery/tiny/frog/index.md"]
    titles = ("1. conv 64", "3. conv 256", "5. conv 512", "6. vector of 512")
    places = [report.index(f"<h3>{title}</h3>") for title in titles]
    assert places == sorted(places)


def test_a_wrong_answer_is_marked_and_an_unknown_one_is_not(written):
    assert "predicted--wrong" in written["gallery/tiny/cat/index.md"]
    assert "predicted--right" in written["gallery/tiny/frog/index.md"]
    assert "predicted--unknown" in written["gallery/tiny/rocket/index.md"]


def test_images_outside_a_models_classes_are_said_to_be_such(fake_gallery, written, tmp_path):
    words = "outside the model&#39;s classes"
    assert written["gallery/images/index.md"].count(words) == 1, "beside right and wrong"
    assert "show=outside the model's classes" in written["gallery/images/cards.js"]
    manifest = json.loads(json.dumps(fake_gallery[1]))
    manifest["predictions"] = [one for one in manifest["predictions"] if one["correct"] is not None]
    assert words not in write(manifest, tmp_path)["gallery/images/index.md"]


def test_a_report_says_what_to_notice_in_its_image(fake_gallery, written, tmp_path):
    manifest = json.loads(json.dumps(fake_gallery[1]))
    frog = next(image for image in manifest["images"] if image["id"] == "frog")
    frog["note"] = "An instructive <mistake>."
    shown = write(manifest, tmp_path)
    for name in ("gallery/tiny/frog/index.md", "gallery/images/frog.md"):
        assert "An instructive &lt;mistake&gt;." in shown[name] and "An instructive" not in written[name], name


def test_the_model_page_adds_up(fake_gallery, written):
    card = fake_gallery[1]["models"][0]
    page = written["gallery/tiny/index.md"]
    assert f"{card['parameters']:,}" in page and f"{card['macs']:,}" in page
    assert all(f"<code>{layer['name']}</code>" in page for layer in card["layers"])


def test_snippets_carry_alt_text_credit_and_licence(written):
    page = written["gallery/tiny/frog/grad-cam--relu4--class-frog.html"]
    html, markdown = page.split('id="copy-html"')[1], page.split('id="copy-markdown"')[1]
    for snippet in (html, markdown):
        assert "Drawn for a test, CC0" in snippet.split("</textarea>")[0]
        assert "grad-cam of frog, strongest in the middle" in snippet.split("</textarea>")[0]
    entry = page.split('id="copy-bibtex"')[1].split("</textarea>")[0]
    assert "@misc{tiny-frog-grad-cam-relu4-class-frog," in entry and "Photo: Drawn for a test, CC0" in entry


def test_a_figure_of_several_arrays_offers_no_command_for_one(written):
    several = written["gallery/tiny/frog/grad-cam-over-depth--class-frog.html"]
    assert "--array" not in several and "8 arrays lie behind this figure" in several
    assert "--array" in written["gallery/tiny/frog/grad-cam--relu4--class-frog.html"]


def test_a_known_address_stands_in_the_snippets(fake_gallery, tmp_path):
    manifest = fake_gallery[1] | {"site": {"title": "T", "url": "https://example.org/g", "description": ""}}
    page = write(manifest, tmp_path)["gallery/tiny/frog/grad-cam--relu4--class-frog.html"]
    assert "https://example.org/g/gallery/tiny/frog/grad-cam--relu4--class-frog.png" in page
    assert "your.site" not in page


# --- writing ----------------------------------------------------------------------------------------------


def test_what_is_the_same_is_not_written_again_and_what_is_stale_goes(fake_gallery, tmp_path):
    pages.write_sources(fake_gallery[1], tmp_path, [TEMPLATES])
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.md")}
    stale = tmp_path / "gallery/images/gone.md"
    stale.write_text("old")
    pages.write_sources(fake_gallery[1], tmp_path, [TEMPLATES])
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.md")} == before


def test_pages_that_have_entries_of_their_own_are_not_read_by_the_search(written):
    heads = {name: yaml.safe_load(page.split("---\n")[1]) for name, page in written.items() if name.endswith(".md")}
    hidden = {name for name, head in heads.items() if head.get("search") == {"exclude": True}}
    assert "gallery/tiny/frog/index.md" in hidden
    assert not hidden & {"index.md", "reading.md"}


# --- the contract -----------------------------------------------------------------------------------------


def test_the_manifest_keeps_its_schema(fake_gallery):
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(fake_gallery[1], SCHEMA)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("version",), 2),
        (("figures", 0, "status"), "perhaps"),
        (("figures", 0, "digest"), ""),
        (("figures", 0, "id"), "no figure"),
        (("images", 0, "photo"), None),
    ],
)
def test_the_schema_refuses_what_is_wrong(fake_gallery, path, value):
    broken = json.loads(json.dumps(fake_gallery[1]))
    inner = broken
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, SCHEMA)


@pytest.mark.parametrize(
    ("name", "kind", "private"),
    [
        ("figure", Figure, set()),
        ("method", MethodCard, {"style"}),
        ("style", StyleCard, set()),
        ("model", ModelCard, {"passes_seconds", "one_at_a_time", "checkpoints", "becoming"}),
    ],
)
def test_the_schema_knows_every_field(name, kind, private):
    named = {"draw"} if kind is MethodCard else set()  # the style's name, by which it is found among the styles
    assert set(SCHEMA["$defs"][name]["properties"]) - named == {field.name for field in fields(kind)} - private


# --- many images --------------------------------------------------------------------------------------


def test_of_very_many_images_a_page_shows_the_first_and_leads_to_the_rest(fake_gallery, tmp_path, monkeypatch):
    monkeypatch.setattr("generator.site.pages.manifest_index.MOST", 2)
    monkeypatch.setattr("generator.site.pages.manifest_index.FEW", 2)
    found = write(fake_gallery[1], tmp_path)
    for name in ("tiny/index", "tiny/layers/relu4", "methods/grad-cam", "methods/activations"):
        page = found[f"gallery/{name}.md"]
        assert "tiny/frog/" in page or "frog/" in page
        assert "rocket/activations" not in page and "rocket/grad-cam" not in page, name
        assert "These are the first 2. <a href=" in page and "All 3 images" in page
    assert (
        "rocket" in found["gallery/images/index.md"] and "These are the first" not in found["gallery/images/index.md"]
    )
    assert '"rocket"' not in found["gallery/tiny/layers/relu4.js"]
    assert "gallery/tiny/rocket/index.md" in found


def test_of_a_few_images_a_page_shows_all(written):
    assert not any("These are the first" in page for page in written.values())


# --- evidence -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("ranked", [True, False])
def test_a_measured_map_leads_to_the_order_of_methods_where_there_is_one(fake_gallery, tmp_path, ranked):
    manifest = json.loads(json.dumps(fake_gallery[1]))
    controls = [one for control in manifest["controls"] for one in control["measured"]]
    for one in [] if ranked else [*manifest["figures"], *controls]:
        (one.get("evidence") or {}).pop("insertion", None)
    for model in [] if ranked else manifest["models"]:
        model["ranking"] = {}
    found = write(manifest, tmp_path)
    assert ('id="belief"' in found["gallery/tiny/index.md"]) is ranked
    page = found["gallery/tiny/frog/grad-cam--relu4--class-frog.html"]
    assert ("index.html#belief" in page) is ranked and "All methods ranked for this network" in page


def test_an_order_says_how_its_images_were_chosen(fake_gallery, tmp_path):
    manifest = json.loads(json.dumps(fake_gallery[1]))
    page = write(manifest, tmp_path / "even")["gallery/tiny/index.md"]
    assert "200 images sampled evenly from cifar10" in page
    manifest["models"][0]["ranking"]["sampling"] = "sampled unevenly (ship 3)"
    page = write(manifest, tmp_path / "uneven")["gallery/tiny/index.md"]
    assert "200 images sampled unevenly (ship 3) from cifar10" in page
