"""Names of networks: what they stand for, how a changed network is called, which file holds its weights."""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
import re
from dataclasses import replace
from functools import cache
from pathlib import Path

from generator.core import plugins
from generator.core.errors import ModelError
from generator.core.naming import slug
from generator.core.records import Network

# Bundled networks, each with the module whose `build` makes it. Nothing here imports torch.
MODELS = {
    "vgg-cifar10": "generator.models.bundled.vgg_cifar10",
    "imagenette": "generator.models.bundled.imagenette",
    "efficientnet-lite0": "generator.models.bundled.efficientnet_lite0",
    "zfnet": "generator.models.bundled.zfnet",  # its weights are a file of the user's
}
WEIGHTS = Path(__file__).parent / "bundled" / "weights"  # theirs
# What may lie beside a weights file and tell of it.
CARD, PRUNING, RANKING, STATISTICS = ".json", ".pruning.json", ".ranking.json", ".statistics.json"
FILES = (".safetensors", ".pt", ".pth", ".ckpt", ".pt2", ".bin", ".pth.tar")  # of weights and checkpoints
BECOMING = ".becoming.safetensors"  # the kernels of its first layer, epoch by epoch


def resolve(name: str) -> Network:
    """Return the Network that a name stands for; raises `ModelError` with the nearest known names.

    >>> resolve("vgg-cifar10").source, resolve("alexnet~random").weights, resolve("vgg19~pruned-90").derive
    ('bundled:vgg-cifar10', 'random', (('prune-global', 0.9),))
    """
    base, *suffixes = name.split("~")
    if base in MODELS:
        network = Network(name, f"bundled:{base}")
    elif base in _torchvision_names():
        network = Network(name, f"torchvision:{base}")
    elif base in plugins.models():
        network = Network(name, plugins.models()[base])
    elif re.fullmatch(r"[^\W\d][\w.]*:[^\W\d]\w*", base):
        network = Network(name, base)
    else:
        near = difflib.get_close_matches(base.lower(), known_names())
        expected = " or ".join(near) or f"{', '.join(MODELS)}, a torchvision model"
        raise ModelError(f"no network is called {base!r}: expected {expected}, or your own as module:function")
    return plain(replace(network, derive=tuple(_step(suffix, name) for suffix in suffixes)))


def bundled_modules(source: str) -> tuple[str, ...]:
    """Return the module that builds a bundled network; () for other sources, whose code others answer for."""
    kind, _, name = source.partition(":")
    return (MODELS[name],) if kind == "bundled" and name in MODELS else ()


def known_names() -> list[str]:
    """Return the names of all networks that need no module of yours; torchvision itself is not imported."""
    return [*MODELS, *_torchvision_names(), *plugins.models()]


def network_slug(network: Network) -> str:
    """Return the permalink of a network: its name, then what was done to it as far as the name does not say.

    >>> network_slug(replace(resolve("alexnet~random"), derive=(("prune-global", 0.5),)))
    'alexnet~random~pruned-50'
    """
    name, suffixes = network.name, [f"~{_spelled(step)}" for step in changes(network)]
    covered = next(count for count in range(len(suffixes), -1, -1) if name.endswith("".join(suffixes[:count])))
    return slug(name + "".join(suffixes[covered:]))


def weights_file(network: Network) -> Path | None:
    """Return the file that the network's weights come from; None for random ones and for those torchvision finds
    itself.
    """
    weights = plain(network).weights
    if is_file_name(weights):
        try:
            return Path(network.folder, Path(weights).expanduser())
        except RuntimeError as error:
            raise ModelError(f"{network.name}: weights {weights!r}: there is no such home folder") from error
    kind, _, name = network.source.partition(":")
    if kind == "torchvision" or weights == "random":
        return None
    if weights:
        raise ModelError(f"{network.name}: weights {weights!r}: expected random or a file ({', '.join(FILES)})")
    return WEIGHTS / f"{name}.safetensors" if kind == "bundled" else None


def weights_files(network: Network) -> list[Path]:
    """Return the weights file and those that may lie beside it and tell of it, whether there or not; empty without
    one.
    """
    file = weights_file(network)
    suffixes = (CARD, PRUNING, RANKING, STATISTICS, BECOMING)
    beside = [file, *map(file.with_suffix, suffixes)] if file else []
    return [*beside, *checkpoint_files(network)]


