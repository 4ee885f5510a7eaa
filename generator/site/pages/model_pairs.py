"""Two networks side by side: how their figures differ, in numbers and on one colour scale."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean

from generator.core.manifest_types import ComparisonRecord, ModelRecord

from . import components, format
from .attribution import LABEL
from .compare_any import COMPARE_FIGURES
from .comparison_panel import Comparison, comparison
from .components import Bar, FigureView, Link, Pager, Verdict
from .manifest_index import FAMILIES, NOTHING, Gallery
from .pair_summary import accuracies, agreement, by_family, finding, in_words, short_names
from .pruning_plot import Curve, curve
from .report import stage_id
from .urls import home_page, hub_page, model_page, pair_image_page, pair_page, relative, report_page

EXHIBITS = ("direction", "region")  # roles of methods that may stand for a pair at the top of its page

Names = tuple[str, str]  # slugs of the left and the right network


@dataclass(frozen=True)
class Side:
    """One of the two networks: how it is called here, and where its own page is."""

    name: str
    href: str


@dataclass(frozen=True)
class FactRow:
    """One line of facts about both."""

    name: str
    values: list[str]


@dataclass(frozen=True)
class Meter:
    """A mean correlation with the bar that shows it."""

    text: str
    share: float  # 0 to 100, for the width


@dataclass(frozen=True)
class Depth:
    """One stage of the walk: how alike it is in both networks."""

    title: str
    meter: Meter
    href: str


@dataclass(frozen=True)
class ImageRow:
    """One image: what both networks said, and how alike their pictures of it are."""

    link: Link
    thumb: FigureView
    verdicts: list[Verdict]  # one where they agree
    meters: list[Meter | None]


@dataclass(frozen=True)
class Answer:
    """What one of the networks says about the image."""

    side: Side
    verdict: Verdict | None
    bars: list[Bar]
    report: str


@dataclass(frozen=True)
class Chapter:
    """The comparisons of one family of methods: for the class that matters most, and for the others."""

    id: str
    title: str
    summary: str
    comparisons: list[Comparison]
    others: list[Comparison]


@dataclass(frozen=True)
class PairCard:
    """A pair on the hub."""

    link: Link
    finding: str
    comparison: Comparison | None


@dataclass(frozen=True)
class ComparePage:
    """What templates/pages/compare.md needs."""

    title: str
    breadcrumb: list[Link]
    pairs: list[PairCard]
    compare_figures: str


@dataclass(frozen=True)
class PairPage:
    """What templates/pages/pair.md needs."""

    title: str
    breadcrumb: list[Link]
    pager: list[Pager]
    sides: list[Side]
    finding: str
    lowest: Link | None
    facts: list[FactRow]
    prunes: bool  # the second network has more zeros
    agreement: str
    showcase: Comparison | None
    depth: list[Depth]
    families: list[str]
    rows: list[ImageRow]
    curve: Curve | None


@dataclass(frozen=True)
class PairImagePage:
    """What templates/pages/pair-image.md needs."""

    title: str
    breadcrumb: list[Link]
    pager: list[Pager]
    sides: list[Side]
    image: str
    pair: Link
    photo: FigureView
    answers: list[Answer]
    finding: str
    depth: list[Depth]
    layers: list[Comparison]
    chapters: list[Chapter]


# --- pages ------------------------------------------------------------------------------------------


def hub(gallery: Gallery) -> ComparePage:
    """Return the hub of all pairs."""
    page = hub_page("compare")
    cards = []
    for models, entries in gallery.pairs.items():
        link = Link(_title(gallery, models), relative(pair_page(*models), page))
        cards.append(PairCard(link, finding(gallery, models), _showcase(gallery, models, entries, page)))
    breadcrumb = [Link("Home", relative(home_page(), page)), Link("Compare", "")]
    return ComparePage("Compare", breadcrumb, cards, relative(COMPARE_FIGURES, page))


def pair(gallery: Gallery, models: Names) -> PairPage:
    """Return the page of one pair of networks (slugs)."""
    page, entries = pair_page(*models), gallery.pairs[models]
    left, right = (gallery.models[slug] for slug in models)
    families = list(by_family(gallery, entries))
    same, judged = agreement(gallery, models)
    return PairPage(
        title=_title(gallery, models),
        breadcrumb=[
            Link("Home", relative(home_page(), page)),
            Link("Compare", relative(hub_page("compare"), page)),
            Link(_title(gallery, models), ""),
        ],
        pager=_pair_pager(gallery, models, page),
        sides=_sides(gallery, models, page),
        finding=finding(gallery, models),
        lowest=_lowest(gallery, models, page),
        facts=_facts(gallery, left, right),
        prunes=right["nonzero"] < left["nonzero"],
        agreement=f"{same} of {judged} predictions agree" if judged else "",
        showcase=_showcase(gallery, models, entries, page),
        depth=_depth(gallery, models, entries, page, ""),
        families=[FAMILIES.get(name, (name,))[0] for name in families],
        rows=_rows(gallery, models, families, page),
        curve=curve(gallery, left, right if right["derived_from"] == left["slug"] else None),
    )


def pair_image(gallery: Gallery, models: Names, image: str) -> PairImagePage:
    """Return one image through both networks of a pair."""
    page, example = pair_image_page(*models, image), gallery.images[image]
    entries = gallery.comparisons(models, image)
    title = _title(gallery, models)

    def to_image(key: str) -> Link:
        return Link(gallery.images[key]["title"], relative(pair_image_page(*models, key), page))

    sides = _sides(gallery, models, page)
    comparisons = {entry["id"]: comparison(gallery, entry, page) for entry in entries}
    stages = _stages(gallery, models, entries)
    return PairImagePage(
        title=f"{example['title']}: {title}",
        breadcrumb=[
            Link("Home", relative(home_page(), page)),
            Link("Compare", relative(hub_page("compare"), page)),
            Link(title, relative(pair_page(*models), page)),
            Link(example["title"], ""),
        ],
        pager=[components.pager("image", gallery.compared(models), image, to_image)],
        sides=sides,
        image=example["title"],
        pair=Link(title, relative(pair_page(*models), page)),
        photo=components.photo(gallery, example, page),
        answers=[
            Answer(
                side,
                components.verdict(gallery.predictions.get((model, image))),
                components.bars(gallery.predictions.get((model, image)))[:3],
                relative(report_page(model, image), page),
            )
            for side, model in zip(sides, models, strict=True)
        ],
        finding=in_words(gallery, entries),
        depth=_depth(gallery, models, entries, page, page),
        layers=[comparisons[stages[number]["id"]] for number in sorted(stages)],
        chapters=[
            _chapter(gallery, name, members, comparisons)
            for name, members in by_family(gallery, [e for e in entries if e["method"] != gallery.activations]).items()
        ],
    )


# --- their parts ------------------------------------------------------------------------------------


def _title(gallery: Gallery, models: Names) -> str:
    left, right = (gallery.models[slug]["title"] for slug in models)
    names = short_names(gallery, models)
    return f"{left}: {names[0]} and {names[1]}" if names[1] != right else f"{left} and {right}"


def _chapter(
    gallery: Gallery, name: str, entries: list[ComparisonRecord], comparisons: dict[str, Comparison]
) -> Chapter:
    targets = {entry["id"]: gallery.figure(entry["figures"][0])["target"] or NOTHING for entry in entries}
    first = {name: target.get("role", "label") in LABEL for name, target in targets.items()}
    return Chapter(
        name,
        *FAMILIES.get(name, (name, "")),
        comparisons=[comparisons[key] for key, is_first in first.items() if is_first],
        others=[comparisons[key] for key, is_first in first.items() if not is_first],
    )


def _sides(gallery: Gallery, models: Names, page: str) -> list[Side]:
    names = short_names(gallery, models)
    return [Side(name, relative(model_page(slug), page)) for name, slug in zip(names, models, strict=True)]


def _pair_pager(gallery: Gallery, models: Names, page: str) -> list[Pager]:
    keys = {_title(gallery, other): other for other in gallery.pairs}

    def to_pair(title: str) -> Link:
        return Link(title, relative(pair_page(*keys[title]), page))

    return [components.pager("pair", list(keys), _title(gallery, models), to_pair)] if len(keys) > 1 else []


def _facts(gallery: Gallery, left: ModelRecord, right: ModelRecord) -> list[FactRow]:
    both = (left, right)
    rows = [
        FactRow("Parameters", [format.count(card["parameters"]) for card in both]),
        FactRow("Non-zero parameters", [_nonzero(card) for card in both]),
        FactRow("Size, dense (32 bits per weight)", [_megabytes(4 * card["parameters"]) for card in both]),
        FactRow("Size, sparse (estimate)", [_megabytes(_sparse(card)) for card in both]),
        FactRow("Multiply-adds per image", [format.count(card["macs"]) for card in both]),
    ]
    measured = accuracies(left, right)
    if measured:
        percentages = [f"{100 * share:.2f}\xa0%" for share in measured[:2]]
        rows.append(FactRow(f"Accuracy on {format.count(measured[2])} images", percentages))
    return rows


def _nonzero(card: ModelRecord) -> str:
    share = card["nonzero"] / max(1, card["parameters"])
    return format.count(card["nonzero"]) + (f" ({format.percent(share)})" if share < 0.999 else "")


def _sparse(card: ModelRecord) -> float:
    """Return bytes of the values that are not zero, and one bit for each place."""
    return 4 * card["nonzero"] + card["parameters"] / 8


def _megabytes(size: float) -> str:
    return f"{size / 1e6:.1f}\xa0MB"


def _showcase(gallery: Gallery, models: Names, entries: list[ComparisonRecord], page: str) -> Comparison | None:
    """Return one picture that may stand for the pair: of the first image, by a method that everyone can read."""
    methods = [method for role in EXHIBITS for method in gallery.methods_with(role)]
    wanted = [entry for method in methods for entry in entries if entry["method"] == method]
    return comparison(gallery, [*wanted, *entries][0], page)


def _lowest(gallery: Gallery, models: Names, page: str) -> Link | None:
    """Return the pair of pictures that is least alike."""
    entry = min(gallery.pairs[models], key=lambda entry: entry["numbers"]["correlation"])
    shown = comparison(gallery, entry, page)
    where = relative(f"{pair_image_page(*models, entry['image'])}#{shown.id}", page)
    title = f"{gallery.images[entry['image']]['title']}, {shown.title}"
    return Link(title, where, format.correlation(entry["numbers"]["correlation"]))


def _stages(gallery: Gallery, models: Names, entries: list[ComparisonRecord]) -> dict[int, ComparisonRecord]:
    """Return the activations among `entries` by the number of their stage, from 1."""
    stages = gallery.models[models[0]]["stages"]
    number = {stage["layer"]: place for place, stage in enumerate(stages, start=1)}
    return {number[e["layer"]]: e for e in entries if e["method"] == gallery.activations and e["layer"] in number}


def _depth(gallery: Gallery, models: Names, entries: list[ComparisonRecord], page: str, walk_of: str) -> list[Depth]:
    """Return how alike each stage of the walk is, mean over the images of `entries`; linked to the walk on that
    page.
    """
    by_layer: dict[str, list[float]] = {}
    for entry in entries:
        if entry["method"] == gallery.activations:
            by_layer.setdefault(entry["layer"], []).append(entry["numbers"]["correlation"])
    return [
        Depth(
            stage["title"],
            _meter(fmean(by_layer[stage["layer"]])),
            relative(f"{walk_of}#{stage_id(number)}", page) if walk_of else "",
        )
        for number, stage in enumerate(gallery.models[models[0]]["stages"], start=1)
        if stage["layer"] in by_layer
    ]


def _rows(gallery: Gallery, models: Names, families: list[str], page: str) -> list[ImageRow]:
    """Return one row per image, those first whose predictions differ."""
    rows = []
    for image in gallery.compared(models):
        parts = by_family(gallery, gallery.comparisons(models, image))
        verdicts = [components.verdict(gallery.predictions.get((model, image))) for model in models]
        given = [verdict for verdict in verdicts if verdict]
        agree = len(given) == 2 and given[0].predicted == given[1].predicted
        means = {name: fmean(entry["numbers"]["correlation"] for entry in entries) for name, entries in parts.items()}
        row = ImageRow(
            link=Link(gallery.images[image]["title"], relative(pair_image_page(*models, image), page)),
            thumb=components.photo(gallery, gallery.images[image], page, thumb=True),
            verdicts=given[:1] if agree else given,
            meters=[_meter(means[name]) if name in means else None for name in families],
        )
        rows.append((agree, row))
    return [row for _, row in sorted(rows, key=lambda parts: parts[0])]


def _meter(value: float) -> Meter:
    return Meter(format.correlation(value), round(100 * max(0.0, value), 1))
