"""Attention in plain calls: what one fused call computes, so that whoever follows a pass sees its weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional as F


def plain(op: str) -> Callable[..., Any] | None:
    """Return a function of the arguments of a fused call that computes the same by plain calls; None for other calls.

    It returns NotImplemented for arguments that it has no plain form of.
    """
    return PLAIN.get(op)


def _multi_head(*args: Any, **kwargs: Any) -> Any:
    """`F.multi_head_attention_forward` in evaluation: queries (Q, N, E) or (Q, E), keys and values likewise."""
    given = dict(zip(MULTI_HEAD, args, strict=False)) | kwargs
    unusual = ("bias_k", "bias_v", "key_padding_mask", "static_k", "static_v")
    if any(given.get(name) is not None for name in unusual) or given["add_zero_attn"] or given.get("is_causal"):
        return NotImplemented
    if given.get("use_separate_proj_weight"):
        weights = [given[f"{name}_proj_weight"] for name in "qkv"]
    else:
        weights = list(given["in_proj_weight"].chunk(3))
    biases = [None] * 3 if given["in_proj_bias"] is None else list(given["in_proj_bias"].chunk(3))
    single, heads = given["query"].ndim == 2, given["num_heads"]
    tokens = [given[name].unsqueeze(1) if single else given[name] for name in ("query", "key", "value")]
    sides = zip(tokens, weights, biases, strict=True)
    q, k, v = (F.linear(*side).unflatten(-1, (heads, -1)).permute(1, 2, 0, 3) for side in sides)  # (N, heads, T, D)
    mask = given.get("attn_mask")
    if mask is not None and mask.ndim == 3:
        mask = mask.unflatten(0, (-1, heads))
    mixed, shares = _attend(q, k, v, mask, q.shape[-1] ** -0.5)
    made = F.linear(mixed.permute(2, 0, 1, 3).flatten(2), given["out_proj_weight"], given["out_proj_bias"])
    if not given.get("need_weights", True):
        return (made.squeeze(1) if single else made), None
    shares = shares.mean(1) if given.get("average_attn_weights", True) else shares
    return (made.squeeze(1), shares.squeeze(0)) if single else (made, shares)


def _scaled_dot_product(*args: Any, **kwargs: Any) -> Any:
    """`F.scaled_dot_product_attention` in evaluation: (..., Q, D), (..., K, D), (..., K, D)."""
    given = dict(zip(SCALED_DOT_PRODUCT, args, strict=False)) | kwargs
    if given.get("is_causal") or given.get("enable_gqa") or given.get("dropout_p"):
        return NotImplemented
    scale = given.get("scale")
    scale = given["query"].shape[-1] ** -0.5 if scale is None else scale
    return _attend(given["query"], given["key"], given["value"], given.get("attn_mask"), scale)[0]


def _attend(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None, scale: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return softmax(q kᵀ · scale + mask) v and the softmax."""
    scores = torch.matmul(torch.mul(q, scale), k.transpose(-2, -1))
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else torch.add(scores, mask)
    shares = scores.softmax(-1)
    return torch.matmul(shares, v), shares


MULTI_HEAD = (
    "query key value embed_dim_to_check num_heads in_proj_weight in_proj_bias bias_k bias_v add_zero_attn dropout_p "
    "out_proj_weight out_proj_bias"
).split()
SCALED_DOT_PRODUCT = "query key value attn_mask dropout_p is_causal".split()
PLAIN = {"multi_head_attention_forward": _multi_head, "scaled_dot_product_attention": _scaled_dot_product}
