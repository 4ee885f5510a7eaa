"""Files of measured values written by hand, slowly and as their formats are defined: TIFF, PNG of 16 bits, NumPy."""

import io
import struct
import zlib

import numpy as np


def npy(values):
    """An array as NumPy saves it."""
    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()


def tiff(values, planar=False, packing="", order="<", rows=3, tile=(), predictor=1):
    """A TIFF of values (H, W, C), in strips of `rows` or in tiles (h, w); several pages from a list."""
    pages = values if isinstance(values, list) else [values]
    content = bytearray(b"II*\0" if order == "<" else b"MM\0*") + b"\0\0\0\0"
    link = 4
    for page in pages:
        height, width, samples = page.shape
        kind = {"u": 1, "i": 2, "f": 3}[page.dtype.kind]
        offsets, counts = [], []
        for plane in [page[..., [channel]] for channel in range(samples)] if planar else [page]:
            for piece in pieces(plane, tile or (rows, width), pads=bool(tile)):
                raw = predicted(piece, predictor, order)
                raw = {"": bytes, "deflate": zlib.compress, "lzw": lzw, "packbits": packbits}[packing](raw)
                offsets.append(len(content))
                counts.append(len(raw))
                content += raw
        packed = {"": 1, "lzw": 5, "deflate": 8, "packbits": 32773}[packing]
        entries = {256: [width], 257: [height], 258: [8 * page.dtype.itemsize] * samples, 259: [packed], 262: [1]}
        entries |= {277: [samples], 284: [2 if planar else 1], 317: [predictor], 339: [kind] * samples}
        if tile:
            entries |= {322: [tile[1]], 323: [tile[0]], 324: offsets, 325: counts}
        else:
            entries |= {273: offsets, 278: [rows], 279: counts}
        places = {}
        for tag, numbers in sorted(entries.items()):
            if len(numbers) > 1:
                places[tag] = len(content)
                content += struct.pack(f"{order}{len(numbers)}I", *numbers)
        struct.pack_into(f"{order}I", content, link, len(content))
        content += struct.pack(f"{order}H", len(entries))
        for tag, numbers in sorted(entries.items()):
            value = places.get(tag, numbers[0])
            content += struct.pack(f"{order}HHII", tag, 4, len(numbers), value)
        link = len(content)
        content += b"\0\0\0\0"
    return bytes(content)


def pieces(plane, size, pads):
    """The strips or tiles of values (H, W, C), row by row; tiles are whole, whatever they hang over."""
    for top in range(0, plane.shape[0], size[0]):
        for left in range(0, plane.shape[1], size[1]):
            piece = plane[top : top + size[0], left : left + size[1]]
            lacks = [most - have for most, have in zip(size, piece.shape, strict=False)]
            yield np.pad(piece, ((0, lacks[0]), (0, lacks[1]), (0, 0)), "edge") if pads else piece


def predicted(piece, predictor, order):
    """The bytes of a piece, each number less its left neighbour (2), or each byte of a row so (3)."""
    size, samples, content = piece.dtype.itemsize, piece.shape[2], bytearray()
    for row in piece:
        numbers = row.reshape(-1)
        raw = numbers.astype(numbers.dtype.newbyteorder(order)).tobytes()
        if predictor == 2:
            name = {"<": "little", ">": "big"}[order]
            whole = [int.from_bytes(raw[at : at + size], name) for at in range(0, len(raw), size)]
            left = [0] * samples + whole
            raw = b"".join(((n - m) % 256**size).to_bytes(size, name) for n, m in zip(whole, left, strict=False))
        elif predictor == 3:
            big = numbers.astype(numbers.dtype.newbyteorder(">")).tobytes()
            raw = b"".join(big[at::size] for at in range(size))
            left = bytes(samples) + raw
            raw = bytes((n - m) % 256 for n, m in zip(raw, left, strict=False))
        content += raw
    return bytes(content)


def lzw(raw):
    """LZW as section 13 of TIFF 6.0 writes it down, into a string of bits."""
    bits, table, known = format(256, "09b"), {bytes([value]): value for value in range(256)}, b""
    free, width = 258, 9
    for value in raw:
        longer = known + bytes([value])
        if longer in table:
            known = longer
            continue
        bits += format(table[known], f"0{width}b")
        table[longer] = free
        free, known = free + 1, bytes([value])
        width = 9 if free < 512 else 10 if free < 1024 else 11 if free < 2048 else 12
        if free == 4095:
            bits += format(256, "012b")
            table, free, width = {bytes([value]): value for value in range(256)}, 258, 9
    bits += format(table[known], f"0{width}b") if known else ""
    width = 9 if free + 1 < 512 else 10 if free + 1 < 1024 else 11 if free + 1 < 2048 else 12
    bits += format(257, f"0{width}b")
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def packbits(raw):
    """PackBits as section 9 of TIFF 6.0 defines them, a no-operation in front: runs of two bytes and more are runs."""
    packed, plain = bytearray(b"\x80"), b""
    while raw:
        run = next((count for count in range(1, len(raw)) if raw[count] != raw[0]), len(raw))
        run = min(run, 128)
        if plain and (run > 1 or len(plain) == 128):
            packed += bytes([len(plain) - 1]) + plain
            plain = b""
        if run > 1:
            packed += bytes([257 - run, raw[0]])
        else:
            plain += raw[:1]
        raw = raw[run:]
    return bytes(packed) + (bytes([len(plain) - 1]) + plain if plain else b"")


def png16(values, kinds):
    """A PNG of 16 bits by hand, each row with one of the filters."""
    height, width, channels = values.shape
    rows = values.astype(">u2").tobytes()
    step, length = 2 * channels, 2 * channels * width
    data, above = bytearray(), bytes(length)
    for number in range(height):
        line, kind = rows[number * length : (number + 1) * length], kinds[number % len(kinds)]
        data.append(kind)
        for place in range(length):
            left = line[place - step] if place >= step else 0
            corner = above[place - step] if place >= step else 0
            up = above[place]
            nearest = min(
                (abs(up - corner), 0, left), (abs(left - corner), 1, up), (abs(left + up - 2 * corner), 2, corner)
            )
            guess = [0, left, up, (left + up) // 2, nearest[2]][kind]
            data.append((line[place] - guess) % 256)
        above = line
    colours = {1: 0, 3: 2, 2: 4, 4: 6}[channels]

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 16, colours, 0, 0, 0)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(bytes(data))), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)
