"""The class page: one class of a network, in the gallery's images and in what was measured of the network."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from generator.core.manifest_types import ClassMeanRecord, ModelRecord, ProbeRecord
from generator.drawing.palettes import ramp_of

from . import components, format
from .channel_table import effect_words, probe_words
from .class_index import Classes, Touched, places, same_classes
from .components import FigureView, Link, Pager, Verdict
from .manifest_index import MODEL_LEVEL, MOST, NOTHING, Gallery, together
from .model import Fact
from .urls import gallery_file, home_page, hub_page, layer_page, model_page, relative, report_page

LISTED = 8  # confusions and runner-ups of a class
ATTRIBUTED = ("label", "top", "rival")


@dataclass(frozen=True)
class ClassImage:
    """An image that the class has something to do with."""

    report: Link
    thumb: FigureView
    map: FigureView | None  # where the evidence for this class lies, if that is drawn
    percent: str  # its probability
    share: float  # the same from 0 to 100, for the width of a bar
    verdict: Verdict
    state: str  # "label", "predicted", "runner-up" or ""


@dataclass(frozen=True)
class Share:
    """Another class, and how often."""

    name: Link
    count: str
    percent: str  # of all of them; "" where not all are known
    share: float  # 0 to 100, for the width


@dataclass(frozen=True)
class Shares:
    """Other classes under a heading, with what is counted."""

    id: str
    title: str
    text: str
    rows: list[Share]


@dataclass(frozen=True)
class RaisingLayer:
    """The channels of one layer that raise the class's score most."""

    layer: Link
    channels: list[Link]  # with the effect of each as a note


@dataclass(frozen=True)
class Mean:
    """The mean map of one method, or of several whose means are equal."""

    figure: FigureView
    words: str  # over how many images


@dataclass(frozen=True)
class ClassPage:
    """What templates/pages/class.md needs."""

    title: str
    name: str
    model: Link
    breadcrumb: list[Link]
    pager: list[Pager]
    facts: list[Fact]
    images: list[ClassImage]
    order: str  # which images these are, and in which order
    map_title: str  # the method of their maps; "" where none is drawn
    rest: Link | None  # to the images beyond those
    means: list[Mean]
    shares: list[Shares]  # confusions and runner-ups
    raising: list[RaisingLayer]
    effect: str  # what the numbers of these channels are
    optimised: list[FigureView]  # images optimised for the class


# --- one page ----------------------------------------------------------------------------------------


def class_of(gallery: Gallery, model: str, index: int) -> ClassPage:
    """Return the page of the class with an index of a network (slug)."""
    classes = gallery.classes
    page, card = classes.page(model, index), gallery.models[model]
    touched, name = classes.touched[model][index], card["classes"][index]
    statistics = gallery.statistics(model)
    shown = sorted(touched.probabilities, key=lambda image: -touched.probabilities[image])
    images = [_image(gallery, model, index, touched, image, page) for image in shown[:MOST]]
    raising, effect = _raising(gallery, model, index, page)
    region = gallery.with_role("region")
    return ClassPage(
        title=f"{name} in {card['title']}",
        name=name,
        model=Link(card["title"], relative(model_page(model), page)),
        breadcrumb=[
            Link("Home", relative(home_page(), page)),
            Link("Models", relative(hub_page("models"), page)),
            Link(card["title"], relative(model_page(model), page)),
            Link(name, ""),
        ],
        pager=_pager(gallery, card, index, page),
        facts=_facts(card, index, touched, statistics),
        images=images,
        order=_order(card, len(shown)),
        map_title=gallery.methods[region]["title"] if any(image.map for image in images) else "",
        rest=_rest(len(shown), page),
        means=_means(gallery, model, index, page),
        shares=[
            *_confusions(classes, card, index, statistics, page),
            *_runner_ups(gallery, model, touched, page),
        ],
        raising=raising,
        effect=effect,
        optimised=[
            components.figure_view(gallery, figure, page)
            for figure in gallery.report(model, MODEL_LEVEL)
            if (figure["target"] or NOTHING).get("index") == index and figure["status"] == "drawn"
        ],
    )


