"""What a worker process does: loads networks, describes them, runs scenes, draws their pictures, stores both."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import torch

from . import render
from .answers import Pictures
from .compare import PairTask, draw_pairs
from .describe import describe
from .evidence import gather
from .frames import Step
from .measured import Registry
from .measures import MEASURES, load_measures
from .measures import card as measure_card
from .measures.controls import CONTROLS
from .methods import METHODS, card, load_methods
from .models import Loaded, load
from .photo import normalise, whole
from .photo import photo as photo_of
from .plan import SceneTask, groups, picture_key
from .probe import ProbeTask, work
from .reduce import frames_again, plain, reduce, reduce_frames, room_for
from .scene import Scene
from .sources import closure_digest
from .store import Store, pack, unpack
from .targets import Target
from .types import (
    ControlCard,
    Example,
    InnerviewError,
    Job,
    MeasureCard,
    MethodCard,
    ModelCard,
    Network,
    NotApplicable,
    harmless,
)
from .waiting import Outcome

# (event, key of the job, words): "begin", "step", "computed" where its picture has to wait, then one of run.ENDS
Tell = Callable[[str, str, str], None]


OFTEN = 0.3  # seconds between two words on how far a job is
AT_HAND = 2**25  # bytes of arrays that need not be read from the store again


class Worker:
    """Answers `methods`, `describe` and `scene`; keeps the last network it loaded."""

    def __init__(self, store: Path, device: str = "cpu", trust_pickle: bool = False) -> None:
        self.store, self.device, self.trust_pickle = Store(store), device, trust_pickle
        self._loaded: tuple[Network, Loaded] | None = None
        load_methods()
        load_measures()
        self._cards = {slug: card(found) for slug, found in METHODS.items()}

    def methods(self) -> list[MethodCard]:
        """The cards of all methods."""
        return list(self._cards.values())

    def take(self, loaded: Loaded) -> None:
        """Keep a network that is loaded already."""
        self._loaded = (loaded.network, loaded)

    def describe(self, network: Network) -> ModelCard:
        """The card of a network."""
        return describe(self._load(network))

    def scene(self, task: SceneTask, tell: Tell) -> None:
        """Computes the arrays and draws the pictures of a task that the store does not hold."""
        drawing = _Drawing(self.store, task, self._cards, tell)
        missing = [job for job in task.jobs if not drawing.known(job) and job.key not in task.skipped]
        for job in [job for job in missing if "probe" in self._cards[job.method].inputs]:
            missing.remove(job)
            tell("begin", job.key, "")
            drawing.done(job, self._from_probe(task.probe, job))
        if missing:
            loaded = self._load(task.network)
            x = None
            if task.example is not None:
                x = torch.from_numpy(normalise(drawing.photo, task.card.input)).to(self.device)

            Scene(
                loaded,
                task.card,
                x,
                missing,
                drawing.done,
                task.label,
                task.parameters,
                task.chunk,
                begin=lambda job: tell("begin", job.key, ""),
                step=_Steps(tell),
                pictures=self._pictures(task),
                careful=task.careful,
            ).run()
        drawing.finish()

    def measures(self) -> tuple[list[MeasureCard], list[ControlCard]]:
        """The cards of all measures and of all controls."""
        code = closure_digest("generator.measures.controls")
        controls = [ControlCard(one.slug, one.title, one.summary, code) for one in CONTROLS.values()]
        return [measure_card(found) for found in MEASURES.values()], controls

    def evidence(self, task: SceneTask, known: Registry, tell: Tell = lambda *event: None) -> dict[str, str]:
        """Measures the maps of a task that the store holds without their evidence; what failed, and why."""
        x = torch.from_numpy(normalise(photo_of(task.example, task.card.input), task.card.input)).to(self.device)
        return gather(task, known, self.store, self._load(task.network), x, tell)

    def probe_images(self, task: ProbeTask) -> int:
        """How many images a probe has."""
        return len(work.pictures_of(task))

    def probe_part(self, task: ProbeTask, number: int) -> None:
        """Shows one part of a probe's images to the network."""
        work.part(task, number, self._load(task.network), self.store)

    def probe_whole(self, task: ProbeTask) -> None:
        """Puts the parts of a probe together."""
        work.whole(task, self._load(task.network), self.store)

    def pairs(self, task: PairTask) -> None:
        """Draws what two networks have in common on one image."""
        draw_pairs(task, self.store)

    def array(self, task: SceneTask, job: Job, channel: int | None = None) -> tuple[list[np.ndarray], Outcome]:
        """The raw float32 result of one job, computed anew; of an activation one `channel` alone, where asked for."""
        outcomes: list[Outcome] = []
        photo = photo_of(task.example, task.card.input) if task.example else None
        x = torch.from_numpy(normalise(photo, task.card.input)).to(self.device) if task.example else None
        loaded = self._load(task.network)

        def keep(job: Job, outcome: Outcome) -> None:
            if channel is not None and not outcome.error:
                outcome.value = _one_channel(outcome.value, channel)
            outcomes.append(_detached(outcome))

        pictures = self._pictures(task)
        Scene(loaded, task.card, x, [job], keep, task.label, task.parameters, task.chunk, pictures=pictures).run()
        (outcome,) = outcomes
        if outcome.error:
            raise outcome.error
        values = outcome.value if isinstance(outcome.value, list) else [outcome.value]
        return [value.float().cpu().numpy() for value in values], outcome

    def _from_probe(self, probe: ProbeTask, job: Job) -> Outcome:
        """What a method makes of the strongest images of a layer's channels."""
        try:
            return Outcome(METHODS[job.method].function(work.strongest(probe, job.layer, self.store)))
        except NotApplicable as error:
            return Outcome(error=error)

    def _pictures(self, task: SceneTask) -> Pictures:
        """The whole pictures that a task may ask for: the image's own, and those of the styles."""
        asked = {style.id: style for style in task.styles} | ({"": task.example} if task.example else {})
        input = task.card.input

        def give(example: Example) -> Callable[[int], torch.Tensor]:
            return lambda side: torch.from_numpy(normalise(whole(example, input, side), input)).to(self.device)

        return {name: give(example) for name, example in asked.items()}

    def _load(self, network: Network) -> Loaded:
        if self._loaded is None or self._loaded[0] != network:
            self._loaded = None  # before the next one is loaded: two large networks need not fit at once
            self._loaded = (network, load(network, self.device, self.trust_pickle))
        return self._loaded[1]


