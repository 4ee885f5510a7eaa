"""A picture's file without the place where it was taken: found in EXIF, XMP and IPTC, and cut out of the bytes."""

from __future__ import annotations

import io
import re
import struct
import warnings
import zlib

from PIL import Image, ImageFile, IptcImagePlugin

from .decode import FORMATS, decode

GPS = 0x8825
TAGS = (0x0112, 0x013B, 0x8298)  # orientation, artist, copyright
XMP_PLACES = re.compile(rb"exif:GPS|photoshop:(City|State|Country)|Iptc4xmp(Core|Ext):(Location|City|Country)", re.I)
SUFFIXES = {"JPEG": ".jpg", "MPO": ".jpg", "PNG": ".png", "WEBP": ".webp", "GIF": ".gif", "BMP": ".bmp", "TIFF": ".tif"}
IPTC_PLACES = {(2, 90), (2, 92), (2, 95), (2, 100), (2, 101)}  # city, sublocation, state, country code and name


def located(content: bytes) -> bool:
    """Return whether a picture's metadata tell where it was taken."""
    picture, exif = _opened(content)
    if GPS in exif:
        return True
    return bool(XMP_PLACES.search(_xmp(picture, content))) or bool(IPTC_PLACES & _iptc(picture).keys())


def without_location(content: bytes) -> bytes:
    """Return the file of a located picture with none but these metadata: orientation, artist, copyright, colour
    profile.

    The pixels of JPEG, PNG and WebP stay as they are, byte by byte; other formats become PNG.
    Thumbnails and further pictures in the same file go too: they may say the same again.
    """
    picture, exif = _opened(content)
    kept = Image.Exif()
    for tag in TAGS:
        if tag in exif:
            kept[tag] = exif[tag]
    block = kept.tobytes() if len(kept) else b""
    if picture.format in ("JPEG", "MPO"):
        return _jpeg(content, block)
    if picture.format == "PNG":
        return _png(content, block.removeprefix(b"Exif\0\0"))
    if picture.format == "WEBP":
        return _webp(content, block)
    stream = io.BytesIO()
    decode(content)[0].save(stream, "PNG")
    return stream.getvalue()


def suffix(content: bytes) -> str:
    """Return how the file of a picture of this format is called: ".jpg"."""
    return SUFFIXES[_opened(content)[0].format]


def author(content: bytes) -> str:
    """Return whose picture it is, as its EXIF says; "" where it does not."""
    exif = _opened(content)[1]
    name = exif.get(0x013B) or exif.get(0x8298) or ""
    return " ".join(name.replace("\0", " ").split()) if isinstance(name, str) else ""


def _opened(content: bytes) -> tuple[ImageFile.ImageFile, Image.Exif]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # damaged tags
        picture = Image.open(io.BytesIO(content), formats=FORMATS)
        try:
            return picture, picture.getexif()
        except Exception:  # Pillow raises by kind of damage; what cannot be read names no place and no author
            return picture, Image.Exif()


def _xmp(picture: Image.Image, content: bytes) -> bytes:
    """XMP is plain text in all formats but where PNG compresses it."""
    packed = picture.info.get("xmp") or picture.info.get("XML:com.adobe.xmp") or b""
    return content + (packed.encode() if isinstance(packed, str) else packed)


def _iptc(picture: ImageFile.ImageFile) -> dict:
    try:
        return IptcImagePlugin.getiptcinfo(picture) or {}
    except Exception:  # Pillow raises by kind of damage; the bytes are removed all the same
        return {}


# --- the containers ---------------------------------------------------------------------------------

BEFORE_PIXELS = {0xE1, 0xED, 0xFE}  # Exif and XMP, IPTC, comments
SCAN, END = 0xDA, 0xD9


def _jpeg(content: bytes, exif: bytes) -> bytes:
    """Return the segments that are needed to show the first picture of the file, after `exif`."""
    out = [content[:2], b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif if exif else b""]
    place = 2
    while place + 4 <= len(content):
        marker = content[place + 1]
        if marker == 0xFF:  # padding
            place += 1
            continue
        if marker == END:
            break
        stop = place + 2 + struct.unpack(">H", content[place + 2 : place + 4])[0]
        more_pictures = marker == 0xE2 and content[place + 4 : place + 8] == b"MPF\0"
        if marker == SCAN:
            ending = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]").search(content, stop)
            stop = ending.start() if ending else len(content)
        if marker not in BEFORE_PIXELS and not more_pictures:
            out.append(content[place:stop])
        place = stop
    return b"".join([*out, b"\xff\xd9"])


def _png(content: bytes, exif: bytes) -> bytes:
    """Return all chunks but those of text and of metadata; `exif` before the pixels."""
    out, place = [content[:8]], 8
    while place + 12 <= len(content):
        (length,), kind = struct.unpack(">I", content[place : place + 4]), content[place + 4 : place + 8]
        stop = place + 12 + length
        if kind not in (b"eXIf", b"tEXt", b"zTXt", b"iTXt"):
            out.append(content[place:stop])
        if kind == b"IHDR" and exif:
            checked = b"eXIf" + exif
            out.append(struct.pack(">I", len(exif)) + checked + struct.pack(">I", zlib.crc32(checked)))
        place = stop
        if kind == b"IEND":
            break
    return b"".join(out)


def _webp(content: bytes, exif: bytes) -> bytes:
    """Return all chunks but EXIF and XMP, whose flags in the header are set to what is there."""
    chunks, place = [], 12
    while place + 8 <= len(content):
        kind, (length,) = content[place : place + 4], struct.unpack("<I", content[place + 4 : place + 8])
        body = content[place + 8 : place + 8 + length]
        if kind == b"VP8X":
            body = bytes([body[0] & ~0x0C | (0x08 if exif else 0)]) + body[1:]
        if kind not in (b"EXIF", b"XMP "):
            chunks.append((kind, body))
        place += 8 + length + length % 2
    chunks += [(b"EXIF", exif)] if exif else []
    inner = b"".join(kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2) for kind, body in chunks)
    return b"RIFF" + struct.pack("<I", len(inner) + 4) + b"WEBP" + inner
