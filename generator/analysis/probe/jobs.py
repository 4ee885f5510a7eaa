"""What a worker does of a probe: one part of the images, and in the end the parts put together and stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, reduce

import numpy as np
from PIL import Image

from generator.core.errors import NotApplicable
from generator.core.records import Input
from generator.core.store import Store, pack, unpack
from generator.core.tasks import ProbeTask
from generator.data.preprocess import displayed, shown_channels
from generator.drawing.encode import webp
from generator.drawing.patches import PAPER, fit
from generator.drawing.tiles import mosaic
from generator.engine.quantise import Values
from generator.models.load import Loaded

from . import results
from .channel_stats import BINS, merged
from .class_effects import class_effects
from .class_effects import strongest as strongest_effects
from .dataset import Pictures, from_examples, from_files
from .forward_pass import Arrays, look, watched_layers, weights_told
from .tasks import KEEP

ENOUGH = 1000  # sampled values of a channel below which no correlation is believed
BUSY = 30  # of them not zero, at least
MEMORY = 2**28  # bytes of crops that are kept while patches are cut out of them
SIDE, ACROSS = 96, 12  # pixels of an image on the sheet of answers, and how many stand side by side


def pictures_of(task: ProbeTask) -> Pictures:
    """Return the images of a probe; raises `DataError` where there are none."""
    card = task.card
    if task.source.path:
        return from_files(task.source.path, task.source.known, task.source.most, card.input, card.classes)
    return from_examples(task.examples, card.input, card.classes, card.vocabulary)


def kept(pictures: Pictures, input: Input) -> Callable[[int], np.ndarray]:
    """Return what is shown of the crops by number; some stay in memory, as several layers ask for most."""

    def shown(number: int) -> np.ndarray:
        return displayed(pictures.read(number), input)

    return lru_cache(MEMORY // (3 * input.size[1] * input.size[2]))(shown)


def part(task: ProbeTask, number: int, loaded: Loaded, store: Store) -> None:
    """Look at images `task.part * number` and on, unless the store knows what was seen there."""
    key = task.part_key(number)
    record = store.get(key, shape="probe part")
    if record and store.verify(record):
        return
    pictures = pictures_of(task)
    numbers = range(task.part * number, min(task.part * (number + 1), len(pictures)))
    layers, answers, problems = look(loaded, task.card, pictures, numbers, task.batch, KEEP)
    payloads = {f"layer {name}": pack(_slim(state)) for name, state in layers.items()}
    store.put(key, {"problems": problems}, {"answers": pack(answers), **payloads})


def combine(task: ProbeTask, loaded: Loaded, store: Store) -> None:
    """Put the parts together: what each layer's channels did, and what was said of each image."""
    pictures = pictures_of(task)
    keys = [task.part_key(number) for number in range(task.parts(len(pictures)))]
    records = [store.get(key, shape="probe part") for key in keys]
    weights = weights_told(loaded, task.card)
    payloads, norms = {}, []
    effects, seen = class_effects(loaded, task.card, pictures, watched_layers(task.card))
    for layer in watched_layers(task.card):
        states = [unpack(store.read(record["payloads"][f"layer {layer.name}"])) for record in records]
        figures = channels(reduce(lambda part, other: merged(part, other, KEEP), states))
        if layer.name in effects:
            figures |= strongest_effects(effects[layer.name], seen)
        payloads[f"layer {layer.name}"] = pack(figures)
        if layer.name in weights["norms"]:
            norms.append({"layer": layer.name, **_agreement(figures, weights["norms"][layer.name])})
    answers = [unpack(store.read(record["payloads"]["answers"])) for record in records]
    pixels = sum(part.pop("pixels") for part in answers)
    together = {name: np.concatenate([part[name] for part in answers]) for name in answers[0]}
    names = "\n".join(" ".join(name.split()) for name in pictures.names).encode()
    together["names"] = np.frombuffer(names, np.uint8)
    payloads["answers"] = pack(together)
    record = {
        "data": pictures.name,
        "images": int(len(together["number"])),
        "problems": [line for record in records for line in record["problems"]],
        "input": _colours(np.asarray(pixels)),
        "norms": norms,
        "broken": weights["broken"],
        "sheet": None,
    }
    summary = results.answered(together, task.card.classes, task.card.output)
    shown = [entry["number"] for entry in (*summary["wrong"], *summary["unsure"])]
    if shown:
        payloads["sheet"], record["sheet"] = _sheet(pictures, task.card.input, shown)
    store.put(task.key, record, payloads)
    for key in keys:
        store.drop(key)


def _sheet(pictures: Pictures, input: Input, numbers: Sequence[int]) -> tuple[bytes, dict[str, int]]:
    """Return images side by side as one WebP, and where on it each of them is."""
    tiles = np.stack([fit(displayed(pictures.read(number), input), SIDE) for number in numbers])
    columns = min(ACROSS, len(tiles))
    board = np.stack([mosaic(tiles[..., colour], 0, PAPER, columns)[0] for colour in range(3)], -1)
    shape = {"side": SIDE, "columns": columns, "width": board.shape[1], "height": board.shape[0]}
    return webp(Image.fromarray(board)), shape


