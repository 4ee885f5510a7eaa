"""A big site: a thousand reports of thirty figures each, from manifest to published folder.

A few pictures go through vgg-cifar10 for real; their figures stand in the manifest again and again under other names,
first for a hundred images and then for a thousand. Told are the CPU time that mkdocs takes, with all its processes,
that of everything together, the mean of all pages and the heaviest of each kind, as it is and as servers send it,
how the cost grows, and what the site weighs with every picture counted.
"""

from __future__ import annotations

import gzip
import json
import math
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import process_time
from typing import Any

from generator.core.resources import template_folders
from generator.pipeline.options import Options, Progress
from generator.site import build, publish
from generator.site.pages import urls, write

from .rows import Row

FIGURES = 30
FEW, MANY = 100, 1000
MODEL = "vgg-cifar10"
PICTURES = ("frog", "deer", "ship", "horse")
SETTINGS = {
    "images": str(Path(__file__).parents[1] / "images"),
    "models": [{"name": MODEL, "images": [*PICTURES]}],
    "preset": "quick",
    "measures": [],
}
FILES = ("file", "thumb", "map", "animation", "array", "photo")
KINDS = {
    "a report": rf"gallery/{MODEL}/\w+-\d+/index.html",
    "a figure": rf"gallery/{MODEL}/\w+-\d+/(?!index).*",
    "an image": r"gallery/images/\w+-\d+(/index)?.html",
    "a layer, with all images": rf"gallery/{MODEL}/layers/.*",
    "the network, with all images": rf"gallery/{MODEL}/index.html",
    "the images' hub": r"gallery/images/(index|page/\d+).html",
}
GZIPPED = {"a report": 12, "a layer, with all images": 8, "the network, with all images": 14, "the images' hub": 60}


def rows() -> Iterator[Row]:
    """CPU seconds, kilobytes and an exponent."""
    with tempfile.TemporaryDirectory(prefix="innerview-bench-") as name:
        folder = Path(name)
        (folder / "gallery.yml").write_text(json.dumps(SETTINGS))
        options = Options(folder, folder / "gallery.yml", workers=1)
        build.build(options, Progress())
        few, many = (Site(options, count) for count in (FEW, MANY))
        yield Row(f"mkdocs, {MANY:,} reports", many.mkdocs, "CPU s", 10)
        yield Row(f"the whole, {MANY:,} reports", many.whole, "CPU s", note=f"{many.pages:,} pages of HTML")
        exponent = math.log(many.whole / few.whole) / math.log(MANY / FEW)
        yield Row("growth of the cost, exponent", exponent, "", 1.1, note=f"from {few.whole:.1f} CPU s for {FEW}")
        yield Row("HTML of a page, on average", many.html / many.pages / 1000, "kB")
        for kind, (size, page) in many.heaviest.items():
            yield Row(f"HTML of {kind}", size / 1000, "kB", 25, note=page)
        for kind, bar in GZIPPED.items():
            yield Row(f"HTML of {kind}, gzipped", many.gzipped[kind] / 1000, "kB", bar, note=many.heaviest[kind][1])
        yield Row(f"data of the images' hub, {MANY:,} images, gzipped", many.facets / 1000, "kB", 60)
        yield Row("the whole site", many.bytes / 1e9, "GB", 1)


class Site:
    """A site of so many reports, what it cost and what it weighs."""

    def __init__(self, options: Options, count: int) -> None:
        there = options.out / "gallery"
        manifest, places = multiplied(json.loads((there / "manifest.json").read_text()), count)
        templates, out = template_folders(options.root), options.root / f"site-{count}"

        def lay(new: Path) -> None:
            for place, old in places.items():
                target = new / "gallery" / place
                target.parent.mkdir(parents=True, exist_ok=True)
                os.link(there / old, target)
            write.write_figure_pages(manifest, new, templates, lambda figure: None)
            (new / "gallery" / "manifest.json").write_text(json.dumps(manifest))

        start, before = process_time(), _children()
        write.write_sources(manifest, options.root / "site_src", templates)
        publish.build(options.root, out, lay)
        self.mkdocs = _children() - before  # the only process that this starts
        self.whole = process_time() - start + self.mkdocs
        sizes = {path.relative_to(out).as_posix(): path.stat().st_size for path in out.rglob("*") if path.is_file()}
        self.bytes, html = sum(sizes.values()), [name for name in sizes if name.endswith(".html")]
        self.pages, self.html, self.heaviest = len(html), sum(sizes[name] for name in html), {}
        for kind, pattern in KINDS.items():
            self.heaviest[kind] = max((sizes[name], name) for name in html if re.fullmatch(pattern, name))
        pages = {kind: (out / name).read_bytes() for kind, (_, name) in self.heaviest.items()}
        self.gzipped = {kind: len(gzip.compress(page, 6)) for kind, page in pages.items()}
        self.facets = len(gzip.compress((out / urls.images_script()).read_bytes(), 6))


def multiplied(drawn: dict[str, Any], count: int) -> tuple[dict[str, Any], dict[str, str]]:
    """The manifest with as many images, and the files of the gallery there is by their new places."""
    manifest = {
        **drawn,
        "images": [],
        "figures": [],
        "predictions": [],
        "comparisons": [],
        "probes": [],
        "shares": [],
        "live": [],
    }
    places: dict[str, str] = {}
    for figure in drawn["figures"]:
        if figure["image"] == "model" and figure["method"] != "top-images":
            manifest["figures"].append(_renamed(figure, "", "", places))
    for number in range(count):
        old = PICTURES[number % len(PICTURES)]
        new = f"{old}-{number:04}"
        figures = [figure for figure in drawn["figures"] if figure["image"] == old and figure["status"] == "drawn"]
        half = FIGURES // 2  # of the layers, and of the maps
        figures[half : half - FIGURES] = []
        for kind, records in (("figures", figures), ("predictions", drawn["predictions"])):
            manifest[kind] += [_renamed(one, old, new, places) for one in records if one["image"] == old]
        manifest["images"] += [_renamed(one, old, new, places) for one in drawn["images"] if one["id"] == old]
    return manifest, places


def _renamed(one: dict[str, Any], old: str, new: str, places: dict[str, str]) -> dict[str, Any]:
    """A record of another image; where its files go is added to `places`, by the new place."""
    found = dict(one)
    for key, value in one.items():
        if isinstance(value, str) and old:
            found[key] = new if value == old else re.sub(rf"/{old}([/.])", rf"/{new}\1", value)
        if key in FILES and value:
            places[found[key]] = value
    return found


def _children() -> float:
    """CPU seconds of the processes that ended."""
    times = os.times()
    return times.children_user + times.children_system
