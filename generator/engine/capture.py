"""Watch one forward pass: every layer's tensor, its gradients, and ReLUs that obey a rule on the way back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn.modules import module as hooks
from torch.overrides import TorchFunctionMode

RULES = ("vanilla", "guided", "deconvnet", "open")


class Watch(TorchFunctionMode):
    """Sees a model's forward pass while it is entered, and leaves the model as it was.

    `on_layer(name, type, kind, tensor)` is called with each layer's output as it passes, before a later in-place
    operation can overwrite it: once for each call of a `torch.nn` module and once for each call that no such module
    owns (`F.relu`, a residual `+`). Nothing is attached to the model itself.

    With `rules`, every ReLU and ReLU6, whether module, functional, in-place or reused, looks up `self.rule` during the
    *backward* pass, so that one forward serves all rules:

    - "vanilla": `grad * f'(x)`, bit for bit the native gradient;
    - "guided": `relu(grad) * f'(x)` (Springenberg et al. 2014, arXiv:1412.6806);
    - "deconvnet": `relu(grad)` (Zeiler & Fergus 2014, arXiv:1311.2901);
    - "open": `grad`, so that a picture can wake what is silent (Olah et al. 2017, 10.23915/distill.00007).
    """

    def __init__(
        self,
        model: nn.Module,
        on_layer: Callable[[str, str, str, torch.Tensor], None],
        rules: bool = False,
        on_call: Callable[[str, tuple, dict, Any, Callable], None] | None = None,
    ) -> None:
        super().__init__()
        self.rule = "vanilla"
        self.caught = 0  # rectifiers that obey the rule
        self.bypassed = 0  # and selections that do as a rectifier does, which obey none
        self._on_layer, self._on_call, self._rules = on_layer, on_call, rules
        self._names = {module: name for name, module in model.named_modules()}
        self._stack: list[nn.Module] = []  # the modules whose forward is under way, outermost first
        self._calls: Counter[str] = Counter()

    def __enter__(self) -> Watch:
        self._handles = [
            hooks.register_module_forward_pre_hook(self._enter_module),
            hooks.register_module_forward_hook(self._leave_module),
        ]
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        for handle in self._handles:
            handle.remove()
        super().__exit__(*error)

    def _enter_module(self, module: nn.Module, inputs: Any) -> None:
        if module in self._names:
            self._stack.append(module)

    def _leave_module(self, module: nn.Module, inputs: Any, output: Any) -> None:
        if module not in self._names:
            return
        self._stack.pop()
        name = self._names[module]
        program = not name and isinstance(module, torch.jit.ScriptModule)  # what it gives is the answer itself
        if is_atom(module) and not program and not any(is_atom(owner) for owner in self._stack):
            self._calls[name] += 1
            called = self._calls[name]
            self._emit(name if called == 1 else f"{name}@{called}", _module_type(module), _module_kind(module), output)

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        op = op_name(func)
        bounds = _rectifier(op, args, kwargs) if self._rules and torch.is_grad_enabled() else None
        if bounds:
            in_place = func.__name__.partition(".")[0].endswith("_")
            output = self._rectify(op, args, kwargs, bounds, in_place)
        else:
            output = func(*args, **kwargs)
            if self._rules and op in SELECTIONS and torch.is_grad_enabled():
                with torch._C.DisableTorchFunction():
                    self.bypassed += _selects_positives(args, output)
        if self._on_call:
            self._on_call(op, args, kwargs, output, func)
        kind = FUNCTION_KINDS.get(op)
        if kind and not any(is_atom(owner) for owner in self._stack) and _makes_layer(op, args, output):
            owner = self._names[self._stack[-1]] if self._stack else ""
            name = f"{owner}.{op}" if owner else op
            self._calls[name] += 1
            self._emit(f"{name}@{self._calls[name]}", op, kind, output)
        return output

    def _rectify(self, op: str, args: tuple, kwargs: dict, bounds: tuple, in_place: bool) -> torch.Tensor:
        x = args[0] if args else kwargs["input"]
        self.caught += 1
        position = 3 if op == "hardtanh" else 1
        in_place = in_place or kwargs.get("inplace", False) or args[position : position + 1] == (True,)
        return Rectifier.apply(x, bounds, in_place, self)

    def _emit(self, name: str, type_: str, kind: str, output: Any) -> None:
        tensor = first_tensor(output)
        if tensor is not None and tensor.is_floating_point() and tensor.ndim >= 2:
            with torch._C.DisableTorchFunction():  # what is computed there is not the model's
                self._on_layer(name, type_, kind, tensor)


class Rectifier(torch.autograd.Function):
    """`clamp(x, low, high)` whose gradient follows the watch's rule at the time of the backward pass."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, bounds: tuple[float, float], in_place: bool, watch: Watch) -> torch.Tensor:
        low, high = bounds
        if in_place:
            ctx.mark_dirty(x)
            y = x.relu_() if high == float("inf") else x.clamp_(low, high)
        else:
            y = x.relu() if high == float("inf") else x.clamp(low, high)
        ctx.save_for_backward(y)
        ctx.bounds, ctx.watch = bounds, watch
        return y

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None, None]:
        (y,), (low, high), rule = ctx.saved_tensors, ctx.bounds, ctx.watch.rule
        if rule == "open":
            return gradient, None, None, None
        if rule != "vanilla":
            gradient = gradient.relu()
        if rule != "deconvnet":
            if high == float("inf"):
                gradient = torch.ops.aten.threshold_backward(gradient, y, low)
            else:
                gradient = torch.ops.aten.hardtanh_backward(gradient, y, low, high)
        return gradient, None, None, None


