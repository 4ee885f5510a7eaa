"""A result depends on code and not on words: digests follow imports and leave out docstrings, comments and layout."""

import subprocess
import sys

import pytest

from generator.core import code_digest

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
    monkeypatch.setattr(code_digest, "FOLDER", folder)
    clear()
    yield folder
    monkeypatch.undo()
    clear()


def clear():
    for cached in (code_digest.closure_digest, code_digest._path, code_digest._imports):
        cached.cache_clear()


def digest_after(package, name, text):
    (package / f"{name}.py").write_text(text)
    clear()
    return code_digest.closure_digest("generator.a")


def test_the_closure_is_all_that_is_imported_wherever_it_stands(package):
    assert code_digest.closure("generator.a") == {"generator.a", "generator.b", "generator.c"}
    assert code_digest.closure("generator.d") == {"generator.d"}


WORDS = {
    "docstring of the module": '"""What it is."""\n' + PLAIN,
    "docstring of the function": PLAIN.replace("    return", '    """What it does."""\n    return'),
    "comment": PLAIN.replace("+ 1", "+ 1  # because"),
    "layout": PLAIN.replace("part(x) + 1", "(\n        part(x)\n        + 1\n    )"),
}


@pytest.mark.parametrize("text", WORDS.values(), ids=WORDS.keys())
def test_words_and_layout_change_nothing(package, text):
    before = code_digest.closure_digest("generator.a")
    assert digest_after(package, "a", text) == before


@pytest.mark.parametrize("name", ["a", "b", "c"])
def test_code_of_all_that_is_imported_counts(package, name):
    before = code_digest.closure_digest("generator.a")
    assert digest_after(package, name, (package / f"{name}.py").read_text().replace("1", "2") + "\nTWO = 2\n") != before


def test_code_that_is_not_imported_does_not_count(package):
    before = code_digest.closure_digest("generator.a")
    assert digest_after(package, "d", "ONE = 2\n") == before


def test_a_string_that_is_no_docstring_counts(package):
    before = digest_after(package, "a", PLAIN + "\nNAME = 'one'\n")
    assert digest_after(package, "a", PLAIN + "\nNAME = 'two'\n") != before


@pytest.mark.parametrize("text", ["", "from .gone import ONE\n", "import generator.gone\n"])
def test_a_module_that_is_not_there_has_no_digest(package, text):
    with pytest.raises(LookupError, match="no module 'generator.gone'"):
        if text:
            digest_after(package, "a", text)
        else:
            code_digest.closure_digest("generator.a", "generator.gone")


def test_a_part_of_a_package_that_is_no_module_is_no_error(package):
    (package / "e").mkdir()
    (package / "e" / "__init__.py").write_text("ONE = 1\n")
    assert digest_after(package, "a", "from generator.e import ONE\nimport torch.nn\n")
    assert code_digest.closure("generator.a") == {"generator.a", "generator.e"}


def test_which_module_holds_the_code_counts(package):
    assert code_digest.closure_digest("generator.c") != code_digest.closure_digest("generator.d")


def test_looking_at_sources_imports_none_of_them():
    code = (
        "import sys; from generator.core.code_digest import closure, closure_digest;"
        "closure_digest('generator.engine.scene');"
        "assert 'generator.engine.capture' in closure('generator.engine.scene');"
        "print(sorted({'torch', 'generator.engine.scene', 'generator.engine.capture'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_arrays_do_not_depend_on_how_they_are_drawn_or_told():
    closure = code_digest.closure("generator.engine.scene", "generator.engine.quantise", "generator.data.preprocess")
    others = ("drawing", "config", "pipeline", "site", "cli", "core.store")
    assert [name for name in closure if name.startswith(tuple(f"generator.{other}" for other in others))] == []
    assert {
        "generator.engine.capture",
        "generator.engine.scene",
        "generator.engine.quantise",
        "generator.data.decode",
    } <= closure


def test_pictures_depend_on_palettes_and_on_no_pass():
    closure = code_digest.closure("generator.drawing.styles")
    assert "generator.drawing.styles" in closure
    assert [name for name in closure if name.startswith("generator.engine")] == []
