"""The words that this site uses, each in a sentence or two; method pages lead to those they use."""

from __future__ import annotations

import re
from dataclasses import dataclass

from generator.core.manifest_types import MethodRecord

from . import tutorials
from .components import Link, Steps
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
        "What a layer computed for one picture: a number per channel and place.",
        ("activations",),
    ),
    Term(
        "attribution",
        "Attribution",
        "A share of the score for each pixel, drawn as a map: how much that pixel contributed to one class. Methods "
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
        "The picture that stands for no evidence: here the mean colour of the training pictures, which is zero "
        "for the network, or the picture blurred. Another baseline gives another map.",
    ),
    Term(
        "batch-normalisation",
        "Batch normalisation",
        "A layer that shifts and scales each channel by means and spreads remembered from training.",
        ("batch norm",),
    ),
    Term(
        "bootstrap",
        "Bootstrap interval",
        "How far a mean might be off by the luck of the pictures: they are drawn again and again with "
        "replacement, and the middle 95 % of the means make the interval.",
        ("bootstrap",),
    ),
    Term(
        "channel",
        "Channel",
        "One of the maps of a layer. Each looks for one pattern, everywhere in the picture.",
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
        "One of the answers that a network can give. It cannot give another: a photo of something else gets one "
        "of these all the same.",
    ),
    Term(
        "class-activation-map",
        "Class activation map",
        "The channels of a deep layer, each weighed by how much it speaks for the class, added up and laid over "
        "the photo.",
        (
            "CAM",
            "class activation maps",
        ),
    ),
    Term(
        "control",
        "Control",
        "Something that cannot know the answer, measured in the same way: a random map, a blob in the centre, the "
        "edges of the photo. What does not beat it shows nothing.",
        ("controls",),
    ),
    Term(
        "convolution",
        "Convolution",
        "A small grid of weights slid over the picture, or over the channels before, which writes down at each "
        "place how well the two agree.",
        (
            "convolutions",
            "convolutional",
        ),
    ),
    Term(
        "dead-channel",
        "Dead channel",
        "A channel that is zero for every picture that was tried. It costs time and says nothing.",
        ("dead",),
    ),
    Term(
        "faithful",
        "Faithful",
        "Said of a map that shows what the network used. A map may be faithful and make no sense to us, or please "
        "us and be false.",
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
        "How fast the score would rise if a number, such as a pixel, rose a little.",
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
        "The class that people say is right.",
    ),
    Term(
        "layer",
        "Layer",
        "One step of the computation. Deep layers come late and see much of the picture at once.",
        ("layers",),
    ),
    Term(
        "logit",
        "Logit, score",
        "What the network gives each class before the scores are turned into probabilities. Maps explain this "
        "number: a probability also falls when another class rises.",
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
        "A picture of where something is: white here, black elsewhere. Also what hides parts of a picture, to see "
        "what happens.",
        (
            "masks",
            "masked",
        ),
    ),
    Term(
        "normalisation",
        "Normalised input",
        "The pixels as the network gets them: each colour less its mean over the training pictures, divided by "
        "its spread.",
        (
            "normalised",
            "normalisation",
        ),
    ),
    Term(
        "perturbation",
        "Perturbation",
        "Changing the picture, by covering or blurring parts, and watching the score.",
    ),
    Term(
        "pooling",
        "Pooling",
        "Keeping one number, the largest or the mean, of each small neighbourhood; maps shrink by it.",
        (
            "max-pool",
            "pooled",
            "global average pooling",
        ),
    ),
    Term(
        "probability",
        "Probability",
        "The scores of all classes after softmax: positive, adding up to one. It is what the network says of "
        "itself; it need not be right that often.",
        (
            "probabilities",
            "softmax",
        ),
    ),
    Term(
        "probe",
        "Probe",
        "Many pictures through the network once, to see what each channel answers to.",
    ),
    Term(
        "pruning",
        "Pruning",
        "Setting weights to zero, here the smallest first, and looking at what remains.",
        ("pruned",),
    ),
    Term(
        "rank-correlation",
        "Rank correlation",
        "How alike two maps order their pixels, from −1 to 1 (Spearman): their values do not matter, only which "
        "pixel comes before which.",
    ),
    Term(
        "receptive-field",
        "Receptive field",
        "The part of the picture that can reach one value of a layer at all.",
        ("receptive fields",),
    ),
    Term(
        "relu",
        "Rectifier, ReLU",
        "Lets positive numbers through and makes negative ones zero.",
        (
            "ReLU",
            "ReLUs",
            "rectifier",
            "rectifiers",
        ),
    ),
    Term(
        "rival",
        "Rival",
        "The most probable class besides the one that is explained.",
    ),
    Term(
        "saturation",
        "Saturation",
        "Where a score is so high that small changes no longer move it. Gradients vanish there although the "
        "pixels matter.",
        ("saturated",),
    ),
    Term(
        "seed",
        "Seed",
        "The number from which all chance in a method follows, so that it can be repeated.",
        ("seeds",),
    ),
    Term(
        "shortcut",
        "Shortcut",
        "Something that goes along with a class in the training pictures and is not the thing: hands with fish, "
        "snow with wolves.",
        ("short cut",),
    ),
    Term(
        "sprite",
        "Sprite",
        "All channels of a layer as tiles of one picture.",
    ),
    Term(
        "tie",
        "Tie",
        "Two methods between which these pictures cannot tell: the interval of their paired differences holds zero.",
        (
            "ties",
            "tied",
        ),
    ),
    Term(
        "weights",
        "Weights",
        "The numbers that training found; everything a network knows.",
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
    trail: list[Link]
    steps: list[Steps]
    terms: list[Term]
    measures: list[Measure]


def glossary(gallery: Gallery) -> GlossaryPage:
    """Return the page of words."""
    fields = ("summary", "text", "formula", "reading", "limits", "cites")
    return GlossaryPage(
        title="Glossary",
        trail=tutorials.trail(GLOSSARY),
        steps=tutorials.steps(GLOSSARY),
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
