"""What code a result depends on: digests of the functions, classes and values that it reaches, blind to words."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path

PACKAGE = __name__.partition(".")[0]
FOLDER = Path(__file__).parents[1]  # of the package
EFFECTS = "*"  # stands for what a module does while it is imported, besides binding names
METHODS = "()"  # behind the name of a class: its methods alone, as what is only annotated with it may be given one

Place = tuple[str, str]  # a module and a name bound in it; the name "" is the whole module


@cache
def closure_digest(*modules: str) -> str:
    """Return the SHA-256 over the code of `modules` and over all that it reaches in this package or beside it.

    `modules` count whole; of what they import from this package only those definitions count that their code names,
    directly or not. Of a class that only annotations name it is the methods: a new field of a record that nobody makes
    here changes nothing. Docstrings, comments and layout do not count either: a mended sentence draws nothing again.
    Raises `LookupError` as `closure` does.
    """
    digest = hashlib.sha256()
    for module, name in sorted(reach(*modules)):
        digest.update(f"{module}:{name}\n{_code(module, name)}\n".encode())
    return digest.hexdigest()


def closure(*modules: str) -> set[str]:
    """Return the names of `modules` and of all modules of this package, or of their own, that their code reaches.

    Raises `LookupError` for a name in `modules`, or in an import within this package, that no file stands for: its
    digest would be that of nothing, and never change.
    """
    return {module for module, _ in reach(*modules)}


def module_files(*modules: str) -> list[Path]:
    """Return the files of `modules` and of what they import, those of this package aside."""
    return sorted(_file(name) for name in closure(*modules) if name.split(".")[0] != PACKAGE)


def reach(*modules: str) -> set[Place]:
    """Return every definition that the code of `modules` reaches, a module as a whole where its whole counts."""
    places: set[Place] = set()
    queue: list[Place] = [(module, "") for module in modules]
    while queue:
        module, name = place = queue.pop()
        if place in places or module == PACKAGE:  # what the package itself re-exports is no part of a result
            continue
        if _path(module) is None:
            if module in modules or module.split(".")[0] == PACKAGE:
                raise LookupError(f"no module {module!r}")
            continue  # a compiled part of another package
        places.add(place)
        queue += _uses(module, name)
    return {(module, name) for module, name in places if not name or (module, "") not in places}


def package_digest(*modules: str) -> str:
    """Return SHA-256 over the files of this package, and of `modules` with what they import of their own, as they are
    now.
    """
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


@dataclass
class _Parsed:
    """One module: the statements that bind each name, those that bind none, and what is imported at its top."""

    definitions: dict[str, list[ast.stmt]] = field(default_factory=dict)
    effects: list[ast.stmt] = field(default_factory=list)
    imports: dict[str, Place] = field(default_factory=dict)  # name here -> where in this package it is bound
    others: dict[str, str] = field(default_factory=dict)  # name here -> what it is of other packages
    annotations: dict[int, set[str]] = field(default_factory=dict)  # id of a statement -> names in its annotations


@cache
def _uses(module: str, name: str) -> tuple[Place, ...]:
    """Return the places that a definition of a module names; with "" those that the whole module does."""
    parsed = _parse(module)
    plain = name.removesuffix(METHODS)
    if plain in parsed.imports and plain not in parsed.definitions:
        other, inner = parsed.imports[plain]
        return ((other, inner + METHODS if inner and plain != name else inner),)
    places: list[Place] = []
    mentioned = set()
    for statement in _statements(parsed, name):
        for used, attribute in _names(statement):
            mentioned.add(used)
            places += _resolve(module, parsed, used, attribute)
        for node in ast.walk(statement):
            if isinstance(node, ast.Import | ast.ImportFrom):
                places += _imported(module, node)[0].values()
        for annotated in parsed.annotations.get(id(statement), ()):
            places += ((place, bound + METHODS) for place, bound in _resolve(module, parsed, annotated, "") if bound)
    if name:
        places += [(module, EFFECTS)] if parsed.effects and name != EFFECTS and plain == name else []
    else:  # a name that no code reads is for annotations; its module, or one that nobody reads, runs all the same
        unread = (place for here, place in parsed.imports.items() if here not in mentioned)
        places += [(other, EFFECTS if inner else "") for other, inner in unread]
    return tuple(places)


def _resolve(module: str, parsed: _Parsed, name: str, attribute: str) -> Iterator[Place]:
    if name in parsed.definitions:
        yield module, name
    elif name in parsed.imports:
        other, inner = parsed.imports[name]
        parts = () if inner or not attribute or _path(other) is None else _bound(_parse(other))
        yield (other, attribute) if attribute in parts else (other, inner)


def _statements(parsed: _Parsed, name: str) -> list[ast.stmt]:
    if name == EFFECTS:
        return parsed.effects
    if name.endswith(METHODS):
        classes = [one for one in parsed.definitions.get(name[: -len(METHODS)], []) if isinstance(one, ast.ClassDef)]
        return [part for one in classes for part in one.body if isinstance(part, ast.FunctionDef)]
    if name:
        return parsed.definitions.get(name, [])
    every = {id(statement): statement for binding in parsed.definitions.values() for statement in binding}
    return [*every.values(), *parsed.effects]


def _bound(parsed: _Parsed) -> set[str]:
    return {*parsed.definitions, *parsed.imports}


@cache
def _code(module: str, name: str) -> str:
    """Return what a definition does, and which other packages it names."""
    parsed = _parse(module)
    statements = _statements(parsed, name)
    used = {name for statement in statements for name, _ in _names(statement)}
    others = sorted(f"{here} is {what}" for here, what in parsed.others.items() if here in used)
    return "\n".join([*map(ast.dump, statements), *others])


@cache
def _parse(module: str) -> _Parsed:
    parsed = _Parsed()
    tree = ast.parse(_file(module).read_bytes())
    for statement in tree.body:  # the same objects are there afterwards, with less in them
        parts = statement.body if isinstance(statement, ast.ClassDef) else []
        parsed.annotations |= {id(part): set(_annotated(part)) for part in (statement, *parts)}
    tree = _Wordless().visit(tree)
    for statement in tree.body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            ours, others = _imported(module, statement)
            parsed.imports |= ours
            parsed.others |= others
            continue
        names = set(_binds(statement))
        for name in names:
            parsed.definitions.setdefault(name, []).append(statement)
        if not names:
            parsed.effects.append(statement)
    return parsed


def _annotated(node: ast.AST) -> Iterator[str]:
    """Yield the names that the annotations within a statement hold."""
    for part in ast.walk(node):
        if isinstance(part, ast.arg | ast.AnnAssign):
            annotation: ast.AST | None = part.annotation
        elif isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef):
            annotation = part.returns
        else:
            continue
        yield from (inner.id for inner in ast.walk(annotation) if isinstance(inner, ast.Name)) if annotation else ()


class _Wordless(ast.NodeTransformer):
    """Takes out what does nothing at run time: docstrings, annotations, and imports for the checker of types."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        """Drop strings that stand alone."""
        return None if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str) else node

    def visit_If(self, node: ast.If) -> ast.AST | None:
        """Drop `if TYPE_CHECKING`."""
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return None
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.arg:
        """Leave an argument without its annotation."""
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Leave a function without the annotation of what it returns."""
        node.returns = None
        return self._with_a_body(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        """Do the same to one that waits."""
        node.returns = None
        return self._with_a_body(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        """Leave a class that held nothing but words with an empty body."""
        return self._with_a_body(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        """Leave a field with its name and its value."""
        node.annotation = ast.Constant(None)
        return self.generic_visit(node)

    def _with_a_body(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> ast.AST:
        self.generic_visit(node)
        node.body = node.body or [ast.Pass()]
        return node


def _names(node: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield each name that a node reads, with the attribute that is asked of it or ""."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        yield node.value.id, node.attr
        return
    if isinstance(node, ast.Name):
        yield node.id, ""
    for child in ast.iter_child_nodes(node):
        yield from _names(child)


def _binds(statement: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement at the top of a module binds."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name
        return
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name


def _imported(module: str, node: ast.Import | ast.ImportFrom) -> tuple[dict[str, Place], dict[str, str]]:
    """Return what an import binds: names of this package or of the module's own, and names of others."""
    own = (PACKAGE, module.split(".")[0])
    ours: dict[str, Place] = {}
    others: dict[str, str] = {}
    if isinstance(node, ast.Import):
        for alias in node.names:
            here = alias.asname or alias.name.split(".")[0]
            if alias.name.split(".")[0] in own:
                ours[here] = (alias.name, "")
            else:
                others[here] = alias.name
        return ours, others
    base = _base(module, node)
    for alias in node.names:
        here = alias.asname or alias.name
        if base.split(".")[0] not in own:
            others[here] = f"{base}.{alias.name}"
        elif _path(f"{base}.{alias.name}"):
            ours[here] = (f"{base}.{alias.name}", "")
        else:  # of code that is not ours nothing is taken for granted: a module of it counts whole
            ours[here] = (base, alias.name if base.split(".")[0] == PACKAGE else "")
    return ours, others


def _base(module: str, node: ast.ImportFrom) -> str:
    """Return the dotted name of the module or package that an import names, dots resolved."""
    if not node.level:
        return node.module or ""
    package = module if _file(module).name == "__init__.py" else module.rpartition(".")[0]
    parents = package.split(".")[: len(package.split(".")) - node.level + 1]
    return ".".join([*parents, *filter(None, [node.module])])


@cache
def _path(module: str) -> Path | None:
    """Return where a module's code is, found without importing it: the parent process must not load torch."""
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
    """Return where the code of a module is that is known to have some."""
    path = _path(module)
    if path is None:
        raise LookupError(f"no module {module!r}")
    return path
