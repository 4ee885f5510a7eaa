"""The card of a method: what planner and pages must know of it, without its code.

No method imports this module: their keys would depend on all of the drawing.
"""

from __future__ import annotations

import inspect

import generator.drawing.styles  # noqa: F401  (it registers our styles)
from generator.core.code_digest import closure_digest
from generator.core.docstrings import sections
from generator.core.plugins import PackageError
from generator.core.records import LAST, MethodCard
from generator.core.roles import ROLES
from generator.drawing.style_registry import style_card

from .method_registry import METHODS, Method, accepts, dependencies


def card(found: Method) -> MethodCard:
    """Return what the planner and the method's page must know, its text taken from the docstring.

    Raises `PackageError` for a style that nobody registered, and for a role or evidence that there is not.
    """
    if found.counts not in ("value", "size", "", None):
        raise PackageError(f"method {found.slug!r}: counts={found.counts!r}: expected value, size or nothing")
    if unknown := [role for role in found.roles if role not in ROLES]:
        raise PackageError(f"method {found.slug!r}: no role is called {unknown[0]!r}: expected {', '.join(ROLES)}")
    try:
        style = style_card(found.draw)
    except LookupError as error:
        raise PackageError(f"method {found.slug!r}: {error.args[0]}") from error
    text = sections(inspect.getdoc(found.function) or "")
    return MethodCard(
        slug=found.slug,
        title=found.title,
        family=found.family,
        style=style,
        cites=found.cites,
        summary=text["summary"],
        text=text["text"],
        formula=text["Formula"],
        reading=text["Reading"],
        limits=text["Limits"],
        inputs=found.inputs,
        axes=found.axes,
        parameters=found.parameters,
        at=found.at if "layer" in found.axes else "",
        preset=found.preset,
        passes=found.passes,
        per=found.per,
        accepts=accepts(found.function),
        key=closure_digest(*_modules(found.slug)),
        counts=_counts(found, style.counts),
        order=LAST if found.order is None else found.order,
        film=found.film,
        roles=found.roles,
    )


def _counts(found: Method, usual: str) -> str:
    """What counts in its map as evidence: what it says itself, else what is `usual` in its style."""
    if "image" not in found.axes or found.family == "optimisation":
        return ""  # what is painted, or learnt anew, explains no answer
    return usual if found.counts is None else found.counts


def _modules(name: str) -> set[str]:
    """The modules that hold method `name` and the methods it builds on."""
    return {METHODS[name].function.__module__}.union(*(_modules(other) for other in dependencies(name)))
