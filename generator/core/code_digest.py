"""What code a result depends on: digests of the functions, classes and values that it reaches, blind to words."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

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


@dataclass(frozen=True)
class _Part:
    """One statement, blind to words: the digest of what it does, and what it names."""

    digest: str
    names: tuple[tuple[str, str], ...]  # each with the attribute that is asked of it or ""
    imports: tuple[ast.Import | ast.ImportFrom, ...] = ()  # within it
    annotated: tuple[str, ...] = ()  # names in its annotations
    methods: tuple[_Part, ...] = ()  # of a class
    binds: frozenset[str] = frozenset()  # where it is no function or class


@dataclass
class _Parsed:
    """One module: the statements that bind each name, those that bind none, and what is imported at its top."""

    definitions: dict[str, list[_Part]] = field(default_factory=dict)
    effects: list[_Part] = field(default_factory=list)
    imports: dict[str, Place] = field(default_factory=dict)  # name here -> where in this package it is bound
    others: dict[str, str] = field(default_factory=dict)  # name here -> what it is of other packages


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
    for part in _parts(parsed, name):
        for used, attribute in part.names:
            mentioned.add(used)
            places += _resolve(module, parsed, used, attribute)
        for node in part.imports:
            places += _imported(module, node)[0].values()
        for annotated in part.annotated:
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


def _parts(parsed: _Parsed, name: str) -> list[_Part]:
    """Return the statements that bind a name, those of the methods of a class, those that bind none, or all."""
    if name == EFFECTS:
        return parsed.effects
    if name.endswith(METHODS):
        return [method for part in parsed.definitions.get(name[: -len(METHODS)], []) for method in part.methods]
    if name:
        return parsed.definitions.get(name, [])
    every = {id(part): part for binding in parsed.definitions.values() for part in binding}
    return [*every.values(), *parsed.effects]


def _bound(parsed: _Parsed) -> set[str]:
    return {*parsed.definitions, *parsed.imports}


@cache
def _code(module: str, name: str) -> str:
    """Return what a definition does, and which other packages it names."""
    parsed = _parse(module)
    parts = _parts(parsed, name)
    used = {name for part in parts for name, _ in part.names}
    others = sorted(f"{here} is {what}" for here, what in parsed.others.items() if here in used)
    return "\n".join([*(part.digest for part in parts), *others])


@cache
def _parse(module: str) -> _Parsed:
    parsed = _Parsed()
    for statement in ast.parse(_file(module).read_bytes()).body:
        if _is_words(statement):
            continue
        if isinstance(statement, ast.Import | ast.ImportFrom):
            ours, others = _imported(module, statement)
            parsed.imports |= ours
            parsed.others |= others
            continue
        part = _part(statement)
        names = {statement.name} if isinstance(statement, DEFINITIONS) else part.binds
        for name in names:
            parsed.definitions.setdefault(name, []).append(part)
        if not names:
            parsed.effects.append(part)
    return parsed


DEFINITIONS = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def _is_words(statement: ast.AST) -> bool:
    """Return whether a statement does nothing at run time: a string alone, or imports for the checker of types."""
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant) and isinstance(statement.value.value, str)
    test = statement.test if isinstance(statement, ast.If) else None
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"


def _part(statement: ast.stmt) -> _Part:
    scan = _Scan()
    scan.visit(statement)
    body = statement.body if isinstance(statement, ast.ClassDef) else []
    return _Part(
        hashlib.sha256("\n".join(scan.written).encode("utf-8", "surrogatepass")).hexdigest(),
        tuple(scan.names),
        tuple(scan.imports),
        tuple(scan.annotated),
        tuple(_part(method) for method in body if isinstance(method, ast.FunctionDef)),
        frozenset(scan.binds),
    )


class _Scan:
    """One walk over a statement: writes it down without its words, and collects what it names, imports and binds.

    Left out are docstrings, annotations, imports for the checker of types, and what follows from the rest.
    """

    def __init__(self) -> None:
        self.written: list[str] = []  # "(Kind" opens a node and ")" closes it, "[" and "]" a list
        self.names: dict[tuple[str, str], None] = {}
        self.imports: list[ast.Import | ast.ImportFrom] = []
        self.annotated: dict[str, None] = {}
        self.binds: set[str] = set()

    def visit(self, node: ast.AST) -> None:
        """Take in a node and all below it."""
        kind = type(node)
        if kind is ast.Name:
            self._name(node)  # type: ignore[arg-type]
        elif kind is ast.Constant:
            self.written.append(f"={node.value!r}")  # type: ignore[attr-defined]
        elif kind is ast.Attribute and type(node.value) is ast.Name:  # type: ignore[attr-defined]
            self.names[node.value.id, node.attr] = None  # type: ignore[attr-defined]
            self.written.append(f"{node.value.id}.{node.attr}")  # type: ignore[attr-defined]
        else:
            if kind in NOTED:
                self._note(node)
            self.written.append(f"({kind.__name__}")
            for name in _fields(kind):  # type: ignore[arg-type]
                self._field(getattr(node, name, None))
            self.written.append(")")

    def _field(self, value: Any) -> None:
        if isinstance(value, list):
            self.written.append("[")
            for entry in value:
                if not isinstance(entry, ast.AST):
                    self.written.append(f"'{entry}")
                elif not _is_words(entry):
                    self.visit(entry)
            self.written.append("]")
        elif isinstance(value, ast.AST):
            self.visit(value)
        else:
            self.written.append("-" if value is None else f"'{value}")

    def _name(self, node: ast.Name) -> None:
        self.names[node.id, ""] = None
        self.written.append(node.id)
        if type(node.ctx) is ast.Store:
            self.binds.add(node.id)

    def _note(self, node: ast.AST) -> None:
        """Take in what a definition binds and is annotated with, or what an import binds."""
        if isinstance(node, ast.Import | ast.ImportFrom):
            self.imports.append(node)
            self.binds |= {alias.asname or alias.name.split(".")[0] for alias in node.names}
        if isinstance(node, DEFINITIONS):
            self.binds.add(node.name)
        annotation = getattr(node, "returns", None) or getattr(node, "annotation", None)
        if annotation:
            self.annotated |= {inner.id: None for inner in ast.walk(annotation) if isinstance(inner, ast.Name)}


NOTED = {ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.arg, ast.AnnAssign}


@cache
def _fields(kind: type[ast.AST]) -> tuple[str, ...]:
    """Return the fields of a kind of node that count; whether a name is read or bound follows from where it stands."""
    return tuple(name for name in kind._fields if name not in ("annotation", "returns", "ctx", "type_comment"))


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
