"""Which networks are drawn, and what of them: writes the table of `site_src/docs/coverage.md` (`make coverage`).

Torchvision's classifiers, timm's and Hugging Face's with random weights, and odd networks, each asked for its input,
the activations of every layer, saliency, integrated gradients, occlusion and Grad-CAM. What may be refused is written
down in `PERMITTED`, before any run; whatever else is refused or fails makes the script end with 1.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from generator.core.records import Example, Input, ModelCard, Network
from generator.data.images import read_image
from generator.pipeline.jobs import NetworkRequest, scene_tasks
from generator.pipeline.worker import Worker

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "site_src" / "docs" / "coverage.md"
ASKED = {
    "input": {},
    "activations": {},
    "saliency": {},
    "integrated-gradients": {"nodes": 2},
    "occlusion": {"window": 64, "stride": 64},
    "grad-cam": {},
}
TORCHVISION = (
    "alexnet vgg11 vgg16_bn resnet18 resnet50 wide_resnet50_2 resnext50_32x4d densenet121 densenet169 googlenet "
    "inception_v3 squeezenet1_0 squeezenet1_1 mobilenet_v2 mobilenet_v3_small mobilenet_v3_large shufflenet_v2_x0_5 "
    "shufflenet_v2_x1_0 mnasnet0_5 mnasnet1_0 efficientnet_b0 efficientnet_b1 efficientnet_v2_s regnet_y_400mf "
    "regnet_x_400mf convnext_tiny vit_b_32 swin_t swin_v2_t maxvit_t"
).split()
TIMM = (
    "resnet10t vit_tiny_patch16_224 deit_tiny_patch16_224 convnextv2_atto mixer_s32_224 mobilevit_xxs efficientvit_b0 "
    "poolformer_s12"
).split()
HUGGING_FACE = ("vit", "swin", "convnext", "resnet")
STRANGE = (
    "plain Tuple Dictionary Shared Dynamic Grey Wide Flat in_training AlwaysTraining Infinite OneAtATime Counting "
    "Random"
).split()
PROGRAMS = "wrapped compiled compiled_inside exported scripted traced frozen partly".split()
INPUTS = {"two_bands": 2, "five_bands": 5, "constants": 3}
SIDE = 96  # pixels a side, where a network takes any size
SIDES = {"vit_b_32": 224, "swin_v2_t": 256, "maxvit_t": 224, "inception_v3": 128}

# What may be refused, and words of the reason: written before the run.
PERMITTED = {
    ("Flat", "grad-cam"): "no layer with space",
    ("scripted", "grad-cam"): "no layer with space",
    ("traced", "grad-cam"): "no layer with space",
    ("frozen", "grad-cam"): "no layer with space",
}


@dataclass
class Row:
    """What became of one network."""

    kind: str
    name: str
    card: ModelCard | None = None
    events: dict[str, Counter[str]] = field(default_factory=dict)  # method -> how often drawn, refused, failed
    reasons: dict[str, str] = field(default_factory=dict)  # method -> why not
    seconds: float = 0.0

    def faults(self) -> list[str]:
        """Return a line for whatever failed, or was refused and may not be."""
        lines = []
        for method in ASKED:
            reason, found = self.reasons.get(method, ""), self.events.get(method, Counter())
            permitted = PERMITTED.get((self.name, method), "no such words") in reason
            if found["failed"] or (not found["drawn"] and not permitted):
                lines.append(f"{self.kind} {self.name}: {method}: {reason or 'nothing was drawn'}")
        return lines


def networks() -> Iterator[tuple[str, Network]]:
    """Yield the networks of the table with their kinds; those of packages that are not installed are left out."""
    for name in TORCHVISION:
        yield "torchvision", _network(name, f"torchvision:{name}", SIDES.get(name, SIDE))
    for package, names, side in (("timm", TIMM, 224), ("transformers", HUGGING_FACE, 64)):
        if importlib.util.find_spec(package) is None:
            print(f"{package} is not installed: its networks are left out", file=sys.stderr)
            continue
        for name in names:
            yield package, _network(name, f"coverage_networks:{package}_{name}", side)
    for name in STRANGE:
        yield "odd", _network(name, f"bad_models:{name}", (10, 12), 1 if name == "Grey" else 3)
    for name in PROGRAMS:
        yield "odd", _network(name, f"coverage_networks:{name}", 16)
    for name, channels in INPUTS.items():
        constants = (("sun", "0.5"),) if name == "constants" else ()
        yield "odd", replace(_network(name, f"coverage_networks:{name}", 16, channels), constants=constants)


def _network(name: str, source: str, side: int | tuple[int, int], channels: int = 3) -> Network:
    height, width = (side, side) if isinstance(side, int) else side
    weights = "random" if source.startswith("torchvision:") else ""
    input = Input((channels, height, width), (0.5,) * channels, (0.25,) * channels)
    return Network(name, source, weights=weights, folder=str(HERE), input=input)


def cover(kind: str, network: Network, folder: Path) -> Row:
    """Return what is drawn of a network for a picture of random values with as many channels as it wants."""
    row, started = Row(kind, network.name), time.process_time()
    worker = Worker(folder / "store", "cpu")
    try:
        row.card = worker.describe(network)
    except Exception as error:  # a network may raise anything
        row.reasons = dict.fromkeys(ASKED, f"{type(error).__name__}: {error}".splitlines()[0])
        return row
    cards = {card.slug: card for card in worker.methods()}
    methods = {slug: {**cards[slug].parameters, **wishes} for slug, wishes in ASKED.items()}
    request = NetworkRequest(network, row.card, [_picture(folder, network.input.size)], ["top"], methods, cards)
    for task in scene_tasks(request):
        names = {job.key: job.method for job in task.jobs}

        def tell(event: str, key: str, words: str, names: dict[str, str] = names) -> None:
            if event in ("drawn", "failed", "inapplicable") and key in names:
                row.events.setdefault(names[key], Counter())[event] += 1
                if event != "drawn":
                    row.reasons[names[key]] = words

        try:
            worker.scene(task, tell)
        except Exception as error:
            row.reasons |= dict.fromkeys(
                set(ASKED) - set(row.events), f"{type(error).__name__}: {error}".splitlines()[0]
            )
    row.seconds = time.process_time() - started
    return row


def _picture(folder: Path, size: tuple[int, int, int]) -> Example:
    channels, height, width = size
    path = folder / f"{channels}x{height}.npy"
    if not path.exists():
        coarse = np.random.default_rng(3).random((channels, -(-height // 8), -(-width // 8)))
        np.save(path, coarse.repeat(8, 1).repeat(8, 2)[:, :height, :width].transpose(1, 2, 0).astype(np.float32))
    return read_image(path)


def page(rows: list[Row]) -> str:
    """Return the page of the documentation."""
    kinds = {"torchvision": "torchvision", "timm": "timm", "transformers": "Hugging Face", "odd": "odd networks"}
    lines = [
        "# Which networks are drawn",
        "",
        "Written by `make coverage`: networks with random weights, each asked for its input, the activations of all",
        "its layers, saliency, integrated gradients, occlusion and Grad-CAM. Drawn means that the picture is there;",
        "how far a map is to be trusted is measured for each network of a gallery. What is refused, is refused with",
        "the reason.",
        "",
    ]
    for kind, title in kinds.items():
        some = [row for row in rows if row.kind == kind]
        if not some:
            continue
        lines += [f"## {title[0].upper()}{title[1:]}", "", "| network | input | layers | activations | "]
        lines[-1] += "gradients and occlusion | Grad-CAM looks at |"
        lines += ["|---|---|---|---|---|---|"]
        lines += [_line(row) for row in some]
        lines.append("")
    return "\n".join(lines)


def _line(row: Row) -> str:
    if row.card is None:
        return f"| {row.name} | | | {row.reasons['input']} | | |"
    drawn = {method: row.events.get(method, Counter())["drawn"] for method in ASKED}
    passes = [method for method in ("saliency", "integrated-gradients", "occlusion") if drawn[method]]
    others = "drawn" if len(passes) == 3 else ", ".join(passes) or row.reasons.get("saliency", "")
    layer = next((layer for layer in row.card.layers if layer.name == row.card.default_layer), None)
    cam = f"`{layer.name}`, {' x '.join(map(str, layer.shape))}" if drawn["grad-cam"] and layer else ""
    cam = cam or row.reasons.get("grad-cam", "")
    size = " x ".join(map(str, row.card.input.size))
    return f"| {row.name} | {size} | {len(row.card.layers)} | {drawn['activations']} | {others} | {cam} |"


def main() -> int:
    """Draw, write the page, and return 1 where something is refused or fails that may not be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="kind or name of the networks that are asked; no page is written")
    only = parser.parse_args().only
    sys.path.insert(0, str(HERE))
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    rows = []
    for kind, network in networks():
        if only and only not in (kind, network.name):
            continue
        with tempfile.TemporaryDirectory() as folder:
            rows.append(cover(kind, network, Path(folder)))
        counts = Counter(event for events in rows[-1].events.values() for event in events.elements())
        print(f"{kind:12} {network.name:24} {dict(counts)} {rows[-1].seconds:.1f} CPU s", flush=True)
    faults = [line for row in rows for line in row.faults()]
    if not only:
        PAGE.write_text(page(rows), encoding="utf-8")
    print("\n".join(faults) or f"{len(rows)} networks, nothing failed, nothing refused but what may be")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
