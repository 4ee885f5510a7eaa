"""Every way we know in which a picture file can be odd or bad, laid into a folder; and what is to become of it."""

from __future__ import annotations

import os
import socket
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms


@dataclass(frozen=True)
class Case:
    """A file and what is to become of it: `read`, or a line that contains `said`."""

    file: str
    put: Callable[[Path], object]  # lays it at a path
    read: bool
    said: str = ""  # in the note of a picture that is read, in the line about one that is not


def cases() -> list[Case]:
    """All of them; each has a file name of its own."""
    found = [
        *shapes(),
        *kinds(),
        *moving(),
        *turned(),
        *profiles(),
        *damaged(),
        *foreign(),
        *bombs(),
        *names(),
        *links(),
    ]
    assert len({case.file for case in found}) == len(found)
    return found


# --- small pictures -----------------------------------------------------------------------------------


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def encoded(picture: Image.Image, kind: str = "PNG", **options) -> bytes:
    file = BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def good(file: str, content: bytes, said: str = "") -> Case:
    return Case(file, lambda path: path.write_bytes(content), True, said)


def bad(file: str, content: bytes, said: str) -> Case:
    return Case(file, lambda path: path.write_bytes(content), False, said)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *chunks: bytes, data: bytes = b"") -> bytes:
    """A PNG of 8-bit greys with any header one likes."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


# --- what is to be read -------------------------------------------------------------------------------


def shapes() -> Iterator[Case]:
    """Sizes that few have tried."""
    for width, height in ((1, 1), (1, 20_000), (20_000, 1), (30_000, 40), (2, 3), (1025, 7)):
        yield good(f"size {width}x{height}.png", encoded(Image.new("RGB", (width, height), (9, 90, 200))))


def kinds() -> Iterator[Case]:
    """Modes and formats."""
    photo = noise(20, 16)
    half = Image.fromarray(np.dstack([np.asarray(photo), np.full((16, 20), 128, np.uint8)]))
    for kind in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"):
        yield good(f"format {kind}.{kind.lower()}", encoded(photo, kind))
    yield good("cmyk.jpg", encoded(photo.convert("CMYK"), "JPEG"))
    yield good("cmyk of a print.tiff", encoded(photo.convert("CMYK"), "TIFF"))
    deep = Image.fromarray(np.linspace(0, 65535, 320).astype(np.uint16).reshape(16, 20))
    yield good("sixteen bits.png", encoded(deep), "16 bits a pixel reduced to 8")
    yield good("sixteen bits of a scan.tif", encoded(deep, "TIFF"), "16 bits a pixel reduced to 8")
    whole = Image.fromarray(np.arange(320, dtype=np.int32).reshape(16, 20) * 1_000_000)
    yield good("thirty-two bits.tiff", encoded(whole, "TIFF"), "drawn black")
    floats = Image.fromarray(np.linspace(-2, 3, 320, dtype=np.float32).reshape(16, 20))
    yield good("floats.tiff", encoded(floats, "TIFF"), "-2 drawn black, 3 white")
    yield good("lab.tiff", encoded(photo.convert("LAB"), "TIFF"), "colours from Lab")
    yield good("grey.png", encoded(photo.convert("L")))
    yield good("one bit.png", encoded(photo.convert("1")))
    yield good("palette.png", encoded(photo.quantize(16)))
    yield good("grey and alpha.png", encoded(half.convert("LA")), "transparent")
    yield good("colour and alpha.png", encoded(half), "transparent")
    yield good("colour and alpha of a page.webp", encoded(half, "WEBP"), "transparent")
    palette = Image.new("P", (20, 16), 0)
    palette.putpalette([10, 20, 30, 40, 50, 60])
    yield good("palette with transparency.png", encoded(palette, transparency=0), "transparent")
    yield good("grey with transparency.png", encoded(Image.new("L", (20, 16), 7), transparency=7), "transparent")
    yield good("progressive.jpg", encoded(photo, "JPEG", progressive=True))
    yield good("wrong extension png.jpg", encoded(photo))
    yield good("wrong extension jpeg.png", encoded(photo, "JPEG"))
    yield good("wrong extension webp.gif", encoded(photo, "WEBP"))


def moving() -> Iterator[Case]:
    """More than one frame: the first is taken."""
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("white", "red", "blue")]
    for kind in ("GIF", "WEBP", "PNG", "TIFF"):
        content = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
        yield good(f"moving {kind}.{kind.lower()}", content, "first frame of 3")


STORED = {  # how a camera that notes this orientation has stored an upright picture
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a, -1),
}


def turned() -> Iterator[Case]:
    """EXIF's eight orientations, all of one upright picture; and values that are none."""
    upright = np.zeros((16, 24, 3), np.uint8)
    upright[:8, :12], upright[:8, 12:], upright[8:, :12] = (220, 0, 0), (0, 220, 0), (0, 0, 220)
    for value in (*STORED, 0, 9, 65535):
        exif = Image.Exif()
        exif[0x0112] = value
        stored = np.ascontiguousarray(STORED.get(value, STORED[1])(upright))
        content = encoded(Image.fromarray(stored), "JPEG", exif=exif.tobytes(), quality=95)
        yield good(f"turned {value}.jpg", content)


