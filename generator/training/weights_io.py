"""What a training run writes is whole whenever it exists."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from generator.core.atomic_io import create_atomically
from generator.core.errors import InnerviewError
from generator.models.specs import file_digest


class TrainingError(InnerviewError):
    """A training run cannot be started, resumed or finished as asked."""


def write_weights(
    model: nn.Module, path: Path, dtype: torch.dtype = torch.float16, metadata: dict[str, str] | None = None
) -> str:
    """Write the state dict as safetensors, floating tensors rounded to `dtype`; returns the file's SHA-256."""
    state = {
        name: (value.to(dtype) if value.is_floating_point() else value).cpu().contiguous()
        for name, value in model.state_dict().items()
    }
    create_atomically(path, lambda file: save_file(state, file, metadata))
    return file_digest(path)
