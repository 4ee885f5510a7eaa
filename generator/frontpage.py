"""A front page that someone wrote, with the gallery's own where a line `<!-- gallery -->` stands; a hook of mkdocs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

MARK = "<!-- gallery -->"
OURS = ".home.md"  # the gallery's own, beside an index.md that someone wrote; mkdocs builds no hidden files
HEAD, END = b"---\n{", "\n---\n"  # pages that are generated begin with JSON


def place(index: Path) -> Path:
    """Where the gallery's own front page is written: `index`, unless someone wrote that."""
    aside = index.with_name(OURS)
    if index.is_file() and not generated(index):
        return aside
    aside.unlink(missing_ok=True)
    return index


def generated(page: Path) -> bool:
    """Whether a page was written by a build."""
    try:
        with page.open("rb") as file:
            return file.read(len(HEAD)) == HEAD
    except OSError:  # gone meanwhile
        return False


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str | None:
    """What mkdocs asks of each page: its Markdown, None where it stays."""
    ours = Path(config.docs_dir, OURS)
    if page.file.src_uri != "index.md" or not ours.is_file():
        return None
    head, _, body = ours.read_text(encoding="utf-8").removeprefix("---\n").partition(END)
    page.meta = {**json.loads(head), **page.meta}
    return markdown.replace(MARK, f"\n{body}\n", 1)
