"""A report as the seed of a post: its stages one by one, its maps and its credit, in HTML, Markdown or frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from generator.config.validation import nearest
from generator.core.errors import ConfigError
from generator.core.manifest_types import FigureRecord, ImageRecord, ModelStage, PredictionRecord
from generator.core.roles import INPUT
from generator.pipeline.manifest_reader import read_manifest
from generator.site.export import base
from generator.site.pages import components, embed_snippets, format
from generator.site.pages.attribution import LABEL, RIVAL
from generator.site.pages.embed_snippets import Taken, plain
from generator.site.pages.escape import fold, text
from generator.site.pages.manifest_index import NOTHING, Gallery
from generator.site.pages.urls import figure_page, gallery_file, report_page

WALK_KINDS = ("html", "markdown", "iframe")
COLUMN = 640  # screen pixels across of a post's text: pictures are no wider
MAPS = ("region", "relevance", "guided", "strength", "direction")  # roles of the maps that close a walk
LISTENER = """<script>
addEventListener("message", function (event) {
  if (!event.data || event.data.type !== "innerview:height") return;
  document.querySelectorAll("iframe").forEach(function (frame) {
    if (frame.contentWindow === event.source) frame.style.height = event.data.height + "px";
  });
});
</script>"""


@dataclass(frozen=True)
class Picture:
    """A picture of a post and the words under it, not escaped yet."""

    taken: Taken
    caption: str
    is_page: bool = True  # its address is a figure's page, which a frame can show


@dataclass(frozen=True)
class Section:
    """A heading of a post with what stands under it, not escaped yet."""

    title: str
    words: list[str]  # paragraphs
    pictures: list[Picture]
    answers: list[components.Bar]  # a list of classes with their probabilities


@dataclass(frozen=True)
class Walk:
    """A whole post."""

    title: str
    sections: list[Section]  # the first is the introduction and has no title
    credit: list[str]  # closing lines
    report: str  # the address of the interactive page


def walk_as(site: Path, model: str, image: str, kind: str, url: str = "") -> str:
    """Return the report of `image` by `model` (slugs) as a post in one of `WALK_KINDS`.

    It has the photo, the network's input, each stage with its layer, shape and receptive field, the class
    probabilities, the maps for the label and the runner-up, and credit, licence and digests. `url` is the address of
    the site where gallery.yml does not state it. Raises `ConfigError` for a model or an image that the site at `site`
    does not have, with the nearest name.
    """
    gallery = Gallery(read_manifest(site / "gallery" / "manifest.json"))
    check_names(gallery, site, model, image)
    post = walk(gallery, model, image, base(gallery, url, needed=True))
    return {"html": as_html, "markdown": as_markdown, "iframe": as_frames}[kind](post)


def check_names(gallery: Gallery, site: Path, model: str, image: str) -> None:
    """Raise `ConfigError`, with the nearest name, where there is no report of `image` by `model`."""
    if model not in gallery.models:
        raise ConfigError(f"{model}: no such model in {site}{nearest(model, gallery.models)}")
    if image not in gallery.images:
        raise ConfigError(f"{image}: no such image in {site}{nearest(image, gallery.images_of(model))}")
    if image not in gallery.images_of(model):
        reports = ", ".join(gallery.images_of(model)) or "none"
        raise ConfigError(f"{image}: no report by {model}; it has reports of: {reports}")


def walk(gallery: Gallery, model: str, image: str, start: str) -> Walk:
    """Return the report of an image by a model as a post; `start` is the address of the site."""
    card, example = gallery.models[model], gallery.images[image]
    report = embed_snippets.address(start, report_page(model, image))
    activations = gallery.of_layer(model, image)
    return Walk(
        title=f"{example['title']} in {card['title']}, layer by layer",
        sections=[
            _introduction(gallery, model, image, start, report),
            *(
                _stage(gallery, model, stage, number, activations.get(stage["layer"]), start)
                for number, stage in enumerate(card["stages"], start=1)
                if number < len(card["stages"])
            ),
            *_answers(gallery, model, image),
            *_maps(gallery, model, image, start),
        ],
        credit=[
            _photo_credit(example) + " Figures made from it keep its licence.",
            f"Weights of {card['title']}: SHA-256 {card['digest']}.",
            f"Made with Innerview {gallery.manifest['generator']['innerview']}.",
        ],
        report=report,
    )


def _introduction(gallery: Gallery, model: str, image: str, start: str, report: str) -> Section:
    card, example = gallery.models[model], gallery.images[image]
    size = " × ".join(str(side) for side in card["input"]["size"][1:])
    pictures = [_photo(example, start, report)]
    network_input = gallery.in_role(model, image, INPUT)
    if network_input and network_input["status"] == "drawn":
        pictures.append(_picture(gallery, network_input, start, f"The network's input: {size} pixels."))
    stages = len(card["stages"])
    follows = (
        f"This post follows the image through {stages} stages, " if stages > 1 else "This post shows the network, "
    )
    words = [_prediction(gallery.predictions.get((model, image))), follows + "from the input to the prediction."]
    return Section("", [" ".join(filter(None, words))], pictures, [])


def _photo(example: ImageRecord, start: str, report: str) -> Picture:
    width = min(COLUMN, example["size"][0])
    taken = Taken(
        id=example["id"],
        page=report,
        file=embed_snippets.address(start, gallery_file(example["photo"])),
        alt=fold(example["alt"] or example["title"]),
        title=fold(example["title"]),
        credit="",
        width=width,
        height=max(1, round(width * example["size"][1] / example["size"][0])),
        crisp=False,
        board=(example["size"][0], example["size"][1]),
    )
    return Picture(taken, _photo_credit(example), is_page=False)


def _photo_credit(example: ImageRecord) -> str:
    """Return `Photo: Frog, Jo Example, CC0-1.0.`, which says so where a licence is not stated."""
    stated = [example["title"], example["credit"] or "author not stated", example["licence"] or "licence not stated"]
    return f"Photo: {fold(', '.join(stated))}."


def _prediction(prediction: PredictionRecord | None) -> str:
    """Return a sentence about the prediction; "" where there is none."""
    verdict = components.verdict(prediction)
    if not verdict:
        return ""
    sentence = f"The network predicts {verdict.predicted}" + (f" ({verdict.percent})" if verdict.percent else "")
    if verdict.state == "right":
        return f"{sentence}, which matches the label."
    if verdict.state == "wrong":
        share = f" ({verdict.label_percent})" if verdict.label_percent else ""
        return f"{sentence}. The label is {verdict.label}{share}."
    return f"{sentence}."


def _stage(
    gallery: Gallery, model: str, stage: ModelStage, number: int, figure: FigureRecord | None, start: str
) -> Section:
    layer = gallery.layer(model, stage["layer"]) or NOTHING
    field, shape = layer.get("receptive_field"), layer.get("shape", ())
    facts = [f"Layer {stage['layer']}"]
    facts += [f"output {format.shape(shape)}"] if shape else []
    facts += [f"receptive field {field[0]} × {field[1]} px" if field else "receptive field: the whole input"]
    words, pictures = [", ".join(facts) + "."], []
    if figure is None:
        words.append("Its activations are not part of this gallery.")
    elif figure["status"] != "drawn":
        words.append(f"Its activations are not rendered: {figure['reason'] or 'no reason given'}.")
    else:
        pictures.append(_picture(gallery, figure, start, _activations_caption(gallery, figure)))
    return Section(f"{number}. {stage['title']}", words, pictures, [])


def _activations_caption(gallery: Gallery, figure: FigureRecord) -> str:
    """Return how many squares a stage has and what they are, and the ends of their scale."""
    view = components.figure_view(gallery, figure, figure_page(figure))
    caption = f"{view.title}."
    if view.cells:
        channels = figure["sprite"]["channels"]
        shown = len(figure["sprite"].get("shown", range(channels)))
        squares = "channels" if len(figure["shape"]) == 3 else "values"
        caption = f"{shown if shown == channels else f'{shown} of {channels}'} {squares}, one per square."
    if view.scale:
        clipped = f", {view.scale.clipped}" if view.scale.clipped else ""
        caption += f" Colours from {view.scale.low} to {view.scale.high}{clipped}."
    return caption + (f" {figure['note'].rstrip('.')}." if figure["note"] else "")


def _answers(gallery: Gallery, model: str, image: str) -> list[Section]:
    """Return the last stage: the most probable classes, or what else the network answers."""
    card, bars = gallery.models[model], components.bars(gallery.predictions.get((model, image)))
    stages = card["stages"]
    title = f"{len(stages)}. {stages[-1]['title']}" if stages else "Prediction"
    sentence = _prediction(gallery.predictions.get((model, image)))
    return [Section(title, [sentence] if sentence else [], [], bars)] if sentence or bars else []


def _maps(gallery: Gallery, model: str, image: str, start: str) -> list[Section]:
    """Return the maps for the label and the runner-up, a method of each role."""
    pictures, classes, summarised = [], [], set()
    for role in MAPS:
        for targets in (LABEL, RIVAL):
            figure = gallery.in_role(model, image, role, targets)
            if not figure or figure["status"] != "drawn":
                continue
            name = figure["target"]["name"] if figure["target"] else ""
            classes.append(name)
            method = gallery.methods[figure["method"]]
            summary = method["summary"] if method["slug"] not in summarised else ""
            summarised.add(method["slug"])
            title = embed_snippets.named(method["title"], figure["layer"], name)
            pictures.append(_picture(gallery, figure, start, f"{title}. {summary}".strip()))
    if not pictures:
        return []
    compared = " or ".join(dict.fromkeys(filter(None, classes)))
    explained = "value" if gallery.models[model]["output"]["kind"] == "value" else "score"
    words = [f"Each map attributes the {explained} of {compared} to input pixels."] if compared else []
    return [Section("Which pixels drove the prediction?", words, pictures, [])]


def _picture(gallery: Gallery, figure: FigureRecord, start: str, caption: str) -> Picture:
    view = components.figure_view(gallery, figure, figure_page(figure))
    taken = embed_snippets.take(gallery, figure, view, start)
    return Picture(embed_snippets.within(taken, COLUMN), fold(caption))


# --- as a post ----------------------------------------------------------------------------------------


def as_html(post: Walk) -> str:
    """Return `<article>` with a `<figure>` for each picture, which leads to its page; no script is needed."""
    return _article(post, _figure)


def as_frames(post: Walk) -> str:
    """Return the same with figures' own pages in frames, and the few lines that set the height each asks for."""
    return _article(post, lambda picture: _frame(picture) if picture.is_page else _figure(picture)) + "\n" + LISTENER


