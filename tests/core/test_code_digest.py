"""A result depends on code and not on words: digests follow imports and leave out docstrings, comments and layout."""

import subprocess
import sys

import pytest

from generator.core import code_digest

CACHED = [code_digest.closure_digest, *(getattr(code_digest, name) for name in ("_path", "_parse", "_uses", "_code"))]
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
    for cached in CACHED:
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


@pytest.mark.parametrize(("name", "old", "new"), [("a", "+ 1", "+ 2"), ("b", "c.ONE", "c.ONE + 1"), ("c", "1", "2")])
def test_code_of_all_that_is_imported_counts(package, name, old, new):
    before = code_digest.closure_digest("generator.a")
    assert digest_after(package, name, (package / f"{name}.py").read_text().replace(old, new)) != before


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


RECORDS = """
from dataclasses import dataclass

@dataclass
class Used:
    one: int = 1

@dataclass
class Page:
    title: str = ""

TABLE = {}

def unused(x):
    return x + 1
"""
READER = """
from . import e
from .b import part
from .e import Page, Used

def f(page: Page) -> Page:
    return part(Used().one) + 1
"""


@pytest.mark.parametrize(
    ("old", "new", "counts"),
    [
        ("one: int = 1", "one: int = 2", True),
        ("one: int = 1", "one: float = 1", False),  # an annotation
        ('title: str = ""', 'title: str = ""\n    alt: str = ""', False),  # a field of a record that is only annotated
        (
            'title: str = ""',
            'title: str = ""\n    def f(self):\n        return 1',
            True,
        ),  # what it is given may have it
        ("x + 1", "x - 1", False),
        ("TABLE = {}", "TABLE = {}\nTABLE['a'] = 1", True),  # what a module does while it is imported
    ],
)
def test_of_an_imported_module_only_what_is_named_counts(package, old, new, counts):
    (package / "e.py").write_text(RECORDS)
    before = digest_after(package, "a", READER.replace("from . import e\n", ""))
    assert old in RECORDS
    (package / "e.py").write_text(RECORDS.replace(old, new))
    assert (digest_after(package, "a", READER.replace("from . import e\n", "")) != before) == counts


def test_a_module_that_is_imported_for_nothing_but_its_import_counts_whole(package):
    (package / "e.py").write_text(RECORDS)
    before = digest_after(package, "a", READER)
    (package / "e.py").write_text(RECORDS.replace("x + 1", "x - 1"))
    clear()
    assert code_digest.closure_digest("generator.a") != before


def test_a_name_asked_of_a_module_counts_alone(package):
    text = "from . import e\n\ndef f(x):\n    return e.unused(x)\n"
    (package / "e.py").write_text(RECORDS)
    before = digest_after(package, "a", text)
    (package / "e.py").write_text(RECORDS.replace("one: int = 1", "one: int = 2"))
    assert digest_after(package, "a", text) == before
    (package / "e.py").write_text(RECORDS.replace("x + 1", "x - 1"))
    assert digest_after(package, "a", text) != before


def test_another_librarys_function_under_the_same_name_counts(package):
    before = digest_after(package, "a", "from math import sin as f\n\ndef g(x):\n    return f(x)\n")
    assert digest_after(package, "a", "from math import cos as f\n\ndef g(x):\n    return f(x)\n") != before


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
