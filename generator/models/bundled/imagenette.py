"""The second bundled network: VGG-style with batch norm, for 128x128 photographs of Imagenette's ten classes."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn

from generator.core.records import Input, Network
from generator.models import weights
from generator.models.built import Built
from generator.models.specs import weights_file

from .vgg import blocks

CLASSES = (  # in the order of their WordNet identifiers, as torchvision has them
    "tench",
    "English springer",
    "cassette player",
    "chain saw",
    "church",
    "French horn",
    "garbage truck",
    "gas pump",
    "golf ball",
    "parachute",
)
MEAN, STD = (0.465, 0.456, 0.429), (0.277, 0.272, 0.293)
STEM = 48  # 7x7 filters at stride 2, large enough to be looked at, as in AlexNet and ZFNet
WIDTHS = (64, "pool", 128, 128, "pool", 256, 256, "pool", 384, 384, 384)


class Imagenette(nn.Module):
    """Logits (N, 10) of normalised pictures (N, 3, 128, 128): a stem, VGG's blocks, global average pooling, one linear.

    The last maps are 8x8, and CAM is defined.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        layers["conv0"] = nn.Conv2d(3, STEM, 7, stride=2, padding=3, bias=False)
        layers["bn0"] = nn.BatchNorm2d(STEM)
        layers["relu0"] = nn.ReLU(inplace=True)
        self.backbone = nn.Sequential(layers | blocks(WIDTHS, STEM, first=1))
        self.classifier = nn.Linear(384, len(CLASSES))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.backbone(x)  # (N, 384, 8, 8)
        return self.classifier(x.mean((2, 3)))  # (N, 10)


def build(network: Network, trust_pickle: bool = False) -> Built:
    """Return the network with the weights it comes with, those of a file, or random ones; raises `ModelError`."""
    model, file = Imagenette(), weights_file(network)
    note = weights.fill(model, weights.read(file, trust_pickle), file) if file else ""
    return Built(
        model=model,
        title="VGG-style, Imagenette",
        input=Input(size=(3, 128, 128), mean=MEAN, std=STD, resize=144),
        classes=CLASSES,
        vocabulary="imagenette",
        accuracy=weights.accuracy(file) if file else {},
        note=note,
    )
