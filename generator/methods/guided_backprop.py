"""Backprop with other rules at the ReLUs: sharper pictures, paid for with a little less truth."""

from __future__ import annotations

from generator.engine.method_registry import method


@method(
    "Guided backprop",
    family="gradient",
    draw="colour",
    order=130,
    roles=("guided",),
    cites="Springenberg et al. 2014, arXiv:1412.6806",
)
def guided_backprop(guided_gradient, rectifiers):
    """The gradient of the class's score, with all negative contributions cut off at every ReLU.

    On its way back a gradient passes a ReLU only where two things hold: the ReLU let the signal through on the way
    forward, and the gradient itself is positive. What is left are the paths on which every step supports the class.

    Formula: at each ReLU, g_in = relu(g_out) · [x > 0]; for ReLU6, [0 < x < 6]

    Reading: Mid-grey is no influence. Edges and textures that made features fire stand out, often so clearly that the
    object can be recognised from the picture alone.

    Limits: It is no longer the gradient of anything. Much of it stays the same for another class or for a network with
    random upper layers: it shows which patterns were present more than why the class was chosen. It is drawn only
    where the rule holds at every rectifier of the network; networks with GELU or SiLU have no such rule.
    """
    return guided_gradient, {"rectifiers": rectifiers}


@method(
    "Deconvnet",
    family="gradient",
    draw="colour",
    order=140,
    roles=("transposed",),
    cites="Zeiler & Fergus 2014, arXiv:1311.2901",
)
def deconvnet(deconvnet_gradient, rectifiers):
    """The class's score sent backwards through a network of transposed convolutions, rectified at every step.

    Each convolution is undone by its transpose, each max-pool by putting values back where the maximum was, and each
    ReLU is applied to what comes back, as it was to what went forward.

    Formula: at each ReLU, g_in = relu(g_out)

    Reading: Mid-grey is no influence. The picture shows patterns that would drive the score up, laid out where
    max-pools recorded their maxima.

    Limits: Of the image only the places of the maxima enter; without max-pools every image of a class gives the same
    picture. Since ReLUs that were off do not block, it is noisier than guided backprop, and the pools leave a pattern
    of squares. Where a layer's weights are mostly negative the signal dies out and the picture is empty. As guided
    backprop it is drawn only where the rule holds at every rectifier.
    """
    return deconvnet_gradient, {"rectifiers": rectifiers}
