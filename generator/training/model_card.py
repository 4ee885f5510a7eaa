"""The model card beside a weights file: what it is, how it came about and what it measures."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from generator.core.atomic_io import write_atomically
from generator.core.records import Network
from generator.data.batches import about
from generator.data.datasets import Labelled
from generator.engine.model_card import describe
from generator.models.load import load
from generator.models.specs import file_digest

from .evaluate import evaluate

RECOMPRESSED = (
    "Measured on pictures recompressed as JPEG, which loses detail: a little below what the original ones would give."
)


def write_card(
    weights: Path, network: Network, facts: Mapping[str, Any], test: Labelled, device: Any = "cpu", note: str = ""
) -> Path:
    """Measure the weights as they are in the file, in float32 on all of `test`, and write `<weights>.json`; its path.

    `facts` tell how they came about: data, recipe, epochs, seed and whatever else should stand in the card. `note`
    says what else a reader of the accuracy has to know.
    """
    loaded = load(replace(network, weights=str(weights.absolute())), device)
    measured = evaluate(loaded.model, test, loaded.input, loaded.classes, device=device)
    described = describe(loaded)
    card = {
        "name": loaded.slug,
        "parameters": described.parameters,
        "macs": described.macs,
        "dtype": "float16",
        "sha256": file_digest(weights),
        "input": {name: value for name, value in asdict(loaded.input).items() if name in ("size", "mean", "std")},
        "classes": loaded.classes,
        **facts,
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
        "accuracy": {
            "top1": measured["accuracy"],
            "top5": measured["top5"],
            "loss": round(measured["loss"], 4),
            "images": measured["images"],
            "data": about(test),
            "note": note or (RECOMPRESSED if "JPEG" in about(test) and max(loaded.input.size[1:]) <= 64 else ""),
        },
    }
    path = weights.with_suffix(".json")
    text = json.dumps(card, indent=1, ensure_ascii=False) + "\n"
    write_atomically(path, text.encode())
    return path
