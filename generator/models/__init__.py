"""Networks by name: `load` builds one, with its weights, preprocessing and class names.

Naming and finding need no torch, so that the parent process can plan; only `load` imports it.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from generator.types import Input, ModelError, Network, slug

if TYPE_CHECKING:
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
    code: str = ""  # SHA-256 of the file that defines a `module:function`; "" for networks of a library or of ours
    accuracy: dict[str, Any] = field(default_factory=dict)  # {"top1", "images", "data"}; empty where it is not known
    note: str = ""  # what a reader should know of the weights: "weights hold NaN: fc.weight"
    derived_from: str = ""  # slug of the network it was made from


class Built(NamedTuple):
    """What a source makes of a Network: the module with its weights in, and what it knows about them."""

    model: torch.nn.Module
    title: str
    input: Input
    classes: tuple[str, ...]
    vocabulary: str
    accuracy: dict[str, Any]
    note: str = ""
    code: str = ""


def load(network: Network, device: str | torch.device = "cpu", trust_pickle: bool = False) -> Loaded:
    """The network, built, filled, derived and frozen; the global random state is as before.

    `trust_pickle` allows weight files that run code when opened. Raises `ModelError`.
    """
    from generator.models import derived, weights

    asked, network = network, _plain(network)
    with derived.seeded(network.seed):
        built = _builder(network.source)(network, trust_pickle)
    model = built.model.eval().float()
    if network.derive:
        model = derived.derive(model, network.derive, network.seed)
    model.requires_grad_(False)
    changes = _changes(network)
    return Loaded(
        model=model.to(device),
        network=asked,
        slug=network_slug(network),
        title=", ".join([network.title or built.title, *map(_words, changes)]),
        input=network.input or built.input,
        classes=network.classes or built.classes,
        vocabulary=network.vocabulary or built.vocabulary,
        digest=weights.digest(model),
        code=built.code,
        accuracy={} if changes else built.accuracy,
        note="; ".join(filter(None, [built.note, weights.not_finite(model)])),
        derived_from=network_slug(_parent(network)) if changes else "",
    )


def _builder(source: str) -> Callable[[Network, bool], Built]:
    kind, _, name = source.partition(":")
    if kind == "torchvision":
        from generator.models import vision  # takes a second

        return vision.build
    if kind != "bundled":
        from generator.models import own

        return own.build
    if name not in MODELS:
        raise ModelError(f"no network is bundled as {name!r}: expected {', '.join(MODELS)}")
    return MODELS[name]


def _vgg_cifar10(network: Network, trust_pickle: bool) -> Built:
    from generator.models import vgg_cifar10, weights

    model = vgg_cifar10.vgg_cifar10()
    file = weights_file(network)
    if file:
        weights.fill(model, weights.read(file, trust_pickle), file)
    size = Input(size=(3, 32, 32), mean=vgg_cifar10.MEAN, std=vgg_cifar10.STD, resize=32)
    accuracy = weights.accuracy(file) if file else {}
    return Built(model, "VGG-like, CIFAR-10", size, vgg_cifar10.CLASSES, "cifar10", accuracy)


MODELS: dict[str, Callable[[Network, bool], Built]] = {"vgg-cifar10": _vgg_cifar10}
WEIGHTS = Path(__file__).parent.parent / "weights"  # of the bundled networks


# --- names ------------------------------------------------------------------------------------------


def resolve(name: str) -> Network:
    """The Network that a name stands for; raises `ModelError` with the nearest known name.

    >>> resolve("vgg-cifar10").source, resolve("alexnet~random").weights, resolve("vgg19~pruned-90").derive
    ('bundled:vgg-cifar10', 'random', (('prune-global', 0.9),))
    """
    base, *changes = name.split("~")
    if base in MODELS:
        network = Network(name, f"bundled:{base}")
    elif base in _torchvision_names():
        network = Network(name, f"torchvision:{base}")
    elif re.fullmatch(r"[^\W\d][\w.]*:[^\W\d]\w*", base):
        network = Network(name, base)
    else:
        raise ModelError(f"no network is called {base!r}: expected {_nearest(base)}, or your own as module:function")
    steps = tuple(_step(name, change) for change in changes)
    return _plain(replace(network, derive=steps))


def known_names() -> list[str]:
    """All names that need no module of yours; torchvision itself is not imported."""
    return [*MODELS, *_torchvision_names()]


def network_slug(network: Network) -> str:
    """The permalink of a network: its name, and what was done to it: `vgg-cifar10~pruned-50`."""
    network = _plain(network)
    suffix = _suffix(network)
    return slug(network.name if network.name.endswith(suffix) else network.name + suffix)


def weights_file(network: Network) -> Path | None:
    """The file a Network reads its weights from, as far as that can be known without torchvision."""
    network = _plain(network)
    if is_file_name(network.weights):
        return Path(network.folder, Path(network.weights).expanduser())
    if network.source.startswith("bundled:"):
        if network.weights not in ("", "random"):
            raise ModelError(f"{network.name}: weights {network.weights!r}: expected a file or 'random'")
        return None if network.weights == "random" else WEIGHTS / f"{network.source.partition(':')[2]}.safetensors"
    return None


def is_file_name(weights: str) -> bool:
    """Whether `weights` names a file, rather than a member of a weights enum."""
    return "/" in weights or "\\" in weights or Path(weights).suffix in (".safetensors", ".pt", ".pth")


def file_digest(path: str | Path) -> str:
    """SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@cache
