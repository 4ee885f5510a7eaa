"""The shape of the code: packages in order, no cycles, a parent process without torch, files and names that explain."""

import ast
import doctest
import importlib
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import long_files
import pytest
from repository import PACKAGES, ROOT

# Beside the packages: the package itself, the command, the library for notebooks, and records under a published name.
TOP = {"generator", "generator.__main__", "generator.notebook", "generator.types"}
# Names under which other people import ours; the house imports things from where they are.
PUBLISHED = {"innerview", "generator.types", "generator.methods", "generator.load", "generator.look"}
# Loaded by worker processes and by commands that compute; the parent process waits for no torch (1.6 s).
TORCH = {
    "core": "torchvision_cure torchvision_import",
    "data": "batches downloads",
    "models": "built bundled checkpoints compiled constants derive exported_program inert_pickle state_dicts "
    "text_head torchvision_zoo user_module weights",
    "engine": "attention attention_layers attention_weights baselines cam_layers capture checkpoint_series derivatives "
    "image_optimisation inputs layout model_card model_handle oom_retry preserve quantise readout "
    "rectifiers sampling scene scheduler space tape targets trace",
    "live": "export graph live_script",
    "methods": "*",
    "analysis": "architectures evidence measures method_ranking picture_probabilities probe.channel_stats "
    "probe.class_effects probe.forward_pass probe.jobs probe.statistics pruning_curve",
    "pipeline": "scene_output worker",
    "training": "augment data_parallel evaluate import_efficientnet_lite0 model_card small_conv_bf16 train trainer "
    "weights_io",
}
# Names that say how a thing came and not what it is; of all names bound in the code they may be this share.
DIALECT = set("found told said one known whole spoken asked tell".split())
DIALECT_SHARE = 0.01

MODULES = sorted((ROOT / "generator").rglob("*.py"))
SOURCES = [*MODULES, *sorted((ROOT / "tests").rglob("*.py")), *sorted((ROOT / "benchmarks").rglob("*.py"))]


def relative(path):
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_a_package_imports_only_those_before_it(path):
    name = dotted(path)
    package = package_of(name)
    assert package in PACKAGES or name in TOP, f"{relative(path)} belongs to no package"
    before = PACKAGES[: PACKAGES.index(package) + 1] if package in PACKAGES else PACKAGES
    others = {package_of(other) for other in imports(path) if other.startswith("generator.")} - {""}
    assert others <= set(before), f"{relative(path)} may not import {sorted(others - set(before))}: they stand after it"


def test_no_module_imports_itself_by_a_detour():
    names = {dotted(path) for path in MODULES}
    graph = {dotted(path): {name for name in imports(path) if name in names} - {dotted(path)} for path in MODULES}
    assert set(TopologicalSorter(graph).static_order()) == names


@pytest.mark.parametrize("path", [path for path in MODULES if path.name == "__init__.py"], ids=relative)
def test_a_package_is_a_docstring(path):
    if dotted(path) not in ("generator", "generator.methods"):  # these two re-export what other people import
        assert len(ast.parse(path.read_text()).body) == 1


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_the_house_imports_nothing_by_its_published_name(path):
    if relative(path).startswith("tests/") or dotted(path) in ("generator", "generator.methods"):
        return
    assert set(imports(path)) & PUBLISHED == set()


@pytest.mark.parametrize(
    "line",
    [
        "from generator.types import Input, InnerviewError, ConfigError, NotApplicable, Network",
        "from generator.methods import method",
        "from generator.models.built import Built",
        "from generator import load, look",
        "import innerview; innerview.load, innerview.look, innerview.__version__",
    ],
)
def test_what_others_import_is_there(line):
    done = subprocess.run([sys.executable, "-W", "error", "-c", line], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")


def test_published_names_mean_the_things_themselves():
    import generator
    import generator.core.errors
    import generator.core.records
    import generator.engine.method_registry
    import generator.methods
    import generator.types
    import innerview

    for name in generator.types.__all__:
        homes = (generator.core.errors, generator.core.records)
        assert getattr(generator.types, name) in [getattr(home, name, None) for home in homes]
    assert generator.methods.method is generator.engine.method_registry.method
    assert innerview.look is generator.look and set(innerview.__all__) == set(generator.__all__)


def test_the_parent_process_never_loads_torch():
    code = """if True:
        import importlib, sys
        for module in sys.argv[1:]:
            importlib.import_module(module)
            if {"torch", "torchvision", "captum"} & set(sys.modules):
                sys.exit(f"{module} brings torch")
    """
    names = [dotted(path) for path in MODULES]
    parent = [name for name in names if not brings_torch(name) and name != "generator.notebook"]
    assert len(parent) > len(names) / 2
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *parent], capture_output=True, text=True, cwd=ROOT
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_list_of_modules_with_torch_names_what_is_there():
    named = {f"generator.{package}.{name}" for package, text in TORCH.items() for name in text.split() if name != "*"}
    names = {dotted(path) for path in MODULES}
    assert named <= names, f"gone: {sorted(named - names)}"


