"""Read the directories of a TIFF or BigTIFF: the numbers of the tags that its values are read by."""

from __future__ import annotations

import struct

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 256, 257, 258, 259, 262
OFFSETS, ORIENTATION, SAMPLES, ROWS, COUNTS, PLANES, PREDICTOR = 273, 274, 277, 278, 279, 284, 317
TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_COUNTS = 322, 323, 324, 325
FORMAT, PROFILE = 339, 34675
TYPES = {1: "B", 3: "H", 4: "I", 7: "B", 16: "Q"}  # of a directory's values: bytes and whole numbers
READ = frozenset(
    (
        *range(WIDTH, PHOTOMETRIC + 1),
        *range(OFFSETS, PREDICTOR + 1),
        *range(TILE_WIDTH, TILE_COUNTS + 1),
        FORMAT,
        PROFILE,
    )
)
MOST_ENTRIES, MOST_VALUES = 500, 2**21

Tags = dict[int, tuple[int, ...]]


def first(tags: Tags, tag: int, default: int) -> int:
    """Return the first number of a tag, `default` where the tag is missing."""
    return tags.get(tag, (default,))[0]


def directory(content: bytes, number: int = 1) -> Tags:
    """Return the numbers of each tag in a directory of a TIFF or BigTIFF, by itself the first; {} where there is none.

    Raises `struct.error`.
    """
    order = {b"II": "<", b"MM": ">"}.get(content[:2])
    if order is None or content[2:4] not in (b"*\0", b"\0*", b"+\0", b"\0+"):
        return {}
    big = content[2:4] in (b"+\0", b"\0+")
    word, entries, entry, inline = ("Q", "Q", 20, 8) if big else ("I", "H", 12, 4)
    (start,) = struct.unpack_from(order + word, content, 8 if big else 4)
    for _ in range(number - 1):
        (count,) = struct.unpack_from(order + entries, content, start)
        (start,) = struct.unpack_from(order + word, content, start + struct.calcsize(entries) + entry * count)
        if not start:
            return {}
    (count,) = struct.unpack_from(order + entries, content, start)
    start, tags = start + struct.calcsize(entries), {}
    for number in range(min(count, MOST_ENTRIES)):
        place = start + entry * number
        tag, kind, values = struct.unpack_from(f"{order}HH{word}", content, place)
        if tag not in READ or kind not in TYPES or not 0 < values <= MOST_VALUES:
            continue
        form, place = f"{order}{values}{TYPES[kind]}", place + 4 + inline
        if struct.calcsize(form) > inline:
            (place,) = struct.unpack_from(order + word, content, place)
        tags[tag] = struct.unpack_from(form, content, place)
    return tags
