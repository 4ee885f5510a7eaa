"""A small package that brings a method and two networks, laid into a folder as pip would install it."""

from __future__ import annotations

from pathlib import Path

METHOD = '''
"""Attention map: how much goes on at each place of a layer."""

from generator.methods import method

from .scale import POWER


@method("Attention map", family="inside", draw="overlay", cites="Zagoruyko & Komodakis 2017, arXiv:1612.03928")
def attention_map(activation):
    """Add up the squares of all channels, place by place.

    Formula: sum of A_k squared

    Reading: Yellow places excite the layer strongly, whatever the class.

    Limits: Says nothing about the answer.
    """
    return (activation**POWER).sum(1)
'''
NETWORK = '''
"""A network for grey pictures with a way around two convolutions and functional rectifiers."""

import torch
from torch import nn
from torch.nn import functional as F

from generator.models.built import Built
from generator.types import Input

from herons.blocks import Around


class Heron(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 6, 3, padding=1)
        self.around = Around(6)
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.stem(x)), 2)
        x = self.around(x)
        return self.head(F.adaptive_avg_pool2d(x, 1).flatten(1))


def net():
    torch.manual_seed(5)
    return Heron()


def described():
    return Built(net(), "Heron net", Input((1, 12, 12), (0.5,), (0.25,)), ("heron", "egret", "stork"), "birds")
'''
BLOCKS = '''
"""A residual block."""

from torch import nn
from torch.nn import functional as F


class Around(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x):
        return F.relu(x + self.second(F.relu(self.first(x))))
'''
FILES = {
    "herons/__init__.py": "",
    "herons/scale.py": '"""How strongly loud channels count."""\n\nPOWER = 2\n',
    "herons/methods.py": METHOD,
    "herons/network.py": NETWORK,
    "herons/blocks.py": BLOCKS,
    "herons-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: herons\nVersion: 1.0\n",
    "herons-1.0.dist-info/entry_points.txt": "[innerview.methods]\nattention = herons.methods\n\n"
    "[innerview.models]\nheron-net = herons.network:described\n",
}


def install(folder: Path) -> Path:
    """Lay the package into `folder`; the folder of its code."""
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text.lstrip())
    return folder / "herons"
