"""Let torchvision be imported where its compiled operators do not fit a CPU-only torch, whoever imports it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

import torch


def install() -> None:
    """Cure the first import of torchvision, if there is one; it is not imported here, as that takes seconds."""
    if "torchvision" not in sys.modules and not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    """Finds torchvision where all others do, to be loaded with the cure."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the specification of torchvision, and None of anything else."""
        if fullname != "torchvision":
            return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(fullname, path, target)
            if spec and spec.loader:
                spec.loader = _Cure(spec.loader)
                return spec
        return None


class _Cure(Loader):
    """Loads torchvision a second time where its import fails, its operators then declared."""

    def __init__(self, usual: Loader) -> None:
        self._usual = usual

    def __getattr__(self, name: str) -> object:
        """Resources and sources of the package are those of its usual loader."""
        return getattr(self._usual, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._usual.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._exec(module)
        sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _Finder)]  # its work is done

    def _exec(self, module: ModuleType) -> None:
        try:
            self._usual.exec_module(module)
            return
        except RuntimeError as error:
            if "torchvision::nms" not in str(error):
                raise
        for name in [name for name in sys.modules if name.startswith("torchvision.")]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "FRAGMENT")
        for operator in ("nms", "qnms"):  # declared, never called: no classifier needs them
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _kept_alive.append(library)
        self._usual.exec_module(module)


_kept_alive: list[torch.library.Library] = []
