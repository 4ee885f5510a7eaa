"""A network in the hands of a method that drives it: logits, layers and their gradients, for inputs that it makes."""

from __future__ import annotations

import copy
import dataclasses

import torch

from generator.core.errors import NotApplicable
from generator.core.records import Input, ModelCard
from generator.core.spacing import evenly_spaced
from generator.models.layers import answer_layer, stage_layers
from generator.models.load import Loaded

from .capture import Watch
from .oom_retry import out_of_memory
from .readout import Reading, readout_of
from .space import planes_of, space_of

MANY = 1_000_003  # keeps the draws of neighbouring seeds apart


class Driven:
    """What a method may do with a network by itself; the real model is never changed.

    Normalised inputs are (N, C, H, W), of any size that the network takes. Nothing here switches gradients on: wrap
    what is to be derived in `torch.enable_grad()`, in a function that does not yield, and use `torch.autograd.grad`.
    """

    def __init__(self, loaded: Loaded, card: ModelCard, chunk: int) -> None:
        self._loaded, self.card = loaded, card
        self.chunk = chunk  # pictures of the input's size that may share a pass
        self._mean, self._std = (
            torch.tensor(values, device=self.device).view(1, -1, 1, 1)
            for values in (loaded.input.mean, loaded.input.std)
        )

    @property
    def input(self) -> Input:
        """Size, mean and standard deviation of the network's input."""
        return self._loaded.input

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return self._loaded.device

    def random(self, seed: int, number: int = 0) -> torch.Generator:
        """Draws that are the same in every run: of the job's `seed`, and of its part `number`. They are made on the
        CPU, so that they are the same on every device."""
        return torch.Generator().manual_seed((seed * MANY + number) % 2**63)

    @property
    def std(self) -> torch.Tensor:
        """(1, C, 1, 1)."""
        return self._std

    def stages(self, most: int = 8) -> list[str]:
        """Return the layers that stand for the convolutional stages with space, from first to last, at most so many."""
        layers = evenly_spaced(stage_layers(self.card), most)
        if not layers:
            raise NotApplicable(f"{self.card.slug} has no layer with space")
        return layers

    @property
    def answer(self) -> str:
        """The layer whose channels or values are the classes before the softmax."""
        return next(iter(answer_layer(self.card)), "")

    def class_index(self, name: str) -> int:
        """Return which of the logits is the class `name`."""
        if name not in self.card.classes:
            raise NotApplicable(f"no class {name!r} in the vocabulary of {self.card.slug}")
        return self.card.classes.index(name)

    def shape(self, layer: str) -> tuple[int, ...]:
        """Of a layer's output for an input of the network's own size: (K, h, w) or (K,)."""
        return next(entry.shape for entry in self.card.layers if entry.name == layer)

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        """(N, classes)."""
        return readout_of(self._loaded).scores(self._loaded.model, x.clone())

    def read(self, x: torch.Tensor) -> Reading:
        """Return scores and probabilities (N, classes)."""
        return readout_of(self._loaded).read(self._loaded.model, x.clone())

    def probabilities(self, logits: torch.Tensor) -> torch.Tensor:
        """Return what logits (N, classes) say: a softmax, a sigmoid of each, or the values themselves.

        Raises `NotApplicable` for a segmentation, whose probabilities do not follow from the mean scores of its masks.
        """
        if self.card.output["kind"] == "mask":
            raise NotApplicable("the probabilities of a segmentation do not follow from the scores of its masks")
        return readout_of(self._loaded).probabilities(logits)

    def activation(self, x: torch.Tensor, layer: str, rule: str = "vanilla") -> torch.Tensor:
        """Return the output of `layer`, (N, K, h, w) or (N, K); nothing behind the layer is computed.

        `rule` is what ReLUs do to a gradient, as `capture.Watch` knows them: "open" lets all of it through.
        """
        (output,) = self.activations(x, (layer,), rule)
        return output

    def activations(self, x: torch.Tensor, layers: tuple[str, ...], rule: str = "vanilla") -> list[torch.Tensor]:
        """Return the same of several layers, in their order, from one pass that ends behind the last."""
        outputs: dict[str, torch.Tensor] = {}
        wanted = set(layers)
        space = space_of(self._loaded, self.card, x.shape[1:])
        readout_of(self._loaded)  # found in a pass of its own, which must not be watched

        def keep(name: str, type_: str, kind: str, tensor: torch.Tensor) -> None:
            if name in wanted:
                tensor = planes_of(space, name, tensor, len(x))
                outputs[name] = tensor if len(outputs) + 1 == len(wanted) else tensor.clone()  # it may be overwritten
                if len(outputs) == len(wanted):
                    raise _Enough

        watch = Watch(self._loaded.model, keep, rules=rule != "vanilla")
        watch.rule = rule
        try:
            with watch:
                last = readout_of(self._loaded).read(self._loaded.model, x.clone())
        except _Enough:
            last = None
        answer = self.card.layers[-1].name
        if last is not None and wanted - set(outputs) == {answer}:
            outputs[answer] = readout_of(self._loaded).answers(last)
        if missing := wanted - set(outputs):
            raise LookupError(f"the pass of {self.card.slug} has no layer {', '.join(sorted(missing))}")
        return [outputs[layer] for layer in layers]

    def takes(self, height: int, width: int, layer: str = "") -> bool:
        """Return whether the network, up to `layer`, computes something for inputs of that size.

        Where memory does not suffice for such an input the error is raised: another time it may.
        """
        x = torch.zeros(1, self.input.size[0], height, width, device=self.device, dtype=self.dtype)
        try:
            made = self.activation(x, layer) if layer else self.logits(x)
        except Exception as error:  # a network says as it likes that a size does not fit
            if out_of_memory(error):
                raise
            return False
        return made.numel() > 0

    @property
    def dtype(self) -> torch.dtype:
        """Of the network's weights."""
        return next((tensor.dtype for tensor in self._loaded.model.parameters()), torch.float32)

    def normalised(self, rgb: torch.Tensor) -> torch.Tensor:
        """Return pictures (N, C, H, W) with values from 0 to 1 as the network wants them."""
        return (rgb - self._mean) / self._std

    def rgb(self, x: torch.Tensor) -> torch.Tensor:
        """Return the inverse, without the gradient, cut to 0 to 1: what methods that paint give back."""
        return (x.detach() * self._std + self._mean).clamp(0, 1)

    def copy(self) -> Driven:
        """Return the same of a private copy: the parameters of its `model` want gradients and may be trained."""
        model = copy.deepcopy(self._loaded.model).requires_grad_(True)
        return Driven(dataclasses.replace(self._loaded, model=model), self.card, self.chunk)

    @property
    def model(self) -> torch.nn.Module:
        """The module behind a `copy()`; that of the original network is not available."""
        if not any(parameter.requires_grad for parameter in self._loaded.model.parameters()):
            raise TypeError("expected a copy of the network: the real one is not to be changed")
        return self._loaded.model

    def parts(self, number: int, size: tuple[int, int]) -> list[slice]:
        """`number` pictures of `size` (h, w) in parts that may share a pass, as the memory allows."""
        _, height, width = self.input.size
        together = max(1, int(self.chunk * min(1.0, height * width / (size[0] * size[1]))))
        return [slice(start, min(start + together, number)) for start in range(0, number, together)]


class _Enough(Exception):
    """All that was asked for has been seen; the rest of the pass is not needed."""
