"""One image through one network: the fewest passes that feed every job, each job done when its last input arrives."""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from .capture import RULES, Watch, first_tensor, untouched
from .methods import INPUTS, METHODS, method_slug
from .models import Loaded
from .types import Job, ModelCard, NotApplicable

RULE_OF = {"input_gradient": "vanilla", "guided_gradient": "guided", "deconvnet_gradient": "deconvnet"}
STRIP = 8  # maps in a strip over depth, at most


class Target(NamedTuple):
    """The class that a job explains, found after the forward pass."""

    name: str
    index: int
    probability: float
    role: str  # "label", "rival", "top", "class" or "contrast"
    against: int = -1  # of a contrast S_a - S_b: the index of b

    def pick(self, logits: torch.Tensor) -> torch.Tensor:
        """S_c of each sample, (N,), of logits (N, classes)."""
        score = logits[:, self.index]
        return score if self.against < 0 else score - logits[:, self.against]


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
    frames: list[torch.Tensor] | None = None
    target: Target | None = None
    error: Exception | None = None


class Scene:
    """Runs the jobs of one image and one network; `done(job, outcome)` is called for each as soon as it can be.

    `x` is the normalised input (1, C, H, W), None for jobs about the network alone. `label` is the image's class name in
    the network's vocabulary, or "". `parameters` holds what gallery.yml sets per method. `chunk` is how many samples
    of one image share a pass.
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
            if self.x is not None and any(key[0] not in ("weight",) for key in self._waiting):
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
        keys = set()
        for name in METHODS[method].inputs:
            if name in INPUTS:
                key = self._key(name, node.layer, node.target)
            else:
                other = self._want(method_slug(name), node.layer, node.target)
                key = ("result", other)
            keys.add(key)
        self._missing[node] = keys
        for key in keys:
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
            self._missing[node].discard(key)
            if not self._missing[node]:
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
        for job in jobs:
            self.begin(job)
        arguments = [self._values[key] for key in self._keys_of(node)]
        del self._missing[node]
        outcome = Outcome(target=self.targets.get(node.target))
        try:
            result = method.function(*arguments, **{**method.parameters, **self.parameters.get(node.method, {})})
            if inspect.isgenerator(result):
                outcome.frames = list(result)
                result = outcome.frames[-1]
            outcome.value, outcome.numbers = result if _has_numbers(result) else (result, {})
        except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError, NotApplicable, AssertionError) as error:
            outcome.error = error
        for job in jobs:
            self.done(job, outcome)
        if outcome.error:
            self._refuse(("result", node), outcome.error)
        else:
            self._arrive(("result", node), outcome.value)

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
        backward = self._needs("gradient", "gradients", *RULE_OF)
        x = self.x.detach().clone()
        with torch.set_grad_enabled(bool(backward)):
            x.requires_grad_(bool(backward))
            watch = Watch(self.loaded.model, self._passing, rules=bool(backward))
            self._watch, self._current = watch, ""
            self._strip = self._strip_layers() if self._needs("activations", "gradients") else []
            self._kept: dict[str, torch.Tensor] = {}
            self._grads: dict[str, torch.Tensor] = {}
            with watch:
                logits = first_tensor(self.loaded.model(x))
        self._find_targets(logits.detach())
        self._arrive(("logits", "", ""), logits.detach())
        for key in self._needs("activation"):
            if self.kinds.get(key[1]) == "softmax":
                self._arrive(key, logits.detach().softmax(1))
        self._arrive(("activations", "", ""), self._kept)
        for key in self._needs("class_weight"):
            self._class_weight(key)
        self._backwards(x, logits, backward)

    def _passing(self, name: str, type_: str, kind: str, tensor: torch.Tensor) -> None:
        """A layer's tensor goes by, and may be overwritten by what comes next."""
        key = ("activation", name, "")
        wants_gradient = tensor.requires_grad and any(k[1] == name for k in self._needs("gradient"))
        with torch.no_grad():
            if name in self._strip:
                self._kept[name] = tensor.detach().clone()
            nodes = self._waiting.get(key, [])
            if nodes:
                patient = any(len(self._missing[node]) > 1 for node in nodes)
                self._arrive(key, self._kept.get(name, tensor.detach().clone()) if patient else tensor.detach())
        if wants_gradient or (name in self._strip and tensor.requires_grad):
            tensor.register_hook(lambda gradient, name=name: self._returning(name, gradient))

    def _returning(self, name: str, gradient: torch.Tensor) -> None:
        """The gradient of the current target reaches a layer."""
        if self._watch.rule != "vanilla":
            return
        with torch.no_grad():
            if name in self._strip:
                self._grads[name] = gradient.detach()
            self._arrive(("gradient", name, self._current), gradient.detach())

    def _backwards(self, x: torch.Tensor, logits: torch.Tensor, keys: list[tuple]) -> None:
        """One backward for each target and ReLU rule that is asked for, all through the same graph."""
        targets = list(dict.fromkeys(key[2] for key in keys))
        plan = []
        for target in targets:
            names = {key[0] for key in keys if key[2] == target}
            rules = {RULE_OF.get(name, "vanilla") for name in names}
            plan += [(target, rule) for rule in RULES if rule in rules]
        for number, (target, rule) in enumerate(plan):
            if target not in self.targets:
                self._refuse_target(target)
                continue
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
        for key in self._needs("noise"):
            self._arrive(key, self._noise)
        for key in self._needs("project_units"):
            self._arrive(key, lambda units, layer=key[1]: self._project(layer, units))
        for key in self._needs("score", "score_gradient"):
            target = self.targets.get(key[2])
            if target is None:
                self._refuse_target(key[2])
            elif key[0] == "score":
                self._arrive(key, lambda samples, target=target: self._score(samples, target))
            else:
                self._arrive(key, lambda samples, target=target: self._score_gradient(samples, target))

    # --- targets ----------------------------------------------------------------------------------

    def _find_targets(self, logits: torch.Tensor) -> None:
        probabilities = logits.double().softmax(1)[0]
        order = probabilities.argsort(descending=True, stable=True).tolist()
        names = {name: index for index, name in reversed(list(enumerate(self.card.classes)))}
        first = names.get(self.label, order[0])
        rival = next((index for index in order if index != first), first)
        for symbol in {node.target for node in self._missing if node.target}:
            kind, _, rest = symbol.partition(":")
            against = -1
            if kind in ("label", "top"):
                index = first if kind == "label" else order[0]
            elif kind == "rival":
                index = rival
            elif kind == "contrast":
                pair = rest.split(":") if rest else [self.card.classes[first], self.card.classes[rival]]
                if any(name not in names for name in pair):
                    continue
                index, against = names[pair[0]], names[pair[1]]
            elif rest in names:
                index = names[rest]
            else:
                continue
            name = self.card.classes[index]
            name = name if against < 0 else f"{name} against {self.card.classes[against]}"
            self.targets[symbol] = Target(name, index, float(probabilities[index]), kind, against)

    def _refuse_target(self, symbol: str) -> None:
        error = NotApplicable(f"no class {symbol.partition(':')[2]!r} in the vocabulary of {self.card.slug}")
        for key in [key for key in self._waiting if key[-1] == symbol]:
            self._refuse(key, error)

    # --- inputs that need work --------------------------------------------------------------------

    def _strip_layers(self) -> list[str]:
        """Convolutional stages that have space, at most eight, the default layer among them."""
        shapes = {layer.name: layer.shape for layer in self.card.layers}
        spatial = [
            stage.layer
            for stage in self.card.stages
            if len(shapes[stage.layer]) == 3 and shapes[stage.layer][1] * shapes[stage.layer][2] > 1
            and self.kinds[stage.layers[0]] in ("conv", "join")
        ]
        order = [layer.name for layer in self.card.layers]
        if self.card.default_layer in order:
            end = order.index(self.card.default_layer)
            spatial = [name for name in spatial if order.index(name) < end] + [self.card.default_layer]
        if len(spatial) <= STRIP:
            return spatial
        return [spatial[round(i * (len(spatial) - 1) / (STRIP - 1))] for i in range(STRIP)]

    def _class_weight(self, key: tuple) -> None:
        target, weight = self.targets.get(key[2]), self._classifier()
        if target is None:
            self._refuse_target(key[2])
        elif weight is None:
            reason = "CAM needs a network that ends in global average pooling and one linear layer or 1x1 convolution"
            self._refuse(key, NotApplicable(reason))
        else:
            row = weight[target.index]
            self._arrive(key, row if target.against < 0 else row - weight[target.against])

    def _classifier(self) -> torch.Tensor | None:
        """The weights (classes, K) that act on the pooled channels of the default layer, if nothing else does."""
        order = {layer.name: index for index, layer in enumerate(self.card.layers)}
        if self.card.default_layer not in order:
            return None
        start = self.card.layers[order[self.card.default_layer]]
        after = [layer for layer in self.card.layers[order[start.name] + 1 :] if layer.kind not in ("identity", "softmax")]
        modules = dict(self.loaded.model.named_modules())
        linear = [layer for layer in after if layer.kind in ("linear", "conv")]
        pools = [layer for layer in after if layer.kind == "pool"]
        extra = [layer for layer in after if layer.kind not in ("linear", "conv", "pool", "activation")]
        bent = any(layer.kind == "activation" for layer in after) and linear and linear[0].kind == "linear"
        collapsed = pools and len(pools[-1].shape) in (1, 3) and all(side == 1 for side in pools[-1].shape[1:])
        if len(linear) != 1 or extra or bent or not collapsed:
            return None
        weight = modules[linear[0].name].weight.detach()
        weight = weight.flatten(1)
        return weight if weight.shape == (len(self.card.classes), start.shape[0]) else None

    def _noise(self, index: int) -> torch.Tensor:
        """Standard normal noise of the input's shape; sample `index` is the same in every run and every chunk."""
        generator = torch.Generator().manual_seed(1_000_003 * (index + 1))
        return torch.randn(self.x.shape, generator=generator).to(self.x.device)

    def _score(self, samples: Iterable[torch.Tensor], target: Target) -> torch.Tensor:
        scores = [target.pick(first_tensor(self.loaded.model(batch))) for batch in self._batches(samples)]
        return torch.cat(scores)

    def _score_gradient(self, samples: Iterable[torch.Tensor], target: Target) -> Iterator[torch.Tensor]:
        for batch in self._batches(samples):
            with torch.enable_grad():
                batch = batch.detach().requires_grad_()
                score = target.pick(first_tensor(self.loaded.model(batch))).sum()
                (gradient,) = torch.autograd.grad(score, batch)
            yield from gradient.split(1)

    def _batches(self, samples: Iterable[torch.Tensor]) -> Iterator[torch.Tensor]:
        batch: list[torch.Tensor] = []
        for sample in samples:
            batch.append(sample)
            if len(batch) == self.chunk:
                yield torch.cat(batch)
                batch = []
        if batch:
            yield torch.cat(batch)

    def _project(self, layer: str, units: Iterable[int]) -> Iterator[torch.Tensor]:
        """Deconvnet projections of channels: the single strongest position, its value kept, projected down to the input."""
        for batch in self._batches(torch.tensor([unit]) for unit in units):
            found: dict[str, Any] = {}

            def keep(name: str, type_: str, kind: str, tensor: torch.Tensor, found: dict = found) -> None:
                if name == layer:
                    found.update(value=tensor.detach().clone(), edge=torch.autograd.graph.get_gradient_edge(tensor))

            with torch.enable_grad(), Watch(self.loaded.model, keep, rules=True) as watch:
                x = self.x.detach().repeat(len(batch), 1, 1, 1).requires_grad_()
                self.loaded.model(x)
            watch.rule = "deconvnet"
            flat = found["value"].flatten(2)  # (n, K, h * w)
            rows = torch.arange(len(batch))
            place = flat[rows, batch].argmax(1)
            seed = torch.zeros_like(flat)
            seed[rows, batch, place] = flat[rows, batch, place]
            (gradient,) = torch.autograd.grad(found["edge"], x, seed.reshape(found["value"].shape))
            yield from gradient.split(1)

    def _why_missing(self, key: tuple) -> str:
        if key[0] in ("activation", "gradient") and not key[1]:
            return f"{self.card.slug} has no layer with space"
        if key[0] in ("activation", "gradient"):
            return f"the forward pass of {self.card.slug} on this image has no layer {key[1]!r}"
        return f"{key[0].replace('_', ' ')} is not to be had from {self.card.slug}"


def _has_numbers(result: Any) -> bool:
    return isinstance(result, tuple) and len(result) == 2 and isinstance(result[1], dict)
