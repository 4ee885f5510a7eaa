"""One image, one network, one class: what the measures ask about its maps, and what they find."""

from __future__ import annotations

import contextlib
import copy
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from generator.analysis.measures.controls import CONTROLS
from generator.core.answer_kinds import PIXEL, ranked
from generator.core.errors import ModelError, NotApplicable
from generator.core.records import Job, MethodCard
from generator.core.store import Store, unpack
from generator.core.tasks import SceneTask
from generator.data.preprocess import inside
from generator.engine.method_registry import METHODS
from generator.engine.preserve import untouched
from generator.engine.readout import readout_of
from generator.engine.sampling import Samples
from generator.engine.scene import Scene, SceneRequest
from generator.engine.targets import Target, find_targets, pixels_of
from generator.models.derive import derive
from generator.models.load import Loaded

from .evidence_tasks import Registry, Subject, evidence_key, explained, missing
from .measure_registry import MEASURES
from .picture_probabilities import PictureProbabilities

Tell = Callable[[str, str, str], None]
FAILURES = (ArithmeticError, LookupError, RuntimeError, MemoryError, TypeError, ValueError, ModelError, NotApplicable)


def gather(
    task: SceneTask,
    registry: Registry,
    store: Store,
    loaded: Loaded,
    x: torch.Tensor,
    on_event: Tell = lambda *event: None,
) -> dict[str, str]:
    """Measure what is missing of a task whose maps are in the store, and keep it there; what failed, and why.

    What a measure has nothing to say about is kept too, so that it is not asked again.
    """
    pending = missing(task, registry, store)
    if not pending:
        return {}
    failed = {}
    request = SceneRequest(task.card, x, (), task.label, task.parameters, task.chunk)
    bench = Bench(loaded, request, explained(task), registry.methods)
    bench.say_where(inside(task.example, task.card.input))
    bench.seed = seed_of(task.example.digest)
    bench.jobs = [subject.job for subject, slug in pending if subject.job and "redrawn" in MEASURES[slug].inputs]

    def heatmap_of(subject: Subject) -> torch.Tensor:
        if subject.job is None:
            return bench.control(subject.slug)
        array = unpack(store.read(store.get(subject.job.key)["payloads"]["arrays"]))["map"]
        return bench.heatmap(torch.from_numpy(array.copy()).to(x.device), registry.methods[subject.slug])

    for subject, measure in pending:
        with contextlib.suppress(*FAILURES):  # what is wrong is met again, and said, below
            bench.look_ahead(measure, subject, heatmap_of(subject), task.measures[measure])
    for subject, measure in pending:
        key = evidence_key(task, subject, measure, registry)
        on_event("begin", key, "")
        try:
            numbers = bench.measure(measure, subject, heatmap_of(subject), task.measures[measure])
            store.put(key, {"status": "measured", "numbers": numbers})
        except NotApplicable as error:
            store.put(key, {"status": "inapplicable", "reason": str(error)})
        except FAILURES as error:
            failed[f"{subject.slug}, {measure}"] = " ".join(f"{type(error).__name__}: {error}".split())[:400]
    return failed


