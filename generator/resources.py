"""Where templates, assets, weights and the words of the site are: in the wheel, or in the repository's own folders."""

from __future__ import annotations

import shutil
from pathlib import Path

from generator.types import InnerviewError

PACKAGED = Path(__file__).parent / "_resources"  # laid there by the wheel; an editable install has no such folder
REPOSITORY = Path(__file__).parent.parent

ASSETS = "site_src/assets"
THEME = "site_src/.theme"


def resource(name: str) -> Path:
    """The file or folder `name` (`templates`, `site_src/assets`, `mkdocs.yml`, ...) that came with Innerview.

    Raises `InnerviewError` when it is neither in the wheel nor in the repository.
    """
    for root in (PACKAGED, REPOSITORY):
        if (root / name).exists():
            return root / name
    raise InnerviewError(f"{name}: expected it in {PACKAGED} or {REPOSITORY}, found it in neither; install Innerview again")


def template_folders(root: Path) -> list[Path]:
    """Where templates are looked up, first match wins: the gallery's own `templates/`, then ours."""
    own, ours = root / "templates", resource("templates")
    return [own, ours] if own.is_dir() and own.resolve() != ours.resolve() else [ours]


def materialise(root: Path) -> None:
    """Lay what mkdocs reads by relative path under the gallery `root`: the theme's overrides, assets and `mkdocs.yml`.

    The theme folder and the assets are ours and written anew; a gallery's own `templates/theme/` and
    `site_src/` files win by name, and `mkdocs.yml` is written only where there is none.
    """
    root.mkdir(parents=True, exist_ok=True)
    _renew(root / THEME, [folder / "theme" for folder in reversed(template_folders(root))])
    assets = resource(ASSETS)
    if assets.resolve() != (root / ASSETS).resolve():
        _copy_tree(assets, root / ASSETS, keep=True)
    if not (root / "mkdocs.yml").exists():
        shutil.copyfile(resource("mkdocs.yml"), root / "mkdocs.yml")


def _renew(target: Path, sources: list[Path]) -> None:
    """Make `target` hold exactly the files of `sources`, later ones over earlier ones."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for source in sources:
        if source.is_dir():
            _copy_tree(source, target)


def _copy_tree(source: Path, target: Path, keep: bool = False) -> None:
    """Copy every file below `source`; with `keep`, files marked as the gallery's own (not ours before) stay."""
    ours = _ledger(target) if keep else set()
    for file in sorted(path for path in source.rglob("*") if path.is_file()):
        name = file.relative_to(source).as_posix()
        copy = target / name
        if keep and copy.exists() and name not in ours:
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
        ours.add(name)
    if keep:
        (target / LEDGER).write_text("\n".join(sorted(ours)) + "\n", encoding="utf-8")


LEDGER = ".innerview"  # names the assets that we laid, so that the gallery's own are never overwritten


def _ledger(target: Path) -> set[str]:
    file = target / LEDGER
    return set(file.read_text(encoding="utf-8").split()) if file.exists() else set()
