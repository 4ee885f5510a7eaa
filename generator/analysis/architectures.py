"""How architectures grew: the layer tables of the well-known ones, which need no weights and no arithmetic."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from generator.core.torchvision_import import torchvision
from generator.engine.space import follow_space
from generator.engine.trace import Trace
from generator.models.bundled.efficientnet_lite0 import EfficientNetLite0
from generator.models.bundled.zfnet import ZFNet

FILE = Path(__file__).with_suffix(".json")  # what `grown` returns, for pages, which are written without torch
SIDE = 224  # pixels of the input, in all of them
WEIGHED = ("conv", "linear")


def _googlenet() -> nn.Module:  # without the auxiliary heads, which serve training alone
    return torchvision.models.googlenet(weights=None, aux_logits=False, transform_input=False, init_weights=False)


# Title, year of the paper, where it is, and what builds it; in the order of the years.
ARCHITECTURES: dict[str, tuple[str, int, str, Callable[[], nn.Module]]] = {
    "alexnet": (
        "AlexNet",
        2012,
        "Krizhevsky 2014, arXiv:1404.5997, after Krizhevsky et al. 2012",
        torchvision.models.alexnet,
    ),
    "zfnet": ("ZFNet", 2013, "Zeiler & Fergus 2014, arXiv:1311.2901", ZFNet),
    "vgg16": ("VGG16", 2014, "Simonyan & Zisserman 2015, arXiv:1409.1556", torchvision.models.vgg16),
    "vgg19": ("VGG19", 2014, "Simonyan & Zisserman 2015, arXiv:1409.1556", torchvision.models.vgg19),
    "googlenet": ("GoogLeNet", 2014, "Szegedy et al. 2015, arXiv:1409.4842", _googlenet),
    "resnet50": ("ResNet-50", 2015, "He et al. 2016, arXiv:1512.03385", torchvision.models.resnet50),
    "mobilenet_v2": ("MobileNetV2", 2018, "Sandler et al. 2018, arXiv:1801.04381", torchvision.models.mobilenet_v2),
    "efficientnet-lite0": ("EfficientNet-Lite0", 2019, "Tan & Le 2019, arXiv:1905.11946", EfficientNetLite0),
}


def grown() -> list[dict[str, Any]]:
    """For each architecture: parameters, MACs, depth, and what its convolutions and linear layers hold and cost.

    `depth` counts the convolutions and linear layers on the longest way through; `reach` has, for each depth with
    space, the side of the receptive field in pixels of an input of 224.
    """
    return [_table(name, *about) for name, about in ARCHITECTURES.items()]


def _table(name: str, title: str, year: int, cites: str, build: Callable[[], nn.Module]) -> dict[str, Any]:
    with torch.device("meta"):  # shapes alone
        model = build()
    x = torch.zeros(1, 3, SIDE, SIDE, device="meta")
    trace = Trace(model.eval(), follow_space(model.eval(), x))
    trace.run(x, name)
    weighed = [layer for layer in trace.layers if layer.kind in WEIGHED]
    reach: dict[int, int] = {}
    for layer in weighed:
        if layer.receptive_field:
            depth = trace.depths[layer.name]
            reach[depth] = max(reach.get(depth, 0), max(layer.receptive_field))
    return {
        "name": name,
        "title": title,
        "year": year,
        "cites": cites,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "macs": sum(layer.macs for layer in trace.layers),
        "depth": max(trace.depths.values()),
        "held": {kind: sum(layer.parameters for layer in weighed if layer.kind == kind) for kind in WEIGHED},
        "worked": {kind: sum(layer.macs for layer in weighed if layer.kind == kind) for kind in WEIGHED},
        "reach": sorted(reach.items()),
    }


def written(tables: list[dict[str, Any]]) -> str:
    """Return the tables as `FILE` holds them."""
    return json.dumps(tables, indent=1) + "\n"
