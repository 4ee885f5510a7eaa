"""torchvision's classifiers, with the cure its import needs; the only module that imports torchvision."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import torch

from generator.core.errors import ModelError
from generator.core.read_once import digest_of
from generator.core.records import Input, Network
from generator.core.text import raw_streams
from generator.core.torchvision_import import torchvision

from . import imagenet_classes, weights
from .built import Built
from .specs import is_file_name, weights_file
from .state_dicts import State, fitted
from .vocabularies import given_classes

Member: TypeAlias = Any  # of torchvision.models.WeightsEnum; torchvision has no types


def build(network: Network, trust_pickle: bool = False) -> Built:
    """Return a classifier of torchvision with its weights; they bring the preprocessing and the class names.

    Random weights and files of your own go with the first member of the weights enum, a file that is named like
    torchvision's with its member. Raises `ModelError`.
    """
    name = network.source.partition(":")[2]
    builder, members = _architecture(name)
    member, file = _weights(network, members)
    facts = member or next(iter(members))
    state = _own_names(weights.read(file, trust_pickle)) if file else None
    given = given_classes(network)
    model, state = _model(name, builder, facts, state, len(given))
    chosen = weights.fill(model, state, file) if state is not None else ""
    categories = tuple(facts.meta["categories"] or imagenet_classes.NAMES)
    outputs = _head(model)[1]
    usual = outputs == len(categories)
    accuracy, note = _measured(member, file) if member else (weights.accuracy(file) if file else {}, "")
    return Built(
        model=model,
        title=_title(members),
        input=_input(facts),
        classes=categories if usual else _names(given, outputs),
        vocabulary="imagenet" if usual else "",
        accuracy=accuracy,
        note="; ".join(filter(None, [note, chosen])),
    )


def _names(given: tuple[str, ...], outputs: int) -> tuple[str, ...]:
    return given if len(given) == outputs else tuple(f"class {index}" for index in range(outputs))


def _architecture(name: str) -> tuple[Callable[..., torch.nn.Module], Any]:
    """Return the builder and the weights enum of a network that classifies single pictures."""
    if name not in torchvision.models.list_models():
        raise ModelError(f"torchvision has no model {name!r}")
    builder = torchvision.models.get_model_builder(name)
    members = torchvision.models.get_model_weights(builder)
    first = next(iter(members))
    if not isinstance(first.transforms(), torchvision.transforms._presets.ImageClassification):
        raise ModelError(f"torchvision's {name} is no classifier of single pictures: expected alexnet, resnet18, ...")
    # Quantised weights have no gradients: a quantised name means its float network.
    return builder, type(first.meta["unquantized"]) if "unquantized" in first.meta else members


def _weights(network: Network, members: Any) -> tuple[Member | None, Path | None]:
    """Return the member of the weights enum (None for weights of your own) and the file (None for random weights)."""
    if network.weights == "random":
        return None, None
    if is_file_name(network.weights):
        file = weights_file(network)
        return next((member for member in members if _file_name(member) == file.name), None), file
    wanted = network.weights.removeprefix(f"{members.__name__}.") or "DEFAULT"
    if wanted not in members.__members__:
        expected = ", ".join([*members.__members__, "random"])
        raise ModelError(f"{network.name}: weights {wanted!r}: expected {expected} or a file (.safetensors, .pth, ...)")
    return members[wanted], _fetched(members[wanted], network.name)


def _fetched(member: Member, name: str) -> Path:
    """Return the member's file in torch's cache, downloaded if it is not there."""
    file = Path(torch.hub.get_dir(), "checkpoints", _file_name(member))
    if file.is_file():
        return file
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with raw_streams():
            torch.hub.download_url_to_file(member.url, str(file), _digest_start(file), progress=sys.stderr.isatty())
    except (OSError, RuntimeError) as error:
        raise ModelError(
            f"{name}: its weights are not here and could not be downloaded ({error}): "
            f"put {file.name} (from {member.url}) into {file.parent}, or name a file as weights"
        ) from error
    return file


def _model(
    name: str, builder: Callable[..., torch.nn.Module], facts: Member, state: State | None, classes: int
) -> tuple[torch.nn.Module, State | None]:
    """Return the module with random weights, made as torchvision makes it for the member, with the outputs asked
    for; and the tensors for it under its own names.
    """
    options: dict[str, Any] = {}
    plain = name.removeprefix("quantized_")
    if plain in ("googlenet", "inception_v3"):  # auxiliary heads serve training alone
        options = {"aux_logits": False, "transform_input": True, "init_weights": state is None}
    elif plain.startswith("vgg"):
        options = {"init_weights": state is None}
    elif plain.startswith("vit_"):
        options = {"image_size": facts.meta["min_size"][0]}
    model = builder(weights=None, **options)
    head, outputs = _head(model)
    state = fitted(state, model.state_dict().keys()) if state is not None else None
    wanted = state[head].shape[0] if state and head in state else classes or outputs
    return model if wanted == outputs else builder(weights=None, num_classes=wanted, **options), state


def _head(model: torch.nn.Module) -> tuple[str, int]:
    """Return the name of the last tensor and the number of outputs, which is its length in every classifier of
    torchvision.
    """
    name, tensor = list(model.state_dict().items())[-1]
    return name, tensor.shape[0]


def _own_names(state: State) -> State:
    """Return the tensors under today's names (densenet's `norm.1` is `norm1`), without the auxiliary heads."""
    old = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.([12])\.")
    auxiliary = re.compile(r"(?:^|\.)(?:aux1|aux2|AuxLogits)\.")
    named = {old.sub(r"\1\2.", name): tensor for name, tensor in state.items() if not auxiliary.search(name)}
    return State(named, state.note)


def _input(facts: Member) -> Input:
    preset = facts.transforms()
    return Input(
        size=(3, preset.crop_size[0], preset.crop_size[0]),
        mean=tuple(preset.mean),
        std=tuple(preset.std),
        resize=preset.resize_size[0],
        interpolation=preset.interpolation.value,
    )


def _measured(member: Member, file: Path) -> tuple[dict[str, Any], str]:
    """Return the accuracy that torchvision states for the member, if the file is the one it speaks of, else a note."""
    if not digest_of(file).startswith(_digest_start(file)):
        return {}, f"{file.name} is not torchvision's file of that name: its digest is another"
    percent = member.meta.get("_metrics", {}).get("ImageNet-1K", {})
    stated = {"top1": "acc@1", "top5": "acc@5"}
    accuracy = {key: round(percent[source] / 100, 5) for key, source in stated.items() if source in percent}
    return {**accuracy, "data": "ImageNet-1K, as stated by torchvision"} if accuracy else {}, ""


def _file_name(member: Member) -> str:
    return member.url.rpartition("/")[2]


def _digest_start(file: Path) -> str:
    """Return the first digits of the file's SHA-256, which torchvision puts at the end of its name."""
    return re.split(r"[-_]", file.stem)[-1]


def _title(members: Any) -> str:
    """`SqueezeNet1.0` of `SqueezeNet1_0_Weights`."""
    name = members.__name__.removesuffix("_Weights")
    return re.sub(r"(?<!\d)(\d)_(\d)", r"\1.\2", name).replace("_", " ")
