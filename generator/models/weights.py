"""Weights: read from files without running what is in them, laid into a network, digested."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import tarfile
import warnings
import zipfile
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

from . import inert_pickle
from .exported_program import tensors_of
from .inert_pickle import CodeRefused, Inert
from .specs import CARD, PRUNING, RANKING, STATISTICS, file_digest, weights_file
from .state_dicts import COUNTER, State, find_state, fitted


def read(path: Path, trust_pickle: bool = False) -> State:
    """Return the tensors of a weights file or a checkpoint by name, with a note of what was chosen among them.

    Of what torch has pickled tensors alone are opened, unless `trust_pickle`; a file that asks for code is refused.
    `fitted` makes its names a network's. Raises `ModelError`.
    """
    if not path.is_file():
        raise ModelError(f"{path}: no such weights file")
    try:
        content = read_bytes(path)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error
    if path.suffix == ".safetensors":
        try:
            return State(load(content))
        except SafetensorError as error:
            raise ModelError(
                f"{path}: expected a safetensors file{_instead(content) or f': {_line(error)}'}"
            ) from error
    try:
        if path.suffix == ".pt2":
            saved: Any = tensors_of(content, lambda data: _unpickled(data, trust_pickle))
        else:
            saved = _unpickled(content, trust_pickle)
    except CodeRefused as error:
        raise _refusal(path, f" ({error})") from error
    except Exception as error:  # what is in a pickle may raise anything
        why = _instead(content) or f": {_line(error)}"
        raise ModelError(f"{path}: expected a state dict saved by torch{why}") from error
    state = find_state(saved)
    if state is None and isinstance(saved, Inert):
        raise _refusal(path, f" (it holds a whole {type(saved).__name__})")
    if state is None:
        raise ModelError(f"{path}: expected a state dict of tensors, found {type(saved).__name__}")
    return state


def read_for(model: nn.Module, path: Path, trust_pickle: bool = False) -> State:
    """Return the tensors of a file under the names that a network has for them."""
    return fitted(read(path, trust_pickle), model.state_dict().keys())


def _unpickled(content: bytes, trust_pickle: bool) -> Any:
    """Return what `torch.save` wrote; of what is no plain data nothing is built. Raises `CodeRefused`."""
    options: dict[str, Any] = {"map_location": "cpu", "weights_only": not trust_pickle}
    stream = io.BytesIO(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pickles' versions and TorchScript: the errors say what matters
        if not trust_pickle and _is_program(content):
            raise ValueError("it is a TorchScript program; a function of yours may return torch.jit.load(file)")
        try:
            return torch.load(stream, **options)
        except pickle.UnpicklingError:
            if trust_pickle or tarfile.is_tarfile(io.BytesIO(content)):
                raise
        stream.seek(0)
        return torch.load(stream, map_location="cpu", weights_only=False, pickle_module=inert_pickle)


def _is_program(content: bytes) -> bool:
    """Return whether torch would take an archive for TorchScript, and open it by another way."""
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return False
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return any(name.rpartition("/")[2] == "constants.pkl" for name in archive.namelist())


def _refusal(path: Path, why: str) -> ModelError:
    return ModelError(
        f"{path}: refused, as it is no state dict of plain tensors and opening it could run code{why}: expected "
        "what torch.save(model.state_dict(), ...) writes, or a .safetensors file"
    )


def fill(model: nn.Module, state: State, path: Path) -> str:
    """Lay the tensors into the model, converted to the dtypes it has; return a line on what was chosen, "" for nothing.

    Raises `ModelError` with the names that are missing, unexpected or of another shape.
    """
    own: Any = model.state_dict()
    state = fitted(state, own.keys())
    missing = [name for name in own if name not in state and not name.endswith(COUNTER)]
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
    fitting._metadata = getattr(own, "_metadata", None)  # the shapes fit, so it is the layout of today; some ask
    model.load_state_dict(fitting, strict=False)
    return f"{path.name}: {state.note}" if state.note else ""


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


def _first(names: list[str], count: int = 3) -> str:
    return ", ".join(names[:count]) + (", ..." if len(names) > count else "")


def _instead(content: bytes) -> str:
    """Return what a file holds that is no weights file at all: nothing, a pointer of Git LFS, other text; else ""."""
    if not content:
        return ", it is empty"
    first = content[:200].decode("utf-8", "replace").partition("\n")[0]
    if first.startswith("version https://git-lfs"):
        return ", it is a pointer of Git LFS: `git lfs pull` fetches what it stands for"
    return f", there is text: {first[:40]!r}" if first.isprintable() and "\ufffd" not in first else ""


def _line(error: BaseException) -> str:
    """Return the first sentence of what an error says."""
    return (str(error) or type(error).__name__).splitlines()[0].partition(". ")[0]
