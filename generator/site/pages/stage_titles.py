"""Titles of a network's stages that name each of them: `conv 3-2` where several are called `conv 256`."""

from __future__ import annotations

import re
from collections import Counter

from generator.core.manifest_types import ModelRecord, ModelStage

SIZED = re.compile(r"(?P<word>.+?)(?: of)? (?P<size>\d+)")  # `conv 256`, `vector of 512`; not `10 classes`
POOL = "pool"  # ends a block, so it is counted by itself


def distinct_stages(card: ModelRecord) -> list[ModelStage]:
    """Return the stages of a network, each with a title of its own where some share one.

    What has space is then numbered as in VGG, by block and place: a block ends where the size of the maps changes.
    Pools, and words without space whose titles occur twice, are counted. The number of channels, which such titles
    lose, is part of the shape that pages print beside them.
    """
    shapes = {layer["name"]: tuple(layer["shape"]) for layer in card["layers"]}
    words = [_word(stage["title"]) for stage in card["stages"]]
    spaces = [_space(shapes.get(stage["layer"], ()), word) for stage, word in zip(card["stages"], words, strict=True)]
    titles = Counter((stage["title"], bool(space)) for stage, space in zip(card["stages"], spaces, strict=True))
    repeated = {(_word(title), has_space) for (title, has_space), times in titles.items() if times > 1}
    by_block = any(has_space for _, has_space in repeated)
    counted: Counter[str] = Counter()
    block, place = 0, 0
    before: tuple[int, ...] = ()
    stages: list[ModelStage] = []
    for stage, word, space in zip(card["stages"], words, spaces, strict=True):
        title = stage["title"]
        if space:
            block, place, before = (block, place + 1, space) if space == before else (block + 1, 1, space)
            title = f"{word} {block}-{place}" if by_block else title
        elif (word, False) in repeated:
            counted[word] += 1
            title = f"{word} {counted[word]}"
        stages.append(ModelStage(title=title, layer=stage["layer"], layers=stage["layers"]))
    return stages


def _space(shape: tuple[int, ...], word: str) -> tuple[int, ...]:
    """Return the height and width of the maps of a stage that is numbered by block; () of a pool or without space."""
    return shape[1:] if len(shape) == 3 and word != POOL else ()


def _word(title: str) -> str:
    """Return a title without its number of channels.

    >>> _word("conv 256"), _word("vector of 512"), _word("pool"), _word("10 classes")
    ('conv', 'vector', 'pool', '10 classes')
    """
    sized = SIZED.fullmatch(title)
    return sized["word"] if sized else title
