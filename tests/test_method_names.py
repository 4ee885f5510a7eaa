"""No method is called by its name outside the files of methods: pages and pipeline ask for roles and metadata."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from repository import ROOT

from generator.core.roles import ROLES
from generator.engine.method_registry import METHODS, load_methods

load_methods()
# Words that are the name of a method and of something else as well, and the files in which they mean that.
OTHER_MEANINGS = {
    "input": {  # what a network wants to see: a field of its card or of an entry
        "analysis/probe/jobs.py",
        "analysis/probe/results.py",
        "config/json_schema.py",
        "core/record_shape.py",
        "engine/layout.py",
        "engine/tape.py",
        "live/live_script.py",
        "notebook.py",
        "pipeline/catalogue.py",
        "pipeline/provenance.py",  # an axis of kernels
        "site/pages/diagnostics.py",
        "training/model_card.py",
    },
    "activations": {  # what a method may ask for, a heading of the lecture, an entry of the glossary, a family's title
        "engine/method_registry.py",
        "engine/scene.py",
        "site/pages/glossary.py",
        "site/pages/lecture.py",
        "site/pages/pair_summary.py",
    },
    "filters": {"drawing/styles.py", "site/pages/glossary.py"},  # a style, an entry of the glossary
    "deconvnet": {"engine/capture.py", "engine/sampling.py", "engine/scene.py"},  # a rule for rectifiers
    "cam": {  # a family, a heading of the lecture
        "site/pages/diagnostics.py",
        "site/pages/lecture.py",
        "site/pages/manifest_index.py",
        "site/pages/pair_summary.py",
    },
    "grad-cam": {"site/pages/lecture.py"},  # a heading of the lecture
}
MODULES = [path for path in sorted((ROOT / "generator").rglob("*.py")) if path.parent.name != "methods"]
TEMPLATES = [path for path in sorted((ROOT / "templates").rglob("*")) if path.suffix in (".md", ".html")]
SCRIPTS = sorted((ROOT / "site_src" / "assets" / "js").rglob("*.js"))


def named(path: Path) -> set[str]:
    return {name for text in texts(path.read_text()) for name in slugs_in(text)}


def slugs_in(text: str) -> list[str]:
    """Return the methods of which a text is a list, separated by blanks, or one alone; sentences are for people."""
    words = text.split()
    return words if words and all(word in METHODS for word in words) else []


def texts(source: str) -> Iterator[str]:
    """Yield the strings of a module, docstrings and names of fields (`card["input"]`) aside."""
    tree = ast.parse(source)
    aside = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and isinstance(node.body[0], ast.Expr):
            aside.add(node.body[0].value)
        if isinstance(node, ast.Subscript):
            aside.add(node.slice)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in aside:
            yield node.value


def relative(path: Path) -> str:
    return path.relative_to(ROOT / "generator").as_posix()


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_no_module_names_a_method(path):
    if relative(path) == "core/roles.py":
        return
    allowed = {word for word, files in OTHER_MEANINGS.items() if relative(path) in files}
    assert named(path) <= allowed, "ask for a role, or let the method say it of itself"


def test_the_list_of_other_meanings_holds_nothing_that_is_gone():
    listed = {(word, file) for word, files in OTHER_MEANINGS.items() for file in files}
    there = {(word, relative(path)) for path in MODULES for word in named(path)}
    assert listed <= there, f"gone: {sorted(listed - there)}"


def test_a_name_is_seen_where_there_is_one():
    source = '"""Saliency."""\nA = ("saliency", "of saliency")\nB = "cam grad-cam".split()\nC = card["input"]\n'
    assert [name for text in texts(source) for name in slugs_in(text)] == ["saliency", "cam", "grad-cam"]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_names_a_method(path):
    code = re.findall(r"{[{%].*?[%}]}", path.read_text(), re.DOTALL)
    quoted = {word for part in code for word in re.findall(r"""["']([\w-]+)["']""", part)} & set(METHODS)
    assert quoted <= ({"activations", "cam", "grad-cam"} if path.name == "lecture.md" else set())  # its headings


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_no_script_names_a_method(path):
    quoted = set(re.findall(r"""["']([\w-]+)["']""", path.read_text())) & set(METHODS)
    assert quoted <= {"input", "filters"}, "an element and an event of HTML; a class of SVG"


def test_every_role_has_a_method_and_no_two_methods_stand_for_the_houses_own():
    having = {role: [slug for slug, method in METHODS.items() if role in method.roles] for role in ROLES}
    assert all(having.values()), "a role that no method has"
    assert all(len(slugs) == 1 for role, slugs in having.items() if role != "units")


def test_every_method_of_ours_has_a_place_of_its_own():
    ours = [method for method in METHODS.values() if method.function.__module__.startswith("generator.methods.")]
    places = [method.order for method in ours]
    assert None not in places and len(set(places)) == len(places)
