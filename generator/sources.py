"""What code a result depends on: digests of modules and all they import from the generator, blind to words."""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path

PACKAGE = __name__.partition(".")[0]


@cache
def closure_digest(*modules: str) -> str:
    """SHA-256 over the code of `modules` and of everything they import from this package.

    Docstrings and comments do not count: a mended sentence draws nothing again.
    """
    digest = hashlib.sha256()
    for name in sorted(closure(*modules)):
        digest.update(f"{name}\n{_code(name)}\n".encode())
    return digest.hexdigest()


def closure(*modules: str) -> set[str]:
    """The names of `modules` and of all modules of this package that they import, directly or not."""
    found: set[str] = set()
    queue = list(modules)
    while queue:
        name = queue.pop()
        if name not in found and _path(name):
            found.add(name)
            queue += _imports(name)
    return found


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
    return tuple(name for name in names if name.split(".")[0] == PACKAGE and name != PACKAGE)


@cache
def _path(module: str) -> Path | None:
    if module.split(".")[0] == PACKAGE:  # without importing: the parent process must not load torch
        stem = Path(__file__).parent.joinpath(*module.split(".")[1:])
        return next((path for path in (stem.with_suffix(".py"), stem / "__init__.py") if path.is_file()), None)
    spec = find_spec(module)
    return Path(spec.origin) if spec and spec.origin and spec.origin.endswith(".py") else None


def _code(module: str) -> str:
    tree = ast.parse(_path(module).read_bytes())
    for node in ast.walk(tree):
        spoken = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if spoken and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
    return ast.dump(tree)
