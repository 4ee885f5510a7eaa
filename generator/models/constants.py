"""What a network's forward wants besides pictures: constants, given with every pass."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from generator.core.errors import ModelError
from generator.core.read_once import read_bytes
from generator.core.records import Network


class Constants:
    """A hook before a module's forward, which adds the constants to its arguments, once for each picture."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    def __call__(self, module: nn.Module, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
        """Return the arguments of the forward."""
        x = args[0]
        given = {name: _repeated(value, x) for name, value in self.values.items()}
        return args, {**given, **kwargs}


def add_constants(model: nn.Module, network: Network) -> str:
    """Give the constants of a network with every pass of its model; return their digest, "" where it has none.

    A number comes as (N,), a list or an array as (N, ...), the same for each of N pictures; true, false and words as
    they are. Raises `ModelError`.
    """
    if not network.constants:
        return ""
    values = {name: _value(json.loads(text), network, name) for name, text in network.constants}
    model.register_forward_pre_hook(Constants(values), with_kwargs=True)
    total = hashlib.sha256(repr(network.constants).encode())
    for value in values.values():
        total.update(value.numpy().tobytes() if isinstance(value, torch.Tensor) else repr(value).encode())
    return total.hexdigest()


def _repeated(value: Any, x: torch.Tensor) -> Any:
    return value.to(x.device).expand(len(x), *value.shape[1:]) if isinstance(value, torch.Tensor) else value


def _value(value: Any, network: Network, name: str) -> Any:
    place = f"{network.name}: constants.{name}"
    if isinstance(value, bool) or (isinstance(value, str) and not value.endswith(".npy")):
        return value
    if isinstance(value, str):
        path = Path(network.folder, value)
        try:
            array = np.load(io.BytesIO(read_bytes(path)), allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise ModelError(f"{place}: expected an array of numbers in {path}: {error}") from error
    else:
        try:
            array = np.asarray(value)
        except ValueError as error:
            raise ModelError(f"{place}: expected a number or a list of them, all as long: {error}") from error
    if array.dtype.kind not in "biuf":
        raise ModelError(f"{place}: expected numbers, there is {array.dtype}")
    kind = np.float32 if array.dtype.kind == "f" else bool if array.dtype.kind == "b" else np.int64
    return torch.from_numpy(np.array(array[None], kind))
