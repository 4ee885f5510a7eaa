"""The manifest becomes pages: one typed context per template, Markdown for mkdocs and light HTML for single figures."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PrefixLoader, StrictUndefined, TemplateError

from generator import frontpage
from generator.pages import (
    anytwo,
    cases,
    changes,
    colours,
    compare,
    figure,
    findings,
    glossary,
    growth,
    hubs,
    image,
    layer,
    learn,
    lecture,
    method,
    model,
    report,
    sharing,
    units,
)
from generator.pages.gallery import (
    Gallery,
    figure_page,
    home_page,
    hub_page,
    image_page,
    layer_page,
    method_page,
    model_page,
    pair_image_page,
    pair_page,
    report_page,
)
from generator.pages.text import drawing, front_matter, prose, script_json, text, verbatim
from generator.types import InnerviewError

TEMPLATES: dict[str, type] = {
    "home.md": hubs.HomePage,
    "learn.md": learn.LearnPage,
    "reading.md": hubs.ReadingPage,
    "lecture.md": lecture.LecturePage,
    "growth.md": growth.GrowthPage,
    "cases.md": cases.CasesPage,
    "limits.md": cases.LimitsPage,
    "glossary.md": glossary.GlossaryPage,
    "images.md": hubs.ImagesPage,
    "models.md": hubs.ModelsPage,
    "methods.md": hubs.MethodsPage,
    "image.md": image.ImagePage,
    "model.md": model.ModelPage,
    "layer.md": layer.LayerPage,
    "findings.md": findings.FindingsPage,
    "method.md": method.MethodPage,
    "report.md": report.ReportPage,
    "compare.md": compare.ComparePage,
    "anytwo.md": anytwo.AnyTwoPage,
    "pair.md": compare.PairPage,
    "pair-image.md": compare.PairImagePage,
    "changes.md": changes.ChangesPage,
    "changes.html": changes.ChangesSheet,
    "figure.html": figure.FigurePage,
}
TAUGHT = "learn reading lecture growth cases limits glossary".split()
FOUND = "home images models methods method model compare anytwo pair".split()
SEARCHED = {f"{kind}.md" for kind in (*FOUND, *TAUGHT)}


def write_sources(manifest: dict[str, Any], folder: Path, templates: list[Path]) -> None:
    """Write the Markdown pages of `manifest` below `folder`, the site's sources (`site_src`).

    Files whose text is the same stay untouched; pages of an earlier manifest are removed.
    """
    environment, gallery = jinja(templates), Gallery(manifest)
    written = set()
    for name, context, page in _pages(gallery):
        file = folder / Path(page).with_suffix(".md")
        file = frontpage.place(file) if name == "home.md" else file
        head = _head(name, context, sharing.head(gallery, page, context))
        _write_changed(folder, file, head + render(environment, name, context))
        written.add(file)
    for file in (folder / "gallery").rglob("*.md"):
        if file not in written:
            file.unlink()


def write_figure_pages(
    manifest: dict[str, Any],
    site: Path,
    templates: list[Path],
    channels: Callable[[dict[str, Any]], dict[str, Any] | None],
) -> None:
    """Write one standalone page per figure into the built `site`, and its oEmbed answer where the site has an address.

    `channels(figure)` is `{"max": [..], "mean": [..], "zeros": [..]}` with a value per channel, or None; what layer
    pages show of them is laid beside those.
    """
    environment, gallery = jinja(templates), Gallery(manifest)
    axes, values = figure.Axes(gallery), {}
    for record in gallery.figures:
        numbers = channels(record)
        if record["method"] == "activations":
            values[record["id"]] = numbers
        context = figure.figure(gallery, record, numbers, axes)
        _write_changed(site, site / figure_page(record), render(environment, "figure.html", context))
        if context.oembed:
            answer = figure.oembed(gallery, record, context.plate)
            _write_changed(site, site / figure.oembed_file(record), json.dumps(answer, ensure_ascii=False) + "\n")
    for file, script in {**layer.data_scripts(gallery, values), **anytwo.data_scripts(gallery)}.items():
        _write_changed(site, site / file, script)


def write_unit_scripts(
    manifest: dict[str, Any], site: Path, channels: Callable[[str, str], dict[str, Any] | None]
) -> None:
    """Lay beside the layer pages of the built `site` what is known of each channel; `channels(model, layer)` knows."""
    units.write(manifest, site, channels)


def jinja(templates: list[Path]) -> Environment:
    """Templates from the first folder that has them; undefined names fail, and whatever is printed is escaped.

    The last folder's stay within reach as `innerview/<name>`, for one of the same name that adds to it.
    """
    ours = PrefixLoader({"innerview": FileSystemLoader(templates[-1])})
    environment = Environment(
        loader=ChoiceLoader([FileSystemLoader(templates), ours]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals |= {"PURPLE_GREEN": colours.PURPLE_GREEN, "LINES": colours.LINES}  # for the filters of browsers
    environment.filters |= {"text": text, "prose": prose, "verbatim": verbatim, "json": script_json, "drawing": drawing}
    return environment


def render(environment: Environment, name: str, context: Any) -> str:
    """One page's text: the template sees the fields of its context and nothing else.

    Raises `InnerviewError` for a template that cannot be read or asks for what is not there: galleries have their own.
    """
    try:
        return environment.get_template(name).render({f.name: getattr(context, f.name) for f in fields(context)})
    except TemplateError as error:
        line = f" line {error.lineno}:" if getattr(error, "lineno", None) else ""
        raise InnerviewError(f"template {getattr(error, 'name', None) or name}:{line} {error.message}") from error


def _pages(gallery: Gallery) -> Iterable[tuple[str, Any, str]]:
    """Template, context and place of every page that mkdocs builds."""
    yield "home.md", hubs.home(gallery), home_page()
    yield "learn.md", learn.learn(gallery), learn.LEARN
    yield "reading.md", hubs.reading(gallery), learn.READING
    yield "lecture.md", lecture.lecture(gallery), learn.LECTURE
    yield "cases.md", cases.cases(gallery), learn.CASES
    yield "limits.md", cases.limits(gallery), learn.LIMITS
    yield "glossary.md", glossary.glossary(gallery), learn.GLOSSARY
    yield "growth.md", growth.growth(gallery), learn.GROWTH
    yield "images.md", hubs.images(gallery), hub_page("images")
    yield "models.md", hubs.models(gallery), hub_page("models")
    yield "methods.md", hubs.methods(gallery), hub_page("methods")
    for key in gallery.images:
        yield "image.md", image.image(gallery, key), image_page(key)
    for slug in gallery.methods:
        yield "method.md", method.method(gallery, slug), method_page(slug)
    for slug in gallery.models:
        yield "model.md", model.model(gallery, slug), model_page(slug)
        yield "findings.md", findings.findings(gallery, slug), units.findings_page(slug)
        for name in gallery.layers_of(slug):
            yield "layer.md", layer.layer(gallery, slug, name), layer_page(slug, name)
        for key in gallery.images_of(slug):
            yield "report.md", report.report(gallery, slug, key), report_page(slug, key)
    yield "compare.md", compare.hub(gallery), hub_page("compare")
    yield "anytwo.md", anytwo.any_two(gallery), anytwo.ANY_TWO
    for models, entries in gallery.pairs.items():
        yield "pair.md", compare.pair(gallery, models), pair_page(*models)
        for key in dict.fromkeys(entry["image"] for entry in entries):
            yield "pair-image.md", compare.pair_image(gallery, models, key), pair_image_page(*models, key)
    yield from _changes(gallery)


def _changes(gallery: Gallery) -> Iterable[tuple[str, Any, str]]:
    """The page that tells what changed, of a build against another gallery."""
    if "changes" in gallery.manifest:
        yield "changes.md", changes.changes(gallery, gallery.manifest["changes"], changes.CHANGES), changes.CHANGES


def _head(name: str, context: Any, shared: dict[str, Any]) -> str:
    head: dict[str, Any] = {"title": context.title, "hide": ["navigation", "toc"], "template": "main.html", **shared}
    head["kind"] = name.removesuffix(".md")
    if name == "home.md":  # the front page bears the site's title alone
        del head["title"]
    if name not in SEARCHED:
        head["search"] = {"exclude": True}
    return front_matter(head)


def _write_changed(root: Path, file: Path, content: str) -> None:
    """Write a page below `root`; links that someone laid there are not followed."""
    if not file.parent.resolve().is_relative_to(root.resolve()):
        raise InnerviewError(f"{file.parent}: expected a folder below {root}, it is a link that leads out of it")
    if file.is_symlink():
        file.unlink()
    data = content.encode()
    if not file.exists() or file.read_bytes() != data:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
