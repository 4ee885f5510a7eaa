"""Read the tensors of a `.pt2` archive, as `torch.export.save` writes it, without running what else is in it."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import torch

# torch's numbers of the types, in the archive's `*_weights_config.json`.
TYPES = {
    1: torch.uint8,
    2: torch.int8,
    3: torch.int16,
    4: torch.int32,
    5: torch.int64,
    6: torch.float16,
    7: torch.float32,
    8: torch.float64,
    12: torch.bool,
    13: torch.bfloat16,
}
CONFIG, OLDER = "_weights_config.json", "serialized_state_dict.pt"


def tensors_of(content: bytes, unpickled: Callable[[bytes], Any]) -> dict[str, torch.Tensor]:
    """Return the parameters and buffers of the archive's program by name; `unpickled` opens what torch has pickled.

    Raises `ValueError` for an archive of another kind, and what zip, JSON and torch raise over damaged ones.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
        if older := next((name for name in names if name.rpartition("/")[2] == OLDER), ""):
            return unpickled(archive.read(older))
        listing = next((name for name in names if "/data/weights/" in f"/{name}" and name.endswith(CONFIG)), "")
        if not listing:
            raise ValueError("it holds no weights of an exported program")
        folder = listing.rpartition("/")[0]
        entries = json.loads(archive.read(listing))["config"]
        return {
            name: _tensor(archive.read(f"{folder}/{entry['path_name']}"), entry, unpickled)
            for name, entry in entries.items()
        }


def _tensor(data: bytes, entry: dict[str, Any], unpickled: Callable[[bytes], Any]) -> torch.Tensor:
    if entry["use_pickle"]:
        return unpickled(data)
    meta = entry["tensor_meta"]
    if meta["dtype"] not in TYPES:
        raise ValueError(f"a tensor of torch's type number {meta['dtype']}")
    sizes, strides = ([side["as_int"] for side in meta[key]] for key in ("sizes", "strides"))
    if not data:
        return torch.empty(sizes, dtype=TYPES[meta["dtype"]])
    values = torch.frombuffer(bytearray(data), dtype=TYPES[meta["dtype"]])
    return values.as_strided(sizes, strides, meta["storage_offset"]["as_int"]).clone()
