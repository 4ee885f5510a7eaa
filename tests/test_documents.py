"""What README and docs say is true: their examples work, and they leave no module and no command out."""

import json
import re

import pytest
import torch
from repository import PACKAGES

from generator.__main__ import main
from generator.config.image_entries import read_image_entries
from generator.config.settings import load
from generator.core import docstrings
from generator.engine import method_registry
from generator.pipeline.selection import networks


@pytest.fixture(scope="module")
def readme(repository):
    return (repository / "README.md").read_text()


def block(text, language, number=0):
    """The code block number `number` of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)[number]


def test_the_picture_of_the_readme_is_valid(readme, tmp_path):
    file = tmp_path / "images.yml"
    file.write_text("images:\n" + block(readme, "yaml"))
    (entry,) = read_image_entries(file)
    assert (entry.name, entry.targets) == ("heron", {"cifar10": "bird"})


def test_the_models_of_the_readme_are_valid(readme, tmp_path):
    file = tmp_path / "gallery.yml"
    file.write_text(block(readme, "yaml", 1))
    names = [network.name for network in networks(load(file))]
    assert names == ["vgg-cifar10", "vgg-cifar10~pruned-50", "imagenette", "resnet18", "alexnet", "heron-net"]


def test_the_method_of_the_readme_is_a_method(readme):
    namespace = {
        "__name__": "generator.methods.attention",
        "__package__": "generator.methods",
    }
    try:
        exec(block(readme, "python"), namespace)
        found = method_registry.METHODS["attention-map"]
        assert (found.axes, found.inputs) == (("image", "layer"), ("activation",))
        assert docstrings.sections(found.function.__doc__)["Limits"].startswith("Says nothing about the answer")
    finally:
        method_registry.METHODS.pop("attention-map", None)
    activation = torch.tensor([[[[1.0, -2.0]], [[3.0, 0.5]]]])  # two channels of one row and two columns
    assert namespace["attention_map"](activation).tolist() == [[[10.0, 4.25]]]


def test_the_readme_tells_the_accuracy_of_the_weights_that_ship(readme, repository):
    card = json.loads((repository / "generator" / "models" / "bundled" / "weights" / "vgg-cifar10.json").read_text())
    assert f"classifies {100 * card['accuracy']['top1']:.1f} % of CIFAR-10's test images correctly" in " ".join(
        readme.split()
    )


def test_every_command_is_in_the_readme(readme):
    assert set(re.findall(r"^\| `innerview ([a-z]+)", readme, re.MULTILINE)) == set(main.commands)


@pytest.mark.parametrize("name", ["gallery", "serve", "test"])
def test_the_make_targets_of_the_readme_exist(readme, repository, name):
    assert f"make {name}" in readme
    assert re.search(rf"^{name}:.*## ", (repository / "Makefile").read_text(), re.MULTILINE)


def test_every_package_has_a_row_in_the_architecture_and_what_it_names_is_there(repository):
    text = (repository / "docs" / "architecture.md").read_text()
    rows = dict(re.findall(r"^\| `([a-z]+)/` \|.*\| (.*) \|$", text, re.MULTILINE))
    assert list(rows) == PACKAGES
    for package, words in rows.items():
        for name in re.findall(r"`([a-z_]+/?)`", words):
            place = repository / "generator" / package / name
            assert place.is_dir() if name.endswith("/") else place.with_suffix(".py").is_file(), place
    names = {path.name for path in (repository / "generator").glob("[a-z]*.py")}
    assert names <= set(re.findall(r"`([a-z_]+\.py)`", text)) | {"__main__.py"}


def test_paths_in_the_documents_are_there(repository):
    documents = [
        *repository.glob("*.md"),
        *(repository / "docs").rglob("*.md"),
        *(repository / "site_src/docs").glob("*.md"),
    ]
    named = {
        (document.name, place)
        for document in documents
        for place in re.findall(r"\b((?:generator|tests|benchmarks|templates)/[\w./-]*\w)", document.read_text())
    }
    missing = [
        (name, place)
        for name, place in sorted(named)
        if not (repository / place).exists() and "_resources" not in place
    ]
    assert len(named) > 30 and missing == []


def test_documents_link_to_what_is_there(repository):
    documents = [*repository.glob("*.md"), *(repository / "docs").rglob("*.md")]
    missing = [
        f"{document.name}: {target}"
        for document in documents
        for target in re.findall(r"\]\(([^)#]+)", document.read_text())
        if not target.startswith("http") and not (document.parent / target).exists()
    ]
    assert len(documents) > 5 and missing == []