def _pager(gallery: Gallery, card: ModelRecord, index: int, page: str) -> list[Pager]:
    classes, name = gallery.classes, card["classes"][index]

    def to_class(key: str) -> Link:
        return Link(card["classes"][int(key)], relative(classes.page(card["slug"], int(key)), page))

    def to_model(key: str) -> Link:
        return Link(gallery.models[key]["title"], classes.href(key, name, page))

    others = [slug for slug in gallery.models if slug == card["slug"] or classes.href(slug, name, page)]
    return [
        components.pager("class", [str(key) for key in classes.of(card["slug"])], str(index), to_class),
        *([components.pager("model", others, card["slug"], to_model)] if len(others) > 1 else []),
    ]


def _facts(card: ModelRecord, index: int, touched: Touched, statistics: ProbeRecord | None) -> list[Fact]:
    listed = [
        Fact("Class index", f"{index} (from 0 to {len(card['classes']) - 1})"),
        Fact("Predicted here", _images(len(touched.predicted))),
        Fact("Labelled so here", _images(len(touched.labelled))),
    ]
    if touched.labelled:
        both = len(set(touched.labelled) & set(touched.predicted))
        listed.append(Fact("Correct here", f"{both} of {len(touched.labelled)}"))
    if statistics and same_classes(statistics, card):
        matrix = statistics["confusion"] or []
        total, right = sum(matrix[index]), matrix[index][index]
        given = sum(row[index] for row in matrix)
        over = probe_words(statistics["data"], statistics["labelled"])
        if total:
            share = format.percent(right / total)
            listed.append(Fact("Recall", f"{share} ({format.count(right)} of {format.count(total)}), over {over}"))
        if given:
            share = format.percent(right / given)
            listed.append(Fact("Precision", f"{share} ({format.count(right)} of {format.count(given)}), over {over}"))
    return listed


def _images(count: int) -> str:
    return _count(count, "image")


def _count(count: int, noun: str) -> str:
    return f"{format.count(count)} {noun if count == 1 else noun + 's'}"


def _order(card: ModelRecord, count: int) -> str:
    if not count:
        return "No image of this gallery has this class among its most probable ones."
    named = "label" if card["output"]["kind"] == "labels" else "class"
    return (
        f"Images whose label is this {named} or that have it among their most probable ones, by the probability that "
        "the network gives it."
    )


def _rest(count: int, page: str) -> Link | None:
    if count <= MOST:
        return None
    return Link(
        f"All {format.count(count)} by filter", relative(hub_page("images"), page), f"These are the first {MOST}."
    )


def _image(gallery: Gallery, model: str, index: int, touched: Touched, image: str, page: str) -> ClassImage:
    probability, entry = touched.probabilities[image], gallery.images[image]
    region = gallery.with_role("region")
    figure = next(
        (
            figure
            for figure in gallery.report(model, image)
            if figure["method"] == region
            and (figure["target"] or NOTHING).get("index") == index
            and (figure["target"] or NOTHING).get("role") in ATTRIBUTED
            and figure["status"] == "drawn"
        ),
        None,
    )
    verdict = components.verdict(gallery.predictions[model, image])
    assert verdict is not None, "an image with probabilities has a prediction"
    states = {"label": touched.labelled, "predicted": touched.predicted, "runner-up": touched.runner_up}
    return ClassImage(
        report=Link(entry["title"], relative(report_page(model, image), page)),
        thumb=components.photo(gallery, entry, page, thumb=True),
        map=components.figure_view(gallery, figure, page, thumb=True) if figure else None,
        percent=format.percent(probability),
        share=round(100 * probability, 2),
        verdict=verdict,
        state=", ".join(name for name, images in states.items() if image in images),
    )


def _means(gallery: Gallery, model: str, index: int, page: str) -> list[Mean]:
    """Return the mean maps of a class in the order of the methods; equal ones are one, called after all of them."""
    records = gallery.class_means[model, index]
    methods = [slug for slug in gallery.methods if any(record["method"] == slug for record in records)]
    ordered = sorted(records, key=lambda record: methods.index(record["method"]))
    alike: dict[tuple[str, int], list[ClassMeanRecord]] = {}
    for record in ordered:
        alike.setdefault((record["digest"], record["images"]), []).append(record)
    return [_mean(gallery, same, page) for same in alike.values()]


def _mean(gallery: Gallery, same: list[ClassMeanRecord], page: str) -> Mean:
    record, style = same[0], gallery.style(same[0]["method"])
    title = " = ".join(dict.fromkeys(gallery.methods[other["method"]]["title"] for other in same))
    file = relative(gallery_file(record["file"]), page)
    low, high = record["scale"]
    zero = f", {format.count(record['zero'])} of them zero everywhere" if record["zero"] else ""
    words = f"mean of {_count(record['images'], 'map')}{zero}"
    figure = FigureView(
        title=title,
        alt=f"{title} for {record['name']}: {words}, {record['shape'][-1]} by {record['shape'][-2]} values",
        href=file,
        src=file,
        full=file,
        width=record["width"],
        height=record["height"],
        zero_white=style.zero_white,
        scale=components.Scale(format.number(low), format.number(high), ramp_of(style.ramp, low)),
    )
    return Mean(figure, words)


