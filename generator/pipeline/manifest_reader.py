"""A manifest from a file is one that keeps its published schema, or one line says what is wrong with it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from generator.core.errors import InnerviewError
from generator.core.records import MANIFEST_VERSION

SCHEMA = Path(__file__).parent / "manifest.schema.json"
Place = tuple[str | int, ...]


class ManifestError(InnerviewError):
    """A manifest is damaged, or is none of ours."""


def read_manifest(file: Path) -> dict[str, Any]:
    """The manifest in a file, which keeps the schema and names no file outside its folder. Raises `ManifestError`."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"), parse_constant=_no_number)
    except FileNotFoundError:
        raise ManifestError(f"{file}: expected a built site, there is none; run innerview build") from None
    except OSError as error:
        raise ManifestError(f"{file}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"{file}: expected a manifest in JSON: {error}") from error
    if not isinstance(found, dict) or found.get("format") != "innerview-manifest":
        raise ManifestError(f"{file}: expected an Innerview manifest, this is something else")
    if found.get("version") != MANIFEST_VERSION:
        told = _short(found.get("version"))
        raise ManifestError(f"{file}: expected version {MANIFEST_VERSION} of the manifest, there is {told}")
    for fault in faults(found):
        raise ManifestError(f"{file}: {fault}")
    return found


def faults(manifest: Any) -> Iterator[str]:
    """What in a manifest breaks its schema, and which of its files would lie outside of its folder; one line each."""
    for place, fault in _faults(manifest, _schema(), ()):
        spoken = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")
        yield f"{spoken}: {fault}" if spoken else fault
    if isinstance(manifest, dict):
        yield from (f"{name!r} is no place below the manifest" for name in _named(manifest) if not _below(name))


@cache
def _schema() -> dict[str, Any]:
    return json.loads(SCHEMA.read_text("utf-8"))


# --- the part of JSON Schema that the manifest's own uses -------------------------------------------

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


def _faults(value: Any, schema: dict[str, Any], place: Place) -> Iterator[tuple[Place, str]]:
    if "$ref" in schema:
        yield from _faults(value, _schema()["$defs"][schema["$ref"].rpartition("/")[2]], place)
    if "anyOf" in schema and not any(_keeps(value, one, place) for one in schema["anyOf"]):
        yield place, f"none of the forms that are known; there is {_short(value)}"
    for one in schema.get("allOf", ()):
        yield from _faults(value, one, place)
    if "if" in schema:
        yield from _faults(value, schema.get("then" if _keeps(value, schema["if"], place) else "else", {}), place)
    if expected := _broken(value, schema):
        yield place, f"expected {expected}; there is {_short(value)}"
        return
    if isinstance(value, dict):
        for name in schema.get("required", ()):
            if name not in value:
                yield (*place, name), "missing"
        for name, part in value.items():
            inner = schema.get("properties", {}).get(name, schema.get("additionalProperties", {}))
            if inner is False:
                yield (*place, name), "unknown"
            elif inner and inner is not True:
                yield from _faults(part, inner, (*place, name))
    if isinstance(value, list) and "items" in schema:
        for index, part in enumerate(value):
            yield from _faults(part, schema["items"], (*place, index))


def _keeps(value: Any, schema: dict[str, Any], place: Place) -> bool:
    return next(_faults(value, schema, place), None) is None


def _broken(value: Any, schema: dict[str, Any]) -> str:
    """What a value alone, without its parts, was expected to be; "" where it is."""
    if "type" in schema:
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        if not any(_is(value, kind) for kind in kinds):
            return " or ".join(kinds)
    if "const" in schema and (value != schema["const"] or isinstance(value, bool) != isinstance(schema["const"], bool)):
        return repr(schema["const"])
    if "enum" in schema and value not in schema["enum"]:
        return " or ".join(map(repr, schema["enum"]))
    if isinstance(value, str):
        if len(value) < schema.get("minLength", 0):
            return "a text that is not empty"
        if "pattern" in schema and not re.search(schema["pattern"], value):
            return f"a text like {schema['pattern']}"
    if isinstance(value, list) and not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        return f"{schema.get('minItems', 0)} to {schema.get('maxItems', 'any number of')} items"
    if _is(value, "number") and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        return f"a number from {schema.get('minimum', 'any')} to {schema.get('maximum', 'any')}"
    return ""


def _is(value: Any, kind: str) -> bool:
    if kind in ("integer", "number"):
        whole = isinstance(value, int) and not isinstance(value, bool)
        return whole or (isinstance(value, float) and (kind == "number" or value.is_integer()))
    return isinstance(value, TYPES[kind])


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number there")


def _short(value: Any) -> str:
    text = "nothing" if value is None else "a mapping" if isinstance(value, dict) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


# --- files ------------------------------------------------------------------------------------------

FILES = ("file", "thumb", "map", "animation", "page", "photo")


def _named(manifest: dict[str, Any]) -> Iterator[str]:
    """Every name of a file in it."""
    for part in ("figures", "images", "shares", "pins", "comparisons"):
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
    """The manifest that `path` means. Raises `InnerviewError` where there is none."""
    if path.is_file():
        return path
    for name in PLACES:
        if (path / name).is_file():
            return path / name
    raise InnerviewError(
        f"{path}: expected a built site, the folder of a gallery that was built, or a manifest.json; "
        + ("there is none of these in it" if path.is_dir() else "there is nothing")
    )
