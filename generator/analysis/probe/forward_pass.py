"""The pass of a probe: every image once through the network, watched by the statistics of each layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch

from generator.core.answer_kinds import ranked
from generator.core.errors import ModelError
from generator.core.records import Layer, ModelCard
from generator.data.batches import normalised
from generator.engine.capture import Watch
from generator.engine.preserve import untouched
from generator.engine.readout import Reading, readout_of
from generator.engine.space import planes_of, space_of
from generator.models.load import Loaded

from .channel_stats import Channels
from .dataset import Pictures, batch

CALIBRATION = 16  # images, evenly spread, from which the edges of histograms are taken
SAMPLES = 50_000  # values of each channel that histograms and correlations want at least
PLENTY, SELDOM = 1000, 4  # of more images, layers that stand for no stage see but every fourth batch
LEAST = 8  # places of each image that are sampled at least, where a layer has as many

Arrays = dict[str, np.ndarray]


def watched_layers(card: ModelCard) -> list[Layer]:
    """Return the layers whose channels are looked at: all but those that hand on what they were given, and tokens."""
    return [layer for layer in card.layers if layer.kind != "identity" and len(layer.shape) in (1, 3)]


def look(
    loaded: Loaded,
    card: ModelCard,
    pictures: Pictures,
    numbers: range,
    size: int,
    keep: int,
) -> tuple[dict[str, Arrays], Arrays, list[str]]:
    """Return what the images with these `numbers` do to each layer, what the network says of each, and what could not
    be read.

    `size` images share a pass. The first answer holds the statistics of `Channels` by layer, the second arrays over the
    images that were read: "number", "said", "probability", "second", "second_probability", "label",
    "label_probability", "finite"; and "pixels", (3, C): number, sum and sum of squares of the normalised input.
    """
    stages = {stage.layer for stage in card.stages}
    positions = max(LEAST, -(-SAMPLES // max(1, len(pictures))))
    channels = {
        layer.name: Channels(layer.type, layer.kind, layer.shape, keep, positions, layer.name in stages)
        for layer in watched_layers(card)
    }
    spread = range(0, len(pictures), max(1, len(pictures) // CALIBRATION))[:CALIBRATION]
    problems: list[str] = []
    answers: list[Arrays] = []
    pixels = np.zeros((3, card.input.size[0]))  # count, sum and sum of squares of the normalised input, by colour
    model = loaded.model
    with untouched(model), torch.inference_mode():
        for start in range(0, len(spread), size):
            some, crops, _ = batch(pictures, spread[start : start + size])
            if some:
                _watch(loaded, card, crops, lambda name, tensor: channels[name].calibrate(tensor), channels)
        for start in range(numbers.start, numbers.stop, size):
            some, crops, unread = batch(pictures, range(start, min(start + size, numbers.stop)))
            problems += unread
            if some:
                index = torch.tensor(some)
                rare = len(pictures) > PLENTY and start // size % SELDOM
                wanted = {name: entry for name, entry in channels.items() if name in stages or not rare}
                seen = lambda name, tensor, index=index: channels[name].see(tensor, index)  # noqa: E731
                x, reading = _watch(loaded, card, crops, seen, wanted)
                answers.append(_answers(reading, some, pictures, card.output))
                pixels += _pixels(x)
    joined = (
        {name: np.concatenate([entry[name] for entry in answers]) for name in answers[0]} if answers else _nothing()
    )
    return {name: entry.state for name, entry in channels.items()}, {**joined, "pixels": pixels}, problems


def _watch(
    loaded: Loaded,
    card: ModelCard,
    crops: np.ndarray,
    see: Callable[[str, torch.Tensor], None],
    wanted: dict[str, Channels],
) -> tuple[torch.Tensor, Reading]:
    """Return one pass: the normalised input and what the network answers; `see` gets every wanted layer's output."""
    x = normalised(torch.from_numpy(crops.transpose(0, 3, 1, 2).copy()).to(loaded.device), card.input)

    space, readout = space_of(loaded, card, card.input.size), readout_of(loaded)  # passes of their own, unwatched

    def layer(name: str, type_: str, kind: str, tensor: torch.Tensor) -> None:
        if name in wanted:
            see(name, planes_of(space, name, tensor, len(crops)))

    with Watch(loaded.model, layer):
        reading = readout.read(loaded.model, x.clone())
    logits = reading.scores
    if logits.ndim != 2 or len(logits) != len(crops):
        raise ModelError(f"{card.slug}: expected class scores of shape ({len(crops)}, classes) for {len(crops)} images")
    if (last := card.layers[-1].name) in wanted:  # no layer of the network itself
        see(last, readout.answers(reading))
    return x, reading


def _answers(reading: Reading, some: list[int], pictures: Pictures, output: Mapping[str, Any]) -> Arrays:
    """Return what the network says of each image; of scores that are no numbers only the others count."""
    logits = reading.scores
    finite = torch.isfinite(logits)
    scores = logits.masked_fill(~finite, -torch.inf).float()
    probabilities = (scores.softmax(1) if output["kind"] == "classes" else scores.sigmoid()).nan_to_num(0.0).cpu()
    if reading.shares is not None:
        probabilities = reading.shares.float().cpu()
    first = [ranked(output, shares)[:2] for shares in probabilities.tolist()]
    order = torch.tensor([[*pair, pair[0]][:2] for pair in first])
    best = torch.gather(probabilities, 1, order)
    labels = torch.tensor([pictures.labels[number] for number in some])
    own = probabilities.gather(1, labels.clamp(min=0)[:, None])[:, 0]
    return {
        "number": np.array(some),
        "said": order[:, 0].numpy(),
        "probability": best[:, 0].numpy(),
        "second": order[:, -1].numpy(),
        "second_probability": best[:, -1].numpy(),
        "label": labels.numpy(),
        "label_probability": torch.where(labels < 0, torch.nan, own).numpy(),
        "finite": finite.all(1).cpu().numpy(),
    }


def _nothing() -> Arrays:
    names = ("number", "said", "probability", "second", "second_probability", "label", "label_probability", "finite")
    return {name: np.zeros(0) for name in names}


def _pixels(x: torch.Tensor) -> np.ndarray:
    flat = x.transpose(0, 1).flatten(1).double()
    count = torch.full((len(flat),), float(flat.shape[1]), dtype=torch.float64)
    return torch.stack([count, flat.sum(1).cpu(), flat.square().sum(1).cpu()]).numpy()


def weights_told(loaded: Loaded, card: ModelCard) -> dict[str, Any]:
    """Return what the weights say without a pass: which are no numbers, and what batch norms were trained to put
    out.
    """
    broken = []
    for name, tensor in [*loaded.model.named_parameters(), *loaded.model.named_buffers()]:
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            bad = ~torch.isfinite(tensor)
            channels = bad.flatten(1).any(1).nonzero().flatten().tolist() if tensor.ndim else [0]
            broken.append({"name": name, "count": int(bad.sum()), "channels": channels[:20]})
    return {"broken": broken, "norms": dict(_norms(loaded, card))}


def _norms(loaded: Loaded, card: ModelCard) -> Iterator[tuple[str, dict[str, list[float]]]]:
    """Mean and spread that each channel of a batch norm puts out where it sees what it was trained on."""
    modules = dict(loaded.model.named_modules())
    for layer in card.layers:
        module = modules.get(layer.name)
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm) and module.affine and module.track_running_stats:
            yield layer.name, {"mean": module.bias.tolist(), "spread": module.weight.abs().tolist()}
