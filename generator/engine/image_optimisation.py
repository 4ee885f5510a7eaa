"""Pictures as something to be optimised: how they are written down, moved about at every step, and made to please."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch.nn import functional as F

from .derivatives import derive
from .model_handle import Driven
from .progress import Step

# The square root of the covariance of red, green and blue in photographs: three colours that vary independently of each
# other. Measured on 1,000 pictures of Imagenette; what Olah et al. 2017 use for ImageNet agrees to two digits.
COLOURS = ((0.265, 0.090, 0.024), (0.275, 0.003, -0.047), (0.285, -0.087, 0.023))
RATE, MEMORY = 0.05, (0.9, 0.999)  # of Adam
RELU_WARMUP_STEPS = 16  # first steps, in which ReLUs let through the gradient of pictures that receive none at all
START = 0.01  # spread of the first draw


class Canvas(NamedTuple):
    """What is optimised, and how it becomes pictures (N, C, h, w) with values from 0 to 1."""

    paint: torch.Tensor  # one entry per picture along the first axis
    show: Callable[[torch.Tensor], torch.Tensor]
    size: tuple[int, int]  # h, w


# gain(pictures (n, C, h, w) as the network wants them, number of the step, which of all they are, rule of the ReLUs)
# -> (n,), to be raised
Gain = Callable[[torch.Tensor, int, slice, str], torch.Tensor]


def canvas(network: Driven, kind: str, count: int, shape: tuple[int, int, int], seed: int, number: int = 0) -> Canvas:
    """`count` grey pictures of `shape` (C, h, w) with a trace of noise.

    "fourier" (Olah et al. 2017, 10.23915/distill.00007): amplitudes of frequencies in three independent colours, each
    divided by its frequency, so that a step changes all sizes of structure alike. "pixels": each pixel by itself.
    """
    channels, height, width = shape
    pixels = kind == "pixels"
    entries = shape if pixels else (channels, height, width // 2 + 1, 2)
    paint = START * torch.randn(count, *entries, generator=network.random(seed, number)).to(network.device)
    if pixels:
        return Canvas(paint, torch.sigmoid, (height, width))
    return Canvas(paint, lambda part: decorrelated_to_rgb(synthesis(part, height, width)).sigmoid(), (height, width))


def synthesis(spectrum: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Amplitudes (N, C, h, w // 2 + 1, 2) as pictures (N, C, h, w); small frequencies count for more, as in photos."""
    down = torch.fft.fftfreq(height, device=spectrum.device)[:, None]
    along = torch.fft.rfftfreq(width, device=spectrum.device)[None]
    frequency = (down**2 + along**2).sqrt().clamp(min=1 / max(height, width))
    weight = math.sqrt(height * width) / frequency / 4
    return torch.fft.irfft2(torch.view_as_complex(spectrum) * weight, (height, width))


def decorrelated_to_rgb(picture: torch.Tensor) -> torch.Tensor:
    """Independent colours (N, 3, h, w) as red, green and blue; pictures of one channel as they are."""
    if picture.shape[1] != 3:
        return picture
    mix = torch.tensor(COLOURS, dtype=picture.dtype, device=picture.device)
    return torch.einsum("rc,nchw->nrhw", mix / mix.norm(dim=0).max(), picture)


def size_for(network: Driven, size: int, layer: str) -> tuple[int, int, int]:
    """(C, h, w) of a square canvas of `size`, for 0 the usual one; of the input where the network takes no other."""
    channels, height, width = network.input.size
    size = size or network.input.canvas
    return (channels, size, size) if network.takes(size, size, layer) else (channels, height, width)


# --- at every step ------------------------------------------------------------------------------------


