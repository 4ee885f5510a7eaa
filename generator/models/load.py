"""Networks by name: `load` builds one, with its weights, preprocessing and class names."""

from __future__ import annotations

import hashlib
import importlib
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from generator.core.errors import ModelError
from generator.core.read_once import ledger
from generator.core.records import Input, Network

from .specs import MODELS, changes, in_words, network_slug, parent, plain, weights_file

if TYPE_CHECKING:  # only `load` imports torch: the parent process plans without it
    import torch


@dataclass
class Loaded:
    """A network ready to be watched: eval mode, float32, parameters frozen, on its device."""

    model: torch.nn.Module
    network: Network  # as asked for
    slug: str
    title: str
    input: Input
    classes: tuple[str, ...]
    vocabulary: str
    digest: str  # SHA-256 over names, dtypes, shapes and bytes of the weights
    code: str = ""  # SHA-256 of the file that defines a `module:function`, whose forward may change; else ""
    accuracy: dict[str, Any] = field(default_factory=dict)  # {"top1", "images", "data"}; empty where it is not known
    note: str = ""  # what a reader should know of the weights: "weights hold NaN: fc.weight"
    derived_from: str = ""  # slug of the network it was made from
    pruning: dict[str, Any] = field(default_factory=dict)  # what pruning does to it, where that was measured
    ranking: dict[str, Any] = field(default_factory=dict)  # which methods deserve belief, where that was measured
    statistics: dict[str, Any] = field(default_factory=dict)  # channels and answers over a data set, where measured
    files: dict[str, str] = field(default_factory=dict)  # the ledger of all files read for it: path -> SHA-256
    readout: Any = None  # by `readout.readout_of`
    spaces: dict[tuple[int, ...], Any] = field(default_factory=dict, repr=False, compare=False)  # by `space.space_of`
    attending: dict[tuple[int, ...], Any] = field(default_factory=dict, repr=False, compare=False)  # `places_of`

    @property
    def key(self) -> str:
        """What keys hold of the network: the digest of its weights, with that of its code where the code is its own."""
        return self.digest if not self.code else hashlib.sha256((self.digest + self.code).encode()).hexdigest()

    @property
    def device(self) -> torch.device:
        """Where its tensors are; of a network without any, the CPU."""
        import torch

        tensors = chain(self.model.parameters(), self.model.buffers())
        return next((tensor.device for tensor in tensors), torch.device("cpu"))


def load(network: Network, device: str | torch.device = "cpu", trust_pickle: bool = False) -> Loaded:
    """Return the network, built, filled, derived and frozen; the global random state is as before.

    `trust_pickle` allows weight files that run code when opened. Raises `ModelError`.
    """
    with ledger() as files:
        return replace(_load(network, device, trust_pickle), files=files)


def _in_float32(device: str | torch.device) -> None:
    """Have a GPU multiply in float32: TF32, its default in convolutions, keeps 10 of 23 bits, which gradients show."""
    import torch

    if torch.device(device).type == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False


def _load(network: Network, device: str | torch.device, trust_pickle: bool) -> Loaded:
    from . import derive, weights
    from .compiled import freeze

    requested, network = network, plain(network)
    if network.constants and network.source.partition(":")[0] in ("bundled", "torchvision"):
        raise ModelError(f"{network.name}: constants: the networks of {network.source} take pictures alone")
    if network.text and network.source.partition(":")[0] in ("bundled", "torchvision"):
        raise ModelError(f"{network.name}: text: the networks of {network.source} have classes of their own")
    with derive.seeded(network.seed):
        built = _source(network.source).build(network, trust_pickle)
    model = built.model.eval().float()
    if network.derive:
        model = derive.derive(model, network.derive, network.seed)
    freeze(model)
    input = network.input or built.input
    done, file = changes(network), weights_file(network)
    measured = weights.pruning(file) if file else {}
    _in_float32(device)
    return Loaded(
        model=model.to(device),
        network=requested,
        slug=network_slug(network),
        title=", ".join([network.title or built.title, *map(in_words, done)]),
        input=replace(input, fit="native") if network.native else input,
        classes=network.classes or built.classes,
        vocabulary=network.vocabulary or built.vocabulary,
        digest=weights.digest(model),
        code=built.code,
        accuracy=_accuracy_of(done, measured) if done else built.accuracy,
        note="; ".join(filter(None, [built.note, weights.not_finite(model)])),
        derived_from=network_slug(parent(network)) if done else "",
        pruning={} if done else measured,
        ranking=weights.ranking(file) if file and not done else {},
        statistics=weights.statistics(file) if file and not done else {},
    )


def _accuracy_of(done: tuple[tuple[str, float], ...], measured: dict[str, Any]) -> dict[str, Any]:
    """Return the accuracy of a pruned copy, where it was measured over all of the data."""
    for point in measured.get("whole", []):
        if done == ((f"prune-{point['scope']}", point["sparsity"]),):
            return {"top1": point["top1"], "images": point["images"], "data": measured["data"]}
    return {}


def _source(source: str) -> Any:
    """Return the module whose `build` makes networks of this source; imported late, as torch and torchvision take
    seconds.
    """
    kind, _, name = source.partition(":")
    if kind == "torchvision":
        return importlib.import_module("generator.models.torchvision_zoo")
    if kind != "bundled":
        return importlib.import_module("generator.models.user_module")
    if name not in MODELS:
        raise ModelError(f"no network is bundled as {name!r}: expected {', '.join(MODELS)}")
    return importlib.import_module(MODELS[name])