def checkpoint_files(network: Network) -> list[Path]:
    """Return the checkpoints of its training, in their order; none of a network that was changed since, or without a
    folder.

    Raises `ModelError` where the folder is not there or holds fewer than two of them.
    """
    if not network.checkpoints or changes(network):
        return []
    folder = Path(network.folder, network.checkpoints)
    if not folder.is_dir():
        raise ModelError(f"{network.name}: checkpoints: expected a folder of training checkpoints, {folder} is none")
    files = [file for file in folder.iterdir() if is_file_name(file.name) and re.search(r"\d", file.stem)]
    if len(files) < 2:
        message = f"expected files such as epoch-01.safetensors in {folder}, there are {len(files)}"
        raise ModelError(f"{network.name}: checkpoints: {message}")
    return sorted(files, key=lambda file: (epoch_of(file.stem), file.name))


def becoming_file(network: Network) -> Path | None:
    """Return what lies beside the weights file and holds the first layer's kernels epoch by epoch; None where nothing
    does.
    """
    file = None if changes(network) or network.checkpoints else weights_file(network)
    beside = file.with_suffix(BECOMING) if file else None
    return beside if beside and beside.is_file() else None


def epoch_of(name: str) -> int:
    """
    >>> epoch_of("epoch-07"), epoch_of("run2-epoch-12")
    (7, 12)
    """
    return int(re.findall(r"\d+", name)[-1])


def is_file_name(weights: str) -> bool:
    """Return whether `Network.weights` is a file, rather than a member of a weights enum."""
    return weights.endswith(FILES)


def known_code(network: Network) -> bool:
    """Return whether the network's code is ours or torchvision's: it changes nothing of its process, and not unseen.

    A module of one's own may do and import anything.
    """
    return network.source.partition(":")[0] in ("bundled", "torchvision")


def file_digest(path: str | Path) -> str:
    """Return SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@cache
def _torchvision_names() -> tuple[str, ...]:
    """Return the names registered in the installed torchvision, read from its source: importing it takes a second."""
    package = importlib.util.find_spec("torchvision")
    if package is None or not package.submodule_search_locations:
        return ()
    registered = re.compile(r'^@register_model\((?:name="(\w+)")?\)\n(?:.*\n)*?def (\w+)\(', re.MULTILINE)
    sources = Path(package.submodule_search_locations[0], "models").rglob("*.py")
    matches = [match for path in sources for match in registered.findall(path.read_text("utf-8"))]
    return tuple(sorted(name or function for name, function in matches))


# --- what can be done to a network, and how that is called --------------------------------------------

SUFFIX = re.compile(r"(?P<all>random)|random-top-(?P<top>\d+)|pruned-(?P<layer>layer-)?(?P<percent>\d+(?:\.\d+)?)")


def changes(network: Network) -> tuple[tuple[str, float], ...]:
    """Return what was done to the network, in the words of `Network.derive`; random weights are all its layers
    re-drawn.
    """
    network = plain(network)
    return ((("randomise", -1),) if network.weights == "random" else ()) + network.derive


def plain(network: Network) -> Network:
    """Return the same network, written in one way: with all layers re-drawn it needs no weights to start from."""
    if ("randomise", -1) not in network.derive:
        return network
    later = network.derive[network.derive.index(("randomise", -1)) + 1 :]
    return plain(replace(network, weights="random", derive=later))


def parent(network: Network) -> Network:
    """Return the network that this one was made from: without the last of its changes."""
    network = plain(network)
    name = network.name.removesuffix(f"~{_spelled(changes(network)[-1])}")
    return replace(network, name=name, **({"derive": network.derive[:-1]} if network.derive else {"weights": ""}))


def in_words(step: tuple[str, float]) -> str:
    """
    >>> in_words(("prune-global", 0.5)), in_words(("prune-layer", 0.9)), in_words(("randomise", -1))
    ('50 % pruned', '90 % of each layer pruned', 'random weights')
    """
    kind, amount = step
    if kind == "randomise":
        return "random weights" if amount == -1 else f"top {amount:g} layers random"
    return f"{100 * amount:g} % {'of each layer ' if kind == 'prune-layer' else ''}pruned"


def _spelled(step: tuple[str, float]) -> str:
    """Return the suffix of a step."""
    kind, amount = step
    if kind == "randomise":
        return "random" if amount == -1 else f"random-top-{amount:g}"
    return f"pruned-{'layer-' if kind == 'prune-layer' else ''}{100 * amount:g}"


def _step(suffix: str, name: str) -> tuple[str, float]:
    """Return the step that a suffix stands for."""
    match = SUFFIX.fullmatch(suffix)
    if not match:
        raise ModelError(f"{name}: {suffix!r}: expected random, random-top-3, pruned-50 or pruned-layer-50")
    if match["percent"]:
        return ("prune-layer" if match["layer"] else "prune-global", float(match["percent"]) / 100)
    return ("randomise", -1 if match["all"] else int(match["top"]))
