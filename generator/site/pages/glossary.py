"""The words that this site uses, each in a sentence or two; method pages lead to those they use."""

from __future__ import annotations

import re
from dataclasses import dataclass

from generator.core.manifest_types import MethodRecord

from . import tutorials
from .components import Link, Pager
from .manifest_index import Gallery
from .tutorials import GLOSSARY
from .urls import relative


@dataclass(frozen=True)
class Term:
    """A word and what it means here; `also` are other forms in which texts use it."""

    id: str
    name: str
    words: str
    also: tuple[str, ...] = ()


TERMS = [
    Term(
        "activation",
        "Activation",
        "Output of a layer for one image: a number per channel and position.",
        ("activations",),
    ),
    Term(
        "attribution",
        "Attribution",
        "A share of the score for each pixel, shown as a map: how much the pixel contributed to one class. Methods "
        "differ in what they count as a contribution.",
        ("attributions", "attribution map", "attribution maps"),
    ),
    Term(
        "backpropagation",
        "Backpropagation",
        "Computing gradients from the score back through all layers, by the chain rule. Training stops at the "
        "weights; here it goes on to the pixels.",
        ("backprop",),
    ),
    Term(
        "baseline",
        "Baseline",
        "The image that represents no evidence: here the mean colour of the training images, which is zero after "
        "normalisation, or a blurred image. Another baseline gives another map.",
    ),
    Term(
        "batch-normalisation",
        "Batch normalisation",
        "A layer that shifts and scales each channel by means and standard deviations estimated in training.",
        ("batch norm",),
    ),
    Term(
        "bootstrap",
        "Bootstrap interval",
        "Uncertainty of a mean due to the choice of images: they are resampled with replacement many times, and "
        "the middle 95 % of the resampled means form the interval.",
        ("bootstrap",),
    ),
    Term(
        "channel",
        "Channel",
        "One of the maps of a layer. Each responds to one pattern, at every position of the image.",
        (
            "channels",
            "feature map",
            "feature maps",
            "unit",
            "units",
        ),
    ),
    Term(
        "class",
        "Class",
        "One of the outputs that a network can predict. An image of anything else still gets one of these classes.",
    ),
    Term(
        "class-activation-map",
        "Class activation map",
        "Weighted sum of the channels of a late layer, each weighted by its importance for the class, overlaid on "
        "the photo.",
        (
            "CAM",
            "class activation maps",
        ),
    ),
    Term(
        "control",
        "Control",
        "A model-independent baseline, evaluated like a map: a random map, a centred blob, the edges of the photo. "
        "A map that scores no better gives no evidence of faithfulness.",
        ("controls",),
    ),
    Term(
        "convolution",
        "Convolution",
        "A small grid of weights applied at every position of the image, or of the previous channels; each output "
        "value measures the match at one position.",
        (
            "convolutions",
            "convolutional",
        ),
    ),
    Term(
        "dead-channel",
        "Dead channel",
        "A channel that is zero on every image tested. Confirm it on a larger probe before pruning it.",
        ("dead",),
    ),
    Term(
        "faithful",
        "Faithful",
        "A map is faithful if it shows what the network used. A faithful map may be hard to interpret, and a "
        "convincing one may be false.",
        ("faithfulness",),
    ),
    Term(
        "feature-visualisation",
        "Feature visualisation",
        "An image optimised from noise, or from a photo, to maximise one unit, layer or class.",
        ("feature visualisations", "activation maximisation"),
    ),
    Term(
        "gradient",
        "Gradient",
        "Rate at which the score changes with a small change of an input, such as a pixel.",
        ("gradients",),
    ),
    Term(
        "kernel",
        "Kernel, filter",
        "The small grid of weights of a convolution.",
        (
            "kernels",
            "filter",
            "filters",
            "kernel",
        ),
    ),
    Term(
        "label",
        "Label",
        "The correct class according to human annotation.",
    ),
    Term(
        "layer",
        "Layer",
        "One step of the computation. Late (deep) layers have large receptive fields.",
        ("layers",),
    ),
    Term(
        "logit",
        "Logit, score",
        "The output for a class before softmax. Maps explain the logit, since a probability also falls when "
        "another class rises.",
        (
            "logits",
            "score",
            "scores",
            "logit",
        ),
    ),
    Term(
        "mask",
        "Mask",
        "An image that marks a region: white inside, black outside. Also a pattern that covers parts of an image "
        "to measure their effect.",
        (
            "masks",
            "masked",
        ),
    ),
    Term(
        "normalisation",
        "Normalised input",
        "Network input: each colour channel minus its mean over the training images, divided by its standard "
        "deviation.",
        (
            "normalised",
            "normalisation",
        ),
    ),
    Term(
        "perturbation",
        "Perturbation",
        "Covering or blurring parts of the image and measuring how the score changes.",
    ),
    Term(
        "pooling",
        "Pooling",
        "Replacing each small neighbourhood by its maximum or mean, which reduces the size of the maps.",
        (
            "max-pool",
            "pooled",
            "global average pooling",
        ),
    ),
    Term(
        "probability",
        "Probability",
        "Class scores after softmax: positive, with sum one. A stated probability need not match how often the "
        "prediction is correct.",
        (
            "probabilities",
            "softmax",
        ),
    ),
    Term(
        "probe",
        "Probe",
        "A set of images passed through the network once, to measure each channel.",
    ),
    Term(
        "pruning",
        "Pruning",
        "Setting weights to zero, here the smallest first.",
        ("pruned",),
    ),
    Term(
        "rank-correlation",
        "Rank correlation",
        "Similarity of the pixel order of two maps, from −1 to 1 (Spearman); only ranks count, not values.",
    ),
    Term(
        "receptive-field",
        "Receptive field",
        "The region of the input that can influence one value of a layer.",
        ("receptive fields",),
    ),
    Term(
        "relu",
        "Rectifier, ReLU",
        "Keeps positive values and sets negative ones to zero.",
        (
            "ReLU",
            "ReLUs",
            "rectifier",
            "rectifiers",
        ),
    ),
    Term(
        "rival",
        "Runner-up",
        "The most probable class other than the explained one.",
        ("rival", "rivals", "runners-up"),
    ),
    Term(
        "saturation",
        "Saturation",
        "A state in which small changes no longer affect the output. Gradients vanish there even for pixels that "
        "matter.",
        ("saturated",),
    ),
    Term(
        "seed",
        "Seed",
        "Number that initialises the random generator of a method, so that results can be reproduced.",
        ("seeds",),
    ),
    Term(
        "shortcut",
        "Shortcut",
        "A feature that correlates with a class in the training images but is not part of the object: hands with "
        "fish, snow with wolves.",
        ("short cut",),
    ),
    Term(
        "sprite",
        "Sprite",
        "All channels of a layer, tiled in one image.",
    ),
    Term(
        "tie",
        "Tie",
        "Two methods that do not differ significantly: the interval of their paired differences contains zero.",
        (
            "ties",
            "tied",
        ),
    ),
    Term(
        "weights",
        "Weights",
        "The parameters of a network, learned in training.",
        (
            "weight",
            "parameters",
        ),
    ),
]


