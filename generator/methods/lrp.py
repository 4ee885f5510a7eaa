"""Layer-wise relevance propagation: the score handed back through the network, every layer keeping its sum."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Literal, TypeAlias

import torch

from generator.core.bounds import Between
from generator.core.errors import NotApplicable
from generator.engine.derivatives import pulled_back
from generator.engine.method_registry import method

PASS_THROUGH_OPS = (
    "relu relu6 hardtanh clamp batch_norm contiguous clone neg to type float half bfloat16 "
    "dropout dropout1d dropout2d dropout3d alpha_dropout feature_alpha_dropout feature_dropout "
    "layer_norm group_norm rms_norm instance_norm normalize gelu silu hardswish hardsigmoid sigmoid tanh mish elu celu "
    "selu softplus leaky_relu prelu identity square"
).split()
RESHAPE_OPS = (
    "max_pool2d adaptive_max_pool2d max amax maximum pad flatten view reshape squeeze unsqueeze permute transpose cat "
    "concat stack chunk split getitem expand unbind select narrow movedim unflatten roll flip swapaxes masked_fill "
    "repeat pixel_shuffle pixel_unshuffle channel_shuffle type_as view_as reshape_as expand_as repeat_interleave unfold"
).split()
CONVOLUTIONS = ("conv2d", "conv_transpose2d")
SHARING_OPS = (
    "avg_pool2d adaptive_avg_pool1d adaptive_avg_pool2d interpolate upsample fold mean sum add sub mul div"
).split()
FirstRule: TypeAlias = Literal["as others", "flat", "box"]
COMPOSITES: dict[str, tuple[str, FirstRule, float]] = {  # convolutions, first layer, alpha
    "epsilon-plus": ("z+", "as others", 1.0),
    "epsilon-plus-flat": ("z+", "flat", 1.0),
    "epsilon-gamma-box": ("gamma", "box", 1.0),
    "epsilon-alpha2-beta1": ("alpha-beta", "as others", 2.0),
    "epsilon-alpha2-beta1-flat": ("alpha-beta", "flat", 2.0),
}
PRODUCT_OPS = "mul matmul bmm einsum".split()
NORMS = "norm linalg_norm linalg_vector_norm rsqrt reciprocal rdiv rtruediv".split()
OF_NORMS = "add sub mul div mean sum clamp clamp_min maximum view reshape squeeze unsqueeze expand float".split()
LIKE_ANOTHER = "to type_as view_as reshape_as expand_as".split()  # the first value, as the second is


@method(
    "LRP",
    family="gradient",
    draw="signed",
    preset="quick",
    passes=8,
    order=170,
    roles=("relevance",),
    cites="Bach et al. 2015, PLOS ONE 10(7); of transformers Achtibat et al. 2024, arXiv:2402.05602",
)
def lrp(
    tape,
    relevance,
    baseline,
    *,
    convolutions: str = "z+",
    first: FirstRule = "as others",
    composite: Literal[
        "none",
        "epsilon-plus",
        "epsilon-plus-flat",
        "epsilon-gamma-box",
        "epsilon-alpha2-beta1",
        "epsilon-alpha2-beta1-flat",
    ] = "none",
    epsilon: Annotated[float, Between(1e-12, 1)] = 1e-6,
    alpha: Annotated[float, Between(1, 100)] = 2.0,
    gamma: float = 0.25,
):
    """Hand the score of the class back from layer to layer, until each pixel has its share.

    At every layer a neuron gives what it received to the neurons below it, in proportion to what each had
    contributed. Linear layers, poolings and sums share by the epsilon rule. Convolutions share by the z+ rule, where
    only contributions that excite count, or by "alpha-beta" (alpha times the exciting, minus alpha − 1 times the
    inhibiting ones), "gamma" (exciting weights count 1 + gamma times) or "epsilon", as the parameter `convolutions`
    says. The `first` layer may have a rule of its own: "flat" shares evenly, "box" knows that pixels lie between black
    and white. A `composite` chooses both by the name that other programs give it. A batch norm behind a convolution is
    one with it; elsewhere relevance passes through it. Rectifiers pass it on, a max-pool gives all of it to the winner,
    and what falls on padding is lost.

    In transformers the rules are those of AttnLRP: what a product of two values receives, as of attention weights with
    what they weigh or of a gate with what passes it, goes to both by halves, shared by the epsilon rule; a softmax
    hands on the first terms of its Taylor series; norms, GELU, SiLU and other activations pass relevance on. Norms
    written by hand do so as well: a divisor, and a factor made of norms and inverse roots alone, count as constants.

    Formula: R_i = Σ_j z_ij / (Σ_i z_ij ± ε) · R_j, with z_ij = x_i w_ij; z+ takes the positive z_ij alone; of a
    softmax s(x): R_i = x_i (R_i − s_i Σ_j R_j)

    Reading: Green pixels carry the evidence for the class, purple ones evidence against it; with z+ in all
    convolutions purple comes only from the linear layers. The number says how much of the score has arrived at the
    pixels: biases and the ε keep a part.

    Limits: The rules are chosen, not derived: other rules give other pictures of the same decision. With z+ the picture
    depends little on the class that is asked for, as the lower layers share in the same way for every class.
    In deep networks the biases of batch norms keep nearly everything: measured on two photographs, a quarter of the
    score arrives at the pixels of vgg-cifar10 and less than a thousandth at those of efficientnet-lite0. Compare
    pixels within a map, not maps with each other.
    """
    convolutions, first, alpha = COMPOSITES.get(composite, (convolutions, first, alpha))
    if convolutions not in ("z+", "alpha-beta", "gamma", "epsilon"):
        raise ValueError(f"lrp.convolutions: expected z+, alpha-beta, gamma or epsilon; there is {convolutions!r}")
    shares = {"z+": (1.0, 0.0), "alpha-beta": (alpha, alpha - 1)}.get(convolutions)
    merged, norms = _batch_norms_after_convolutions(tape), _made_of_norms(tape)
    beginning = next((step for step in tape.steps if step.op in (*CONVOLUTIONS, "linear")), None)
    own: Any = {"flat": _flat, "box": partial(_box, low=baseline("black"), high=baseline("white"))}.get(first)

    def rule(step, values, arrived):
        if own and beginning is not None and step is beginning:
            return (own(step, merged.get(step.outputs[0]), values[0], arrived[0], epsilon),)
        if step.op in CONVOLUTIONS and convolutions == "gamma":
            return (_gamma(step, merged.get(step.outputs[0]), values[0], arrived[0], gamma, epsilon),)
        if step.op in CONVOLUTIONS and shares:
            return (_alpha_beta(step, merged.get(step.outputs[0]), values[0], arrived[0], *shares, epsilon),)
        if step.op in (*CONVOLUTIONS, "linear"):
            return (_epsilon(_linear_part(step, merged.get(step.outputs[0])), values, arrived, epsilon)[0],)
        constant = _constant_factor(step, norms)
        if constant is not None:
            share = arrived[0].sum_to_size(values[1 - constant].shape)
            return (None, share) if constant == 0 else (share, None)
        return _without_weights(step, values, arrived, epsilon)

    attribution = tape.walk_back(relevance, rule)
    total = float(relevance.sum())
    return attribution.sum(1), {"share of the score that arrived": float(attribution.sum()) / total if total else 0.0}


def _without_weights(step, values, arrived, epsilon):
    """Return the shares of a call's inputs that is neither a convolution nor a linear layer."""
    if step.op == "div" and len(values) == 1 and not _is_linear(step, values[0]):
        raise NotApplicable("LRP has no rule for a number divided by a value")
    if step.op in ("add", "sub", "mul", "div", "addcmul") and len(values) == 1 and not _adds_a_tensor(step, values[0]):
        return (arrived[0].sum_to_size(values[0].shape),)  # with a number: a bias or a scale
    if step.op in PRODUCT_OPS and len(values) == 2:
        return _epsilon(step.call, values, [arrived[0] / 2], epsilon)
    if step.op in PRODUCT_OPS and len(values) > 2:
        raise NotApplicable(f"LRP has no rule for {len(values)} values in one {step.op}")
    if step.op == "softmax":
        return (_softmax(step.call, values[0], arrived[0]),)
    if step.op in SHARING_OPS or step.op in PRODUCT_OPS:
        return _epsilon(step.call, values, arrived, epsilon)
    if step.op in PASS_THROUGH_OPS:
        if len(values) > 1:  # such as bounds that are computed
            raise NotApplicable(f"LRP has no rule for {len(values)} values in one {step.op}")
        return tuple(arrived)
    if step.op in RESHAPE_OPS:
        return pulled_back(step.call, values, arrived)
    raise NotApplicable(f"LRP has no rule for {step.op}")


