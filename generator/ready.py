"""Pages that are HTML already go past Markdown, which would read every tag of theirs to find no Markdown; a hook."""

from __future__ import annotations

from typing import Any

WHOLE = '<div class="page ', "</div>"  # how a generated page begins and ends


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str | None:
    """What mkdocs asks of each page: its Markdown, of which a page of HTML has none."""
    text = markdown.strip()
    if not (text.startswith(WHOLE[0]) and text.endswith(WHOLE[1])):
        return None
    page.ready = text
    return ""


def on_page_content(html: str, page: Any, config: Any, files: Any) -> str | None:
    """What mkdocs made of it: nothing, and here is the page."""
    return getattr(page, "ready", None)
