"""Many passes around one image: noisy, masked and changed samples of it, in chunks that fit the memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

import torch

from generator.core.errors import NotApplicable

from .capture import Watch
from .derivatives import SWITCHED_OFF, derive
from .readout import Readout
from .space import Space, planes_of
from .targets import Target

MANY = 1_000_003  # keeps the seeds of neighbouring samples apart


class Samples:
    """What a method may ask of a network about variants of `x` (1, C, H, W); `chunk` of them share a pass.

    The network is in eval mode, so the samples of a chunk do not know of each other: only rounding depends on its size.
    """

    def __init__(
        self, model: torch.nn.Module, x: torch.Tensor, chunk: int, readout: Readout, space: Space | None = None
    ) -> None:
        self.model, self.x, self.chunk, self.readout, self.space = model, x, chunk, readout, space

    def noise(self, index: int) -> torch.Tensor:
        """Standard normal noise of the input's shape; sample `index` is the same in every run and every chunk."""
        generator = torch.Generator().manual_seed(MANY * (index + 1))
        return torch.randn(self.x.shape, generator=generator).to(self.x.device)

    def score(self, samples: Iterable[torch.Tensor], target: Target) -> torch.Tensor:
        """S_c of each sample, (n,)."""
        return torch.cat([target.pick(self._logits(batch)) for batch in self._batches(samples)])

    def probability(self, samples: Iterable[torch.Tensor], target: Target) -> torch.Tensor:
        """Return the probability of the class in each sample, (n,), as the kind of output says."""
        readings = (self._kept.read(self.model, batch) for batch in self._batches(samples))
        return torch.cat([reading.probabilities[:, target.column] for reading in readings])

    def score_gradient(self, samples: Iterable[torch.Tensor], target: Target) -> Iterator[torch.Tensor]:
        """dS_c/dx of each sample, one after the other."""
        for batch in self._batches(samples):
            with torch.enable_grad():
                batch = batch.detach().requires_grad_()
                score = target.pick(self._logits(batch.clone())).sum()
                (gradient,) = derive(score, [batch])
            yield from gradient.split(1)

    def ablated_score(self, layer: str, channels: Iterable[int], target: Target) -> torch.Tensor:
        """S_c of `x` when one channel of a layer is zero wherever it is used, for each of `channels`, (n,)."""
        scores = []
        for batch in self._batches(torch.tensor([channel]) for channel in channels):

            def silence(name: str, type_: str, kind: str, tensor: torch.Tensor, batch: torch.Tensor = batch) -> None:
                grid = self.space.grids.get(name) if self.space else None
                if name == layer and grid:
                    grid.silence(tensor, batch.tolist())
                elif name == layer:
                    tensor[torch.arange(len(batch)), batch] = 0

            with Watch(self.model, silence):
                scores.append(target.pick(self._logits(self.x.repeat(len(batch), 1, 1, 1))))
        return torch.cat(scores)

    def layer_gradients(
        self, sample: torch.Tensor, layers: Sequence[str], target: Target
    ) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
        """Return the activations and the gradients dS_c/dA of some layers for a sample (1, C, H, W), by layer.

        Of a segmentation the score is over the sample's own mask, wherever that lies.
        """
        activations: dict[str, torch.Tensor] = {}
        gradients: dict[str, torch.Tensor] = {}

        def arrived(name: str, gradient: torch.Tensor) -> None:
            gradients[name] = planes_of(self.space, name, gradient.detach(), 1).clone()

        def keep(name: str, type_: str, kind: str, tensor: torch.Tensor) -> None:
            if name in layers and tensor.requires_grad:
                activations[name] = planes_of(self.space, name, tensor.detach(), 1).clone()
                tensor.register_hook(lambda gradient, name=name: arrived(name, gradient))

        with torch.enable_grad():
            x = sample.detach().clone().requires_grad_()
            with Watch(self.model, keep):
                scores = self.readout.scores(self.model, x.clone())
            derive(target.pick(scores).sum(), [x])
        return activations, {name: gradients[name] for name in layers if name in gradients}

    def project_units(self, layer: str, units: Iterable[int]) -> Iterator[torch.Tensor]:
        """Yield each channel's strongest value at a layer, all else zero, projected down by the rules of the
        deconvnet.
        """
        wanted, scores = list(units), dict[int, torch.Tensor]()

        def keep(name: str, type_: str, kind: str, tensor: torch.Tensor) -> None:
            if name == layer and not tensor.requires_grad:
                raise NotApplicable(SWITCHED_OFF)
            if name == layer:
                channels = planes_of(self.space, name, tensor, 1)[0].flatten(1)
                for unit in wanted:  # the slope of a score is the strongest value, at its place, and zero elsewhere
                    strongest = channels[unit, channels[unit].detach().argmax()]
                    scores[unit] = strongest * float(strongest.detach())

        with torch.enable_grad():
            x = self.x.detach().clone().requires_grad_()
            with Watch(self.model, keep, rules=True) as watch:
                self.model(x.clone())
        watch.rule = "deconvnet"
        for unit in wanted:
            (gradient,) = torch.autograd.grad(scores[unit], x, retain_graph=True)
            yield gradient

    def _logits(self, batch: torch.Tensor) -> torch.Tensor:
        return self._kept.scores(self.model, batch)

    @cached_property
    def _kept(self) -> Readout:
        """The readout over the masks of the image itself, whatever a variant looks like."""
        return self.readout.keeping(self.model, self.x)

    def _batches(self, samples: Iterable[torch.Tensor]) -> Iterator[torch.Tensor]:
        batch: list[torch.Tensor] = []
        for sample in samples:
            batch.append(sample)
            if len(batch) == self.chunk:
                yield torch.cat(batch)
                batch = []
        if batch:
            yield torch.cat(batch)