def _alpha_beta(step, norm, x, arrived, alpha, beta, epsilon):
    """alpha times what the exciting contributions earn, minus beta times what the inhibiting ones do."""
    weight, bias = _weights(step, norm)
    up, down = weight.clamp(min=0), weight.clamp(max=0)
    x_up, x_down = x.clamp(min=0), x.clamp(max=0)
    parts = [
        (alpha, (x_up, up), (x_down, down), bias.clamp(min=0)),
        (-beta, (x_up, down), (x_down, up), bias.clamp(max=0)),
    ]
    total = torch.zeros_like(x)
    for factor, (x_first, first), (x_second, second), share in parts:
        if factor:
            z = _convolve(step, x_first, first, share) + _convolve(step, x_second, second, None)
            ratio = arrived / _away_from_zero(z, epsilon)
            for value, kernel in ((x_first, first), (x_second, second)):
                total += (
                    factor * value * pulled_back(lambda v, k=kernel: _convolve(step, v, k, None), [value], [ratio])[0]
                )
    return total


def _gamma(step, norm, x, arrived, gamma, epsilon):
    """Share what has arrived where a neuron is excited with its exciting weights 1 + gamma times, and the reverse."""
    weight, bias = _weights(step, norm)
    x_up, x_down = x.clamp(min=0), x.clamp(max=0)
    up, down = weight + gamma * weight.clamp(min=0), weight + gamma * weight.clamp(max=0)
    made, total = _convolve(step, x, weight, bias), torch.zeros_like(x)
    for excited, first, second, more in (
        (made > 0, up, down, bias + gamma * bias.clamp(min=0)),
        (made < 0, down, up, bias + gamma * bias.clamp(max=0)),
    ):
        z = _convolve(step, x_up, first, more) + _convolve(step, x_down, second, None)
        ratio = torch.where(excited, arrived / _away_from_zero(z, epsilon), 0.0)
        for value, kernel in ((x_up, first), (x_down, second)):
            total += value * pulled_back(lambda v, k=kernel: _convolve(step, v, k, None), [value], [ratio])[0]
    return total


