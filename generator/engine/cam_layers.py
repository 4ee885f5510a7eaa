"""Where class activation maps look: the stages that have space, and the classifier behind the last of them."""

from __future__ import annotations

import torch

from generator.core.records import ModelCard


def classifier(model: torch.nn.Module, card: ModelCard) -> torch.Tensor | None:
    """Return the weights (classes, K) that act on the pooled channels of the default layer; None where more than they
    does.

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
    if card.output["kind"] in ("binary", "value"):  # two sides of each number, the lower one first
        weight = torch.stack([-weight, weight], 1).flatten(0, 1)
    return weight if weight.shape == (len(card.classes), start.shape[0]) else None
