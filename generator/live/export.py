"""A network's live graph: made and checked against torch, or taken from those that are kept for bundled networks."""

from __future__ import annotations

import json
import re
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.hub

from generator.core.records import ModelCard
from generator.engine.cam_layers import classifier
from generator.models.load import Loaded
from generator.models.specs import changes

from .graph import NotLive, Pass, example, layers_of, state_of, trace

GRAPHS = Path(__file__).parent / "graphs"  # of bundled networks, without weights
WEIGHTS = "weights"  # what graphs call the file of all weights
SCORES, AT_INPUT, AT_LAYER = "scores", "input_gradient", "layer_gradient"
CLOSE = 1e-3  # how far an output may be from torch's, relative to its largest value
EXTRA = "it needs onnx, onnxscript and onnxruntime: pip install 'innerview[live]'"


@dataclass(frozen=True)
class LiveNetwork:
    """What the page needs of one network."""

    graph: bytes  # ONNX: everything
    forward: bytes  # ONNX: the scores alone
    weights: bytes  # float16, one tensor after the other, as both graphs have them
    card: dict[str, Any]  # layers of the graph's activations in order, and whether CAM is defined


def live(loaded: Loaded, card: ModelCard) -> LiveNetwork:
    """Return the live graph of a network; raises `NotLive` with the reason where there is none."""
    kept = bundled(loaded, card)
    made = kept or export(loaded, card)
    weights = _weights(made["tensors"], state_of(loaded))
    about = {
        "layers": made["layers"],
        "class_map": classifier(loaded.model, card) is not None and not _bent(loaded, card),
    }
    return LiveNetwork(made["graph"], made["forward"], weights, about)


def bundled(loaded: Loaded, card: ModelCard) -> dict[str, Any] | None:
    """Return the graph kept for a bundled network; None where there is none that fits its weights and layers."""
    kind, _, name = loaded.network.source.partition(":")
    notes = GRAPHS / f"{name}.json"
    if kind != "bundled" or not notes.is_file():
        return None
    made = json.loads(notes.read_bytes())
    shapes = {key: list(tensor.shape) for key, tensor in loaded.model.state_dict().items()}
    fits = all(shapes.get(key) == shape for key, shape in made["tensors"])
    if not fits or made["layers"] != layers_of(loaded, card) or made["size"] != list(card.input.size):
        return None
    graphs = {part: (GRAPHS / f"{name}.{part}.onnx").read_bytes() for part in ("graph", "forward")}
    return {**made, **graphs}


