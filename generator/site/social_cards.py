"""The card that a link preview shows, for every report, network and method: drawn from their own pictures, once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from generator.core.code_digest import closure_digest
from generator.core.manifest_types import FigureRecord, Manifest, ShareRecord
from generator.core.roles import FILTERS
from generator.core.store import Store, key_of
from generator.drawing.social_card import SIZE, Postcard, Tile, draw, spoken
from generator.pipeline.manifest import Published
from generator.site.pages.format import count, percent
from generator.site.pages.manifest_index import MODEL_LEVEL, NOTHING, Gallery
from generator.site.pages.urls import method_page, model_page, report_page

LABEL = ("label", "top")
TELLING = ("direction", "region", "strength", "class-map")  # roles; the first two that are drawn stand for a report


@dataclass(frozen=True)
class Shown:
    """One tile before it is drawn: a published picture, or bars."""

    caption: str
    file: str = ""
    crisp: bool = False
    bars: tuple[tuple[str, float, bool], ...] = ()


@dataclass(frozen=True)
class Wanted:
    """The card of one page: what is on it, and what it says to those who cannot see it."""

    page: str  # from the site's root
    title: str
    line: str
    tone: str
    tiles: tuple[Shown, ...]


def draw_all(
    described: Manifest, files: Iterable[Published], store: Store
) -> tuple[list[ShareRecord], list[Published]]:
    """Return the cards of a manifest as its `shares`, and their files; what the store holds is not drawn again."""
    gallery, digests = Gallery(described), {file.path: file.digest for file in files}
    code = closure_digest("generator.drawing.social_card")

    def make_card(wanted: Wanted) -> tuple[ShareRecord, Published]:
        tiles = [(tile, digests.get(tile.file, "")) for tile in wanted.tiles]
        parts = [(tile.caption, digest, tile.crisp, tile.bars) for tile, digest in tiles if digest or tile.bars]
        key = key_of("share", code, gallery.site["title"], wanted.title, wanted.line, wanted.tone, parts)
        record = store.get(key)
        if record is None or not store.has_payloads(record):
            faces = tuple(
                Tile(caption, store.read(digest) if digest else b"", crisp, bars)
                for caption, digest, crisp, bars in parts
            )
            brand = spoken(gallery.site["title"], "Innerview")
            record = store.put(key, {}, {"file": draw(Postcard(brand, wanted.title, wanted.line, wanted.tone, faces))})
        digest = record["payloads"]["file"]
        page = wanted.page.removeprefix("gallery/")
        file = page.removesuffix(".html") + ".png"
        seen = ", ".join(tile.caption for tile, _ in tiles)
        alt = f"{wanted.title}. {wanted.line} Figures: {seen}."
        (width, height), published = SIZE, Published(file, digest)
        return {"page": page, "file": file, "alt": alt, "digest": digest, "width": width, "height": height}, published

    drawn = [make_card(wanted) for wanted in wishes(gallery)]
    return [share for share, _ in drawn], [file for _, file in drawn]


def wishes(gallery: Gallery) -> Iterator[Wanted]:
    """Yield every card there should be, in the order of the manifest."""
    for slug in gallery.models:
        yield of_model(gallery, slug)
        for image in gallery.images_of(slug):
            yield of_report(gallery, slug, image)
    for slug in gallery.methods:
        yield of_method(gallery, slug)


def of_report(gallery: Gallery, model: str, image: str) -> Wanted:
    """Return the card of a report: the photo, its maps for the class, and the prediction."""
    example, card = gallery.images[image], gallery.models[model]
    prediction = gallery.predictions.get((model, image))
    pictures = [gallery.in_role(model, image, role, LABEL) for role in TELLING]
    tiles = [Shown("photo", example["photo"])]
    tiles += [_shown(gallery, picture) for picture in pictures if picture and picture["status"] == "drawn"][:2]
    line, tone = f"in {spoken(card['title'], model)}", "plain"
    if prediction and prediction["top"]:
        best = prediction["top"][0]
        name = spoken(best["name"], f"class {best['index']}")
        line = f"{spoken(card['title'], model)} predicts {name} ({_percent(best['probability'])})."
        if prediction.get("kind") == "labels":
            names = ", ".join(spoken(entry, "a label") for entry in prediction["above"][:3])
            line = f"{spoken(card['title'], model)} predicts {names or 'no label'}."
        tone = {True: "right", False: "wrong", None: "plain"}[prediction["correct"]]
        bars = tuple(
            (
                spoken(entry["name"], f"class {entry['index']}"),
                entry["probability"],
                entry["name"] == prediction["label"],
            )
            for entry in prediction["top"]
        )
        tiles.append(Shown("prediction", bars=bars))
    if prediction and prediction.get("kind") == "mask":
        named = [f"{spoken(entry['name'], 'a class')} {_percent(entry['share'])}" for entry in prediction["shares"][:2]]
        line = f"{spoken(card['title'], model)} predicts {', '.join(named)}."
        shares = tuple((spoken(e["name"], f"class {e['index']}"), e["share"], False) for e in prediction["shares"][:5])
        tiles.append(Shown("prediction", bars=shares))
    return Wanted(report_page(model, image), spoken(example["title"], image), line, tone, tuple(tiles))


def of_model(gallery: Gallery, slug: str) -> Wanted:
    """Return a network's size, its first filters and what it looked at in the first images."""
    card = gallery.models[slug]
    method = gallery.with_role(FILTERS)
    filters = [f for f in gallery.report(slug, MODEL_LEVEL) if f["method"] == method and f["status"] == "drawn"]
    tiles = [_shown(gallery, filters[0], "first filters")] if filters else []
    for image in gallery.images_of(slug):
        figure = gallery.in_role(slug, image, "region", LABEL) or gallery.in_role(slug, image, "direction", LABEL)
        if figure and figure["status"] == "drawn":
            tiles.append(_shown(gallery, figure, spoken(gallery.images[image]["title"], image)))
    line = f"{count(card['parameters'])} parameters, {len(card['layers'])} layers, {len(card['classes'])} classes."
    if card["accuracy"].get("top1") is not None:
        line += f" {_percent(card['accuracy']['top1'])} top-1 accuracy."
    return Wanted(model_page(slug), spoken(card["title"], slug), line, "plain", tuple(tiles[:4]))


def of_method(gallery: Gallery, slug: str) -> Wanted:
    """Return a method's first sentence, and what it gives for the first images of the first network that has it."""
    card, tiles = gallery.methods[slug], []
    drawn = [f for f in gallery.figures if f["method"] == slug and f["status"] == "drawn"]
    seen: set[str] = set()
    for figure in drawn:
        title = gallery.images[figure["image"]]["title"] if figure["image"] in gallery.images else figure["layer"]
        if figure["model"] == drawn[0]["model"] and title not in seen:
            seen.add(title)
            tiles.append(_shown(gallery, figure, spoken(title, figure["image"])))
    title = spoken(card["title"], slug)
    return Wanted(method_page(slug), title, spoken(card["summary"], title), "plain", tuple(tiles[:4]))


def _shown(gallery: Gallery, figure: FigureRecord, caption: str = "") -> Shown:
    """Return a figure's picture; tiny inputs keep their pixels as squares."""
    method, model = gallery.methods.get(figure["method"], NOTHING), gallery.models[figure["model"]]
    style = gallery.style(figure["method"])
    crisp = max(model["input"]["size"][1:]) <= 64 and style.look != "strip" and not style.over_photo
    return Shown(caption or spoken(method.get("title", figure["method"]), figure["method"]), figure["file"], crisp)


def _percent(share: float) -> str:
    return spoken(percent(share))
