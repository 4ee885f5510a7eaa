"""gallery.yml and images.yml: what may stand in them, and the one line that says what is wrong."""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.config.image_entries import ImageEntry, read_image_entries
from generator.config.json_schema import gallery_schema
from generator.config.settings import Settings, colour, load
from generator.config.validation import nearest
from generator.config.yaml_reader import read_yaml
from generator.core.errors import ConfigError
from generator.core.text import harmless


@pytest.fixture
def gallery(tmp_path):
    """Writes a gallery.yml and gives its path."""

    def write(text: str):
        path = tmp_path / "gallery.yml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_without_a_file_the_default_gallery_is_built(repository):
    settings = load(None)
    assert [(model.name, model.source) for model in settings.models] == [
        ("efficientnet-lite0", ""),
        ("imagenette", ""),
        ("vgg-cifar10", ""),
    ]
    assert (settings.preset, settings.targets, settings.methods) == ("auto", ["label", "rival"], {})
    assert load(None) == settings


def test_an_empty_file_is_the_default_too(gallery):
    assert load(gallery("")).model_dump() == load(None).model_dump()


def test_pictures_come_from_beside_the_file_or_with_innerview(gallery, tmp_path, repository):
    assert load(None).images_folder.resolve() == repository / "images"
    assert load(gallery("")).images_folder == tmp_path / "images", "a gallery never publishes ours for want of its own"
    assert load(gallery("images: mine")).images_folder == tmp_path / "mine"
    (tmp_path / "images").mkdir()
    assert load(gallery("")).images_folder == tmp_path / "images"


def test_overrides_win_and_are_checked_alike(gallery):
    path = gallery("preset: quick\ntargets: [top]")
    settings = load(path, preset="full", targets=None)
    assert (settings.preset, settings.targets) == ("full", ["top"])
    with pytest.raises(ConfigError, match="'forward', 'quick', 'standard' or 'full'; there is 'best'"):
        load(path, preset="best")


def test_short_forms_are_the_long_ones(gallery):
    short = load(gallery("models: [{name: a, prune: [0.5], input: {size: 32, mean: [0, 0, 0], std: [1, 1, 1]}}]"))
    long = load(
        gallery(
            """
            models:
              - name: a
                prune: [{sparsity: 0.5, scope: global}]
                input: {size: [3, 32, 32], mean: [0.0, 0.0, 0.0], std: [1.0, 1.0, 1.0]}
            """
        )
    )
    assert short == long
    assert load(gallery("models: [a, b]")) == load(gallery("models: [{name: a}, {name: b}]"))


def test_numbers_with_an_exponent_need_neither_point_nor_sign(gallery):
    text = (
        "models: [{name: a, prune: [5e-1, {sparsity: 2E-1}], threshold: 7e-1, constants: {sun: 1e-3, sky: [[2e3, 1]]}, "
        "input: {size: 32, mean: [0, 1e-1, +5e-1], std: [1, 1e0, 2.5E-1], range: [-1e3, 4e3]}}]"
    )
    model = load(gallery(text)).models[0]
    assert [entry.sparsity for entry in model.prune] == [0.5, 0.2] and model.threshold == 0.7
    assert model.constants == {"sun": 0.001, "sky": [[2000.0, 1]]}
    assert (model.input.mean, model.input.std) == ([0, 0.1, 0.5], [1, 1, 0.25]) and model.input.range == [-1000, 4000]
    names = load(gallery("models: [{name: 1e6, classes: [1e5, 2e5], targets: ['class:1e5']}]")).models[0]
    assert (names.name, names.classes) == ("1e6", ["1e5", "2e5"]), "where text is expected it stays text"


