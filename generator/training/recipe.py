"""Recipes: all that decides what is learnt, besides the data, the seed and the start."""

from __future__ import annotations

import math
from dataclasses import dataclass

from generator.core.records import Network
from generator.models.specs import resolve


@dataclass(frozen=True)
class Recipe:
    """Stochastic gradient descent on augmented pictures; what is written is a moving average of the weights."""

    network: Network
    epochs: int
    data: str = "cifar10"  # the set that is fetched where none is given
    batch: int = 256
    peak: float = 0.2  # the largest learning rate
    warm: float = 0.08  # share of the steps in which the rate rises to it; then it falls along a cosine
    last: float = 1e-3  # the rate at the end, as a share of the peak
    momentum: float = 0.9  # Nesterov's
    decay: float = 5e-4  # weight decay, of convolution and linear weights only
    smoothing: float = 0.1  # of the labels
    averaging: float = 0.995  # of the moving average, per step
    crops: tuple[tuple[float, int], ...] = ()  # (until this share of the epochs, side); then the input's own size
    padding: int = 4  # reflected, before the random crop
    scale: tuple[float, float] | None = None  # then instead: crops of such a share of the whole picture, resized
    jitter: float = 0.0  # of contrast, brightness and saturation: each within 1 - jitter and 1 + jitter
    cutout: float = 0.25  # side of a square of the mean colour, as a share of the crop's

    def crop(self, epoch: int, full: int) -> int:
        """Return the side of the crops in an epoch (counted from 0), in pixels; `full` is the input's."""
        return next((side for until, side in self.crops if epoch < until * self.epochs), full)

    def rate(self, step: int, steps: int) -> float:
        """Return the learning rate of a step (counted from 0) of all steps."""
        rising = max(1, round(self.warm * steps))
        if step < rising:
            return self.peak * (step + 1) / rising
        falling = 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising)))
        return self.peak * (self.last + (1 - self.last) * falling)

    def told(self) -> list[str]:
        """Return the recipe in words, line by line."""
        crops = [f"{side}x{side} up to {until:.0%} of the epochs" for until, side in self.crops]
        return [
            f"{self.epochs} epochs in batches of {self.batch}",
            f"SGD, Nesterov momentum {self.momentum:g}, weight decay {self.decay:g} on convolution and linear weights",
            f"learning rate rising to {self.peak:g} over {self.warm:.0%} of the steps, then along a cosine to its "
            f"{self.last:g}th part",
            f"label smoothing {self.smoothing:g}",
            f"{self._cropping()} ({', '.join([*crops, 'full size'])}), mirroring, "
            f"cutout of {self.cutout:g} of the side, "
            f"colour jitter of {self.jitter:g}",
            f"moving average of all state, {self.averaging:g} a step; the averaged weights are written",
        ]

    def _cropping(self) -> str:
        if self.scale is None:
            return f"reflected padding of {self.padding}, random crop"
        return f"random crop of {self.scale[0]:.0%} to {self.scale[1]:.0%} of the picture, 3:4 to 4:3, resized"


RECIPES = {
    "vgg-cifar10": Recipe(resolve("vgg-cifar10"), epochs=20, crops=((0.4, 24),)),
    "imagenette": Recipe(
        resolve("imagenette"),
        epochs=60,
        data="imagenette",
        batch=128,
        peak=0.15,
        averaging=0.998,
        crops=((0.55, 96),),
        padding=0,
        scale=(0.3, 1.0),
        jitter=0.3,
        cutout=0.0,
    ),
}


def data_set_of(model: str) -> str:
    """Return the data set that a bundled network, or a copy of it, was trained on; "" for other networks."""
    recipe = RECIPES.get(model.partition("~")[0])
    return recipe.data if recipe else ""
