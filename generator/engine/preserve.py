"""Leave a network as it was: modes, buffers, gradients, attributes and the random state."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn


@contextmanager
def untouched(model: nn.Module) -> Iterator[None]:
    """Everything of the user's model is afterwards as it was, even after an error: flags, modes, buffers, gradients.

    Also what its modules keep in plain attributes, and the random state, which is the same whenever one enters here: a
    network that counts its calls or draws numbers gives the same in every run.
    """
    training = {module: module.training for module in model.modules()}
    required = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    attributes = {module: _copied(_attributes(module)) for module in training}
    random = torch.get_rng_state()
    try:
        torch.default_generator.manual_seed(0)
        model.eval()
        for parameter, _ in required:
            parameter.requires_grad_(False)
        yield
    finally:
        torch.set_rng_state(random)
        for module, before in attributes.items():
            _put_back(module, before)
        for module, mode in training.items():
            module.training = mode
        for parameter, flag in required:
            parameter.requires_grad_(flag)
        for name, buffer in model.named_buffers():
            if not buffer.is_meta and not torch.equal(buffer, buffers[name]):  # on meta there are shapes alone
                buffer.copy_(buffers[name])


ATOMS = (bool, int, float, complex, str, bytes, type(None))  # of which nothing inside can change
MODULES_OWN = frozenset(vars(nn.Module()))  # what every module has: hooks, parameters, parts


def _attributes(module: nn.Module) -> dict[str, Any]:
    """Return what a module keeps in attributes of its own, as far as it is plain data."""
    return {
        name: value
        for name, value in vars(module).items()
        if name not in MODULES_OWN and (_fixed(value) or _plain(value))
    }


def _copied(attributes: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of plain attributes that a network cannot reach; what cannot change is not copied."""
    memo: dict[int, Any] = {}
    return {name: value if _fixed(value) else copy.deepcopy(value, memo) for name, value in attributes.items()}


def _fixed(value: Any) -> bool:
    """Return whether a value is a number, a text or a tuple of such, as nearly all attributes of a network are."""
    kind = type(value)
    return kind in ATOMS or (kind is tuple and all(type(item) in ATOMS for item in value))


def _put_back(module: nn.Module, before: dict[str, Any]) -> None:
    """The attributes as they were; what did not change stays the object it is."""
    now = _attributes(module)
    for name in now.keys() - before.keys():
        delattr(module, name)
    for name, value in before.items():
        if name not in now or not _alike(now[name], value):
            vars(module)[name] = value


def _alike(first: Any, second: Any) -> bool:
    """Return whether two plain values are the same, tensors in them compared by their values."""
    if first is second:  # one of them is fixed, or it would be a copy of the other
        return True
    if type(first) is not type(second):
        return False
    if isinstance(first, torch.Tensor):
        return first.dtype == second.dtype and torch.equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(_alike(first[key], second[key]) for key in first)
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(_alike, first, second))
    return first == second


def _plain(value: Any) -> bool:
    if isinstance(value, torch.Tensor):
        return value.is_leaf or not value.requires_grad  # what is in a graph cannot be copied
    if isinstance(value, dict):
        return all(map(_plain, value)) and all(map(_plain, value.values()))
    return isinstance(value, ATOMS) or (isinstance(value, list | tuple | set) and all(map(_plain, value)))
