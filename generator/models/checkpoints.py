"""The epochs of a network's training, from a folder of checkpoints or from what is kept of them beside its weights."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, save_file

from generator.core.atomic_io import create_atomically
from generator.core.errors import ModelError
from generator.core.read_once import Changed, digest_of, ledger, read_bytes
from generator.core.records import Network
from generator.core.spacing import evenly_spaced

from . import weights
from .load import Loaded
from .specs import becoming_file, checkpoint_files, epoch_of, file_digest, weights_file

MAX_EPOCHS = 25  # epochs that lie beside the weights, at most
WEIGHTS = "weights"  # in the file's metadata: the digest of the weights it tells of


def known(loaded: Loaded) -> dict[str, Any]:
    """Return how many checkpoints there are, and the SHA-256 over all that is known of the epochs, "" where nothing is.

    Raises `ModelError` where one of the files is no checkpoint of this network.
    """
    with ledger(loaded.files):
        files, beside = checkpoint_files(loaded.network), becoming_file(loaded.network)
        trial = copy.deepcopy(loaded.model) if files else None
        for file in files:
            weights.fill(trial, weights.read(file), file)
        sources = files or ([beside] if beside and _kernels_of(beside, loaded.network) else [])
        return {"checkpoints": len(files), "becoming": _digest(sources)}


def verify(loaded: Loaded, becoming: str) -> None:
    """Raise `Changed` unless `becoming`, which keys are made of, is the digest of what lies there now.

    What is read of it later, within the network's ledger, is then the same.
    """
    with ledger(loaded.files):
        beside = becoming_file(loaded.network)
        sources = checkpoint_files(loaded.network) or ([beside] if beside else [])
        if _digest(sources) != becoming:
            raise Changed(sources[0].name if sources else f"{loaded.slug}: its checkpoints")


def at_epoch(loaded: Loaded, file: Path) -> Loaded:
    """Return the network as a checkpoint has it; raises `Changed` where it is not the one that was verified."""
    restored = copy.copy(loaded)
    restored.model = copy.deepcopy(loaded.model)
    with ledger(loaded.files):
        weights.fill(restored.model, weights.read(file), file)
    return restored


def kernels(loaded: Loaded, layer: str) -> dict[int, torch.Tensor]:
    """Return the kernels (K, C, kh, kw) of the first convolution, called `layer`, by epoch.

    What lies beside weights that it was not written for says nothing.
    """
    with ledger(loaded.files):
        files, beside = checkpoint_files(loaded.network), becoming_file(loaded.network)
        if files:
            name = f"{layer}.weight"
            return {epoch_of(file.stem): weights.read_for(loaded.model, file)[name].float() for file in files}
        tensors = _kernels_of(beside, loaded.network) if beside else {}
        return {epoch_of(name): tensor.float() for name, tensor in tensors.items()}


def _kernels_of(file: Path, network: Network) -> dict[str, torch.Tensor]:
    """Return the tensors beside the weights, by epoch; none where they were written for other weights."""
    content = read_bytes(file)
    tensors = load(content)
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return tensors if header.get("__metadata__", {}).get(WEIGHTS) == digest_of(weights_file(network)) else {}


def _digest(files: Sequence[Path]) -> str:
    return hashlib.sha256("\n".join(map(digest_of, files)).encode()).hexdigest() if files else ""


def keep_kernels(files: Sequence[Path], layer: str, weights_at: Path) -> Path:
    """Write the kernels of `layer` from checkpoints, at most 25 of them, beside the weights that they led to."""
    if not files:
        raise ModelError(f"{weights_at}: expected checkpoints to keep kernels of, there are none")
    chosen = evenly_spaced(files, MAX_EPOCHS)
    kept = {file.stem: weights.read(file)[f"{layer}.weight"].half().contiguous() for file in chosen}
    path = weights_at.with_suffix(".becoming.safetensors")
    metadata = {WEIGHTS: file_digest(weights_at)}
    create_atomically(path, lambda file: save_file(kept, file, metadata))
    return path