class _Steps:
    """Tells how far a job is, but not more often than anyone can read."""

    def __init__(self, tell: Tell) -> None:
        self.tell, self._told = tell, 0.0

    def __call__(self, job: Job, step: Step) -> None:
        if monotonic() - self._told > OFTEN:
            self._told = monotonic()
            self.tell("step", job.key, f"{job.method}{f' of {job.layer}' if job.layer else ''}, {step}")


class _Drawing:
    """The results of one scene on their way into the store; a picture is drawn as soon as its scale is known."""

    def __init__(self, store: Store, task: SceneTask, cards: dict[str, MethodCard], tell: Tell) -> None:
        self.store, self.task, self.cards, self.tell = store, task, cards, tell
        self.kinds = {layer.name: layer.kind for layer in task.card.layers}
        self.room = room_for(layer.shape for layer in task.card.layers if layer.kind != "identity")
        self.ended: set[Job] = set()  # told of: drawn, failed or inapplicable
        self.records: dict[Job, dict[str, Any]] = {}
        self._arrays: dict[Job, dict[str, np.ndarray]] = {}  # just stored, for pictures that wait for their neighbours
        self._photo: np.ndarray | Callable[[int], np.ndarray] | None = None

    @property
    def photo(self) -> np.ndarray | Callable[[int], np.ndarray] | None:
        """The crop the network sees, (H, W, C) uint8; for a network alone those of its probe by number, or None."""
        if self._photo is None and self.task.example is not None:
            self._photo = photo_of(self.task.example, self.task.card.input)
        elif self._photo is None and self.task.probe is not None:
            self._photo = work.kept(work.pictures_of(self.task.probe), self.task.card.input)
        return self._photo

    def known(self, job: Job) -> bool:
        """Whether the store holds the job's array, undamaged, or that there is none."""
        record = self.store.get(job.key)
        if record is None or not self.store.sound(record):
            return False
        self.records[job] = record
        return True

    def done(self, job: Job, outcome: Outcome) -> None:
        """A job has its result: keep it, and draw it at once where its scale depends on nothing else."""
        target = _target(outcome.target)
        if isinstance(outcome.error, NotApplicable):
            record = {"status": "inapplicable", "reason": str(outcome.error), "target": target}
            self.records[job] = self.store.put(job.key, record)
            self._end("inapplicable", job, str(outcome.error))
            return
        if outcome.error:
            self._end("failed", job, reason(outcome.error))
            return
        style, kind = self.cards[job.method].draw, self.kinds.get(job.layer, "")
        values = reduce(style, outcome.value, kind, self.room)
        if kind == "softmax" and "map" in values.arrays:
            values.meta |= _named(values.arrays["map"][0], self.task.card.classes)
        if outcome.note:
            values.meta["note"] = "; ".join(filter(None, [values.meta.get("note", ""), outcome.note]))
        numbers = dict(outcome.numbers or {})
        if "channels" in numbers:  # which ones a picture of some of them shows
            values.meta["channels"] = numbers["channels"]
        if "captions" in numbers:  # of the frames and of the result
            values.meta["captions"] = numbers.pop("captions")
        record = {"status": "drawn", "meta": values.meta, "numbers": plain(numbers), "target": target}
        payloads = {"arrays": pack(values.arrays)}
        if outcome.frames:
            payloads["frames"] = pack(reduce_frames(outcome.frames, style))
        self.records[job] = self.store.put(job.key, record, payloads)
        if style in render.LIMITS:
            if sum(array.nbytes for kept in self._arrays.values() for array in kept.values()) < AT_HAND:
                # copies, for what is the network's own may be overwritten
                copies = {name: array.copy() for name, array in values.arrays.items()}
                self._arrays[job] = copies
            self.tell("computed", job.key, "")
        else:
            self._draw(job, [job], values.arrays, None)

    def finish(self) -> None:
        """Draw what waited for its neighbours, and what is in the store without a picture."""
        for group in groups(self.task):
            drawn = [job for job in group if self.records.get(job, {}).get("status") == "drawn"]
            asked = [job for job in group if job not in self.ended and job.key not in self.task.skipped]
            waiting = [job for job in asked if job in drawn and not self._pictured(job, drawn)]
            for job in asked:
                if job in self.records and job not in waiting:
                    self._end("reused", job)
            if waiting:
                self._draw_group(waiting, drawn)

    def _pictured(self, job: Job, drawn: list[Job]) -> bool:
        found = self.store.get(picture_key(job, drawn, self.task, self.cards))
        return found is not None and self.store.whole(found)

    def _draw_group(self, waiting: list[Job], drawn: list[Job]) -> None:
        style = self.cards[waiting[0].method].draw
        arrays = {job: self._arrays.pop(job, None) or self._stored(job) for job in drawn}
        shared = style in render.LIMITS
        limit = max(render.own_limit(style, one) for one in arrays.values()) if shared else None
        for job in waiting:
            self.tell("begin", job.key, "")
            self._draw(job, drawn, arrays[job], limit)

    def _stored(self, job: Job) -> dict[str, np.ndarray]:
        return unpack(self.store.read(self.records[job]["payloads"]["arrays"]))

    def _draw(self, job: Job, drawn: list[Job], arrays: dict[str, np.ndarray], limit: float | None) -> None:
        try:
            style, record = self.cards[job.method].draw, self.records[job]
            picture = render.draw(style, arrays, record["meta"], self.photo, limit)
            if "frames" in record["payloads"]:
                frames = frames_again(unpack(self.store.read(record["payloads"]["frames"])))
                picture.files["animation"] = render.animate(style, frames, arrays, record["meta"], self.photo, limit)
        except (ArithmeticError, LookupError, MemoryError, OSError, TypeError, ValueError) as error:
            self._end("failed", job, reason(error))
            return
        about = {
            "files": {name: suffix for name, (suffix, _) in picture.files.items()},
            "width": picture.width,
            "height": picture.height,
            "scale": picture.scale,
            "clipped": picture.clipped,
            "sprite": picture.sprite,
        }
        key = picture_key(job, drawn, self.task, self.cards)
        self.store.put(key, about, {name: data for name, (_, data) in picture.files.items()})
        self._end("drawn", job)

    def _end(self, event: str, job: Job, why: str = "") -> None:
        self.ended.add(job)
        self.tell(event, job.key, why)


