"""The figure page: one picture that can be linked, checked, downloaded and taken away, without the rest of the site."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from generator.analysis import objectives
from generator.core.answer_kinds import PIXEL
from generator.core.manifest_types import FigureRecord, ImageRecord, MethodRecord, ModelRecord
from generator.core.roles import ACTIVATIONS, FILTERS
from generator.pipeline.manifest import LARGEST_ARRAY_BYTES

from . import compare_any, components, embed_snippets, faithfulness, format, social_meta
from .browser_palettes import colour_controls
from .components import FigureView, Link, Pager
from .manifest_index import MODEL_LEVEL, NOTHING, Gallery, Keys
from .model import Fact
from .tutorials import READING
from .urls import figure_page, home_page, image_page, layer_page, method_page, model_page, relative, report_page

TABLED = {"reached", "channels", "classes", "layers", *objectives.RIVALS}  # numbers that a table of pictures shows
UNKNOWN_SITE = "https://your.site/"  # where a gallery does not know its address: the browser puts in its own


@dataclass(frozen=True)
class Snippet:
    """Something to copy."""

    id: str
    title: str
    text: str
    lines: int


@dataclass(frozen=True)
class Objective:
    """What one optimised picture reached, beside what plain grey and the best image reach."""

    name: str
    reached: str
    rivals: list[str]
    beaten: bool  # whether it reached more than each of them


@dataclass(frozen=True)
class FigurePage:
    """What templates/standalone/figure.html needs."""

    id: str
    title: str
    description: str
    root: str  # the way to the site's root, "" or ending in a slash
    site: str
    home: str
    reading: str
    breadcrumb: list[Link]
    pager: list[Pager]
    figure: FigureView
    image: str
    model: Link
    layer: Link | None  # the same layer in every image
    method: Link
    summary: str
    how_to_read: str
    credit: str
    licence: str
    made_from: str
    proof: faithfulness.Proof | None  # its faithfulness
    objectives: list[Objective]  # of pictures made by optimisation
    rivals: list[str]  # heads of their columns
    numbers: list[Fact]
    provenance: list[Fact]
    download: str
    compare: str  # where it can be set beside any other figure; "" where it has no picture
    compare_image: Link | None  # beside the same figure of the next image; None where there is no other
    array: Link | None  # its raw values as a file, with what it is
    raw: Snippet | None  # the command that writes its numbers
    raw_note: str  # why there is that command, or none
    snippets: list[Snippet]
    caption: str  # the one line under the picture where it stands alone in a frame
    permalink: str
    shown: tuple[int, int]  # its width and height there, if there is room
    canvas: tuple[int, int]  # its width and height on the page
    oembed: str  # the address of the oEmbed answer; "" where the gallery does not know its own
    share: social_meta.Tags  # for those who share the page's address
    channels: dict[str, Any] | None  # for the channel browser, None where there is none
    colour_controls: dict[str, Any] | None  # the colours that it offers, None where they mean no values


def figure(gallery: Gallery, record: FigureRecord, channels: dict[str, Any] | None, axes: Axes) -> FigurePage:
    """Return the page of one figure; `channels` are its numbers per channel, `axes` its neighbours."""
    page = figure_page(record)
    method, model = gallery.methods.get(record["method"], NOTHING), gallery.models[record["model"]]
    example = gallery.images.get(record["image"])
    title = method.get("title", record["method"])
    view = components.figure_view(gallery, record, page)
    taken = embed_snippets.take(gallery, record, view, base(gallery)) if view.src else None
    return FigurePage(
        id=record["id"],
        title=title + (f", {example['title']}" if example else f", {model['title']}"),
        description=view.alt,
        root=relative("index.html", page).removesuffix("index.html"),
        site=gallery.site["title"],
        home=relative(home_page(), page),
        reading=relative(READING, page),
        breadcrumb=_breadcrumb(gallery, record, title, page),
        pager=axes.pager(gallery, record, page),
        figure=view,
        image=example["title"] if example else "",
        model=Link(model["title"], relative(model_page(model["slug"]), page)),
        layer=_layer(gallery, record, page),
        method=Link(title, relative(method_page(record["method"]), page)),
        summary=method.get("summary", ""),
        how_to_read=method.get("reading", ""),
        credit=example["credit"] if example else "",
        licence=example["licence"] if example else "",
        made_from=relative(image_page(example["id"]), page) if example else "",
        proof=faithfulness.proof(gallery, record, page),
        objectives=_objectives(record),
        rivals=[rival[:1].upper() + rival[1:] for rival in objectives.RIVALS if rival in record["numbers"]],
        numbers=_numbers(record, view, model["output"]["kind"]),
        provenance=_provenance(gallery, record, model, method, example),
        download=record["file"].rsplit("/", 1)[-1],
        compare=compare_any.href(record, page) if view.src else "",
        compare_image=axes.other_image(gallery, record, page) if view.src else None,
        array=_array(record),
        raw=command(record) if view.src and not _several(record) else None,
        raw_note=_raw_note(record) if view.src else "",
        snippets=to_copy(gallery, record, taken) if taken else [],
        caption=taken.caption if taken else embed_snippets.sentence(gallery, record),
        permalink=page.rpartition("/")[2],
        shown=embed_snippets.shown(view),
        canvas=view.enlarged.size if view.enlarged else embed_snippets.shown(view),
        oembed=base(gallery) + oembed_file(record) if taken and gallery.site["url"] else "",
        share=social_meta.figure(gallery, record, view),
        channels=channels if record["sprite"] else None,
        colour_controls=colour_controls(record["scale"])
        if view.cells and gallery.style(record["method"]).values == "channels"
        else None,
    )


def _layer(gallery: Gallery, record: FigureRecord, page: str) -> Link | None:
    if not record["layer"]:
        return None
    shown = record["method"] in map(gallery.with_role, (ACTIVATIONS, FILTERS)) and gallery.at_layer(
        record["model"], record["layer"]
    )
    return Link(record["layer"], relative(layer_page(record["model"], record["layer"]), page) if shown else "")


class Axes:
    """The neighbours of every figure: the next picture of the same report, and the same picture of the next image."""

    def __init__(self, gallery: Gallery):
        self._reports = {key: [f["id"] for f in gallery.report(*key)] for key in gallery._reports}
        self._same: dict[tuple[str, ...], Keys] = {}
        self._records = {f["id"]: f for f in gallery.figures}
        for record in gallery.figures:
            self._same.setdefault(self._kind(record), Keys()).append(record["id"])

    def pager(self, gallery: Gallery, record: FigureRecord, page: str) -> list[Pager]:
        def to_picture(key: str) -> Link:
            other = self._records[key]
            title = gallery.methods.get(other["method"], NOTHING).get("title", other["method"])
            return Link(embed_snippets.title_of(title, other), relative(figure_page(other), page))

        def to_image(key: str) -> Link:
            other = self._records[key]
            return Link(gallery.images[other["image"]]["title"], relative(figure_page(other), page))

        steps = [components.pager("picture", self._reports[record["model"], record["image"]], record["id"], to_picture)]
        if record["image"] in gallery.images and len(self._same[self._kind(record)]) > 1:
            steps.append(components.pager("image", self._same[self._kind(record)], record["id"], to_image))
        return steps

    def other_image(self, gallery: Gallery, record: FigureRecord, page: str) -> Link | None:
        """Return the way to this figure beside that of the next image, of the first one behind the last."""
        same = self._same[self._kind(record)]
        if record["image"] not in gallery.images or len(same) < 2:
            return None
        other = self._records[same[(same.index(record["id"]) + 1) % len(same)]]
        return Link(gallery.images[other["image"]]["title"], compare_any.href(record, page, other))

    @staticmethod
    def _kind(record: FigureRecord) -> tuple[str, ...]:
        role = (record["target"] or NOTHING).get("role", "")
        return (
            "model" if record["image"] == MODEL_LEVEL else "image",
            record["model"],
            record["method"],
            record["layer"],
            "label" if role == "top" else role,
            record["style"],
        )


def _breadcrumb(gallery: Gallery, record: FigureRecord, title: str, page: str) -> list[Link]:
    model = gallery.models[record["model"]]
    breadcrumb = [
        Link("Home", relative(home_page(), page)),
        Link(model["title"], relative(model_page(record["model"]), page)),
    ]
    if record["image"] in gallery.images:
        image = gallery.images[record["image"]]
        breadcrumb.append(Link(image["title"], relative(report_page(record["model"], record["image"]), page)))
    return [*breadcrumb, Link(embed_snippets.title_of(title, record), "")]


def _numbers(record: FigureRecord, view: FigureView, kind: str) -> list[Fact]:
    listed = []
    if record["target"]:
        target = record["target"]
        role = {"label": "label", "top": "predicted", "rival": "most probable other class"}
        role["pixel"] = "predicted at this pixel"
        role |= {
            "binary": {"top": "predicted", "rival": "opposite class"},
            "labels": {"top": "most probable label", "rival": "next most probable label"},
            "mask": {"top": "largest mask", "rival": "next largest mask"},
        }.get(kind, {})
        named = "Label" if kind == "labels" else "Class"
        if kind == "value":
            listed.append(Fact("Explained", f"the value {target['name']}"))
        else:
            listed.append(Fact(f"{named} explained", f"{target['name']} ({role.get(target['role'], target['role'])})"))
        if target.get("probability") is not None:
            mean = kind == "mask" and target["role"] != PIXEL
            named = "Mean probability where predicted" if mean else "Probability"
            listed.append(Fact(named, format.percent(target["probability"])))
    if record["shape"]:
        listed.append(Fact("Raw array", format.shape(record["shape"])))
    if view.values:
        listed.append(Fact("Values", view.values))
    if view.scale:
        span = f"{view.scale.low} to {view.scale.high}"
        listed.append(Fact("Colour scale", span + (f", {view.scale.clipped}" if view.scale.clipped else "")))
    if record["width"]:
        listed.append(Fact("Image size", f"{record['width']} × {record['height']} pixels"))
    if record["sprite"] and record["sprite"].get("reduced", 1) > 1:
        listed.append(Fact("Maps downsampled", f"by {record['sprite']['reduced']}, area average"))
    tabled = TABLED if "reached" in record["numbers"] else set()
    rest = {key: value for key, value in record["numbers"].items() if key not in tabled}
    return [*listed, *(Fact(key[:1].upper() + key[1:], _value(value)) for key, value in rest.items())]


def _objectives(record: FigureRecord) -> list[Objective]:
    listed = []
    for name, reached, rivals in objectives.rows(record["numbers"]):
        values = [value for value in rivals.values() if value is not None]
        shown = [format.number(value) if value is not None else "" for value in rivals.values()]
        listed.append(Objective(name, format.number(reached), shown, all(reached > value for value in values)))
    return listed


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_value(part) for part in value)
    return format.number(value) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def _provenance(
    gallery: Gallery, record: FigureRecord, model: ModelRecord, method: MethodRecord, example: ImageRecord | None
) -> list[Fact]:
    versions = ", ".join(f"{name} {version}" for name, version in gallery.manifest["generator"].items())
    listed = [Fact("Figure", record["id"], mono=True)]
    if record["layer"]:
        listed.append(Fact("Layer", record["layer"], mono=True))
    if method.get("parameters"):
        listed.append(Fact("Parameters", ", ".join(f"{k} = {v}" for k, v in method["parameters"].items()), mono=True))
    listed.append(Fact("Weights, SHA-256", model["digest"], mono=True))
    if example:
        listed.append(Fact("Image, SHA-256", example["digest"], mono=True))
    if record["digest"]:
        listed.append(Fact("This figure, SHA-256", record["digest"], mono=True))
    return [*listed, Fact("Software", versions)]


def to_copy(gallery: Gallery, record: FigureRecord, taken: embed_snippets.Taken) -> list[Snippet]:
    """Return the picture for other people's pages, with its words and its licence."""
    texts = {
        "link": ("Link", taken.page),
        "html": ("HTML", embed_snippets.html(taken)),
        "markdown": ("Markdown", embed_snippets.markdown(taken)),
        "frame": ("Frame", embed_snippets.iframe(taken)),
        "bibtex": ("BibTeX", embed_snippets.bibtex(taken, gallery, record)),
    }
    return [Snippet(key, title, text, text.count("\n") + 1) for key, (title, text) in texts.items()]


