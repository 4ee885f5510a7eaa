"""Small real networks, one for each way in which networks are written, and scenes of them."""

import copy

import torch
from torch import nn
from torch.nn import functional as F

from generator.core.records import Example, Input, Network
from generator.engine.method_card import card as method_card
from generator.engine.method_registry import METHODS, load_methods
from generator.engine.model_card import describe
from generator.engine.scene import Scene, SceneRequest
from generator.models.load import Loaded
from generator.pipeline.jobs import NetworkRequest, scene_tasks

load_methods()
CARDS = {slug: method_card(found) for slug, found in METHODS.items()}
CLASSES = ("ant", "bee", "cat", "dog", "eel")


class InPlace(nn.Module):
    """Modules all through, ReLUs in place, batch norm, global average pooling and one linear layer."""

    def __init__(self, channels=3):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(channels, 6, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 8, 3, padding=1, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU(inplace=True),
        )
        self.fc = nn.Linear(8, 5)

    def forward(self, x):
        return self.fc(self.features(x).mean((2, 3)))


class Functional(nn.Module):
    """Nothing but functions and methods of tensors between the layers."""

    def __init__(self):
        super().__init__()
        self.one, self.two, self.three = nn.Conv2d(3, 6, 3), nn.Conv2d(6, 6, 3, groups=2), nn.Conv2d(12, 8, 1)
        self.fc = nn.Linear(8, 5)

    def forward(self, x):
        x = F.relu(self.one(x))
        x = F.max_pool2d(x, 2)
        x = torch.cat([torch.relu(self.two(x)), F.relu6(self.two(x) * 2)], 1)
        x = self.three(x).relu()
        return self.fc(torch.flatten(F.adaptive_avg_pool2d(x, 1), 1))


class Reused(nn.Module):
    """One ReLU and one ReLU6 for all layers, in place, their results partly used by side effect alone."""

    def __init__(self):
        super().__init__()
        self.relu, self.relu6 = nn.ReLU(inplace=True), nn.ReLU6(inplace=True)
        self.one, self.two = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1)
        self.fc = nn.Linear(6, 5)

    def forward(self, x):
        x = self.relu(self.one(x))
        x = self.relu6(self.two(x))
        x = self.two(x)
        self.relu6(x)
        x = self.two(x)
        x.relu_()
        return self.fc(x.mean((2, 3)))


class Residual(nn.Module):
    """Two blocks whose `+=` overwrites the batch norm before it."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, stride=2, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(6)
        self.relu = nn.ReLU(inplace=True)
        self.conv, self.norm = nn.Conv2d(6, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6)
        self.pool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(6, 5)

    def forward(self, x):
        x = self.relu(self.bn(self.stem(x)))
        for _ in range(2):
            y = self.norm(self.conv(x))
            y += x
            x = self.relu(y)
        return self.fc(self.pool(x).flatten(1))


class ByConvolution(nn.Module):
    """A 1x1 convolution makes the classes before the mean; the answer is a dictionary."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AvgPool2d(2), nn.Dropout())
        self.classifier = nn.Sequential(nn.Conv2d(8, 5, 1), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1))

    def forward(self, x):
        scores = self.classifier(self.features(x)).flatten(1)
        return {"aux": scores * 0, "out": scores}


class Smooth(nn.Module):
    """GELU and SiLU, which have no ReLU rule."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(3, 6, 3), nn.GELU(), nn.Conv2d(6, 6, 3), nn.SiLU(), nn.AdaptiveAvgPool2d(1))
        self.fc = nn.Linear(6, 5)

    def forward(self, x):
        return self.fc(self.net(x).flatten(1))


class Spaceless(nn.Module):
    """A perceptron: no layer has space."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(3 * 12 * 18, 16), nn.ReLU(), nn.Linear(16, 5))

    def forward(self, x):
        return self.net(x)


class Overwriting(nn.Module):
    """Normalises its input in place before anything else."""

    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 6, 3), nn.Linear(6, 5)

    def forward(self, x):
        x -= 0.5
        return self.fc(F.relu(self.conv(x), inplace=True).mean((2, 3)))


class Block(nn.Module):
    """A block as timm writes it: one projection for queries, keys and values, and a fused call."""

    def __init__(self, width, heads):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.heads = heads

    def forward(self, x):
        n, count, width = x.shape
        qkv = self.qkv(self.norm1(x)).reshape(n, count, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = nn.functional.scaled_dot_product_attention(*qkv.unbind(0))
        x = x + self.proj(mixed.transpose(1, 2).reshape(n, count, width))
        return x + self.mlp(self.norm2(x))


class Tokens(nn.Module):
    """A small transformer on a grid of 2 x 3 patches, with a class token and a register or without."""

    def __init__(self, extra):
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, 4)
        self.extra = nn.Parameter(torch.randn(1, extra, 8))
        self.blocks = nn.Sequential(Block(8, 2), Block(8, 2), Block(8, 2))
        self.norm, self.head = nn.LayerNorm(8), nn.Linear(8, 5)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        if self.extra.shape[1]:
            x = torch.cat([self.extra.expand(len(x), -1, -1), x], 1)
        x = self.norm(self.blocks(x))
        return self.head(x[:, 0] if self.extra.shape[1] else x.mean(1))