INPUT = "models: [{name: a, input: {size: 32, mean: [0, 0, 0], std: [1, 1, 1], "


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("models: [a, {name: b, wieghts: x}]", "models[1].wieghts: unknown key; did you mean 'weights'?"),
        ("modles: [a]", "modles: unknown key; did you mean 'models'?"),
        ("site: {tilte: x}", "site.tilte: unknown key; did you mean 'title'?"),
        ("models: [{name: a, prune: [{sparsity: 0.5, scop: layer}]}]", "models[0].prune[0].scop: unknown key; did"),
        (INPUT + "bakground: x}}]", "models[0].input.bakground: unknown key; did you mean 'background'?"),
        ("zzz: 1", "zzz: unknown key; known are "),
        ("models: 5", "models: expected list; there is 5"),
        ("models: [5]", "models[0].name: expected string; there is 5"),
        ("models: []", "models: expected at least 1 item"),
        ("models: [{source: 'a:b'}]", "models[0].name: missing"),
        ("models: [{name: a, source: 'a b'}]", "models[0].source: expected 'torchvision:name', 'bundled:name' or"),
        ("models: [{name: a, seed: true}]", "models[0].seed: expected integer; there is True"),
        ("models: [{name: a, seed: -1}]", "models[0].seed: expected greater than or equal to 0; there is -1"),
        ("models: [{name: a, classes: [1, 2]}]", "models[0].classes: expected a list of names (in quotes"),
        ("models: [{name: a, prune: [1.5]}]", "models[0].prune[0].sparsity: expected less than 1; there is 1.5"),
        (INPUT + "resize: 16}}]", "models[0].input.resize: expected at least 32"),
        (INPUT + "background: red}}]", "models[0].input.background: expected a colour like '#87b5d9', in quotes"),
        (
            "models: [{name: a, input: {size: [0, 8, 8], mean: [0], std: [1]}}]",
            "input.size: expected 1 to 1024 channels",
        ),
        ("models: [{name: a, input: {size: 8, mean: [0], std: [1]}}]", "input.mean: expected 3 numbers, one per"),
        ("models: [{name: a, input: {size: 0, mean: [0,0,0], std: [1,1,1]}}]", "expected a height and width of 1 to"),
        ("models: [{name: a, input: {size: 8, mean: [0,0,0], std: [1,0,1]}}]", "std: expected numbers above 0"),
        ("preset: quik", "preset: expected 'auto', 'forward', 'quick', 'standard' or 'full'; there is 'quik'"),
        (
            "targets: [label, foo]",
            "targets: expected label, rival, top, class:NAME, contrast:NAME:NAME or pixel:ROW:COLUMN",
        ),
        ("methods: {grad-cam: 3}", "methods.grad-cam: expected a mapping of parameters, true or false; there is 3"),
        ("methods: {grad-cam: {a: {b: 1}}}", "methods.grad-cam.a: expected a value or a list of values"),
        ("methods: [3]", "methods: expected a list of method slugs; there is [3]"),
        ("methods: x", "methods: expected a mapping of methods to parameters, or a list of methods; there is 'x'"),
        ("site: hello", "site: expected a mapping of keys; there is 'hello'"),
        ("site: {url: 'ftp://x'}", "site.url: expected an address that begins with https://"),
        ("- a", "expected a mapping of keys; there is ['a']"),
        ("models: [{name: a, seed: .nan}]", "line 1: expected a number up to 2^53, there is .nan"),
        ("models: [{name: a, seed: -.inf}]", "line 1: expected a number up to 2^53, there is -.inf"),
        ("models: [{name: a, seed: 99999999999999999999}]", "line 1: expected a number up to 2^53, there is 9999999"),
        (INPUT.replace("[1, 1, 1]", "[1, 1.0e-300, 1]") + "}}]", "line 1: expected 0 or a number of at least 2^-53, "),
        (INPUT.replace("[1, 1, 1]", "['1/99999999999999999999', 1, 1]") + "}}]", "expected 0 or a number from 2^-53"),
        ("methods: {smoothgrad: {sigma: -4.9e-324}}", "line 1: expected 0 or a number of at least 2^-53, there is -4"),
        (
            INPUT.replace("[1, 1, 1]", "[1, 1e-300, 1]") + "}}]",
            "std[1]: expected 0 or a number from 2^-53 to 2^53; there",
        ),
        (
            "models: [{name: a, constants: {sun: [1e400]}}]",
            "constants: expected 0 or a number from 2^-53 to 2^53; there",
        ),
        ("models: [{name: a, prune: [one]}]", "models[0].prune[0].sparsity: expected number; there is 'one'"),
        (f"a: {'9' * 5000}", "line 1: expected a number up to 2^53, there is 9999999"),
    ],
)
def test_one_line_says_where_and_what(gallery, text, message):
    with pytest.raises(ConfigError) as error:
        load(gallery(text))
    assert str(error.value).startswith("gallery.yml: ")
    assert message in str(error.value)
    assert "\n" not in str(error.value) and len(str(error.value)) < 250


