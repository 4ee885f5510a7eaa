"""What methods stand for: pages and pipeline ask for a role and never for a method by name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

INPUT, ACTIVATIONS, FILTERS = "input", "activations", "filters"  # each one method's, and called as it is
ATTENTION = "attention"
ROLES = {
    # The pipeline and the house's pages rest on these; each is one method's alone.
    INPUT: "the picture as the network gets it",
    ACTIVATIONS: "all channels of a layer; of the last layer the class probabilities",
    FILTERS: "the kernels of a convolution",
    ATTENTION: "what the heads of an attention layer look at",
    "filters-history": "the same, epoch by epoch",
    "dataset-examples": "the images that excite each channel most; needs a probe",
    # These choose what a page shows first; several methods may have one.
    "units": "tiles that each show one channel, laid beside what is known of it",
    "direction": "which way each pixel pulls on the answer, in colour",
    "strength": "how much each pixel pulls",
    "sign": "whether brightening a pixel raises or lowers the score",
    "history": "how the pull of the pixels changed while the class was learnt",
    "relevance": "the share of the score that each pixel holds",
    "region": "where the class was found",
    "class-map": "the same, read from the classifier's own weights",
    "linear": "what each pixel adds to the score, the network taken as linear around the picture",
    "path": "what each pixel added to the score on the way from an empty picture to this one",
    "smoothed": "the direction, averaged over noisy copies of the picture",
    "covered": "how far the score falls when a part is covered",
    "transposed": "the score sent back through transposed convolutions",
    "guided": "the gradient of positive contributions alone",
    "favourites": "pictures that channels like best",
    "dream": "a photo changed until a layer is excited",
    "restyled": "a photo in another picture's style",
}


class _HasRoles(Protocol):
    @property
    def slug(self) -> str: ...

    @property
    def roles(self) -> tuple[str, ...]: ...


def slugs_with(role: str, cards: Iterable[_HasRoles]) -> list[str]:
    """Return the slugs of the methods that have a role, in their order."""
    return [card.slug for card in cards if role in card.roles]


def slug_with(role: str, cards: Iterable[_HasRoles]) -> str:
    """Return the slug of the first method that has a role; "" where there is none."""
    return next(iter(slugs_with(role, cards)), "")
