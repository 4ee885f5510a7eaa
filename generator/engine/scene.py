"""One image through one network: the fewest passes that feed every job, each job done when its last input arrives."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from generator.core.answer_kinds import FURTHER, PIXEL
from generator.core.errors import ModelError, NotApplicable
from generator.core.records import Job, ModelCard
from generator.models.layers import strip_layers
from generator.models.load import Loaded

from .cam_layers import classifier
from .capture import RULES, Watch, not_finite
from .derivatives import SWITCHED_OFF, derive
from .inputs import Answers, Pictures
from .oom_retry import out_of_memory, retry_with_smaller_batches
from .preserve import untouched
from .progress import Step
from .readout import Reading, readout_of
from .rectifiers import census
from .scheduler import Outcome, Waiting, Want
from .space import planes_of, space_of
from .targets import Target, find_targets, pixels_of

RULE_OF = {"input_gradient": "vanilla", "guided_gradient": "guided", "deconvnet_gradient": "deconvnet"}
LARGE_IMAGE_PIXELS = 2**20  # pixels of a picture
NEEDS_RELU_RULES = (
    "guided_gradient",
    "deconvnet_gradient",
    "rectifiers",
    "project_units",
)  # need a rule at every rectifier


@dataclass(frozen=True)
class SceneRequest:
    """What is asked of one network about one image."""

    card: ModelCard
    x: torch.Tensor | None  # the normalised input (1, C, H, W); None for jobs about the network alone
    jobs: Sequence[Job]
    label: str = ""  # the image's class name in the network's vocabulary
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # what gallery.yml sets per method
    chunk: int = 8  # samples of one image that share a pass, fewer where memory does not suffice
    pictures: Pictures = field(default_factory=dict)  # whole photographs, of the image and of styles
    careful: Container[str] = ()  # keys of jobs that have each sample in a pass of its own


class Scene:
    """Runs the jobs of one image and one network; `done(job, outcome)` is called for each when it can be."""

    def __init__(
        self,
        loaded: Loaded,
        request: SceneRequest,
        done: Callable[[Job, Outcome], None],
        begin: Callable[[Job], None] = lambda job: None,
        step: Callable[[Job, Step], None] = lambda job, step: None,
    ) -> None:
        card, x, chunk = request.card, request.x, request.chunk
        self.loaded, self.card, self.x, self.label = loaded, card, x, request.label
        self.error: Exception | None = None  # why no class can be explained

        def attempt(job: Job, work: Callable[[], Any]) -> tuple[Any, str]:
            return retry_with_smaller_batches(work, self._answers.share, chunk, 1 if job.key in request.careful else 0)

        self.waiting = Waiting(request.jobs, done, begin, step, request.parameters, attempt)
        self._pixels = pixels_of({job.target for job in request.jobs}) if card.output["kind"] == "mask" else ()
        self._readout = replace(readout_of(loaded), pixels=self._pixels)
        self._answers = Answers(loaded, card, x, chunk, request.pictures, self._readout)

    def run(self) -> None:
        """Does every job. An error in a method is that job's outcome; one in the network's own pass is raised."""
        with untouched(self.loaded.model), torch.no_grad():
            self._answers.before(self.waiting)
            if self.x is not None and self.waiting.left():
                try:
                    self._passes(self.x)
                except Exception as error:
                    if out_of_memory(error):
                        message = str(error) or type(error).__name__
                        raise ModelError(f"memory ran out in the pass of a single picture: {message}") from error
                    raise
                self._answers.after(self.x, self.waiting, self._refuse_target)
        for key in self.waiting.left():
            self.waiting.refuse(key, NotApplicable(self._why_missing(key)))

    @property
    def targets(self) -> dict[str, Target]:
        """The class behind each symbol, once the network has spoken."""
        return self.waiting.targets

    # --- the passes -------------------------------------------------------------------------------

    def _passes(self, image: torch.Tensor) -> None:
        """One forward for all, then one backward for each target and rule."""
        self._space = space_of(self.loaded, self.card, image.shape[1:])
        backward = self.waiting.needs("gradient", "gradients", *RULE_OF)
        graph = bool(backward or self.waiting.needs(*NEEDS_RELU_RULES))
        x = image.detach().clone()
        with torch.set_grad_enabled(graph):
            x.requires_grad_(graph)
            watch = Watch(self.loaded.model, self._on_activation, rules=graph)
            self._watch, self._current = watch, ""
            self._strip = strip_layers(self.card) if self.waiting.needs("activations", "gradients") else []
            self._kept: dict[str, torch.Tensor] = {}
            self._grads: dict[str, torch.Tensor] = {}
            given = x.clone() if graph else x  # a network may overwrite its input, but not a leaf of the graph
            with watch:
                reading = self._readout.read(self.loaded.model, _laid_out(given))
        logits = reading.scores
        self._on_reading(reading._replace(scores=logits.detach()))
        self.waiting.arrive(Want("activations"), self._kept)
        self._count_rectifiers(logits)
        self._backwards(x, logits, backward)

    def _on_activation(self, name: str, type_: str, kind: str, tensor: torch.Tensor) -> None:
        """A layer's tensor goes by, and may be overwritten by what comes next."""
        key = Want("activation", name)
        wants_gradient = name in self._strip or any(want.layer == name for want in self.waiting.needs("gradient"))
        with torch.no_grad():
            planes = planes_of(self._space, name, tensor.detach(), 1)
            if name in self._strip:
                self._kept[name] = planes.clone()
            self.waiting.arrive(key, planes.clone() if self.waiting.must_copy(key) else planes)
        if wants_gradient and tensor.requires_grad:
            tensor.register_hook(lambda gradient, name=name: self._on_gradient(name, gradient))

    def _on_gradient(self, name: str, gradient: torch.Tensor) -> None:
        """The gradient of the current target reaches a layer."""
        if self._watch.rule != "vanilla":
            return
        with torch.no_grad():
            gradient = planes_of(self._space, name, gradient.detach(), 1)
            if name in self._strip:
                self._grads[name] = gradient
            self.waiting.arrive(Want("gradient", name, self._current), gradient)

    def _on_reading(self, reading: Reading) -> None:
        """Give what follows from the logits alone."""
        logits = reading.scores
        last = self.card.layers[-1]  # other softmaxes are attention's: they passed by as they are
        probabilities = [Want("activation", last.name)]
        symbols = self.waiting.symbols()
        broken = int((~torch.isfinite(logits)).sum())
        if broken and self.x is not None:
            first = not_finite(self.loaded.model, self.x)
            where = f"; the first layer with such values is {first}" if first else ""
            self.error = ModelError(
                f"{self.card.slug}: {broken} of {logits.numel()} logits are not finite for this image{where}"
            )
            for key in [Want("logits"), *probabilities]:
                self.waiting.refuse(key, self.error)
            for symbol in symbols:
                self._refuse_target(symbol)
            return
        self.targets.update(find_targets(logits, self.card, self.label, symbols, reading, self._pixels))
        self.waiting.arrive(Want("logits"), logits[:, : len(self.card.classes)])
        for key in probabilities:
            self.waiting.arrive(key, self._readout.answers(reading))
        for key in self.waiting.needs("class_weight", "relevance"):
            if key.target not in self.targets:
                self._refuse_target(key.target)
            elif key.name == "relevance":
                self.waiting.arrive(key, self.targets[key.target].share(logits))
            else:
                self._class_weight(key)

    def _class_weight(self, key: Want) -> None:
        target, weight = self.targets[key.target], classifier(self.loaded.model, self.card)
        if weight is None:
            reason = "CAM needs a network that ends in global average pooling and one linear layer or 1x1 convolution"
            self.waiting.refuse(key, NotApplicable(reason))
        else:
            row = weight[target.index]
            self.waiting.arrive(key, row if target.against < 0 else row - weight[target.against])

    def _count_rectifiers(self, logits: torch.Tensor) -> None:
        """Count the rectifiers that obey the rules; where not all do, refuse what needs them to."""
        needing = self.waiting.needs(*NEEDS_RELU_RULES)
        if not needing:
            return
        counted = census(self._watch, logits)
        refusal = counted.refusal if logits.requires_grad else SWITCHED_OFF
        for key in needing if refusal else []:
            self.waiting.refuse(key, NotApplicable(refusal))
        self.waiting.arrive(Want("rectifiers"), f"{counted.caught} of {counted.total}")

    def _backwards(self, x: torch.Tensor, logits: torch.Tensor, keys: list[Want]) -> None:
        """One backward for each target and ReLU rule that is asked for, all through the same graph."""
        plan = []
        for target in dict.fromkeys(key.target for key in keys):
            if target not in self.targets:
                self._refuse_target(target)
                continue
            names = {key.name for key in self.waiting.needs("gradient", "gradients", *RULE_OF) if key.target == target}
            rules = {RULE_OF.get(name, "vanilla") for name in names}
            plan += [(target, rule) for rule in RULES if rule in rules]
        for number, (target, rule) in enumerate(plan):
            self._current, self._watch.rule = target, rule
            name = next(name for name, of in RULE_OF.items() if of == rule)
            try:
                with torch.enable_grad():
                    score = self.targets[target].pick(logits).sum()
                    (gradient,) = derive(score, [x], retain=number < len(plan) - 1)
            except Exception as error:  # an operation without a derivative costs what wants one, and nothing else
                if out_of_memory(error):
                    raise
                refused = (name, "gradient", "gradients") if rule == "vanilla" else (name,)
                for key in [key for key in self.waiting.needs(*refused) if key.target == target]:
                    self.waiting.refuse(key, error)
                continue
            self.waiting.arrive(Want(name, "", target), gradient.detach())
            ordered = {name: self._grads[name] for name in self._strip if name in self._grads}
            if rule == "vanilla" and ordered:
                self.waiting.arrive(Want("gradients", "", target), ordered)
        self._grads = {}

    # --- why there is nothing -----------------------------------------------------------------------

    def _refuse_target(self, symbol: str) -> None:
        missing = NotApplicable(f"no class {symbol.partition(':')[2]!r} in the vocabulary of {self.card.slug}")
        if symbol.startswith(f"{FURTHER}:"):
            missing = NotApplicable("no further label reaches the threshold")
        if symbol.startswith(f"{PIXEL}:"):
            missing = NotApplicable(self._why_no_pixel(symbol))
        self.waiting.refuse_target(symbol, self.error or missing)

    def _why_no_pixel(self, symbol: str) -> str:
        if self.card.output["kind"] != "mask" or self.x is None:
            return f"{self.card.slug} does not answer pixel by pixel: a pixel is explained of segmentations"
        _, row, column = symbol.split(":")
        height, width = self.x.shape[-2:]
        return f"row {row}, column {column} lies outside of the input of {height} x {width} pixels"

    def _why_missing(self, key: tuple) -> str:
        if key[0] == "gradients":
            return f"no stage of {self.card.slug} with channels and space hands back a gradient"
        if key[0] in ("activation", "gradient"):
            what = f"on this image has no layer {key[1]!r}" if key[1] else "has no layer with space"
            return f"the forward pass of {self.card.slug} {what}"
        return f"{key[0].replace('_', ' ')} is not available for {self.card.slug}"


def _laid_out(x: torch.Tensor) -> torch.Tensor:
    """Return a large picture with its channels last: convolutions then need no second copy of their input and
    output.
    """
    return x.contiguous(memory_format=torch.channels_last) if x.shape[-1] * x.shape[-2] > LARGE_IMAGE_PIXELS else x
