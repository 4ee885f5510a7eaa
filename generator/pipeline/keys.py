"""Under which key a picture is stored, and the versions that keys hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from importlib import metadata

from generator.core.records import Job, MethodCard
from generator.core.store import key_of
from generator.core.tasks import SceneTask

PICTURE = ("files", "width", "height", "scale")  # fields that the record of a picture has
LIBRARIES = ("torch", "torchvision", "numpy", "pillow")


def picture_key(job: Job, drawn: Iterable[Job], task: SceneTask, cards: Mapping[str, MethodCard]) -> str:
    """Under which key the picture of `job` is kept: its array, those it shares a scale with, and how it is drawn.

    `drawn` are those jobs of its group, itself among them, that have an array.
    """
    style = cards[job.method].style
    shared = sorted(other.key for other in drawn) if style.shares_scale else []
    names = task.card.classes if job.layer == task.card.layers[-1].name else ()
    encoders = [version("pillow"), version("isal")]
    return key_of("picture", job.key, shared, style.name, names, style.key, encoders)


@cache
def version(library: str) -> str:
    """Return the version of an installed library; to look it up takes half a millisecond."""
    return metadata.version(library)
