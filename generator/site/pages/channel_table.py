"""What is known of each channel of a layer, joined: its statistics over the probe, and every picture there is of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from generator.analysis.probe.results import GRADIENT_CLASSES
from generator.core.manifest_types import FigureRecord, Manifest, ModelRecord, ProbeLayer, ProbeRecord

from . import components, escape, format
from .components import FigureView
from .data_script import data_script
from .manifest_index import MODEL_LEVEL, NOTHING, Gallery
from .urls import figure_page, gallery_file, layer_page, relative, report_page

LEVELS = "0123456789abcdefghijklmnopqrstuvwxyz"  # how high a bar of a histogram is
NOTED = 8  # channels of a kind that stand on the page itself; the script knows the others

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Row:
    """A channel that one would want to look at first."""

    channel: int
    anchor: str
    why: str


@dataclass(frozen=True)
class ChannelTable:
    """What templates/macros/channel-table.html needs."""

    script: str  # the numbers of all channels
    probe: str  # what was shown to the network: "10,000 images of cifar10"
    curated: bool
    summary: list[str]  # sentences on silent, constant and alike channels
    measured: str  # over what these were counted, where that is not the probe: "10,000 images of cifar10"
    rows: list[Row]
    patches: FigureView | None
    cells: str  # of the patches: "channels columns rows width height gap"
    strip: str  # "patches side lines" of one channel's tile
    more: str  # JSON: the figures that show single channels
    reports: str  # JSON: address of the report of each image, where the probe is the curated set
    findings: str  # the page of what stands out in the network


def channel_table(gallery: Gallery, model: str, name: str) -> ChannelTable | None:
    """Return what a layer page tells of single channels; None where no probe looked at the layer."""
    probe = gallery.probes.get(model)
    seen = layer_of(probe, name) if probe else None
    if seen is None:
        return None
    statistics = gallery.statistics(model)
    layer = layer_of(statistics, name)
    measured, layer = (statistics, layer) if layer else (probe, seen)
    page = layer_page(model, name)
    figure = _patches(gallery, model, name)
    view = components.figure_view(gallery, figure, page) if figure else None
    sprite = figure["sprite"] if figure else None
    reports = {image: relative(report_page(model, image), page) for image in gallery.images_of(model)}
    return ChannelTable(
        script=relative(script_file(model, name), page),
        probe=probe_words(probe["data"], seen.get("images", probe["images"])),
        curated=not probe["data"],
        summary=_summary(layer),
        measured="" if measured is probe else probe_words(measured["data"], layer["images"]),
        rows=noted(layer),
        patches=view,
        cells=view.cells if view else "",
        strip=f"{sprite['patches']} {sprite['side']} {sprite['lines']}" if sprite else "",
        more=json.dumps(_pictured(gallery, model, name, page), separators=(",", ":")),
        reports=json.dumps(reports, separators=(",", ":")) if not probe["data"] else "{}",
        findings=relative(findings_page(model), page),
    )


def has_units(gallery: Gallery, model: str, name: str) -> bool:
    """Return whether the layer's page tells of single channels, so that `#c3` leads somewhere."""
    probe = gallery.probes.get(model)
    return probe is not None and layer_of(probe, name) is not None


def layer_of(measured: ProbeRecord, name: str) -> ProbeLayer | None:
    """Return what a probe, or statistics, say of a layer's channels; None where they say nothing of it."""
    return next((layer for layer in measured["layers"] if layer["layer"] == name), None)


def findings_page(model: str) -> str:
    """Return what stands out in a network."""
    return f"gallery/{model}/findings/index.html"


def script_file(model: str, name: str) -> str:
    """Return the script with what is known of a layer's channels, beside its page."""
    return layer_page(model, name).removesuffix(".html") + ".units.js"


def probe_words(data: str, images: int) -> str:
    """
    >>> probe_words("", 16), probe_words("cifar10", 10000)
    ('the 16 images of this gallery', '10,000 images of cifar10')
    """
    count = format.count(images)
    return f"{count} images of {data}" if data else f"the {count} images of this gallery"


def noted(layer: ProbeLayer) -> list[Row]:
    """Return the channels that stand on the page itself, so that others can link to them."""
    rows: dict[int, str] = {}
    for channel in layer["broken"][:NOTED]:
        rows.setdefault(channel, "NaN or infinite values")
    for channel in layer["dead"][:NOTED]:
        rows.setdefault(channel, "zero in every image")
    for channel in layer["constant"][:NOTED]:
        rows.setdefault(channel, "constant: one value everywhere")
    for *pair, alike in layer["twins"][:NOTED]:
        first, other = map(int, pair)
        rows.setdefault(first, f"near-duplicate of channel {other} (correlation {format.correlation(alike)})")
        rows.setdefault(other, f"near-duplicate of channel {first} (correlation {format.correlation(alike)})")
    return [Row(channel, f"c{channel}", why) for channel, why in rows.items()]


def _summary(layer: ProbeLayer) -> list[str]:
    sentences = []
    for kind, meaning in (
        ("broken", "contain NaN or infinite values"),
        ("dead", "are zero in every image"),
        ("constant", "are constant (one value everywhere)"),
    ):
        if layer[kind]:
            sentences.append(f"{format.count(len(layer[kind]))} of {format.count(layer['channels'])} {meaning}.")
    if layer["twins"]:
        pairs = len(layer["twins"])
        sentences.append(f"{format.count(pairs)} {'pair is' if pairs == 1 else 'pairs are'} near-duplicates.")
    return sentences or ["No channel is zero everywhere, constant or a near-duplicate of another."]


