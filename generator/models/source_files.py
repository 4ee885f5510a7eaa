"""Python files of the user's own: read once, so that the code that is hashed is the code that runs."""

from __future__ import annotations

import hashlib
import importlib.machinery
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from types import CodeType, ModuleType

_CONTENT: dict[Path, bytes] = {}  # of each file, as it was when this process first wanted it
PACKAGE = Path(__file__).resolve().parents[1]  # ours
_PLACES: set[Path] = set()  # folders whose modules are the user's own


def own(place: Path) -> None:
    """Have modules below a folder compiled from what `content` gives, whatever compiled copies lie beside them."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
    _PLACES.add(place.resolve())


def content(file: Path) -> bytes:
    """Return the bytes of a file, read once in the life of its modules."""
    file = file.resolve()
    if file not in _CONTENT:
        _CONTENT[file] = file.read_bytes()
    return _CONTENT[file]


def digest(file: Path) -> str:
    """Return the SHA-256 of those bytes."""
    return hashlib.sha256(content(file)).hexdigest()


def forget_changed() -> None:
    """Forget all files where one of them is another one by now, and all modules that were made of them.

    All of them, as a module keeps what it imported from another; but for ours, which a network may import too.
    """
    if all(_unchanged(file, data) for file, data in _CONTENT.items()):
        return
    for name, module in list(sys.modules.items()):
        file = Path(getattr(module, "__file__", None) or "-").resolve()
        own_loader = isinstance(getattr(module, "__loader__", None), _Loader)
        if own_loader or (file in _CONTENT and not file.is_relative_to(PACKAGE)):
            del sys.modules[name]
    _CONTENT.clear()


def _unchanged(file: Path, data: bytes) -> bool:
    try:
        return file.read_bytes() == data
    except OSError:
        return False


def _is_own(file: Path) -> bool:
    """Return whether a module's file lies in one of the folders, and in no environment of Python within it."""
    environment = [Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "purelib", "platlib")]
    installed = [place for place in (*environment, PACKAGE) if file.is_relative_to(place)]
    places = [place for place in _PLACES if file.is_relative_to(place)]
    return any(not any(outer.is_relative_to(place) for outer in installed) for place in places)


class _Loader(importlib.machinery.SourceFileLoader):
    """Compiles the bytes that are hashed; a compiled copy only knows the second in which its source was written."""

    def get_code(self, fullname: str) -> CodeType:
        """Return the code of a module."""
        path = self.get_filename(fullname)
        return self.source_to_code(content(Path(path)), path)


class _Finder:
    """Finds what Python itself finds, and has the user's own modules loaded by `_Loader`."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return the spec of a module of the user's own; None leaves all others to the next finder."""
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is None or type(spec.loader) is not importlib.machinery.SourceFileLoader:
            return None
        if not _is_own(Path(spec.loader.path).resolve()):
            return None
        spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec
