"""What may be wrong with a network, judged from its probe, card and maps: each with numbers and where to look."""

from __future__ import annotations

import re
from collections.abc import Iterator

from generator.core.manifest_types import ModelLayer, ModelRecord, ProbeRecord

from . import format
from .channel_table import findings_page, has_units
from .components import Link
from .diagnostics_channels import MAX_LINKS, Fault, numbers, saturated, still_and_alike
from .manifest_index import NOTHING, Gallery
from .urls import figure_page, layer_page, model_page, relative

FEW = 5  # labelled images of a class below which its confusions say nothing
MOST = 0.5  # the share of a class's images that is called another class, from which on labels may be exchanged
SHIFT, RATIO = 0.5, (0.6, 1.67)  # how far a batch norm's output may be from training: in spreads, and in spread
USUAL = 1.0, (0.4, 2.5)  # the same of an input's mean and spread, where nothing better is known
DROP = 0.05  # by how much accuracy may fall short of the model card's
ONE = 0.9  # share of the images that get the same answer, from which on a network is called stuck


def faults(gallery: Gallery, model: str) -> list[Fault]:
    """Return all that stands out in a network, the worst first."""
    card, probe = gallery.models[model], gallery.statistics(model)
    all_faults = [*_of_card(card, model), *_flat(gallery, model)]
    if probe:
        all_faults += [*numbers(card, probe), *still_and_alike(card, probe), *_input(card, probe)]
        all_faults += [*labels(probe), *_answers(card, probe), *saturated(probe)]
    return sorted(all_faults, key=lambda fault: ("broken", "odd", "note").index(fault.level))


# --- what the answers say ------------------------------------------------------------------------------


def labels(probe: ProbeRecord) -> Iterator[Fault]:
    """Yield classes whose names may be exchanged: most images of each are called the next one, in a circle."""
    for circle in exchanged(probe):
        named = [
            f"{label} is predicted as {predicted} for {format.percent(share)}" for label, predicted, share in circle
        ]
        names = ", ".join(label for label, _, _ in circle)
        yield Fault(
            "labels",
            "broken",
            f"Swapped labels: {names}",
            f"{'; '.join(named)} of its images. If whole classes swap places, the order of the class names, or the "
            "folder names, differs from training.",
            [Link("confusions", "#confusions")],
        )


def exchanged(probe: ProbeRecord) -> list[list[tuple[str, str, float]]]:
    """Circles of classes, each `(label, what most of its images are called, their share)`."""
    matrix = probe["confusion"]
    if matrix is None:
        return []
    names, follows = probe["classes"], {}
    for label, row in enumerate(matrix):
        total, predicted = sum(row), max(range(len(row)), key=row.__getitem__)
        if total >= FEW and predicted != label and row[predicted] >= MOST * total:
            follows[label] = (predicted, row[predicted] / total)
    circles, seen = [], set()
    for start in follows:
        path, at = [], start
        while at in follows and at not in path and at not in seen:
            path.append(at)
            at = follows[at][0]
        seen |= set(path)
        if path and at == start:
            circles.append([(names[label], names[follows[label][0]], follows[label][1]) for label in path])
    return circles


def _answers(card: ModelRecord, probe: ProbeRecord) -> Iterator[Fault]:
    labelled, right = probe["labelled"], probe["correct"]
    top1 = card["accuracy"].get("top1")
    if top1 is not None and labelled >= 50:
        share = right / labelled
        chance = 3 * (top1 * (1 - top1) / labelled) ** 0.5
        if top1 - share > max(DROP, chance):
            yield Fault(
                "accuracy",
                "odd",
                "Accuracy below the model card",
                f"{format.percent(share)} of {format.count(labelled)} images correct; the card states "
                f"{format.percent(top1)}. Possible causes: images unlike the training data, preprocessing that differs "
                "from training, or class names in another order.",
                [Link("wrong answers", "#wrong"), Link("confusions", "#confusions")],
            )
    most = max(probe["answers"], key=lambda answer: answer["count"], default=None)
    if most and probe["images"] >= 20 and most["count"] >= ONE * probe["images"] and len(card["classes"]) > 2:
        others = sum(1 for count in probe["labels"] or [] if count)
        if others != 1:
            of_all = format.percent(most["count"] / probe["images"])
            yield Fault(
                "stuck",
                "broken",
                f"Constant prediction: {most['name']}",
                f"{of_all} of all images get this class. If a layer outputs only zeros, the last bias decides alone.",
                [Link("confusions", "#confusions")],
            )


