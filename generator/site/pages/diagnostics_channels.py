"""What may be wrong with a network's channels: no numbers, nothing at all, twice the same, at an end of their range."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from generator.core.manifest_types import ModelRecord, ProbeLayer, ProbeRecord

from . import format
from .channel_table import noted
from .components import Link

BOUND = 0.5  # share of values at an end of an activation's range, from which on a layer is called saturated
SHOWN = 8  # links to evidence of one kind


@dataclass(frozen=True)
class Fault:
    """One thing that stands out."""

    kind: str  # a word for what it is: "labels", "numbers", "dead-layer", ...
    level: str  # "broken": the network cannot work so; "odd": worth a look; "note": good to know
    title: str
    text: str
    evidence: list[Link]


def looked_at(card: ModelRecord) -> list[str]:
    """The layers whose channels are judged: what follows each convolution, sum and hidden linear layer."""
    kinds = {layer["name"]: layer["kind"] for layer in card["layers"]}
    stages = [stage["layer"] for stage in card["stages"][:-1]]
    return [name for name in stages if kinds[name] in ("activation", "norm", "conv", "join", "linear")]


def numbers(card: ModelRecord, probe: ProbeRecord) -> Iterator[Fault]:
    """Values that are no numbers, where they begin."""
    for one in probe["broken"][:SHOWN]:
        channels = ", ".join(str(channel) for channel in one["channels"][:SHOWN])
        count = format.count(one["count"])
        layer = one["name"].rpartition(".")[0]
        yield Fault(
            "numbers",
            "broken",
            f"NaN or infinity in {one['name']}",
            f"{count} of its values {'is' if one['count'] == 1 else 'are'} no number; output channel {channels}. "
            "Whatever is computed from it is none either.",
            [Link(layer, f"layer:{layer}")] if layer in {known["name"] for known in card["layers"]} else [],
        )
    layers = [told for told in probe["layers"] if told["broken"]]
    if layers and not probe["broken"]:
        first = layers[0]
        yield Fault(
            "numbers",
            "broken",
            f"NaN or infinity from {first['layer']} on",
            f"{format.count(len(first['broken']))} of its {format.count(first['channels'])} channels hold values that "
            "are no numbers, though all weights are numbers: a division by zero, or an overflow.",
            _to(first, first["broken"]),
        )
    if probe["unanswered"]:
        yield Fault(
            "numbers",
            "broken",
            "Answers that are no numbers",
            f"{format.count(probe['unanswered'])} of {format.count(probe['images'])} images get class scores that are "
            "NaN or infinite. What is told of their answers rests on the other scores.",
            [Link("wrong answers", "#wrong")],
        )


def still_and_alike(card: ModelRecord, probe: ProbeRecord) -> Iterator[Fault]:
    """Layers that hand on nothing; channels that are dead, constant or doubles."""
    told = {one["layer"]: one for one in probe["layers"]}
    judged = [told[name] for name in looked_at(card) if name in told]
    still = [one for one in judged if len(set(one["dead"]) | set(one["constant"])) == one["channels"] > 0]
    if still:
        first, after = still[0], len(still) - 1
        more = f", and so {'is' if after == 1 else 'are'} {format.count(after)} after it" if after else ""
        seen = f"{format.count(probe['images'])} images"
        kind = "silent" if len(first["dead"]) == first["channels"] else "the same for every image"
        yield Fault(
            "dead-layer",
            "broken",
            f"A dead layer: {first['layer']}",
            f"All its {format.count(first['channels'])} channels are {kind} over {seen}{more}."
            " What lies behind it does not see the image through it.",
            _to(first, [*first["dead"], *first["constant"]]),
        )
    for kind, title, meaning in (
        ("dead", "Dead channels", f"zero on all {format.count(probe['images'])} images tested."),
        ("constant", "Constant channels", "the same everywhere and for every image: a bias in disguise."),
    ):
        some = [one for one in judged if one[kind] and one not in still]
        if some:
            count = len([channel for one in some for channel in one[kind]])
            where = ", ".join(
                f"{format.count(len(one[kind]))} of {format.count(one['channels'])} in {one['layer']}" for one in some
            )
            links = [link for one in some for link in _to(one, one[kind], 2)][:SHOWN]
            yield Fault(kind, "odd", title, f"{format.count(count)} channels are {meaning} {where}.", links)
    some = [one for one in judged if one["twins"]]
    if some:
        count = sum(len(one["twins"]) for one in some)
        where = ", ".join(f"{format.count(len(one['twins']))} in {one['layer']}" for one in some)
        links = [
            Link(f"{one['layer']} {a} and {b}", f"layer:{one['layer']}#c{a}", f"at {format.correlation(alike)}")
            for one in some
            for a, b, alike in one["twins"][:3]
        ]
        yield Fault(
            "twins",
            "odd",
            "Near-duplicate channels",
            f"{format.count(count)} {'pair' if count == 1 else 'pairs'} whose values correlate above 0.95: {where}. "
            "One of each could be left out for almost nothing.",
            links[:SHOWN],
        )


def saturated(probe: ProbeRecord) -> Iterator[Fault]:
    """Layers most of whose values lie at an end of their activation's range."""
    for one in probe["layers"]:
        if one["bound"] > BOUND:
            yield Fault(
                "saturated",
                "odd",
                f"A saturated layer: {one['layer']}",
                f"{format.percent(one['bound'])} of its values lie at an end of the activation's range, where no "
                "gradient passes.",
                _to(one, []),
            )


def _to(told: ProbeLayer, channels: list[int], most: int = 4) -> list[Link]:
    """Links to channels of a layer that its page has an anchor for, or to the layer."""
    anchors = {row.channel for row in noted(told)}
    links = [
        Link(f"{told['layer']} {channel}", f"layer:{told['layer']}#c{channel}")
        for channel in channels
        if channel in anchors
    ]
    return links[:most] or [Link(told["layer"], f"layer:{told['layer']}")]
