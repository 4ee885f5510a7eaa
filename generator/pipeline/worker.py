"""What a worker process does: loads networks, describes them, runs scenes, draws their pictures, stores both."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch

from generator.analysis.evidence import gather
from generator.analysis.evidence_tasks import Registry
from generator.analysis.measure_registry import MEASURES, load_measures
from generator.analysis.measure_registry import card as measure_card
from generator.analysis.measures.controls import CONTROLS
from generator.analysis.probe import jobs
from generator.analysis.probe.tasks import hashed_files
from generator.core import plugins
from generator.core.code_digest import closure_digest, package_digest
from generator.core.errors import InnerviewError, NotApplicable
from generator.core.read_once import Changed, ledger
from generator.core.records import ControlCard, Example, Job, MeasureCard, MethodCard, ModelCard, Network
from generator.core.store import Store, StoreError
from generator.core.tasks import LiveTask, PairTask, ProbeTask, SceneTask
from generator.data.preprocess import normalise, whole
from generator.data.preprocess import photo as photo_of
from generator.engine.inputs import Pictures
from generator.engine.method_card import card
from generator.engine.method_registry import METHODS, load_methods
from generator.engine.model_card import describe
from generator.engine.scene import Scene, SceneRequest
from generator.engine.scheduler import Outcome
from generator.live.live_script import live_script
from generator.models.load import Loaded, load

from .model_pairs import draw_pairs
from .scene_output import SceneOutput, StepReporter, Tell


class Worker:
    """Answers `methods`, `describe` and `scene`; keeps the last network it loaded."""

    def __init__(self, store: Path, device: str = "cpu", trust_pickle: bool = False, code: str = "") -> None:
        """Raises `StoreError` where `code`, which keys are made of, is not the digest of the code that runs here."""
        self.store, self.device, self.trust_pickle = Store(store), device, trust_pickle
        self._loaded: tuple[Network, Loaded] | None = None
        load_methods()
        load_measures()
        if code and package_digest(*plugins.methods()) != code:  # after all of it was imported
            raise StoreError(str(Changed("the code of Innerview or of a package with methods")))
        self._cards = {slug: card(method) for slug, method in METHODS.items()}

    def methods(self) -> list[MethodCard]:
        """Return the cards of all methods in order."""
        return sorted(self._cards.values(), key=lambda card: card.order)

    def preload(self, loaded: Loaded) -> None:
        """Keep a network that is loaded already."""
        self._loaded = (loaded.network, loaded)

    def describe(self, network: Network) -> ModelCard:
        """Return the card of a network."""
        return self.describe_files(network)[0]

    def describe_files(self, network: Network) -> tuple[ModelCard, dict[str, str]]:
        """Return the card of a network, and the digests of all files that it was read from, by path."""
        loaded = self._load(network)
        return describe(loaded), loaded.files

    def scene(self, task: SceneTask, tell: Tell) -> None:
        """Computes the arrays and draws the pictures of a task that the store does not hold."""
        with ledger(hashed_files(task.probe), closed=True) if task.probe else nullcontext():
            self._scene(task, tell)

    def _scene(self, task: SceneTask, tell: Tell) -> None:
        drawing = SceneOutput(self.store, task, self._cards, tell)
        missing = [job for job in task.jobs if not drawing.known(job) and job.key not in task.skipped]
        for job in [job for job in missing if "probe" in self._cards[job.method].inputs]:
            missing.remove(job)
            tell("begin", job.key, "")
            drawing.done(job, self._from_probe(task.probe, job))
        if missing:
            loaded = self._load(task.network, task.card)
            x = None
            if task.example is not None:
                x = torch.from_numpy(normalise(drawing.crop, task.card.input)).to(self.device)
            pictures = self._pictures(task)
            request = SceneRequest(
                task.card, x, missing, task.label, task.parameters, task.chunk, pictures, task.careful
            )
            Scene(loaded, request, drawing.done, lambda job: tell("begin", job.key, ""), StepReporter(tell)).run()
        drawing.finish()

    def measures(self) -> tuple[list[MeasureCard], list[ControlCard]]:
        """Return the cards of all measures and of all controls."""
        code = closure_digest("generator.analysis.measures.controls")
        controls = [ControlCard(control.slug, control.title, control.summary, code) for control in CONTROLS.values()]
        return [measure_card(measure) for measure in MEASURES.values()], controls

    def evidence(self, task: SceneTask, registry: Registry, tell: Tell = lambda *event: None) -> dict[str, str]:
        """Measures the maps of a task that the store holds without their evidence; what failed, and why."""
        x = self._x(task)
        if x is None:  # of a network alone nothing is measured
            return {}
        return gather(task, registry, self.store, self._load(task.network, task.card), x, tell)

    def probe_images(self, task: ProbeTask) -> int:
        """Return how many images a probe has."""
        with ledger(hashed_files(task), closed=True):
            return len(jobs.pictures_of(task))

    def probe_part(self, task: ProbeTask, number: int) -> None:
        """Shows one part of a probe's images to the network."""
        loaded = self._load(task.network, task.card)
        with ledger(hashed_files(task), closed=True):
            jobs.part(task, number, loaded, self.store)

    def probe_whole(self, task: ProbeTask) -> None:
        """Puts the parts of a probe together."""
        loaded = self._load(task.network, task.card)
        with ledger(hashed_files(task), closed=True):
            jobs.combine(task, loaded, self.store)

    def live(self, task: LiveTask) -> None:
        """Keeps a network as the live page loads it, or the reason why there it cannot be."""
        if self.device == "cpu":
            loaded = self._load(task.network, task.card)
        else:  # graphs are made, and checked, where the browser will run them
            loaded = load(task.network, "cpu", self.trust_pickle)
        script, reason = live_script(loaded, task.card)
        self.store.put(task.key, {"reason": reason}, {"script": script} if script else {})

    def pairs(self, task: PairTask) -> None:
        """Draws what two networks have in common on one image."""
        draw_pairs(task, self.store)

    def array(self, task: SceneTask, job: Job, channel: int | None = None) -> tuple[list[np.ndarray], Outcome]:
        """Return the raw float32 result of one job, computed anew; of an activation one `channel` alone, where asked
        for.
        """
        outcomes: list[Outcome] = []
        x = self._x(task)
        loaded = self._load(task.network, task.card)

        def keep(job: Job, outcome: Outcome) -> None:
            if channel is not None and not outcome.error:
                outcome.value = _one_channel(outcome.value, channel)
            outcomes.append(_detached(outcome))

        pictures = self._pictures(task)
        request = SceneRequest(task.card, x, [job], task.label, task.parameters, task.chunk, pictures)
        Scene(loaded, request, keep).run()
        (outcome,) = outcomes
        if outcome.error:
            raise outcome.error
        values = outcome.value if isinstance(outcome.value, list) else [outcome.value]
        return [value.float().cpu().numpy() for value in values], outcome

    def _x(self, task: SceneTask) -> torch.Tensor | None:
        """Return the normalised input (1, C, H, W) of a task; None where it is of no image."""
        if task.example is None:
            return None
        input = task.card.input
        return torch.from_numpy(normalise(photo_of(task.example, input), input)).to(self.device)

    def _from_probe(self, probe: ProbeTask | None, job: Job) -> Outcome:
        """Return what a method makes of the strongest images of a layer's channels."""
        if probe is None:
            return Outcome(error=NotApplicable("the network has no probe"))
        try:
            return Outcome(METHODS[job.method].function(jobs.strongest(probe, job.layer, self.store)))
        except NotApplicable as error:
            return Outcome(error=error)

    def _pictures(self, task: SceneTask) -> Pictures:
        """Return the whole pictures that a task may ask for: the image's own, and those of the styles."""
        examples = {style.id: style for style in task.styles} | ({"": task.example} if task.example else {})
        input = task.card.input

        def give(example: Example) -> Callable[[int], torch.Tensor]:
            return lambda side: torch.from_numpy(normalise(whole(example, input, side), input)).to(self.device)

        return {name: give(example) for name, example in examples.items()}

    def _load(self, network: Network, card: ModelCard | None = None) -> Loaded:
        """Return the network; where keys were made of a `card`, it has to be the one that the card describes."""
        if self._loaded is None or self._loaded[0] != network:
            self._loaded = None  # before the next one is loaded: two large networks need not fit at once
            self._loaded = (network, load(network, self.device, self.trust_pickle))
        if card and self._loaded[1].key != card.digest:
            raise Changed(f"{network.name}: its weights or code")
        return self._loaded[1]


def _one_channel(value: torch.Tensor, channel: int) -> torch.Tensor:
    if not 0 <= channel < value.shape[1]:
        raise InnerviewError(f"#c{channel}: expected a channel from 0 to {value.shape[1] - 1}")
    return value[:, channel : channel + 1]


def _detached(outcome: Outcome) -> Outcome:
    """Return a copy that a later in-place operation cannot change."""
    value = outcome.value
    if isinstance(value, torch.Tensor):
        outcome.value = value.detach().clone()
    elif value is not None:
        outcome.value = [tensor.detach().clone() for tensor in value]
    return outcome
