"""The bundled ImageNet network: EfficientNet-Lite0, 4,652,008 parameters, for 224x224 photographs of 1,000 classes.

Architecture after M. Tan, Q. V. Le: EfficientNet (2019, arXiv:1905.11946) in the Lite variant of its authors: no
squeeze-and-excitation, ReLU6 in place of swish, stem and head of fixed width. The weights were converted by
`generator.training.import_efficientnet_lite0`; licence and notice lie beside them.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn
from torch.nn import functional as F

from generator.core.records import Input, Network
from generator.models import weights
from generator.models.built import Built
from generator.models.imagenet_classes import NAMES
from generator.models.specs import weights_file

MEAN, STD = (127 / 255,) * 3, (128 / 255,) * 3
EPSILON = 1e-3  # of batch norm, as in TensorFlow
STEM, HEAD = 32, 1280  # channels of the first and of the last convolution
STAGES = (  # kernel, stride of the first block, expansion, channels out, blocks: table 1 of the paper at width 1
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)


class EfficientNetLite0(nn.Module):
    """Logits (N, 1000) of normalised pictures (N, 3, H, W): a stem, 16 blocks, a head, average pooling, one linear.

    Blocks are counted from 1, as in `block3.expand.conv`. At 224x224 the last maps are 7x7, and CAM is defined.
    """

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        layers: OrderedDict[str, nn.Module] = OrderedDict(stem=unit(3, STEM, kernel=3, stride=2))
        channels = STEM
        for kernel, first_stride, expansion, width, count in STAGES:
            for position in range(count):
                stride = first_stride if position == 0 else 1
                layers[f"block{len(layers)}"] = Block(channels, width, kernel, stride, expansion)
                channels = width
        layers["head"] = unit(channels, HEAD, kernel=1)
        for name, layer in layers.items():
            self.add_module(name, layer)
        self.classifier = nn.Linear(HEAD, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for name, layer in self.named_children():
            if name != "classifier":
                x = layer(x)
        return self.classifier(x.mean((2, 3)))


class Block(nn.Module):
    """An inverted residual block: 1x1 to more channels, depthwise, 1x1 to fewer without a ReLU6; added to its input
    where both have one shape."""

    def __init__(self, channels: int, width: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = channels * expansion
        if expansion > 1:
            self.expand = unit(channels, inner, kernel=1)
        self.depthwise = unit(inner, inner, kernel, stride, groups=inner)
        self.project = unit(inner, width, kernel=1, activation=False)
        self.residual = stride == 1 and channels == width

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner = self.expand(x) if hasattr(self, "expand") else x
        y = self.project(self.depthwise(inner))
        return x + y if self.residual else y


class SamePadding(nn.Module):
    """TensorFlow's "same" padding before a convolution with a stride: the odd row and column go below and right.

    Maps (N, C, H, W) come out padded with zeros so far that the convolution makes ceil(H / stride) rows of them.
    """

    def __init__(self, kernel: int, stride: int) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        height, width = (self._total(side) for side in x.shape[2:])
        return F.pad(x, (width // 2, width - width // 2, height // 2, height - height // 2))

    def _total(self, side: int) -> int:
        """Return rows or columns to add, above and below together."""
        return max(0, (-(-side // self.stride) - 1) * self.stride + self.kernel - side)


def unit(
    channels: int, width: int, kernel: int, stride: int = 1, groups: int = 1, activation: bool = True
) -> nn.Sequential:
    """Return a convolution of `channels` to `width` channels with its batch norm and, unless it is a projection,
    ReLU6.
    """
    padded = stride > 1  # with stride 1 "same" is symmetric, and the convolution does it itself
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    if padded:
        layers["pad"] = SamePadding(kernel, stride)
    padding = 0 if padded else kernel // 2
    layers["conv"] = nn.Conv2d(channels, width, kernel, stride, padding, groups=groups, bias=False)
    layers["bn"] = nn.BatchNorm2d(width, eps=EPSILON)
    if activation:
        layers["relu"] = nn.ReLU6(inplace=True)
    return nn.Sequential(layers)


def build(network: Network, trust_pickle: bool = False) -> Built:
    """Return the network with the weights it comes with, those of a file, or random ones; raises `ModelError`."""
    model, file = EfficientNetLite0(), weights_file(network)
    note = weights.fill(model, weights.read(file, trust_pickle), file) if file else ""
    return Built(
        model=model,
        title="EfficientNet-Lite0, ImageNet",
        input=Input(size=(3, 224, 224), mean=MEAN, std=STD, resize=256, interpolation="bicubic"),
        classes=NAMES,
        vocabulary="imagenet",
        accuracy=weights.accuracy(file) if file else {},
        note=note,
    )
