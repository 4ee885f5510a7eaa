"""The bundled network: VGG-like, for 32x32 CIFAR-10, 9,228,362 parameters and 605,754,368 MACs."""

from __future__ import annotations

import torch
from torch import nn

from generator.core.records import Input, Network
from generator.models import weights
from generator.models.built import Built
from generator.models.specs import weights_file

from .vgg import blocks

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
WIDTHS = (64, 128, "pool", 256, 256, "pool", 512, 512, "pool", 512, 512, "pool")


class VGGCifar10(nn.Module):
    """Logits (N, 10) of normalised pictures (N, 3, 32, 32)."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(blocks(WIDTHS, 3))
        self.classifier = nn.Linear(512, len(CLASSES))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.backbone(x)  # (N, 512, 2, 2)
        return self.classifier(x.mean((2, 3)))  # (N, 10)


def vgg_cifar10() -> nn.Module:
    """Return the network with random weights; `build` lays in the trained ones."""
    return VGGCifar10()


def build(network: Network, trust_pickle: bool = False) -> Built:
    """Return the network with the weights it comes with, those of a file, or random ones; raises `ModelError`."""
    model, file = vgg_cifar10(), weights_file(network)
    note = weights.fill(model, weights.read(file, trust_pickle), file) if file else ""
    return Built(
        model=model,
        title="VGG-like, CIFAR-10",
        input=Input(size=(3, 32, 32), mean=MEAN, std=STD, resize=32),
        classes=CLASSES,
        vocabulary="cifar10",
        accuracy=weights.accuracy(file) if file else {},
        note=note,
    )
