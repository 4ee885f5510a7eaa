"""What moves where a figure has an animation: how its picture came about."""

from __future__ import annotations

from .manifest_index import Record

MOVES = {
    "smoothgrad": "how the mean settles, sample by sample",
    "integrated-gradients": "how the contributions add up along the way",
    "activation-maximisation": "how the pictures grow out of noise",
    "deepdream": "how the dream takes hold of the photo",
    "deepdream-over-depth": "the dream, stage by stage",
    "inversion": "how the photo is found again, stage by stage",
    "caricature": "how each stage paints the photo anew",
    "style-transfer": "how the photograph takes on the style",
    "filters-evolution": "how the kernels came to be, epoch by epoch",
    "saliency-evolution": "how it came to be, epoch by epoch",
    "features-evolution": "what the channels liked, epoch by epoch",
    "evolution": "how the gradient changes while the class is learnt",
}
ANYHOW = "how the picture came about, step by step"  # of methods that are not ours


def moves(figure: Record) -> str:
    """What the animation of `figure` shows, in words that go on after "Play"; "" where it has none."""
    return MOVES.get(figure["method"], ANYHOW) if figure["animation"] else ""
