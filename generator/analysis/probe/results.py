"""What a probe found, read back from the store: of each layer's channels, and of each image what was said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from generator.core.records import Layer
from generator.core.store import Store, unpack
from generator.core.tasks import ProbeTask

TWINS = 0.95  # two channels whose values correlate above this are called near-duplicates
MAX_ANSWERS = 24  # wrong and unsure answers that are told one by one
MATRIX = 60  # classes of which a whole matrix of confusions is told
GRADIENT_CLASSES = 20  # of a network with more, a backward pass for each would take too long
SILENT = ("activation", "pool", "join", "softmax")  # kinds of layers in which zero means that nothing was found

Arrays = dict[str, np.ndarray]


def record_of(task: ProbeTask, store: Store) -> dict[str, Any] | None:
    """Return the record of a probe that is done and whole, else None."""
    record = store.get(task.key, shape="probe")
    return record if record and store.has_payloads(record) else None


def channels(task: ProbeTask, layer: str, store: Store) -> Arrays | None:
    """Return what is told of each channel of one layer; None where the layer was not looked at."""
    record = record_of(task, store)
    digest = record["payloads"].get(f"layer {layer}") if record else None
    return unpack(store.read(digest)) if digest else None


def names(task: ProbeTask, store: Store) -> list[str]:
    """Return the images of a probe by number."""
    answers = unpack(store.read(record_of(task, store)["payloads"]["answers"]))
    return answers["names"].tobytes().decode().split("\n")


def summary(task: ProbeTask, store: Store) -> dict[str, Any] | None:
    """Return a probe as the manifest tells of it; None where it is not done."""
    record = record_of(task, store)
    if record is None:
        return None
    answers = unpack(store.read(record["payloads"]["answers"]))
    layers = {layer.name: layer for layer in task.card.layers}
    listed = [name.removeprefix("layer ") for name in record["payloads"] if name.startswith("layer ")]
    summaries = [_layer(layers[name], channels(task, name, store)) for name in layers if name in listed]
    return {
        "model": task.card.slug,
        "data": record["data"],
        "images": record["images"],
        "unreadable": record["problems"][:MAX_ANSWERS],
        "input": record["input"],
        "norms": record["norms"],
        "broken": record["broken"],
        "sheet": {**record["sheet"], "file": f"{task.card.slug}/findings.webp"} if record["sheet"] else None,
        **answered(answers, task.card.classes, task.card.output),
        "layers": summaries,
    }


def answered(answers: Arrays, classes: tuple[str, ...], output: Mapping[str, Any]) -> dict[str, Any]:
    """Return how often the network was right, what it took for what, and the answers worth a look.

    A label of several is right where it reaches the threshold: nothing is taken for something else, and no answer is
    the runner-up of another. Of a value, or of masks, nothing of this can be told.
    """
    labels, value = output["kind"] == "labels", output["kind"] in ("value", "mask")
    names = answers["names"].tobytes().decode().split("\n")
    label, predicted = answers["label"].astype(int), answers["said"].astype(int)
    labelled = (label >= 0) & (not value)
    missed = answers["label_probability"] < output["threshold"] if labels else predicted != label
    wrong = labelled & missed
    confusion = np.zeros((len(classes), len(classes)), np.int64)
    if not labels:
        np.add.at(confusion, (label[labelled], predicted[labelled]), 1)
    off = confusion * (1 - np.eye(len(classes), dtype=np.int64))
    pairs = [divmod(int(place), len(classes)) for place in np.argsort(-off, axis=None, kind="stable")[:12]]
    given = np.bincount(predicted, minlength=len(classes))
    probability = answers["probability"]
    margin = probability - answers["second_probability"]
    worst = [i for i in np.argsort(-probability, kind="stable") if wrong[i]][:MAX_ANSWERS]
    unsure = [i for i in np.argsort(margin, kind="stable") if not wrong[i]][: 0 if labels or value else MAX_ANSWERS]
    tabled = len(classes) <= MATRIX and not labels and not value

    def entry(index: int) -> dict[str, Any]:
        own = answers["label_probability"][index]
        return {
            "number": int(answers["number"][index]),
            "name": names[int(answers["number"][index])],
            "label": classes[label[index]] if labelled[index] else "",
            "label_probability": float(own) if np.isfinite(own) else None,
            "said": classes[predicted[index]],
            "probability": float(probability[index]),
            "second": classes[int(answers["second"][index])],
            "second_probability": float(answers["second_probability"][index]),
        }

    return {
        "classes": list(classes) if tabled else [],
        "answers": []
        if value
        else [{"name": classes[i], "count": int(given[i])} for i in np.argsort(-given, kind="stable")[:3]],
        "labelled": int(labelled.sum()),
        "correct": int((labelled & ~wrong).sum()),
        "unanswered": int((~answers["finite"]).sum()),
        "confusion": confusion.tolist() if tabled else None,
        "labels": [int(count) for count in confusion.sum(1)] if tabled else None,
        "confused": [{"label": classes[a], "said": classes[b], "count": int(off[a, b])} for a, b in pairs if off[a, b]],
        "wrong": [entry(index) for index in worst],
        "unsure": [entry(index) for index in unsure],
    }


def _layer(layer: Layer, figures: Arrays) -> dict[str, Any]:
    """Return the channels of a layer that one would want to look at, and how the layer does as a whole."""
    dead, constant = still(layer, figures)
    raising = {"raising": _raising(figures)} if "raising" in figures else {}
    broken = np.flatnonzero(figures["broken"] > 0)
    twins = pairs(figures)
    return {
        "layer": layer.name,
        "channels": int(layer.shape[0]),
        "images": int(figures["images"]),
        "dead": np.flatnonzero(dead).tolist(),
        "constant": np.flatnonzero(constant & ~dead).tolist(),
        "broken": broken.tolist(),
        "twins": twins,
        "zeros": float(figures["zeros"].mean()),
        "bound": float(figures["bound"].mean()),
        **raising,
    }


def _raising(figures: Arrays) -> dict[str, Any]:
    """Return the channels that raise each class's score most, by class, and over how many images that was measured."""
    values = [[float(f"{value:.3g}") for value in column] for column in figures["raising_by"].T]
    return {"images": int(figures["effect_images"]), "channels": figures["raising"].T.tolist(), "effects": values}


def still(layer: Layer, figures: Arrays) -> tuple[np.ndarray, np.ndarray]:
    """Return which channels (K,) bool are zero in every image, and which have one value everywhere."""
    largest, sound = figures["max"], figures["broken"] < figures["images"]
    size = np.maximum(np.abs(np.where(np.isfinite(largest), largest, 0)), 1e-12)
    constant = sound & (np.abs(largest - figures["mean"]) <= 1e-5 * size) & (figures["spread"] <= 1e-5 * size)
    several = int(figures["images"]) > 1 or len(layer.shape) == 3
    constant &= several
    return constant & (largest == 0), constant


def pairs(figures: Arrays) -> list[list[float]]:
    """Return channels that are near-duplicates, each pair once: `[channel, other, correlation]`, the most alike
    first.
    """
    listed = {}
    for channel, (partner, alike) in enumerate(
        zip(figures["partner"].tolist(), figures["alike"].tolist(), strict=True)
    ):
        if partner >= 0 and alike > TWINS:
            listed[tuple(sorted((channel, partner)))] = round(alike, 4)
    return [[a, b, alike] for (a, b), alike in sorted(listed.items(), key=lambda item: (-item[1], item[0]))]


def silent(layer: Layer) -> bool:
    """Return whether zero means that a channel found nothing in this layer."""
    return layer.kind in SILENT
