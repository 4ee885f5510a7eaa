"""A gallery of one's own from an empty folder: what is laid, that it holds together, and that it builds."""

import json
import subprocess

import jsonschema
import pytest
import yaml
from click.testing import CliRunner

from generator.__main__ import main
from generator.config import json_schema
from generator.config.image_entries import ImagesFile
from generator.config.scaffold import SCAFFOLD, lay
from generator.config.settings import Settings, load
from generator.core.errors import ConfigError
from generator.data.images import read_images
from generator.site import mkdocs_hooks


@pytest.fixture
def gallery(tmp_path):
    """The scaffold, as a user has it."""
    lay(tmp_path / "mine")
    return tmp_path / "mine"


def test_what_is_laid_is_a_valid_gallery_of_free_pictures(gallery):
    settings = load(gallery / "gallery.yml")
    examples, problems = read_images(settings.images_folder)
    assert [model.name for model in settings.models] == ["vgg-cifar10"]
    assert (len(examples), problems) == (2, [])
    assert {example.licence for example in examples} == {"CC0-1.0"}
    assert all(example.alt and example.credit for example in examples)
    assert all((gallery / "images" / f"{example.id}.jpg").stat().st_size <= 60_000 for example in examples)


def test_every_file_of_the_scaffold_is_laid(gallery):
    laid = {file.relative_to(gallery).as_posix() for file in gallery.rglob("*") if file.is_file()}
    ours = {file.relative_to(SCAFFOLD).as_posix() for file in SCAFFOLD.rglob("*") if file.is_file()}
    assert laid == ours | {".schema/gallery.json", ".schema/images.json"}
    assert {".gitignore", "templates/README.md", "site_src/index.md", "mkdocs.yml"} <= laid


@pytest.mark.parametrize("name", ["gallery.yml", "images/images.yml"])
def test_the_files_name_the_schema_that_editors_check_them_with(gallery, name):
    file = gallery / name
    first, _, rest = file.read_text().partition("\n")
    found = file.parent / first.removeprefix("# yaml-language-server: $schema=")
    jsonschema.validate(yaml.safe_load(rest), json.loads(found.read_text()))


