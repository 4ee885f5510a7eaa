"""A manifest from a file is one that keeps its published schema, or one line says what is wrong with it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, cast

from generator.core.errors import InnerviewError
from generator.core.manifest_types import Manifest
from generator.core.records import MANIFEST_VERSION

if TYPE_CHECKING:
    from jsonschema_rs import Draft202012Validator

SCHEMA = Path(__file__).parent / "manifest.schema.json"


class ManifestError(InnerviewError):
    """A manifest is damaged, or is none of ours."""


def read_manifest(file: Path) -> Manifest:
    """Return the manifest in a file, which keeps the schema and names no file outside its folder.

    Raises `ManifestError`.
    """
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except FileNotFoundError:
        raise ManifestError(f"{file}: no built site found; run `innerview build`") from None
    except OSError as error:
        raise ManifestError(f"{file}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"{file}: expected a manifest in JSON: {error}") from error
    if not isinstance(manifest, dict) or manifest.get("format") != "innerview-manifest":
        raise ManifestError(f"{file}: expected an Innerview manifest, this is something else")
    if manifest.get("version") != MANIFEST_VERSION:
        version = _short(manifest.get("version"))
        raise ManifestError(f"{file}: expected version {MANIFEST_VERSION} of the manifest, there is {version}")
    for fault in faults(manifest):
        raise ManifestError(f"{file}: {fault}")
    return cast(Manifest, manifest)


def faults(manifest: Any) -> Iterator[str]:
    """Yield in one line each what breaks the schema, and which files would lie outside the manifest's folder."""
    try:
        for error in _validator().iter_errors(manifest):
            place = "".join(map(_step, error.instance_path)).lstrip(".")
            value = "" if isinstance(error.instance, dict) else f"; there is {_short(error.instance)}"
            yield (f"{place}: " if place else "") + error.message + value
    except UnicodeEncodeError:
        yield "a string holds half a character (a lone surrogate)"
    except ValueError:  # the library's limit of recursion
        yield "nested too deeply for a manifest"
    if isinstance(manifest, dict):
        yield from (f"{name!r} is no place below the manifest" for name in _named(manifest) if not _below(name))


@cache
def _validator() -> Draft202012Validator:
    from jsonschema_rs import Draft202012Validator  # 8 ms, which only who reads a manifest pays

    return Draft202012Validator(json.loads(SCHEMA.read_text("utf-8")), mask="the value")


def _step(part: str | int) -> str:
    """Return one step of the way to a value: `.name`, or `[3]`."""
    return f".{part}" if isinstance(part, str) and re.fullmatch(r"[\w-]+", part) else f"[{part!r}]"


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number there")


def _short(value: Any) -> str:
    text = "nothing" if value is None else "a mapping" if isinstance(value, dict) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


# --- files ------------------------------------------------------------------------------------------

FILES = ("file", "thumb", "map", "animation", "array", "page", "photo")


def _named(manifest: dict[str, Any]) -> Iterator[str]:
    """Yield every name of a file in it."""
    for part in ("figures", "images", "shares", "pins", "comparisons", "class_means"):
        entries = manifest.get(part)
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict):
                files = entry.get("files")
                names = [entry.get(name) for name in FILES] + (list(files.values()) if isinstance(files, dict) else [])
                yield from (name for name in names if name and isinstance(name, str))


def _below(name: str) -> bool:
    return not PurePosixPath(name).is_absolute() and ".." not in PurePosixPath(name).parts and "\\" not in name


PLACES = ("gallery/manifest.json", ".innerview/manifest.json", "manifest.json")  # in a site, a gallery, a work folder


def manifest_file(path: Path) -> Path:
    """Return the manifest that `path` means. Raises `InnerviewError` where there is none."""
    if path.is_file():
        return path
    for name in PLACES:
        if (path / name).is_file():
            return path / name
    raise InnerviewError(
        f"{path}: expected a built site, the folder of a gallery that was built, or a manifest.json; "
        + ("there is none of these in it" if path.is_dir() else "there is nothing")
    )
