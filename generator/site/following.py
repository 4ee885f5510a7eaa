"""Pages that become their next edition while they are open: what they load for it, which a finished site never has."""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import zlib
from html import escape, unescape
from pathlib import Path
from urllib.parse import unquote, urlsplit

HERE = Path(__file__).parent
SCRIPT = "follow.js"
LAST = "last"  # the edition of a finished site
POLICY = b'http-equiv="Content-Security-Policy"'  # a page with one is loaded again: it may read nothing
TAG = re.compile(rb'<script src="[^"]*follow\.js" data-edition=[^>]*></script>')
ASSET = re.compile(rb'<(?:img|script|link rel="stylesheet")\b[^>]*?\b(?:src|href)="([^"]+)"(?! data-version)')


def code() -> bytes:
    """Return the script of a page that follows: the library that compares two editions, and what does so."""
    return b"\n".join((HERE / name).read_bytes() for name in ("idiomorph.min.js", SCRIPT))


def edition(number: int) -> bytes:
    """Return the script that is asked for again and again: which edition there is."""
    return b"innerviewEdition(%d);\n" % number


def follows(page: bytes) -> bool:
    """Return whether a page is exchanged in place."""
    return POLICY not in page


def tagged(page: bytes, source: str, **settings: str) -> bytes:
    """Return a page that loads the script at `source` when its content is there, before its own scripts see that.

    Settings are `edition`, `poll` (the address of `edition()`) and `every` (milliseconds); for pages that follow also
    `path` (below the site), and for those that may be opened from a disk `pages` (what leads to the folder of `keep`);
    `last` where a poll that fails means that the site is finished.
    """
    words = "".join(f' data-{name}="{escape(value)}"' for name, value in settings.items())
    tag = f'<script src="{escape(source)}"{words}></script>'.encode()
    content = max(page.rfind(b"</main>"), page.find(b"<body"), 0)
    own = page.find(b"<script src=", content) if follows(page) else -1
    place = own if own >= 0 else page.rfind(b"</body>")
    return page[:place] + tag + page[place:] if place >= 0 else page + tag


def versioned(page: bytes, folder: Path) -> bytes:
    """Return a page in `folder` that says of each picture, script and style sheet which version it shows."""

    def marked(found: re.Match[bytes]) -> bytes:
        version = _version(folder / unquote(urlsplit(unescape(found[1].decode())).path))
        return found[0] + (f' data-version="{version}"'.encode() if version else b"")

    return ASSET.sub(marked, page)


def keep(site: Path, folder: Path, name: str) -> None:
    """Write the pages of an edition as scripts, which pages may load that were opened from a disk, into `folder/name`.

    The edition before is kept for pages that are about to ask for it; what is older is removed.
    """
    former = sorted((path for path in folder.glob("*") if path.name != name), key=lambda path: path.stat().st_mtime)
    for path in former[:-1]:
        shutil.rmtree(path, ignore_errors=True)
    for page in site.rglob("*.html"):
        content = page.read_bytes()
        if not follows(content):
            continue
        place = folder / name / f"{page.relative_to(site).as_posix()}.js"
        place.parent.mkdir(parents=True, exist_ok=True)
        words = json.dumps(versioned(content, page.parent).decode("utf-8", "replace"))
        place.write_text(f"innerviewPage({words});\n", encoding="ascii")


def _version(file: Path) -> str:
    """Return what tells the content of a file from another; "" where there is none."""
    try:
        status = file.stat()
        return _checksum(file, status.st_mtime_ns, status.st_size, status.st_ino)
    except (OSError, ValueError):
        return ""


@functools.lru_cache(maxsize=1 << 16)
def _checksum(file: Path, *status: int) -> str:
    return f"{zlib.crc32(file.read_bytes()):08x}"


def leading(site: Path, folder: Path) -> str:
    """Return the relative address that leads from the root of a published site to a folder; "" where none does."""
    try:
        way = os.path.relpath(folder.resolve(), site.resolve())
    except ValueError:  # on another drive
        return ""
    return Path(way).as_posix() + "/"
