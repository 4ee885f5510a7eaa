"""Open what `torch.save` wrote for its tensors alone: nothing of the file is imported, called or built but them."""

from __future__ import annotations

import collections
import pickle
import sys
from typing import Any

import torch

# What tensors and plain containers are made of. Storages are looked up by torch itself, by their names.
PLAIN: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("collections", "defaultdict"): collections.defaultdict,
    ("torch", "Size"): torch.Size,
    ("torch", "device"): torch.device,
    ("torch._utils", "_rebuild_tensor"): torch._utils._rebuild_tensor,
    ("torch._utils", "_rebuild_tensor_v2"): torch._utils._rebuild_tensor_v2,
    ("torch._utils", "_rebuild_parameter"): torch._utils._rebuild_parameter,
    ("torch.nn.parameter", "Parameter"): torch.nn.Parameter,
}
# Of Python's own library settings and counters are made of these; whatever else a file asks of it is code.
DATA = frozenset(("argparse", "collections", "datetime", "decimal", "enum", "fractions", "pathlib", "types", "uuid"))
DATA_NAMES = frozenset(
    ("set", "frozenset", "slice", "range", "complex", "bytearray", "object", "int", "float", "str", "bytes")
)


class CodeRefused(pickle.UnpicklingError):
    """A file asks for code; the message names it."""


class Inert:
    """Stands for an object of some class in a file: it takes all that its class was given, and does nothing."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Inert:
        """Return a new one, whatever it is made with."""
        return super().__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Forget the arguments."""

    def __setstate__(self, state: Any) -> None:
        """Forget the state."""

    def __setitem__(self, key: Any, value: Any) -> None:
        """Forget an item."""

    def __call__(self, *args: Any, **kwargs: Any) -> Inert:
        """Return itself, where a file calls a member of it."""
        return self

    def append(self, item: Any) -> None:
        """Forget an item."""

    def extend(self, items: Any) -> None:
        """Forget items."""

    def add(self, item: Any) -> None:
        """Forget an item."""


class Unpickler(pickle.Unpickler):
    """Builds tensors and plain containers; all other classes become `Inert`, and calls into Python's own library are
    refused with `CodeRefused`.
    """

    def find_class(self, module: str, name: str) -> Any:
        """Return what stands for a class or function that a file names."""
        if (module, name) in PLAIN:
            return PLAIN[module, name]
        dtype = getattr(torch, name, None) if module == "torch" else None
        if isinstance(dtype, torch.dtype):
            return dtype
        top = module.partition(".")[0]
        plain = name.partition(".")[0] == name and (
            top in DATA or (module in ("builtins", "__builtin__") and name in DATA_NAMES)
        )
        system = top in sys.stdlib_module_names or top in ("nt", "posix", "__builtin__")
        if (system and not plain) or (top == "torch" and not module.startswith(("torch.optim", "torch.nn"))):
            raise CodeRefused(f"it asks for {module}.{name}")
        return type(name, (Inert,), {"__module__": module})


def load(file: Any, **options: Any) -> Any:
    """Return what a stream holds, as `pickle.load` does; torch asks for it by this name."""
    return Unpickler(file, **options).load()
