"""What a source of networks (bundled, torchvision's, another package's, your own) makes of a Network."""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import nn

from generator.core.records import Input


class Built(NamedTuple):
    """The module with its weights in, and what its source knows about them."""

    model: nn.Module
    title: str
    input: Input
    classes: tuple[str, ...]
    vocabulary: str = ""
    accuracy: dict[str, Any] = {}
    note: str = ""
    code: str = ""  # SHA-256 of the file that defines it, where that may change under the same weights
