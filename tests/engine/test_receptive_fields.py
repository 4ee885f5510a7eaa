"""Which pixels a value of a layer can see, by arithmetic, is what a gradient finds: its place too, on real networks."""

import pytest
import tiny_nets
import torch
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from generator.engine.capture import Watch, op_name
from generator.engine.model_card import describe
from generator.models.load import load
from generator.models.specs import resolve

NETWORKS = ("vgg-cifar10", "imagenette~random", "squeezenet1_1~random", "resnet18~random")


class Linear(TorchFunctionMode):
    """A network without what hides a pixel by chance: rectifiers let all through, a pool's largest is its mean."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if op_name(func) == "relu":
            return args[0]
        if op_name(func) == "max_pool2d":
            given = dict(zip(("input", "kernel_size", "stride", "padding"), args[:4], strict=False)) | kwargs
            return F.avg_pool2d(*(given[name] for name in ("input", "kernel_size", "stride", "padding")))
        return func(*args, **kwargs)


def gradients(loaded, wanted):
    """|d value / d x| over colours (H, W) of the value at each wanted place: {layer: (row, column)}."""
    x = torch.rand(1, *loaded.input.size, requires_grad=True)
    values = {}

    def see(name, type_, kind, tensor):
        if name in wanted:
            values[name] = tensor[0, :, wanted[name][0], wanted[name][1]].sum()

    with torch.enable_grad(), Linear(), Watch(loaded.model, see):
        loaded.model(x)
    for name, value in values.items():
        (gradient,) = torch.autograd.grad(value, x, retain_graph=True)
        yield name, gradient[0].abs().sum(0)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_field_by_arithmetic_is_the_field_by_gradient_in_size_and_place(name):
    loaded = load(resolve(name))
    card = describe(loaded)
    for parameter in loaded.model.parameters():
        parameter.abs_()  # nothing cancels
    seen = [layer for layer in card.layers if layer.receptive_field and layer.kind in ("conv", "pool", "activation")]
    seen = [seen[0], *seen[1:-1:5], seen[-1]]  # a backward pass each
    places = {layer.name: (layer.shape[1] // 2, layer.shape[2] // 3) for layer in seen}
    found = dict(gradients(loaded, places))
    assert len(found) == len(seen)
    for layer in seen:
        lit = found[layer.name] > 0
        for axis, place in enumerate(places[layer.name]):
            first = layer.start[axis] + place * layer.jump[axis]
            inside = range(max(0, first), min(lit.shape[axis], first + layer.receptive_field[axis]))
            used = lit.any(1 - axis).nonzero().flatten()
            assert (used.min(), used.max()) == (inside[0], inside[-1]), (layer.name, "height width".split()[axis])


def test_padding_on_one_side_and_paddings_by_name_move_a_field():
    class Padded(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.one = torch.nn.Conv2d(3, 4, 3, padding="same", dilation=2)  # two pixels on every side
            self.two = torch.nn.Conv2d(4, 4, 3, stride=2)
            self.fc = torch.nn.Linear(4, 5)

        def forward(self, x):
            return self.fc(self.two(F.pad(self.one(x), (2, 0, 0, 5))).mean((2, 3)))

    layers = {layer.name: layer for layer in describe(tiny_nets.loaded(Padded(), (3, 24, 24))).layers}
    assert (layers["one"].receptive_field, layers["one"].start, layers["one"].jump) == ((5, 5), (-2, -2), (1, 1))
    assert (layers["two"].receptive_field, layers["two"].start, layers["two"].jump) == ((7, 7), (-2, -4), (2, 2))
