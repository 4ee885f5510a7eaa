"""The fake gallery as a site: published as a build publishes it, with or without an address of its own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import fake_manifest
import fake_probe

from generator.core import resources
from generator.core.store import Store
from generator.pipeline.manifest import Published
from generator.site import pins, social_cards
from generator.site import publish as site
from generator.site.pages import write

ADDRESS = "https://example.org/g"
PINNED = "tiny/frog/grad-cam--relu4--class-frog"


def publish(folder: Path, manifest: dict[str, Any], root: Path, store: Store | None = None, files=()) -> Path:
    """The site of a gallery whose pictures are in `folder`; more `files` come from `store`."""
    templates = resources.template_folders(root)
    write.write_sources(manifest, root / "site_src", templates, fake_manifest.channels)

    def lay(new: Path) -> None:
        shutil.copytree(folder, new / "gallery", dirs_exist_ok=True)
        for file in files:
            target = new / "gallery" / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(store.read(file.digest))
        write.write_figure_pages(manifest, new, templates, fake_manifest.channels)
        write.write_unit_scripts(manifest, new, fake_probe.channels)
        (new / "gallery" / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")

    site.build(root, root / "site", lay, title=manifest["site"]["title"], url=manifest["site"]["url"])
    return root / "site"


def stored(folder: Path, store: Store) -> list[Published]:
    """The pictures of a gallery, as a build has them in its store."""
    pictures = sorted(path for path in folder.rglob("*") if path.suffix in (".png", ".webp"))
    return [Published(path.relative_to(folder).as_posix(), store.keep(path.read_bytes())) for path in pictures]


def publish_addressed(folder: Path, manifest: dict[str, Any], root: Path, address: str = ADDRESS) -> Path:
    """The site under an address, with cards and with `PINNED` pinned."""
    store = Store(root / "store")
    manifest = manifest | {"site": {**manifest["site"], "url": address}}
    manifest["shares"], cards = social_cards.draw_all(manifest, stored(folder, store), store)
    manifest["pins"], kept, _ = pins.pin(root / pins.FOLDER, [PINNED], manifest, store)
    return publish(folder, manifest, root, store, [*cards, *kept])