def keep(loaded: Loaded, card: ModelCard, folder: Path = GRAPHS) -> None:
    """Make the graph of a bundled network and keep it, without weights, in `folder`."""
    if changes(loaded.network):
        raise NotLive("a changed network has the graph of the one that it was made from")
    made, name = export(loaded, card), loaded.network.source.partition(":")[2]
    for part in ("graph", "forward"):
        (folder / f"{name}.{part}.onnx").write_bytes(made.pop(part))
    text = json.dumps({**made, "size": list(card.input.size)}, indent=1)
    (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def export(loaded: Loaded, card: ModelCard) -> dict[str, Any]:
    """Return `graph` and `forward` as ONNX without weights, the `tensors` they want in order, and their `layers`.

    Checked against torch with the same float16 weights. Raises `NotLive`.
    """
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise NotLive(EXTRA) from error
    layers, state = layers_of(loaded, card), state_of(loaded)
    outputs = [SCORES, AT_INPUT, AT_LAYER, *(f"layer_{number}" for number in range(len(layers)))]
    model = _to_onnx(trace(loaded, card), state, example(card), outputs)
    tensors = _without_weights(model, state)
    made = {"tensors": tensors, "layers": layers, "graph": model.SerializeToString(deterministic=True)}
    _only_scores(model)
    made["forward"] = model.SerializeToString(deterministic=True)
    _check(made, loaded, card)
    return made


class _Filled(torch.nn.Module):
    """The graph with its weights as buffers, which the exporter keeps by name."""

    def __init__(self, graph: torch.fx.GraphModule, state: dict[str, torch.Tensor]) -> None:
        super().__init__()
        self.graph, self.names = graph, list(state)
        for number, tensor in enumerate(state.values()):
            self.register_buffer(f"w{number}", tensor)

    def forward(self, x: torch.Tensor, direction: torch.Tensor) -> Any:
        state = {name: getattr(self, f"w{number}") for number, name in enumerate(self.names)}
        return self.graph(state, x, direction)


def _to_onnx(graph: Any, state: dict[str, torch.Tensor], inputs: tuple[torch.Tensor, ...], outputs: list[str]) -> Any:
    """Return the ONNX model of a graph with its weights. Raises `NotLive` that names what has no ONNX operator."""
    bars: Any = torch.hub.tqdm  # type: ignore[attr-defined]
    if hasattr(bars, "set_lock"):  # theirs is a lock between processes, which a worker that is ended leaves behind
        bars.set_lock(threading.RLock())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program: Any = torch.onnx.export(
                _Filled(graph, state).eval(),
                inputs,
                dynamo=True,
                verbose=False,
                optimize=False,  # it would fold weights into constants
                input_names=["x", "direction"],
                output_names=outputs,
            )
    except Exception as error:  # of many kinds, from three packages
        raise NotLive(_in_the_way(error)) from error
    return program.model_proto


def _in_the_way(error: BaseException) -> str:
    """Return which operator an exporter's error is about, else the first line of what it says."""
    texts = []
    cause: BaseException | None = error
    while cause is not None:
        texts.append(str(cause))
        cause = cause.__cause__ or cause.__context__
    named = re.search(r"OpOverload\(op='([\w.]+)'", "\n".join(reversed(texts)))
    return f"operator {named[1]} has no counterpart" if named else (texts[-1].strip() or repr(error)).splitlines()[0]


def _without_weights(model: Any, state: dict[str, torch.Tensor]) -> list[list[Any]]:
    """Have weights read from a file of float16 numbers; return names and shapes of its tensors in their order."""
    from onnx import TensorProto, helper

    names, tensors, offset, casts = list(state), [], 0, []
    for initial in model.graph.initializer:
        number = re.fullmatch(r"w(\d+)", initial.name)
        if not number:
            continue
        name = names[int(number[1])]
        length = 2 * state[name].numel()
        place = {"location": WEIGHTS, "offset": str(offset), "length": str(length)}
        stored = TensorProto(name=f"{initial.name}_half", data_type=TensorProto.FLOAT16, dims=initial.dims)
        stored.data_location = TensorProto.EXTERNAL
        for key, value in place.items():
            stored.external_data.add(key=key, value=value)
        casts.append(helper.make_node("Cast", [stored.name], [initial.name], to=TensorProto.FLOAT))
        initial.CopyFrom(stored)
        tensors.append([name, list(state[name].shape)])
        offset += length
    nodes = [*casts, *model.graph.node]
    for node in nodes:
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
    del model.graph.node[:], model.graph.value_info[:], model.graph.metadata_props[:], model.metadata_props[:]
    model.graph.node.extend(nodes)
    model.graph.ClearField("doc_string")
    return tensors


def _only_scores(model: Any) -> None:
    """Leave of a model what its first output, the scores, is made of."""
    graph = model.graph
    wanted, kept = {graph.output[0].name}, []
    for node in reversed(graph.node):
        if wanted & set(node.output):
            kept.append(node)
            wanted |= set(node.input)
    nodes = [type(node).FromString(node.SerializeToString()) for node in reversed(kept)]
    initial = [type(one).FromString(one.SerializeToString()) for one in graph.initializer if one.name in wanted]
    del graph.node[:], graph.initializer[:], graph.output[1:]
    graph.node.extend(nodes)
    graph.initializer.extend(initial)
    inputs = [entry for entry in graph.input if entry.name in wanted]
    del graph.input[:]
    graph.input.extend(inputs)


def _weights(tensors: list[list[Any]], state: dict[str, torch.Tensor]) -> bytes:
    """Return the tensors as float16, one after the other, little-endian."""
    return b"".join(state[name].numpy().astype("<f2").tobytes() for name, _ in tensors)


def _check(made: dict[str, Any], loaded: Loaded, card: ModelCard) -> None:
    """Raise `NotLive` where what the graphs give is not what torch gives."""
    state, (x, direction) = state_of(loaded), example(card)
    wanted = Pass(loaded, card, made["layers"])(state, x, direction)
    weights = _weights(made["tensors"], state)
    given = {"x": x.numpy(), "direction": direction.numpy()}
    got = runner(made["graph"], weights)(given)
    (scores,) = runner(made["forward"], weights)({"x": x.numpy()})
    names = [SCORES, AT_INPUT, AT_LAYER, *made["layers"], SCORES]
    for name, torchs, ours in zip(names, [*wanted, wanted[0]], [*got, scores], strict=True):
        expected = torchs.numpy()
        apart = np.abs(expected - ours).max() / max(float(np.abs(expected).max()), 1e-12)
        if not apart < CLOSE:
            raise NotLive(f"{name} differs from torch's by {apart:.2g} of its largest value")


def runner(graph: bytes, weights: bytes) -> Callable[[dict[str, np.ndarray]], list[np.ndarray]]:
    """Return a function that runs an ONNX graph with its weights, by onnxruntime."""
    import onnx
    from onnxruntime import InferenceSession, SessionOptions

    model = onnx.load_from_string(graph)
    for initial in model.graph.initializer:
        place = {entry.key: entry.value for entry in initial.external_data}
        if place:
            start, length = int(place["offset"]), int(place["length"])
            initial.raw_data = weights[start : start + length]
            initial.ClearField("external_data")
            initial.data_location = onnx.TensorProto.DEFAULT
    options = SessionOptions()
    options.log_severity_level = 3
    session = InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return lambda given: session.run(None, given)


def _bent(loaded: Loaded, card: ModelCard) -> bool:
    """Return whether the way from the last maps to the scores is not linear after all, seen at a picture of noise."""
    layers = layers_of(loaded, card)
    x, direction = example(card)
    scores, _, gradient, *_ = Pass(loaded, card, layers)(state_of(loaded), x, direction)
    weight: Any = classifier(loaded.model, card)
    flat = gradient[0].flatten(1)
    expected = weight[0].half().float().cpu() / flat.shape[1]
    return not torch.allclose(flat, expected[:, None].expand_as(flat), rtol=1e-2, atol=1e-6)
