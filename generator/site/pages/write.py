"""The manifest becomes pages: one typed context per template, Markdown for mkdocs and light HTML for single figures."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PrefixLoader, StrictUndefined, TemplateError

from generator.core.errors import InnerviewError
from generator.core.manifest_types import FigureRecord, Manifest
from generator.site import mkdocs_hooks
from generator.site.assets import ASSETS

from . import (
    architectures,
    case_studies,
    changes,
    channel_table,
    class_page,
    compare_any,
    components,
    diagnostics_page,
    figure,
    glossary,
    home,
    image,
    index_pages,
    layer,
    lecture,
    limits,
    live,
    method,
    model,
    model_pairs,
    report,
    search_entries,
    social_meta,
    tutorials,
)
from .escape import drawing, front_matter, prose, script_json, text, verbatim
from .manifest_index import Gallery
from .urls import (
    figure_page,
    home_page,
    hub_page,
    image_page,
    images_pages,
    layer_page,
    method_page,
    model_page,
    pair_image_page,
    pair_page,
    report_page,
)

TEMPLATES: dict[str, type] = {
    "pages/home.md": home.HomePage,
    "pages/learn.md": tutorials.LearnPage,
    "pages/reading.md": index_pages.ReadingPage,
    "pages/lecture.md": lecture.LecturePage,
    "pages/growth.md": architectures.GrowthPage,
    "pages/cases.md": case_studies.CasesPage,
    "pages/limits.md": limits.LimitsPage,
    "pages/glossary.md": glossary.GlossaryPage,
    "pages/images.md": index_pages.ImagesPage,
    "pages/models.md": index_pages.ModelsPage,
    "pages/methods.md": index_pages.MethodsPage,
    "pages/image.md": image.ImagePage,
    "pages/model.md": model.ModelPage,
    "pages/layer.md": layer.LayerPage,
    "pages/class.md": class_page.ClassPage,
    "pages/findings.md": diagnostics_page.FindingsPage,
    "pages/method.md": method.MethodPage,
    "pages/report.md": report.ReportPage,
    "pages/compare.md": model_pairs.ComparePage,
    "pages/compare-figures.md": compare_any.CompareFiguresPage,
    "pages/pair.md": model_pairs.PairPage,
    "pages/pair-image.md": model_pairs.PairImagePage,
    "pages/changes.md": changes.ChangesPage,
    "standalone/changes.html": changes.ChangesSheet,
    "standalone/figure.html": figure.FigurePage,
    "standalone/live.html": live.LivePage,
}
TAUGHT = "learn reading lecture growth cases limits glossary".split()
# Pages whose text mkdocs indexes; `search_entries` says what search knows of the others.
SEARCHED = {f"pages/{kind}.md" for kind in ("home", *TAUGHT) if kind != "glossary"}


def write_sources(
    manifest: Manifest, folder: Path, templates: list[Path], channels: report.Channels = report.no_channels
) -> None:
    """Write the Markdown pages of `manifest` below `folder`, the site's sources (`site_src`).

    `channels` is that of `write_figure_pages`; reports show the channels of largest value, where it knows them.
    Files whose text is the same stay untouched; pages of an earlier manifest are removed.
    """
    environment, gallery = jinja(templates), Gallery(manifest, channels)
    written = set()
    macros: Any = environment.get_template("macros/figure.html").module

    def drawn(view: components.FigureView) -> str:
        return str(macros.figure(view))

    for name, context, page in _pages(gallery, channels):
        file = folder / Path(page).with_suffix(".md")
        file = mkdocs_hooks.place(file) if name == "pages/home.md" else file
        head = _head(name, context, social_meta.head(gallery, page, context))
        _write_changed(folder, file, head + _folded(render(environment, name, context)))
        written.add(file)
        if isinstance(context, report.ReportPage):
            script = file.with_name(context.script)
            _write_changed(folder, script, report.data_script(context, drawn))
            written.add(script)
    search_entries.write(gallery, folder)
    for pattern in ("*.md", report.SCRIPT):
        for file in (folder / "gallery").rglob(pattern):
            if file not in written:
                file.unlink()


def write_figure_pages(
    manifest: Manifest,
    site: Path,
    templates: list[Path],
    channels: Callable[[FigureRecord], dict[str, Any] | None],
) -> None:
    """Write one standalone page per figure into the built `site`, and its oEmbed answer where the site has an address.

    `channels(figure)` is `{"max": [..], "mean": [..], "zeros": [..]}` with a value per channel, `{"cells": [..]}` of a
    coarse map, or None; what layer pages show of channels is laid beside those.
    """
    environment, gallery = jinja(templates), Gallery(manifest, channels)
    axes, values = figure.Axes(gallery), {}
    for record in gallery.figures:
        numbers = channels(record)
        if record["method"] == gallery.activations:
            values[record["id"]] = numbers
        context = figure.figure(gallery, record, numbers, axes)
        _write_changed(site, site / figure_page(record), render(environment, "standalone/figure.html", context))
        if context.oembed:
            answer = figure.oembed(gallery, record, context.figure)
            _write_changed(site, site / figure.oembed_file(record), json.dumps(answer, ensure_ascii=False) + "\n")
    for scripts in (
        layer.data_scripts(gallery, values),
        compare_any.data_scripts(gallery),
        index_pages.data_scripts(gallery),
    ):
        for file, script in scripts.items():
            _write_changed(site, site / file, script)


def write_unit_scripts(manifest: Manifest, site: Path, channels: Callable[[str, str], dict[str, Any] | None]) -> None:
    """Lay beside the layer pages of the built `site` what is known of each channel; `channels(model, layer)` knows."""
    channel_table.write(manifest, site, channels)


def write_live_page(manifest: Manifest, site: Path, templates: list[Path]) -> None:
    """Write the page on which visitors try pictures of their own into the built `site`, where a network is live."""
    if context := live.live(Gallery(manifest)):
        _write_changed(site, site / live.LIVE, render(jinja(templates), "standalone/live.html", context))


def jinja(templates: list[Path]) -> Environment:
    """Templates from the first folder that has them; undefined names fail, and whatever is printed is escaped.

    The last folder's stay within reach as `innerview/<name>`, for one of the same name that adds to it.
    """
    for own in templates[:-1]:
        _check_names(own, templates[-1])
    if (*templates,) in _prepared:
        return _prepared[*templates,]
    ours = PrefixLoader({"innerview": FileSystemLoader(templates[-1])})
    environment = Environment(
        loader=ChoiceLoader([FileSystemLoader(templates), ours]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals["ASSETS"] = ASSETS
    environment.filters |= {"text": text, "prose": prose, "verbatim": verbatim, "json": script_json, "drawing": drawing}
    return environment


_prepared: dict[tuple[Path, ...], Environment] = {}  # by folders of templates


def prepare(templates: list[Path]) -> None:
    """Compile all templates now, for pages that this process, which has no long life, writes later."""
    environment = jinja(templates)
    macros = environment.list_templates(filter_func=lambda name: name.startswith("macros/"))
    for name in (*macros, *TEMPLATES):
        with contextlib.suppress(TemplateError):  # `render` says what is wrong with it
            environment.get_template(name)
    _prepared[*templates,] = environment


# Former names whose present one is not that in another folder.
MOVED = {
    "anytwo.md": "pages/compare-figures.md",
    "_page.html": "macros/nav.html",
    "_compare.html": "macros/comparison.html",
}
MOVED |= {"_belief.html": "macros/faithfulness.html", "_units.html": "macros/channel-table.html"}


def _check_names(own: Path, ours: Path) -> None:
    """Raise `InnerviewError` where a gallery's template has a name that no page asks for any more."""
    for file in sorted(own.glob("*.*")):
        folders = ["macros"] if file.name.startswith("_") else ["pages", "standalone"]
        places = (f"{folder}/{file.name.removeprefix('_')}" for folder in folders)
        if moved := MOVED.get(file.name) or next((place for place in places if (ours / place).is_file()), ""):
            raise InnerviewError(
                f"templates/{file.name}: templates are in folders now, this one is templates/{moved}; "
                'move it there (names: "Customise pages" in the documentation)'
            )


