"""Pictures in memory, and what makes a batch of them new in every epoch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import torch
from torch.nn import functional as F

from generator.core.records import Input
from generator.data.batches import batches, match_classes, normalised
from generator.data.datasets import Labelled
from generator.data.decode import decode
from generator.data.preprocess import fitted
from generator.models.load import Loaded

from .recipe import Recipe

RATIO = math.log(4 / 3)  # of a resized crop's sides, either way

Pictures: TypeAlias = Sequence[torch.Tensor] | torch.Tensor  # uint8 (C, H, W) each, or all in one (N, C, H, W)


def in_memory(data: Labelled, network: Loaded, whole: bool) -> tuple[Pictures, torch.Tensor]:
    """Return every picture decoded once, uint8, and the network's class indices `(N,)`.

    As the network sees them `(N, C, H, W)`; or `whole`, a list of `(C, h, w)` whose shorter sides are the input's
    `resize`.
    """
    index = torch.tensor(match_classes(data, network.classes))
    if whole:
        pictures = [torch.from_numpy(_uncropped_pixels(data.read(name), name, network.input)) for name, _ in data.items]
        return pictures, index[torch.tensor([label for _, label in data.items])]
    pixels, labels = zip(*batches(data, network.input, 1000), strict=True)
    return torch.from_numpy(np.concatenate(pixels)), index[torch.from_numpy(np.concatenate(labels))]


def _uncropped_pixels(content: bytes, name: str, input: Input) -> np.ndarray:
    picture, _ = decode(content, name)
    shrunk = (input.resize or max(input.size[1:])) / min(picture.size)
    width, height = (max(1, round(side * shrunk)) for side in picture.size)
    target = replace(input, size=(input.size[0], height, width), resize=min(width, height))
    return np.ascontiguousarray(fitted(picture, target, name).transpose(2, 0, 1))


def augmented(
    pictures: Pictures,
    chosen: torch.Tensor,
    input: Input,
    side: int,
    recipe: Recipe,
    random: torch.Generator,
) -> torch.Tensor:
    """Normalised `(N, C, side, side)`, channels last: the chosen pictures cropped at random, mirrored or not, changed
    in colour, a square greyed, as the recipe says.

    The square takes the share `cutout` of the crop's side and the mean colour.
    """
    if recipe.scale is None:
        assert isinstance(pictures, torch.Tensor)
        x = _padded_crops(normalised(pictures[chosen], input), side, recipe.padding, random)
    else:
        few = [pictures[index] for index in chosen.tolist()]
        x = normalised(_resized_crops(few, side, recipe.scale, random), input).permute(0, 2, 3, 1)
    if recipe.jitter:
        x = _jittered(x, recipe.jitter, random)
    hole = round(recipe.cutout * side)
    if hole:
        down = torch.arange(side, device=x.device)[:, None]  # (side, 1)
        across = down[:, 0]
        top, left = (torch.randint(side - hole + 1, (len(x), 1, 1), generator=random).to(x.device) for _ in "yx")
        x[(top <= down) & (down < top + hole) & (left <= across) & (across < left + hole)] = 0
    return x.permute(0, 3, 1, 2)


def _padded_crops(x: torch.Tensor, side: int, padding: int, random: torch.Generator) -> torch.Tensor:
    """`(N, C, H, W)` -> `(N, side, side, C)`: `padding` pixels are reflected first."""
    count, _, height, width = x.shape
    x = F.pad(x, (padding,) * 4, mode="reflect").permute(0, 2, 3, 1)

    def draw(below: int) -> torch.Tensor:
        return torch.randint(below, (count, 1, 1), generator=random).to(x.device)

    across = torch.arange(side, device=x.device)
    rows = draw(height + 2 * padding - side + 1) + across[:, None]  # (N, side, 1)
    mirrored = torch.where(draw(2) == 1, across.flip(0), across)  # (N, 1, side)
    columns = draw(width + 2 * padding - side + 1) + mirrored
    return x[torch.arange(count, device=x.device)[:, None, None], rows, columns]


def _resized_crops(pictures: Pictures, side: int, scale: tuple[float, float], random: torch.Generator) -> torch.Tensor:
    """uint8 `(C, h, w)` of any sizes -> `(N, C, side, side)`: a random share of each one's area, resized."""
    draws = torch.rand(len(pictures), 5, generator=random).tolist()
    crops = []
    for picture, (share, ratio, down, across, mirror) in zip(pictures, draws, strict=True):
        height, width = picture.shape[1:]
        area = height * width * (scale[0] + (scale[1] - scale[0]) * share)
        ratio = math.exp(RATIO * (2 * ratio - 1))  # width by height
        wide = min(width, max(1, round(math.sqrt(area * ratio))))
        high = min(height, max(1, round(math.sqrt(area / ratio))))
        top, left = int(down * (height - high + 1)), int(across * (width - wide + 1))
        crop = picture[None, :, top : top + high, left : left + wide]
        crop = F.interpolate(crop, (side, side), mode="bilinear", antialias=True)
        crops.append(crop.flip(3) if mirror < 0.5 else crop)
    return torch.cat(crops)


def _jittered(x: torch.Tensor, jitter: float, random: torch.Generator) -> torch.Tensor:
    """`(N, H, W, C)`, normalised: contrast, brightness and saturation of each picture within 1 +- `jitter`."""
    contrast, bright, colour = (
        (1 + jitter * (2 * torch.rand(len(x), 1, 1, 1, generator=random) - 1)).to(x.device) for _ in range(3)
    )
    grey = x.mean(3, keepdim=True)
    return grey.add((x - grey).mul_(colour)).mul_(contrast).add_(bright - 1)
