"""ZFNet as the paper has it (Zeiler & Fergus 2014, figure 3); its weights come from a local file."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn

from generator.core.errors import ModelError
from generator.core.records import Input, Network
from generator.models import weights
from generator.models.built import Built
from generator.models.imagenet_classes import NAMES
from generator.models.specs import weights_file

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class ZFNet(nn.Module):
    """AlexNet with a finer first look: 7x7 filters at stride 2 in place of 11x11 at stride 4, so that fewer are dead.

    Logits (N, 1000) of normalised pictures (N, 3, 224, 224)."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            OrderedDict(
                conv1=nn.Conv2d(3, 96, 7, stride=2, padding=1),
                relu1=nn.ReLU(inplace=True),
                pool1=nn.MaxPool2d(3, stride=2, padding=1),
                norm1=nn.LocalResponseNorm(5, k=2.0),  # "contrast normalised", as AlexNet does it
                conv2=nn.Conv2d(96, 256, 5, stride=2),
                relu2=nn.ReLU(inplace=True),
                pool2=nn.MaxPool2d(3, stride=2, padding=1),
                norm2=nn.LocalResponseNorm(5, k=2.0),
                conv3=nn.Conv2d(256, 384, 3, padding=1),
                relu3=nn.ReLU(inplace=True),
                conv4=nn.Conv2d(384, 384, 3, padding=1),
                relu4=nn.ReLU(inplace=True),
                conv5=nn.Conv2d(384, 256, 3, padding=1),
                relu5=nn.ReLU(inplace=True),
                pool5=nn.MaxPool2d(3, stride=2),
            )
        )  # 110x110, 55, 26, 13, 13, 13, 13, 6
        self.classifier = nn.Sequential(
            OrderedDict(
                fc6=nn.Linear(256 * 6 * 6, 4096),
                relu6=nn.ReLU(inplace=True),
                dropout6=nn.Dropout(),
                fc7=nn.Linear(4096, 4096),
                relu7=nn.ReLU(inplace=True),
                dropout7=nn.Dropout(),
                fc8=nn.Linear(4096, 1000),
            )
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.features(x).flatten(1))


def build(network: Network, trust_pickle: bool = False) -> Built:
    """Return the network with the weights of a file, or random ones; raises `ModelError`."""
    model, file = ZFNet(), weights_file(network)
    if file and not network.weights:
        raise ModelError("zfnet comes without weights: name a file (weights: zfnet.safetensors), or take zfnet~random")
    note = weights.fill(model, weights.read(file, trust_pickle), file) if file else ""
    return Built(
        model=model,
        title="ZFNet",
        input=Input(size=(3, 224, 224), mean=MEAN, std=STD, resize=256),
        classes=NAMES,
        vocabulary="imagenet",
        accuracy=weights.accuracy(file) if file else {},
        note=note,
    )