def ascend(network: Driven, blank: Canvas, gain: Gain, steps: int, values: list[float]) -> Iterator[Step]:
    """Raise `gain` by `steps` steps of Adam (Kingma & Ba 2015, arXiv:1412.6980).

    `blank.paint` is changed; `values` holds the gain of each picture before the last step.
    """
    paint = blank.paint
    mean, square = torch.zeros_like(paint), torch.zeros_like(paint)
    for number in range(steps):
        results = [_slope(network, blank, gain, place, number) for place in network.parts(len(paint), blank.size)]
        values[:] = [value for gains, _ in results for value in gains]
        gradient = torch.cat([slope for _, slope in results])
        mean.lerp_(gradient, 1 - MEMORY[0])
        square.lerp_(gradient.square(), 1 - MEMORY[1])
        first, second = (1 - kept ** (number + 1) for kept in MEMORY)
        paint.add_(RATE * (mean / first) / ((square / second).sqrt() + 1e-8))
        yield Step(number + 1, steps, lambda: blank.show(paint))


def _slope(network: Driven, blank: Canvas, gain: Gain, place: slice, number: int) -> tuple[list[float], torch.Tensor]:
    """Return the gain of the pictures at `place` before step `number` (from 0) and the gradient of their entries.

    A picture whose gradient is exactly zero cannot move, because every path to it ends at a rectifier that is off. In
    the first `RELU_WARMUP_STEPS` steps, and for such pictures alone, rectifiers let the whole gradient through: in any
    other picture that gradient points elsewhere than uphill.
    """
    values, gradient = _derived(network, blank, gain, place, number, "vanilla")
    blocked = ~gradient.flatten(1).any(1)
    if number < RELU_WARMUP_STEPS and bool(blocked.any()):
        _, opened = _derived(network, blank, gain, place, number, "open")
        gradient[blocked] = opened[blocked]
    return values, gradient


def _derived(
    network: Driven, blank: Canvas, gain: Gain, place: slice, number: int, rule: str
) -> tuple[list[float], torch.Tensor]:
    with torch.enable_grad():
        part = blank.paint[place].detach().requires_grad_()
        value = gain(network.normalised(blank.show(part)), number, place, rule)
        (gradient,) = derive(value.sum(), [part])
    return value.detach().tolist(), gradient


def rounded(values: torch.Tensor) -> list[float]:
    """Return values (n,) with four significant digits, as numbers for a record."""
    return [float(f"{value:.4g}") for value in values.tolist()]


def random_affine(pictures: torch.Tensor, draws: torch.Generator) -> torch.Tensor:
    """Return the pictures, all moved alike: shifted by up to a tenth, scaled by up to a tenth, turned by up to 10
    degrees.

    What only pleases the network where it stands, pixel by pixel, does not last. Beyond the edge there is the mean.
    """
    shift = torch.randint(-8, 9, (2,), generator=draws) + torch.randint(-4, 5, (2,), generator=draws)
    scale = 1 + (int(torch.randint(11, (), generator=draws)) - 5) / 50
    turn = int(torch.randint(26, (), generator=draws)) - 10
    down, along = (shift / 128).tolist()
    return moved(pictures, (down, along), scale, turn if turn <= 10 else 0)  # upright as often as not


def moved(pictures: torch.Tensor, shift: tuple[float, float], scale: float, degrees: float) -> torch.Tensor:
    """Return pictures (N, C, h, w) enlarged by `scale`, turned counterclockwise about their centre, then shifted down
    and to the right by parts of height and width; bilinear, zero where nothing was.
    """
    height, width = pictures.shape[-2:]
    cos, sin = (f(math.radians(degrees)) / scale for f in (math.cos, math.sin))
    down, along = 2 * shift[0], 2 * shift[1]
    rows = [[cos, -sin * height / width], [sin * width / height, cos]]
    back = [[*row, -(row[0] * along + row[1] * down)] for row in rows]
    theta = torch.tensor([back], dtype=pictures.dtype, device=pictures.device).expand(len(pictures), -1, -1)
    grid = F.affine_grid(theta, list(pictures.shape), align_corners=False)
    return F.grid_sample(pictures, grid, align_corners=False, padding_mode="zeros")


def joined(panels: Sequence[torch.Tensor | Callable[[], torch.Tensor]]) -> torch.Tensor:
    """Return pictures (1, C, H, W), of which some are still to be made by a call, as one tensor (n, C, H, W)."""
    return torch.cat([panel() if callable(panel) else panel for panel in panels])
