"""Screenshots of each kind of page, wide and on a phone, bright and dark: `python tests/screenshots.py SITE FOLDER`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import browsing

WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


def kinds(site: Path) -> dict[str, str]:
    """One page of each kind, of the first report of the gallery."""
    manifest = json.loads((site / "gallery/manifest.json").read_text(encoding="utf-8"))
    first = manifest["predictions"][0]
    drawn = [f for f in manifest["figures"] if f["status"] == "drawn" and f["image"] == first["image"]]
    overlay = next(f["id"] for f in drawn if f["method"] == "grad-cam")
    sprite = next(f["id"] for f in drawn if f["method"] == "activations")
    return {
        "home": "index.html",
        "reading": "reading.html",
        "lecture": "lecture.html",
        "images": "gallery/images/index.html",
        "models": "gallery/models/index.html",
        "methods": "gallery/methods/index.html",
        "image": f"gallery/images/{first['image']}.html",
        "model": f"gallery/{first['model']}/index.html",
        "layer": f"gallery/{first['model']}/layers/{sprite.rpartition('--')[2]}.html",
        "method": "gallery/methods/grad-cam.html",
        "report": f"gallery/{first['model']}/{first['image']}/index.html",
        "figure": f"gallery/{overlay}.html",
        "channels": f"gallery/{sprite}.html",
    }


def take(site: Path, folder: Path) -> list[Path]:
    """Write `<kind>-<wide|phone>-<light|dark>.png` into `folder`; the report also where its walk begins."""
    folder.mkdir(parents=True, exist_ok=True)
    taken = []
    with browsing.browser() as chromium, browsing.served(site) as address:
        for scheme in ("light", "dark"):
            for size, viewport in (("wide", WIDE), ("phone", PHONE)):
                context = chromium.new_context(viewport=viewport, color_scheme=scheme, reduced_motion="reduce")
                page = context.new_page()
                for kind, name in (*kinds(site).items(), ("walk", kinds(site)["report"] + "#walk")):
                    page.goto(f"{address}/{name}", wait_until="networkidle")
                    taken.append(folder / f"{kind}-{size}-{scheme}.png")
                    page.screenshot(path=taken[-1])
                context.close()
    return taken


if __name__ == "__main__":
    for path in take(Path(sys.argv[1]), Path(sys.argv[2])):
        print(path)
