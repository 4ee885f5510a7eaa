"""Everything that can be checked without drawing: configuration, images, store, and the built site."""

from __future__ import annotations

import json
import re
from pathlib import Path

from generator.config.settings import load as load_settings
from generator.core.errors import InnerviewError
from generator.data.images import read_images
from generator.pipeline import selection
from generator.pipeline.fingerprint import Fingerprint
from generator.pipeline.manifest_reader import ManifestError, read_manifest
from generator.pipeline.options import Options

from .check import check_site


def failed_figures(out: Path) -> tuple[int, int, str]:
    """Return how many figures the site at `out` has, how many of them failed, and the first of these with its reason.

    Zeros where there is no manifest; `examine` says why.
    """
    try:
        figures = read_manifest(out / "gallery" / "manifest.json")["figures"]
    except ManifestError:
        return 0, 0, ""
    failed = [f"{figure['id']}: {figure['reason']}" for figure in figures if figure["status"] == "failed"]
    return len(figures), len(failed), failed[0] if failed else ""


def examine(options: Options) -> dict[str, list[str]]:
    """Problems by where they are: one line each, nothing where all is well.

    What is damaged in the store is removed, so that the next build makes it again.
    """
    findings: dict[str, list[str]] = {"configuration": [], "images": [], "store": [], "site": []}
    try:
        settings = load_settings(options.config, preset=options.preset)
        selection.networks(settings, options.models)
    except InnerviewError as error:
        findings["configuration"].append(str(error))
        return findings
    try:
        _, problems = read_images(settings.images_folder, options.data, options.images, options.work)
        findings["images"] += [problem.message for problem in problems if problem.kind == "failed"]
    except InnerviewError as error:
        findings["images"].append(str(error))
    for name in options.store.remove_damaged():
        findings["store"].append(f"{name[:12]} was damaged and is removed, the next build makes it again")
        Fingerprint(options.work, options.selection(), options.data).forget()
    if options.out.is_dir():
        findings["site"] += check_site(options.out)
        findings["search"] = search_problems(options.out)
    else:
        findings["site"].append(f"{options.out}: not built yet")
    return findings


def search_problems(out: Path) -> list[str]:
    """Return what keeps the search of the site at `out` from finding words; nothing for a site without search."""
    try:
        separator = json.loads((out / "search" / "search_index.json").read_bytes())["config"]["separator"]
        pieces = [piece for piece in re.split(separator, "half-open relu4") if piece]
    except (OSError, ValueError, KeyError, TypeError, re.error):
        return []
    if pieces == ["half", "open", "relu"]:
        return []
    return [
        'mkdocs.yml: the separator of search keeps hyphens or digits in words, so that "grad-cam" finds nothing; '
        "copy plugins: search: separator: from Innerview's mkdocs.yml (site_src/.mkdocs.yml in a gallery)"
    ]