def _flat(step, norm, x, arrived, epsilon):
    """Share evenly among the pixels that a neuron sees, whatever they hold."""
    weight, ones = torch.ones_like(_weights(step, norm)[0]), torch.ones_like(x)
    z = _convolve(step, ones, weight, None)
    return pulled_back(lambda v: _convolve(step, v, weight, None), [ones], [arrived / _away_from_zero(z, epsilon)])[0]


def _box(step, norm, x, arrived, epsilon, low, high):
    """Share in proportion to how far each pixel is from the end of its range that excites least (z^B)."""
    weight, _ = _weights(step, norm)
    parts = [(1, x, weight), (-1, low, weight.clamp(min=0)), (-1, high, weight.clamp(max=0))]
    z = sum(sign * _convolve(step, value, kernel, None) for sign, value, kernel in parts)
    ratio = arrived / _away_from_zero(z, epsilon)
    return sum(
        sign * value * pulled_back(lambda v, k=kernel: _convolve(step, v, k, None), [value], [ratio])[0]
        for sign, value, kernel in parts
    )


def _epsilon(call, values, arrived, epsilon):
    """In proportion to the contributions, whatever their sign."""
    with torch.no_grad():
        outputs = call(*values)
    ratios = [arrived[0] / _away_from_zero(outputs, epsilon)]
    return tuple(value * back for value, back in zip(values, pulled_back(call, values, ratios), strict=True))


