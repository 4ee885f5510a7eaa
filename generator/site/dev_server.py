"""A gallery that is built anew whenever its sources change, and pages that notice: for `innerview serve`."""

from __future__ import annotations

import functools
import io
import os
import time
from collections.abc import Callable
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote, urlsplit

from generator.config.settings import load
from generator.core import resources
from generator.core.errors import InnerviewError
from generator.pipeline.options import Options

from . import following, mkdocs_hooks

AGAIN = 1000  # milliseconds between two looks of an open page
EVERY = 0.5  # seconds between two looks: a gallery has few sources, and looking works on every file system
SUFFIXES = (".py", ".yml", ".yaml", ".txt", ".safetensors")  # of sources beside gallery.yml
FOLLOW, EDITION = "/-/follow.js", "/-/edition.js"  # served here alone: the published site knows nothing of them
HOSTS = {"127.0.0.1", "localhost", "[::1]"}  # names under which it answers
Seen = dict[Path, tuple[int, int, int]]


class Built:
    """How often the site was built; a page that knows another number is old."""

    times = 0


def keep_building(options: Options, build: Callable[[], Any], say: Callable[[str], None], built: Built) -> None:
    """Call `build` whenever a source has changed and all have come to rest, until interrupted.

    What stops a build is told, and the site stays as it was.
    """
    before = sources(options)
    while True:
        time.sleep(EVERY)
        now = sources(options)
        if now == before:
            continue
        while (later := _after_a_moment(options)) != now:  # an editor may write several files, or one in pieces
            now = later
        changed = [path for path in now.keys() | before.keys() if now.get(path) != before.get(path)]
        before = now
        if not changed:
            continue
        say(f"changed: {_named(changed)}")
        try:
            build()
        except InnerviewError as error:
            say(f"{error}\nThe site is unchanged; fix this to rebuild.")
        else:
            built.times += 1


def sources(options: Options) -> Seen:
    """Return what people write for a gallery, each with size, time and inode: settings, pictures, templates, pages,
    code.
    """
    try:
        pictures = load(options.config).images_folder
    except InnerviewError:  # to be mended; meanwhile the usual place
        pictures = options.root / "images"
    files = [path for path in options.root.iterdir() if path.suffix in SUFFIXES]
    files += [options.config] if options.config else []
    for folder in (pictures, options.root / "templates", options.root / "site_src"):
        files += _below(folder)
    laid = options.root / resources.ASSETS
    seen = {path: _seen(path) for path in files if not path.is_relative_to(laid)}
    return {path: status for path, status in seen.items() if status}


def server(site: Path, port: int, built: Built, host: str = "127.0.0.1") -> ThreadingHTTPServer:
    """Return a server of the site whose pages load themselves again after a build; on a free port for `port=0`."""
    return ThreadingHTTPServer((host, port), functools.partial(_Live, directory=str(site), built=built))


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and keeps what was asked for to itself."""

    extensions_map = {**SimpleHTTPRequestHandler.extensions_map, ".webp": "image/webp"}

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Live(Quiet):
    """Puts a script into each page on its way out."""

    server: ThreadingHTTPServer

    def __init__(self, *arguments: Any, built: Built, **named: Any) -> None:
        self.built = built
        super().__init__(*arguments, **named)

    def parse_request(self) -> bool:
        """Only what is asked of this machine by name is answered, and only for paths that can be.

        A page elsewhere may have its own name lead here (DNS rebinding), and would then read what is served.
        """
        if not super().parse_request():
            return False
        host = self.headers.get("Host", "")
        if host.removesuffix(f":{self.server.server_port}").lower() not in HOSTS:
            self.send_error(421, f"expected one of {', '.join(sorted(HOSTS))} as host")
            return False
        if any(ord(character) < 32 for character in unquote(urlsplit(self.path).path)):
            self.send_error(400, "expected a path without control characters")
            return False
        return True

    def send_head(self) -> BinaryIO | None:
        """Return what goes out for a path: the script, a page with it, or any other file as it is."""
        path = urlsplit(self.path).path
        if path == FOLLOW:
            return self._answer(following.code(), "text/javascript")
        if path == EDITION:
            return self._answer(following.edition(self.built.times), "text/javascript")
        file = Path(self.translate_path(self.path))
        file = file / "index.html" if path.endswith("/") else file
        if file.suffix == ".html" and file.is_file():
            return self._answer(self._followed(file), "text/html; charset=utf-8")
        return super().send_head()

    def _followed(self, file: Path) -> bytes:
        """Return a page that follows the next build, and this server alone."""
        wishes = {"edition": str(self.built.times), "poll": EDITION, "every": str(AGAIN)}
        page = following.TAG.sub(b"", file.read_bytes())
        if following.follows(page):
            wishes["path"] = ""
            page = following.versioned(page, file.parent)
        return following.tagged(page, FOLLOW, **wishes)

    def end_headers(self) -> None:
        """Nothing may be kept: the next build can put another file in its place."""
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def _answer(self, content: bytes, kind: str) -> BinaryIO:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        return io.BytesIO(content)


def _after_a_moment(options: Options) -> Seen:
    time.sleep(EVERY / 2)
    return sources(options)


def _below(folder: Path) -> list[Path]:
    """Return the files below a folder that people write, without hidden and generated ones."""
    files: list[Path] = []
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in ("gallery", "__pycache__") and not name.startswith(".")]
        files += [Path(parent) / name for name in names if not name.startswith(".")]
    return [path for path in files if not (path.suffix == ".md" and mkdocs_hooks.generated(path))]


def _seen(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:  # gone meanwhile
        return None
    return status.st_size, status.st_mtime_ns, status.st_ino


def _named(paths: list[Path]) -> str:
    names = sorted({path.name for path in paths})
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
