"""What code a result depends on: digests of modules and all they import from here or beside them, blind to words."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

PACKAGE = __name__.partition(".")[0]
FOLDER = Path(__file__).parents[1]  # of the package


@cache
def closure_digest(*modules: str) -> str:
    """SHA-256 over the code of `modules` and of everything they import from this package or from their own.

    Docstrings and comments do not count: a mended sentence draws nothing again.
    """
    digest = hashlib.sha256()
    for name in sorted(closure(*modules)):
        digest.update(f"{name}\n{_code(name)}\n".encode())
    return digest.hexdigest()


def closure(*modules: str) -> set[str]:
    """Return the names of `modules` and of all modules of this package, or of their own, that they import.

    Raises `LookupError` for a name in `modules`, or in an import within this package, that no file stands for: its
    digest would be that of nothing, and never change.
    """
    names: set[str] = set()
    queue = [(name, "") for name in modules]
    while queue:
        name, importer = queue.pop()
        if name in names:
            continue
        if _path(name) is None:
            if not importer or name.split(".")[0] == PACKAGE:
                raise LookupError(f"no module {name!r}" + (f", which {importer} imports" if importer else ""))
            continue
        names.add(name)
        queue += [(other, name) for other in _imports(name)]
    return names


def module_files(*modules: str) -> list[Path]:
    """The files of `modules` and of what they import, those of this package aside."""
    return sorted(_file(name) for name in closure(*modules) if name.split(".")[0] != PACKAGE)


def package_digest(*modules: str) -> str:
    """SHA-256 over the files of this package, and of `modules` with what they import of their own, as they are now."""
    files = [*sorted(FOLDER.rglob("*.py")), *module_files(*modules)]
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.name}\n".encode() + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def imports(code: bytes) -> Iterator[tuple[int, str, list[str]]]:
    """Yield each import in a Python file: the number of dots, the module, and the members taken from it.

    >>> list(imports(b"import a.b\\nfrom ..c import d, e"))
    [(0, 'a.b', []), (2, 'c', ['d', 'e'])]

    Raises `SyntaxError`, or `ValueError` for bytes that are no text.
    """
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from ((0, alias.name, []) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.level, node.module or "", [alias.name for alias in node.names]


@cache
def _imports(module: str) -> tuple[str, ...]:
    package = module if _file(module).name == "__init__.py" else module.rpartition(".")[0]
    own = (PACKAGE, module.split(".")[0])
    names: list[str] = []
    for level, base, members in imports(_file(module).read_bytes()):
        if level:
            parents = package.split(".")[: len(package.split(".")) - level + 1]
            base = ".".join([*parents, *filter(None, [base])])
        names.append(base)
        if base.split(".")[0] in own:  # what is no module of that name is something in `base`
            names += [name for member in members if _path(name := f"{base}.{member}")]
    return tuple(name for name in names if name.split(".")[0] in own and name != PACKAGE)


@cache
def _path(module: str) -> Path | None:
    """Where a module's code is, found without importing it: the parent process must not load torch."""
    top, *inner = module.split(".")
    if top == PACKAGE:
        stem = FOLDER.joinpath(*inner)
    else:
        spec = find_spec(top)  # of a top-level name: nothing is imported for it
        if spec is None or not spec.submodule_search_locations:
            origin = spec.origin or "" if spec else ""
            return Path(origin) if not inner and origin.endswith(".py") else None
        stem = Path(spec.submodule_search_locations[0]).joinpath(*inner)
    files = (stem.with_suffix(".py"), stem / "__init__.py") if inner else (stem / "__init__.py",)
    return next((path for path in files if path.is_file()), None)


def _file(module: str) -> Path:
    """Return the file of a module that has one. Raises `LookupError`."""
    path = _path(module)
    if path is None:
        raise LookupError(f"no module {module!r}")
    return path


def _code(module: str) -> str:
    tree = ast.parse(_file(module).read_bytes())
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
    return ast.dump(tree)
