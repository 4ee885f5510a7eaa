"""What others show of a page when its address is shared: title, sentence and picture (Open Graph, Twitter card)."""

from __future__ import annotations

from typing import Any

from generator.core.manifest_types import FigureRecord

from .components import FigureView
from .embed_snippets import address, sentence
from .escape import fold
from .manifest_index import Gallery
from .urls import figure_page, gallery_file, relative, report_page

Tags = list[tuple[str, str, str]]  # the attribute that names it, the name, the content


def tags(gallery: Gallery, page: str, title: str, description: str, kind: str = "article", like: str = "") -> Tags:
    """Return the tags of `page`, with the picture of the page `like` (its own by default), else the gallery's first
    one.

    Addresses are absolute where the gallery knows its own; elsewhere the picture is named relative to the page.
    """
    base = gallery.site["url"].rstrip("/") + "/" if gallery.site["url"] else ""
    listed = [
        ("property", "og:type", kind),
        ("property", "og:site_name", fold(gallery.site["title"])),
        ("property", "og:title", fold(title)),
        ("property", "og:description", fold(description)),
    ]
    listed += [("property", "og:url", address(base, page))] if base else []
    share = gallery.shares.get((like or page).removeprefix("gallery/")) or next(iter(gallery.shares.values()), None)
    if share is None:
        return [*listed, ("name", "twitter:card", "summary")]
    file = gallery_file(share["file"])
    return [
        *listed,
        ("property", "og:image", address(base, file) if base else relative(file, page)),
        ("property", "og:image:type", "image/png"),
        ("property", "og:image:width", str(share["width"])),
        ("property", "og:image:height", str(share["height"])),
        ("property", "og:image:alt", fold(share["alt"])),
        ("name", "twitter:card", "summary_large_image"),
    ]


def figure(gallery: Gallery, record: FigureRecord, view: FigureView) -> Tags:
    """Return the tags of a figure's own page: its words and its report's picture."""
    like = report_page(record["model"], record["image"])
    return tags(gallery, figure_page(record), sentence(gallery, record), view.alt, like=like)


def head(gallery: Gallery, page: str, context: Any) -> dict[str, Any]:
    """Return what goes into the front matter of a page of the site: a description, and the tags that the theme
    prints.
    """
    text = description(gallery, context)
    kind = "website" if page == "index.html" else "article"
    return {"description": text, "share": tags(gallery, page, context.title, text, kind)}


def description(gallery: Gallery, context: Any) -> str:
    """Return one sentence on a page: a report's verdict, a method's summary, a network's note, else the gallery's
    own.
    """
    verdict = getattr(context, "verdict", None)
    if verdict:
        question = f"What {context.model.text} sees in {context.image.text}, layer by layer"
        sure = f" ({verdict.percent})" if verdict.percent else ""
        return fold(f"{question}: it predicts {verdict.predicted}{sure}.")
    text = getattr(context, "summary", "") or getattr(context, "note", "") or gallery.site["description"]
    return fold(text)
