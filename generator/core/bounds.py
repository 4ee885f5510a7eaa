"""The bounds of a parameter, as its annotation states them: `scale: Annotated[float, Between(1, 10)] = 1.4`."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, get_type_hints


class Between(NamedTuple):
    """The smallest and the largest value that a parameter may have, both included."""

    least: float
    most: float


def bounds(function: Callable) -> dict[str, tuple[float, float]]:
    """Return the smallest and the largest value of each parameter whose annotation states them.

    >>> from typing import Annotated
    >>> def dream(x, *, scale: Annotated[float, Between(1, 10)] = 1.4, seed: int = 0): ...
    >>> bounds(dream)
    {'scale': (1, 10)}
    """
    stated = {}
    for name, hint in get_type_hints(function, include_extras=True).items():
        for note in getattr(hint, "__metadata__", ()):
            if isinstance(note, Between):
                stated[name] = (note.least, note.most)
    return stated
