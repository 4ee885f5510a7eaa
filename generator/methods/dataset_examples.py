"""What excites each channel most: the images of a probe, and the patch of each that the channel saw."""

from __future__ import annotations

from generator.engine.method_registry import method


@method(
    "Top images",
    family="inside",
    draw="patches",
    at="walk",
    preset="standard",
    order=50,
    roles=("dataset-examples",),
    cites="Zeiler & Fergus 2014, arXiv:1311.2901; Zhou et al. 2015, arXiv:1412.6856",
)
def top_images(probe):
    """The nine images that activate each channel of a layer most, and in each the patch in its receptive field.

    Every image of the probe goes through the network once. Of each channel the largest value in each image is kept;
    the nine images with the largest ones are shown, strongest first. The patch is cut out by the arithmetic of kernels,
    strides and paddings: exactly the pixels that can have had an influence on that one value, filled up with the mean
    colour where it reaches over the edge. Where a value sees less than the whole image, the image stands below its
    patch, with a frame around what was seen.

    Formula: for channel k the nine images x with the largest max_p A_k(x)_p, cut to the field of the p that attains it

    Reading: Look for what all nine have in common, and for what they do not. A channel whose patches agree may respond
    to what they share; one whose patches differ may still be meaningful in combination with others. An empty place:
    nothing in the probe activates the channel.

    Limits: The extremes are not the rule: what a channel does at middling strength may be another thing. The probe
    decides what can be found; what is in none of its images cannot turn up here. Two patches alike to the eye may be
    alike for another reason than the one that comes to mind.
    """
    return probe
