"""Which tensors of a checkpoint are the network's: the entry that holds them, and the prefix of their names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import nn

# Under which names trainers keep a network's tensors, the first that is there before the others.
ENTRIES = ("state_dict", "model", "model_state_dict", "net", "ema", "model_ema")
WRAPPERS = ("_orig_mod", "module")  # torch.compile's and DataParallel's, wherever they stand in a name
AVERAGED = ("ema", "teacher", "momentum", "average")  # in the name of a copy, which is taken where nothing else fits
DEEPEST = 4  # entries within entries
COUNTER = "num_batches_tracked"  # says nothing in eval mode; older files lack it


class State(dict[str, torch.Tensor]):
    """Tensors by name, and what was chosen to come to them."""

    def __init__(self, tensors: Mapping[str, torch.Tensor], note: str = "") -> None:
        super().__init__(tensors)
        self.note = note


def find_state(content: Any) -> State | None:
    """Return the state dict in what was saved: itself, a module's, or that of an entry of a checkpoint, nested or not.

    None where it holds no tensors by name.
    """
    parts = _within(content)
    if parts is None:
        return None
    tensors, entries, others = parts
    note = f"entry {'.'.join(entries)} taken" if entries else ""
    return State(tensors, note + (f" ({', '.join(others)} is there too)" if others else ""))


def _within(content: Any, depth: int = 0) -> tuple[dict[str, torch.Tensor], list[str], list[str]] | None:
    """Return the tensors, the entries that lead to them, and the entries that hold other ones."""
    if isinstance(content, nn.Module):
        return dict(content.state_dict()), [], []
    if not isinstance(content, Mapping) or depth > DEEPEST:
        return None
    nested = {key: _within(content.get(key), depth + 1) for key in ENTRIES}
    inner = {key: value for key, value in nested.items() if value}
    tensors = {name: value for name, value in content.items() if isinstance(name, str) and torch.is_tensor(value)}
    if not inner and not tensors:
        unusual = {str(key): _within(value, depth + 1) for key, value in content.items() if "optim" not in str(key)}
        inner = {key: value for key, value in unusual.items() if value}
        inner = inner if len(inner) == 1 else {}
    if inner:
        key, *others = inner
        state, entries, further = inner[key]
        return state, [key, *entries], [*others, *further]
    return (tensors, [], []) if tensors else None


def fitted(state: Mapping[str, torch.Tensor], own: Collection[str]) -> State:
    """Return the tensors under the names that a network has for them, and a note of what that took.

    A prefix is taken off where all names carry it, or where all that the network needs lies below it; one is put
    before the names where only that makes them the network's. Otherwise they stay as they are.
    """
    note = getattr(state, "note", "")
    needed = {name for name in own if not name.endswith(COUNTER)}
    if needed <= state.keys():
        return State(state, note)
    wrappers = [part for part in WRAPPERS if not any(part in name.split(".") for name in own)]
    cleaned = {".".join(part for part in name.split(".") if part not in wrappers): name for name in state}
    if len(cleaned) < len(state):  # two names became one: the wrappers tell them apart
        wrappers, cleaned = [], {name: name for name in state}
    prefixes = Counter(_prefixes(cleaned, needed))
    complete = [prefix for prefix, count in prefixes.items() if count == len(needed)]
    whole = [prefix for prefix in prefixes if prefix and all(name.startswith(prefix) for name in cleaned)]
    chosen = sorted(complete or whole, key=lambda prefix: (prefix != "", any(part in prefix for part in AVERAGED)))
    if not chosen:
        return _prefixed(state, needed, note)
    prefix = chosen[0]
    kept = {name: cleaned[name] for name in cleaned if name.startswith(prefix)}
    gone = [part for part in wrappers if any(part in name.split(".") for name in kept.values())]
    if gone and not prefix:  # a count of steps lies beside what is wrapped
        kept = {name: saved for name, saved in kept.items() if name != saved or name in own}
    left = sorted(set(state) - set(kept.values()))
    words = [
        note,
        f"{' and '.join(f'{part}.' for part in gone)} taken out of the names" if gone else "",
        f"prefix {prefix} taken off" if prefix else "",
        f"{', '.join(chosen[1:])} would fit too" if chosen[1:] else "",
        f"{len(left)} other tensors left out ({_first(left)})" if left else "",
    ]
    tensors = {name.removeprefix(prefix): state[saved] for name, saved in kept.items()}
    return State(tensors, ", ".join(filter(None, words)))


def _prefixes(names: Collection[str], needed: Collection[str]) -> list[str]:
    """Return each beginning of a name that one of the needed names remains after, as often as it is there."""
    beginnings = []
    for name in names:
        parts = name.split(".")
        for cut in range(len(parts)):
            if ".".join(parts[cut:]) in needed:
                beginnings.append("".join(f"{part}." for part in parts[:cut]))
    return beginnings


def _prefixed(state: Mapping[str, torch.Tensor], needed: Collection[str], note: str) -> State:
    """Return the tensors with the prefix that all of the network's names have, where they then are the network's."""
    first = next(iter(needed), "").split(".")
    for cut in range(1, len(first)):
        prefix = "".join(f"{part}." for part in first[:cut])
        if all(name.startswith(prefix) and name.removeprefix(prefix) in state for name in needed):
            words = ", ".join(filter(None, [note, f"prefix {prefix} put before the names"]))
            return State({f"{prefix}{name}": tensor for name, tensor in state.items()}, words)
    return State(state, note)


def _first(names: Collection[str], count: int = 3) -> str:
    return ", ".join(list(names)[:count]) + (", ..." if len(names) > count else "")
