"""What a method shows on its way to a result: how far it is, and pictures of which a few dozen are kept."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

MAX_FRAMES = 24  # frames of an animation, at most


class Step(NamedTuple):
    """Step `number` of `of` is done; `picture()` is what there is to see by then, made only where it is kept."""

    number: int
    of: int
    picture: Callable[[], Any] | None = None

    def __str__(self) -> str:
        return f"step {self.number} of {self.of}"


def watched(result: Any, on_step: Callable[[Step], None]) -> tuple[Any, list[Any] | None]:
    """Return the result of a method and the frames before it, None where the method shows none.

    A method that yields shows a frame with each tensor, or tells of each `Step`; the last thing it yields is its
    result. At most `MAX_FRAMES` frames are kept, evenly spaced, however many there are: a long run fills no memory.
    """
    if not inspect.isgenerator(result):
        return result, None
    frames: list[Any] = []
    stride, seen, last = 1, 0, None
    for given in result:
        if isinstance(given, Step):
            on_step(given)
            due = given.number * MAX_FRAMES // given.of > (given.number - 1) * MAX_FRAMES // given.of
            if due and given.picture and given.number < given.of:
                frames.append(given.picture())
            continue
        if last is not None:
            if seen % stride == 0:
                frames.append(last)
            seen += 1
            if len(frames) > MAX_FRAMES:
                frames, stride = frames[::2], 2 * stride
        last = given
    return last, frames
