"""What people paste elsewhere: a figure, or one channel of it, as HTML, Markdown, frame, BibTeX and oEmbed."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from generator.core.manifest_types import FigureRecord

from .components import FigureView
from .escape import fold, text
from .manifest_index import NOTHING, Gallery
from .urls import figure_page, gallery_file

WIDTH = 448  # screen pixels across of a map or photo on its own page
REASON = 320  # high is the tile that stands where there is no picture, as in components/figure.css
CHANNEL = 256  # at most so many for one channel
LETTER, LINE = 6.6, 18  # width and height in screen pixels of what stands under the picture in a frame, about
IPV6 = re.compile(r"https?://\[[0-9a-f:.]+\]")  # a host in brackets, which anywhere else would end a Markdown link
SAFE = "-._~:/@!$&'*+,;=%?"  # of an address, as people and Markdown take it; parentheses would end a Markdown link
SANDBOX = "allow-scripts allow-popups allow-popups-to-escape-sandbox"


@dataclass(frozen=True)
class Cell:
    """Where one channel lies in its sprite, in pixels of the file."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Taken:
    """A figure as another page may show it: addresses to be used as they are, words on one line and not escaped yet."""

    id: str
    page: str
    file: str
    alt: str
    title: str
    credit: str  # of the photo, with its licence
    width: int  # screen pixels
    height: int
    crisp: bool  # its pixels are to stay squares
    board: tuple[int, int]  # width, height of the file
    channel: int | None = None
    cell: Cell | None = None

    @property
    def caption(self) -> str:
        """What stands under the picture."""
        return self.title + (f" Picture: {self.credit}." if self.credit else "")


