"""What moves where a figure has an animation: how its picture came about."""

from __future__ import annotations

from generator.pages.gallery import Record

MOVES = {
    "smoothgrad": "how the mean settles, sample by sample",
    "integrated-gradients": "how the contributions add up along the way",
}
ANYHOW = "how the picture came about, step by step"  # of methods that are not ours


def moves(figure: Record) -> str:
    """What the animation of `figure` shows, in words that go on after "Play"; "" where it has none."""
    return MOVES.get(figure["method"], ANYHOW) if figure["animation"] else ""
