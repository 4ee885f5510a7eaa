"""Does a built site hold together: links, anchors, pictures, and the manifest against files and pages."""

from __future__ import annotations

import functools
import hashlib
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from generator.core.manifest_types import Manifest
from generator.core.naming import class_slugs, layer_slug
from generator.pipeline.manifest_reader import ManifestError, read_manifest
from generator.site.pages.manifest_index import NOTHING
from generator.site.pages.urls import images_pages, images_script

LINKS = {"a": "href", "link": "href", "img": "src", "script": "src", "source": "src", "iframe": "src", "video": "src"}
HOMED = {"meta", "link alternate"}  # what names its own site by its whole address, for readers elsewhere
OUTSIDE_ALLOWED = {"a"}  # a page may point outside, but load nothing from there
CSS_URL = re.compile(r"url\(\s*['\"]?([^'\")]+)['\"]?\s*\)")
CHANNEL = re.compile(r"c(\d+)")  # the anchor of a channel on the page of its layer
ENDS = (".html", ".js", ".units.js")  # files of a layer
# Files of the gallery folder that the manifest does not name.
UNLISTED = {"manifest.json", "manifest.schema.json", "compare/figures.html"}


@dataclass
class Page:
    """What a page offers to links and what it points to."""

    anchors: set[str] = field(default_factory=set)
    channels: int = 0  # that a script shows one by one: the anchors #c0, #c1, ...
    links: list[tuple[str, str]] = field(default_factory=list)  # element, address
    faults: list[str] = field(default_factory=list)


def check_site(site: Path) -> list[str]:
    """Return everything wrong with the built `site`, one line each, sorted; an empty list when it holds together."""
    file = site / "gallery" / "manifest.json"
    if not file.is_file():
        return sorted({*_check_links(site, ""), "gallery/manifest.json: file not found"})
    try:
        manifest = read_manifest(file)
    except ManifestError as error:
        return sorted({*_check_links(site, ""), str(error)})
    return sorted({*_check_links(site, manifest["site"]["url"]), *_check_manifest(site, manifest)})


# --- links -------------------------------------------------------------------------------------------


def _check_links(site: Path, url: str) -> list[str]:
    """`url` is the address under which the site says it is published, "" where it does not know."""
    files = {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}
    pages = {name: read_page(site / name) for name in sorted(files) if name.endswith(".html")}
    problems, home = [], url.rstrip("/") + "/" if url else ""
    for name, page in pages.items():
        problems += [f"{name}: {fault}" for fault in page.faults]
        if name == "404.html":  # served at any depth, so its links start at the server's root
            continue
        for element, address in page.links:
            own = bool(home) and element in HOMED and address.startswith(home)
            start, near = ("index.html", address.removeprefix(home)) if own else (name, address)
            problem = _broken(start, element, near, files, pages)
            if problem:
                problems.append(f"{name}: {problem}")
    for name in sorted(files):
        if name.endswith(".css"):
            problems += _check_css(site, name, files)
    return problems


def _broken(name: str, element: str, address: str, files: set[str], pages: dict[str, Page]) -> str:
    """Return what is wrong with one address on the page `name`, or nothing."""
    try:
        parts = urlsplit(address)
    except ValueError as error:
        return f"<{element}> has {address[:60]!r}, not a valid URL: {error}"
    if parts.scheme in ("data", "mailto") and (parts.scheme == "data") == (element not in OUTSIDE_ALLOWED):
        return ""  # pictures may be in the page itself, letters may be written from it
    if parts.scheme not in ("", "http", "https"):
        return f"<{element}> has {address[:60]!r}, neither http(s) nor relative"
    if parts.scheme or parts.netloc:
        return (
            ""
            if element in OUTSIDE_ALLOWED or element.startswith("link ")
            else f"<{element}> loads {address} from another site"
        )
    target = resolve(name, parts.path)
    if target not in files and f"{target}/index.html".lstrip("/") in files:
        return f"<{element}> links to the folder {address}: name its index.html"
    if target not in files:
        return f"<{element}> links to {address}: file not found"
    if parts.fragment and target in pages and not _has_anchor(pages[target], unquote(parts.fragment)):
        return f"<{element}> links to {address}: no such anchor"
    return ""


