"""Gradients at the input: how the score of a class would change with each pixel."""

from __future__ import annotations

from generator.engine.method_registry import method

SIMONYAN = "Simonyan et al. 2013, arXiv:1312.6034"


@method(
    "Vanilla backprop",
    family="gradient",
    draw="colour",
    order=70,
    counts="",  # its size is saliency, which is measured
    roles=("direction",),
    cites=SIMONYAN,
)
def vanilla_backprop(input_gradient):
    """How the score of the class would change if a pixel's red, green or blue were a little stronger.

    The gradient of the class's logit (never of its probability) goes back through the network to the image. The colour
    scale ends at the 99.9th percentile of the absolute values.

    Formula: g = ∂S_c / ∂x, drawn as 0.5 + 0.5 · clip(g / P99.9|g|, −1, 1)

    Reading: Mid-grey means no influence. A pixel tinted red would raise the score if it were redder, a pixel tinted
    cyan if it were less red; strong colour means strong influence.

    Limits: It shows what a small change would do, not what made the score what it is. It is noisy, because the
    gradient of a network with many ReLUs jumps from pixel to pixel.
    """
    return input_gradient


@method(
    "Vanilla backprop, classic look",
    family="gradient",
    draw="classic",
    order=80,
    cites=SIMONYAN,
)
def vanilla_backprop_classic(vanilla_backprop):
    """The same gradient as vanilla backprop, stretched from its smallest to its largest value as it is often published.

    Formula: (g − min g) / (max g − min g), over the three channels jointly

    Reading: The grey of "no influence" is wherever zero happens to fall between the two extremes; compare with the
    surroundings of the object.

    Limits: Zero has another grey in each picture, and one extreme pixel flattens all others. Vanilla backprop with its
    fixed grey is the better picture.
    """
    return vanilla_backprop


@method(
    "Saliency",
    family="gradient",
    draw="grey",
    order=90,
    roles=("strength",),
    cites=SIMONYAN,
)
def saliency(vanilla_backprop):
    """How much influence each pixel has on the score of the class, whatever its direction and colour.

    Formula: s = Σ_c |g_c|, drawn as clip((s − min s) / (P99(s) − min s), 0, 1)

    Reading: Black is no influence, bright is much. Bright pixels outside the object show where
    else the score is sensitive.

    Limits: It does not show whether a pixel supports or opposes the class. Saliency from networks with different
    inputs cannot be compared in brightness: each picture has its own scale.
    """
    return vanilla_backprop.abs().sum(1)


@method(
    "Signed gradient",
    family="gradient",
    draw="signed",
    order=110,
    counts="size",  # its sign is a direction of brightness, and neither for nor against
    roles=("sign",),
    cites=SIMONYAN,
)
def signed_gradient(vanilla_backprop):
    """Whether making a pixel brighter would raise or lower the score of the class.

    Formula: Σ_c g_c

    Reading: Green: brighter would raise the score. Purple: brighter would lower it. White: no influence.

    Limits: Where the colour channels pull in opposite directions they cancel, and the pixel looks as if it had no
    influence.
    """
    return vanilla_backprop.sum(1)


@method(
    "Gradient × input",
    family="gradient",
    draw="signed",
    order=120,
    roles=("linear",),
    cites="Shrikumar et al. 2016, arXiv:1605.01713",
)
def gradient_x_input(x, input_gradient):
    """How much each pixel contributes to the score if the network is taken as linear around this image.

    Formula: Σ_c x_c · ∂S_c / ∂x_c

    Reading: Green pixels support the class, purple ones oppose it, relative to an image of the mean colour.

    Limits: A pixel of exactly the mean colour contributes nothing by definition, however important it is. The network
    is far from linear, so the contributions do not add up to the score.
    """
    return (x * input_gradient).sum(1)