def test_the_files_that_are_begun_first_are_there_and_make_does_not_order_them_anew():
    assert [name for name in long_files.LONGEST if not (ROOT / "tests" / name).is_file()] == []
    assert long_files.place((ROOT / "tests" / long_files.LONGEST[1]).as_posix()) == 1
    assert "--dist loadfile --no-loadscope-reorder" in (ROOT / "Makefile").read_text()


def test_one_module_imports_torchvision():
    users = {relative(path) for path in MODULES if any(name.split(".")[0] == "torchvision" for name in imports(path))}
    assert users == {"generator/core/torchvision_import.py"}


def test_only_commands_print():
    users = {relative(path) for path in MODULES if any(name.split(".")[0] == "click" for name in imports(path))}
    assert {name for name in users if not name.startswith("generator/cli/")} == set()
    scripts = {"generator/training/import_efficientnet_lite0.py"}  # run by hand, as `python -m`
    printing = {relative(path) for path in MODULES for node in ast.walk(ast.parse(path.read_text())) if prints(node)}
    assert printing - scripts == set()


def prints(node: ast.AST) -> bool:
    """Whether a node is a call of the built-in `print`."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_a_file_says_in_one_line_what_it_is_for(path):
    docstring = ast.get_docstring(ast.parse(path.read_text()))
    assert docstring, f"{relative(path)} does not say what it is for"
    first = docstring.split("\n\n")[0]
    assert first.endswith(".") and "\n" not in first, f"what it is for stands in one line, not: {first!r}"


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_everything_public_has_a_docstring(path):
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{relative(path)}: {node.name} has no docstring"


QUESTIONS = ("What", "Whether", "How", "Where", "Which", "Why", "Whose")


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_a_function_says_what_it_does_and_asks_nothing(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef) and not node.decorator_list and (words := ast.get_docstring(node)):
            assert words.split()[0] not in QUESTIONS, f"{relative(path)}: {node.name} begins with {words.split()[0]!r}"


def test_names_say_what_a_thing_is():
    names = [name.strip("_") for path in MODULES for name in bound_names(ast.parse(path.read_text()))]
    share = sum(name in DIALECT for name in names) / len(names)
    assert share < DIALECT_SHARE, f"{share:.2%} of {len(names):,} names are among {sorted(DIALECT)}"


@pytest.mark.parametrize("path", [path for path in MODULES if ">>> " in path.read_text()], ids=relative)
def test_examples_in_docstrings_are_true(path):
    failed, tried = doctest.testmod(importlib.import_module(dotted(path)))
    assert tried and not failed


def dotted(path: Path) -> str:
    """Return `generator/models/load.py` as `generator.models.load`."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def package_of(name: str) -> str:
    """Return the package of the house that a dotted name belongs to, "" for the modules beside the packages."""
    part = name.split(".")[1] if "." in name else ""
    return part if part in PACKAGES else ""


def brings_torch(name: str) -> bool:
    """Return whether a module may load torch."""
    _, package, rest = (*name.split(".", 2), "", "")[:3]
    listed = TORCH.get(package, "").split()
    return listed == ["*"] or any(rest == part or rest.startswith(f"{part}.") for part in listed)


def imports(path: Path) -> Iterator[str]:
    """Yield the dotted names of all that a file imports, wherever in it; `from a import b` is `a.b` for a module."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else ()
            base = ".".join([*above, *filter(None, [node.module])])
            for alias in node.names:
                inner = ROOT.joinpath(*base.split("."), alias.name)
                module = inner.with_suffix(".py").exists() or inner.is_dir()
                yield f"{base}.{alias.name}" if module or base == "generator" else base


def bound_names(tree: ast.Module) -> Iterator[str]:
    """Yield each name that a file binds: assigned names, arguments and functions, as often as they are bound."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
