"""What the search of the site knows of: images, reports, methods, models, kinds of layers, classes and terms."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from generator.core.manifest_types import MethodRecord

from . import compare_any, components, escape
from .escape import text
from .glossary import TERMS
from .manifest_index import FAMILIES, SYNONYMS, Gallery
from .tutorials import GLOSSARY
from .urls import hub_page, image_page, layer_page, method_page, model_page, pair_page, report_page

FILE = "gallery/.search.json"  # in the site's sources; mkdocs builds no hidden files, its hooks read this one
LIMIT = 1500  # of reports: the search of the theme is slow with more than about 2,000 entries
LISTED = 40  # names of layers in one entry
ROLE_SYNONYMS = {
    "region": "heatmap, heat map",
    "strength": "saliency map",
    "favourites": "feature visualisation",
    "units": "feature visualisation",
    "covered": "sensitivity",
    "dataset-examples": "top activating images",
}
# What is looked for most comes first where several entries have the same words in their titles.
BOOSTS = {"term": 10, "image": 8, "named": 8, "with a role": 6, "method": 4, "model": 3, "class": 2, "report": 2}
AMERICAN = [
    (r"is(ation|e|ed|es|er|ing)\b", r"iz\1"),
    (r"\b(col|neighb|behavi)our", r"\1or"),
    (r"\bgrey", "gray"),
    (r"\bcentre", "center"),
    (r"(label|model|cancel)l(ed|ing)\b", r"\1\2"),
]
NOT_AMERICAN = frozenset("otherwise noise noised exercise precise raised likewise".split())


@dataclass(frozen=True)
class Entry:
    """One thing that search leads to; `also` is searched like a title, and not shown."""

    location: str
    title: str
    text: str
    also: str = ""
    boost: float = 1


def write(gallery: Gallery, folder: Path) -> None:
    """Leave the entries in the site's sources `folder`, for the hook that adds them to the index."""
    file = folder / FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    content = [
        {**asdict(e), "title": text(e.title), "text": text(e.text), "also": text(e.also)} for e in entries(gallery)
    ]
    file.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8", errors="replace")


def entries(gallery: Gallery) -> list[Entry]:
    """Return the entries in the order in which equal ones are listed; a page stands before its sections."""
    collected = [
        *_methods(gallery),
        *_images(gallery),
        *_models(gallery),
        *_terms(gallery),
        *_hubs(gallery),
        *_classes(gallery),
        *_layer_kinds(gallery),
        *_reports(gallery),
    ]
    return [_with_variants(entry) for entry in collected]


def _methods(gallery: Gallery) -> Iterator[Entry]:
    for slug, card in gallery.methods.items():
        roles = gallery.roles_of(slug)
        family = FAMILIES.get(card["family"], (card["family"], ""))[0]
        also = [family, SYNONYMS.get(card["family"], ""), *(ROLE_SYNONYMS.get(role, "") for role in roles)]
        yield Entry(
            method_page(slug),
            card["title"],
            " ".join(card[field] for field in ("summary", "reading", "limits", "text")),
            ", ".join(filter(None, also)),
            BOOSTS[_weight(card, roles)],
        )


def _weight(card: MethodRecord, roles: Iterable[str]) -> str:
    if {"region", "class-map"} & set(roles):
        return "named"
    return "with a role" if any(role != card["slug"] for role in roles) else "method"


def _images(gallery: Gallery) -> Iterator[Entry]:
    for key, image in gallery.images.items():
        labels = dict.fromkeys(image["targets"].values())
        yield Entry(image_page(key), image["title"], image["alt"], ", ".join([key, *labels]), BOOSTS["image"])


def _models(gallery: Gallery) -> Iterator[Entry]:
    for slug, card in gallery.models.items():
        about = f"{card['note']} {len(card['layers'])} layers, {len(card['classes'])} classes."
        yield Entry(model_page(slug), card["title"], about.strip(), f"{slug}, model, network", BOOSTS["model"])
    for left, right in gallery.pairs:
        names = [gallery.models[slug]["title"] for slug in (left, right)]
        yield Entry(pair_page(left, right), f"Comparison: {names[0]} and {names[1]}", "Two models on the same images.")


