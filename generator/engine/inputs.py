"""What a scene gives its methods besides the shared pass: weights, pictures, and passes that they make themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

import torch

from generator.core.channel_blocks import block_of
from generator.core.errors import NotApplicable
from generator.core.records import ModelCard
from generator.models.checkpoints import kernels, verify
from generator.models.layers import strip_layers
from generator.models.load import Loaded

from .attention_layers import HeadWeights, head_weights
from .baselines import Baseline, baseline_of
from .checkpoint_series import Epochs, first_convolution
from .model_handle import Driven
from .oom_retry import out_of_memory
from .readout import Readout
from .sampling import Samples
from .scheduler import Waiting, Want
from .space import space_of, token_places
from .tape import Tape, record

Pictures = Mapping[str, Callable[[int], torch.Tensor]]  # "" the image, else a style -> picture(side) (1, C, h, w)


def offer(waiting: Waiting, want: Want, compute: Callable[[], Any]) -> None:
    """Hand on what `compute` returns; where it fails, only what waits for it ends with its error."""
    try:
        value = compute()
    except Exception as error:  # a user's network may raise anything
        if out_of_memory(error):
            raise
        waiting.refuse(want, error)
    else:
        waiting.arrive(want, value)


class Answers:
    """Answers the wants of a scene that need not watch its pass; arguments as `Scene` has them."""

    def __init__(
        self,
        loaded: Loaded,
        card: ModelCard,
        x: torch.Tensor | None,
        chunk: int,
        pictures: Pictures,
        readout: Readout,
    ) -> None:
        self.loaded, self.card, self.x, self.chunk, self.pictures = loaded, card, x, chunk, pictures
        self.readout = readout
        self._sharing: list[Driven | Samples] = []  # those who let samples share a pass

    def share(self, chunk: int) -> None:
        """Let `chunk` samples share a pass from now on."""
        for sharer in self._sharing:
            sharer.chunk = chunk

    def before(self, waiting: Waiting) -> None:
        """Give what needs no pass of the scene: names, weights, pictures, and the network for those who drive it."""
        for want in waiting.needs("layer"):
            waiting.arrive(want, want.layer)
        for want in waiting.needs("block"):
            waiting.arrive(want, block_of(want.style))
        self._weights(waiting)
        for want in waiting.needs("photograph", "style_image"):
            if want.style in self.pictures:
                waiting.arrive(want, self.pictures[want.style])
        for want in waiting.needs("x") if self.x is not None else []:
            waiting.arrive(want, self.x)
        for want in waiting.needs("baseline") if self.x is not None else []:
            waiting.arrive(want, self._baseline)
        wants = [*waiting.needs("epochs"), *waiting.needs("first_kernels")] if self.card.becoming else []
        if wants:
            verify(self.loaded, self.card.becoming)
        for want in waiting.needs("epochs") if self.card.checkpoints else []:
            waiting.arrive(want, Epochs(self.loaded, self.card, self.chunk))
        for want in waiting.needs("first_kernels") if self.card.becoming else []:
            offer(waiting, want, lambda: kernels(self.loaded, first_convolution(self.card)))
        for want in waiting.needs("network"):
            self._sharing.append(Driven(self.loaded, self.card, self.chunk))
            waiting.arrive(want, self._sharing[-1])

    def _tapes(self, x: torch.Tensor, waiting: Waiting) -> None:
        """Give the tape of one pass, and the attention of layers that it holds."""
        taped = cache(lambda: record(self.loaded.model, x.clone(), self.readout))
        for want in waiting.needs("tape"):
            offer(waiting, want, taped)
        for want in waiting.needs("attention"):
            offer(waiting, want, partial(self._heads, taped, want.layer, x))

    def _heads(self, taped: Callable[[], Tape], layer: str, x: torch.Tensor) -> HeadWeights:
        return head_weights(self.loaded, taped(), layer, x.shape[1:])

    def _weights(self, waiting: Waiting) -> None:
        modules = dict(self.loaded.model.named_modules())
        for want in waiting.needs("weight"):
            weight = getattr(modules.get(want.layer), "weight", None)
            if isinstance(weight, torch.Tensor):
                waiting.arrive(want, weight.detach())
            else:
                waiting.refuse(want, NotApplicable(f"{want.layer} has no kernels"))

    def _baseline(self, kind: Baseline) -> torch.Tensor:
        """Return a picture of the input's shape without evidence."""
        assert self.x is not None
        channels = torch.zeros(1, self.x.shape[1], 1, 1, device=self.x.device)
        driven = Driven(self.loaded, self.card, self.chunk)
        low, high = driven.normalised(channels), driven.normalised(channels + 1)
        return baseline_of(self.x, low.to(self.x), high.to(self.x), kind)

    def after(self, x: torch.Tensor, waiting: Waiting, refuse_target: Callable[[str], None]) -> None:
        """Give what makes its own passes, which comes last, when the graph of the shared one is gone."""
        space = space_of(self.loaded, self.card, x.shape[1:])
        samples = Samples(self.loaded.model, x, self.chunk, self.readout, space)
        self._sharing.append(samples)
        for want in waiting.needs("noise"):
            waiting.arrive(want, samples.noise)
        self._tapes(x, waiting)
        for want in waiting.needs("token_grid"):
            waiting.arrive(want, lambda count: token_places(space, count))
        for want in waiting.needs("project_units"):
            waiting.arrive(want, lambda units, layer=want.layer: samples.project_units(layer, units))
        for want in waiting.needs("score", "score_gradient", "ablated_score", "layer_gradients", "target"):
            target, layer = waiting.targets.get(want.target), want.layer
            if target is None:
                refuse_target(want.target)
            elif want.name == "target":
                waiting.arrive(want, target)
            elif want.name == "ablated_score":
                waiting.arrive(
                    want, lambda channels, layer=layer, target=target: samples.ablated_score(layer, channels, target)
                )
            elif want.name == "layer_gradients":
                layers = strip_layers(self.card)
                waiting.arrive(want, partial(samples.layer_gradients, layers=layers, target=target))
            else:
                compute = getattr(samples, want.name)
                waiting.arrive(want, lambda variants, compute=compute, target=target: compute(variants, target))
