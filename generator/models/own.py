"""Your own network: `package.module:function`, found in the gallery's folder or installed."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from generator.models import derived, weights
from generator.models.built import Built
from generator.models.names import file_digest, weights_file
from generator.types import Input, ModelError, Network


def build(network: Network, trust_pickle: bool = False) -> Built:
    """What the function returns, with the weights file laid in where one is named; raises `ModelError`."""
    from generator.models import vision  # noqa: F401  # its cure comes first, if the module imports torchvision

    if network.input is None:
        raise ModelError(f"{network.name}: a network of your own needs `input`: its size, mean and std")
    file = weights_file(network)
    module = _module(network)
    model = _made(network, module).eval().float()
    outputs = _outputs(model, network.input, network.name)
    if network.classes and outputs not in (None, len(network.classes)):
        raise ModelError(f"{network.name}: {len(network.classes)} classes for a network with {outputs} outputs")
    if network.weights == "random":
        model = derived.derive(model, (("randomise", -1),), network.seed)
    elif file:
        weights.fill(model, weights.read(file, trust_pickle), file)
    return Built(
        model=model,
        title=network.source.partition(":")[2],
        input=network.input,
        classes=network.classes or tuple(f"class {index}" for index in range(outputs or 0)),
        vocabulary="",
        accuracy=weights.accuracy(file) if file else {},
        code=file_digest(module.__file__) if module.__file__ else "",
    )


def _module(network: Network) -> ModuleType:
    name = network.source.partition(":")[0]
    folder = str(Path(network.folder or ".").absolute())
    if folder not in sys.path:
        sys.path.append(folder)  # at the end: a file of yours never hides a library
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise ModelError(f"{network.source}: {name} needs {error.name}, which is not installed") from error
        raise ModelError(f"{network.source}: no module {name} in {folder} or installed") from error
    except Exception as error:  # the user's code may raise anything
        raise ModelError(f"{network.source}: importing {name} failed: {_told(error)}") from error


def _made(network: Network, module: ModuleType) -> nn.Module:
    function = getattr(module, network.source.partition(":")[2], None)
    if not callable(function):
        there = f"{module.__name__} ({module.__file__ or 'a namespace'}) has no such function"
        raise ModelError(f"{network.source}: {there}")
    try:
        model = function()
    except Exception as error:  # the user's code may raise anything
        raise ModelError(f"{network.source}: calling it without arguments failed: {_told(error)}") from error
    if not isinstance(model, nn.Module):
        raise ModelError(f"{network.source}: expected it to return a torch.nn.Module, got {type(model).__name__}")
    return model


def _outputs(model: nn.Module, size: Input, name: str) -> int | None:
    """How many classes come out for one picture; None where the output is not a table of logits."""
    try:
        with torch.no_grad():
            output: Any = model(torch.zeros(1, *size.size))
    except Exception as error:  # the user's code may raise anything
        raise ModelError(f"{name}: it does not take an input of size {size.size}: {_told(error)}") from error
    return output.shape[1] if isinstance(output, torch.Tensor) and output.ndim == 2 else None


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