def _has_anchor(page: Page, anchor: str) -> bool:
    channel = CHANNEL.fullmatch(anchor)
    return anchor in page.anchors or channel is not None and int(channel[1]) < page.channels


@functools.lru_cache(maxsize=65536)
def resolve(page: str, path: str) -> str:
    """Return the site's file that a relative `path` on `page` means.

    >>> resolve("gallery/a/index.html", "../b.png"), resolve("x.html", "")
    ('gallery/b.png', 'x.html')
    """
    if not path:
        return page
    kept: list[str] = [] if path.startswith("/") else page.split("/")[:-1]
    for part in unquote(path).split("/"):
        if part == "..":
            kept = kept[:-1] if kept else ["..outside"]
        elif part not in ("", "."):
            kept.append(part)
    return "/".join(kept)


def _check_css(site: Path, name: str, files: set[str]) -> list[str]:
    problems = []
    for address in CSS_URL.findall((site / name).read_text(encoding="utf-8")):
        parts = urlsplit(address)
        if parts.scheme == "data" or address.startswith("#"):
            continue
        if parts.scheme or parts.netloc:
            problems.append(f"{name}: loads {address} from another site")
        elif resolve(name, parts.path) not in files:
            problems.append(f"{name}: url({address}): file not found")
    return problems


def read_page(file: Path) -> Page:
    """Return the anchors and links of one HTML file."""
    reader = _Reader()
    reader.feed(file.read_text(encoding="utf-8"))
    reader.close()
    return reader.page


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.page = Page()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {key: value or "" for key, value in attrs}
        for key in ("id", "name"):
            if values.get(key) and not (key == "name" and tag != "a"):
                self._anchor(values[key], key)
        if LINKS.get(tag) in values:
            element = f"link {values['rel']}" if values.get("rel") in ("canonical", "alternate") else tag
            self.page.links.append((element, values[LINKS[tag]].strip()))
        if tag == "iv-unit" and values.get("data-channels", "").isdecimal():
            self.page.channels = int(values["data-channels"])
        if tag == "meta" and values.get("property") == "og:image":
            self.page.links.append((tag, values.get("content", "")))
        for name in ("data-zoom", "data-facts"):
            if values.get(name):
                self.page.links.append((tag, values[name]))
        self.page.links += [("style", address) for address in CSS_URL.findall(values.get("style", ""))]
        if tag == "img":
            if "alt" not in values:
                self.page.faults.append(f"image {values.get('src', '')} has no alt text")
            if not values.get("src"):
                self.page.faults.append("an image has no src")

    def _anchor(self, value: str, key: str) -> None:
        if key == "id" and value in self.page.anchors:
            self.page.faults.append(f"duplicate id {value}")
        self.page.anchors.add(value)


# --- the manifest ------------------------------------------------------------------------------------


def _check_manifest(site: Path, manifest: Manifest) -> list[str]:
    gallery, named = site / "gallery", set(UNLISTED)
    problems = []
    for check in (_check_figures, _check_images, _check_models, _check_other_files):
        pages, faults = check(gallery, manifest)
        named |= pages
        problems += faults
    return problems + _strays(gallery, named)


def _check_figures(gallery: Path, manifest: Manifest) -> tuple[set[str], list[str]]:
    """Return the files that figures account for, and what is wrong with them."""
    named: set[str] = set()
    problems: list[str] = []
    for figure in manifest["figures"]:
        page = f"{figure['id']}.html"
        folder = f"{figure['model']}/{figure['image']}"
        named |= {page, f"{folder}/figures.js", f"{folder}/report.js"}
        if not (gallery / page).is_file():
            problems.append(f"manifest: {figure['id']} has no page gallery/{page}")
        parts = [figure["file"], figure["thumb"], figure.get("map"), figure.get("animation"), figure.get("array")]
        for name in filter(None, parts):
            named.add(name)
            problems += _check_file(gallery, name, figure["id"], figure["digest"] if name == figure["file"] else "")
        if manifest["site"]["url"] and figure["status"] == "drawn":
            named.add(f"{figure['id']}.oembed.json")  # its page links to it, so that it is looked for
    return named, problems


