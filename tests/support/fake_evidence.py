"""Evidence for the fake gallery: what measures would have found of its maps, and an order over labelled pictures."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from generator.analysis.bootstrap import standings
from generator.analysis.measure_registry import MEASURES, card, load_measures
from generator.analysis.measures.controls import CONTROLS
from generator.core.records import record

MEASURES_SHOWN = ("deletion", "insertion", "randomisation")


def add(manifest: dict[str, Any]) -> None:
    """Give the first network's maps for the label their evidence, and the manifest what goes with it."""
    load_measures()
    model, labels = manifest["models"][0]["slug"], ("label", "top")
    drawn = {card["slug"]: card["draw"] for card in manifest["methods"]}
    measured = [
        figure
        for figure in manifest["figures"]
        if figure["model"] == model
        and drawn.get(figure["method"]) in ("grey", "signed", "overlay")
        and (figure["target"] or {}).get("role") in labels
        and figure["status"] == "drawn"
    ]
    for seed, figure in enumerate(measured):
        figure["evidence"] = evidence(seed)
    manifest["measures"] = [record(card(MEASURES[slug])) for slug in MEASURES_SHOWN]
    images = [image["id"] for image in manifest["images"]]
    manifest["controls"] = [
        {
            "slug": slug,
            "title": control.title,
            "summary": control.summary,
            "measured": [
                {"model": model, "image": image, "evidence": evidence(100 + number + len(images) * place)}
                for number, image in enumerate(images)
            ],
        }
        for place, (slug, control) in enumerate(CONTROLS.items())
    ]
    methods = list(dict.fromkeys(figure["method"] for figure in measured))
    manifest["models"][0]["ranking"] = ranking([*methods, *CONTROLS])


def evidence(seed: int) -> dict[str, Any]:
    """Curves as they look: falling, rising, and a network that forgets."""
    chance = np.random.default_rng(seed)
    steps = np.linspace(0, 1, 21)
    curves = {
        "deletion": np.clip(0.95 * np.exp(-steps * chance.uniform(2, 9)) + chance.normal(0, 0.02, 21), 0, 1),
        "insertion": np.clip(1 - 0.9 * np.exp(-steps * chance.uniform(2, 9)) + chance.normal(0, 0.02, 21), 0, 1),
        "randomisation": np.clip(chance.uniform(0.1, 0.9) - np.linspace(0, 0.3, 5), -1, 1),
    }
    found = {
        slug: {"score": round(float(curve.mean()), 5), "curve": [round(float(value), 5) for value in curve]}
        for slug, curve in curves.items()
    }
    found["randomisation"]["layers"] = [1, 5, 9, 13, 17]
    return found


def ranking(methods: list[str]) -> dict[str, Any]:
    """An order of these methods over two hundred pictures, as `innerview rank` keeps it."""
    chance = np.random.default_rng(7)
    base = chance.uniform(0.1, 0.5, 200)
    scores = {method: list(base + 0.03 * (place // 2)) for place, method in enumerate(methods)}
    orders = {"deletion": standings(scores, "low"), "insertion": standings(scores, "high")}
    orders["difference"] = standings(scores, "high")
    return {
        "data": "cifar10, 10,000 pictures as PNG",
        "images": 200,
        "right": 180,
        "controls": list(CONTROLS),
        "measures": {measure: [asdict(one) for one in order] for measure, order in orders.items()},
    }