def _input(card: ModelRecord, probe: ProbeRecord) -> Iterator[Fault]:
    """Yield whether the input is prepared as it was in training."""
    mean = sum(probe["input"]["mean"]) / len(probe["input"]["mean"])
    spread = sum(probe["input"]["spread"]) / len(probe["input"]["spread"])
    stats = f"the normalised input has mean {format.number(mean)} and spread {format.number(spread)}"
    declared = f"mean {_listed(card['input']['mean'])}, std {_listed(card['input']['std'])}"
    first = next(iter(probe["norms"]), None)
    if first:
        shift, ratio = first["shift"], first["ratio"]
        if shift <= SHIFT and RATIO[0] <= ratio <= RATIO[1]:
            return
        text = (
            f"The output of the first batch norm, {first['layer']}, differs from training: channel means are off by "
            f"{format.number(shift)} standard deviations (median), and the spread is {format.number(ratio)} times as "
            f"large. With {declared}, {stats}; 0 and 1 are usual. Either mean and std differ from those of training, "
            "or these images differ strongly from the training data."
        )
        yield Fault(
            "normalisation", "broken", "Wrong normalisation", text, [Link(first["layer"], f"layer:{first['layer']}")]
        )
    elif abs(mean) > USUAL[0] or not USUAL[1][0] <= spread <= USUAL[1][1]:
        text = (
            f"With {declared}, {stats}, where 0 and 1 are usual. Check mean and std, unless the network was trained "
            "with these."
        )
        yield Fault("normalisation", "odd", "Wrong normalisation", text, [Link("input", "model:")])


def _listed(values: list[float]) -> str:
    return " ".join(format.number(value) for value in values)


# --- what the card and the maps say --------------------------------------------------------------------


def _of_card(card: ModelRecord, model: str) -> Iterator[Fault]:
    reached = re.fullmatch(r"(\d+) of (\d+) rectifiers", card["rectifiers"])
    if reached and int(reached[1]) < int(reached[2]):
        yield Fault(
            "rectifiers",
            "odd",
            "ReLUs without a guided-backprop rule",
            f"The rule is applied at {reached[1]} of {reached[2]} ReLUs, so guided backprop and deconvnet are "
            "not rendered.",
            [Link("model", "model:")],
        )
    spatial = [layer for layer in card["layers"] if layer["receptive_field"] and len(layer["shape"]) == 3]
    if spatial:
        yield from _fields(card, spatial)


def _fields(card: ModelRecord, spatial: list[ModelLayer]) -> Iterator[Fault]:
    """Yield the receptive field of the last maps against the input."""
    size, last = card["input"]["size"][1:], spatial[-1]
    field = last["receptive_field"]
    there = [Link(last["name"], f"layer:{last['name']}")]
    if any(side < extent for side, extent in zip(field, size, strict=True)):
        text = f"The receptive field of {last['name']}, the last spatial layer, is {format.shape(field)} px"
        text += f" of {format.shape(size)}."
        yield Fault(
            "field",
            "note",
            "Receptive field smaller than the image",
            text + " Larger objects are only covered in parts.",
            there,
        )
    if last.get("start"):
        ends = [
            s + j * (n - 1) + f
            for s, j, n, f in zip(last["start"], last["jump"], last["shape"][1:], field, strict=True)
        ]
        unseen = [max(0, extent - end) for extent, end in zip(size, ends, strict=True)]
        if any(unseen):
            text = f"The last {unseen[0]} rows and {unseen[1]} columns of the input are in no receptive field of"
            text += f" {last['name']}."
            yield Fault("field", "note", "Unused edge of the input", text, there)
    wide = next(
        (layer for layer in spatial if all(f > 2 * n for f, n in zip(layer["receptive_field"], size, strict=True))),
        None,
    )
    if wide:
        text = (
            f"From {wide['name']} on the receptive field is at least {format.shape(wide['receptive_field'])} px, over "
            f"twice the input of {format.shape(size)} px: most of it is padding."
        )
        yield Fault(
            "field", "note", "Receptive field wider than the image", text, [Link(wide["name"], f"layer:{wide['name']}")]
        )


def _flat(gallery: Gallery, model: str) -> Iterator[Fault]:
    flat = [
        figure
        for figure in gallery.figures
        if figure["model"] == model
        and figure["status"] == "drawn"
        and gallery.methods.get(figure["method"], NOTHING).get("family") in ("gradient", "cam", "perturbation")
        and figure["range"]
        and figure["range"][0] == figure["range"][1]
    ]
    if flat:
        page = findings_page(model)
        links = [
            Link(
                f"{gallery.methods[figure['method']]['title']}, {figure['image']}", relative(figure_page(figure), page)
            )
            for figure in flat[:MAX_LINKS]
        ]
        yield Fault(
            "flat",
            "odd",
            "Flat maps",
            f"{format.count(len(flat))} maps have the same value everywhere and carry no information.",
            links,
        )


def resolved(gallery: Gallery, model: str, links: list[Link]) -> list[Link]:
    """Return the links of a fault as the findings page writes them: `layer:NAME#c3` and `model:` become addresses.

    A layer without a page leads to its line in the model's table of layers.
    """
    page, pages = findings_page(model), set(gallery.layers_of(model))
    resolved_links = []
    for link in links:
        kind, _, rest = link.href.partition(":")
        name, mark, anchor = rest.partition("#")
        if kind == "model":
            href = relative(model_page(model), page)
        elif kind == "layer" and name in pages:
            channel = mark + anchor if has_units(gallery, model, name) else ""
            href = relative(layer_page(model, name), page) + channel
        elif kind == "layer":
            href = relative(model_page(model), page) + "#layers"
        else:
            href = link.href
        resolved_links.append(Link(link.text, href, link.note))
    return resolved_links