def test_a_folder_that_holds_things_is_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match="expected a new or an empty folder, it holds other things"):
        lay(tmp_path)
    with pytest.raises(ConfigError, match="expected a new or an empty folder, there is a file"):
        lay(tmp_path / "notes.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    (tmp_path / "fresh" / ".git").mkdir(parents=True)
    lay(tmp_path / "fresh")


# --- building it ------------------------------------------------------------------------------------


@pytest.fixture
def small(gallery):
    """The scaffold with one method, so that a build takes little time, and with a navigation of its own."""
    text = (gallery / "gallery.yml").read_text()
    (gallery / "gallery.yml").write_text(text.replace("preset: quick", "preset: quick\nmethods: [saliency]"))
    (gallery / "mkdocs.yml").write_text("INHERIT: site_src/.mkdocs.yml\nnav:\n  - Only: index.md\n")
    return gallery


def test_it_builds_with_the_front_page_that_someone_wrote(small, monkeypatch):
    monkeypatch.chdir(small)
    before = {file.relative_to(small).as_posix() for file in small.rglob("*") if file.is_file()}
    result = CliRunner().invoke(main, ["build", "--workers", "0", "--device", "cpu"])
    assert result.exit_code == 0, result.output
    front = (small / "site" / "index.html").read_text()
    assert "About this gallery" in front and "What does a network see" in front and mkdocs_hooks.MARK not in front
    assert front.index("What does a network see") < front.index("Edit this text in")
    assert "My gallery" in front
    assert (small / "site_src" / "index.md").read_text() == (SCAFFOLD / "site_src" / "index.md").read_text()
    assert "Only" in front and "assets/css/all.css" in front and "Lecture" not in front.partition("<main")[0]
    git = ["git", "ls-files", "--others", "--exclude-standard"]
    subprocess.run(["git", "init", "-q"], check=True, capture_output=True)
    kept = set(subprocess.run(git, check=True, capture_output=True, text=True).stdout.split())
    assert kept == before, "what a build writes is ignored"
    again = CliRunner().invoke(main, ["build", "--workers", "0", "--device", "cpu"])
    assert "Nothing changed" in again.output


def test_a_front_page_that_is_generated_is_written_anew(tmp_path):
    index = tmp_path / "index.md"
    assert mkdocs_hooks.place(index) == index
    index.write_text('---\n{"kind": "home"}\n---\n<h1>')
    assert mkdocs_hooks.place(index) == index
    index.write_text("# Mine\n")
    (tmp_path / mkdocs_hooks.OURS).write_text("")
    assert mkdocs_hooks.place(index) == tmp_path / mkdocs_hooks.OURS
    index.unlink()
    assert mkdocs_hooks.place(index) == index and not (tmp_path / mkdocs_hooks.OURS).exists()


@pytest.mark.parametrize(("answer", "laid"), [("y\n", True), ("n\n", False)])
def test_in_an_empty_folder_a_build_offers_a_gallery(answer, laid, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("generator.cli.build.build_and_tell", lambda *arguments: 0)
    monkeypatch.setattr("generator.cli.build.interactive", lambda: True)
    result = CliRunner().invoke(main, ["build"], input=answer)
    assert result.exit_code == 0 and "Create a small gallery here?" in result.stdout
    assert (tmp_path / "gallery.yml").is_file() is laid


def test_without_a_terminal_it_says_so_and_builds(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("generator.cli.build.build_and_tell", lambda *arguments: 0)
    result = CliRunner().invoke(main, ["build"])
    assert (result.exit_code, result.stdout) == (0, "")
    assert "`innerview new .` creates your own" in result.stderr and list(tmp_path.iterdir()) == []


# --- for editors ------------------------------------------------------------------------------------

GOOD = [
    ("gallery", {"models": ["alexnet", {"name": "mine", "source": "herons:net", "prune": [0.5, {"sparsity": 0.9}]}]}),
    ("gallery", {"models": [{"name": "a", "input": {"size": 224, "mean": [0.5] * 3, "std": [0.2] * 3}}]}),
    ("gallery", {"methods": {"smoothgrad": {"samples": 4}, "cam": False}, "preset": "full"}),
    ("images", {"images": [{"file": "a.png", "targets": {"cifar10": "cat"}, "background": "#aabbcc"}]}),
]
BAD = [
    ("gallery", {"modles": []}),
    ("gallery", {"preset": "fast"}),
    ("gallery", {"models": [{"nmae": "a"}]}),
    ("images", {"images": [{"file": "a.png", "fit": "squeeze"}]}),
]


@pytest.mark.parametrize(("kind", "content"), GOOD)
def test_the_schema_takes_what_a_build_takes(kind, content):
    {"gallery": Settings, "images": ImagesFile}[kind].model_validate(content)
    jsonschema.validate(content, json_schema.SCHEMAS[kind]())


@pytest.mark.parametrize(("kind", "content"), BAD)
def test_the_schema_refuses_what_a_build_refuses(kind, content):
    with pytest.raises(ValueError):
        {"gallery": Settings, "images": ImagesFile}[kind].model_validate(content)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content, json_schema.SCHEMAS[kind]())


@pytest.mark.parametrize("kind", json_schema.SCHEMAS)
def test_the_schema_explains_every_key(kind, repository):
    told = json_schema.SCHEMAS[kind]()
    jsonschema.Draft202012Validator.check_schema(told)
    parts = {told["title"]: told, **told.get("$defs", {})}
    keys = {
        f"{name}.{key}": about["description"]
        for name, part in parts.items()
        for holder in (part, *part.get("anyOf", ()))
        for key, about in holder.get("properties", {}).items()
    }
    assert len(keys) > 10
    assert [key for key, words in keys.items() if not words] == [], "say in generator/schema.py what it means"


def test_the_listing_of_this_repository_keeps_its_schema(repository):
    listing = repository / "images" / "images.yml"
    jsonschema.validate(yaml.safe_load(listing.read_text()), json_schema.images_schema())


def test_the_schemas_can_be_had_on_the_command_line(tmp_path):
    out = tmp_path / "schema" / "gallery.json"
    assert CliRunner().invoke(main, ["schema", "gallery", "--out", str(out)]).exit_code == 0
    printed = CliRunner().invoke(main, ["schema", "gallery"]).stdout
    assert json.loads(out.read_text()) == json.loads(printed) == json_schema.gallery_schema()