def not_finite(model: nn.Module, x: torch.Tensor) -> str:
    """Return the first layer of a pass over `x` whose output holds NaN or infinity; "" where none does."""
    layers: list[str] = []

    def look(name: str, type_: str, kind: str, tensor: torch.Tensor) -> None:
        if not layers and not torch.isfinite(tensor).all():
            layers.append(name)

    with torch.no_grad(), Watch(model, look):
        model(x.clone())
    return layers[0] if layers else ""


def first_tensor(output: Any) -> torch.Tensor | None:
    """Return the tensor an output means: itself, or the first in a tuple or dictionary ("logits" and "out" before
    others).
    """
    if isinstance(output, torch.Tensor):
        return output
    if isinstance(output, dict):
        output = [output[key] for key in ("logits", "out") if key in output] + list(output.values())
    if isinstance(output, (tuple, list)):
        return next((tensor for item in output if (tensor := first_tensor(item)) is not None), None)
    return None


def is_atom(module: nn.Module) -> bool:
    """Return whether a module counts as one layer: it is one of torch.nn's own, or derives from one, and is no
    container.
    """
    if isinstance(module, torch.jit.ScriptModule):  # nobody sees what is inside
        return True
    kinds = [kind for kind in type(module).__mro__ if kind.__module__.startswith("torch.nn.modules")]
    return bool(kinds) and kinds[0] not in CONTAINERS


def op_name(func: Callable) -> str:
    """Return what a torch function is called: `relu` for torch.relu, F.relu, Tensor.relu_ and the `relu.default` of an
    exported program; `add` for `+` and `+=`.
    """
    name = getattr(func, "__name__", "").partition(".")[0]
    if name.startswith("__") and name.endswith("__"):
        name = name.strip("_")
        return {"iadd": "add", "radd": "add", "imul": "mul", "rmul": "mul"}.get(name, name)
    return name.rstrip("_")


def _rectifier(op: str, args: tuple, kwargs: dict) -> tuple[float, float] | None:
    """Return the bounds between which this call is the identity, if it is a ReLU or a ReLU6."""
    if op == "relu":
        return 0.0, float("inf")
    if op == "relu6":
        return 0.0, 6.0
    if op == "hardtanh":
        low = kwargs.get("min_val", args[1] if len(args) > 1 else -1.0)
        high = kwargs.get("max_val", args[2] if len(args) > 2 else 1.0)
        return (0.0, float(high)) if low == 0 else None
    return None


