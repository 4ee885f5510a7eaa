"""Networks that were compiled, scripted, traced or exported: what of them can be watched, and what is said of it."""

from __future__ import annotations

import sys
from typing import Any

import torch
from torch import nn
from torch.fx import GraphModule

COMPILED = "shown as it was before torch.compile"
EXPORTED = "an exported program: layers are called by their operations, and are not said to have parameters"
SCRIPTED = (
    "a TorchScript program, which nobody can look into: there are no activations of its layers, no class activation "
    "maps, no rules at its rectifiers and no count of its operations"
)


def watchable(model: nn.Module) -> tuple[nn.Module, str]:
    """Return a network as it can be watched, and a line on what was changed or stays hidden; "" where nothing was.

    Compiled modules are replaced by their originals, within `model` itself where they are parts of it; exported ones
    may be set to evaluate again.
    """
    original, compiled = _original(model)
    programs = [name for name, module in original.named_modules() if isinstance(module, torch.jit.ScriptModule)]
    outermost = [name for name in programs if not any(name.startswith(f"{other}.") for other in programs)]
    exported = [module for module in original.modules() if _is_exported(module)]
    for module in exported:  # they refuse both, as dropout cannot be switched in a graph
        for method in ("eval", "train"):
            vars(module).pop(method, None)
    notes = [COMPILED if compiled else "", EXPORTED if exported else ""]
    if "" in programs:
        notes.append(SCRIPTED)
    elif outermost:
        named = ", ".join(outermost[:3]) + (", ..." if len(outermost) > 3 else "")
        notes.append(f"of what is TorchScript ({named}) the output alone can be watched")
    return original, "; ".join(filter(None, notes))


def freeze(model: nn.Module) -> nn.Module:
    """Return the model, with no parameter that wants a gradient; programs know no `requires_grad_`."""
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    return model


def _is_compiled(module: Any) -> bool:
    """Return whether a module is what torch.compile makes of one; where nothing is compiled, its code is not loaded."""
    dynamo = sys.modules.get("torch._dynamo")
    return dynamo is not None and isinstance(module, dynamo.OptimizedModule)


def _original(model: Any) -> tuple[nn.Module, bool]:
    """Return a module without what torch.compile put around it and its parts, and whether there was any of it."""
    compiled = _is_compiled(model)
    while _is_compiled(model):
        model = model._orig_mod
    for module in list(model.modules()):
        for name, part in list(module._modules.items() if not isinstance(module, torch.jit.ScriptModule) else ()):
            if _is_compiled(part):
                module._modules[name] = _original(part)[0]
                compiled = True
        if getattr(module, "_compiled_call_impl", None) is not None:  # of module.compile(), which changes it in place
            module._compiled_call_impl = None
            compiled = True
    return model, compiled


def _is_exported(module: nn.Module) -> bool:
    return isinstance(module, GraphModule) and {"eval", "train"} <= vars(module).keys()