def render(environment: Environment, name: str, context: Any) -> str:
    """Return one page's text: the template sees the fields of its context and nothing else.

    Raises `InnerviewError` for a template that cannot be read or asks for what is not there: galleries have their own.
    """
    try:
        return environment.get_template(name).render({f.name: getattr(context, f.name) for f in fields(context)})
    except TemplateError as error:
        number = getattr(error, "lineno", None)
        line = f" line {number}:" if number else ""
        raise InnerviewError(f"template {getattr(error, 'name', None) or name}:{line} {error.message}") from error


def _pages(gallery: Gallery, channels: report.Channels) -> Iterable[tuple[str, Any, str]]:
    """Template, context and place of every page that mkdocs builds."""
    yield "pages/home.md", home.home(gallery), home_page()
    yield "pages/learn.md", tutorials.learn(gallery), tutorials.LEARN
    yield "pages/reading.md", index_pages.reading(gallery), tutorials.READING
    yield "pages/lecture.md", lecture.lecture(gallery), tutorials.LECTURE
    yield "pages/cases.md", case_studies.cases(gallery), tutorials.CASES
    yield "pages/limits.md", limits.limits(gallery), tutorials.LIMITS
    yield "pages/glossary.md", glossary.glossary(gallery), tutorials.GLOSSARY
    yield "pages/growth.md", architectures.growth(gallery), tutorials.GROWTH
    for number, page in enumerate(images_pages(len(gallery.images)), 1):
        yield "pages/images.md", index_pages.images(gallery, number), page
    yield "pages/models.md", index_pages.models(gallery), hub_page("models")
    yield "pages/methods.md", index_pages.methods(gallery), hub_page("methods")
    for key in gallery.images:
        yield "pages/image.md", image.image(gallery, key), image_page(key)
    for slug in gallery.methods:
        yield "pages/method.md", method.method(gallery, slug), method_page(slug)
    for slug in gallery.models:
        yield "pages/model.md", model.model(gallery, slug), model_page(slug)
        yield "pages/findings.md", diagnostics_page.findings(gallery, slug), channel_table.findings_page(slug)
        for name in gallery.layers_of(slug):
            yield "pages/layer.md", layer.layer(gallery, slug, name), layer_page(slug, name)
        for index in gallery.classes.of(slug):
            yield "pages/class.md", class_page.class_of(gallery, slug, index), gallery.classes.page(slug, index)
        for key in gallery.images_of(slug):
            yield "pages/report.md", report.report(gallery, slug, key, channels), report_page(slug, key)
    yield "pages/compare.md", model_pairs.hub(gallery), hub_page("compare")
    yield "pages/compare-figures.md", compare_any.compare_figures(gallery), compare_any.COMPARE_FIGURES
    for models in gallery.pairs:
        yield "pages/pair.md", model_pairs.pair(gallery, models), pair_page(*models)
        for key in gallery.compared(models):
            yield "pages/pair-image.md", model_pairs.pair_image(gallery, models, key), pair_image_page(*models, key)
    yield from _changes(gallery)


def _changes(gallery: Gallery) -> Iterable[tuple[str, Any, str]]:
    """Yield the page that tells what changed, of a build against another gallery."""
    if "changes" in gallery.manifest:
        yield (
            "pages/changes.md",
            changes.changes(gallery, gallery.manifest["changes"], changes.CHANGES),
            changes.CHANGES,
        )


BLANK = re.compile(r"\n\s*\n")


def _folded(page: str) -> str:
    """Return a page of HTML without the empty lines that templates leave; one with text as it was typed stays."""
    return page if "<pre" in page else BLANK.sub("\n", page)


def _head(name: str, context: Any, shared: dict[str, Any]) -> str:
    head: dict[str, Any] = {"title": context.title, "hide": ["navigation", "toc"], "template": "main.html", **shared}
    head["kind"] = Path(name).stem
    if name == "pages/home.md":  # the front page bears the site's title alone
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
