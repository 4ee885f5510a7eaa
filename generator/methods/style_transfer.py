"""Neural style transfer: what one picture shows, in the strokes and colours of another."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from generator.core.errors import NotApplicable
from generator.engine.derivatives import derive
from generator.engine.method_registry import method
from generator.engine.progress import Step

from .feature_inversion import total_variation

BLOCK = 5  # steps of L-BFGS from one sign of life to the next


@method(
    "Style transfer",
    family="optimisation",
    draw="picture",
    passes=4,
    per=("steps",),
    order=380,
    film="how the photograph takes on the style",
    roles=("restyled",),
    cites="Gatys et al. 2016, doi:10.1109/CVPR.2016.265",
)
def style_transfer(
    network,
    photograph,
    style_image,
    *,
    steps: int = 150,
    size: int = 256,
    style: float = 50.0,
    smooth: float = 1.0,
    content_layer: str = "",
    style_layers: Sequence[str] = (),
):
    """The content of one image in the textures and colours of another.

    Content is what a middle to late layer answers at each place. Style is which channels of several layers answer
    together, wherever that is: their Gram matrices. Beginning with the photograph, L-BFGS changes its pixels until the
    content has moved little and the Gram matrices come close to those of the other picture. Each distance is divided by
    the size of what it is measured from, so that a weight means the same for every network. A little total variation
    takes away the grain that strided convolutions leave.

    The layers are found by their role. Style: of each resolution the first stage that is at least half as wide as the
    widest there (of VGG, the first of each block). Content: the second such stage of the last resolution but one (of
    VGG16, conv4_2 as in the paper). Both can be named instead. `size` is the longer side that is worked at.

    Formula: min_x ‖A(x) − A(p)‖² / ‖A(p)‖² + style · mean_l ‖G_l(x) − G_l(s)‖² / ‖G_l(s)‖² + smooth · TV(x),
    with G = A Aᵀ / (K h w)

    Reading: Look for what stays and what goes: outlines and large areas belong to the content, small strokes and
    colours to the style. The film begins with the photograph.

    Limits: Style here means textures of the sizes that the layers see; composition and subject are no part of it. A
    network trained on small pictures or few classes knows fewer textures than VGG, whose pictures made this known.
    """
    content, manner = photograph(size), style_image(size)
    kept, painted = roles(network, content_layer, tuple(style_layers))
    layers = tuple(dict.fromkeys((*painted, kept)))
    for picture in (content, manner):
        if not all(network.takes(*picture.shape[2:], layer) for layer in layers):
            height, width = picture.shape[2:]
            raise NotApplicable(f"{network.card.slug} takes no picture of {width} by {height} pixels")
    goal = Goal(network, kept, painted, content, manner, style, smooth)
    x = content.clone().requires_grad_()
    optimiser = torch.optim.LBFGS([x], max_iter=BLOCK, history_size=10, line_search_fn="strong_wolfe")

    def closure():
        value, x.grad = goal.gradient(x)
        return value

    before = goal.gradient(x)[0]
    for done in range(BLOCK, steps + BLOCK, BLOCK):
        optimiser.step(closure)
        yield Step(min(done, steps), steps, lambda: network.rgb(x))
    moved, missed = goal.distances(x.detach())
    yield (
        network.rgb(x),
        {
            "objective before": float(before),
            "objective after": float(goal.value(x.detach())),
            "content moved": float(moved),
            "style missed": float(missed),
            "content layer": kept,
            "style layers": list(painted),
        },
    )


class Goal:
    """What is to be made small: how far a picture is from one in content, and from another in style."""

    def __init__(self, network, kept, painted, content, manner, style, smooth):
        self.network, self.kept, self.painted, self.style, self.smooth = network, kept, painted, style, smooth
        self.layers = tuple(dict.fromkeys((*painted, kept)))
        self.content = self._seen(content)[kept]
        seen = self._seen(manner)
        self.grams = {layer: gram(seen[layer]) for layer in painted}

    def distances(self, x):
        """Return the relative squared distances of `x` (1, C, h, w) in content and in style."""
        seen = self._seen(x)
        moved = relative(seen[self.kept], self.content)
        missed = [relative(gram(seen[layer]), self.grams[layer]) for layer in self.painted]
        return moved, torch.stack(missed).mean()

    def value(self, x):
        """Return the objective, a number."""
        moved, missed = self.distances(x)
        return moved + self.style * missed + self.smooth * total_variation(x)[0]

    def gradient(self, x):
        """Return the objective of `x` and its gradient."""
        with torch.enable_grad():
            leaf = x.detach().requires_grad_()
            value = self.value(leaf)
            (gradient,) = derive(value, [leaf])
        return value.detach(), gradient

    def _seen(self, x):
        return dict(zip(self.layers, self.network.activations(x, self.layers), strict=True))


def gram(activation):
    """Return which channels of A (1, K, h, w) answer together: A Aᵀ / (K h w), (K, K)."""
    flat = activation[0].flatten(1)
    return flat @ flat.T / flat.numel()


def relative(actual, wanted):
    """Return the squared distance of two tensors in parts of the squared length of the second."""
    return (actual - wanted).square().sum() / wanted.square().sum().clamp(min=1e-12)


def roles(network, content_layer="", style_layers=()):
    """Return the content layer and the style layers of a network, by name where names are given.

    Raises `NotApplicable` where the network has no such layer, or no convolution whose result has space.
    """
    card = network.card
    shapes = {layer.name: layer.shape for layer in card.layers}
    kinds = {layer.name: layer.kind for layer in card.layers}
    for name in filter(None, (content_layer, *style_layers)):
        if name not in shapes:
            raise NotApplicable(f"{card.slug} has no layer {name!r}")
        if len(shapes[name]) != 3:
            raise NotApplicable(f"layer {name!r} of {card.slug} has no space")
    by_resolution: dict[tuple[int, ...], list[str]] = {}
    for stage in card.stages:
        shape = shapes[stage.layer]
        if kinds[stage.layers[0]] in ("conv", "join") and len(shape) == 3 and math.prod(shape[1:]) > 1:
            by_resolution.setdefault(shape[1:], []).append(stage.layer)
    wide = []
    for stages in by_resolution.values():
        widest = max(shapes[name][0] for name in stages)
        wide.append([name for name in stages if 2 * shapes[name][0] >= widest])
    if not wide and not (content_layer and style_layers):
        raise NotApplicable(f"{card.slug} has no convolution whose result has space")
    middle = wide[max(0, len(wide) - 2)] if wide else []
    return content_layer or middle[:2][-1], style_layers or tuple(stages[0] for stages in wide)
