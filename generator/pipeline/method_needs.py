"""What a method asks for, including what the methods it builds on ask for."""

from __future__ import annotations

from collections.abc import Mapping

from generator.core.records import MethodCard


def drives_network(slug: str, cards: Mapping[str, MethodCard]) -> bool:
    """Return whether a method drives the network itself, and takes its time."""
    return bool({"network", "epochs"} & inputs_of(slug, cards))


def with_dependencies(slug: str, cards: Mapping[str, MethodCard]) -> list[str]:
    """Return the slug of a method and those of all methods that it builds on, directly or not."""
    slugs = [slug]
    for name in cards[slug].inputs:
        other = name.replace("_", "-")
        if other in cards and other != slug:
            slugs += with_dependencies(other, cards)
    return slugs


def inputs_of(slug: str, cards: Mapping[str, MethodCard]) -> set[str]:
    """Return the inputs that a method and those it builds on ask for, by name."""
    return {name for other in with_dependencies(slug, cards) for name in cards[other].inputs}
