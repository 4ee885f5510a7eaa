"""How a network came to be, for methods that show it: the networks of its training's epochs, one after the other."""

from __future__ import annotations

from pathlib import Path

import torch

from generator.core.records import ModelCard
from generator.core.spacing import evenly_spaced
from generator.models.checkpoints import at_epoch
from generator.models.load import Loaded
from generator.models.specs import checkpoint_files, epoch_of

from .model_handle import Driven
from .readout import readout_of


class Epochs:
    """The checkpoints of a network's training; never more than one of them is in memory."""

    def __init__(self, loaded: Loaded, card: ModelCard, chunk: int) -> None:
        self._loaded, self._card, self._chunk = loaded, card, chunk
        self._files: list[Path] = checkpoint_files(loaded.network)

    def chosen(self, most: int) -> list[int]:
        """Return the numbers of at most `most` epochs, evenly spread, the first and the last among them."""
        numbers = list(dict.fromkeys(epoch_of(file.stem) for file in self._files))
        return evenly_spaced(numbers, most)

    def network(self, epoch: int, about: torch.Tensor | None = None) -> Driven:
        """Return the network as it was after an epoch.

        Of a segmentation its scores are over the masks that the finished network finds in an image `about`
        (1, C, H, W), so that all epochs are asked about the same pixels; without one over those of each input.
        """
        file = next(file for file in self._files if epoch_of(file.stem) == epoch)
        restored = at_epoch(self._loaded, file)
        if about is not None:
            restored.readout = readout_of(self._loaded).keeping(self._loaded.model, about)
        return Driven(restored, self._card, self._chunk)


def first_convolution(card: ModelCard) -> str:
    """Return the layer whose kernels look at the picture itself; "" where no convolution is."""
    return next((layer.name for layer in card.layers if layer.kind == "conv"), "")
