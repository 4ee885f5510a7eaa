"""What code a result depends on: digests of modules and all they import from here or beside them, blind to words."""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path

PACKAGE = __name__.partition(".")[0]


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
    """The names of `modules` and of all modules of this package, or of their own, that they import, directly or not."""
    found: set[str] = set()
    queue = list(modules)
    while queue:
        name = queue.pop()
        if name not in found and _path(name):
            found.add(name)
            queue += _imports(name)
    return found


def module_files(*modules: str) -> list[Path]:
    """The files of `modules` and of what they import, those of this package aside."""
    return sorted(_path(name) for name in closure(*modules) if name.split(".")[0] != PACKAGE)


@cache
def _imports(module: str) -> tuple[str, ...]:
    package = module if _path(module).name == "__init__.py" else module.rpartition(".")[0]
    names: list[str] = []
    for node in ast.walk(ast.parse(_path(module).read_bytes())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parents, *filter(None, [node.module])])
            names += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return tuple(name for name in names if name.split(".")[0] in (PACKAGE, module.split(".")[0]) and name != PACKAGE)


@cache
def _path(module: str) -> Path | None:
    """Where a module's code is, found without importing it: the parent process must not load torch."""
    top, *inner = module.split(".")
    if top == PACKAGE:
        stem = Path(__file__).parent.joinpath(*inner)
    else:
        spec = find_spec(top)  # of a top-level name: nothing is imported for it
        if spec is None or not spec.submodule_search_locations:
            return Path(spec.origin) if spec and not inner and (spec.origin or "").endswith(".py") else None
        stem = Path(spec.submodule_search_locations[0]).joinpath(*inner)
    files = (stem.with_suffix(".py"), stem / "__init__.py") if inner else (stem / "__init__.py",)
    return next((path for path in files if path.is_file()), None)


def _code(module: str) -> str:
    tree = ast.parse(_path(module).read_bytes())
    for node in ast.walk(tree):
        spoken = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if spoken and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
    return ast.dump(tree)
