"""Undo the LZW compression of TIFF 6.0 (section 13): codes of 9 to 12 bits, highest bit first, widened one early."""

from __future__ import annotations

import numpy as np

CLEAR, END, FIRST = 256, 257, 258  # a new table, the end, and the number of the first entry that is not a single byte
MOST = 4096  # entries of a table
# Of the k-th code after a clear: the k - 1 codes before it made as many entries, and the code that would make entry
# 511, 1023 or 2047 the last of its width is followed by a wider one.
CODES = MOST - FIRST + 1  # after a clear until the table is full
WIDTHS = np.select([np.arange(CODES) < at for at in (254, 766, 1790)], [9, 10, 11], 12)
STARTS = np.concatenate([[0], np.cumsum(WIDTHS)])  # in bits, the last one that of the code after all
FULL_STARTS, FULL_WIDTHS = 12 * np.arange(CODES + 1), np.full(CODES, 12)
SINGLE = [bytes([value]) for value in range(256)] + [b"", b""]


def unpacked(content: bytes, need: int) -> bytearray:
    """Return the first `need` bytes that the codes stand for, fewer where they end before.

    The codes between two clears have known places, so that they are cut out at once; time and memory grow with `need`
    and with the length of `content`. Raises `ValueError` for a code that stands for nothing yet.
    """
    if content[:1] == b"\0" and content[1:2] == b"\1":
        raise ValueError("its LZW codes are in the order of bits of TIFF 5, which is not read")
    data = np.frombuffer(content + bytes(4), np.uint8)
    end, place, made = 8 * len(content), 0, bytearray()
    table, previous = list(SINGLE), b""
    while len(made) < need:
        starts, widths = (STARTS, WIDTHS) if not previous else (FULL_STARTS, FULL_WIDTHS)
        codes = _codes(data, place, end, starts, widths)
        if not codes:
            break
        entries, left = [], need - len(made)
        for code in codes:
            if code in (CLEAR, END):
                break
            if code < len(table):
                entry = table[code]
            elif code == len(table) and previous:
                entry = previous + previous[:1]
            else:
                raise ValueError(f"LZW code {code} stands for nothing yet")
            entries.append(entry)
            left -= len(entry)
            if previous and len(table) < MOST:
                table.append(previous + entry[:1])
            previous = entry
            if left <= 0:
                break
        made += b"".join(entries)
        place += int(starts[len(entries) + (code in (CLEAR, END))])
        if code == CLEAR:
            table, previous = list(SINGLE), b""
        elif code == END:
            break
    return made[:need]


def _codes(data: np.ndarray, place: int, end: int, starts: np.ndarray, widths: np.ndarray) -> list[int]:
    """Return the codes of these widths that begin at the bit `place` and are whole before `end`."""
    at = place + starts[:-1]
    at = at[: int(np.searchsorted(at + widths, end, side="right"))]
    byte, shift = at >> 3, 24 - widths[: len(at)] - (at & 7)
    # a code of 12 bits that begins at the last bit of a byte ends in the third one
    bits = data[byte].astype(np.int64) << 16 | data[byte + 1].astype(np.int64) << 8 | data[byte + 2]
    return ((bits >> shift) & ((1 << widths[: len(at)]) - 1)).tolist()
