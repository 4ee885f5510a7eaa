"""Screenshots of each kind of page, bright and dark, and some on a phone: `python tests/screenshots.py SITE FOLDER`."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import browsing
from PIL import Image

from generator.site.pages.home import most_telling
from generator.site.pages.manifest_index import Gallery

WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
WIDTH = 1024  # pixels that a wide one is kept with
LARGEST = 80_000  # bytes
ON_A_PHONE = ("home", "report", "model", "figure")


def kinds(site: Path) -> dict[str, str]:
    """An address of each kind of page that the site has, all about the image that its front page shows."""
    manifest = json.loads((site / "gallery/manifest.json").read_text(encoding="utf-8"))
    found = most_telling(Gallery(manifest))
    if not found:
        sys.exit(f"{site} has no report to show")
    model, image = found
    figures = [f for f in manifest["figures"] if f["status"] == "drawn" and f["model"] == model]
    mine = [f for f in figures if f["image"] == image]
    card = next(card for card in manifest["models"] if card["slug"] == model)
    stage = card["stages"][min(3, len(card["stages"]) - 1)]["layer"]
    sprite = next((f["id"] for f in mine if f["method"] == "activations" and f["layer"] == stage), "")
    overlay = next((f["id"] for f in mine if f["method"] == "grad-cam"), "")
    saliency = next((f["id"] for f in mine if f["method"] == "saliency"), overlay)
    entry = next(iter(manifest.get("comparisons", [])), None)
    pair = "--".join(entry["models"]) if entry else ""
    pages = {
        "home": "index.html",
        "learn": "learn.html",
        "reading": "reading.html",
        "lecture": "lecture.html",
        "growth": "growth.html",
        "glossary": "glossary.html",
        "images": "gallery/images/index.html",
        "models": "gallery/models/index.html",
        "methods": "gallery/methods/index.html",
        "image": f"gallery/images/{image}.html",
        "model": f"gallery/{model}/index.html",
        "findings": f"gallery/{model}/findings/index.html",
        "layer": f"gallery/{model}/layers/{sprite.rpartition('--')[2]}.html#c3",
        "method": "gallery/methods/grad-cam.html",
        "report": f"gallery/{model}/{image}/index.html",
        "methods-of-a-report": f"gallery/{model}/{image}/index.html#attribution",
        "walk": f"gallery/{model}/{image}/index.html#at=4",
        "figure": f"gallery/{overlay}.html",
        "channels": f"gallery/{sprite}.html#c3&colours=viridis&clip=2",
        "any-two": f"gallery/compare/figures.html#a={saliency}&b={overlay}&view=beside",
        "compare": "gallery/compare/index.html",
        "pair": f"gallery/compare/{pair}/index.html" if entry else "",
        "pair-image": f"gallery/compare/{pair}/{entry['image']}.html#view=slider&at=40" if entry else "",
        "changes": "gallery/changes/index.html",
    }
    return {kind: page for kind, page in pages.items() if page and (site / page.partition("#")[0]).is_file()}


def take(site: Path, folder: Path) -> list[Path]:
    """Write `<kind>-<light|dark>.webp` into `folder`, and `<kind>-phone.webp` of some; what was there goes."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.webp"):
        old.unlink()
    pages, taken = kinds(site), []
    with browsing.browser() as chromium, browsing.served(site) as address:
        for name, viewport, scheme in (("light", WIDE, "light"), ("dark", WIDE, "dark"), ("phone", PHONE, "light")):
            context = chromium.new_context(viewport=viewport, color_scheme=scheme, reduced_motion="reduce")
            page = context.new_page()
            for kind in pages if name != "phone" else ON_A_PHONE:
                page.goto("about:blank")  # the next may differ by its fragment alone
                page.goto(f"{address}/{pages[kind]}", wait_until="load")
                page.evaluate(SEEN)
                taken.append(folder / f"{kind}-{name}.webp")
                taken[-1].write_bytes(small(page.screenshot()))
            context.close()
    return taken


# Until all pictures in sight are there, those behind filters and those that scripts fetch, too.
SEEN = """() => Promise.all([...document.images].filter(image => {
    const box = image.getBoundingClientRect();
    return box.bottom > 0 && box.top < innerHeight && box.width;
}).map(image => image.decode().catch(() => null))).then(() => new Promise(done => setTimeout(done, 250)))"""


def small(screenshot: bytes) -> bytes:
    """A screenshot as WebP of at most `LARGEST` bytes."""
    image = Image.open(io.BytesIO(screenshot)).convert("RGB")
    if image.width > WIDTH:
        image = image.resize((WIDTH, round(image.height * WIDTH / image.width)), Image.Resampling.LANCZOS)
    for quality in range(86, 30, -8):
        file = io.BytesIO()
        image.save(file, "WEBP", quality=quality, method=6)
        if file.tell() <= LARGEST:
            break
    return file.getvalue()


if __name__ == "__main__":
    if len(sys.argv) != 3 or not (Path(sys.argv[1]) / "gallery/manifest.json").is_file():
        sys.exit("usage: python tests/screenshots.py SITE FOLDER, where SITE is a built site such as site/")
    for path in take(Path(sys.argv[1]), Path(sys.argv[2])):
        print(f"{path}  {path.stat().st_size // 1000} kB")
