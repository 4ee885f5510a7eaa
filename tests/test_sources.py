"""A result depends on code and not on words: digests follow imports and leave out docstrings, comments and layout."""

import subprocess
import sys

import pytest

from generator import sources

PLAIN = """
from .b import part

def f(x):
    return part(x) + 1
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of three modules: a imports b, b imports c within a function; d stands alone."""
    folder = tmp_path / "generator"
    folder.mkdir()
    files = {
        "a": PLAIN,
        "b": "def part(x):\n    from generator import c\n    return c.ONE\n",
        "c": "ONE = 1\n",
        "d": "ONE = 1\n",
    }
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    monkeypatch.setattr(sources, "__file__", str(folder / "sources.py"))
    clear()
    yield folder
    monkeypatch.undo()
    clear()


def clear():
    for cached in (sources.closure_digest, sources._path, sources._imports):
        cached.cache_clear()


def digest_after(package, name, text):
    (package / f"{name}.py").write_text(text)
    clear()
    return sources.closure_digest("generator.a")


def test_the_closure_is_all_that_is_imported_wherever_it_stands(package):
    assert sources.closure("generator.a") == {"generator.a", "generator.b", "generator.c"}
    assert sources.closure("generator.d") == {"generator.d"}


WORDS = {
    "docstring of the module": '"""What it is."""\n' + PLAIN,
    "docstring of the function": PLAIN.replace("    return", '    """What it does."""\n    return'),
    "comment": PLAIN.replace("+ 1", "+ 1  # because"),
    "layout": PLAIN.replace("part(x) + 1", "(\n        part(x)\n        + 1\n    )"),
}


@pytest.mark.parametrize("text", WORDS.values(), ids=WORDS.keys())
def test_words_and_layout_change_nothing(package, text):
    before = sources.closure_digest("generator.a")
    assert digest_after(package, "a", text) == before


@pytest.mark.parametrize("name", ["a", "b", "c"])
def test_code_of_all_that_is_imported_counts(package, name):
    before = sources.closure_digest("generator.a")
    assert digest_after(package, name, (package / f"{name}.py").read_text().replace("1", "2") + "\nTWO = 2\n") != before


def test_code_that_is_not_imported_does_not_count(package):
    before = sources.closure_digest("generator.a")
    assert digest_after(package, "d", "ONE = 2\n") == before


def test_a_string_that_is_no_docstring_counts(package):
    before = digest_after(package, "a", PLAIN + "\nNAME = 'one'\n")
    assert digest_after(package, "a", PLAIN + "\nNAME = 'two'\n") != before


def test_which_module_holds_the_code_counts(package):
    assert sources.closure_digest("generator.c") != sources.closure_digest("generator.d")


def test_looking_at_sources_imports_none_of_them():
    code = (
        "import sys; from generator.sources import closure, closure_digest; closure_digest('generator.scene');"
        "assert 'generator.capture' in closure('generator.scene');"
        "print(sorted({'torch', 'generator.scene', 'generator.capture'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_arrays_do_not_depend_on_how_they_are_drawn_or_told():
    closure = sources.closure("generator.scene", "generator.reduce", "generator.photo")
    others = {"render", "encode", "tiles", "pages", "build", "survey", "config", "run", "worker", "store", "manifest"}
    assert closure & {f"generator.{name}" for name in others} == set()
    assert {"generator.capture", "generator.scene", "generator.reduce", "generator.decode"} <= closure


def test_pictures_depend_on_palettes_and_on_no_pass():
    closure = sources.closure("generator.render")
    assert "generator.render" in closure
    assert not closure & {"generator.scene", "generator.capture", "generator.methods", "generator.reduce"}