def _patches(gallery: Gallery, model: str, name: str) -> FigureRecord | None:
    method = gallery.with_role("dataset-examples")
    for figure in gallery.report(model, MODEL_LEVEL):
        if (figure["method"], figure["layer"], figure["status"]) == (method, name, "drawn"):
            return figure
    return None


def _pictured(gallery: Gallery, model: str, name: str, page: str) -> list[dict[str, Any]]:
    """Return the figures of some of the layer's channels, each with the place of every channel that it shows."""
    pictured, entries = gallery.methods_with("units"), []
    for image in (MODEL_LEVEL, *gallery.images_of(model)):
        for figure in gallery.report(model, image):
            shown = figure["numbers"].get("channels") if figure["method"] in pictured else None
            if not shown or figure["layer"] != name or figure["status"] != "drawn" or not figure["sprite"]:
                continue
            sprite = figure["sprite"]
            entries.append(
                {
                    "kind": figure["method"],
                    "title": escape.fold(gallery.methods[figure["method"]]["title"]),
                    "of": escape.fold(gallery.images[image]["title"]) if image in gallery.images else "",
                    "src": relative(gallery_file(figure["file"]), page),
                    "href": relative(figure_page(figure), page),
                    "cells": [sprite["channels"], sprite["columns"], sprite["rows"], *sprite["tile"], sprite["gap"]],
                    "channels": shown,
                }
            )
    return entries


# --- the numbers of all channels ---------------------------------------------------------------------


def write(manifest: Manifest, site: Path, channels: Callable[[str, str], Arrays | None]) -> None:
    """Lay beside each layer page the script with what is known of its channels; `channels(model, layer)` knows it."""
    gallery = Gallery(manifest)
    for model, probe in gallery.probes.items():
        pages = set(gallery.layers_of(model))
        for layer in probe["layers"]:
            arrays = channels(model, layer["layer"]) if layer["layer"] in pages else None
            if arrays is not None:
                file = site / script_file(model, layer["layer"])
                file.parent.mkdir(parents=True, exist_ok=True)
                marked = layer_of(gallery.statistics(model), layer["layer"]) or layer
                effects = _raised(gallery, model, layer_page(model, layer["layer"]), arrays)
                file.write_text(script(marked, arrays, effects), encoding="utf-8")


def script(layer: ProbeLayer, arrays: Arrays, effects: Mapping[str, Any] = NOTHING) -> str:
    """Return a layer's channels as a classic script: three figures each, shares in per mille, histograms as letters.

    `effects` are those on the scores of classes, where they were measured.
    """
    counts = arrays["histogram"].astype(np.float64)
    heights = np.log1p(counts) / np.log1p(np.maximum(1, counts.max(1, keepdims=True)))
    bars = np.rint(heights * (len(LEVELS) - 1)).astype(int)
    marked = {kind: set(layer[kind]) for kind in ("broken", "dead", "constant")}
    states = ["".join(k[0] for k in ("broken", "dead", "constant") if c in marked[k]) for c in range(layer["channels"])]
    plain = {
        "unit": float(arrays["unit"]),
        "max": _short(arrays["max"]),
        "mean": _short(arrays["mean"]),
        "zeros": [round(1000 * float(share)) for share in arrays["zeros"]],
        "state": states,
        "partner": arrays["partner"].tolist(),
        "alike": _short(arrays["alike"]),
        "bars": ["".join(LEVELS[level] for level in row) for row in bars],
        "top": [_short(column) for column in arrays["top"].T],
        "image": arrays["top_image"].T.tolist(),
        **effects,
    }
    return data_script("channel-table", plain)


def _raised(gallery: Gallery, model: str, page: str, arrays: Arrays) -> dict[str, Any]:
    """Return the classes whose score each channel raises, the most first, by their places in a list of names; nothing
    where that was not measured.
    """
    if "raised" not in arrays:
        return {}
    card = gallery.models[model]
    numbers: dict[int, int] = {}
    pairs = []
    for indices, effects in zip(arrays["raised"].T.tolist(), arrays["raised_by"].T, strict=True):
        shown = zip(indices, _short(effects), strict=True)
        pairs.append([[numbers.setdefault(index, len(numbers)), gain] for index, gain in shown if gain and gain > 0])
    names = [card["classes"][index] for index in numbers]
    return {
        "raised": pairs,
        "classes": [escape.fold(name) for name in names],
        "pages": [gallery.classes.href(model, name, page) for name in names],
        "effect": effect_words(card, int(arrays["effect_images"])),
    }


def effect_words(card: ModelRecord, images: int) -> str:
    """Return what the effect of a channel on a class score is, and where it comes from."""
    kind = card["output"]["kind"]
    relative_to = ", minus the mean over all classes" if kind == "classes" else ""
    if images == 0:
        return (
            f"Effect: the weight of the channel's mean in the class score{relative_to}. It holds for every image, as a "
            f"mean and one linear layer follow. Of more than {GRADIENT_CLASSES} classes only such layers are measured."
        )
    return (
        f"Effect: what the class score gains, to first order, when every value of the channel rises by 1"
        f"{relative_to}; mean over {format.count(images)} images that were measured. Gradients are local: a "
        "large effect on these images is no promise for others."
    )


def _short(values: np.ndarray) -> list[Any]:
    """Three figures of each value; null for what is no number."""
    plain = [float(f"{value:.3g}") if np.isfinite(value) else None for value in values.astype(float)]
    return [int(value) if value is not None and value == int(value) else value for value in plain]
