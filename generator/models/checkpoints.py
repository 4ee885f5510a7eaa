"""The epochs of a network's training, from a folder of checkpoints or from what is kept of them beside its weights."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from generator.core.errors import ModelError
from generator.core.records import Network

from . import weights
from .load import Loaded
from .specs import becoming_file, checkpoint_files, epoch_of, file_digest, weights_file

KEPT = 25  # epochs that lie beside the weights, at most
WEIGHTS = "weights"  # in the file's metadata: the digest of the weights it tells of


def known(loaded: Loaded) -> dict[str, Any]:
    """How many checkpoints there are, and the SHA-256 over all that is known of the epochs, "" where nothing is.

    Raises `ModelError` where one of the files is no checkpoint of this network.
    """
    files, beside = checkpoint_files(loaded.network), becoming_file(loaded.network)
    trial = copy.deepcopy(loaded.model) if files else None
    for file in files:
        weights.fill(trial, weights.read(file), file)
    told = files or ([beside] if beside and _tells_of(beside, loaded.network) else [])
    whole = hashlib.sha256("\n".join(map(file_digest, told)).encode()).hexdigest()
    return {"checkpoints": len(files), "becoming": whole if told else ""}


def at_epoch(loaded: Loaded, file: Path) -> Loaded:
    """The network as a checkpoint has it."""
    found = copy.copy(loaded)
    found.model = copy.deepcopy(loaded.model)
    weights.fill(found.model, weights.read(file), file)
    return found


def kernels(network: Network, layer: str) -> dict[int, torch.Tensor]:
    """The kernels (K, C, kh, kw) of the first convolution, called `layer`, by epoch.

    What lies beside weights that it was not written for says nothing.
    """
    files = checkpoint_files(network)
    if files:
        return {epoch_of(file.stem): weights.read(file)[f"{layer}.weight"].float() for file in files}
    file = becoming_file(network)
    if not file or not _tells_of(file, network):
        return {}
    return {epoch_of(name): tensor.float() for name, tensor in load_file(file).items()}


def _tells_of(file: Path, network: Network) -> bool:
    """Whether what lies beside the weights was written for these very weights."""
    with safe_open(file, "pt") as opened:
        return (opened.metadata() or {}).get(WEIGHTS) == file_digest(weights_file(network))


def keep_kernels(files: Sequence[Path], layer: str, weights_at: Path) -> Path:
    """Write the kernels of `layer` from checkpoints, at most 25 of them, beside the weights that they led to."""
    if not files:
        raise ModelError(f"{weights_at}: expected checkpoints to keep kernels of, there are none")
    last = len(files) - 1
    chosen = sorted({round(place * last / (KEPT - 1)) for place in range(KEPT)})
    kept = {files[at].stem: weights.read(files[at])[f"{layer}.weight"].half().contiguous() for at in chosen}
    path = weights_at.with_suffix(".becoming.safetensors")
    save_file(kept, path, {WEIGHTS: file_digest(weights_at)})
    return path
