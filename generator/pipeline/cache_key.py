"""A key for the caches of CI: one digest of all that a gallery's figures depend on, known before anything is loaded."""

from __future__ import annotations

from pathlib import Path

from generator.config.settings import load as load_settings
from generator.core.resources import PACKAGE
from generator.core.store import key_of
from generator.models.specs import weights_files

from . import selection
from .fingerprint import digest, versions
from .options import Options

WORK = {".innerview", ".venv", "__pycache__", "site", "site_src", "templates"}  # folders that no figure depends on


def cache_key(options: Options) -> str:
    """Return a digest of settings, pictures, weights, networks of one's own, our own code and versions; without torch.

    Where it is the same a store holds everything already; where it is another one, an older store is as good a start
    as any. Raises `ConfigError` for settings that mean nothing.
    """
    settings = load_settings(options.config, preset=options.preset)
    networks = selection.networks(settings, options.models)
    wanted = {name: value for name, value in options.selection().items() if name not in ("site", "against", "config")}
    own = [path for path in settings.folder.rglob("*.py") if not WORK & set(path.relative_to(settings.folder).parts)]
    code = [path for path in PACKAGE.rglob("*") if "__pycache__" not in path.parts]
    pictures = settings.images_folder.rglob("*")
    weights = [path for network in networks for path in weights_files(network)]
    digests = [
        [_name_and_digest(path, start) for path in sorted(paths) if path.is_file()]
        for start, paths in (
            (settings.folder, own),
            (PACKAGE, code),
            (settings.images_folder, pictures),
            (settings.folder, weights),
        )
    ]
    return key_of(settings.model_dump(mode="json"), wanted, digests, versions())


def _name_and_digest(path: Path, start: Path) -> tuple[str, str]:
    """Return a file's name as seen from `start`, which may be elsewhere on another machine, and what it holds."""
    return (path.relative_to(start).as_posix() if path.is_relative_to(start) else path.name), digest(path)