# --- other classes -----------------------------------------------------------------------------------


def _confusions(
    classes: Classes, card: ModelRecord, index: int, statistics: ProbeRecord | None, page: str
) -> list[Shares]:
    """Return what the class is taken for and what is taken for it, over the labelled images that were measured."""
    if not statistics or not statistics["labelled"]:
        return []
    name, over = card["classes"][index], probe_words(statistics["data"], statistics["labelled"])
    if same_classes(statistics, card):
        matrix = statistics["confusion"] or []
        row, column = matrix[index], [line[index] for line in matrix]
    else:
        row, column = [0] * len(card["classes"]), [0] * len(card["classes"])
        indices = places(card["classes"])
        for pair in statistics.get("confused", ()):
            if name == pair["label"] and pair["said"] in indices:
                row[indices[pair["said"]]] = pair["count"]
            if name == pair["said"] and pair["label"] in indices:
                column[indices[pair["label"]]] = pair["count"]
        over += ", among the most frequent confusions of all classes"
    complete = same_classes(statistics, card)
    shares = []
    for key, title, counts, text in (
        ("mistaken-for", "Predicted instead", row, f"Images labelled {name} by their prediction, over {over}."),
        ("mistaken", "Labels of wrong predictions", column, f"Images predicted {name} by their label, over {over}."),
    ):
        listed = _listed(
            classes, card, Counter({i: n for i, n in enumerate(counts) if n and i != index}), page, complete
        )
        if listed:
            shares.append(Shares(key, title, text, listed))
    return shares


def _runner_ups(gallery: Gallery, model: str, touched: Touched, page: str) -> list[Shares]:
    """Return the second most probable classes of the gallery's images with this prediction."""
    card = gallery.models[model]
    indices = places(card["classes"])
    counts: Counter[int] = Counter()
    for image in touched.predicted:
        prediction = gallery.predictions[model, image]
        second = prediction["top"][1]["name"] if len(prediction["top"]) > 1 else ""
        if second in indices and prediction.get("kind") != "labels":
            counts[indices[second]] += 1
    if not counts:
        return []
    text = f"The second most probable class in the {_images(counts.total())} of this gallery with this prediction."
    return [Shares("runner-ups", "Runner-ups", text, _listed(gallery.classes, card, counts, page))]


def _listed(classes: Classes, card: ModelRecord, counts: Counter[int], page: str, complete: bool = True) -> list[Share]:
    total = counts.total()
    return [
        Share(
            Link(card["classes"][other], classes.href(card["slug"], card["classes"][other], page)),
            format.count(count),
            format.percent(count / total) if complete else "",
            round(100 * count / total, 2),
        )
        for other, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:LISTED]
    ]


# --- channels ----------------------------------------------------------------------------------------


def _raising(gallery: Gallery, model: str, index: int, page: str) -> tuple[list[RaisingLayer], str]:
    """Return the channels that raise the class's score, last layers first, and what their numbers are."""
    probe = gallery.probes.get(model)
    stages = {stage["layer"] for stage in gallery.models[model]["stages"]}
    by_effect: dict[str, RaisingLayer] = {}
    images = 0
    for layer in reversed(probe["layers"] if probe else []):
        raising, name = layer.get("raising"), layer["layer"]
        if not raising or name not in stages or not gallery.at_layer(model, name):
            continue
        href = relative(layer_page(model, name), page)
        numbers, effects = raising["channels"][index], raising["effects"][index]
        anchor = "#c{}" if any(figure["sprite"] for figure in together(gallery.at_layer(model, name))) else ""
        channels = [
            Link(str(channel), href + anchor.format(channel), f"+{format.number(effect)}")
            for channel, effect in zip(numbers, effects, strict=True)
            if effect > 0
        ]
        if channels:  # behind a pooling they are those of the layer before it, which stands for both
            by_effect[str([numbers, effects])] = RaisingLayer(Link(name, href), channels)
            images = raising["images"]
    listed = list(by_effect.values())
    return listed, effect_words(gallery.models[model], images) if listed else ""
