"""The manifest becomes pages: one typed context per template, Markdown for mkdocs and light HTML for single figures."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PrefixLoader, StrictUndefined

from generator.pages import compare, figure, hubs, image, layer, lecture, method, model, report, sharing
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
from generator.pages.text import front_matter, prose, text, verbatim

TEMPLATES: dict[str, type] = {
    "home.md": hubs.HomePage,
    "reading.md": hubs.ReadingPage,
    "lecture.md": lecture.LecturePage,
    "images.md": hubs.ImagesPage,
    "models.md": hubs.ModelsPage,
    "methods.md": hubs.MethodsPage,
    "image.md": image.ImagePage,
    "model.md": model.ModelPage,
    "layer.md": layer.LayerPage,
    "method.md": method.MethodPage,
    "report.md": report.ReportPage,
    "compare.md": compare.ComparePage,
    "pair.md": compare.PairPage,
    "pair-image.md": compare.PairImagePage,
    "figure.html": figure.FigurePage,
}
SEARCHED = {f"{kind}.md" for kind in "home reading lecture images models methods method model compare pair".split()}


def write_sources(manifest: dict[str, Any], folder: Path, templates: list[Path]) -> None:
    """Write the Markdown pages of `manifest` below `folder`, the site's sources (`site_src`).

    Files whose text is the same stay untouched; pages of an earlier manifest are removed.
    """
    environment, gallery = jinja(templates), Gallery(manifest)
    written = set()
    for name, context, page in _pages(gallery):
        file = folder / Path(page).with_suffix(".md")
        head = _head(name, context, sharing.head(gallery, page, context))
        _write_changed(file, head + render(environment, name, context))
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
        _write_changed(site / figure_page(record), render(environment, "figure.html", context))
        if context.oembed:
            answer = figure.oembed(gallery, record, context.plate)
            _write_changed(site / figure.oembed_file(record), json.dumps(answer, ensure_ascii=False) + "\n")
    for file, script in layer.data_scripts(gallery, values).items():
        _write_changed(site / file, script)


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
    environment.filters |= {"text": text, "prose": prose, "verbatim": verbatim}
    return environment


def render(environment: Environment, name: str, context: Any) -> str:
    """One page's text: the template sees the fields of its context and nothing else."""
    return environment.get_template(name).render({f.name: getattr(context, f.name) for f in fields(context)})


def _pages(gallery: Gallery) -> Iterable[tuple[str, Any, str]]:
    """Template, context and place of every page that mkdocs builds."""
    yield "home.md", hubs.home(gallery), home_page()
    yield "reading.md", hubs.reading(gallery), hubs.READING
    yield "lecture.md", lecture.lecture(gallery), lecture.LECTURE
    yield "images.md", hubs.images(gallery), hub_page("images")
    yield "models.md", hubs.models(gallery), hub_page("models")
    yield "methods.md", hubs.methods(gallery), hub_page("methods")
    for key in gallery.images:
        yield "image.md", image.image(gallery, key), image_page(key)
    for slug in gallery.methods:
        yield "method.md", method.method(gallery, slug), method_page(slug)
    for slug in gallery.models:
        yield "model.md", model.model(gallery, slug), model_page(slug)
        for name in gallery.layers_of(slug):
            yield "layer.md", layer.layer(gallery, slug, name), layer_page(slug, name)
        for key in gallery.images_of(slug):
            yield "report.md", report.report(gallery, slug, key), report_page(slug, key)
    yield "compare.md", compare.hub(gallery), hub_page("compare")
    for models, entries in gallery.pairs.items():
        yield "pair.md", compare.pair(gallery, models), pair_page(*models)
        for key in dict.fromkeys(entry["image"] for entry in entries):
            yield "pair-image.md", compare.pair_image(gallery, models, key), pair_image_page(*models, key)


def _head(name: str, context: Any, shared: dict[str, Any]) -> str:
    head: dict[str, Any] = {"title": context.title, "hide": ["navigation", "toc"], "template": "main.html", **shared}
    head["kind"] = name.removesuffix(".md")
    if name == "home.md":  # the front page bears the site's title alone
        del head["title"]
    if name not in SEARCHED:
        head["search"] = {"exclude": True}
    return front_matter(head)


def _write_changed(file: Path, content: str) -> None:
    data = content.encode()
    if not file.exists() or file.read_bytes() != data:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
