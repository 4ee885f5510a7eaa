"""Where class activation maps look: the stages that have space, and the classifier behind the last of them."""

from __future__ import annotations

import torch

from .types import ModelCard

STRIP = 8  # maps in a strip over depth, at most


def strip_layers(card: ModelCard) -> list[str]:
    """The pictures of convolutional stages with space: at most eight, the default layer the last of them."""
    kinds = {layer.name: layer.kind for layer in card.layers}
    shapes = {layer.name: layer.shape for layer in card.layers}
    spatial = [
        stage.layer
        for stage in card.stages
        if len(shapes[stage.layer]) == 3
        and shapes[stage.layer][1] * shapes[stage.layer][2] > 1
        and kinds[stage.layers[0]] in ("conv", "join")
    ]
    order = [layer.name for layer in card.layers]
    if card.default_layer in order:
        end = order.index(card.default_layer)
        spatial = [name for name in spatial if order.index(name) < end] + [card.default_layer]
    if len(spatial) <= STRIP:
        return spatial
    return [spatial[round(i * (len(spatial) - 1) / (STRIP - 1))] for i in range(STRIP)]


def classifier(model: torch.nn.Module, card: ModelCard) -> torch.Tensor | None:
    """The weights (classes, K) that act on the pooled channels of the default layer; None where more than they does.

    That is: behind the default layer come pooling to one value per channel and one linear layer or 1x1 convolution, in
    either order, and nothing that bends.
    """
    order = {layer.name: index for index, layer in enumerate(card.layers)}
    if card.default_layer not in order:
        return None
    start = card.layers[order[card.default_layer]]
    after = [layer for layer in card.layers[order[start.name] + 1 :] if layer.kind not in ("identity", "softmax")]
    modules = dict(model.named_modules())
    linear = [layer for layer in after if layer.kind in ("linear", "conv")]
    pools = [layer for layer in after if layer.kind == "pool"]
    extra = [layer for layer in after if layer.kind not in ("linear", "conv", "pool", "activation")]
    bent = any(layer.kind == "activation" for layer in after) and linear and linear[0].kind == "linear"
    collapsed = pools and len(pools[-1].shape) in (1, 3) and all(side == 1 for side in pools[-1].shape[1:])
    averaged = collapsed and "max" not in pools[-1].type.lower()
    if len(linear) != 1 or extra or bent or not averaged or linear[0].name not in modules:
        return None
    weight = modules[linear[0].name].weight.detach().flatten(1)
    return weight if weight.shape == (len(card.classes), start.shape[0]) else None