def strongest(task: ProbeTask, layer: str, store: Store) -> Values:
    """Return the strongest images of each channel of a layer, for the drawing of their patches. Raises
    `NotApplicable`.
    """
    figures = results.channels(task, layer, store)
    if figures is None:
        raise NotApplicable(
            f"the probe did not measure {layer}" if results.record_of(task, store) else "the probe failed"
        )
    details = next(entry for entry in task.card.layers if entry.name == layer)
    images = int(figures["images"])
    finite = figures["top"][np.isfinite(figures["top"])]
    field = (
        {"size": details.receptive_field, "jump": details.jump, "start": details.start}
        if details.receptive_field
        else None
    )
    meta = {
        "shape": [int(details.shape[0]), len(figures["top"])],
        "range": [float(finite.min(initial=0)), float(finite.max(initial=0))],
        "space": list(details.shape[1:]) or [1, 1],
        "input": list(task.card.input.size),
        "mean": [task.card.input.mean[channel] for channel in shown_channels(task.card.input)],
        "silent": details.kind in results.SILENT,
        "field": field,
        "note": f"best of {images:,} images"
        + (f" of {name}" if (name := results.record_of(task, store)["data"]) else ""),
    }
    return Values({"values": figures["top"], "images": figures["top_image"], "places": figures["top_place"]}, meta)


def channels(state: Arrays) -> Arrays:
    """Return what is told of each channel, from the sums over all images."""
    samples, images = max(1, int(state["samples"])), max(1, int(state["images"]))
    sound = np.maximum(1, images - state["broken"])
    related = state["second"].ndim == 2
    mean = state["first"] / samples
    spread = np.sqrt(np.maximum(0, (state["second"].diagonal() if related else state["second"]) / samples - mean**2))
    positions = state["values"] / images
    figures = {
        "max": state["max"],
        "best": state["best"],
        "mean": state["sum"] / (sound * positions),
        "spread": spread,
        "zeros": state["zeros"] / max(1, int(state["values"])),
        "bound": state["bound"] / samples,
        "broken": state["broken"],
        "histogram": state["histogram"].astype(np.uint32),
        "unit": state["unit"],
        "images": state["images"],
        **{name: state[name] for name in ("top", "top_image", "top_place")},
    }
    partner, alike = _partners(state, mean, spread) if related else _alone(len(spread))
    return figures | {"partner": partner, "alike": alike}


def _partners(state: Arrays, mean: np.ndarray, spread: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each channel the other one whose sampled values correlate most with its own, and that correlation."""
    samples, middle = int(state["samples"]), BINS // 2
    busy = state["histogram"].sum(1) - state["histogram"][:, middle] >= BUSY
    live = (spread > 1e-6 * np.maximum(1e-12, np.abs(state["max"]))) & np.isfinite(state["max"]) & busy
    if samples < ENOUGH or live.sum() < 2:
        return _alone(len(spread))
    scale = np.where(live, spread, 1)
    correlation = (state["second"] / samples - np.outer(mean, mean)) / np.outer(scale, scale)
    correlation[~live] = correlation[:, ~live] = -2
    np.fill_diagonal(correlation, -2)
    partner = correlation.argmax(1)
    alike = correlation[np.arange(len(partner)), partner]
    return np.where(live, partner, -1), np.where(live, np.minimum(1, alike), 0.0)


def _alone(count: int) -> tuple[np.ndarray, np.ndarray]:
    return np.full(count, -1), np.zeros(count)


def _agreement(figures: Arrays, expected: dict[str, list[float]]) -> dict[str, float]:
    """Return how far a batch norm's output is from what it was in training: of its channels' means and spreads the
    medians.

    "shift" is in spreads, 0 where all is as it was; "ratio" is 1 there.
    """
    spread = np.array(expected["spread"])
    used = (spread > 1e-3) & np.isfinite(figures["mean"]) & np.isfinite(spread)
    if not used.any():
        return {"shift": 0.0, "ratio": 1.0}
    off = np.abs(figures["mean"] - np.array(expected["mean"]))[used] / spread[used]
    return {"shift": float(np.median(off)), "ratio": float(np.median(figures["spread"][used] / spread[used]))}


def _colours(pixels: np.ndarray) -> dict[str, list[float]]:
    """Mean and spread of the normalised input by colour."""
    count = np.maximum(1, pixels[0])
    mean = pixels[1] / count
    return {"mean": mean.tolist(), "spread": np.sqrt(np.maximum(0, pixels[2] / count - mean**2)).tolist()}


def _slim(state: Arrays) -> Arrays:
    """Return a state as it is kept until all parts are there, its largest array in single precision."""
    return {**state, "second": state["second"].astype(np.float32)}
