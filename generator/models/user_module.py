"""Your own network, or another package's: `package.module:function`, found in the gallery's folder or installed."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from generator.core import torchvision_cure
from generator.core.code_digest import imports
from generator.core.errors import ModelError
from generator.core.records import Input, Network

from . import derive, source_files, weights
from .built import Built
from .compiled import watchable
from .constants import add_constants
from .specs import weights_file
from .text_head import embedding_of, tensors_of, text_classes, with_text
from .vocabularies import given_classes


def build(network: Network, trust_pickle: bool = False) -> Built:
    """Return what the function returns, with the weights file laid in where one is named; raises `ModelError`.

    That is a module, of which the settings say what it wants to see, or a `Built` that says so itself.
    """
    torchvision_cure.install()  # before the module, which may import torchvision
    file = weights_file(network)
    module = _module(network)
    made = _made(network, module)
    size, classes = network.input or made.input, network.classes or made.classes or given_classes(network)
    classes = classes or text_classes(network)
    if size is None:
        raise ModelError(f"{network.name}: a network of your own needs `input`: its size, mean and std")
    model, note = watchable(made.model)
    model = model.eval().float()
    constants = add_constants(model, network)
    outputs = output_width(model, size, network)
    declared = network.output or network.output_key  # then a name may stand for two sides, or for a member
    if classes and not declared and not network.text and outputs not in (None, 1, len(classes)):
        whose = "" if network.classes or made.classes else f" of the vocabulary {network.vocabulary}"
        raise ModelError(f"{network.name}: {len(classes)} classes{whose} for a network with {outputs} outputs")
    saved = weights.read(file, trust_pickle) if file else None
    if network.weights == "random":
        model = derive.derive(model, (("randomise", -1),), network.seed)
    elif file and saved is not None:
        note = "; ".join(
            filter(None, [note, weights.fill(model, tensors_of(saved, model) if network.text else saved, file)])
        )
    if network.text:
        model = with_text(model, network, classes, outputs or 0, saved or {}).eval()
    return made._replace(
        model=model,
        input=size,
        classes=classes,
        accuracy=weights.accuracy(file) if file else made.accuracy,
        note="; ".join(filter(None, [made.note, note])),
        code=_code(network, module, constants),
    )


def _module(network: Network) -> ModuleType:
    name = network.source.partition(":")[0]
    folder = str(Path(network.folder or ".").absolute())
    if folder not in sys.path:
        sys.path.append(folder)  # at the end: a file of yours never hides a library
    source_files.forget_changed()
    for place in _places(name, folder):
        source_files.own(place)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise ModelError(f"{network.source}: {name} needs {error.name}, which is not installed") from error
        raise ModelError(f"{network.source}: no module {name} in {folder} or installed") from error
    except Exception as error:  # the user's code may raise anything
        raise ModelError(f"{network.source}: importing {name} failed: {_message(error)}") from error


def _places(name: str, folder: str) -> Iterator[Path]:
    """Yield the gallery's folder, and that of the installed package which a module belongs to."""
    yield Path(folder)
    try:
        spec = importlib.util.find_spec(name.partition(".")[0])
    except (ImportError, ValueError):  # of a module that someone made by hand
        return
    yield from map(Path, (spec.submodule_search_locations or ()) if spec else ())


def _made(network: Network, module: ModuleType) -> Built:
    """Return what the function returns; of a bare module nothing else is known."""
    function = getattr(module, network.source.partition(":")[2], None)
    if not callable(function):
        there = f"{module.__name__} ({module.__file__ or 'a namespace'}) has no such function"
        raise ModelError(f"{network.source}: {there}")
    try:
        model = function()
    except Exception as error:  # the user's code may raise anything
        raise ModelError(f"{network.source}: calling it without arguments failed: {_message(error)}") from error
    built = model if isinstance(model, Built) else Built(model, network.source.partition(":")[2], None, ())
    if not isinstance(built.model, nn.Module):
        returned = type(built.model).__name__
        raise ModelError(f"{network.source}: expected it to return a torch.nn.Module, got {returned}")
    return built


def _code(network: Network, module: ModuleType, constants: str) -> str:
    """Return SHA-256 of the function's name and constants, and of its module's files and what they import from beside.

    Two functions of a module may share all weights; and what a forward does may stand in a file that it imports.
    """
    total = hashlib.sha256(f"{network.source}{constants}".encode())
    top, *inner = module.__name__.split(".")
    files: set[Path] = set()
    queue = [Path(module.__file__)] if module.__file__ else []
    places = {"": Path(network.folder or ".")}
    if queue:  # the folder that holds the whole package
        places[top] = queue[0].resolve().parents[len(inner) + (queue[0].name == "__init__.py")]
    while queue:
        file = queue.pop().resolve()
        if file not in files:
            files.add(file)
            queue += _beside(file, places)
    for digest in sorted(map(source_files.digest, files)):
        total.update(digest.encode())
    return total.hexdigest()


def _beside(file: Path, places: dict[str, Path]) -> Iterator[Path]:
    """Yield the files that a Python file imports from its own package, or from `places`: where what begins so is
    found.
    """
    try:
        statements = list(imports(source_files.content(file)))
    except (OSError, SyntaxError, ValueError):  # a compiled module
        return
    for level, module, members in statements:
        within = file.parents[level - 1] if level else None
        for name in [module, *(f"{module}.{member}" for member in members)]:
            parts = [part for part in name.split(".") if part]
            here = {within} if within else {places[""], places.get(parts[0], places[""])} if parts else set()
            for place in here:
                bases = (place.joinpath(*parts[:count]) for count in range(1, len(parts) + 1))
                files = (path for base in bases for path in (base.with_suffix(".py"), base / "__init__.py"))
                yield from (path for path in files if path.is_file())


def output_width(model: nn.Module, size: Input, network: Network) -> int | None:
    """Return how many classes come out for one picture; None where the output is not a table of logits.

    Of an image tower it is the width of the embedding.
    """
    try:
        with torch.no_grad():
            output: Any = model(torch.zeros(1, *size.size))
    except Exception as error:  # the user's code may raise anything
        raise ModelError(f"{network.name}: it does not take an input of size {size.size}: {_message(error)}") from error
    if network.text:
        try:
            return embedding_of(output).shape[1]
        except TypeError as error:
            raise ModelError(f"{network.name}: text: {error}") from error
    return output.shape[1] if isinstance(output, torch.Tensor) and output.ndim == 2 else None


def _message(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
