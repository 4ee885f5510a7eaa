"""Which networks are drawn, and what of them: writes the table of `site_src/docs/coverage.md` (`make coverage`).

Torchvision's classifiers, timm's and Hugging Face's with random weights, and odd networks, each asked for its input,
the activations of every stage, saliency, integrated gradients, occlusion and Grad-CAM. What may be refused is written
down in `PERMITTED`, before any run; whatever else is refused or fails makes the script end with 1.

Each network's line is appended to `RESULTS` as soon as it is there. A run that was interrupted goes on behind the last
one; networks with faults are drawn anew. The file is deleted once a run has no faults.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from generator.core.records import Example, Input, Network
from generator.data.images import read_image
from generator.models.layers import stage_layers
from generator.pipeline.jobs import NetworkRequest, scene_tasks
from generator.pipeline.worker import Worker

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "site_src" / "docs" / "coverage.md"
RESULTS = HERE.parents[1] / ".innerview" / "coverage.jsonl"
ASKED = {
    "input": {},
    "activations": {},
    "saliency": {},
    "integrated-gradients": {"nodes": 2},
    "occlusion": {"window": 64, "stride": 64},
    "grad-cam": {},
}
TORCHVISION = (
    "alexnet vgg11 vgg19_bn resnet18 resnet152 wide_resnet50_2 resnext50_32x4d densenet121 densenet201 googlenet "
    "inception_v3 squeezenet1_0 squeezenet1_1 mobilenet_v2 mobilenet_v3_small mobilenet_v3_large shufflenet_v2_x0_5 "
    "shufflenet_v2_x1_0 mnasnet0_5 mnasnet1_0 efficientnet_b0 efficientnet_b4 efficientnet_v2_s regnet_y_8gf "
    "regnet_x_400mf convnext_base vit_b_16 swin_t swin_v2_t maxvit_t"
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
FIXED = "vit_b_16 maxvit_t vit_tiny_patch16_224 deit_tiny_patch16_224 mixer_s32_224".split()
SIDES = {**dict.fromkeys(FIXED, 224), "inception_v3": 128}  # one size alone, and one whose last layers want more

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
    size: str = ""  # of the input, as the network's card has it
    layers: int = 0
    stages: int = 0
    looks_at: str = ""  # the layer of Grad-CAM with its shape
    events: dict[str, dict[str, int]] = field(default_factory=dict)  # method -> how often drawn, refused, failed
    reasons: dict[str, str] = field(default_factory=dict)  # method -> why not
    seconds: float = 0.0  # of CPU time
    depth: float = 1.0  # of Grad-CAM's layer among those with space, up to 1

    def drawn(self, method: str) -> int:
        """Return how many pictures of a method there are."""
        return self.events.get(method, {}).get("drawn", 0)

    def faults(self) -> list[str]:
        """Return a line for whatever failed, or was refused and may not be."""
        lines = []
        for method in ASKED:
            reason, failed = self.reasons.get(method, ""), self.events.get(method, {}).get("failed", 0)
            permitted = PERMITTED.get((self.name, method), "no such words") in reason
            short = method == "activations" and self.drawn(method) < self.stages
            if failed or short or (not self.drawn(method) and not permitted):
                lines.append(f"{self.kind} {self.name}: {method}: {reason or 'nothing was drawn'}")
        if self.depth < 0.5:
            lines.append(f"{self.kind} {self.name}: grad-cam: {self.looks_at} is in the first half of the network")
        return lines


def networks() -> Iterator[tuple[str, Network]]:
    """Yield the networks of the table with their kinds; those of packages that are not installed are left out."""
    for name in TORCHVISION:
        yield "torchvision", _network(name, f"torchvision:{name}", SIDES.get(name, SIDE))
    for package, names, side in (("timm", TIMM, SIDE), ("transformers", HUGGING_FACE, 64)):
        if importlib.util.find_spec(package) is None:
            print(f"{package} is not installed: its networks are left out", file=sys.stderr)
            continue
        for name in names:
            yield package, _network(name, f"coverage_networks:{package}_{name}", SIDES.get(name, side))
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
        card = worker.describe(network)
    except Exception as error:  # a network may raise anything
        row.reasons = dict.fromkeys(ASKED, f"{type(error).__name__}: {error}".splitlines()[0])
        return row
    stages = stage_layers(card)
    row.size, row.layers, row.stages = _product(card.input.size), len(card.layers), len(stages)
    at = next((layer for layer in card.layers if layer.name == card.default_layer), None)
    if at:
        row.looks_at = f"`{at.name}`, {_product(at.shape)}"
        spatial = [layer.name for layer in card.layers if len(layer.shape) == 3]
        row.depth = (spatial.index(at.name) + 1) / len(spatial)
    cards = {method.slug: method for method in worker.methods()}
    methods = {slug: {**cards[slug].parameters, **wishes} for slug, wishes in ASKED.items()}
    pictures = [_picture(folder, network.input.size)]
    request = NetworkRequest(network, card, pictures, ["top"], methods, cards, layers={"activations": stages})
    for task in scene_tasks(request):
        names = {job.key: job.method for job in task.jobs}

        def tell(event: str, key: str, words: str, names: dict[str, str] = names) -> None:
            if event in ("drawn", "failed", "inapplicable") and key in names:
                counts = row.events.setdefault(names[key], {})
                counts[event] = counts.get(event, 0) + 1
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


def _versions() -> list[str]:
    names = [name for name in ("torch", "torchvision", "timm", "transformers") if importlib.util.find_spec(name)]
    return [f"{name} {version(name)}" for name in names]


def _product(numbers: Iterable[int]) -> str:
    return " x ".join(map(str, numbers))


def page(rows: list[Row]) -> str:
    """Return the page of the documentation."""
    kinds = {"torchvision": "torchvision", "timm": "timm", "transformers": "Hugging Face", "odd": "Odd networks"}
    lines = [
        "# Tested networks",
        "",
        "Written by `make coverage`: networks with random weights, at small sizes, each asked for its input, the",
        "activations of its stages, saliency, integrated gradients, occlusion and Grad-CAM. Drawn means that the",
        "picture is there; how far a map is to be trusted is measured for each network of a gallery. What is refused,",
        f"is refused with the reason. The versions were {', '.join(_versions())}.",
        "",
    ]
    for kind, title in kinds.items():
        some = [row for row in rows if row.kind == kind]
        lines += [f"## {title}", ""]
        if not some:
            lines += ["Not drawn: the package was not installed where this page was written.", ""]
            continue
        lines += ["| network | input | layers | activations | gradients and occlusion | Grad-CAM looks at |"]
        lines += ["|---|---|---|---|---|---|"]
        lines += [_line(row) for row in some]
        lines.append("")
    return "\n".join(lines)


def _line(row: Row) -> str:
    if not row.size:
        return f"| {row.name} | | | {row.reasons['input']} | | |"
    passes = [method for method in ("saliency", "integrated-gradients", "occlusion") if row.drawn(method)]
    others = "drawn" if len(passes) == 3 else ", ".join(passes) or row.reasons.get("saliency", "")
    cam = row.looks_at if row.drawn("grad-cam") else row.reasons.get("grad-cam", "")
    return f"| {row.name} | {row.size} | {row.layers} | {row.drawn('activations')} | {others} | {cam} |"


def kept(path: Path) -> dict[tuple[str, str], Row]:
    """Return the networks without faults of an interrupted run by kind and name; a line that was cut off is none."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            rows.append(Row(**json.loads(line)))
        except json.JSONDecodeError:
            continue
    return {(row.kind, row.name): row for row in rows if not row.faults()}


def main() -> int:
    """Draw, write the page, and return 1 where something is refused or fails that may not be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="kind or name of the networks that are asked; no page is written")
    only = parser.parse_args().only
    sys.path.insert(0, str(HERE))
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    torch.set_num_threads(1)
    RESULTS.parent.mkdir(exist_ok=True)
    earlier, rows = kept(RESULTS), []
    for kind, network in networks():
        if only and only not in (kind, network.name):
            continue
        row = earlier.get((kind, network.name))
        if row is None:
            with tempfile.TemporaryDirectory() as folder:
                row = cover(kind, network, Path(folder))
            with RESULTS.open("a", encoding="utf-8") as results:
                results.write(json.dumps(asdict(row)) + "\n")
        rows.append(row)
        counts = Counter(event for events in row.events.values() for event in Counter(events).elements())
        print(f"{kind:12} {network.name:24} {dict(counts)} {row.seconds:.1f} CPU s", flush=True)
    faults = [line for row in rows for line in row.faults()]
    print("\n".join(faults) or f"{len(rows)} networks, nothing failed, nothing refused but what may be")
    if not only:
        PAGE.write_text(page(rows), encoding="utf-8")
        if not faults:
            RESULTS.unlink()
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