class Bench:
    """Holds one class of one image, that of a scene's request, up to the measures; `symbol` says which ("label").

    `jobs` are the maps that will be asked for of re-drawn networks: those of one network are made in one go. What the
    network answered to a picture is remembered, so that maps with the same order of pixels share all passes, nearly
    alike ones most, and any two the first and the last. On a GPU it is not: there a pass costs less than to look at a
    picture.
    """

    def __init__(self, loaded: Loaded, request: SceneRequest, symbol: str, methods: Mapping[str, MethodCard]) -> None:
        card, x, label, chunk = request.card, request.x, request.label, request.chunk
        self.loaded, self.card, self.x, self.label, self.chunk = loaded, card, x, label, chunk
        self.parameters, self.methods, self.symbol = request.parameters, methods, symbol
        self.jobs: Sequence[Job] = ()
        self.seed = 0
        self.where: torch.Tensor | None = None
        with untouched(loaded.model), torch.no_grad():
            pixels = pixels_of([symbol]) if card.output["kind"] == "mask" else ()
            readout = replace(readout_of(loaded), pixels=pixels)
            reading = readout.read(loaded.model, x.clone())
        if not torch.isfinite(reading.scores).all():
            raise ModelError(f"{card.slug}: expected finite logits for this image, some are not")
        self.target: Target = find_targets(reading.scores, card, label, [symbol], reading, pixels)[symbol]
        shares = reading.probabilities if reading.shares is None else reading.shares
        self.top = ranked(card.output, shares[0].tolist())[0]
        self._samples = Samples(loaded.model, x, chunk, readout)
        self._answers = PictureProbabilities(self._samples, self.target) if x.device.type == "cpu" else None
        self._enqueued: dict[tuple[str, Subject], list[bytes]] = {}  # for whose measures the first question was seen
        self._redrawn: dict[int, dict[tuple[str, str], torch.Tensor | None]] = {}

    def say_where(self, thing: np.ndarray | None) -> None:
        """Set where in the crop the thing is, bool (H, W)."""
        self.where = None if thing is None else torch.from_numpy(thing).to(self.x.device)

    def measure(self, slug: str, subject: Subject, heatmap: torch.Tensor, parameters: Mapping[str, Any]) -> dict:
        """Return what one measure finds of a map (H, W). Raises `NotApplicable` where it has nothing to say."""
        digests = self._enqueued.pop((slug, subject), None)

        def probability(pictures: Iterable[torch.Tensor]) -> torch.Tensor:
            nonlocal digests
            first, digests = digests, None
            if self._answers is None:
                return self._samples.probability(pictures, self.target)
            if first is not None and self._answers.has(first):
                return self._answers.read(first)
            return self._answers.of(pictures)

        return self._apply(slug, subject, heatmap, parameters, probability)

    def look_ahead(self, slug: str, subject: Subject, heatmap: torch.Tensor, parameters: Mapping[str, Any]) -> None:
        """Note the pictures that a measure will ask about first, before it knows any answer; passes hold those of
        several maps then. `measure` is to be called with the same map and parameters afterwards.
        """
        answers = self._answers
        if answers is None or "probability" not in MEASURES[slug].inputs:
            return

        def probability(pictures: Iterable[torch.Tensor]) -> torch.Tensor:
            self._enqueued[slug, subject] = answers.enqueue(pictures)
            raise _Enough

        with contextlib.suppress(_Enough):
            self._apply(slug, subject, heatmap, parameters, probability)

    def heatmap(self, value: torch.Tensor, card: MethodCard) -> torch.Tensor:
        """Return a method's result (1, h, w) or (1, C, h, w) as one value per pixel of the input (H, W)."""
        value = torch.nan_to_num(value.detach().float(), 0.0, 0.0, 0.0)
        if card.counts == "size":
            value = value.abs()
        if value.ndim == 4:
            value = value.sum(1)
        size = tuple(self.x.shape[-2:])
        return F.interpolate(value[None], size, mode="bilinear", align_corners=False)[0, 0]

    def heatmaps(
        self,
        jobs: Iterable[Job],
        loaded: Loaded | None = None,
        given: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> dict[tuple[str, str], torch.Tensor]:
        """Return the maps (H, W) of some jobs, made now for the explained class, by method and layer; others are left
        out.

        `loaded` is another network in place of ours, `given` are other parameters than the task's.
        """
        maps: dict[tuple[str, str], torch.Tensor] = {}

        def done(job: Job, outcome: Any) -> None:
            if outcome.error is None:
                maps[job.method, job.layer] = self.heatmap(outcome.value, self.methods[job.method])

        index, against = self.target.index, self.target.against
        symbol = f"class:{self.card.classes[index]}"
        if self.target.role == PIXEL:
            symbol = self.symbol
        elif against >= 0:
            symbol = f"contrast:{self.card.classes[index]}:{self.card.classes[against]}"
        named = [replace(job, target=symbol if job.target else "") for job in jobs]
        of = loaded or self.loaded
        request = SceneRequest(self.card, self.x, named, self.label, given or self.parameters, self.chunk)
        Scene(of, request, done).run()
        return maps

    def control(self, slug: str) -> torch.Tensor:
        """Return the map (H, W) of a control; its chance hangs on `seed`, so that no two images get the same."""
        return CONTROLS[slug].function(self.x, self.seed)

    # --- what measures ask for ----------------------------------------------------------------------

    def _apply(
        self,
        slug: str,
        subject: Subject,
        heatmap: torch.Tensor,
        parameters: Mapping[str, Any],
        probability: Callable[[Iterable[torch.Tensor]], torch.Tensor],
    ) -> dict:
        measure = MEASURES[slug]
        values = [
            self._input(name, subject, heatmap) if name != "probability" else self._probability(probability)
            for name in measure.inputs
        ]
        with untouched(self.loaded.model), torch.no_grad():
            return measure.function(*values, **{**measure.parameters, **parameters})

    def _probability(self, probability: Callable) -> Callable:
        if self.card.output["kind"] == "value":
            raise NotApplicable("the network outputs a value, which has no probability")
        return probability

    def _input(self, name: str, subject: Subject, heatmap: torch.Tensor) -> Any:
        if name == "heatmap":
            return heatmap
        if name == "x":
            return self.x
        if name == "depth":
            depth = sum(any(True for _ in layer.parameters(recurse=False)) for layer in self.loaded.model.modules())
            if not depth:
                raise NotApplicable("the network has no parameters that could be drawn anew")
            return depth
        if name == "inside":
            if self.where is None:
                raise NotApplicable("nothing says where the thing is: no box, no mask, no transparency")
            return self.where
        if name == "reseeded":
            return self._reseeded(subject)
        return lambda top: self._again(subject, top)

    def _reseeded(self, subject: Subject) -> Callable[[int], torch.Tensor]:
        if subject.job is None:
            raise NotApplicable("a control is not a method")
        if "seed" not in METHODS[subject.slug].parameters:
            raise NotApplicable("this method is deterministic")

        def again(seed: int) -> torch.Tensor:
            given = {**self.parameters.get(subject.slug, {}), "seed": seed}
            return self._of(subject, self.heatmaps([subject.job], given={**self.parameters, subject.slug: given}))

        return again

    def _again(self, subject: Subject, top: int) -> torch.Tensor:
        """Return the same map of the network with its `top` last layers drawn anew."""
        if subject.job is None:
            return self.control(subject.slug)
        made = self._redrawn.setdefault(top, {})
        waiting = [job for job in dict.fromkeys([*self.jobs, subject.job]) if (job.method, job.layer) not in made]
        if (subject.job.method, subject.job.layer) not in made:
            device = self.x.device
            here = self.loaded.model if device.type == "cpu" else copy.deepcopy(self.loaded.model).cpu()
            model = derive(here, (("randomise", top),), self.loaded.network.seed)  # on the CPU, whose chance is seeded
            forgetful = replace(self.loaded, model=model.eval().requires_grad_(False).to(device))
            maps = self.heatmaps(waiting, forgetful)
            made |= {(job.method, job.layer): maps.get((job.method, job.layer)) for job in waiting}
        return self._of(subject, self._redrawn[top])

    @staticmethod
    def _of(subject: Subject, made: Mapping[tuple[str, str], torch.Tensor | None]) -> torch.Tensor:
        heatmap = made.get((subject.job.method, subject.job.layer))
        if heatmap is None:
            raise NotApplicable("the method has nothing to show of the changed network")
        return heatmap


def seed_of(name: str) -> int:
    """Return a seed for the chance in the controls of a picture, from its name."""
    return int(hashlib.sha256(name.encode()).hexdigest()[:8], 16)


class _Enough(Exception):
    """A measure has asked; what it makes of an answer is not wanted."""
