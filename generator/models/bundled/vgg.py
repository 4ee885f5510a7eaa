"""What the networks in VGG's way share: 3x3 convolutions with batch norm and ReLU, and pools between them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import nn


def blocks(widths: Sequence[int | str], channels: int, first: int = 0) -> OrderedDict[str, nn.Module]:
    """Return the layers by name: of each width a convolution, of each "pool" a halving; `channels` go in.

    Convolutions are numbered from `first`, which a stem before them leaves free.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    convs, pools = first, 0
    for width in widths:
        if isinstance(width, str):
            layers[f"pool{pools}"] = nn.MaxPool2d(2)
            pools += 1
            continue
        layers[f"conv{convs}"] = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        layers[f"bn{convs}"] = nn.BatchNorm2d(width)
        layers[f"relu{convs}"] = nn.ReLU(inplace=True)
        channels, convs = width, convs + 1
    return layers