NETS = {
    "in-place": (InPlace, (3, 12, 18)),
    "functional": (Functional, (3, 14, 18)),
    "reused": (Reused, (3, 10, 14)),
    "residual": (Residual, (3, 14, 18)),
    "by-convolution": (ByConvolution, (3, 14, 10)),
    "one-channel": (lambda: InPlace(channels=1), (1, 12, 16)),
    "smooth": (Smooth, (3, 10, 12)),
    "spaceless": (Spaceless, (3, 12, 18)),
    "overwriting": (Overwriting, (3, 8, 10)),
}


def tiny(name, seed=0):
    """A network of `NETS`, with weights and batch statistics by chance."""
    make, size = NETS[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = make()
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.2)
                module.running_var.uniform_(0.5, 2)
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.normal_(module.bias, 0, 0.2)
    return loaded(model, size, name)


def transformer(extra=1):
    """A transformer with so many tokens beside those of its patches."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return loaded(Tokens(extra), (3, 8, 12))


def loaded(model, size, name="tiny", classes=CLASSES):
    """A model as `generator.models.load` hands it on; `size` is (C, H, W)."""
    channels = size[0]
    return Loaded(
        model=model.eval().requires_grad_(False),
        network=Network(name, f"tests:{name}"),
        slug=name,
        title=name,
        input=Input(size=size, mean=(0.5,) * channels, std=(0.25,) * channels),
        classes=classes,
        vocabulary="animals",
        digest=name,
    )


def picture(size, seed=0):
    """A normalised input (1, C, H, W) with some structure: smooth blobs and a little noise."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(1, size[0], 3, 4, generator=generator)
    smooth = F.interpolate(coarse, size[1:], mode="bilinear", align_corners=False)
    return smooth + 0.1 * torch.randn(1, *size, generator=generator)


def outcomes(net, x, methods, targets=("label", "rival"), label="", chunk=4, parameters=None, card=None, layer=None):
    """What became of each job of these methods: {(method, layer, target): Outcome}, tensors as they were handed on."""
    card = card or describe(net)
    parameters = {slug: {**CARDS[slug].parameters, **(parameters or {}).get(slug, {})} for slug in methods}
    example = Example("picture", "", "picture", "0" * 64, (1, 1), targets={"animals": label} if label else {})
    styles = {"picture": [Example("style", "", "style", "1" * 64, (1, 1))]}
    tasks = scene_tasks(NetworkRequest(net.network, card, [example], targets, parameters, CARDS, styles=styles))
    jobs = [job for task in tasks if task.example for job in task.jobs if job.method in methods]
    if layer is not None:
        jobs = [type(job)(**{**vars(job), "layer": layer}) for job in jobs]
    found = {}

    def done(job, outcome):
        if isinstance(outcome.value, torch.Tensor):
            outcome.value = outcome.value.detach().clone()
        assert job not in found, "a job is done once"
        found[job] = outcome

    Scene(net, SceneRequest(card, x, jobs, label, parameters, chunk, pictures(x)), done).run()
    assert set(found) == set(jobs), "every job has an outcome"
    return {(job.method, job.layer, job.target): outcome for job, outcome in found.items()}


def pictures(x):
    """The whole photograph and one of a style, as a scene may ask for them: twice as large as `x`, and mirrored."""
    whole = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    return {"": lambda side: whole.clone(), "style": lambda side: whole.flip(3)}


def value(net, x, method, target="class:bee", **more):
    """The result of one method, which must have one."""
    (outcome,) = outcomes(net, x, [method], [target], **more).values()
    if outcome.error:
        raise outcome.error
    return outcome.value


def fingerprint(model):
    """Everything of a model that someone could have changed."""
    return {
        "state": copy.deepcopy(model.state_dict()),
        "training": [module.training for module in model.modules()],
        "inplace": [getattr(module, "inplace", None) for module in model.modules()],
        "wanted": [parameter.requires_grad for parameter in model.parameters()],
        "grads": [parameter.grad for parameter in model.parameters()],
        "hooks": [
            [len(vars(module)[name]) for name in vars(module) if name.endswith("_hooks")] for module in model.modules()
        ],
        "names": [sorted(vars(module)) for module in model.modules()],
        "global hooks": len(torch.nn.modules.module._global_forward_hooks),
        "random state": torch.get_rng_state(),
        "mode": torch.is_grad_enabled(),
    }


def assert_untouched(before, after):
    for name, tensor in before.pop("state").items():
        assert torch.equal(tensor, after["state"][name]), name
    assert torch.equal(before.pop("random state"), after["random state"])
    assert before == {name: after[name] for name in before}