def command(record: FigureRecord) -> Snippet:
    """Return the command that writes the array behind a figure, in the folder of the gallery."""
    name = record["id"].rpartition("/")[2]
    text = f"innerview show {record['id']} --array {name}.npy --csv {name}.csv"
    return Snippet("raw", "Command for the array and a CSV file", text, 2)


def _array(record: FigureRecord) -> Link | None:
    """Return the published array of a figure."""
    name = record.get("array", "")
    if not name:
        return None
    return Link("Download the array", name.rpartition("/")[2], f"{format.shape(record['shape'])}, float32 .npy")


def _raw_note(record: FigureRecord) -> str:
    """Say what the command gives that the page does not, or why there is no command."""
    if _several(record):
        return f"{len(record['shape'])} arrays lie behind this figure, one per map; no single file holds them."
    if record.get("array"):
        return "The command writes the same array, and a CSV file of it, in the folder of the gallery."
    if record["sprite"]:
        return "Channels are on this site as pictures of 8 bits; the command writes their values."
    limit = format.count(LARGEST_ARRAY_BYTES // 1024)
    return f"Arrays of more than {limit} KiB are not on this site; the command writes this one."


def _several(record: FigureRecord) -> bool:
    """Return whether a figure is drawn from several arrays, which `innerview show --array` cannot write as one."""
    return not all(isinstance(side, int) for side in record["shape"])


def base(gallery: Gallery) -> str:
    """Return the site's address, ending in a slash."""
    return gallery.site["url"].rstrip("/") + "/" if gallery.site["url"] else UNKNOWN_SITE


def oembed(gallery: Gallery, record: FigureRecord, view: FigureView) -> dict[str, Any]:
    """Return what an oEmbed provider would answer for this figure."""
    return embed_snippets.oembed(embed_snippets.take(gallery, record, view, base(gallery)), gallery)


def oembed_file(record: FigureRecord) -> str:
    """Return where the oEmbed answer of a figure stands, from the site's root."""
    return figure_page(record).removesuffix(".html") + ".oembed.json"
