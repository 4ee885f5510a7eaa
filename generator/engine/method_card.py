"""The card of a method: what planner and pages must know of it, without its code.

No method imports this module: their keys would depend on all of the drawing.
"""

from __future__ import annotations

import inspect

import generator.drawing.styles  # noqa: F401  (it registers our styles)
from generator.core.bounds import bounds
from generator.core.code_digest import closure_digest
from generator.core.docstrings import sections
from generator.core.plugins import PackageError
from generator.core.records import LAST, MethodCard
from generator.core.roles import ROLES
from generator.drawing.style_registry import style_card

from .method_registry import METHODS, Method, accepts, dependencies


def card(method: Method) -> MethodCard:
    """Return what the planner and the method's page must know, its text taken from the docstring.

    Raises `PackageError` for a style that nobody registered, and for a role or evidence that there is not.
    """
    if method.counts not in ("value", "size", "", None):
        raise PackageError(f"method {method.slug!r}: counts={method.counts!r}: expected value, size or nothing")
    if unknown := [role for role in method.roles if role not in ROLES]:
        raise PackageError(f"method {method.slug!r}: no role is called {unknown[0]!r}: expected {', '.join(ROLES)}")
    try:
        style = style_card(method.draw)
    except LookupError as error:
        raise PackageError(f"method {method.slug!r}: {error.args[0]}") from error
    text = sections(inspect.getdoc(method.function) or "")
    return MethodCard(
        slug=method.slug,
        title=method.title,
        family=method.family,
        style=style,
        cites=method.cites,
        summary=text["summary"],
        text=text["text"],
        formula=text["Formula"],
        reading=text["Reading"],
        limits=text["Limits"],
        inputs=method.inputs,
        axes=method.axes,
        parameters=method.parameters,
        at=method.at if "layer" in method.axes else "",
        preset=method.preset,
        passes=method.passes,
        per=method.per,
        accepts=accepts(method.function),
        bounds=bounds(method.function),
        key=closure_digest(*_modules(method.slug)),
        counts=_counts(method, style.counts),
        order=LAST if method.order is None else method.order,
        film=method.film,
        roles=method.roles,
    )


def _counts(method: Method, usual: str) -> str:
    """Return what counts in its map as evidence: what it says itself, else what is `usual` in its style."""
    if "image" not in method.axes or method.family == "optimisation":
        return ""  # what is painted, or learnt anew, explains no answer
    return usual if method.counts is None else method.counts


def _modules(name: str) -> set[str]:
    """Return the modules that hold method `name` and the methods it builds on."""
    return {METHODS[name].function.__module__}.union(*(_modules(other) for other in dependencies(name)))
