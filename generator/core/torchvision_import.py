"""Import torchvision, with the cure that a CPU-only torch needs; the only module that imports it."""

from __future__ import annotations

import sys
from types import ModuleType

import torch


def import_torchvision() -> ModuleType:
    """torchvision, also where its compiled operators do not fit a CPU-only torch and its import fails.

    Whatever else imports it (your modules, a test's oracles) must do so afterwards.
    """
    try:
        import torchvision
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "FRAGMENT")
        for operator in ("nms", "qnms"):  # declared, never called: no classifier needs them
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _kept_alive.append(library)
        import torchvision
    return torchvision


_kept_alive: list[torch.library.Library] = []
torchvision = import_torchvision()
