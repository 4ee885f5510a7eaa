"""Weights: read from files without running what is in them, laid into a network, digested."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import warnings
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import nn

from generator.core.atomic_io import write_atomically
from generator.core.errors import ModelError
from generator.core.read_once import digest_of, read_bytes
from generator.core.records import Network

from .specs import CARD, PRUNING, RANKING, STATISTICS, file_digest, weights_file

State = dict[str, torch.Tensor]


def read(path: Path, trust_pickle: bool = False) -> State:
    """Return the tensors of a `.safetensors` file or a `.pt`/`.pth` state dict, by name.

    A pickle that wants to run code is refused unless `trust_pickle`. Raises `ModelError`.
    """
    if not path.is_file():
        raise ModelError(f"{path}: no such weights file")
    try:
        content = read_bytes(path)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error
    if path.suffix == ".safetensors":
        try:
            return load(content)
        except SafetensorError as error:
            raise ModelError(f"{path}: expected a safetensors file: {_line(error)}") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickles' versions and TorchScript: the errors say what matters
            saved = torch.load(io.BytesIO(content), map_location="cpu", weights_only=not trust_pickle)
    except Exception as error:  # what is in a pickle may raise anything
        if isinstance(error, pickle.UnpicklingError) and not trust_pickle:
            raise ModelError(
                f"{path}: refused, as it is no state dict of plain tensors and opening it could run code: expected "
                "what torch.save(model.state_dict(), ...) writes, or a .safetensors file"
            ) from error
        raise ModelError(f"{path}: expected a state dict saved by torch: {_line(error)}") from error
    return _state(saved, path)


def fill(model: nn.Module, state: State, path: Path) -> None:
    """Lay the tensors into the model, converted to the dtypes it has.

    Raises `ModelError` with the names that are missing, unexpected or of another shape.
    """
    own: Any = model.state_dict()
    # Counters of batch norm say nothing in eval mode, and older files lack them.
    missing = [name for name in own if name not in state and not name.endswith("num_batches_tracked")]
    unexpected = [name for name in state if name not in own]
    misshapen = [
        f"{name} {tuple(state[name].shape)} for {tuple(tensor.shape)}"
        for name, tensor in own.items()
        if name in state and hasattr(tensor, "shape") and state[name].shape != tensor.shape
    ]
    faults = {"missing": missing, "unexpected": unexpected, "of another shape": misshapen}
    if any(faults.values()):
        message = "; ".join(f"{len(names)} {fault} ({_first(names)})" for fault, names in faults.items() if names)
        raise ModelError(f"{path}: the weights do not fit {type(model).__name__}: {message}")
    fitting: Any = OrderedDict(state)
    fitting._metadata = own._metadata  # the shapes fit, so it is the layout of today; some networks ask
    model.load_state_dict(fitting, strict=False)


def digest(model: nn.Module) -> str:
    """Return SHA-256 over names, dtypes, shapes and bytes of the state dict, sorted by name."""
    total = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        if not isinstance(tensor, torch.Tensor):  # a module's extra state
            total.update(f"{name} {tensor!r}\n".encode())
            continue
        total.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        total.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return total.hexdigest()


def not_finite(model: nn.Module) -> str:
    """Return a note that names the tensors with NaN or infinity in them; "" where there are none."""
    floats = {name: tensor for name, tensor in model.state_dict().items() if torch.is_tensor(tensor)}
    names = [name for name, tensor in floats.items() if not torch.isfinite(tensor).all()]
    return f"weights hold NaN or infinity in {len(names)} of {len(floats)} tensors ({_first(names)})" if names else ""


def accuracy(path: Path) -> dict[str, Any]:
    """Return what the model card beside a weights file says of its accuracy, if it speaks of this very file."""
    record = _beside(path, CARD).get("accuracy")
    return record if isinstance(record, dict) else {}


def pruning(path: Path) -> dict[str, Any]:
    """Return what was measured of pruned copies of the weights in a file (`generator.pruning`), if of this very
    file.
    """
    return _beside(path, PRUNING)


def ranking(path: Path) -> dict[str, Any]:
    """Return how methods were ranked over labelled pictures by the weights in a file (`generator.contest`), if by this
    one.
    """
    return _beside(path, RANKING)


def statistics(path: Path) -> dict[str, Any]:
    """Return what the channels and answers of the weights in a file do over a data set, if measured for this file.

    `analysis.probe.statistics` says what is in it.
    """
    return _beside(path, STATISTICS)


def keep_beside(figures: Mapping[str, Any], network: Network, suffix: str) -> Path | None:
    """Write what was measured of a network beside its weights file, for its card; None where there is no such file."""
    weights = weights_file(network)
    if weights is None:
        return None
    path = weights.with_suffix(suffix)
    text = json.dumps({**figures, "sha256": file_digest(weights)}, indent=1, ensure_ascii=False)
    write_atomically(path, f"{text}\n".encode())
    return path


def _beside(path: Path, suffix: str) -> dict[str, Any]:
    card = path.with_suffix(suffix)
    if not card.is_file():
        return {}
    try:
        described = json.loads(read_bytes(card).decode("utf-8"))
    except ValueError as error:
        raise ModelError(f"{card}: expected a model card in JSON: {_line(error)}") from error
    return described if isinstance(described, dict) and described.get("sha256") == digest_of(path) else {}


def _state(content: Any, path: Path) -> State:
    """Return the state dict in what was saved: itself, a whole module, or one entry of a training checkpoint."""
    if isinstance(content, nn.Module):
        content = content.state_dict()
    if isinstance(content, Mapping):
        inner = (content.get(key) for key in ("state_dict", "model"))
        content = next((state for state in inner if isinstance(state, Mapping)), content)
    if not isinstance(content, Mapping) or not content or not all(torch.is_tensor(value) for value in content.values()):
        raise ModelError(f"{path}: expected a state dict of tensors, found {type(content).__name__}")
    if all(name.startswith("module.") for name in content):  # saved from nn.DataParallel
        return {name.removeprefix("module."): tensor for name, tensor in content.items()}
    return dict(content)


def _first(names: list[str], count: int = 3) -> str:
    return ", ".join(names[:count]) + (", ..." if len(names) > count else "")


def _line(error: BaseException) -> str:
    """Return the first sentence of what an error says."""
    return (str(error) or type(error).__name__).splitlines()[0].partition(". ")[0]
