"""Image towers of CLIP's kind: given text vectors are the head, and scores are cosine similarities times a scale."""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import nn

from generator.core.errors import ModelError
from generator.core.read_once import read_bytes
from generator.core.records import Network

from .state_dicts import State, fitted

LOGIT_SCALE = 100.0  # at which CLIP's training ended (Radford et al. 2021, arXiv:2103.00020)
LEARNT = "logit_scale"  # the name of its logarithm in a checkpoint of both towers
EMBEDDING = "image_embeds"  # of several outputs, the one in the space of the text


class TextHead(nn.Module):
    """An image tower with text vectors as its head: scores (N, classes) = scale · cos(embedding, text vector)."""

    text: torch.Tensor
    scale: torch.Tensor

    def __init__(self, tower: nn.Module, text: torch.Tensor, scale: float) -> None:
        super().__init__()
        self.tower = tower
        self.register_buffer("text", text / text.norm(dim=-1, keepdim=True))
        self.register_buffer("scale", torch.tensor(scale))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the scores (N, classes) of pictures (N, C, H, W)."""
        embedding = embedding_of(self.tower(x))
        return nn.functional.linear(nn.functional.normalize(embedding, dim=-1), self.text * self.scale)


def embedding_of(output: Any) -> torch.Tensor:
    """Return the embedding (N, D) in what a tower returned: itself, its `image_embeds`, or the first that has this
    shape.

    Raises `TypeError` where there is none.
    """
    members = output if isinstance(output, dict) else getattr(output, "__dict__", {})
    parts = output if isinstance(output, tuple | list) else members.values()
    for part in (output, members.get(EMBEDDING), *parts):
        if isinstance(part, torch.Tensor) and part.ndim == 2:
            return part
    raise TypeError(f"expected an embedding (N, D), got {getattr(output, 'shape', type(output).__name__)}")


def text_classes(network: Network) -> tuple[str, ...]:
    """Return the names of the vectors in the file that a network has as its head; () where it is a table without names.

    Raises `ModelError` where the file is none.
    """
    return _vectors(network)[0] if network.text else ()


def with_text(
    tower: nn.Module, network: Network, classes: Sequence[str], width: int, saved: Mapping[str, Any]
) -> TextHead:
    """Return a tower whose embedding has `width` values with the text vectors that the network names as its head.

    `saved` are the tensors of its checkpoint by name, where the scale may stand. Raises `ModelError` unless there is
    a vector of that width for each of the `classes`, by its name where vectors have names; without classes there is
    one for each vector.
    """
    place = _place(network)
    names, text = _vectors(network)
    if names and classes:
        missing = [name for name in classes if name not in names]
        if missing:
            there = f"{', '.join(names[:5])}{', ...' if len(names) > 5 else ''}"
            raise ModelError(f"{place}: no vector is called {missing[0]!r}; there are {there}")
        text = text[[names.index(name) for name in classes]]
    count, own = text.shape
    if classes and count != len(classes):
        raise ModelError(
            f"{place}: expected a vector for each of {len(classes)} class names, there are {count} vectors"
        )
    if own != width:
        raise ModelError(f"{place}: expected vectors of {width} values, as the embedding has, they have {own}")
    bad = (~torch.isfinite(text).all(1) | (text.norm(dim=1) == 0)).nonzero().flatten().tolist()
    if bad:
        raise ModelError(f"{place}: expected finite vectors other than zero, vector {bad[0] + 1} is none")
    learnt = next((float(value) for name, value in saved.items() if name.rpartition(".")[2] == LEARNT), None)
    scale = network.text_scale or (math.exp(learnt) if learnt is not None else LOGIT_SCALE)
    return TextHead(tower, text, scale)


def tensors_of(saved: Mapping[str, torch.Tensor], tower: nn.Module) -> State:
    """Return of a checkpoint of both towers what is this one's, with a note of what was left out."""
    own = tower.state_dict().keys()
    state = fitted(saved, own)
    kept = {name: tensor for name, tensor in state.items() if name in own}
    left = f"{len(state) - len(kept)} tensors beside the tower left out" if len(kept) < len(state) else ""
    return State(kept, ", ".join(filter(None, [state.note, left])))


def _place(network: Network) -> str:
    return f"{network.name}: text: {Path(network.text).name if Path(network.text).is_absolute() else network.text}"


def _vectors(network: Network) -> tuple[tuple[str, ...], torch.Tensor]:
    """Return the names of the vectors in a network's file, () where they have none, and the vectors (classes, D)."""
    place = _place(network)
    saved = _saved(Path(network.folder, network.text), place)
    tensors = saved if isinstance(saved, dict) else {"": saved}
    tensors = {name: tensor for name, tensor in tensors.items() if isinstance(tensor, torch.Tensor)}
    tables = [tensor for tensor in tensors.values() if tensor.ndim == 2]
    if len(tables) == 1 and tables[0].is_floating_point():
        return (), tables[0].detach().float()
    lengths = {tuple(tensor.shape) for tensor in tensors.values()}
    if not tensors or tables or len(lengths) > 1 or any(len(shape) != 1 for shape in lengths) or "" in tensors:
        expected = "expected one table of vectors (classes, D) of floats, or a vector (D,) for each name"
        raise ModelError(f"{place}: {expected}, there are {len(tables)} tables and {len(tensors)} tensors")
    if not all(tensor.is_floating_point() for tensor in tensors.values()):
        raise ModelError(f"{place}: expected vectors of floats")
    return tuple(map(str, tensors)), torch.stack([tensor.detach().float() for tensor in tensors.values()])


def _saved(file: Path, place: str) -> Any:
    """Return what a file of vectors holds: a tensor, or tensors by name in their order."""
    try:
        content = read_bytes(file)
        if file.suffix == ".npy":
            return torch.from_numpy(np.load(io.BytesIO(content), allow_pickle=False).astype(np.float32))
        if file.suffix == ".npz":
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                return {name: torch.from_numpy(arrays[name].astype(np.float32)) for name in arrays.files}
        if file.suffix == ".safetensors":
            return dict(sorted(load(content).items()))  # the file keeps no order
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except OSError as error:
        raise ModelError(f"{place}: cannot be read: {error.strerror or error}") from error
    except (ValueError, EOFError, SafetensorError, zipfile.BadZipFile, zlib.error) as error:
        raise ModelError(f"{place}: expected an array of numbers: {str(error).splitlines()[0]}") from error
    except Exception as error:  # what is in a pickle may raise anything
        raise ModelError(f"{place}: expected tensors alone, saved by torch: {type(error).__name__}") from error
