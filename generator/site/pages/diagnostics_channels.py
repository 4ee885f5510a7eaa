"""What may be wrong with a network's channels: no numbers, nothing at all, twice the same, at an end of their range."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from generator.core.manifest_types import ModelRecord, ProbeLayer, ProbeRecord

from . import format
from .channel_table import noted
from .components import Link

BOUND = 0.5  # share of values at an end of an activation's range, from which on a layer is called saturated
MAX_LINKS = 8  # links to evidence of one kind


@dataclass(frozen=True)
class Fault:
    """One thing that stands out."""

    kind: str  # a word for what it is: "labels", "numbers", "dead-layer", ...
    level: str  # "broken": the network cannot work so; "odd": worth a look; "note": good to know
    title: str
    text: str
    evidence: list[Link]


def looked_at(card: ModelRecord) -> list[str]:
    """Return the layers whose channels are judged: what follows each convolution, sum and hidden linear layer."""
    kinds = {layer["name"]: layer["kind"] for layer in card["layers"]}
    stages = [stage["layer"] for stage in card["stages"][:-1]]
    return [name for name in stages if kinds[name] in ("activation", "norm", "conv", "join", "linear")]


def numbers(card: ModelRecord, probe: ProbeRecord) -> Iterator[Fault]:
    """Yield values that are no numbers, where they begin."""
    for tensor in probe["broken"][:MAX_LINKS]:
        channels = ", ".join(str(channel) for channel in tensor["channels"][:MAX_LINKS])
        count = format.count(tensor["count"])
        layer = tensor["name"].rpartition(".")[0]
        yield Fault(
            "numbers",
            "broken",
            f"NaN or infinity in {tensor['name']}",
            f"{count} {'value is' if tensor['count'] == 1 else 'values are'} NaN or infinite; output channel "
            f"{channels}. Everything computed from them is invalid too.",
            [Link(layer, f"layer:{layer}")] if layer in {record["name"] for record in card["layers"]} else [],
        )
    layers = [entry for entry in probe["layers"] if entry["broken"]]
    if layers and not probe["broken"]:
        first = layers[0]
        yield Fault(
            "numbers",
            "broken",
            f"NaN or infinity from {first['layer']} on",
            f"{format.count(len(first['broken']))} of its {format.count(first['channels'])} channels contain NaN "
            "or infinity although all weights are finite: check for a division by zero or an overflow.",
            _to(first, first["broken"]),
        )
    if probe["unanswered"]:
        yield Fault(
            "numbers",
            "broken",
            "NaN or infinite class scores",
            f"{format.count(probe['unanswered'])} of {format.count(probe['images'])} images get NaN or infinite class "
            "scores. NaN scores are ignored in the statistics of predictions.",
            [Link("wrong predictions", "#wrong")],
        )


def still_and_alike(card: ModelRecord, probe: ProbeRecord) -> Iterator[Fault]:
    """Yield layers that hand on nothing; channels that are dead, constant or doubles."""
    by_name = {layer["layer"]: layer for layer in probe["layers"]}
    judged = [by_name[name] for name in looked_at(card) if name in by_name]
    still = [layer for layer in judged if len(set(layer["dead"]) | set(layer["constant"])) == layer["channels"] > 0]
    if still:
        first, after = still[0], len(still) - 1
        more = f", and {format.count(after)} later {'layer' if after == 1 else 'layers'} likewise" if after else ""
        seen = f"{format.count(probe['images'])} images"
        kind = "zero" if len(first["dead"]) == first["channels"] else "the same for every image"
        yield Fault(
            "dead-layer",
            "broken",
            f"Dead layer: {first['layer']}",
            f"All its {format.count(first['channels'])} channels are {kind} over {seen}{more}."
            " Later layers receive no information about the image through it.",
            _to(first, [*first["dead"], *first["constant"]]),
        )
    for kind, title, meaning in (
        (
            "dead",
            "Dead channels",
            f"zero on all {format.count(probe['images'])} images tested; confirm on a larger probe before pruning:",
        ),
        ("constant", "Constant channels", "constant over positions and images, like a bias:"),
    ):
        some = [layer for layer in judged if layer[kind] and layer not in still]
        if some:
            count = len([channel for layer in some for channel in layer[kind]])
            where = ", ".join(
                f"{format.count(len(layer[kind]))} of {format.count(layer['channels'])} in {layer['layer']}"
                for layer in some
            )
            links = [link for layer in some for link in _to(layer, layer[kind], 2)][:MAX_LINKS]
            yield Fault(
                kind,
                "odd",
                title,
                f"{format.count(count)} {'channel is' if count == 1 else 'channels are'} {meaning} {where}.",
                links,
            )
    some = [layer for layer in judged if layer["twins"]]
    if some:
        count = sum(len(layer["twins"]) for layer in some)
        where = ", ".join(f"{format.count(len(layer['twins']))} in {layer['layer']}" for layer in some)
        links = [
            Link(
                f"{layer['layer']} {a} and {b}",
                f"layer:{layer['layer']}#c{a}",
                f"(correlation {format.correlation(alike)})",
            )
            for layer in some
            for a, b, alike in layer["twins"][:3]
        ]
        yield Fault(
            "twins",
            "odd",
            "Near-duplicate channels",
            f"{format.count(count)} {'pair' if count == 1 else 'pairs'} whose values correlate above 0.95: {where}. "
            "One channel of each pair may be redundant.",
            links[:MAX_LINKS],
        )


def saturated(probe: ProbeRecord) -> Iterator[Fault]:
    """Yield layers most of whose values lie at an end of their activation's range."""
    for layer in probe["layers"]:
        if layer["bound"] > BOUND:
            yield Fault(
                "saturated",
                "odd",
                f"Saturated layer: {layer['layer']}",
                f"{format.percent(layer['bound'])} of the values lie at a limit of the activation function, where the "
                "gradient is zero.",
                _to(layer, []),
            )


def _to(layer: ProbeLayer, channels: list[int], most: int = 4) -> list[Link]:
    """Links to channels of a layer that its page has an anchor for, or to the layer."""
    anchors = {row.channel for row in noted(layer)}
    links = [
        Link(f"{layer['layer']} {channel}", f"layer:{layer['layer']}#c{channel}")
        for channel in channels
        if channel in anchors
    ]
    return links[:most] or [Link(layer["layer"], f"layer:{layer['layer']}")]
