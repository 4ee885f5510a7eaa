"""A docstring as the parts of a page: summary, text, formula, reading and limits."""

from __future__ import annotations

import inspect


def sections(docstring: str) -> dict[str, str]:
    """Return a docstring as its summary, its text and the paragraphs that begin with "Formula:", "Reading:" or
    "Limits:".
    """
    parts = {"summary": "", "text": "", "Formula": "", "Reading": "", "Limits": ""}
    for number, paragraph in enumerate(filter(None, map(str.strip, docstring.split("\n\n")))):
        head, colon, rest = paragraph.partition(":")
        if colon and head in ("Formula", "Reading", "Limits"):
            parts[head] = inspect.cleandoc(rest) if head == "Formula" else " ".join(rest.split())
        elif number == 0:
            parts["summary"] = " ".join(paragraph.split())
        else:
            parts["text"] = "\n\n".join(filter(None, (parts["text"], " ".join(paragraph.split()))))
    return parts
