"""What two fake networks have in common: comparisons of their figures, with pictures of a difference, and a curve."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from fake_pictures import red_blue, save
from PIL import Image

from generator.core.records import Figure

COMPARED = ("vanilla-backprop", "saliency", "grad-cam")
POINTS = {0.0: (0.89, 1.0), 0.5: (0.88, 0.98), 0.9: (0.3, 0.5)}  # sparsity: accuracy and correlation


def build(gallery: Path, models: list[dict[str, Any]], figures: list[Figure]) -> list[dict[str, Any]]:
    """The comparisons of two models' figures; their pictures go into the folder `gallery`."""
    left, right = (model["slug"] for model in models)
    stages = {stage["layer"] for stage in models[0]["stages"][:-1]}
    found = []
    for figure in figures:
        is_stage = figure.method == "activations" and figure.layer in stages
        if figure.model == left and (is_stage or figure.method in COMPARED):
            found.append(_pair(gallery, left, right, figure))
    return found


def curve() -> dict[str, Any]:
    """What was measured of pruned copies of a network."""
    alike = ("activations", "vanilla-backprop", "grad-cam")
    points = [
        {
            "scope": scope,
            "sparsity": sparsity,
            "nonzero": round(1000 * (1 - sparsity)),
            "top1": accuracy,
            "agreement": correlation,
            "correlation": dict.fromkeys(alike, correlation),
        }
        for scope in ("", "global", "layer")
        for sparsity, (accuracy, correlation) in POINTS.items()
        if (scope == "") == (sparsity == 0)
    ]
    return {"sha256": "5" * 64, "data": "a folder", "images": 100, "shown": 20, "points": points, "whole": []}


def _pair(gallery: Path, left: str, right: str, figure: Figure) -> dict[str, Any]:
    name = f"compare/{left}--{right}/{figure.id.partition('/')[2]}"
    pixels = np.asarray(Image.open(gallery / figure.file).convert("RGB")) / 255
    change = 0.02 if figure.method == "activations" else 0.1
    noise = np.random.default_rng(7).normal(0, change, pixels.shape[:2])
    pictures = {"left": pixels, "right": pixels + noise[..., None], "difference": red_blue(4 * noise)}
    for role, one in pictures.items():
        save(gallery, f"{name}.{role}.png", one)
    return {
        "id": name,
        "models": [left, right],
        "image": figure.image,
        "method": figure.method,
        "layer": figure.layer,
        "target": figure.target["name"] if figure.target else "",
        "figures": [figure.id, f"{right}/{figure.id.partition('/')[2]}"],
        "files": {role: f"{name}.{role}.png" for role in pictures},
        "width": figure.width,
        "height": figure.height,
        "scale": figure.scale,
        "sprite": figure.sprite,
        "numbers": {"correlation": 1 - change, "relative difference": change},
    }
