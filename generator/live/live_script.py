"""What the live page loads of one network: its graphs, its weights and what it must know to read the answer."""

from __future__ import annotations

from dataclasses import asdict

from generator.core.records import ModelCard
from generator.models.load import Loaded

from .export import live
from .graph import NotLive
from .scripts import script


def live_script(loaded: Loaded, card: ModelCard) -> tuple[bytes, str]:
    """Return the script of a network and ""; or nothing, and the reason why it cannot be live, in one line."""
    try:
        made = live(loaded, card)
    except NotLive as error:
        return b"", str(error)
    about = {
        "title": card.title,
        "classes": list(card.classes),
        "kind": card.output["kind"],
        "input": asdict(card.input),
        "default_layer": card.default_layer,
        **made.card,
    }
    parts = {"graph": made.graph, "forward": made.forward, "weights": made.weights}
    return script(card.slug, about, {}, parts), ""
