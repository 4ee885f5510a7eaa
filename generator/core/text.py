"""Text from outside made harmless for a terminal, a file and a page."""

from __future__ import annotations

import unicodedata

# Marks that turn the direction of what follows, in a log as on a page.
BIDI = dict.fromkeys([0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])


def harmless(text: str) -> str:
    """What a terminal, a file and a page can take: no control characters but newlines, no halves of characters.

    >>> harmless("a\\x1b[2Jb\\ud800")
    'a [2Jb?'
    """
    kinds = ((c, unicodedata.category(c)) for c in text.translate(BIDI))
    return "".join("?" if kind == "Cs" else " " if kind == "Cc" and c != "\n" else c for c, kind in kinds)
