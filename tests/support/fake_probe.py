"""What a fake probe told of the fake networks, with patches for two of their layers, and numbers for every channel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from fake_pictures import draw_photo, save

from generator.analysis.probe.class_effects import strongest
from generator.core.naming import figure_name
from generator.core.records import Figure

PATCHED = ("relu0", "relu4")  # layers with top images
MEASURED = ("relu0", "relu4")  # layers whose effect on the scores is known
COLUMNS, SIDE, GAP, PATCHES = 4, 16, 4, 9


def build(gallery: Path, models: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[Figure]]:
    """The probes of the models, and figures of what excites their channels most; pictures go into the folder."""
    probes = [_probe(gallery, model) for model in models]
    layers = {layer["name"]: layer for layer in models[0]["layers"]}
    return probes, [_strips(gallery, model["slug"], layers[name]) for model in models for name in PATCHED]


def channels(model: str, layer: str) -> dict[str, np.ndarray]:
    """What is known of each channel of a layer; of `relu0` channel 3 is silent, and 5 and 8 are alike."""
    count = {"conv0": 64, "bn0": 64, "relu0": 64, "pool1": 64, "mean": 512, "classifier": 10, "probabilities": 10}
    count = count.get(layer, 512 if layer.endswith("4") else 256)
    random = np.random.default_rng(count)
    largest, partner, alike = random.uniform(1, 9, count), np.full(count, -1), np.zeros(count)
    histogram = np.zeros((count, 31), np.uint32)
    histogram[:, 15:] = random.integers(1, 4000, (count, 16))
    if layer == "relu0":
        largest[3], histogram[3, 16:] = 0.0, 0
        partner[[5, 8]], alike[[5, 8]] = [8, 5], 0.981
    top = largest * np.linspace(1, 0.6, PATCHES)[:, None]
    return {
        **(strongest(effect(count), 16) if layer in MEASURED else {}),
        "max": largest,
        "mean": largest / 5,
        "zeros": np.where(largest > 0, random.uniform(0, 0.9, count), 1.0),
        "histogram": histogram,
        "unit": np.array(8.0),
        "partner": partner,
        "alike": alike,
        "top": top.astype(np.float32),
        "top_image": random.integers(0, 3, (PATCHES, count)),
    }


def effect(count: int) -> np.ndarray:
    """Return what the scores of ten classes gain from each channel; channel 3 raises none."""
    gains = np.random.default_rng(count + 1).normal(0, 1, (10, count))
    gains[:, 3] = -1.0
    return gains


def _probe(gallery: Path, model: dict[str, Any]) -> dict[str, Any]:
    classes = list(model["classes"])
    confusion = np.full((10, 10), 3) + 73 * np.eye(10, dtype=int)
    confusion[3, 5] = 40
    sheet = np.concatenate([draw_photo(seed, 96) for seed in range(3)], 1)
    width, height, _ = save(gallery, f"{model['slug']}/findings.png", sheet)
    entry = {"label": "cat", "label_probability": 0.2, "said": "dog", "probability": 0.7}
    entry |= {"second": "cat", "second_probability": 0.2}
    sure = entry | {"number": 7, "name": "frog/0007.png", "label": "frog", "said": "frog", "probability": 0.34}
    wrong = [{**entry, "number": number, "name": f"cat/000{number}.png"} for number in range(2)]
    total = int(confusion.sum())
    return {
        "model": model["slug"],
        "data": "cifar10",
        "images": total,
        "unreadable": ["cat/0099.png: not a picture that can be read"],
        "input": {"mean": [0.0] * 3, "spread": [1.0] * 3},
        "norms": [{"layer": "bn0", "shift": 0.02, "ratio": 1.01}],
        "broken": [],
        "classes": classes,
        "answers": [{"name": "cat", "count": 100}],
        "labelled": total,
        "correct": int(np.trace(confusion)),
        "unanswered": 0,
        "confusion": confusion.tolist(),
        "labels": confusion.sum(1).tolist(),
        "confused": [{"label": "cat", "said": "dog", "count": 40}],
        "wrong": wrong,
        "unsure": [sure],
        "sheet": {"file": f"{model['slug']}/findings.png", "side": 96, "columns": 3, "width": width, "height": height},
        "layers": [_layer(layer) for layer in model["layers"]],
    }


def _layer(layer: dict[str, Any]) -> dict[str, Any]:
    first = layer["name"] == "relu0"
    told = {"layer": layer["name"], "channels": layer["shape"][0], "dead": [3] if first else [], "constant": []}
    if layer["name"] in MEASURED:
        found = strongest(effect(layer["shape"][0]), 16)
        told["raising"] = {"images": 16, "channels": found["raising"].T.tolist()}
        told["raising"]["effects"] = np.round(found["raising_by"].T.astype(float), 3).tolist()
    return told | {"broken": [], "twins": [[5, 8, 0.981]] if first else [], "zeros": 0.4, "bound": 0.0}


def _strips(gallery: Path, model: str, layer: dict[str, Any]) -> Figure:
    count = layer["shape"][0]
    width = PATCHES * (SIDE + 1) - 1
    rows = count // COLUMNS
    colours = np.random.default_rng(count).uniform(0.2, 0.9, (rows * 2, COLUMNS * PATCHES, 3))
    board = colours.repeat(SIDE // 2 + 2, 0).repeat(SIDE + 2, 1)
    board = np.resize(board, (rows * (SIDE + GAP) - GAP, COLUMNS * (width + GAP) - GAP, 3))
    name = figure_name(model, "model", "top-images", layer["name"])
    wide, high, digest = save(gallery, f"{name}.png", board)
    sprite = {"channels": count, "columns": COLUMNS, "rows": rows, "tile": [width, SIDE], "gap": GAP, "factor": 1}
    return Figure(
        id=name,
        model=model,
        image="model",
        method="top-images",
        status="drawn",
        layer=layer["name"],
        file=f"{name}.png",
        page=f"{name}.html",
        width=wide,
        height=high,
        shape=(count, PATCHES),
        range=(0.0, 9.0),
        sprite=sprite | {"reduced": 1, "patches": PATCHES, "side": SIDE, "lines": 1},
        alt="Top images of a layer.",
        note="best of 1,067 images of cifar10",
        keys={"array": "3" * 64, "picture": "4" * 64},
        digest=digest,
    )
