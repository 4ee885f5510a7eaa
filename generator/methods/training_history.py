"""How training brought about what a network is: its filters, its saliency and what its channels like, by epoch."""

from __future__ import annotations

import torch

from generator.core.answer_kinds import PIXEL
from generator.core.channel_blocks import channels as channels_of
from generator.core.errors import NotApplicable
from generator.core.spacing import evenly_spaced
from generator.engine.derivatives import derive
from generator.engine.image_optimisation import ascend, canvas, random_affine, size_for
from generator.engine.method_registry import method
from generator.engine.progress import MAX_FRAMES, Step

from .activation_maximisation import compared
from .evolution import correlation, end
from .gradients import SIMONYAN


@method(
    "Filters, epoch by epoch",
    family="inside",
    draw="filters",
    slug="filters-evolution",
    order=40,
    film="how the kernels came to be, epoch by epoch",
    roles=("filters-history",),
    cites="Zeiler & Fergus 2014, arXiv:1311.2901",
)
def filters_evolution(first_kernels):
    """How the first layer's kernels came to be, from one epoch of training to the next.

    They are drawn as the filters are. Each frame has a scale of its own, so that early kernels, which are small, are
    seen as well as late ones.

    Formula: W_e, the weights of the first convolution after epoch e

    Reading: The film begins with what one epoch made of noise. Look for the order in which edges, colours and fine
    gratings appear, and for kernels that stay noise.

    Limits: Kernels in the first layer hardly change once the others have found a use for them; most of what is learnt
    later is learnt elsewhere. A frame is an epoch's end: what happened within the first epoch is not seen.
    """
    chosen = evenly_spaced(sorted(first_kernels), MAX_FRAMES + 1)
    *before, last = (first_kernels[epoch] for epoch in chosen)
    yield from before
    yield (
        last,
        {
            "epochs": chosen[-1],
            "first and last frame correlate": correlation(before[0], last),
            **epoch_captions(chosen),
        },
    )


@method(
    "Saliency, epoch by epoch",
    family="gradient",
    draw="grey",
    slug="saliency-evolution",
    passes=75,
    order=100,
    film="how it came to be, epoch by epoch",
    cites=SIMONYAN,
)
def saliency_evolution(epochs, x, target):
    """How the saliency of an image came to be, from one epoch of training to the next.

    At each checkpoint it is computed as saliency is; the frames are then brought to the scale of the last. Below stands
    how probable the class was by then. Of a segmentation it is, at each epoch, about the pixels where the finished
    network predicts the class.

    Formula: s_e = Σ_c |∂S_c / ∂x_c| of the network after epoch e

    Reading: The film begins with a network that was hardly trained. Look for when the bright pixels move onto
    the object, and whether that is when the class becomes probable.

    Limits: As for saliency. Brightness cannot be compared between frames.
    """
    if target.role == PIXEL:
        raise NotApplicable("training is followed for a class, not for a single pixel")
    chosen = epochs.chosen(MAX_FRAMES + 1)
    frames, chances = [], []
    for number, epoch in enumerate(chosen, 1):
        gradient, chance = _looked(epochs.network(epoch, x), x, target)
        frames.append(gradient.abs().sum(1))
        chances.append(chance)
        yield Step(number, len(chosen))
    *before, last = frames
    yield from (frame * (end(last, 0.99) / (end(frame, 0.99) or 1.0)) for frame in before)
    words = [f"epoch {epoch}, p = {100 * chance:.0f} %" for epoch, chance in zip(chosen, chances, strict=True)]
    yield (
        last,
        {
            "epochs": chosen[-1],
            "first and last frame correlate": correlation(before[0], last),
            "probability after the first epoch": chances[0],
            "probability at the end": chances[-1],
            "captions": list(zip(words, chances, strict=True)),
        },
    )


def _looked(network, x, target):
    """S_c's gradient at `x` and the probability of the class."""
    with torch.enable_grad():
        leaf = x.detach().clone().requires_grad_()
        reading = network.read(leaf)
        (gradient,) = derive(target.pick(reading.scores).sum(), [leaf])
    return gradient, float(reading.probabilities[0, target.column])


@method(
    "Features, epoch by epoch",
    family="optimisation",
    draw="pictures",
    slug="features-evolution",
    preset="full",
    passes=3,
    per=("steps", "units", "moments"),
    order=330,
    film="inputs that maximise each channel, epoch by epoch",
    cites="Olah et al. 2017, doi:10.23915/distill.00007",
)
def features_evolution(
    epochs, layer, *, units: int = 9, steps: int = 64, moments: int = 8, size: int = 96, seed: int = 0
):
    """How the images that maximise channels develop, from one epoch of training to the next.

    At a few checkpoints each channel's image is optimised again as activation maximisation does, every time from the
    same noise, so that only the network is another. The numbers are those of the last epoch.

    Formula: x*_e = argmax_x mean_ij A_k(T(x))_ij of the network after epoch e

    Reading: Each tile is one channel; the film has a frame per epoch. Look for channels whose pattern appears
    early and gets sharper, and for those where it changes.

    Limits: As for activation maximisation. A channel may respond to one pattern early and to another late; the
    tile does not show how often either occurs.
    """
    chosen = epochs.chosen(moments)
    frames = []
    for number, epoch in enumerate(chosen, 1):
        network = epochs.network(epoch)
        channels = channels_of(units, network.shape(layer)[0])
        blank = canvas(network, "fourier", len(channels), size_for(network, size, layer), seed)
        for _ in ascend(network, blank, _liking(network, layer, channels, seed), steps, []):
            pass
        frames.append(blank.show(blank.paint))
        yield Step(number, len(chosen))
    yield from frames[:-1]
    numbers = {"channels": channels, "epochs": chosen[-1], **compared(network, blank, layer, channels)}
    yield frames[-1], {**numbers, **epoch_captions(chosen)}


def _liking(network, layer, channels, seed):
    """Return what each picture is to raise: its channel's mean, wherever the picture is moved to."""

    def gain(x, number, place, rule):
        made = network.activation(random_affine(x, network.random(seed, number + 1)), layer, rule)
        made = made.flatten(2).mean(2) if made.ndim > 2 else made
        return made[range(len(made)), channels[place]]

    return gain


def epoch_captions(chosen):
    """Return what stands below the frame of each epoch, and how far training was by then."""
    return {"captions": [(f"epoch {epoch}", epoch / chosen[-1]) for epoch in chosen]}
