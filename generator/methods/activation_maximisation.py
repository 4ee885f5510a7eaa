"""Activation maximisation: images optimised to maximise one channel, one unit or one class."""

from __future__ import annotations

from typing import Literal

import torch

from generator.core.channel_blocks import channels as channels_of
from generator.engine.image_optimisation import Canvas, ascend, canvas, random_affine, rounded, size_for
from generator.engine.method_registry import method


@method(
    "Activation maximisation",
    family="optimisation",
    draw="pictures",
    at="units",
    preset="full",
    passes=3,
    per=("steps",),
    order=320,
    film="how the pictures grow out of noise",
    roles=("units", "favourites"),
    cites="Erhan et al. 2009; Olah et al. 2017, doi:10.23915/distill.00007",
)
def activation_maximisation(
    network,
    layer,
    block,
    *,
    units: int | Literal["all"] | list = 16,
    objective: Literal["channel", "unit"] = "channel",
    parametrisation: Literal["fourier", "pixels"] = "fourier",
    steps: int = 160,
    size: int = 0,
    seed: int = 0,
):
    """Images optimised from grey noise to maximise one channel of a layer, or one class.

    Each picture begins as faint noise and follows the gradient. It is written down as frequencies in
    three independent colours, and moved, scaled and turned a little at every step: only what activates the unit
    wherever it stands will last. Where no gradient at all arrives, because every path ends at a ReLU that is off,
    ReLUs let it through during the first steps, so that silent channels wake up. In the last layer a channel is a
    class, before the softmax. Beside the value that each picture reaches stand those of plain grey and of the best
    image at hand: a picture that does not exceed them shows nothing, and is named. `size` is the side of the picture in
    pixels; 0 stands for half as much again as the network's input, at most 128.

    Formula: x* = argmax_x mean_ij A_k(T(x))_ij by Adam, T a random small movement; objective unit: A_k at the centre

    Reading: Each tile shows a pattern that activates one channel, repeated all over the picture, since the mean over
    all places is raised. Early layers: edges, gratings, colours. Middle: textures. Late: parts of things. The film
    shows how it came.

    Limits: It shows the extreme, not what the channel mostly meets: a channel with several meanings shows one or a
    mixture, other noise may show another. The picture depends on how it is written down: `pixels` finds patterns
    that activate the unit as much and mean nothing to the eye. A channel that stays at zero stays grey.
    """
    shape = network.shape(layer)
    chosen = channels_of(units, shape[0], block)
    blank = canvas(network, parametrisation, len(chosen), size_for(network, size, layer), seed)

    def gain(x, number, place, rule):
        made = network.activation(random_affine(x, network.random(seed, number + 1)), layer, rule)
        rows = range(len(made))
        return _response(made, objective)[rows, chosen[place]]

    yield from ascend(network, blank, gain, steps, [])
    numbers = {"channels": chosen, **compared(network, blank, layer, chosen, objective)}
    yield blank.show(blank.paint), numbers


def compared(network, blank: Canvas, layer: str, channels: list[int], objective: str = "channel") -> dict[str, list]:
    """Return what each picture reaches of its channel, unmoved, and what plain grey of the same size does.

    Of the layer whose channels are the classes also their names, and which class the network ranks first in each
    picture.
    """
    grey = blank.show(torch.zeros_like(blank.paint[:1]))
    pictures = torch.cat([grey, blank.show(blank.paint)])
    answers = torch.cat(
        [
            _response(network.activation(network.normalised(pictures[place]), layer), objective)
            for place in network.parts(len(pictures), blank.size)
        ]
    )
    reached = answers[range(1, len(pictures)), channels]
    numbers = {"reached": rounded(reached), "grey": rounded(answers[0, channels])}
    classes = network.card.classes
    if layer == network.answer and answers.shape[1] == len(classes):
        numbers["classes"] = [classes[channel] for channel in channels]
        numbers["ranked first"] = [classes[index] for index in answers[1:].argmax(1).tolist()]
    return numbers


def _response(made, objective):
    """Return what each channel (N, K, h, w) or value (N, K) answers, (N, K): its mean, or its value at the centre."""
    if made.ndim == 2:
        return made
    height, width = made.shape[-2:]
    return made[:, :, height // 2, width // 2] if objective == "unit" else made.mean((2, 3))
