"""One image through one network: the fewest passes that feed every job, each job done when its last input arrives."""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from .cam_layers import classifier, strip_layers
from .capture import RULES, Watch, first_tensor, rectifiers, untouched
from .methods import INPUTS, METHODS, method_slug
from .models import Loaded
from .samples import Samples
from .tape import record
from .targets import Target, find_targets
from .types import Job, ModelCard, ModelError, NotApplicable

RULE_OF = {"input_gradient": "vanilla", "guided_gradient": "guided", "deconvnet_gradient": "deconvnet"}
BENT = ("guided_gradient", "deconvnet_gradient", "rectifiers", "project_units")  # need a rule at every rectifier


class Node(NamedTuple):
    """A method at one point of its axes; several jobs and other methods may want it."""

    method: str
    layer: str
    target: str


@dataclass
class Outcome:
    """What became of a job: a value, or why there is none."""

    value: Any = None  # a tensor or a list of tensors
    numbers: dict[str, Any] | None = None
    frames: list[torch.Tensor] | None = None  # what the method showed on its way to the value
    target: Target | None = None
    error: Exception | None = None


class Scene:
    """Runs the jobs of one image and one network; `done(job, outcome)` is called for each when it can be.

    `x` is the normalised input (1, C, H, W), None for jobs about the network alone. `label` is the image's class name
    in the network's vocabulary, or "". `parameters` holds what gallery.yml sets per method. `chunk` is how many
    samples of one image share a pass.
    """

    def __init__(
        self,
        loaded: Loaded,
        card: ModelCard,
        x: torch.Tensor | None,
        jobs: Iterable[Job],
        done: Callable[[Job, Outcome], None],
        label: str = "",
        parameters: Mapping[str, Mapping[str, Any]] | None = None,
        chunk: int = 8,
        begin: Callable[[Job], None] = lambda job: None,
    ) -> None:
        self.loaded, self.card, self.x, self.label, self.chunk = loaded, card, x, label, chunk
        self.parameters, self.done, self.begin = parameters or {}, done, begin
        self.targets: dict[str, Target] = {}
        self.error: Exception | None = None  # why no class can be explained
        self.kinds = {layer.name: layer.kind for layer in card.layers}
        self._wanted: dict[Node, list[Job]] = defaultdict(list)
        self._missing: dict[Node, set[tuple]] = {}
        self._waiting: dict[tuple, list[Node]] = defaultdict(list)
        self._values: dict[tuple, Any] = {}
        for job in jobs:
            self._wanted[self._want(job.method, job.layer, job.target)].append(job)

    def run(self) -> None:
        """Does every job. An error in a method is that job's outcome; one in the network's own pass is raised."""
        with untouched(self.loaded.model), torch.no_grad():
            self._still()
            if self.x is not None and self._waiting:
                self._passes()
                self._sampling()
        for key in [key for key, nodes in self._waiting.items() if nodes]:
            self._refuse(key, NotApplicable(self._why_missing(key)))

    # --- what is wanted ---------------------------------------------------------------------------

    def _want(self, method: str, layer: str, target: str) -> Node:
        axes = METHODS[method].axes
        node = Node(method, layer if "layer" in axes else "", target if "target" in axes else "")
        if node in self._missing:
            return node
        for name in METHODS[method].inputs:
            if name not in INPUTS:
                self._want(method_slug(name), node.layer, node.target)
        self._missing[node] = set(self._keys_of(node))
        for key in self._missing[node]:
            self._waiting[key].append(node)
        return node

    @staticmethod
    def _key(name: str, layer: str, target: str) -> tuple:
        axes = INPUTS[name]
        return (name, layer if "layer" in axes else "", target if "target" in axes else "")

    def _needs(self, *names: str) -> list[tuple]:
        return [key for key, nodes in self._waiting.items() if key[0] in names and nodes]

    # --- how values arrive ------------------------------------------------------------------------

    def _arrive(self, key: tuple, value: Any) -> None:
        nodes = self._waiting.pop(key, [])
        if not nodes:
            return
        self._values[key] = value
        for node in nodes:
            missing = self._missing.get(node)  # None: it was refused for want of another input
            if missing is not None:
                missing.discard(key)
                if not missing:
                    self._fire(node)
        self._release(key)

    def _release(self, key: tuple) -> None:
        if not any(key in self._keys_of(node) for node in self._missing):
            self._values.pop(key, None)

    def _keys_of(self, node: Node) -> list[tuple]:
        keys = []
        for name in METHODS[node.method].inputs:
            if name in INPUTS:
                keys.append(self._key(name, node.layer, node.target))
            else:
                other = METHODS[method_slug(name)]
                layer = node.layer if "layer" in other.axes else ""
                keys.append(("result", Node(other.slug, layer, node.target if "target" in other.axes else "")))
        return keys

    def _fire(self, node: Node) -> None:
        method, jobs = METHODS[node.method], self._wanted.get(node, [])
        for job in jobs or self._served(node)[:1]:
            self.begin(job)
        arguments = [self._values[key] for key in self._keys_of(node)]
        del self._missing[node]
        outcome = Outcome(target=self.targets.get(node.target))
        try:
            result = method.function(*arguments, **{**method.parameters, **self.parameters.get(node.method, {})})
            if inspect.isgenerator(result):
                *outcome.frames, result = result
            outcome.value, outcome.numbers = (result, {}) if _is_value(result) else result
        except Exception as error:  # whatever goes wrong in a method ends this job alone, and is its outcome
            outcome.error = error
        for job in jobs:
            self.done(job, outcome)
        if outcome.error:
            self._refuse(("result", node), outcome.error)
        else:
            self._arrive(("result", node), outcome.value)

    def _served(self, node: Node) -> list[Job]:
        """Jobs that wait for a method no one asked for."""
        nodes = self._waiting.get(("result", node), [])
        return [job for one in nodes for job in self._wanted.get(one) or self._served(one)]

    def _refuse(self, key: tuple, error: Exception) -> None:
        """Every job that waits for `key` ends with `error`."""
        for node in self._waiting.pop(key, []):
            if self._missing.pop(node, None) is None:
                continue
            for job in self._wanted.get(node, []):
                self.done(job, Outcome(error=error, target=self.targets.get(node.target)))
            self._refuse(("result", node), error)

    # --- the passes -------------------------------------------------------------------------------

    def _still(self) -> None:
        """What needs no pass: the input and the weights."""
        modules = dict(self.loaded.model.named_modules())
        for key in self._needs("weight"):
            module = modules.get(key[1])
            if isinstance(getattr(module, "weight", None), torch.Tensor):
                self._arrive(key, module.weight.detach())
            else:
                self._refuse(key, NotApplicable(f"{key[1]} has no kernels"))
        if self.x is not None:
            self._arrive(("x", "", ""), self.x)

    def _passes(self) -> None:
        """One forward for all, then one backward for each target and rule."""
        backward = self._needs("gradient", "gradients", *RULE_OF)
        graph = bool(backward or self._needs(*BENT))
        x = self.x.detach().clone()
        with torch.set_grad_enabled(graph):
            x.requires_grad_(graph)
            watch = Watch(self.loaded.model, self._passing, rules=graph)
            self._watch, self._current = watch, ""
            self._strip = strip_layers(self.card) if self._needs("activations", "gradients") else []
            self._kept: dict[str, torch.Tensor] = {}
            self._grads: dict[str, torch.Tensor] = {}
            given = x.clone() if graph else x  # a network may overwrite its input, but not a leaf of the graph
            with watch:
                logits = first_tensor(self.loaded.model(given))
        self._speaks(logits.detach())
        self._arrive(("activations", "", ""), self._kept)
        self._count_rectifiers(logits)
        self._backwards(x, logits, backward)

    def _passing(self, name: str, type_: str, kind: str, tensor: torch.Tensor) -> None:
        """A layer's tensor goes by, and may be overwritten by what comes next."""
        key = ("activation", name, "")
        nodes = self._waiting.get(key, [])
        wants_gradient = name in self._strip or any(k[1] == name for k in self._needs("gradient"))
        with torch.no_grad():
            if name in self._strip:
                self._kept[name] = tensor.detach().clone()
            if nodes:
                patient = any(len(self._missing[node]) > 1 or ("result", node) in self._waiting for node in nodes)
                self._arrive(key, tensor.detach().clone() if patient else tensor.detach())
        if wants_gradient and tensor.requires_grad:
            tensor.register_hook(lambda gradient, name=name: self._returning(name, gradient))

    def _returning(self, name: str, gradient: torch.Tensor) -> None:
        """The gradient of the current target reaches a layer."""
        if self._watch.rule != "vanilla":
            return
        with torch.no_grad():
            if name in self._strip:
                self._grads[name] = gradient.detach()
            self._arrive(("gradient", name, self._current), gradient.detach())

    def _speaks(self, logits: torch.Tensor) -> None:
        """What follows from the logits alone."""
        probabilities = [key for key in self._needs("activation") if self.kinds.get(key[1]) == "softmax"]
        symbols = {node.target for node in self._missing if node.target}
        broken = int((~torch.isfinite(logits)).sum())
        if broken:
            self.error = ModelError(
                f"{self.card.slug}: {broken} of {logits.numel()} logits are not finite for this image"
            )
            for key in [("logits", "", ""), *probabilities]:
                self._refuse(key, self.error)
            for symbol in symbols:
                self._refuse_target(symbol)
            return
        self.targets = find_targets(logits, self.card, self.label, symbols)
        self._arrive(("logits", "", ""), logits)
        for key in probabilities:
            self._arrive(key, logits.softmax(1))
        for key in self._needs("class_weight", "relevance"):
            if key[2] not in self.targets:
                self._refuse_target(key[2])
            elif key[0] == "relevance":
                self._arrive(key, self.targets[key[2]].share(logits))
            else:
                self._class_weight(key)

    def _class_weight(self, key: tuple) -> None:
        target, weight = self.targets[key[2]], classifier(self.loaded.model, self.card)
        if weight is None:
            reason = "CAM needs a network that ends in global average pooling and one linear layer or 1x1 convolution"
            self._refuse(key, NotApplicable(reason))
        else:
            row = weight[target.index]
            self._arrive(key, row if target.against < 0 else row - weight[target.against])

    def _count_rectifiers(self, logits: torch.Tensor) -> None:
        """How many rectifiers obey the rules; where an activation has no rule, what needs one is refused."""
        needing = self._needs(*BENT)
        if not needing:
            return
        missed, undefined = rectifiers(logits)
        reason = NotApplicable(f"undefined for {' and '.join(sorted(undefined))}: its rule is of ReLU")
        for key in needing if undefined else []:
            self._refuse(key, reason)
        self._arrive(("rectifiers", "", ""), f"{self._watch.caught} of {self._watch.caught + missed}")

    def _backwards(self, x: torch.Tensor, logits: torch.Tensor, keys: list[tuple]) -> None:
        """One backward for each target and ReLU rule that is asked for, all through the same graph."""
        plan = []
        for target in dict.fromkeys(key[2] for key in keys):
            if target not in self.targets:
                self._refuse_target(target)
                continue
            names = {key[0] for key in self._needs("gradient", "gradients", *RULE_OF) if key[2] == target}
            rules = {RULE_OF.get(name, "vanilla") for name in names}
            plan += [(target, rule) for rule in RULES if rule in rules]
        for number, (target, rule) in enumerate(plan):
            self._current, self._watch.rule = target, rule
            with torch.enable_grad():
                score = self.targets[target].pick(logits).sum()
                (gradient,) = torch.autograd.grad(score, x, retain_graph=number < len(plan) - 1)
            self._arrive((next(name for name, r in RULE_OF.items() if r == rule), "", target), gradient.detach())
            if rule == "vanilla" and self._strip:
                ordered = {name: self._grads[name] for name in self._strip if name in self._grads}
                self._arrive(("gradients", "", target), ordered)
        self._grads = {}

    def _sampling(self) -> None:
        """What makes its own passes comes last, when the shared graph is gone."""
        self._kept = {}
        samples = Samples(self.loaded.model, self.x, self.chunk)
        for key in self._needs("noise"):
            self._arrive(key, samples.noise)
        for key in self._needs("tape"):
            self._arrive(key, record(self.loaded.model, self.x.clone()))
        for key in self._needs("project_units"):
            self._arrive(key, lambda units, layer=key[1]: samples.project_units(layer, units))
        for key in self._needs("score", "score_gradient", "ablated_score"):
            target, layer = self.targets.get(key[2]), key[1]
            if target is None:
                self._refuse_target(key[2])
            elif key[0] == "ablated_score":
                self._arrive(
                    key, lambda channels, layer=layer, target=target: samples.ablated_score(layer, channels, target)
                )
            else:
                asked = getattr(samples, key[0])
                self._arrive(key, lambda variants, asked=asked, target=target: asked(variants, target))

    # --- why there is nothing -----------------------------------------------------------------------

    def _refuse_target(self, symbol: str) -> None:
        missing = NotApplicable(f"no class {symbol.partition(':')[2]!r} in the vocabulary of {self.card.slug}")
        for key in [key for key in self._waiting if key[-1] == symbol]:
            self._refuse(key, self.error or missing)

    def _why_missing(self, key: tuple) -> str:
        if key[0] in ("activation", "gradient"):
            what = f"on this image has no layer {key[1]!r}" if key[1] else "has no layer with space"
            return f"the forward pass of {self.card.slug} {what}"
        return f"{key[0].replace('_', ' ')} is not to be had from {self.card.slug}"


def _is_value(result: Any) -> bool:
    return not (isinstance(result, tuple) and len(result) == 2 and isinstance(result[1], dict))
