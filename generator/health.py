"""Everything that can be checked without drawing: configuration, images, store, and the built site."""

from __future__ import annotations

from . import config, selection
from .build import Options
from .check import check_site
from .images import read_images
from .store import Store
from .types import InnerviewError


def examine(options: Options) -> dict[str, list[str]]:
    """Problems by where they are: one line each, nothing where all is well."""
    findings: dict[str, list[str]] = {"configuration": [], "images": [], "store": [], "site": []}
    try:
        settings = config.load(options.config, preset=options.preset)
        selection.networks(settings, options.models)
    except InnerviewError as error:
        findings["configuration"].append(str(error))
        return findings
    try:
        _, problems = read_images(settings.images_folder, options.data, options.images, options.work)
        findings["images"] += [problem.message for problem in problems if problem.kind == "failed"]
    except InnerviewError as error:
        findings["images"].append(str(error))
    findings["store"] += [f"{digest[:12]} is damaged" for digest in Store(options.work / "store").damaged()]
    if options.out.is_dir():
        findings["site"] += check_site(options.out)
    else:
        findings["site"].append(f"{options.out}: not built yet")
    return findings
