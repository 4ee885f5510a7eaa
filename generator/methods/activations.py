"""Seeing inside: the input as the network gets it, every layer's activations, the kernels."""

from __future__ import annotations

from generator.engine.method_registry import method


@method(
    "Preprocessed input",
    slug="input",
    family="inside",
    draw="photo",
    order=10,
    roles=("input",),
    cites="",
    preset="forward",
)
def preprocessed_input(x):
    """The crop of the photo that the network sees, resized and normalised; nothing outside it can have had an
    influence.

    Formula: x = (photo / 255 − mean) / standard deviation, for each colour channel

    Reading: Compare it with the photo: what was cut off or blurred away here, the network never had.

    Limits: The picture is shown with the normalisation undone, so that it looks like a photo; the numbers the
    network computes with are centred on zero.
    """
    return x


@method(
    "Activations",
    family="inside",
    draw="sprite",
    at="every",
    order=20,
    roles=("activations",),
    cites="Zeiler & Fergus 2014, arXiv:1311.2901",
    preset="forward",
)
def activations(activation):
    """Every channel of a layer as a small picture: where in the image it responds, and how strongly.

    All channels of a layer share one colour scale, so that they can be compared. It ends at the layer's 99.8th
    percentile; the few values beyond it are drawn in the darkest colour, and their share is stated.

    Formula: A_k = the layer's k-th output channel, one value for each position

    Reading: White is zero: no response. Darker green is a stronger response. Where values can be
    negative (before a ReLU), green is positive and purple negative. Early channels still look like the photo;
    deep ones are a few cells: they indicate that a pattern is present, not where exactly.

    Limits: A strong response does not show that the class depends on it; a channel rarely stands for one thing with
    a name.
    """
    return activation


@method(
    "Filters",
    family="inside",
    draw="filters",
    at="conv",
    order=30,
    roles=("filters",),
    cites="Krizhevsky et al. 2012",
    preset="forward",
)
def filters(weight):
    """The kernels of a convolution: the patterns that it responds to.

    Kernels along one axis are drawn as rows; of kernels over a volume the slices stand side by side.

    Formula: W_{k,c,i,j}, from input channel c to output channel k

    Reading: In the first layer each tile is a colour pattern: edges, blobs, gratings. In deeper layers each tile is one
    slice, from one input channel to one output channel, green positive and purple negative; only the strongest
    are shown.

    Limits: A slice of a deep kernel means little alone: it acts on a channel that is itself a pattern.
    """
    if weight.ndim == 3:
        return weight[:, :, None]  # (K, C, 1, kw)
    if weight.ndim == 5:
        return weight.transpose(2, 3).flatten(3)  # (K, C, kh, kd * kw)
    return weight
