"""Where templates, assets, weights and the words of the site are: in the wheel, or in the repository's own folders."""

from __future__ import annotations

import filecmp
import hashlib
import json
import re
import shutil
from pathlib import Path, PurePosixPath

from .errors import InnerviewError

PACKAGE = Path(__file__).parents[1]  # the folder `generator`
PACKAGED = PACKAGE / "_resources"  # laid there by the wheel; an editable install has no such folder
REPOSITORY = PACKAGE.parent

ASSETS = "site_src/assets"
THEME = "site_src/.theme"
INHERITED = "site_src/.mkdocs.yml"  # our settings, for a gallery's own mkdocs.yml to begin with


def resource(name: str) -> Path:
    """Return the file or folder `name` (`templates`, `site_src/assets`, `mkdocs.yml`, ...) that came with Innerview.

    Raises `InnerviewError` when it is neither in the wheel nor in the repository.
    """
    for root in (PACKAGED, REPOSITORY):
        if (root / name).exists():
            return root / name
    raise InnerviewError(
        f"{name}: expected it in {PACKAGED} or {REPOSITORY}, found it in neither; install Innerview again"
    )


def template_folders(root: Path) -> list[Path]:
    """Return where templates are looked up, first match wins: the gallery's own `templates/`, then ours."""
    own, ours = root / "templates", resource("templates")
    return [own, ours] if own.is_dir() and own.resolve() != ours.resolve() else [ours]


def materialise(root: Path) -> None:
    """Lay what mkdocs reads by relative path under the gallery `root`: the theme's overrides, assets and settings.

    What was laid earlier follows a newer Innerview, or goes with it; what someone changed or put there stays as it is.
    A gallery's `templates/theme/` wins over ours file by file.
    """
    root.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(root / THEME, ignore_errors=True)
    for folder in reversed(template_folders(root)):
        for name, file in _files(folder / "theme").items():
            _copy(file, root / THEME / name)
    if root.resolve() != REPOSITORY:
        _copy(resource("mkdocs.yml"), root / INHERITED)
        _drop_docs(root / INHERITED)
        ours = {f"{ASSETS}/{name}": file for name, file in _files(resource(ASSETS)).items()}
        _lay(ours | {"mkdocs.yml": root / INHERITED}, root)


def _drop_docs(settings: Path) -> None:
    """Another gallery's site has no place for Innerview's own documentation."""
    text = settings.read_text(encoding="utf-8")
    settings.write_text(re.sub(r"^  - Docs:\n(?:      .*\n)+", "", text, flags=re.MULTILINE), encoding="utf-8")


LEDGER = "site_src/.laid.json"  # name -> SHA-256 of what was laid, which tells it from what someone wrote


def _lay(files: dict[str, Path], root: Path) -> None:
    """Copy `files` to their names under `root`, over and instead of what was laid before and is unchanged."""
    ledger = root / LEDGER
    laid = _laid(ledger)
    free = {name for name in files.keys() | laid.keys() if _digest(root / name) in ("", laid.get(name))}
    for name in sorted(free):
        if name in files:
            _copy(files[name], root / name)
        else:
            (root / name).unlink(missing_ok=True)
    kept = {name: _digest(root / name) if name in free else laid.get(name, "") for name in sorted(files)}
    ledger.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def _laid(ledger: Path) -> dict[str, str]:
    """Return what the ledger says was laid; it comes from a folder that others write to, so it may name assets
    alone.
    """
    try:
        entries = json.loads(ledger.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(entries, dict):
        return {}
    ours = {name for name in entries if name.startswith(f"{ASSETS}/") and ".." not in PurePosixPath(name).parts}
    return {
        name: entries[name] for name in ours | {"mkdocs.yml"} if isinstance(entries.get(name), str) and entries[name]
    }


def _files(folder: Path) -> dict[str, Path]:
    return {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}


def _copy(file: Path, target: Path) -> None:
    """A link at its place is replaced, not followed: it might lead anywhere."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_symlink():
        target.unlink()
    if not target.is_file() or not filecmp.cmp(file, target, shallow=False):  # who watches it sees changes alone
        shutil.copyfile(file, target)


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""