def _adds_a_tensor(step, x):
    """Return whether a call adds values that differ from place to place, as position embeddings do: such a bias takes
    its share.
    """
    if step.op not in ("add", "sub"):
        return False
    with torch.no_grad():
        added = step.call(torch.zeros_like(x))
    return bool((added != added.flatten()[0]).any())


def _is_linear(step, x):
    """Return whether a quotient has the value `x` above, not below, where it becomes infinite at zero."""
    with torch.no_grad():
        return bool(step.call(torch.zeros_like(x)).isfinite().all())


def _constant_factor(step, norms):
    """Return which of the two values of a product or quotient counts as a constant, None where neither does."""
    if len(step.inputs) != 2 or step.op not in ("mul", "div"):
        return None
    if step.op == "div":
        return 1
    is_norm = [node in norms for node in step.inputs]
    return is_norm.index(True) if sum(is_norm) == 1 else None


def _softmax(call, x, arrived):
    """Return what the first terms of the softmax's Taylor series give each of its inputs (Achtibat et al. 2024)."""
    with torch.no_grad():
        shares = call(x)
    (change,) = pulled_back(call, [x], [torch.where(shares > 0, arrived / shares, 0.0)])  # R_i - s_i Σ_j R_j
    return torch.where(shares > 0, x * change, 0.0)


def _away_from_zero(z, epsilon):
    return z + torch.where(z < 0, -epsilon, epsilon)


def _linear_part(step, norm):
    if norm is None:
        return step.call
    weight, bias = _weights(step, norm)
    return lambda x: _convolve(step, x, weight, bias)


def _convolve(step, x, weight, bias):
    function = getattr(torch.nn.functional, step.op)
    geometry = {name: value for name, value in step.arguments.items() if name not in ("input", "weight", "bias")}
    return function(x, weight, bias, **geometry)


def _weights(step, norm):
    """Kernels (K, C, kh, kw) and bias (K,) of a convolution, with the batch norm that follows it multiplied in."""
    weight, bias = step.arguments["weight"], step.arguments.get("bias")
    bias = weight.new_zeros(_outputs(step, weight)) if bias is None else bias
    if norm is None:
        return weight, bias
    given = norm.arguments
    scale = (given["running_var"] + given["eps"]).rsqrt()
    scale = scale if given["weight"] is None else scale * given["weight"]
    shift = 0 if given["bias"] is None else given["bias"]
    return weight * scale[:, None, None, None], (bias - given["running_mean"]) * scale + shift


def _outputs(step, weight):
    """Return how many channels a convolution with kernels `weight` makes."""
    return weight.shape[1] * step.arguments.get("groups", 1) if step.op == "conv_transpose2d" else len(weight)


def _made_of_norms(tape):
    """Return the values that are made of norms and inverse roots alone, without weights, as what norms multiply by."""
    made: set[int] = set()
    for step in tape.steps:
        takes = step.inputs[:1] if step.op in LIKE_ANOTHER else step.inputs
        if step.op in NORMS or (step.op in (*OF_NORMS, *LIKE_ANOTHER) and made.issuperset(takes)):
            made |= set(step.outputs)
    return made


def _batch_norms_after_convolutions(tape):
    """Return the batch norm that alone takes what a convolution made, by the convolution's output."""
    convolved = {step.outputs[0] for step in tape.steps if step.op == "conv2d"}
    users = [node for step in tape.steps for node in step.inputs]
    norms = {step.inputs[0]: step for step in tape.steps if step.op == "batch_norm"}
    return {node: step for node, step in norms.items() if node in convolved and users.count(node) == 1}
