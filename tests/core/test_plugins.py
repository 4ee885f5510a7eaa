"""Methods and networks of other packages: found by their entry points, drawn as ours are, anew as they change."""

import json
import os
import re
import subprocess
import sys

import pytest
import tiny_gallery
import visiting_package

from generator.core import code_digest, plugins
from generator.core.errors import ModelError
from generator.engine import method_card, method_registry
from generator.models.specs import known_names, resolve

MINE = {
    "name": "mine",
    "source": "herons.network:net",
    "input": {"size": [1, 12, 12], "mean": [0.5], "std": [0.25]},
    "classes": ["heron", "egret", "stork"],
}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The package, installed for this process; the folder of its code."""
    folder = visiting_package.install(tmp_path / "installed")
    monkeypatch.syspath_prepend(tmp_path / "installed")
    clear()
    yield folder
    for slug in [slug for slug, one in method_registry.METHODS.items() if one.function.__module__.startswith("herons")]:
        del method_registry.METHODS[slug]
    for name in [name for name in sys.modules if name.split(".")[0] == "herons"]:
        del sys.modules[name]
    clear()


def clear():
    for name in ("closure_digest", "_path", "_parse", "_uses", "_code"):
        getattr(code_digest, name).cache_clear()


def test_a_method_of_another_package_is_one_of_ours(package):
    found = method_registry.load_methods()["attention-map"]
    assert (found.title, found.inputs, found.axes) == ("Attention map", ("activation",), ("image", "layer"))
    assert method_card.card(found).limits == "Says nothing about the answer."


def test_its_code_is_found_without_importing_it(package):
    names = {path.name for path in code_digest.module_files(*plugins.methods())}
    assert names == {"methods.py", "scale.py"} and "herons" not in sys.modules
    before = code_digest.closure_digest("herons.methods")
    for name, text in (("scale.py", "POWER = 3\n"), ("methods.py", "POWER = 2\n")):
        (package / name).write_text(text)
        clear()
        assert code_digest.closure_digest("herons.methods") != before


def test_a_network_of_another_package_has_a_name(package):
    assert resolve("heron-net").source == "herons.network:described"
    assert resolve("heron-net~pruned-50").derive == (("prune-global", 0.5),)
    assert "heron-net" in known_names()
    with pytest.raises(ModelError, match="expected heron-net"):
        resolve("heron-nett")


def test_what_cannot_be_imported_costs_one_line(package):
    (package / "methods.py").write_text("import nothing_of_this_name\n")
    with pytest.raises(plugins.PackageError, match="herons.methods, which brings methods, cannot be imported: Module"):
        method_registry.load_methods()


def test_a_name_of_ours_is_not_taken_over(package):
    text = visiting_package.METHOD.replace("def attention_map", "def saliency")
    (package / "methods.py").write_text(text)
    with pytest.raises(plugins.PackageError, match="two methods are called 'saliency': in generator.methods"):
        method_registry.load_methods()


@pytest.mark.parametrize(
    ("stated", "words"),
    [
        ('draw="rainbow"', "method 'attention-map': no style is called 'rainbow': expected one of"),
        ('draw="overlay", roles=("regoin",)', "method 'attention-map': no role is called 'regoin': expected input, "),
        ('draw="overlay", counts="much"', "method 'attention-map': counts='much': expected value, size or nothing"),
    ],
)
def test_what_a_method_states_and_nobody_knows_costs_one_line(package, stated, words):
    (package / "methods.py").write_text(visiting_package.METHOD.replace('draw="overlay"', stated))
    brought = method_registry.load_methods()["attention-map"]
    with pytest.raises(plugins.PackageError, match=re.escape(words)):
        method_card.card(brought)


# --- a gallery of them ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    """A gallery of both networks with every method, those that take steps with few; what `build` says when called."""
    root = tmp_path_factory.mktemp("gallery")
    package = visiting_package.install(root / "installed")
    every = {slug: one.parameters for slug, one in method_registry.load_methods().items() if "steps" in one.parameters}
    tiny_gallery.lay(root / "mine", images=("one",))
    settings = {"models": ["heron-net", MINE], "preset": "full", "measures": []}
    settings |= {"methods": {slug: {"steps": 2} for slug in every}, "styles": []}
    tiny_gallery.write(root / "mine" / "gallery.yml", settings)
    listing = [{"file": "one.png", "credit": "me", "targets": {"birds": "egret"}}]
    tiny_gallery.write(root / "mine" / "images" / "images.yml", {"images": listing})

    def build(*arguments):
        path = os.pathsep.join([str(root / "installed"), *filter(None, sys.path)])
        command = [sys.executable, "-m", "generator", "build", "--workers", "2", "--device", "cpu", "--no-site"]
        command += arguments
        environment = {**os.environ, "PYTHONPATH": path}
        done = subprocess.run(command, cwd=root / "mine", env=environment, capture_output=True, text=True, timeout=500)
        assert done.returncode == 0, done.stderr
        return done.stdout, json.loads((root / "mine" / ".innerview" / "manifest.json").read_text())

    return package, build, build()


def counts(said):
    """How many figures were drawn and how many reused."""
    return tuple(int(re.search(rf"{word} (\d+)", said)[1]) for word in ("rendered", "reused"))


def test_every_method_goes_through_a_network_of_ones_own(gallery):
    _, _, (_, manifest) = gallery
    figures = manifest["figures"]
    assert {figure["status"] for figure in figures} <= {"drawn", "inapplicable"}
    rare = {"epochs", "first_kernels", "token_grid", "attention"}  # what only some networks have
    of_training = {slug for slug, one in method_registry.METHODS.items() if rare & {*one.inputs}}
    without = {"style-transfer", *of_training}  # which need pairs of pictures, and checkpoints
    for model in ("heron-net", "mine"):
        mine = {figure["method"] for figure in figures if figure["model"] == model}
        assert mine >= {*method_registry.METHODS, "attention-map"} - without
    cards = {card["slug"]: card for card in manifest["models"]}
    assert cards["heron-net"]["classes"] == ["heron", "egret", "stork"]
    assert cards["heron-net"]["input"]["size"] == [1, 12, 12] and cards["heron-net"]["title"] == "Heron net"
    rectified = [figure["numbers"] for figure in figures if figure["method"] == "guided-backprop"]
    assert rectified and all("3 of 3" in json.dumps(numbers) for numbers in rectified)


def test_what_changes_in_the_package_is_drawn_anew_and_nothing_else(gallery):
    package, build, _ = gallery
    two = ["--method", "attention-map", "--method", "saliency"]
    said, manifest = build(*two)
    assert counts(said)[0] == 0
    mine = [figure for figure in manifest["figures"] if figure["method"] == "attention-map"]
    (package / "scale.py").write_text("POWER = 4\n")  # which the method imports
    assert counts(build(*two)[0])[0] == len(mine) == 2
    text = (package / "blocks.py").read_text().replace("F.relu(x + ", "F.relu(2 * x + ")
    (package / "blocks.py").write_text(text)  # which the networks import: the same weights, another forward
    said, after = build(*two)
    assert counts(said) == (len(after["figures"]), 0) and len(after["figures"]) == len(manifest["figures"])
