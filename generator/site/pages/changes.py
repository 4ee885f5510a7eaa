"""What changed from another gallery to this one: the Changes page of a site, and the same as a page of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from generator.core.manifest_types import (
    ChangesAnswer,
    ChangesFigure,
    ChangesFigureNumbers,
    ChangesRecord,
    FigureRecord,
    MaskRecord,
    ProbabilityRecord,
    ValueRecord,
)
from generator.core.records import StyleCard

from . import components, format
from .comparison_panel import COLUMN, Pane
from .components import TALLEST, WIDEST, Link, Scale
from .embed_snippets import named
from .manifest_index import NOTHING, Gallery
from .model_pairs import Side
from .urls import gallery_file, home_page, hub_page, relative, report_page

LISTED = 1000  # rows of a list; a gallery whose every figure changed is told in numbers
PARTS = {"models": "Networks", "images": "Images", "methods": "Methods"}
SIDES = [Side("before", ""), Side("after", "")]


@dataclass(frozen=True)
class Change:
    """One changed figure: before, after and difference, and by how much."""

    id: str
    title: str
    of: str  # photo and network
    because: str
    facts: list[tuple[str, str]]  # name and value of each number
    words: str  # where it is drawn only before or only after
    panes: list[Pane]
    scales: dict[str, Scale]  # role -> colours of that picture
    large: bool
    smooth: bool
    width: int
    height: int
    zoom: int  # screen pixels per pixel, where one picture has the whole width


@dataclass(frozen=True)
class Listed:
    """A figure or a group of figures that is told in a line."""

    link: Link
    notes: list[str]


@dataclass(frozen=True)
class Flipped:
    """An image of which a network says something else now."""

    link: Link
    model: str
    before: str
    after: str
    state: str  # right, wrong or unknown: what it says now


@dataclass(frozen=True)
class ChangesSheet:
    """What templates/standalone/changes.html needs, which stands beside its pictures, without a site."""

    title: str
    summary: str
    same: str
    causes: list[tuple[str, str]]
    flipped: list[Flipped]
    sides: list[Side]
    changes: list[Change]
    others: list[Listed]  # changed, without pictures here
    new: list[Listed]
    removed: list[Change]
    removed_others: list[Listed]
    left_out: str


@dataclass(frozen=True)
class ChangesPage(ChangesSheet):
    """What templates/pages/changes.md needs, a page of the site."""

    breadcrumb: list[Link]


def changes(gallery: Gallery, diff: ChangesRecord, page: str, site: bool = True) -> ChangesSheet:
    """Return the answer of `diff.diff` as `page` shows it; of a page without a site around it pictures lie beside
    it.
    """
    place = _Place(gallery, page, site)
    by_kind: dict[str, list[ChangesFigure]] = {"changed": [], "new": [], "gone": []}
    for entry in diff["figures"]:
        by_kind[entry["kind"]].append(entry)
    shown = {kind: [entry for entry in entries if "files" in entry] for kind, entries in by_kind.items()}
    rest = {kind: [entry for entry in entries if "files" not in entry] for kind, entries in by_kind.items()}
    left_out = [
        f"{format.count(len(entries) - LISTED)} more {'removed' if kind == 'gone' else kind} figures are not listed"
        for kind, entries in rest.items()
        if kind != "new" and len(entries) > LISTED
    ]
    breadcrumb = {"breadcrumb": [Link("Home", relative(home_page(), page)), Link("Changes", "")]} if site else {}
    return (ChangesPage if site else ChangesSheet)(
        **breadcrumb,
        title="What changed",
        summary=summary(diff),
        same=same(diff),
        causes=causes(diff),
        flipped=[_flipped(place, answer) for answer in diff["answers"]],
        sides=SIDES,
        changes=[_change(place, entry) for entry in shown["changed"]],
        others=[_listed(place, entry) for entry in rest["changed"][:LISTED]],
        new=_grouped(place, by_kind["new"]),
        removed=[_change(place, entry) for entry in shown["gone"]],
        removed_others=[_listed(place, entry) for entry in rest["gone"][:LISTED]],
        left_out="; ".join(left_out),
    )


def summary(diff: ChangesRecord) -> str:
    """`12 figures changed, 3 new, 0 removed.`"""
    changed, new, gone = (diff["counts"][kind] for kind in ("changed", "new", "gone"))
    verb = "figure" if changed == 1 else "figures"
    return f"{format.count(changed)} {verb} changed, {format.count(new)} new, {format.count(gone)} removed."


def same(diff: ChangesRecord) -> str:
    """`2,900 figures unchanged, 12 of them recomputed.`"""
    count, again = diff["counts"]["same"], diff["counts"]["same, made anew"]
    text = f"{format.count(count)} {'figure' if count == 1 else 'figures'} unchanged"
    anew = "all recomputed" if count == again else f"{format.count(again)} of them recomputed"
    return f"{text}, {anew}." if again else f"{text}."


def causes(diff: ChangesRecord) -> list[tuple[str, str]]:
    """Return what of the gallery itself is new, gone or changed: networks, images, methods and library versions."""
    rows = []
    for part, title in PARTS.items():
        changed = [f"{word}: {', '.join(names)}" for word, names in diff["parts"][part].items() if names]
        if changed:
            rows.append((title, "; ".join(changed)))
    moved = [f"{name} {old or 'none'} → {new or 'none'}" for name, old, new in diff["versions"]]
    return rows + ([("Versions", ", ".join(moved))] if moved else [])


def measured(numbers: ChangesFigureNumbers) -> list[tuple[str, str]]:
    """Return the numbers of a change by name, as people read them."""
    formats: dict[str, tuple[str, Callable[[float], str]]] = {
        "correlation": ("correlation", format.correlation),
        "relative difference": ("relative L2 difference", format.percent),
        "largest difference": ("largest difference", format.number),
        "ssim": ("SSIM", format.correlation),
    }
    return [(title, formatter(numbers[name])) for name, (title, formatter) in formats.items() if name in numbers]


# --- their parts ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Place:
    """From where things are pointed at."""

    gallery: Gallery
    page: str
    site: bool

    def file(self, name: str) -> str:
        """Return the address of a picture, by its name in the gallery."""
        return relative(gallery_file(name), self.page) if self.site else name

    def leads(self, target: str) -> str:
        """Return the address of another page, "" where there is none around."""
        return relative(target, self.page) if self.site else ""


def _change(place: _Place, entry: ChangesFigure) -> Change:
    style, figure = place.gallery.style(entry["method"]), _figure(place, entry)
    title, of = _title(place, entry)
    files = entry["files"]
    # Where no values are subtracted the difference is that of the pictures' luminance, which is drawn as signed.
    between = place.gallery.style_called(style.difference or "signed")
    page = place.leads(f"gallery/{entry['id']}.html") if entry["kind"] == "changed" else ""
    alts = {"before": f"{title}, {of}, before", "after": f"{title}, {of}, after"}
    alts["difference"] = f"{title}, {of}: after minus before"
    panes = [
        Pane(
            role={"before": "left", "after": "right"}.get(role, role),
            name={"difference": "difference"}.get(role, role),
            src=place.file(files[role]),
            alt=alts[role],
            href=page if role == "after" else "",
            zero_white=between.zero_white if role == "difference" else components.is_zero_white(figure, style),
        )
        for role in ("before", "after", "difference")
        if role in files
    ]
    width, height = entry.get("size", (0, 0))
    before, after = entry["status"]
    status = f"{before} before" if entry["kind"] == "changed" and before != after else ""
    if status:
        status += f", {after} now" + (f": {entry['reason']}" if entry["reason"] else "")
    return Change(
        id=entry["id"],
        title=title,
        of=of,
        because=" and ".join(entry.get("because", [])),
        facts=measured(entry.get("numbers", {})),
        words=status,
        panes=panes,
        scales=_scales(entry, figure, style),
        large=width > 2 * COLUMN,
        smooth=width > COLUMN,
        width=width,
        height=height,
        zoom=max(1, min(WIDEST // max(1, width), TALLEST // max(1, height))),
    )


def _figure(place: _Place, entry: ChangesFigure) -> FigureRecord:
    """Return the figure as it is now; of one that is gone nothing is known but that its shape is not."""
    return place.gallery.get(entry["id"]) or cast(FigureRecord, {"shape": []})


def _scales(entry: ChangesFigure, figure: FigureRecord, style: StyleCard) -> dict[str, Scale]:
    """Return the two ends of the colours of before and after, where they are a scale."""
    scales = {}
    for role, scale in zip(("left", "right"), entry.get("scales", (None, None)), strict=True):
        if scale and style.ramp:
            ramp = components.ramp(figure, style, scale[0])
            scales[role] = Scale(format.number(scale[0]), format.number(scale[1]), ramp)
    return scales


def _title(place: _Place, entry: ChangesFigure) -> tuple[str, str]:
    """Method, layer and class of a figure; photo and network, which may be gone by now."""
    method = place.gallery.methods.get(entry["method"], NOTHING).get("title", entry["method"])
    image = place.gallery.images.get(entry["image"], NOTHING).get("title", "")
    model = place.gallery.models.get(entry["model"], NOTHING).get("title", entry["model"])
    return named(method, entry["layer"], entry["target"]), f"{image or entry['image']} in {model}"


def _listed(place: _Place, entry: ChangesFigure) -> Listed:
    title, of = _title(place, entry)
    href = place.leads(f"gallery/{entry['id']}.html") if entry["kind"] != "gone" else ""
    before, after = entry["status"]
    notes = [f"{name} {value}" for name, value in measured(entry.get("numbers", {}))]
    return Listed(
        Link(f"{title}: {of}", href), ([f"{before}, now {after}"] if before and after != before else []) + notes
    )


def _grouped(place: _Place, entries: list[ChangesFigure]) -> list[Listed]:
    """New figures by report; those of a network alone by network."""
    counts = Counter((entry["model"], entry["image"]) for entry in entries)
    failed = Counter((entry["model"], entry["image"]) for entry in entries if entry["status"][1] == "failed")
    groups = []
    for (model, image), count in counts.items():
        example = place.gallery.images.get(image)
        page = report_page(model, image) if example else f"gallery/{model}/index.html"
        name = f"{example['title'] if example else 'Model figures'} in {place.gallery.models[model]['title']}"
        notes = [f"{format.count(count)} {'figure' if count == 1 else 'figures'}"]
        notes += [f"{failed[model, image]} failed"] if failed[model, image] else []
        groups.append(Listed(Link(name, place.leads(page)), notes))
    return groups


def _flipped(place: _Place, answer: ChangesAnswer) -> Flipped:
    image = place.gallery.images.get(answer["image"], NOTHING).get("title", answer["image"])
    now, label = answer["after"], answer["label"]
    state = "unknown" if not label else "right" if now["name"] == label else "wrong"
    return Flipped(
        Link(image, place.leads(report_page(answer["model"], answer["image"]))),
        place.gallery.models[answer["model"]]["title"],
        answer_text(answer["before"]),
        answer_text(now),
        state,
    )


def answer_text(answer: ProbabilityRecord | ValueRecord | MaskRecord) -> str:
    """Return an answer with its probability, a value with its unit, or a class with its share of the picture.

    >>> answer_text({"name": "sky", "index": 0, "share": 0.4})
    'sky on 40\xa0% of the picture'

    >>> answer_text({"name": "", "value": -0.51234, "unit": "mm"})
    '−0.5123 mm'
    """
    if "value" in answer:
        value = cast("ValueRecord", answer)
        number = f"{value['value']:.4g}".replace("-", "−")
        return " ".join(filter(None, [value["name"], number, value["unit"]]))
    if "share" in answer:
        mask = cast("MaskRecord", answer)
        return f"{mask['name']} on {format.percent(mask['share'])} of the picture"
    return f"{answer['name']}, {format.percent(answer['probability'])}"


CHANGES = hub_page("changes")
