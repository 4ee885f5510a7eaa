"""The site is built beside the old one, checked, and only then put in its place."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml
from markupsafe import escape

from generator.core import resources
from generator.core.errors import InnerviewError
from generator.pipeline.manifest_reader import SCHEMA

from . import mkdocs_hooks
from .check import check_site

PAGES = ".pages"  # within a new site: where mkdocs writes


class SiteError(InnerviewError):
    """mkdocs refused the pages, or the built site does not hold together."""


def build(
    root: Path,
    out: Path,
    publish: Callable[[Path], None],
    *,
    title: str = "",
    url: str = "",
    finish: Callable[[Path], None] = lambda new: None,
) -> None:
    """Build the gallery `root` (with `site_src/` and `mkdocs.yml`) into the folder `out`.

    `publish(site)` lays pictures, manifest and figure pages into `<out>.new` while mkdocs writes its pages, which join
    them; `finish(site)` sees all. The result is checked and exchanged with what was at `out`. `title` and `url` win
    over those in mkdocs.yml. Raises `SiteError`; `out` is then as it was.
    """
    out = replaceable(out)
    clear_leftovers(out)
    resources.materialise(root)
    new = _new(out)
    new.mkdir(parents=True)
    with ThreadPoolExecutor(1) as beside:
        written = beside.submit(_mkdocs, root, new / PAGES, title, url)
        publish(new)
        written.result()
    _join(new / PAGES, new)
    finish(new)
    if (new / "gallery").is_dir():
        shutil.copyfile(SCHEMA, new / "gallery" / "manifest.schema.json")
    problems = check_site(new)
    if problems:
        more = f"\n... and {len(problems) - 20} more" if len(problems) > 20 else ""
        raise SiteError(f"the built site in {new} has {len(problems)} problems:\n" + "\n".join(problems[:20]) + more)
    exchange(new, out)


def replaceable(out: Path) -> Path:
    """Return where the site goes, links followed. Raises `SiteError` where something lies there that is no built
    site.
    """
    out = out.resolve()
    if not out.exists():
        return out
    if not out.is_dir():
        raise SiteError(f"{out}: expected a folder for the site, there is a file")
    names = {path.name for path in out.iterdir()}
    if names and not ("index.html" in names and names & {"gallery", "404.html"}):
        raise SiteError(f"{out}: expected an empty folder or a built site to replace, it holds other things")
    return out


def _join(pages: Path, site: Path) -> None:
    """Move all files of a folder into a site around it, except where that has a file of its own; the folder goes."""
    for folder, _, names in os.walk(pages):
        there = site / Path(folder).relative_to(pages)
        there.mkdir(exist_ok=True)
        for name in names:
            if not os.path.lexists(there / name):
                os.rename(os.path.join(folder, name), there / name)
    shutil.rmtree(pages)


def exchange(new: Path, out: Path) -> None:
    """Put the folder `new` in the place of `out`, in one step where the system can; what was there is removed.

    What cannot be removed then is left to the next build: the new site is published.
    """
    old = _old(out)
    _remove(old)
    if out.exists() and _swapped(new, out):
        old = new
    else:
        if out.exists():
            out.rename(old)
        new.rename(out)
    with contextlib.suppress(SiteError):
        _remove(old)


def leftovers(out: Path) -> list[Path]:
    """Return what a build that was killed, had no room or could not exchange the site left beside `out`."""
    return [path for path in (_old(out), _new(out)) if os.path.lexists(path)]


def clear_leftovers(out: Path) -> None:
    """Remove `leftovers`; a former site that is alone is put back first. Raises `SiteError` for what stays there.

    No other build may publish at the same time.
    """
    old = _old(out)
    if old.exists() and not out.exists():  # a build was killed while it exchanged them
        old.rename(out)
    for path in leftovers(out):
        _remove(path)


def _remove(path: Path) -> None:
    """Remove a folder or file, if it is there, also where its folders may not be written. Raises `SiteError`."""
    if not os.path.lexists(path):
        return
    try:
        if not path.is_dir() or path.is_symlink():
            path.unlink()
            return
        for folder, folders, _ in os.walk(path):
            for name in (folder, *(os.path.join(folder, inner) for inner in folders)):
                if not os.path.islink(name) and not os.access(name, os.R_OK | os.W_OK | os.X_OK):
                    os.chmod(name, 0o700)
        shutil.rmtree(path)
    except OSError as error:
        raise SiteError(f"{path}: left by an earlier build, and cannot be removed: {error.strerror}") from error


def _new(out: Path) -> Path:
    """Return where the site is built, until it is in its place."""
    return out.with_name(out.name + ".new")


def _old(out: Path) -> Path:
    """Return where the former site is between two steps; a build that finds one alone puts it back."""
    return out.with_name(out.name + ".old")


def _swapped(first: Path, second: Path) -> bool:
    """Exchange the names of two folders, so that at no moment one is missing; False where the system cannot."""
    here, swap = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of Linux, RENAME_SWAP of macOS
    names = os.fsencode(first), os.fsencode(second)
    try:
        system = ctypes.CDLL(None)
        if sys.platform == "darwin":
            return system.renamex_np(*names, swap) == 0
        return system.renameat2(here, names[0], here, names[1], swap) == 0
    except (AttributeError, OSError, TypeError):  # another system, or an older one
        return False


# What mkdocs needs for any site is imported before it is given a configuration.
BUILDER = """
import json, sys
import mkdocs.commands.build, mkdocs.config.defaults, mkdocs.contrib.search, mkdocs.localization
from mkdocs.__main__ import cli
cli(["build", "--strict", "--config-file", json.load(sys.stdin)], prog_name="mkdocs")
"""
_waiting: list[subprocess.Popen[str]] = []  # for a configuration


def prepare() -> None:
    """Start the process of mkdocs for the next `build`, which then has imported what it needs."""
    _waiting.append(_started())


def _started() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", BUILDER],
        env={"SOURCE_DATE_EPOCH": "0", "DISABLE_MKDOCS_2_WARNING": "true", **os.environ},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _mkdocs(root: Path, site: Path, title: str, url: str) -> None:
    """Run `mkdocs build --strict` on a configuration that inherits the gallery's own."""
    root = root.resolve()
    settings: dict[str, object] = {
        "INHERIT": str(root / "mkdocs.yml"),
        "docs_dir": str(root / "site_src"),
        "site_dir": str(site.resolve()),
        "theme": {"custom_dir": str(root / resources.THEME)},
        "hooks": [mkdocs_hooks.__file__],
    }
    # The theme prints these two without escaping them.
    settings |= {"site_name": str(escape(title))} if title else {}
    settings |= {"site_url": str(escape(url))} if url else {}
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "mkdocs.yml"
        config.write_text(yaml.safe_dump(settings), encoding="utf-8")  # JSON halves what lies beyond 16 bits: emoji
        with _waiting.pop() if _waiting else _started() as process:
            out, errors = process.communicate(json.dumps(str(config)))
    if process.returncode != 0:
        output = (errors + out).strip()
        if "Traceback (most recent call last)" in output:  # of which the end says what happened
            output = output.splitlines()[-1]
        raise SiteError(f"mkdocs could not build {root / 'site_src'}:\n{output}")
