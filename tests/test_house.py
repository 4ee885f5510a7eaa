"""The shape of the code: what may import what, what the parent process may load, and how a file looks."""

import ast
import doctest
import importlib
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.types import ConfigError, figure_name, layer_slug, parse_figure_name, slug

# Work flows one way: each module or package may import those before it and nothing else of the house.
ORDER = """
    types contract resources sources brought yaml_file entries config schema models selection data download decode
    photo images location capture describe tape room frames blocks stages driven becoming painting methods targets
    samples waiting answers cam_layers scene reduce palettes bars encode tiles patches picture painted captions
    render evaluation growth measures training store merge probe plan ranking compare ssim side readback diff gates
    pruning measured evidence contest worker processes run manifest fingerprint cluster gpu options probing cards
    caching budget preview survey shards frontpage ready bundle pages comment against postcard pins share check site
    build live terminal learning new add impromptu show embed health library commands __main__
""".split()
# Loaded by worker processes and by commands that compute; the parent process waits for no torch (1.6 s).
TORCH = """
    download capture tape room describe driven becoming painting methods targets samples waiting answers cam_layers
    scene reduce evaluation growth training worker pruning library learning measures evidence contest
""".split()

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "generator").rglob("*.py"))
SOURCES = [*MODULES, *sorted((ROOT / "tests").rglob("*.py")), *sorted((ROOT / "benchmarks").rglob("*.py"))]
HAND_WRITTEN = {".py", ".html", ".md", ".css", ".js", ".yml", ".jinja", ".j2"}
LARGEST = {"tests": 24_000}  # bytes of a file: what one can read in a sitting; 16,000 in all other folders


def relative(path):
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_imports_only_point_down(path):
    here = part(dotted(path))
    assert here in ["", *ORDER], f"{relative(path)} has no place in ORDER yet"
    others = {part(name) for name in imports(path) if name.startswith("generator.")} - {here}
    allowed = set(ORDER[: ORDER.index(here)]) if here else set()
    assert others <= allowed, f"{relative(path)} may not import {sorted(others - allowed)}: they do not stand below it"


def test_no_module_imports_itself_by_a_detour():
    names = {dotted(path) for path in MODULES}
    graph = {dotted(path): {name for name in imports(path) if name in names} - {dotted(path)} for path in MODULES}
    assert set(TopologicalSorter(graph).static_order()) == names


def test_the_parent_process_never_loads_torch():
    code = """if True:
        import importlib, sys
        for module in sys.argv[1:]:
            importlib.import_module(f"generator.{module}")
            if {"torch", "torchvision", "captum"} & set(sys.modules):
                sys.exit(f"generator.{module} brings torch")
    """
    parent = [module for module in ORDER if module not in TORCH]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *parent], capture_output=True, text=True, cwd=ROOT
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_one_module_imports_torchvision():
    users = {relative(path) for path in MODULES if any(name.split(".")[0] == "torchvision" for name in imports(path))}
    assert users == {"generator/models/vision.py"}


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_a_file_is_a_sentence(path):
    docstring = ast.get_docstring(ast.parse(path.read_text()))
    assert docstring, f"{relative(path)} does not say what it is for"
    first = docstring.split("\n\n")[0]
    assert first.endswith(".") and "\n" not in first, f"what it is for stands in one line, not: {first!r}"


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_what_others_may_call_says_what_it_does(path):
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            spoken = ast.get_docstring(node) or isinstance(node.body[0], ast.Return)  # one expression speaks for itself
            assert spoken, f"{relative(path)}: {node.name} has no docstring"


def test_every_file_can_be_read_in_a_sitting():
    folders = ("generator", "templates", "site_src", "tests", "benchmarks", "docs", "images", "galleries")
    tracked = subprocess.run(["git", "ls-files", *folders], capture_output=True, text=True, check=True, cwd=ROOT)
    paths = [ROOT / name for name in tracked.stdout.splitlines()]
    sizes = {relative(path): path.stat().st_size for path in paths if path.suffix in HAND_WRITTEN and path.exists()}
    assert sizes, "git knows of no file here"
    assert {name: size for name, size in sizes.items() if size > LARGEST.get(name.split("/")[0], 16_000)} == {}


@pytest.mark.parametrize("path", [path for path in MODULES if ">>> " in path.read_text()], ids=relative)
def test_examples_in_docstrings_are_true(path):
    failed, tried = doctest.testmod(importlib.import_module(dotted(path)))
    assert tried and not failed


# Words that the grammar of names uses itself are the ones that could be taken for something else.
WORDS = st.text() | st.sampled_from("class with class-frog with- --class-a layer-class-x .. a/b".split())


@given(model=WORDS, image=WORDS, method=WORDS, layer=WORDS, target=WORDS, style=WORDS)
def test_figure_names_can_be_read_back(model, image, method, layer, target, style):
    parts = {
        "model": slug(model),
        "image": slug(image),
        "method": slug(method),
        "layer": layer and layer_slug(layer),
        "target": target and slug(target),
        "style": style and slug(style),
    }
    assert parse_figure_name(figure_name(**parts)) == parts


@pytest.mark.parametrize("name", ["", "a/b", "a/b/c/d", "a/../c", "A/b/c", "a/b/c--", "a/b/c--class-", "a/b/c\n"])
def test_what_is_no_figure_name_is_refused(name):
    with pytest.raises(ConfigError, match="not a figure's name"):
        parse_figure_name(name)


def dotted(path):
    """`generator/models/zoo.py` as `generator.models.zoo`."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def part(name):
    """The module or package of the house that a dotted name belongs to."""
    return name.split(".")[1] if "." in name else ""


def imports(path):
    """Dotted names of all that a file imports, wherever in it; `from a import b` is `a.b` where that is a module."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else ()
            base = ".".join([*above, *filter(None, [node.module])])
            for alias in node.names:
                inner = ROOT.joinpath(*base.split("."), alias.name)
                yield f"{base}.{alias.name}" if inner.with_suffix(".py").exists() or inner.is_dir() else base
