"""DeepDream: a photo changed until it holds more of whatever a layer saw in it."""

from __future__ import annotations

from typing import Annotated

import torch
from torch.nn import functional as F

from generator.core.bounds import Between
from generator.core.errors import ConfigError, NotApplicable
from generator.engine.derivatives import derive
from generator.engine.method_registry import method
from generator.engine.progress import Step

SMALLEST = 24  # pixels of the shorter side below which there is nothing to dream of, even for a small network
LONGEST = 4  # times the side of the input, of a photo
DREAM = "Mordvintsev et al. 2015, Inceptionism: going deeper into neural networks"


@method(
    "DeepDream",
    family="optimisation",
    draw="picture",
    preset="full",
    passes=1.4,
    per=("steps", "octaves"),
    order=340,
    film="how the dream takes hold of the photo",
    roles=("dream",),
    cites=DREAM,
)
def deepdream(
    network,
    photograph,
    layer,
    *,
    guide: str = "",
    octaves: int = 4,
    scale: Annotated[float, Between(1, 10)] = 1.4,
    steps: int = 10,
    rate: float = 1.5,
    jitter: int = 32,
    size: int = 320,
    seed: int = 0,
):
    """The photo, changed step by step so that a layer answers more strongly to what it already sees there.

    It begins with a small copy of the photo, climbs the gradient, and carries the detail it gained up to the next
    larger copy, so that large and small shapes grow. At each step the picture is shifted by chance, so that no grid
    shows. The photo is taken whole, not as the crop that the network classifies, at most `size` pixels long and at most
    four times as long as the network's input. `guide` asks for
    something else than the layer as a whole: `class:tench` for a class, `channel:17` for a channel.

    Formula: x ← x + rate / (255 σ · mean|g|) · g, with g = ∂(½ ‖A(x)‖²) / ∂x; guided: g = ∂S_c / ∂x or ∂(mean A_k) / ∂x

    Reading: What the layer is made to find appears where the photo gave a hint of it. Early layers bring out strokes
    and waves, middle ones ornaments, late ones parts of the things that the network was trained on. The film shows the
    dream from its first octave to its last.

    Limits: It shows what the network can be made to see, not what it saw. A network of ten classes has little to
    dream of. The number of steps decides how far it goes, and is a matter of taste.
    """
    if not layer and not guide.startswith("class:"):
        raise NotApplicable(f"{network.card.slug} has no layer with space")
    x = photograph(at_most(network, size))
    for made, picture in dream(network, x, layer, guide, (octaves, scale, steps), rate, jitter, seed):
        yield Step(made, octaves * steps, picture)
    numbers = {"layer": layer, "guide": guide} if guide else {"layer": layer}
    yield picture(), numbers


def dream(network, x, layer, guide, times, rate, jitter, seed):
    """Dream of a picture (1, C, H, W); yields the number of each step and what shows the picture by then, from 0 to 1.

    `times` are octaves, the ratio of their sizes, and steps in each. An octave below what the network takes is left
    out, and its steps count as done.
    """
    octaves, scale, steps = times
    score = _guided(network, layer, guide)
    low, high = (network.normalised(torch.full_like(x[:, :, :1, :1], value)) for value in (0.0, 1.0))
    detail = torch.zeros_like(x)
    for octave in range(octaves):
        size = octave_size(x.shape[-2:], scale, octaves - 1 - octave)
        last = octave == octaves - 1
        if not last and (min(size) < SMALLEST or not network.takes(*size, "" if guide.startswith("class:") else layer)):
            yield (octave + 1) * steps, lambda: network.rgb(x)
            continue
        base = resized(x, size)
        detail = resized(detail, size)
        for step in range(steps):
            number = octave * steps + step
            draws = network.random(seed, number)
            shift = [int(torch.randint(-reach, reach + 1, (), generator=draws)) for reach in reaches(jitter, size)]
            moved = torch.roll(base + detail, shift, (2, 3))
            gradient = torch.roll(slope(score, moved), [-by for by in shift], (2, 3))
            detail = detail + rate / 255 / network.std * gradient / gradient.abs().mean().clamp(min=1e-12)
            detail = (base + detail).clamp(low, high) - base
            picture = base + detail
            yield number + 1, lambda picture=picture: network.rgb(resized(picture, x.shape[-2:]))


def slope(score, x):
    """Return the gradient of `score(x)` at `x`."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        (gradient,) = derive(score(x).sum(), [x])
    return gradient


def at_most(network, size):
    """Return how many pixels long a photo may be: in a larger one the figures of a small network are too small to
    see.
    """
    return min(size, LONGEST * max(network.input.size[1:]))


def resized(x, size):
    """Return a picture (N, C, H, W) in another size, bilinearly; shrunk without moiré."""
    return F.interpolate(x, tuple(size), mode="bilinear", align_corners=False, antialias=True)


def octave_size(size, scale, times):
    """Height and width after they were divided by `scale` so many times, at least 1."""
    return tuple(max(1, round(side / scale**times)) for side in size)


def reaches(jitter, size):
    """By how many pixels a picture is shifted down and along, at most: small pictures by a quarter of themselves."""
    return [min(jitter, side // 4) for side in size]


def _guided(network, layer, guide):
    """Return what is to be raised: the whole layer, one of its channels, or the logit of a class."""
    kind, _, name = guide.partition(":")
    if kind == "class":
        index = network.class_index(name)
        return lambda x: network.logits(x)[:, index]
    if kind == "channel":
        channel, last = int(name) if name.isdecimal() else -1, network.shape(layer)[0] - 1
        if not 0 <= channel <= last:
            raise ConfigError(
                f"methods.deepdream.guide: expected a channel of {layer} from 0 to {last}; there is {name}"
            )
        return lambda x: network.activation(x, layer)[:, channel].flatten(1).mean(1)
    if guide:
        raise ConfigError(f"methods.deepdream.guide: expected class:NAME or channel:NUMBER; there is {guide!r}")
    return lambda x: network.activation(x, layer).flatten(1).square().sum(1) / 2
