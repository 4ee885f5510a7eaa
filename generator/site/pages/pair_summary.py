"""How the maps of two networks differ, in sentences that contain nothing but measurements."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import fmean

from generator.core.manifest_types import ComparisonRecord, ModelRecord

from . import format
from .components import Link
from .manifest_index import FAMILIES, NOTHING, Gallery
from .urls import pair_image_page, pair_page, relative

CHANGES = ((0.95, "barely"), (0.8, "slightly"), (0.5, "clearly"))  # from this mean correlation on
SPOKEN = {"inside": "activations", "gradient": "gradients", "cam": "class activation maps"}  # others by title


def finding(gallery: Gallery, models: tuple[str, str]) -> str:
    """Return what the right one of two networks (slugs) changes: pictures, predictions on the images here, accuracy."""
    left, right = (gallery.models[slug] for slug in models)
    entries = gallery.pairs[models]
    mean = fmean(means(gallery, entries).values())
    change = next((adverb for least, adverb in CHANGES if mean >= least), "largely")
    gone = 1 - right["nonzero"] / left["nonzero"] if left["nonzero"] else 0.0
    if right["derived_from"] == left["slug"] and gone > 0.001:
        share = _percent(0.5 if round(gone, 2) == 0.5 else gone)
        words = [f"Pruning {share} of the weights {change} changes the maps ({_correlation_text(gallery, entries)})"]
    else:
        words = [f"The maps of the two models {change} differ ({_correlation_text(gallery, entries)})"]
    same, judged = agreement(gallery, models)
    if judged:
        words.append(f"{same} of {judged} predictions agree")
    measured = accuracies(left, right)
    if measured:
        before, after, images = measured
        words.append(
            f"accuracy changes from {100 * before:.1f}\xa0% to {100 * after:.1f}\xa0% on {format.count(images)} images"
        )
    return "; ".join(words) + "."


def short_names(gallery: Gallery, models: tuple[str, str]) -> tuple[str, str]:
    """Return what the two are called beside each other: `original` and `50 % pruned`, or their titles."""
    left, right = (gallery.models[slug] for slug in models)
    done = right["title"].removeprefix(f"{left['title']}, ")
    if right["derived_from"] == left["slug"] and done != right["title"]:
        return "original", done
    return left["title"], right["title"]


def related(gallery: Gallery, model: str, page: str, image: str = "") -> list[Link]:
    """Return the pages that set `model` beside other networks, on one image or on all."""
    links = []
    for models in gallery.pairs:
        if model not in models or (image and not gallery.comparisons(models, image)):
            continue
        names = short_names(gallery, models)
        target = pair_image_page(*models, image) if image else pair_page(*models)
        links.append(Link(names[1] if models[0] == model else names[0], relative(target, page)))
    return links


def in_words(gallery: Gallery, entries: Iterable[ComparisonRecord]) -> str:
    """Return how alike some pictures of two networks are: `Mean correlation: activations 0.99, gradients 0.97.`"""
    text = _correlation_text(gallery, entries)
    return f"{text[:1].upper()}{text[1:]}."


def family(gallery: Gallery, entry: ComparisonRecord) -> str:
    """Return the family of methods that a comparison belongs to."""
    return gallery.methods.get(entry["method"], NOTHING).get("family", "")


def by_family(gallery: Gallery, entries: Iterable[ComparisonRecord]) -> dict[str, list[ComparisonRecord]]:
    """Return the comparisons of each family, in the order in which families are told."""
    grouped: dict[str, list[ComparisonRecord]] = {name: [] for name in FAMILIES}
    for entry in entries:
        grouped.setdefault(family(gallery, entry), []).append(entry)
    return {name: entries for name, entries in grouped.items() if entries}


def means(gallery: Gallery, entries: Iterable[ComparisonRecord]) -> dict[str, float]:
    """Return the mean correlation of each family."""
    grouped = by_family(gallery, entries)
    return {name: fmean(entry["numbers"]["correlation"] for entry in entries) for name, entries in grouped.items()}


def agreement(gallery: Gallery, models: tuple[str, str]) -> tuple[int, int]:
    """Return on how many images both networks predict the same, and for how many both have a prediction."""
    left, right = models
    both = [image for image in gallery.images if {(left, image), (right, image)} <= gallery.predictions.keys()]
    answers = [[gallery.predictions[model, image]["top"][:1] for model in models] for image in both]
    named = [(first[0]["name"], other[0]["name"]) for first, other in answers if first and other]
    return sum(first == other for first, other in named), len(named)


def accuracies(left: ModelRecord, right: ModelRecord) -> tuple[float, float, int] | None:
    """Both accuracies and the number of images, where they were measured on the same ones."""
    ours, theirs, measured = left["accuracy"], right["accuracy"], left.get("pruning") or {}
    if theirs.get("top1") is None or not theirs.get("images"):
        return None
    if all(ours.get(name) == theirs.get(name) for name in ("images", "data")):
        return ours["top1"], theirs["top1"], theirs["images"]
    if right["derived_from"] == left["slug"] and theirs["images"] == measured.get("images"):
        return measured["points"][0]["top1"], theirs["top1"], theirs["images"]
    return None


def _correlation_text(gallery: Gallery, entries: Iterable[ComparisonRecord]) -> str:
    """`mean correlation: activations 0.99, gradients 0.97`."""
    parts = [
        (SPOKEN.get(name) or FAMILIES.get(name, (name,))[0].lower(), format.correlation(mean, 2))
        for name, mean in means(gallery, entries).items()
    ]
    return "mean correlation: " + ", ".join(f"{name} {value}" for name, value in parts)


def _percent(share: float) -> str:
    return f"{100 * share:.1f}".removesuffix(".0") + "\xa0%"