def _article(post: Walk, show: Callable[[Picture], str]) -> str:
    lines = ['<article class="innerview-walk">', f"<h2>{text(post.title)}</h2>"]
    for section in post.sections:
        lines += [f"<h3>{text(section.title)}</h3>"] if section.title else []
        lines += [f"<p>{text(words)}</p>" for words in section.words if words]
        lines += [show(picture) for picture in section.pictures]
        if section.answers:
            listed = "".join(f"<li>{text(bar.name)}: {text(bar.percent)}</li>" for bar in section.answers)
            lines.append(f"<ol>{listed}</ol>")
    lines += [f"<p><small>{text(' '.join(post.credit))}</small></p>"]
    lines += [f'<p><a href="{text(post.report)}">The interactive report</a></p>', "</article>"]
    return "\n".join(lines)


def _figure(picture: Picture) -> str:
    return (
        f'<figure style="margin: 1em 0">\n  <a href="{text(picture.taken.page)}">'
        f"{embed_snippets.image(picture.taken)}</a>\n  <figcaption>{text(picture.caption)}</figcaption>\n</figure>"
    )


def _frame(picture: Picture) -> str:
    return f"{embed_snippets.iframe(picture.taken)}\n<p><small>{text(picture.caption)}</small></p>"


def as_markdown(post: Walk) -> str:
    """Return the post in Markdown of every dialect: pictures that lead to their pages, captions in italics."""
    lines = [f"## {plain(post.title)}"]
    for section in post.sections:
        lines += [f"### {plain(section.title)}"] if section.title else []
        lines += [plain(words) for words in section.words if words]
        for picture in section.pictures:
            taken = picture.taken
            lines += [f"[![{plain(taken.alt)}]({taken.file})]({taken.page})", f"*{plain(picture.caption)}*"]
        if section.answers:
            lines.append("\n".join(f"1. {plain(f'{bar.name}: {bar.percent}')}" for bar in section.answers))
    return "\n\n".join([*lines, plain(" ".join(post.credit)), f"[The interactive report]({post.report})"])
