"""Which class scores each channel of a layer raises: gradients of the scores, averaged over some images, or weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from generator.core.errors import NotApplicable
from generator.core.records import Layer, ModelCard
from generator.data.batches import normalised
from generator.engine.batch_size import chunk_size
from generator.engine.cam_layers import classifier
from generator.engine.capture import Watch
from generator.engine.derivatives import derive
from generator.engine.preserve import untouched
from generator.engine.readout import readout_of
from generator.engine.space import planes_of, space_of
from generator.models.load import Loaded

from .dataset import Pictures, batch
from .results import GRADIENT_CLASSES

IMAGES = 16  # evenly spread over the probe
MEMORY = 2**29  # bytes that a pass with its way back may take, about
RAISED, RAISING = 4, 6  # classes kept of each channel, channels kept of each class

Arrays = dict[str, np.ndarray]


def class_effects(
    loaded: Loaded, card: ModelCard, pictures: Pictures, layers: Sequence[Layer]
) -> tuple[dict[str, np.ndarray], int]:
    """Return the effect (classes, K) of each layer's channels on the class scores, and over how many images.

    The effect of channel k on class c is the mean over images of the sum over places p of dS_c / dA_k(p): to first
    order, what the score gains when every value of the channel rises by 1. Of the scores of a softmax, which ignores
    what all of them gain, the mean over the classes is subtracted. With more than `GRADIENT_CLASSES` classes
    the effect is known where a mean and one linear layer follow: it is that layer's weights, for every image, and the
    number of images is 0. Layers of which nothing can be computed, or nothing finite, are missing.
    """
    if card.output["kind"] not in ("classes", "binary", "labels"):
        return {}, 0
    named = [layer for layer in layers if layer.kind != "softmax" and layer.shape != (len(card.classes),)]
    effects, images = _gradients(loaded, card, pictures, named) if len(card.classes) <= GRADIENT_CLASSES else ({}, 0)
    if not effects:
        effects, images = _weights(loaded.model, card, named), 0
    if card.output["kind"] == "classes":
        effects = {name: effect - effect.mean(0) for name, effect in effects.items()}
    return {name: effect for name, effect in effects.items() if np.isfinite(effect).all()}, images


def strongest(effect: np.ndarray, images: int) -> Arrays:
    """Return the classes that each channel raises most and the channels that raise each class most, of an effect
    (classes, K).

    "raised" (r, K) and "raising" (s, classes) are indices, the most first; "raised_by" and "raising_by" the effects.
    """
    raised = np.argsort(-effect, axis=0, kind="stable")[:RAISED]
    raising = np.argsort(-effect.T, axis=0, kind="stable")[:RAISING]
    return {
        "raised": raised.astype(np.int32),
        "raised_by": np.take_along_axis(effect, raised, 0).astype(np.float32),
        "raising": raising.astype(np.int32),
        "raising_by": np.take_along_axis(effect.T, raising, 0).astype(np.float32),
        "effect_images": np.array(images),
    }


def _gradients(
    loaded: Loaded, card: ModelCard, pictures: Pictures, layers: Sequence[Layer]
) -> tuple[dict[str, np.ndarray], int]:
    """Return the mean gradients of the scores; nothing where the network hands back none."""
    space, readout = space_of(loaded, card, card.input.size), readout_of(loaded)
    spread = range(0, len(pictures), max(1, len(pictures) // IMAGES))[:IMAGES]
    sums: dict[str, np.ndarray] = {}
    wanted, images, arrived = {layer.name for layer in layers}, 0, dict[str, torch.Tensor]()

    def keep(name: str, type_: str, kind: str, tensor: torch.Tensor) -> None:
        if name in wanted and tensor.requires_grad:  # a hook sees the values of now, whatever is done in place later
            tensor.register_hook(lambda gradient, name=name: arrived.update({name: gradient.detach()}))

    with untouched(loaded.model):
        size = chunk_size(card, MEMORY)
        for start in range(0, len(spread), size):
            some, crops, _ = batch(pictures, spread[start : start + size])
            if not some:
                continue
            x = normalised(torch.from_numpy(crops.transpose(0, 3, 1, 2).copy()).to(loaded.device), card.input)
            x.requires_grad_()
            with torch.enable_grad(), Watch(loaded.model, keep):
                scores = readout.read(loaded.model, x.clone()).scores
            count = scores.shape[1]
            for index in range(count):
                arrived.clear()
                try:
                    derive(scores[:, index].sum(), [x], retain=index < count - 1)
                except NotApplicable:
                    return {}, 0
                for name, gradient in arrived.items():
                    planes = planes_of(space, name, gradient, len(some)).double()
                    effect = planes.sum((0, *range(2, planes.ndim))).cpu().numpy()
                    sums.setdefault(name, np.zeros((count, len(effect))))[index] += effect
            images += len(some)
    return {name: total / images for name, total in sums.items()}, images


def _weights(model: torch.nn.Module, card: ModelCard, layers: Sequence[Layer]) -> dict[str, np.ndarray]:
    """Return the weights behind a mean, of the layers from which they are all that follows."""
    names = [layer.name for layer in card.layers]
    weight = classifier(model, card)
    if weight is None:
        return {}
    after = card.layers[names.index(card.default_layer) + 1 :]
    if any(layer.kind == "activation" for layer in after):
        return {}
    pooled = {layer.name for layer in after if layer.kind in ("pool", "identity") and layer.shape[0] == weight.shape[1]}
    reached = pooled | {card.default_layer}
    return {layer.name: weight.double().cpu().numpy() for layer in layers if layer.name in reached}
