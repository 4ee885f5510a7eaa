"""The style sheets that all pages share as one file, and their scripts as another; a hook of mkdocs.

A page then asks a server for two files in the place of eighteen. The single ones stay where they are, for pages that
take some of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

BUNDLES = {"extra_css": "assets/css/all.css", "extra_javascript": "assets/js/all.js"}
ALONE = (b"@import", b"@charset")  # have to stand at the top of a file


def on_config(config: Any) -> Any:
    """What mkdocs asks before all else: its settings, with the bundles in the place of what is in them."""
    config.bundled = {}
    for setting, bundle in BUNDLES.items():
        together = [name for name in config[setting] if _plain(name, bundle, Path(config.docs_dir))]
        if len(together) > 1:
            config.bundled[bundle] = together
            config[setting] = [bundle, *(name for name in config[setting] if name not in together)]
    return config


def on_post_build(config: Any) -> None:
    """What mkdocs asks when the site is written: the bundles beside their parts."""
    site = Path(config.site_dir)
    for bundle, names in config.bundled.items():
        (site / bundle).write_bytes(b"\n".join((site / name).read_bytes() for name in names))


def _plain(name: Any, bundle: str, docs: Path) -> bool:
    """Whether a file can be part of a bundle: it lies where that does, and is to be loaded like the others."""
    if not isinstance(name, str) or Path(name).parent != Path(bundle).parent or not (docs / name).is_file():
        return False
    content = (docs / name).read_bytes()
    return not any(mark in content for mark in ALONE)