def bomb() -> str:
    """Ten aliases of ten aliases of ten ..: a few hundred bytes that mean 10^12 values."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (bomb(), "aliases (*) repeat too much"),
        ("a: &a [*a]", "aliases (*) repeat too much"),
        ("[" * 100_000, "nested more than 50 deep"),
        ("- " * 100_000, "nested more than 50 deep"),
        ("x" * 1_000_001, "expected at most 1,000,000 bytes, there are 1,000,001"),
        ("preset: quick\npreset: full", "line 2: the key 'preset' stands here twice"),
        ("a: !!python/object/apply:os.getcwd []", "line 1: 'python/object/apply:os.getcwd' is not read here"),
        ("a: !mine x", "line 1: '!mine' is not read here"),
        ("a: 2020-01-01", "line 1: 'timestamp' is not read here; put text that looks like one in quotes"),
        ("a: !!binary aGVsbG8=", "line 1: 'binary' is not read here"),
        ("1: a", "line 1: expected a text as key, there is '1'; put it in quotes"),
        ("no: a", "line 1: expected a text as key, there is 'no'; put it in quotes"),
        ("? [a]\n: b", "line 1: expected a text as key"),
        ("a: [", "not YAML"),
        ("a: *b", "not YAML"),
        ("a: \x00", "not YAML"),
        ("---\na: 1\n---\nb: 2", "not YAML"),
    ],
)
def test_yaml_that_is_not_plain_data_is_refused(gallery, text, message):
    with pytest.raises(ConfigError) as error:
        read_yaml(gallery(text))
    assert str(error.value).startswith("gallery.yml: ")
    assert message in str(error.value) and "\n" not in str(error.value)


def test_aliases_and_merges_in_measure_are_read(gallery):
    assert read_yaml(gallery("a: &a {x: 1}\nb: *a\nc: {<<: *a, y: 2}")) == {
        "a": {"x": 1},
        "b": {"x": 1},
        "c": {"x": 1, "y": 2},
    }


def test_what_is_no_file_is_said(tmp_path):
    with pytest.raises(ConfigError, match="expected a file, there is none"):
        load(tmp_path / "gallery.yml")
    with pytest.raises(ConfigError, match="expected a file, there is a folder"):
        load(tmp_path)
    (tmp_path / "gallery.yml").write_bytes(b"site: \xff")
    with pytest.raises(ConfigError, match="^gallery.yml: expected UTF-8 text, byte 6 is none$"):
        load(tmp_path / "gallery.yml")


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from(sorted(Settings.model_fields)), PLAIN, max_size=3))
def test_any_data_gives_settings_or_one_line(given_data):
    try:
        settings = load(None, **given_data)
    except ConfigError as error:
        assert "\n" not in str(error) and str(error).startswith("gallery.yml: ")
    else:
        assert settings.preset in ("auto", "forward", "quick", "standard", "full")


def test_the_schema_for_editors_knows_every_key():
    schema = gallery_schema()
    assert set(schema["properties"]) == set(Settings.model_fields)
    assert schema["additionalProperties"] is False
    assert json.loads(json.dumps(schema)) == schema


# --- images.yml -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("images: [{fiel: a.png}]", "images[0].fiel: unknown key; did you mean 'file'?"),
        ("images: [{title: a}]", "images[0]: expected either 'file' or 'source'; there is 'neither'"),
        ("images: [{file: a, source: a/test/b/c}]", "images[0]: expected either 'file' or 'source'; there is 'both'"),
        ("images: [{source: frog}]", "images[0].source: expected"),
        ("images: [{file: a.png, background: '#fff'}]", "images[0].background: expected a colour like '#87b5d9'"),
        ("images: [{file: a.png, fit: squeeze}]", "images[0].fit: expected '', 'crop' or 'pad'; there is 'squeeze'"),
        (
            "images: [{file: a.png, id: My Cat}]",
            "images[0].id: expected lower case words joined by hyphens, such as 'my-cat'",
        ),
        ("images: [{file: a.png, source_url: 'javascript:x'}]", "images[0].source_url: expected an address"),
        ("images: [{file: a.png, targets: {cifar10: 3}}]", "images[0].targets.cifar10: expected string; there is 3"),
        ("pictures: []", "pictures: unknown key"),
        ("- a.png", "expected a mapping of keys; there is ['a.png']"),
    ],
)
def test_a_wrong_entry_is_told_by_number_and_key(tmp_path, text, message):
    (tmp_path / "images.yml").write_text(text)
    with pytest.raises(ConfigError) as error:
        read_image_entries(tmp_path / "images.yml")
    assert str(error.value).startswith(f"images.yml: {message}")


# --- single values ----------------------------------------------------------------------------------


def test_a_colour_is_three_bytes():
    assert colour("#87b5d9") == (0x87, 0xB5, 0xD9)


def test_the_nearest_known_name_is_offered_else_all():
    assert nearest("wieghts", ["weights", "input"]) == "; did you mean 'weights'?"
    assert nearest("zzz", ["b", "a"]) == "; known are a, b"
    assert nearest("zzz", []) == ""


def test_settings_and_pictures_need_no_torch(repository):
    code = """
import sys
from generator.config.settings import load
from generator.data import images
from generator.pipeline import selection
settings = load(None)
examples, _ = images.read_images(settings.images_folder)
assert selection.images_for(settings, selection.networks(settings)[0], examples, "cifar10")
print(sorted({"torch", "torchvision"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("mark", ["\u202e", "\u2066", "\u200f", "\x9b31m", "\x85", "\x1b]0;x\x07", "\n"])
def test_what_people_read_holds_neither_controls_nor_marks_that_turn_text_around(tmp_path, mark):
    entry = {"name": "vgg-cifar10", "title": f"a{mark}b"}
    written = json.dumps({"site": {"title": f"a{mark}b", "description": f"a{mark}b"}, "models": [entry]})
    (tmp_path / "gallery.yml").write_text(written)
    settings = load(tmp_path / "gallery.yml")
    fields = ("title", "credit", "licence", "alt", "note")
    image = ImageEntry(file="a.png", **dict.fromkeys(fields, f"a{mark}b"))
    shown = [settings.site.title, settings.models[0].title, settings.site.description]
    shown += [getattr(image, field) for field in fields]
    assert [text for text in shown if harmless(text) != text] == []
    assert all(len(text.splitlines()) == 1 for text in (*shown[:2], image.title))