@dataclass(frozen=True)
class Measure:
    """A measure of the gallery, as a word with more to it."""

    id: str
    name: str
    summary: str
    text: str
    formula: str
    reading: str
    limits: str
    cites: str


@dataclass(frozen=True)
class GlossaryPage:
    """What templates/glossary.md needs."""

    title: str
    breadcrumb: list[Link]
    pager: list[Pager]
    terms: list[Term]
    measures: list[Measure]


def glossary(gallery: Gallery) -> GlossaryPage:
    """Return the glossary."""
    fields = ("summary", "text", "formula", "reading", "limits", "cites")
    return GlossaryPage(
        title="Glossary",
        breadcrumb=tutorials.breadcrumb(GLOSSARY),
        pager=tutorials.pager(GLOSSARY),
        terms=TERMS,
        measures=[
            Measure(slug, card["title"], *(card[field] for field in fields)) for slug, card in gallery.measures.items()
        ],
    )


def used(card: MethodRecord, page: str) -> list[Link]:
    """Return the words of the glossary that a method's texts use, in the order of the alphabet."""
    text = " ".join(card[field] for field in ("summary", "text", "reading", "limits"))
    return [
        Link(term.name, relative(f"{GLOSSARY}#{term.id}", page), term.words)
        for term in TERMS
        if any(re.search(rf"\b{re.escape(word)}\b", text, re.IGNORECASE) for word in (term.name, *term.also))
    ]
