"""What a comment on a pull request may say: ids, states and numbers, from which comment.yml writes the text itself."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from generator.core.naming import slug

MOST = 500  # entries of each kind; the comment has room for about so many
FIGURE = re.compile(r"[a-z0-9_.~@-]{1,120}(/[a-z0-9_.~@-]{1,240}){2}")
NUMBERS = {
    "correlation": "correlation",
    "difference": "relative difference",
    "largest": "largest difference",
    "ssim": "ssim",
}


def comment_data(changes: Mapping[str, Any], refused: int) -> str:
    """Return the answer of `compute.diff` as JSON in ASCII, in the one form that the workflow with rights accepts.

    Class names become slugs; figures whose id is none are counted and not listed.
    """
    figures = [entry for entry in changes["figures"] if FIGURE.fullmatch(entry["id"])]
    changed = [entry for entry in figures if entry["kind"] == "changed"]
    turned = [entry for entry in changed if entry["status"][0] != entry["status"][1]]
    measured = [entry for entry in changed if entry["status"][0] == entry["status"][1]]
    data = {
        "format": "innerview-comment",
        "version": 1,
        "counts": {
            **{kind: changes["counts"][kind] for kind in ("changed", "new", "gone", "same")},
            "refused": refused,
        },
        "changed": [
            {"id": entry["id"], **{key: _number(entry["numbers"].get(name)) for key, name in NUMBERS.items()}}
            for entry in measured[:MOST]
        ],
        "turned": [
            {"id": entry["id"], "before": entry["status"][0], "after": entry["status"][1]} for entry in turned[:MOST]
        ],
        "answers": [_answer(entry) for entry in changes["answers"][:MOST]],
        "new": _grouped(entry for entry in figures if entry["kind"] == "new"),
        "gone": _grouped(entry for entry in figures if entry["kind"] == "gone"),
    }
    return json.dumps(data, indent=1, allow_nan=False) + "\n"


def _answer(entry: dict[str, Any]) -> dict[str, str]:
    classes = {"before": _words(entry["before"]), "after": _words(entry["after"]), "label": entry["label"] or ""}
    return {
        "model": slug(entry["model"]),
        "image": slug(entry["image"]),
        **{when: slug(name) if name else "" for when, name in classes.items()},
    }


def _words(answer: Mapping[str, Any]) -> str:
    """Return a class's name, with the share of the picture that a mask has, or a value whose sign a slug keeps."""
    if "share" in answer:
        return f"{answer['name']} {100 * answer['share']:.1f} percent"
    if "value" not in answer:
        return answer["name"]
    number = f"{abs(answer['value']):.4g}".replace("e+", "e").replace("e-", "e minus ")
    return f"{answer['name']} {'minus ' if answer['value'] < 0 else ''}{number} {answer['unit']}"


def _grouped(entries: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return how many figures of each network and image."""
    counts = Counter((slug(entry["model"]), slug(entry["image"])) for entry in entries)
    return [{"model": model, "image": image, "figures": count} for (model, image), count in counts.items()][:MOST]


def _number(value: Any) -> float | None:
    plain = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e12  # NaN is not
    return float(value) if plain else None
