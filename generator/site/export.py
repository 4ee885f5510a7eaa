"""A figure of a built site to take away: as HTML, Markdown, frame, BibTeX, PNG or GIF, or a table in Markdown."""

from __future__ import annotations

import dataclasses
import io
import math
import re
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageSequence

from generator.config.validation import nearest
from generator.config.web_address import web_address
from generator.core.errors import ConfigError
from generator.core.manifest_types import FigureRecord
from generator.drawing.encode import PLAYS, png
from generator.drawing.palettes import RAMPS
from generator.drawing.social_card import fitting, spoken
from generator.drawing.tiles import enlarge
from generator.pipeline.manifest_reader import read_manifest
from generator.site.pages import components, embed_snippets, overview_table
from generator.site.pages.browser_palettes import COLOUR
from generator.site.pages.escape import text
from generator.site.pages.manifest_index import Gallery
from generator.site.pages.urls import figure_page

KINDS = ("html", "markdown", "iframe", "bibtex", "png", "gif")
ADDRESSED = {"html", "markdown", "iframe"}  # kinds that are of no use without the site's address
SMALLEST = 640  # pixels on the longer side of a PNG, at least
THUMB = 112  # screen pixels across of a picture in a table
PAPER, INK, EDGE, MARGIN = "#ffffff", "#1b211d", "#b9b8ac", 16


def figure_as(site: Path, name: str, kind: str, url: str = "", title: bool = False, bar: bool = False) -> str | bytes:
    """Return the figure `name`, or its channel (`name#c117`), as one of `KINDS`; PNG and GIF are bytes.

    `url` is the site's address where gallery.yml does not tell it. `title` and `bar` add the figure's words and its
    colour scale to a PNG. Raises `ConfigError` for what is not in the site at `site`.
    """
    gallery = read_gallery(site)
    record, channel = find(gallery, name)
    view = components.figure_view(gallery, record, figure_page(record))
    if channel is not None:
        shown = record["sprite"].get("shown", range(record["sprite"]["channels"])) if view.cells else ()
        if channel not in shown:
            raise ConfigError(f"{name}: {_expected(shown)}")
    taken = embed_snippets.take(gallery, record, view, base(gallery, url, kind in ADDRESSED), channel)
    if kind == "gif":
        return film(site, record, taken)
    if kind == "png":
        return picture(site, gallery, record, view, taken, title, bar)
    if kind == "markdown" and channel is not None:
        taken = dataclasses.replace(taken, file=channel_file(name))
    if kind == "bibtex":
        return embed_snippets.bibtex(taken, gallery, record)
    return {"html": embed_snippets.html, "markdown": embed_snippets.markdown, "iframe": embed_snippets.iframe}[kind](
        taken
    )


def _expected(shown: Sequence[int]) -> str:
    """Return which channels a figure has to give."""
    if not shown:
        return "it has no channels"
    complete = list(shown) == list(range(len(shown)))
    return f"expected a channel from 0 to {shown[-1]}" if complete else f"expected one of {', '.join(map(str, shown))}"


def channel_file(name: str) -> str:
    """Return what the picture of a channel is called beside a Markdown file, which cannot show a part of a sprite.

    >>> channel_file("vgg/frog/activations--relu0#c17")
    'activations--relu0-c17.png'
    """
    return name.rpartition("/")[2].replace("#", "-") + ".png"


def table_as_markdown(site: Path, slug: str, url: str = "") -> str:
    """Return a network's classic table in GitHub's Markdown: a row per image, thumbs that lead to their pages, then
    credits.

    A row begins with the image's class, its index among the network's, and the answer. What has an animation, as
    evolution has, moves. Raises `ConfigError` for a network that the site at `site` does not have.
    """
    gallery = read_gallery(site)
    if slug not in gallery.models:
        raise ConfigError(f"{slug}: no such network in {site}{nearest(slug, gallery.models)}")
    start = base(gallery, url, needed=True)
    matrix = overview_table.of_model(gallery, slug, "index.html", gallery.images_of(slug))
    heads = [matrix.corner, *(_link(start, column) for column in matrix.columns)]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    classes = gallery.models[slug]["classes"]
    for row in matrix.rows:
        first = "<br>".join([_link(start, row.head), *_class_and_answer(row.verdict, classes)])
        pictures = [_thumb(start, view) if view else "not drawn" for view in row.figures]
        lines.append("| " + " | ".join([first, *pictures]) + " |")
    return "\n".join([*lines, "", *_credits(gallery, slug)])


def read_gallery(site: Path) -> Gallery:
    """Return the manifest of a built site."""
    return Gallery(read_manifest(site / "gallery" / "manifest.json"))


def find(gallery: Gallery, name: str) -> tuple[FigureRecord, int | None]:
    """Return the figure that a name, perhaps with a channel, means."""
    plain, _, anchor = name.partition("#")
    record = next((figure for figure in gallery.figures if figure["id"] == plain), None)
    if record is None:
        report = plain.rpartition("/")[0]
        others = [figure["id"] for figure in gallery.figures if figure["id"].startswith(f"{report}/")]
        close = get_close_matches(plain, others)
        raise ConfigError(f"{plain}: no such figure" + (f"; did you mean {close[0]}?" if close else ""))
    if record["status"] != "drawn":
        raise ConfigError(f"{plain}: not rendered: {record['reason']}")
    if anchor and not re.fullmatch(r"c\d+", anchor):
        raise ConfigError(f"{name}: expected #c and a channel's number, such as #c17")
    return record, int(anchor[1:]) if anchor else None


