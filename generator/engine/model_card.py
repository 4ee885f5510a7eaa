"""Describe a network: one traced forward pass becomes its model card."""

from __future__ import annotations

import math
from dataclasses import replace
from difflib import get_close_matches
from time import process_time

import torch

from generator.config.validation import nearest
from generator.core.errors import ModelError
from generator.core.records import Layer, ModelCard, Stage
from generator.models import checkpoints
from generator.models.load import Loaded

from .attention_layers import places_of
from .capture import Watch
from .oom_retry import out_of_memory
from .preserve import untouched
from .readout import Readout, readout_of
from .rectifiers import census
from .space import find_space
from .trace import Trace

ONE = "takes one picture at a time"


def describe(loaded: Loaded) -> ModelCard:
    """Return the model card of a loaded network, from a pass over a grey picture of its input size.

    Raises `ModelError` where the pass fails or does not end in one row of class scores.
    """
    space = find_space(loaded, loaded.input.size)
    trace = Trace(loaded.model, space)
    x = torch.zeros(1, *loaded.input.size, device=loaded.device)
    readout = readout_of(loaded)
    output = trace.run(x, loaded.slug, readout)
    classes = readout.names(loaded.classes)
    if len(classes) != output.shape[1]:
        given = f"{loaded.slug}: {len(loaded.classes)} class names"
        raise ModelError(f"{given}, but the network has {readout.width} outputs")
    layers = [replace(layer, shape=space.shape(layer.name), layout=space.layout(layer.name)) for layer in trace.layers]
    layers = with_heads(layers, loaded) if space.attends else layers
    trace.layers = layers
    while readout.squash and layers and layers[-1].type in ("Softmax", "LogSoftmax", "Sigmoid"):
        layers.pop()  # the scores before it are explained, and what it says stands in the answer
    spatial = readout.kind == "mask"
    default = trace.layer_before_classes(output, readout.width) if spatial else trace.default_layer(len(classes))
    name, kind, count = readout.answer
    layers.append(Layer(name, kind, kind, (count,), receptive_field=None))
    _known_layer(loaded, layers)
    stages = walk(layers)
    owner = {name: index for index, stage in enumerate(stages) for name in stage.layers}
    single = one_at_a_time(loaded.model, x, readout)
    return ModelCard(
        slug=loaded.slug,
        name=loaded.network.name,
        title=loaded.title,
        source=loaded.network.source,
        digest=loaded.key,
        input=loaded.input,
        vocabulary=loaded.vocabulary,
        classes=classes,
        parameters=sum(parameter.numel() for parameter in loaded.model.parameters()),
        nonzero=sum(int(parameter.count_nonzero()) for parameter in loaded.model.parameters()),
        macs=sum(layer.macs for layer in layers),
        layers=tuple(replace(layer, stage=owner[layer.name]) for layer in layers),
        stages=stages,
        default_layer=loaded.network.layer or default,
        rectifiers=count_rectifiers(loaded.model, x, readout),
        passes_seconds=pass_seconds(loaded.model, x),
        one_at_a_time=single,
        accuracy=loaded.accuracy,
        note="; ".join(filter(None, [loaded.note, ONE if single else "", unsteady(loaded.model, x, readout)])),
        derived_from=loaded.derived_from,
        pruning=loaded.pruning,
        **checkpoints.known(loaded),
        ranking=loaded.ranking,
        statistics=loaded.statistics,
        output={
            "kind": readout.kind,
            "threshold": loaded.network.threshold
            if readout.kind in ("binary", "labels") or spatial and readout.width == 1
            else None,
            "unit": loaded.network.unit if readout.kind == "value" else "",
            "squash": readout.squash,
            "key": readout.key,
        },
    )


def with_heads(layers: list[Layer], loaded: Loaded) -> list[Layer]:
    """Return the layers with the number of their attention heads."""
    heads = {places.layer: places.number for places in places_of(loaded, loaded.input.size) if places}
    return [replace(layer, heads=heads.get(layer.name, 0)) for layer in layers]


def walk(layers: list[Layer]) -> tuple[Stage, ...]:
    """Return the stages worth showing: what follows each convolution's ReLU, joins, pooling, vectors, the
    probabilities.

    A stage begins with a convolution, a linear layer, a pooling, a join or the softmax; norms and activations that
    follow belong to it, the last is its picture. A convolution that goes without an activation into a join
    or another convolution belongs to that one's stage.
    """
    parts: list[list[Layer]] = []
    for layer in layers:
        if not parts or _begins(layer, parts[-1][-1]):
            parts.append([])
        parts[-1].append(layer)
    stages, folded = [], []
    for part, after in zip(parts, [*parts[1:], None], strict=True):
        folded += part
        prepared = part is parts[0] and part[0].kind == "join"  # channels of the input put together anew
        if after is None or not (_folds(part, after) or prepared and after[0].kind == "conv"):
            stages.append(_stage(part, folded, last=after is None))
            folded = []
    return tuple(stages)