def _terms(gallery: Gallery) -> Iterator[Entry]:
    yield Entry(GLOSSARY, "Glossary", "The terms that this site uses.")
    for term in TERMS:
        yield Entry(f"{GLOSSARY}#{term.id}", term.name, term.words, ", ".join(term.also), BOOSTS["term"])
    for slug, card in gallery.measures.items():
        about = f"{card['summary']} {card['reading']} {card['limits']}"
        yield Entry(f"{GLOSSARY}#{slug}", card["title"], about, "measure, faithfulness, metric", BOOSTS["term"])


def _hubs(gallery: Gallery) -> Iterator[Entry]:
    yield Entry(hub_page("images"), "Images", "All images, with the prediction of each model.")
    yield Entry(hub_page("models"), "Models", "All models: size, accuracy, layers.")
    titles = ", ".join(title for _, title, _, _ in gallery.families())
    yield Entry(hub_page("methods"), "Methods", f"All methods by family: {titles}.")
    yield Entry(hub_page("compare"), "Compare", "Pairs of models, and any two figures.")
    yield Entry(compare_any.COMPARE_FIGURES, "Compare any two figures", "Two figures on one scale, side by side.")


def _classes(gallery: Gallery) -> Iterator[Entry]:
    """Yield the classes that a model predicts for some image, or that are right for one: their first page."""
    images: dict[str, dict[str, None]] = {}
    pages: dict[str, str] = {}
    for model, classes in gallery.classes.touched.items():
        names = gallery.models[model]["classes"]
        for index, touched in classes.items():
            if touched.predicted or touched.labelled:
                name = escape.fold(names[index])
                pages.setdefault(name, gallery.classes.page(model, index))
                images.setdefault(name, {}).update(dict.fromkeys([*touched.labelled, *touched.predicted]))
    for name, keys in sorted(images.items()):
        titles = ", ".join(gallery.images[key]["title"] for key in list(keys)[:LISTED])
        yield Entry(pages[name], f"Class: {name}", f"Predicted or right for {titles}.", "class", BOOSTS["class"])


def _layer_kinds(gallery: Gallery) -> Iterator[Entry]:
    for slug, card in gallery.models.items():
        kinds: dict[str, list[str]] = {}
        shown = set(gallery.layers_of(slug))
        for layer in card["layers"]:
            if layer["name"] in shown:
                kinds.setdefault(layer["type"], []).append(layer["name"])
        for kind, names in kinds.items():
            yield Entry(
                layer_page(slug, names[0]), f"{kind} layers in {card['title']}", ", ".join(names[:LISTED]), "layer"
            )


def _reports(gallery: Gallery) -> Iterator[Entry]:
    pairs = [(model, image) for model in gallery.models for image in gallery.images_of(model)]
    if len(pairs) > LIMIT:
        pairs = [(model, image) for model in gallery.models for image in gallery.shown_of(model)]
    for model, image in pairs[:LIMIT]:
        verdict = components.verdict(gallery.predictions.get((model, image)))
        about = f"Predicted: {verdict.predicted} {verdict.percent}" if verdict else ""
        title = f"{gallery.images[image]['title']} in {gallery.models[model]['title']}"
        yield Entry(report_page(model, image), title, about, "report", BOOSTS["report"])


def _with_variants(entry: Entry) -> Entry:
    """Return the entry, found also by its name written as one word or in two, and in American spelling.

    >>> _with_variants(Entry("", "Grad-CAM", "")).also, _with_variants(Entry("", "Optimised LayerCAM", "")).also
    ('GradCAM', 'Optimized, Optimised Layer CAM')
    """
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", entry.title)
    more = [
        american for word in re.findall(r"\w+", f"{entry.title} {entry.also}") if (american := _american(word)) != word
    ]
    more += [word.replace("-", "") for word in re.findall(r"\w+(?:-\w+)+", f"{entry.title} {entry.also}")]
    more += [apart] if apart != entry.title else []
    also = ", ".join(dict.fromkeys([*filter(None, [entry.also]), *more]))
    return Entry(entry.location, entry.title, entry.text, also, entry.boost)


def _american(word: str) -> str:
    if word.lower() in NOT_AMERICAN:
        return word
    for british, american in AMERICAN:
        word = re.sub(british, american, word)
    return word