def reason(error: BaseException) -> str:
    """One line for a person: our own errors as they are, others with their kind."""
    text = " ".join(harmless(str(error)).split())[:400]
    return text if isinstance(error, InnerviewError) else f"{type(error).__name__}: {text}"


def _target(target: Target | None) -> dict[str, Any] | None:
    if target is None:
        return None
    return {"name": target.name, "index": target.index, "probability": target.probability, "role": target.role}


def _named(probabilities: np.ndarray, classes: tuple[str, ...]) -> dict[str, Any]:
    """The ten most probable classes with their names."""
    order = np.argsort(-probabilities, kind="stable")[:10]
    top = [{"name": classes[i], "index": int(i), "probability": float(probabilities[i])} for i in order]
    return {"top": top, "names": {str(one["index"]): one["name"] for one in top}}


def _one_channel(value: torch.Tensor, channel: int) -> torch.Tensor:
    if not 0 <= channel < value.shape[1]:
        raise InnerviewError(f"#c{channel}: expected a channel from 0 to {value.shape[1] - 1}")
    return value[:, channel : channel + 1]


def _detached(outcome: Outcome) -> Outcome:
    """A copy that a later in-place operation cannot change."""
    value = outcome.value
    if isinstance(value, torch.Tensor):
        outcome.value = value.detach().clone()
    elif value is not None:
        outcome.value = [tensor.detach().clone() for tensor in value]
    return outcome
