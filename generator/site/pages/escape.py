"""Text that reaches a page: escaped, folded into one line, or verbatim."""

from __future__ import annotations

import json
import re
from typing import Any

from markupsafe import Markup, escape

from generator.core.text import HALVES, HARMLESS

CODE = re.compile(r"`([^`]+)`")
PAIRED = re.compile(r"\\(?:(ud[89ab]..)\\ud[c-f]..|.)")  # an escape of JSON; of two halves the first is a group
BLANKS = re.compile(r"[^\S\xa0]+")  # a no-break space is none
FOLDED = HARMLESS | dict.fromkeys(HALVES, " ")


def text(value: Any) -> Markup:
    """`value` as one line of HTML text, safe in an element and in a quoted attribute.

    >>> str(text("<b>\\n{{ x }}"))
    '&lt;b&gt; {{ x }}'
    """
    return escape(fold(str(value)))


def fold(value: str) -> str:
    """Return one line: control characters become spaces, marks that turn the direction of what follows go, and spaces
    that keep a number and its unit on one line stay.
    """
    return BLANKS.sub(" ", value.translate(FOLDED)).strip()


def prose(value: str) -> Markup:
    """Return a docstring's plain paragraphs as HTML, with `code` marked.

    >>> str(prose("Weigh `A`.\\n\\nSum."))
    '<p>Weigh <code>A</code>.</p><p>Sum.</p>'
    """
    blocks = [str(text(block)) for block in re.split(r"\n\s*\n", value) if block.strip()]
    return Markup("").join(Markup("<p>{}</p>").format(Markup(CODE.sub(r"<code>\1</code>", block))) for block in blocks)


def front_matter(fields: dict[str, Any]) -> str:
    """Return the head of a Markdown page. The theme prints these unescaped, so strings are HTML-safe before they are
    JSON.
    """
    return f"---\n{_as_yaml(json.dumps(_safe(fields), sort_keys=True))}\n---\n"


def _as_yaml(text: str) -> str:
    """Return JSON as YAML reads it, which knows no character as two halves: emoji among others."""
    return PAIRED.sub(lambda found: json.loads(f'"{found[0]}"') if found[1] else found[0], text)


def _safe(value: Any) -> Any:
    """Return the same with every string in it, however deep, as HTML text."""
    if isinstance(value, dict):
        return {key: _safe(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_safe(part) for part in value]
    return str(text(value)) if isinstance(value, str) else value


def verbatim(value: str) -> Markup:
    """Return text that keeps its lines and their indent, for formulae and snippets.

    >>> str(verbatim("a\\n  <b>"))
    'a\\n  &lt;b&gt;'
    """
    return Markup("\n").join(" " * (len(line) - len(line.lstrip(" "))) + text(line) for line in value.split("\n"))


def drawing(value: Markup) -> Markup:
    """Return a drawing of `plots`, which escapes the words in it, as it is; raises `TypeError` for anything else."""
    if not isinstance(value, Markup):
        raise TypeError(f"expected a drawing, there is {type(value).__name__}")
    return value


def script_json(value: Any) -> Markup:
    """JSON that cannot end the script element it stands in."""
    plain = json.dumps(value, separators=(",", ":"))
    return Markup(plain.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))
