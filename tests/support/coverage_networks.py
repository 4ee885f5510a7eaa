"""Networks that `make coverage` and the tests of checkpoints name: other packages', compiled ones, odd inputs."""

import torch
from torch import nn
from torch.nn import functional as F

import generator.core.torchvision_import  # noqa: F401  # its cure comes first, where timm imports torchvision

SIDE = 16


class Odd(nn.Module):
    """A stem, a block with a sum around it, a head."""

    def __init__(self, channels=3):
        super().__init__()
        torch.manual_seed(4)
        self.stem = nn.Conv2d(channels, 6, 3)
        self.block = nn.Sequential(nn.Conv2d(6, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU())
        self.head = nn.Linear(6, 4)

    def forward(self, x):
        x = F.relu(self.stem(x))
        x = x + self.block(x)
        return self.head(x.mean((2, 3)))


class Wrapped(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = Odd()

    def forward(self, x):
        return self.model(x)


class Sun(Odd):
    def forward(self, x, sun):
        return super().forward(x) + sun[:, None]


def wrapped():
    return Wrapped()


def compiled():
    return torch.compile(Odd())


def compiled_inside():
    net = Wrapped()
    net.model.block = torch.compile(net.model.block)
    net.model.head.compile()
    return net


def scripted():
    return torch.jit.script(Odd())


def traced():
    return torch.jit.trace(Odd().eval(), torch.zeros(1, 3, SIDE, SIDE))


def frozen():
    return torch.jit.freeze(torch.jit.script(Odd().eval()))


def partly():
    net = Wrapped()
    net.model.block = torch.jit.script(net.model.block)
    return net


def exported():
    return torch.export.export(Odd().eval(), (torch.zeros(1, 3, SIDE, SIDE),)).module()


def two_bands():
    return Odd(2)


def five_bands():
    return Odd(5)


def constants():
    return Sun()


def __getattr__(name):
    """`timm_NAME` and `transformers_NAME` are functions that make such a network, with random weights."""
    package, _, wanted = name.partition("_")
    if package == "timm":
        return lambda: _timm(wanted)
    if package == "transformers":
        return lambda: _transformers(wanted)
    raise AttributeError(name)


def _timm(name):
    import timm

    torch.manual_seed(4)
    net = timm.create_model(name, pretrained=False, num_classes=10)
    for module in net.modules():
        if isinstance(module, nn.Linear) and module.out_features == 10:
            nn.init.normal_(module.weight, std=0.1)  # some begin with a head of zeros, whose maps are empty
    return net


def _transformers(name):
    import transformers as hub

    torch.manual_seed(4)
    image = {"image_size": 64, "num_labels": 10}
    small = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 64}
    if name == "vit":
        return hub.ViTForImageClassification(hub.ViTConfig(**image, **small, patch_size=8))
    if name == "swin":
        shape = {"embed_dim": 16, "depths": [2, 2], "num_heads": [2, 4], "window_size": 4, "patch_size": 4}
        return hub.SwinForImageClassification(hub.SwinConfig(**image, **shape))
    if name == "convnext":
        shape = {"hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 2, 1]}
        return hub.ConvNextForImageClassification(hub.ConvNextConfig(**image, **shape))
    shape = {"embedding_size": 8, "hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 1, 1], "layer_type": "basic"}
    return hub.ResNetForImageClassification(hub.ResNetConfig(num_labels=10, **shape))