def base(gallery: Gallery, url: str, needed: bool) -> str:
    """Return the site's address, ending in a slash."""
    try:
        address = web_address(url) if url else gallery.site["url"]
    except ValueError as error:
        raise ConfigError(f"--url: {error}; there is {url!r}") from None
    if needed and not address:
        raise ConfigError("the site's address is not known: set site: {url: ...} in gallery.yml, or give --url")
    return address.rstrip("/") + "/" if address else ""


# --- as a picture -------------------------------------------------------------------------------------


def picture(
    site: Path,
    gallery: Gallery,
    record: FigureRecord,
    view: components.FigureView,
    taken: embed_snippets.Taken,
    title: bool,
    bar: bool,
) -> bytes:
    """Return a PNG whose pixels are squares of the file's, at least 640 on the longer side."""
    with Image.open(site / "gallery" / record["file"]) as file:
        pixels = np.asarray(file.convert("RGB"))
    if taken.cell:
        cell = taken.cell
        pixels = pixels[cell.y : cell.y + cell.height, cell.x : cell.x + cell.width]
    pixels = enlarge(pixels, max(1, math.ceil(SMALLEST / max(pixels.shape[:2]))))
    if bar and (view.scale is None or view.scale.ramp == COLOUR):
        raise ConfigError(f"{record['id']}: this figure has no colour scale, so --colour-bar does not apply")
    if not title and not bar:
        return png(pixels)
    return _labelled(pixels, spoken(taken.title, record["id"]) if title else "", view.scale if bar else None)


def film(site: Path, record: FigureRecord, taken: embed_snippets.Taken) -> bytes:
    """Return how the figure came about as a GIF, for places that know no animated WebP; raises `ConfigError` for a
    still.
    """
    if not record["animation"]:
        raise ConfigError(f"{record['id']}: this figure has no animation; use --as png")
    frames, lasting = [], []
    with Image.open(site / "gallery" / record["animation"]) as moving:
        for frame in ImageSequence.Iterator(moving):
            shown = frame.convert("RGB")  # which also decodes it, and only then is its duration known
            lasting.append(frame.info["duration"])
            if cell := taken.cell:
                shown = shown.crop((cell.x, cell.y, cell.x + cell.width, cell.y + cell.height))
            frames.append(shown)
    target = io.BytesIO()
    frames[0].save(target, "GIF", save_all=True, append_images=frames[1:], duration=lasting, loop=PLAYS)
    return target.getvalue()


def _labelled(pixels: np.ndarray, title: str, scale: components.Scale | None) -> bytes:
    height, width = pixels.shape[:2]
    above, below = (48 if title else MARGIN), (64 if scale else MARGIN)
    board = Image.new("RGB", (width + 2 * MARGIN, above + height + below), PAPER)
    board.paste(Image.fromarray(pixels), (MARGIN, above))
    pen = ImageDraw.Draw(board)
    pen.rectangle((MARGIN - 1, above - 1, MARGIN + width, above + height), outline=EDGE)
    if title:
        text, font = fitting(pen, title, width, (22, 19, 16))
        pen.text((MARGIN, 32), text, font=font, anchor="ls", fill=INK)
    if scale:
        top, ramp = above + height + 10, RAMPS[scale.ramp]
        colours = ramp[np.linspace(0, len(ramp) - 1, width).round().astype(int)]
        board.paste(Image.fromarray(np.repeat(colours[None], 16, 0)), (MARGIN, top))
        pen.rectangle((MARGIN - 1, top - 1, MARGIN + width, top + 16), outline=EDGE)
        for value, x, anchor in ((scale.low, MARGIN, "ls"), (scale.high, MARGIN + width, "rs")):
            text, font = fitting(pen, spoken(value, "?"), width / 2, (18,))
            pen.text((x, top + 40), text, font=font, anchor=anchor, fill=INK)
    return png(np.asarray(board))


# --- as a table ---------------------------------------------------------------------------------------


def cell(value: str) -> str:
    """Return text in a cell of a Markdown table, where HTML stands too."""
    return str(text(value)).translate({ord(sign): f"&#{ord(sign)};" for sign in "|\\`*_[]~@"})


def _link(start: str, link: components.Link) -> str:
    if not link.href:
        return cell(link.text)
    return f'<a href="{cell(embed_snippets.address(start, link.href))}">{cell(link.text)}</a>'


def _class_and_answer(verdict: components.Verdict | None, classes: Sequence[str]) -> list[str]:
    """Return the lines under an image's title: `class: tabby (281)` where it has a label, and the network's answer."""
    if not verdict:
        return []
    label = [f"class: {cell(verdict.label)} ({classes.index(verdict.label)})"] if verdict.label in classes else []
    return [*label, ", ".join(filter(None, [f"answer: {cell(verdict.predicted)}", verdict.percent]))]


def _thumb(start: str, view: components.FigureView) -> str:
    page = cell(embed_snippets.address(start, view.href))
    if not view.src:
        return f'<a href="{page}">{cell(view.reason)}</a>'
    source = cell(embed_snippets.address(start, view.animation or view.src))
    return f'<a href="{page}"><img src="{source}" width="{THUMB}" alt="{cell(view.alt)}"></a>'


def _credits(gallery: Gallery, slug: str) -> list[str]:
    """Return whose photos they are; each says under which licence."""
    by_credit: dict[str, list[str]] = {}
    for image in gallery.images_of(slug):
        example = gallery.images[image]
        credit = ", ".join(part for part in (example["credit"], example["licence"]) if part)
        by_credit.setdefault(credit or "not stated", []).append(example["title"])
    listed = [f"{cell(', '.join(titles))}: {cell(credit)}" for credit, titles in by_credit.items()]
    return [f"Photos: {'; '.join(listed)}."]
