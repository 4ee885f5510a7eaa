"""Two galleries set against each other: a folder of HTML, Markdown, JSON, and what is refused of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from generator.config.validation import nearest
from generator.core.errors import ConfigError
from generator.core.manifest_types import ChangesRecord, Manifest
from generator.core.resources import ASSETS, resource
from generator.site.assets import files as asset_files
from generator.site.pages.changes import changes
from generator.site.pages.manifest_index import Gallery
from generator.site.pages.write import jinja, render

from .comment_data import comment_data
from .compute import MAX_PICTURES, diff, pictures
from .gates import Gate, broken, gate
from .markdown import comment
from .snapshot import Side

AXES = {"model": ("models", "slug"), "image": ("images", "id"), "method": ("methods", "slug")}


@dataclass(frozen=True)
class Answer:
    """What changed, which gates that breaks, and what was not at hand."""

    told: ChangesRecord
    refused: list[str]
    blind: str  # what could not be measured, and why


def set_against(
    old: Path,
    new: Path,
    *,
    stores: Iterable[Path] = (),
    chosen: Mapping[str, Iterable[str]] | None = None,
    conditions: Iterable[str] = (),
    html: Path | None = None,
    most: int = MAX_PICTURES,
) -> Answer:
    """Compare two galleries (see `side.Side`), and write the folder `html` where one is named.

    Raises `InnerviewError` for what is no gallery, and `ConfigError` for a name or a condition that means nothing.
    """
    gates = [gate(text) for text in conditions]
    stores = list(stores)
    before, after = Side(old, stores), Side(new, stores)
    _check_names(before, after, chosen or {}, gates)
    comparison = diff(before, after, chosen)
    if html:
        write_folder(before, after, comparison, html, most)
    return Answer(comparison, broken(gates, comparison), _blind(comparison))


def changes_of(before: Side, after: Side) -> tuple[ChangesRecord, dict[str, bytes]]:
    """Return what a manifest tells of the changes since `before`, and the files that it names: path and bytes."""
    comparison = diff(before, after)
    return comparison, pictures(before, after, comparison)


def write_folder(before: Side, after: Side, comparison: ChangesRecord, folder: Path, most: int) -> None:
    """A folder with `index.html`, its pictures, styles and scripts, to be opened or served anywhere.

    Raises `ConfigError` where something else is in the folder: what was written by an earlier call is replaced.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / "changes.json").is_file():
        raise ConfigError(f"--html {folder}: expected an empty folder, or one of an earlier diff")
    shutil.rmtree(folder, ignore_errors=True)
    files = pictures(before, after, comparison, most)
    for entry in comparison["figures"]:
        name = entry.get("files", {}).get("after")
        data = after.picture(after.figures[entry["id"]]) if name else None
        if data:
            files[name] = data
        elif name:
            del entry["files"]["after"]
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    assets = resource(ASSETS)
    for name in [
        *asset_files("standalone/changes"),
        *(f"fonts/{file.name}" for file in sorted((assets / "fonts").iterdir())),
        "favicon.svg",
    ]:
        (folder / "assets" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(assets / name, folder / "assets" / name)
    gallery = Gallery(_with_old(after.manifest, before.manifest))
    page = render(
        jinja([resource("templates")]),
        "standalone/changes.html",
        changes(gallery, comparison, "index.html", site=False),
    )
    (folder / "index.html").write_text(page, encoding="utf-8")
    (folder / "changes.json").write_text(as_json(comparison), encoding="utf-8")


def as_json(comparison: ChangesRecord) -> str:
    """For programs: the same bytes for the same galleries."""
    return json.dumps(comparison, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def as_comment(answer: Answer) -> str:
    """For the workflow that comments on pull requests."""
    return comment_data(answer.told, len(answer.refused))


def as_markdown(answer: Answer) -> str:
    """For people, such as in the summary of a job."""
    return comment(answer.told, answer.refused)


def _with_old(new: Manifest, old: Manifest) -> Manifest:
    """Return the new manifest, and of the old one the cards of what is gone, so that it can be called by its name."""
    joined: Any = dict(new)
    for part, name in AXES.values():
        names = {card[name] for card in new[part]}
        joined[part] = [*new[part], *(card for card in old[part] if card[name] not in names)]
    styles = {style["name"]: style for manifest in (old, new) for style in manifest.get("styles", ())}
    joined["styles"] = list(styles.values())
    return cast(Manifest, joined)


def _check_names(old: Side, new: Side, chosen: Mapping[str, Iterable[str]], gates: Iterable[Gate]) -> None:
    for axis, (part, name) in AXES.items():
        names = {card[name] for side in (old, new) for card in side.manifest[part]}
        for choice in chosen.get(axis, ()):
            if choice not in names:
                raise ConfigError(f"--{axis} {choice!r}: neither gallery has it{nearest(choice, names)}")
        for rule in gates if axis == "method" else ():
            if rule.method and rule.method not in names:
                raise ConfigError(
                    f"--fail-if {rule.text!r}: neither gallery has {rule.method!r}{nearest(rule.method, names)}"
                )


def _blind(comparison: ChangesRecord) -> str:
    drawn = [
        entry for entry in comparison["figures"] if entry["kind"] == "changed" and entry["status"] == ["drawn", "drawn"]
    ]
    unseen = sum(not entry["numbers"] for entry in drawn)
    by_picture = sum(bool(entry["numbers"]) and "correlation" not in entry["numbers"] for entry in drawn)
    read = sum(entry["values"] == "decoded" for entry in drawn)
    notes = [
        f"{unseen} are known by their digests alone: neither picture nor values are at hand" if unseen else "",
        f"{by_picture} by their pictures alone: no values to subtract" if by_picture else "",
        f"the values of {read} were read from their pictures, to one step of 8 bits" if read else "",
    ]
    return "; ".join(filter(None, notes))
