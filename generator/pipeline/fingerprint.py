"""Whether anything changed since the last build: one digest of configuration, images, weights, code, versions."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from generator import __version__
from generator.core import plugins
from generator.core.atomic_io import write_atomically
from generator.core.code_digest import module_files
from generator.core.resources import INHERITED, PACKAGE, resource
from generator.core.store import key_of, sealed, unsealed
from generator.data.datasets import CACHE

FIELDS = {"files", "folders", "mark", "report"}
GENERATED = ("gallery", "__pycache__")  # folders of pages and of caches
LIBRARIES = ("torch", "torchvision", "numpy", "pillow", "jinja2", "mkdocs", "mkdocs-material")


class Fingerprint:
    """What the last build looked at, kept in the work folder."""

    def __init__(self, work: Path, selection: Mapping[str, Any], data: Path | None = None) -> None:
        """`selection` is what the options choose, `data` the folder of data sets, of which a look must be enough."""
        self._began = time.time_ns()
        self._file, self._digests = work / "fingerprint.json", Digests(work / "digests.json")
        self._selection = key_of(selection, _sets(data))

    def unchanged(self) -> dict[str, Any] | None:
        """Return what that build reported, when all it looked at is as it was; else None."""
        kept = _kept(self._file)
        if kept.keys() != FIELDS or kept["mark"] != self._mark(kept["files"], kept["folders"]):
            return None
        self._digests.save()
        return kept["report"]

    def remember(self, files: Iterable[Path], root: Path, settings: Any, report: Mapping[str, Any]) -> str:
        """Return a build of the gallery `root` ended well: `files` are the images and weights it used.

        Where one of them, the settings or a template changed since the build began, it is not known which it saw:
        nothing is remembered, and the name of the file is returned.
        """
        names = [entry.classes for entry in settings.models if isinstance(entry.classes, str) and entry.classes]
        ours = [settings._path, root / "mkdocs.yml", *(settings.folder / name for name in names)]
        paths = sorted({str(path) for path in (*files, *ours)})
        ours = [*paths, *_files(root / "templates"), *_files(settings.images_folder), *_files(PACKAGE)]
        if self._digests.of(root / "mkdocs.yml") == self._digests.of(root / INHERITED):  # the build laid it itself
            ours.remove(str(root / "mkdocs.yml"))
        if changed := next((Path(path).name for path in ours if self._since(Path(path))), ""):
            self.forget()
            return changed
        folders = [str(root / "templates"), str(root / "site_src"), str(settings.images_folder)]
        folders.append(str(settings.folder / "pins"))
        kept = {"files": paths, "folders": folders, "mark": self._mark(paths, folders), "report": dict(report)}
        write_atomically(self._file, sealed(kept))
        self._digests.save()
        return ""

    def _since(self, path: Path) -> bool:
        """Return whether a file was changed, or laid in the place of another, since the build began."""
        try:
            return path.stat().st_ctime_ns > self._began
        except OSError:
            return False

    def forget(self) -> None:
        """The next build has to look at everything."""
        self._file.unlink(missing_ok=True)

    def _mark(self, files: Iterable[str], folders: Iterable[str]) -> str:
        listed = [str(path) for folder in folders for path in _files(Path(folder))]
        ours = [str(path) for path in (*_files(PACKAGE), *_files(resource("templates")), *_files(resource("site_src")))]
        ours += [str(path) for path in module_files(*plugins.methods())]
        every = sorted({*files, *listed, *ours})
        seen = [(path, self._digests.of(Path(path))) for path in every]
        return key_of(self._selection, seen, versions(), plugins.models())


class Digests:
    """SHA-256 of files, remembered by path, size, time of change and inode."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._before: dict[str, list] = _kept(file)
        self._now: dict[str, list] = {}

    def of(self, path: Path) -> str:
        """Return the digest of a file's bytes, "" where there is no file that can be read; opening a pipe would never
        end.
        """
        try:
            status = path.stat()
            if not stat.S_ISREG(status.st_mode):
                return ""
            seen = [status.st_size, status.st_mtime_ns, status.st_ino]
            entry = self._now.get(str(path)) or self._before.get(str(path))
            if entry is None or entry[:3] != seen:
                entry = [*seen, digest(path)]
        except (OSError, ValueError):  # a name with NUL in it
            return ""
        self._now[str(path)] = entry
        return entry[3]

    def save(self) -> None:
        """Keep those that were asked for."""
        if self._now != self._before:
            write_atomically(self._file, sealed(self._now))


def _kept(file: Path) -> dict[str, Any]:
    """Return what an earlier build left in a file; nothing where it is gone, damaged or not ours."""
    try:
        kept = unsealed(file.read_bytes())
    except OSError:
        return {}
    return kept if isinstance(kept, dict) else {}


def digest(path: Path) -> str:
    """Return SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_digest(name: str) -> str:
    """Return SHA-256 over the files directly in a folder of the package."""
    files = sorted(path for path in (PACKAGE / name).iterdir() if path.is_file())
    return key_of([(path.name, digest(path)) for path in files])


def versions() -> list[str]:
    """Of ourselves and of the libraries that pictures and pages depend on."""
    return [__version__, *(version(name) for name in LIBRARIES)]


def _sets(data: Path | None) -> list[tuple[str, int, int]]:
    """Return what lies in the folder of data sets, told by names, sizes and times: large sets are not read for this."""
    folder = (data or CACHE).expanduser()
    entries = [(path.name, path.stat()) for path in sorted(folder.iterdir())] if folder.is_dir() else []
    return [(name, status.st_size, status.st_mtime_ns) for name, status in entries]


def _files(folder: Path) -> list[Path]:
    """Return files below a folder that people write: generated pages, hidden files and caches are left out."""
    files = []
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in GENERATED and not name.startswith("."))
        files += [Path(parent) / name for name in sorted(names) if not name.endswith(".pyc")]
    return files
