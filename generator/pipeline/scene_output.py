"""Store the results of a scene, and draw each picture once its scale is decided."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from time import monotonic
from typing import Any

import numpy as np

from generator.analysis.probe import jobs
from generator.core.answer_kinds import ranked
from generator.core.errors import InnerviewError, NotApplicable
from generator.core.records import Job, MethodCard, ModelCard
from generator.core.roles import ACTIVATIONS
from generator.core.store import Store, pack, unpack
from generator.core.tasks import SceneTask, groups
from generator.core.text import harmless
from generator.data.preprocess import displayed, shown_colours
from generator.data.preprocess import photo as photo_of
from generator.drawing import styles
from generator.engine.progress import Step
from generator.engine.quantise import frames_again, plain, reduce, reduce_frames, sprite_pixel_budget
from generator.engine.scheduler import Outcome
from generator.engine.targets import Target

from .keys import PICTURE, picture_key

# (event, key of the job, words): "begin", "step", "computed" where its picture has to wait, then one of run.ENDS
Tell = Callable[[str, str, str], None]


PROGRESS_INTERVAL_S = 0.3  # seconds between two words on how far a job is
ARRAY_CACHE_BYTES = 2**25  # bytes of arrays that need not be read from the store again


class StepReporter:
    """Tells how far a job is, but not more often than anyone can read."""

    def __init__(self, tell: Tell) -> None:
        self.tell, self._told = tell, 0.0

    def __call__(self, job: Job, step: Step) -> None:
        if monotonic() - self._told > PROGRESS_INTERVAL_S:
            self._told = monotonic()
            self.tell("step", job.key, f"{job.method}{f' of {job.layer}' if job.layer else ''}, {step}")


class SceneOutput:
    """The results of one scene on their way into the store; a picture is drawn as soon as its scale is known."""

    def __init__(self, store: Store, task: SceneTask, cards: dict[str, MethodCard], tell: Tell) -> None:
        self.store, self.task, self.cards, self.tell = store, task, cards, tell
        self.room = sprite_pixel_budget(layer.shape for layer in task.card.layers if layer.kind != "identity")
        self.ended: set[Job] = set()  # told of: drawn, failed or inapplicable
        self.records: dict[Job, dict[str, Any]] = {}
        self._arrays: dict[Job, dict[str, np.ndarray]] = {}  # just stored, for pictures that wait for their neighbours
        self._photo: Any = None

    @cached_property
    def crop(self) -> Any:
        """The crop that the network sees, (H, W, C) from 0 to 255; of an image alone."""
        example = self.task.example
        return photo_of(example, self.task.card.input) if example else None

    @property
    def photo(self) -> Any:
        """What is shown of the crop that the network sees, (H, W, 1 or 3) uint8; for a network alone those of its probe
        by number, or None.
        """
        if self._photo is None and self.task.example is not None:
            self._photo = displayed(self.crop, self.task.card.input)
        elif self._photo is None and self.task.probe is not None:
            self._photo = jobs.kept(jobs.pictures_of(self.task.probe), self.task.card.input)
        return self._photo

    def known(self, job: Job) -> bool:
        """Return whether the store holds the job's array, undamaged, or that there is none."""
        record = self.store.get(job.key, "status")
        if record is None or not self.store.verify(record):
            return False
        self.records[job] = record
        return True

    def done(self, job: Job, outcome: Outcome) -> None:
        """Return a job has its result: keep it, and draw it at once where its scale depends on nothing else."""
        target = _target(outcome.target)
        if isinstance(outcome.error, NotApplicable):
            record = {"status": "inapplicable", "reason": str(outcome.error), "target": target}
            self.records[job] = self.store.put(job.key, record)
            return self._end("inapplicable", job, str(outcome.error))
        if outcome.error:
            return self._end("failed", job, reason(outcome.error))
        style, last = self.cards[job.method].style, self.task.card.layers[-1]
        try:
            values = reduce(style.values, outcome.value, last.kind if job.layer == last.name else "", self.room)
        except Exception as error:  # a result that cannot be drawn costs its own job
            return self._end("failed", job, reason(error))
        if ACTIVATIONS in self.cards[job.method].roles and job.layer == last.name:
            values.meta |= _answer(outcome.value[0].tolist(), self.task.card)
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
            payloads["frames"] = pack(reduce_frames(outcome.frames, style.values))
        self.records[job] = self.store.put(job.key, record, payloads)
        if style.shares_scale:
            if sum(array.nbytes for kept in self._arrays.values() for array in kept.values()) < ARRAY_CACHE_BYTES:
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
            open_jobs = [job for job in group if job not in self.ended and job.key not in self.task.skipped]
            waiting = [job for job in open_jobs if job in drawn and not self._pictured(job, drawn)]
            for job in open_jobs:
                if job in self.records and job not in waiting:
                    self._end("reused", job)
            if waiting:
                self._draw_group(waiting, drawn)

    def _pictured(self, job: Job, drawn: list[Job]) -> bool:
        record = self.store.get(picture_key(job, drawn, self.task, self.cards), *PICTURE)
        return record is not None and self.store.has_payloads(record)

    def _draw_group(self, waiting: list[Job], drawn: list[Job]) -> None:
        style = self.cards[waiting[0].method].style
        arrays = {job: self._arrays.pop(job) if job in self._arrays else self._stored(job) for job in drawn}
        limits = (
            [styles.own_limit(style.name, values) or 0.0 for values in arrays.values()] if style.shares_scale else []
        )
        for job in waiting:
            self.tell("begin", job.key, "")
            self._draw(job, drawn, arrays[job], max(limits, default=None))

    def _stored(self, job: Job) -> dict[str, np.ndarray]:
        return unpack(self.store.read(self.records[job]["payloads"]["arrays"]))

    def _draw(self, job: Job, drawn: list[Job], arrays: dict[str, np.ndarray], limit: float | None) -> None:
        try:
            style, record, input = self.cards[job.method].draw, self.records[job], self.task.card.input
            if not self.cards[job.method].style.kernels:
                arrays = {name: shown_colours(values, input) for name, values in arrays.items()}
            picture = styles.draw(style, arrays, record["meta"], self.photo, limit)
            if "frames" in record["payloads"]:
                frames = shown_colours(frames_again(unpack(self.store.read(record["payloads"]["frames"]))), input)
                picture.files["animation"] = styles.animate(style, frames, arrays, record["meta"], self.photo, limit)
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
    """Return one line for a person: our own errors as they are, others with their kind."""
    text = " ".join(harmless(str(error)).split())[:400]
    return text if isinstance(error, InnerviewError) else f"{type(error).__name__}: {text}"


def _target(target: Target | None) -> dict[str, Any] | None:
    if target is None:
        return None
    return {name: getattr(target, name) for name in ("name", "slug", "index", "probability", "role")}


def _answer(shares: list[float], card: ModelCard) -> dict[str, Any]:
    """Return what the network says, by the kind of its output: values with their names, shares of the picture, or the
    ten first answers.
    """
    if card.output["kind"] == "value":
        names = [name.rpartition(", ")[0] for name in card.classes[::2]]
        return {"values": [{"name": name, "value": value} for name, value in zip(names, shares, strict=True)]}
    order = ranked(card.output, shares)
    if card.output["kind"] == "mask":
        somewhere = [{"name": card.classes[i], "index": i, "share": shares[i]} for i in order if shares[i] > 0]
        return {"shares": somewhere, "names": {str(i): card.classes[i] for i in order[:10]}}
    top = [{"name": card.classes[i], "index": i, "probability": shares[i]} for i in order[:10]]
    answer: dict[str, Any] = {"top": top, "names": {str(entry["index"]): entry["name"] for entry in top}}
    if card.output["kind"] == "labels":
        answer["above"] = [card.classes[i] for i in order if shares[i] >= card.output["threshold"]]
    return answer