def _torchvision_names() -> tuple[str, ...]:
    """The names registered in the installed torchvision, read from its source: importing it takes a second."""
    package = importlib.util.find_spec("torchvision")
    if package is None or not package.submodule_search_locations:
        return ()
    registered = re.compile(r'^@register_model\((?:name="(\w+)")?\)\n(?:.*\n)*?def (\w+)\(', re.MULTILINE)
    folder = Path(package.submodule_search_locations[0], "models")
    sources = [path.read_text("utf-8") for path in folder.rglob("*.py")]
    return tuple(sorted(name or function for text in sources for name, function in registered.findall(text)))


def _nearest(name: str) -> str:
    near = difflib.get_close_matches(name.lower(), known_names(), n=3)
    return " or ".join(near) or f"{', '.join(MODELS)} or a torchvision model"


# --- what can be done to a network, and how it is called ----------------------------------------------

_SPELLING = re.compile(r"(?P<all>random)|random-top-(?P<top>\d+)|pruned-(?P<layer>layer-)?(?P<percent>\d+(?:\.\d+)?)")


def _step(name: str, change: str) -> tuple[str, float]:
    """The step of `Network.derive` that a suffix like `pruned-50` stands for."""
    match = _SPELLING.fullmatch(change)
    if not match:
        expected = "random, random-top-3, pruned-50 or pruned-layer-50"
        raise ModelError(f"{name}: nothing is called {change!r}: expected {expected}")
    if match["all"]:
        return ("randomise", -1)
    if match["top"]:
        return ("randomise", int(match["top"]))
    return ("prune-layer" if match["layer"] else "prune-global", float(match["percent"]) / 100)


def _plain(network: Network) -> Network:
    """The same network, spelled one way: with all layers re-drawn it needs no weights to start from."""
    if ("randomise", -1) not in network.derive:
        return network
    later = network.derive[network.derive.index(("randomise", -1)) + 1 :]
    return _plain(replace(network, weights="random", derive=later))


def _changes(network: Network) -> list[tuple[str, float]]:
    return [("randomise", -1)] * (network.weights == "random") + list(network.derive)


def _parent(network: Network) -> Network:
    """The network without the last of its changes."""
    name = network.name.removesuffix("~" + _spelled(_changes(network)[-1]))
    if network.derive:
        return replace(network, name=name, derive=network.derive[:-1])
    return replace(network, name=name, weights="")


def _suffix(network: Network) -> str:
    return "".join("~" + _spelled(step) for step in _changes(network))


def _spelled(step: tuple[str, float]) -> str:
    kind, amount = step
    if kind == "randomise":
        return "random" if amount == -1 else f"random-top-{amount:g}"
    return f"pruned-{'layer-' * (kind == 'prune-layer')}{100 * amount:g}"


def _words(step: tuple[str, float]) -> str:
    kind, amount = step
    if kind == "randomise":
        return "random weights" if amount == -1 else f"top {amount:g} layers random"
    share = "half" if amount == 0.5 else f"{100 * amount:g} % of"
    return f"{share} {'each layer’s' if kind == 'prune-layer' else 'its'} weights pruned"
