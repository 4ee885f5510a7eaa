"""Controls: maps that know nothing of any network, measured beside the methods as what has to be beaten."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn import functional as F


@dataclass(frozen=True)
class Control:
    """A registered control: `function(x, seed)` makes its map (H, W) from the input (1, C, H, W)."""

    slug: str
    title: str
    function: Callable[[torch.Tensor, int], torch.Tensor]

    @property
    def summary(self) -> str:
        """Its docstring."""
        return " ".join((inspect.getdoc(self.function) or "").split())


CONTROLS: dict[str, Control] = {}


def control(title: str) -> Callable[[Callable], Callable]:
    """Register a function as a control."""

    def register(function: Callable) -> Callable:
        slug = function.__name__.replace("_", "-")
        CONTROLS[slug] = Control(slug, title, function)
        return function

    return register


@control("Random map")
def random_map(x, seed):
    """Every pixel by chance: what a map scores that knows nothing at all."""
    return torch.rand(x.shape[-2:], generator=torch.Generator().manual_seed(seed)).to(x.device)


@control("Centred blob")
def centred_blob(x, seed):
    """Strongest in the centre, falling off smoothly: what it pays to know about photographers."""
    tall, wide = (torch.linspace(-2, 2, side, device=x.device) for side in x.shape[-2:])
    return (-(tall[:, None] ** 2 + wide**2) / 2).exp()


@control("Sobel edges")
def sobel_edges(x, seed):
    """The edges of the photo, without any network: what many maps look like."""
    across = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]], device=x.device)
    grey = F.pad(x.mean(1, keepdim=True), (1, 1, 1, 1), mode="replicate")
    sides = F.conv2d(grey, torch.stack([across, across.T])[:, None])[0]
    return sides.norm(dim=0)
