"""What mkdocs calls while it builds: a written front page, pages of finished HTML, one bundle of styles and scripts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from generator.site.assets import ASSETS

BUNDLES = {"extra_css": "assets/css/all.css", "extra_javascript": "assets/js/all.js"}
ALONE = (b"@import", b"@charset")  # have to stand at the top of a file


def on_config(config: Any) -> Any:
    """Return what mkdocs asks before all else: its settings, with the bundles in the place of what is in them."""
    config.bundled = {}
    for setting, ours in (("extra_css", styles()), ("extra_javascript", scripts())):
        config[setting] = [*ours, *(name for name in config[setting] if name not in ours)]
    for setting, bundle in BUNDLES.items():
        together = [name for name in config[setting] if _plain(name, bundle, Path(config.docs_dir))]
        if len(together) > 1:
            config.bundled[bundle] = together
            config[setting] = [bundle, *(name for name in config[setting] if name not in together)]
    return config


def styles() -> list[str]:
    """Return the style sheets of every page within the theme, below the site's root."""
    return [f"assets/css/{name}.css" for name in ASSETS["site"].styles]


def scripts() -> list[str]:
    """Return the scripts of every page within the theme, below the site's root."""
    return [f"assets/js/{name}.js" for name in ASSETS["site"].scripts]


def on_env(env: Any, config: Any, files: Any) -> Any:
    """Return the environment of the theme's templates, which know what a kind of page loads."""
    env.globals["ASSETS"] = ASSETS
    return env


def on_post_build(config: Any) -> None:
    """Write the bundles beside their parts when mkdocs has written the site, and the gallery's entries for search."""
    site = Path(config.site_dir)
    for bundle, names in config.bundled.items():
        (site / bundle).write_bytes(b"\n".join((site / name).read_bytes() for name in names))
    for sheet in (site / THEIRS).glob("*.css"):
        sheet.write_bytes(_layered(sheet.read_bytes()))
    add_entries(Path(config.docs_dir, ENTRIES), site / INDEX)


THEIRS = "assets/stylesheets"  # of the theme, whose rules would win over layers did they not stand in one
LAYERS = b"@layer theme, base, components, pages, print;"  # as in tokens.css; the later one wins


def _layered(sheet: bytes) -> bytes:
    """Return a sheet of the theme within the first of our layers, whatever is read before it."""
    plain = sheet.removeprefix(b"\xef\xbb\xbf").removeprefix(b'@charset "UTF-8";')
    return b'@charset "UTF-8";' + LAYERS + b"@layer theme{" + plain + b"\n}\n"


ENTRIES = "gallery/.search.json"  # as `pages.search_entries` leaves it
INDEX = "search/search_index.json"
ALSO = {"boost": 500}  # of synonyms, which are not shown; a title has 1,000


def add_entries(entries: Path, index: Path) -> None:
    """Add to the index of search what the gallery says of its pages; those that it holds already stay."""
    if not (entries.is_file() and index.is_file()):
        return
    content = json.loads(index.read_bytes())
    content["config"]["fields"]["also"] = ALSO
    there = {entry["location"] for entry in content["docs"]}
    added = [entry for entry in json.loads(entries.read_bytes()) if entry["location"] not in there]
    content["docs"] = added + content["docs"]
    index.write_text(json.dumps(content, separators=(",", ":"), ensure_ascii=False), encoding="utf-8")


def _plain(name: Any, bundle: str, docs: Path) -> bool:
    """Return whether a file can be part of a bundle: it lies where that does or below, where it names no other file,
    and is to be loaded like the others.
    """
    folder = Path(bundle).parent
    if not isinstance(name, str) or folder not in Path(name).parents or not (docs / name).is_file():
        return False
    content = (docs / name).read_bytes()
    return not any(mark in content for mark in (*ALONE, *([b"url("] if Path(name).parent != folder else [])))


MARK = "<!-- gallery -->"
OURS = ".home.md"  # the gallery's own, beside an index.md that someone wrote; mkdocs builds no hidden files
HEAD, END = b"---\n{", "\n---\n"  # pages that are generated begin with JSON


def place(index: Path) -> Path:
    """Return where the gallery's own front page is written: `index`, unless someone wrote that."""
    aside = index.with_name(OURS)
    if index.is_file() and not generated(index):
        return aside
    aside.unlink(missing_ok=True)
    return index


def generated(page: Path) -> bool:
    """Return whether a page was written by a build."""
    try:
        with page.open("rb") as file:
            return file.read(len(HEAD)) == HEAD
    except OSError:  # gone meanwhile
        return False


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str | None:
    """Return the Markdown of a page as mkdocs goes on with it, None where it stays."""
    own = _front_page(markdown, page, config)
    finished = _finished(markdown if own is None else own, page)
    return own if finished is None else finished


def _front_page(markdown: str, page: Any, config: Any) -> str | None:
    """Return a front page that someone wrote, with the gallery's own in it; None for other pages."""
    ours = Path(config.docs_dir, OURS)
    if page.file.src_uri != "index.md" or not ours.is_file():
        return None
    head, _, body = ours.read_text(encoding="utf-8").removeprefix("---\n").partition(END)
    page.meta = {**json.loads(head), **page.meta}
    return markdown.replace(MARK, f"\n{body}\n", 1)


WHOLE = '<div class="page ', "</div>"  # how a generated page begins and ends


def _finished(markdown: str, page: Any) -> str | None:
    """Keep a page that is HTML already past Markdown, which would read all its tags to find none of its own."""
    text = markdown.strip()
    if not (text.startswith(WHOLE[0]) and text.endswith(WHOLE[1])):
        return None
    page.ready = text
    return ""


def on_page_content(html: str, page: Any, config: Any, files: Any) -> str | None:
    """Return the page as it was generated, and of a written page what mkdocs made of it, its tables scrollable."""
    ready = getattr(page, "ready", None)
    return _scrollable(html) if ready is None else ready


def _scrollable(html: str) -> str:
    """Put tables into regions that scroll sideways on a phone, by keyboard too; their names number them."""
    before, *tables = html.split("<table>")
    opened = (
        f'<div class="scroller" role="region" aria-label="Table {number}" tabindex="0"><table>{table}'
        for number, table in enumerate(tables, 1)
    )
    return (before + "".join(opened)).replace("</table>", "</table></div>")