def take(gallery: Gallery, record: FigureRecord, view: FigureView, base: str, channel: int | None = None) -> Taken:
    """Return what snippets need of a drawn figure; `base` is the site's address, ending in a slash.

    A pinned figure is taken by its frozen address. `channel` must be one of the figure's.
    """
    cell = channel_cell(record, channel) if channel is not None else None
    scale = max(1, CHANNEL // max(cell.width, cell.height)) if cell else 1
    size = (cell.width * scale, cell.height * scale) if cell else shown(view)
    anchor = "" if channel is None else f"#c{channel}"
    return Taken(
        id=record["id"],
        page=address(base, figure_page(record)) + anchor,
        file=address(base, gallery_file(gallery.pinned.get(record["id"], record["file"]))),
        alt=fold(("" if channel is None else f"Channel {channel} of: ") + view.alt),
        title=fold(sentence(gallery, record, channel)),
        credit=credit(gallery, record),
        width=size[0],
        height=size[1],
        crisp=view.look in ("map", "sprite") and not view.fade,
        board=(record["width"], record["height"]),
        channel=channel,
        cell=cell,
    )


def address(base: str, path: str) -> str:
    """Return the address of a file of the site, safe in HTML and Markdown."""
    host = IPV6.match(base)
    kept = host[0] if host else ""
    return kept + quote(base[len(kept) :] + path, safe=SAFE)


def within(taken: Taken, width: int) -> Taken:
    """Return a whole figure at most `width` screen pixels across: squares keep a whole number of them, or are given up
    where the file itself is wider.
    """
    if taken.width <= width:
        return taken
    columns, rows = taken.board
    if taken.crisp and columns <= width:
        zoom = width // columns
        return replace(taken, width=columns * zoom, height=rows * zoom)
    return replace(taken, width=width, height=max(1, round(width * rows / columns)), crisp=False)


def shown(view: FigureView) -> tuple[int, int]:
    """Width and height in screen pixels at which a figure's own page shows it, or says why there is no picture."""
    if not view.src:
        return WIDTH, REASON
    if view.look in ("map", "photo"):
        return WIDTH, max(1, round(WIDTH * view.height / max(1, view.width)))
    return view.width * view.zoom, view.height * view.zoom


def channel_cell(record: FigureRecord, channel: int) -> Cell:
    """Return the place of a channel in the sprite of `record`."""
    sprite = record["sprite"]
    channel = sprite["shown"].index(channel) if "shown" in sprite else channel
    (width, height), gap, columns = sprite["tile"], sprite["gap"], sprite["columns"]
    edge = (record["width"] - (columns * (width + gap) - gap)) // 2
    return Cell(edge + channel % columns * (width + gap), edge + channel // columns * (height + gap), width, height)


def sentence(gallery: Gallery, record: FigureRecord, channel: int | None = None) -> str:
    """`Grad-CAM, relu7, frog: Frog in VGG.`"""
    example, model = gallery.images.get(record["image"]), gallery.models[record["model"]]["title"]
    name = title_of(gallery.methods.get(record["method"], NOTHING).get("title", record["method"]), record)
    name += "" if channel is None else f", channel {channel}"
    return f"{name}: {example['title']} in {model}." if example else f"{name} of {model}."


def title_of(title: str, record: FigureRecord) -> str:
    """Return a method's title with the layer and the class of a figure of the manifest."""
    return named(title, record["layer"], record["target"]["name"] if record["target"] else "")


def named(title: str, layer: str, target: str) -> str:
    """Return a method's title with the layer and the class of one figure, where it has them."""
    return ", ".join(filter(None, [title, layer, target]))


def credit(gallery: Gallery, record: FigureRecord) -> str:
    """Return whose photo a figure was made from, and its licence; "" for what was made from weights alone."""
    example = gallery.images.get(record["image"])
    return ", ".join(fold(part) for part in (example["credit"], example["licence"]) if part) if example else ""


# --- in other people's languages --------------------------------------------------------------------


def html(taken: Taken) -> str:
    """Return a `<figure>` whose picture leads to its page; a channel is a window on the sprite."""
    return (
        f'<figure>\n  <a href="{text(taken.page)}">{_channel(taken) if taken.cell else image(taken)}</a>\n'
        f"  <figcaption>{text(taken.caption)}</figcaption>\n</figure>"
    )


def markdown(taken: Taken) -> str:
    """Return a picture that leads to its page, and its caption below."""
    return f"[![{plain(taken.alt)}]({taken.file})]({taken.page})\n\n*{plain(taken.caption)}*"


def iframe(taken: Taken) -> str:
    """Return the figure's own page in a frame that keeps its shape; no script of the embedding page is needed."""
    lines = math.ceil(LETTER * (len(taken.caption) + len("More about this picture")) / taken.width)
    width, height = taken.width, taken.height + LINE * lines + (12 if taken.cell is None else 60)
    title = f"{taken.alt.rstrip('.')}. Picture: {taken.credit}." if taken.credit else taken.alt
    return (
        f'<iframe src="{text(taken.page)}" title="{text(title)}"\n'
        f'  width="{width}" height="{height}" loading="lazy" sandbox="{SANDBOX}"\n'
        f'  style="width: 100%; max-width: {width}px; height: auto; aspect-ratio: {width} / {height}; border: 0">'
        "</iframe>"
    )


def bibtex(taken: Taken, gallery: Gallery, record: FigureRecord) -> str:
    """Return a `@misc` entry with the digests that say which network, photo and picture it was."""
    model, example = gallery.models[record["model"]], gallery.images.get(record["image"])
    note = f"Made with Innerview {gallery.manifest['generator']['innerview']}. SHA-256 of the weights {model['digest']}"
    note += f", of the photo {example['digest']}" if example else ""
    note += f", of the picture {record['digest']}."
    note += f" Photo: {taken.credit}." if taken.credit else ""
    anchor = "" if taken.channel is None else f"-c{taken.channel}"
    fields = {
        "title": "{" + tex(taken.title.rstrip(".")) + "}",
        "howpublished": tex(f"Gallery: {fold(gallery.site['title'])}"),
        "url": taken.page.replace("%", r"\%") if taken.page.startswith("http") else "",
        "note": tex(note),
    }
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@misc{{{re.sub('[^a-z0-9.]+', '-', taken.id)}{anchor},", *lines, "}"])


def oembed(taken: Taken, gallery: Gallery) -> dict[str, Any]:
    """Return the answer of an oEmbed provider for this figure, type `photo` (https://oembed.com, section 2.3.4.1)."""
    example = gallery.images.get(taken.id.split("/")[1])
    answer = {
        "version": "1.0",
        "type": "photo",
        "title": taken.caption,
        "url": taken.file,
        "width": taken.board[0],
        "height": taken.board[1],
        "web_page": taken.page,
        "provider_name": fold(gallery.site["title"]),
        "provider_url": gallery.site["url"],
    }
    if example and example["credit"]:
        answer["author_name"] = fold(example["credit"])
    if example and example["licence"]:
        answer["license"] = fold(example["licence"])
    return answer


def image(taken: Taken) -> str:
    """Return a picture as `<img>`, no wider than the text around it."""
    style = "max-width: 100%; height: auto" + ("; image-rendering: pixelated" if taken.crisp else "")
    return (
        f'<img src="{text(taken.file)}" width="{taken.width}" height="{taken.height}" style="{style}"\n'
        f'    loading="lazy" alt="{text(taken.alt)}">'
    )


def _channel(taken: Taken) -> str:
    cell = taken.cell
    scale = taken.width // cell.width
    place = f"-{cell.x * scale}px -{cell.y * scale}px"
    size = f"{taken.board[0] * scale}px {taken.board[1] * scale}px"
    style = f"display: inline-block; width: {taken.width}px; height: {taken.height}px; image-rendering: pixelated; "
    style += f"background: url('{taken.file.replace(chr(39), '%27')}') {place} / {size} no-repeat"
    return f'<span role="img" aria-label="{text(taken.alt)}"\n    style="{text(style)}"></span>'


def plain(value: str) -> str:
    """Return text that Markdown leaves as it is, in every dialect: the signs that only some can escape are entities.

    >>> print(plain("a_b [c](d) | <e>"))
    a\\_b \\[c\\]\\(d\\) &#124; &#60;e\\>
    """
    entities = fold(value).translate({ord(sign): f"&#{ord(sign)};" for sign in "&<|~@"})
    return re.sub(r"([\\`*_{}\[\]()>!]|(?<!&)#)", r"\\\1", entities)


def tex(value: str) -> str:
    """Return text that BibTeX and LaTeX leave as it is.

    >>> print(tex("50 % of {a_b} & \\\\c"))
    50 \\% of \\{a\\_b\\} \\& \\textbackslash{}c
    """
    special = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    return re.sub(r"[\\~^{}$&#_%]", lambda match: special.get(match[0], "\\" + match[0]), fold(value))
