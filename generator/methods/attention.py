"""Attention of transformers: what each token looks at, followed through all blocks, and what of it the class needs."""

from __future__ import annotations

from typing import Annotated

import torch

from generator.core.bounds import Between
from generator.engine.attention_weights import attentions, block_outputs
from generator.engine.method_registry import method


@method(
    "Attention heads",
    family="inside",
    draw="sprite",
    at="attention",
    order=25,
    roles=("attention",),
    cites="Dosovitskiy et al. 2021, arXiv:2010.11929; Caron et al. 2021, arXiv:2104.14294",
)
def attention_heads(attention):
    """Which places each head of an attention layer looks at: a map for every head.

    In a network with a class token it is what that token looks at; in one without, what all tokens look at on average,
    each window's mean at the window's place where attention is within windows. All maps of a layer share one colour
    scale.

    Formula: A_h = softmax(Q Kᵀ / √d), the row of the class token, or the mean of all rows

    Reading: White is nothing, darker green is more. Heads of early layers often look at neighbours or at everything;
    later ones settle on things. What lies on the class and register tokens is left out, so that maps add up to less
    than one. Within windows each window's part of a map adds up to one: shades compare places of a window, not
    windows.

    Limits: Attention shows from where values are taken, not how much they contribute: a head may attend to a place
    whose values do not change the prediction.
    """
    asking = attention.queries.to(attention.weights.dtype)  # (windows, Q)
    means = torch.einsum("hwqk,wq->hwk", attention.weights, asking) / asking.sum(1).clamp(min=1)[:, None]
    maps = means.flatten(1)[:, attention.order].unflatten(1, attention.sides)
    numbers = {"heads": len(maps), "queries averaged": int(asking.sum(1).max())}
    if len(asking) > 1:
        numbers["windows"] = len(asking)
    return maps[None], numbers


@method(
    "Attention rollout",
    family="cam",
    draw="overlay",
    order=245,
    cites="Abnar & Zuidema 2020, arXiv:2005.00928",
)
def attention_rollout(tape, token_grid, *, residual: Annotated[float, Between(0, 1)] = 0.5):
    """From which places the last class token is composed, with attention followed through all blocks.

    Each block mixes tokens by its attention, the mean over its heads, and leaves them as they were by its residual
    connection; `residual` is the share of the latter. The product over all blocks gives the
    composition of each token of the last one. Where a learnt query pools these tokens by attention, as in SigLIP, its
    weights compose them.

    Formula: Â_l = (1 − r) mean_h A_{l,h} + r I; the row of the class token in Â_L ··· Â_1, or the mean of all rows;
    with pooling mean_h A_pool Â_L ··· Â_1

    Reading: Yellow regions contributed most to the last token. The map is the same for every class: it shows what was
    attended to, not which class it supports.

    Limits: The values that attention moves, and the layers between, are taken to be equal everywhere. In deep networks
    with large residuals the map becomes flat.
    """
    blocks, pool = attentions(tape)
    means = [attention.weights.mean(1)[0] for attention in blocks]
    identity = mixed = torch.eye(len(means[0]), dtype=means[0].dtype, device=means[0].device)
    for mean in means:
        mixed = ((1 - residual) * mean + residual * identity) @ mixed
    order, sides, first = token_grid(len(mixed))
    row = mixed.mean(0) if first is None else mixed[first]
    if pool is not None:
        row = pool.weights.mean(1)[0, 0] @ mixed
    return row[order].unflatten(0, sides)[None]


@method(
    "LeGrad",
    slug="legrad",
    family="cam",
    draw="overlay",
    order=246,
    passes=6,
    cites="Bousselham et al. 2024, arXiv:2404.03214",
)
def legrad(tape, token_grid, target):
    """Where more attention would raise the class's score, over all blocks.

    The output of each block is classified as if it were the last: the mean of its tokens goes through the network's
    end. The gradient of that score shows for each attention weight whether more of it would raise the score; positive
    gradients are averaged over heads and tokens, and then over blocks. Where a learnt query pools the tokens by
    attention, as in SigLIP, it pools those of each block, and the gradients are those of its weights.

    Formula: mean over blocks l, heads and rows of relu(∂s_l / ∂A_l), with s_l = S_c of the mean token behind block l;
    with pooling of relu(∂s_l / ∂A_pool), with s_l = S_c of the pooled tokens behind block l

    Reading: More attention to yellow regions would raise the score of this class. Early blocks, which hardly depend on
    the class, add little.

    Limits: A gradient: attention that is already saturated counts no more. The end of the network was trained for
    tokens of the last block alone; how well it reads those of early ones differs from network to network.
    """
    maps, pool = [], attentions(tape).pool
    for attention, behind in block_outputs(tape):
        gradient = pool.gradient_as_pool(target, behind) if pool else attention.gradient_of(target, behind)
        order, sides, _ = token_grid(gradient.shape[-1])
        maps.append(gradient.relu().mean((1, 2))[:, order].unflatten(1, sides))
    return torch.stack(maps).mean(0)