def profiles() -> Iterator[Case]:
    """Metadata that is damaged, or says little."""
    srgb, lab = (ImageCms.ImageCmsProfile(ImageCms.createProfile(kind)).tobytes() for kind in ("sRGB", "LAB"))
    photo, unusable = noise(20, 16), "its colour profile is not usable"
    yield good("broken exif.jpg", encoded(photo, "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xffgarbage"))
    yield good("broken exif in a png.png", encoded(photo, exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff"))
    yield good("profile srgb.png", encoded(photo, icc_profile=srgb))
    yield good("profile of another space.png", encoded(photo, icc_profile=lab), unusable)
    yield good("profile garbage.jpg", encoded(photo, "JPEG", icc_profile=b"no profile at all"), unusable)
    yield good("profile cut off.png", encoded(photo, icc_profile=srgb[: len(srgb) // 3]), unusable)


# --- what is not --------------------------------------------------------------------------------------


def damaged() -> Iterator[Case]:
    """Halves of pictures, and pictures with a piece of another in them."""
    for kind in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"):
        content = encoded(noise(64, 64), kind)
        yield bad(f"truncated {kind}.{kind.lower()}", content[: len(content) // 2], f"truncated {kind}")
    content = encoded(noise(64, 64))
    yield bad("wrong checksum.png", content[:60] + b"\0\1\2\3" + content[64:], "it is damaged")
    yield bad("header alone.jpg", encoded(noise(9, 9), "JPEG")[:20], "a JPEG file whose header is damaged")
    yield bad("no data.png", png(20, 20), "it is damaged")
    yield bad("no size.png", png(0, 0), "a PNG file whose header is damaged")
    yield bad("no frames.gif", b"GIF89a\x08\0\x08\0\0\0\0;", "GIF")


def foreign() -> Iterator[Case]:
    """Other things under a picture's name."""
    yield bad("zero bytes.png", b"", "there is an empty file")
    yield bad("text.jpg", b"just words\nin lines", "there is text: 'just words'")
    yield bad("page.jpg", b"<!DOCTYPE html><html>not found</html>", "there is an HTML page")
    yield bad("drawing.png", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "there is an SVG drawing")
    yield bad("pointer.png", b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer without its file")
    yield bad("apple.jpg", b"\0\0\0\x18ftypheic\0\0\0\0", "a HEIC, AVIF or video file")
    yield bad("archive.png", b"PK\x03\x04" + bytes(40), "something that begins with 50 4b 03 04")
    yield bad("icon.png", encoded(noise(16, 16), "ICO"), "expected a JPEG, PNG, WebP, AVIF, GIF, BMP or TIFF picture")
    yield bad("blank.jpg", b"\n\n   \n", "there is text")
    yield bad("escape.jpg", b"\x1b[2J\x1b[31m", "something that begins with 1b 5b")


def bombs() -> Iterator[Case]:
    """Small files that mean large ones."""
    many = zlib.compress(bytes(40_000_000), 9)
    yield bad("bomb by header.png", png(60_000, 60_000), "expected at most 100,000,000 pixels")
    yield bad("bomb just above.png", png(10_001, 10_001), "expected at most 100,000,000 pixels")
    yield bad("bomb in a text.png", png(9, 9, chunk(b"zTXt", b"a\0\0" + many)), "header is damaged")
    yield bad("bomb of rows.png", png(99_999, 1_000_000, data=many[:9000]), "expected at most 100,000,000 pixels")
    gif = b"GIF89a" + struct.pack("<HH", 65_535, 65_535) + b"\0\0\0"
    yield bad("bomb.gif", gif, "expected")


# --- names --------------------------------------------------------------------------------------------

ODD = (
    "Größe und 漢字.png",
    "  spaces   around  .png",
    "-rf.png",
    "a..b.png",
    "two.dots.in.it.png",
    "UPPER.PNG",
    "percent %2e%2e%2f.png",
    "new\nline.png",
    "escape \x1b[2J.png",
    "right \u202eto left.png",
    "<img src=x onerror=canary()>.png",
    "quotes ' and \".png",
    "{{ 7*7 }} {% raw %}.png",
    "pipe | and ` tick.png",
    "frog \U0001f438.png",
    "n" * 251 + ".png",
    os.fsdecode(b"half \xe9.png"),
)


def names() -> Iterator[Case]:
    """Names that are odd, those that are the site's own, and those that become one after slugging."""
    for number, name in enumerate(ODD):
        yield good(name, encoded(noise(20, 16, seed=100 + number)))
    yield good("First OF two.png", encoded(noise(20, 16, seed=50)))
    yield good("same content.png", encoded(noise(20, 16, seed=50)))
    yield bad("first of two.png", encoded(noise(20, 16)), "the id 'first-of-two' is taken")
    yield bad("first-of-two.jpg", encoded(noise(20, 16), "JPEG"), "the id 'first-of-two' is taken")
    yield bad("back\\slash.png", encoded(noise(20, 16)), "expected a name without a backslash")
    for name in ("models", "index", "assets"):
        yield bad(f"{name}.png", encoded(noise(20, 16)), f"the id {name!r} is a folder of the site")


def links() -> Iterator[Case]:
    """What is no file, or leads elsewhere."""
    yield Case("link inside.png", lambda path: path.symlink_to("grey.png"), True)
    yield Case("link outside.png", lambda path: path.symlink_to("/etc/hostname"), False, "it leads out of it")
    yield Case("link upwards.png", lambda path: path.symlink_to("../gallery.yml"), False, "it leads out of it")
    yield Case("link device.png", lambda path: path.symlink_to("/dev/zero"), False, "it leads out of it")
    yield Case("link nowhere.png", lambda path: path.symlink_to("gone.png"), False, "file not found")
    yield Case("link round.png", lambda path: path.symlink_to(path.name), False, "lead round in a circle")
    yield Case("folder.png", lambda path: path.mkdir(), False, "expected a picture file, it is a folder")
    yield Case("linked folder", lambda path: path.symlink_to("."), False, "expected a folder of pictures, it is a link")
    yield Case("socket.png", _socket, False, "it is a device or socket")
    if hasattr(os, "mkfifo"):
        yield Case("pipe.png", os.mkfifo, False, "it is a pipe")


def _socket(path: Path) -> None:
    short = os.open(path.parent, os.O_RDONLY)  # a socket's address has room for 107 bytes
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(f"/proc/self/fd/{short}/{path.name}")
    finally:
        os.close(short)
