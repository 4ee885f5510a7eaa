"""How much memory methods of many passes may take: on a GPU what its driver says is free, asked without torch."""

from __future__ import annotations

import os
import subprocess

USUAL = 2**30  # bytes, where no GPU tells
LEAST = 2**26
SHARE = 0.8  # of what is free; networks and the libraries' own room take some of the rest
ASK = ("nvidia-smi", "--query-gpu=memory.free", "--format=csv,noheader,nounits")


def room(device: str, workers: int) -> int:
    """Return bytes for each of `workers` on `device` (`cpu`, `cuda` or `cuda:n`)."""
    free = _free(device) if device.startswith("cuda") else None
    return USUAL if free is None else max(LEAST, int(free * SHARE / max(1, workers)))


def _free(device: str) -> int | None:
    """Return bytes that nobody uses on a card; None where its driver does not tell."""
    number = int(device.partition(":")[2] or 0)
    seen = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name]
    card = seen[number] if number < len(seen) else str(number)
    try:
        output = subprocess.run([*ASK, f"--id={card}"], capture_output=True, text=True, timeout=20, check=True).stdout
        return int(output) * 2**20
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