def _selects_positives(args: tuple, output: Any) -> bool:
    """Return whether a selection or a product with a mask keeps the positive values of one of its arguments and no
    others.
    """
    sources = [value for value in args if isinstance(value, torch.Tensor) and value.requires_grad]
    if len(sources) != 1 or not isinstance(output, torch.Tensor) or output.shape != sources[0].shape:
        return False
    return bool((sources[0] < 0).any()) and torch.equal(output, sources[0].relu())


def _makes_layer(op: str, args: tuple, output: Any) -> bool:
    tensors = [value for value in args if isinstance(value, torch.Tensor)]
    if op in ("add", "mul"):  # a join, not a shift or a scaling by numbers
        return len(tensors) == 2 and all(tensor.ndim >= 2 for tensor in tensors)
    if op in ("mean", "amax"):  # over space, not over the batch or the channels
        made = first_tensor(output)
        if not tensors or made is None or tensors[0].ndim not in (3, 4):
            return False
        before, after = tensors[0].shape, made.shape
        if tensors[0].ndim == 4 and after[:2] == before[:2]:
            return True
        ends = (before[0], before[-1])  # images and channels, where channels are last
        if len(before) == 3 and after == before[1:]:  # or where images are in the middle
            return True
        return after in (ends, (ends[0], *(1,) * (len(before) - 2), ends[1]))
    return True


def _module_type(module: nn.Module) -> str:
    return module.original_name if isinstance(module, torch.jit.ScriptModule) else type(module).__name__


def _module_kind(module: nn.Module) -> str:
    made = getattr(nn, _module_type(module), nn.Module) if isinstance(module, torch.jit.ScriptModule) else type(module)
    return next((kind for types, kind in MODULE_KINDS if issubclass(made, types)), "other")


SELECTIONS = frozenset(("where", "mul", "masked_fill"))  # calls that may be a rectifier in disguise
CONTAINERS = {nn.Module, nn.Sequential, nn.ModuleList, nn.ModuleDict, nn.ParameterList, nn.ParameterDict}
_nn = nn.modules
MODULE_KINDS = (
    (_nn.conv._ConvNd, "conv"),
    (nn.Linear, "linear"),
    ((_nn.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, nn.LocalResponseNorm), "norm"),
    ((_nn.pooling._MaxPoolNd, _nn.pooling._AvgPoolNd), "pool"),
    ((_nn.pooling._AdaptiveAvgPoolNd, _nn.pooling._AdaptiveMaxPoolNd), "pool"),
    ((nn.Softmax, nn.LogSoftmax, nn.Softmax2d), "softmax"),
    ((nn.Identity, nn.Flatten, nn.Unflatten, _nn.dropout._DropoutNd), "identity"),
    (
        (nn.ReLU, nn.Hardtanh, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Mish, nn.Softplus)
        + (nn.Hardswish, nn.Hardsigmoid, nn.Sigmoid, nn.Tanh, nn.Threshold),
        "activation",
    ),
)
FUNCTION_KINDS = {
    **dict.fromkeys(("relu", "relu6", "hardtanh", "leaky_relu", "prelu", "elu", "gelu", "silu", "mish"), "activation"),
    **dict.fromkeys(("hardswish", "hardsigmoid", "sigmoid", "tanh", "softplus", "threshold"), "activation"),
    **dict.fromkeys(("add", "mul", "cat", "concat"), "join"),
    **dict.fromkeys(("max_pool2d", "avg_pool2d", "adaptive_avg_pool2d", "adaptive_max_pool2d", "mean", "amax"), "pool"),
    **dict.fromkeys(("conv1d", "conv2d", "conv_transpose2d"), "conv"),
    **dict.fromkeys(("batch_norm", "layer_norm", "group_norm", "local_response_norm", "instance_norm"), "norm"),
    **dict.fromkeys(("softmax", "log_softmax"), "softmax"),
    "linear": "linear",
}