def _check_images(gallery: Path, manifest: Manifest) -> tuple[set[str], list[str]]:
    """Return the files that images account for, and what is wrong with them."""
    hub = (*images_pages(len(manifest["images"])), images_script())
    named = {place.removeprefix("gallery/") for place in hub}
    problems = [
        f"manifest: the hub of images has no {name}" for name in sorted(named) if not (gallery / name).is_file()
    ]
    for image in manifest["images"]:
        for name in (image["photo"], image["thumb"]):
            named.add(name)
            if not (gallery / name).is_file():
                problems.append(f"manifest: {name} of image {image['id']}: file not found")
        named.add(f"images/{image['id']}.html")
        if not (gallery / f"images/{image['id']}.html").is_file():
            problems.append(f"manifest: image {image['id']} has no page")
    return named, problems


def _check_models(gallery: Path, manifest: Manifest) -> tuple[set[str], list[str]]:
    """Return the pages that methods, models and layers account for, and what is wrong with them."""
    named, problems = {f"methods/{method['slug']}.html" for method in manifest["methods"]}, []
    for model in manifest["models"]:
        if not (gallery / model["slug"] / "index.html").is_file():
            problems.append(f"manifest: model {model['slug']} has no page")
        layers = {f["layer"] for f in manifest["figures"] if f["model"] == model["slug"]} - {""}
        named |= {f"{model['slug']}/layers/{layer_slug(layer)}{end}" for layer in layers for end in ENDS}
        named |= {f"{model['slug']}/classes/{slug}.html" for slug in class_slugs(tuple(model["classes"]))}
    return named, problems


def _check_other_files(gallery: Path, manifest: Manifest) -> tuple[set[str], list[str]]:
    """Return the files of cards, pins, means, pairs, changes and probes, and what is wrong with them."""
    files = [(share["file"], share["page"], share["digest"]) for share in manifest.get("shares", [])]
    files += [(kept["file"], kept["figure"], kept["digest"]) for kept in manifest.get("pins", [])]
    files += [(mean["file"], f"class {mean['name']}", mean["digest"]) for mean in manifest.get("class_means", [])]
    for pair in manifest.get("comparisons", []):
        files += [(name, pair["id"], "") for name in pair["files"].values()]
    for entry in manifest.get("changes", NOTHING).get("figures", []):
        files += [(name, entry["id"], "") for name in entry.get("files", {}).values()]
    sheets = ((probe["model"], probe["sheet"]) for probe in manifest.get("probes", []) if probe["sheet"])
    files += [(sheet["file"], f"the findings of {model}", "") for model, sheet in sheets]
    named = {name for name, _, _ in files}
    named |= {f"{pair['id'].rpartition('/')[0]}.html" for pair in manifest.get("comparisons", [])}
    return named, [problem for file in files for problem in _check_file(gallery, *file)]


def _check_file(gallery: Path, name: str, owner: str, digest: str = "") -> list[str]:
    """Say what is wrong with a picture of `owner`, whose SHA-256 is checked where it is known."""
    file = gallery / name
    if not file.is_file():
        return [f"manifest: {name} of {owner}: file not found"]
    if digest:
        checksum = hashlib.sha256(file.read_bytes()).hexdigest()
        if checksum != digest:
            recorded = digest[:12]
            return [f"manifest: {name}: SHA-256 is {checksum[:12]}, recorded is {recorded}"]
    return []


def _strays(gallery: Path, named: set[str]) -> list[str]:
    """Return files of the gallery that nothing in the manifest accounts for; folders' own pages need no mention."""
    files = {path.relative_to(gallery).as_posix() for path in gallery.rglob("*") if path.is_file()}
    return [
        f"gallery/{name} is not listed in the manifest"
        for name in sorted(files - named)
        if not name.endswith("index.html")
    ]
