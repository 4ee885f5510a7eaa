"""The class names of vocabularies that need no list: a network says `imagenet`, and its outputs have names."""

from __future__ import annotations

from generator.core.records import Network

from .imagenet_classes import NAMES

VOCABULARIES = ("cifar10", "imagenette", "imagenet")


def vocabulary_classes(vocabulary: str) -> tuple[str, ...]:
    """Return the names of a vocabulary's classes, in order; () for one that nobody here knows."""
    if vocabulary not in VOCABULARIES:
        return ()
    if vocabulary == "imagenet":
        return NAMES
    from .bundled import imagenette, vgg_cifar10

    return imagenette.CLASSES if vocabulary == "imagenette" else vgg_cifar10.CLASSES


def given_classes(network: Network) -> tuple[str, ...]:
    """Return the class names that settings give a network: the list, or those of the vocabulary.

    Where the answer is said to be no class, a vocabulary is only the language of the pictures' labels.
    """
    answers_classes = network.output in ("", "classes")
    return network.classes or (vocabulary_classes(network.vocabulary) if answers_classes else ())