def _begins(layer: Layer, before: Layer) -> bool:
    idle = "adaptive" in layer.type.lower() and layer.shape == before.shape  # a pooling of each value with itself
    return layer.kind in ("conv", "linear", "pool", "join", "softmax", "other") and not idle


def _folds(part: list[Layer], after: list[Layer]) -> bool:
    """Return whether a part is shown with the one after it, as the logits are with their probabilities."""
    if after[0].kind == "softmax":
        return math.prod(part[-1].shape) == math.prod(after[0].shape)
    bare = part[0].kind == "conv" and all(layer.kind != "activation" for layer in part)
    return bare and after[0].kind in ("conv", "join")


def _stage(part: list[Layer], layers: list[Layer], last: bool) -> Stage:
    picture = next((layer for layer in reversed(part) if layer.kind != "identity"), part[-1])
    channels, space = picture.shape[0], math.prod(picture.shape[1:])
    first = part[0].kind
    if picture.kind == "softmax":
        title = f"{channels} classes" if last else f"softmax {channels}"
    elif space == 1 and first in ("pool", "join"):
        title = f"vector of {channels}"
    elif first == "pool":
        title = "pool"
    else:
        title = f"{_short(part[0].type) if first in ('join', 'other') else first} {channels}"
    return Stage(title, picture.name, tuple(layer.name for layer in layers))


def _short(kind: str) -> str:
    """Return a type in few letters where the field has a word for all of its sort.

    >>> _short("MultiheadAttention"), _short("WindowAttention"), _short("add")
    ('attention', 'attention', 'add')
    """
    return "attention" if kind.endswith("Attention") else kind


def pass_seconds(model: torch.nn.Module, x: torch.Tensor) -> float:
    """Return what one sample of a forward pass costs here, in seconds of one core, the least of three passes of four
    samples.

    Most passes of dear methods share a batch; the clock would count what else this machine is doing.
    """
    taken = []
    with untouched(model), torch.no_grad():
        for _ in range(3):
            started = process_time()
            _several(model, x)
            taken.append((process_time() - started) / 4)
    return min(taken)


def one_at_a_time(model: torch.nn.Module, x: torch.Tensor, readout: Readout) -> bool:
    """Return whether a network takes no two pictures in a pass, such as one that was exported with a single one."""
    try:
        with untouched(model), torch.no_grad():
            return len(readout.scores(model, x.repeat(2, 1, 1, 1))) != 2
    except Exception as error:  # a network refuses a number of pictures by whatever error it likes
        return not out_of_memory(error)


def _several(model: torch.nn.Module, x: torch.Tensor) -> None:
    """A pass of four samples, or four passes where a network takes, or memory holds, one at a time."""
    try:
        model(x.repeat(4, 1, 1, 1))
    except Exception:  # a network refuses a number of pictures by whatever error it likes
        for _ in range(4):
            model(x.clone())


def unsteady(model: torch.nn.Module, x: torch.Tensor, readout: Readout) -> str:
    """Return a note where two passes over one picture differ; "" where they do not."""
    with untouched(model), torch.no_grad():
        first, second = (readout.scores(model, x.clone()).clone() for _ in range(2))
    if torch.equal(first.nan_to_num(), second.nan_to_num()):
        return ""
    return "two passes over one picture gave different answers: the network keeps state or draws random numbers"


def _known_layer(loaded: Loaded, layers: list[Layer]) -> None:
    """Raises `ModelError` where the layer that is asked for is none with space."""
    wanted, spatial = loaded.network.layer, [layer.name for layer in layers if len(layer.shape) == 3]
    if wanted and wanted not in spatial:
        near = nearest(wanted, get_close_matches(wanted, spatial, n=3) or spatial[-8:])
        raise ModelError(f"{loaded.slug}: layer {wanted!r}: the network has no such layer with space{near}")


def count_rectifiers(model: torch.nn.Module, x: torch.Tensor, readout: Readout) -> str:
    """ "57 of 57 rectifiers" of a network obey the ReLU rules, or "undefined: GELU"."""
    watch = Watch(model, lambda *layer: None, rules=True)
    with untouched(model), torch.enable_grad(), watch:
        output = readout.scores(model, x.clone().requires_grad_().clone())  # not a leaf: it may be overwritten
    return census(watch, output).summary
