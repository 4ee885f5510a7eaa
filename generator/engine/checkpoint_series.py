"""How a network came to be, for methods that show it: the networks of its training's epochs, one after the other."""

from __future__ import annotations

from pathlib import Path

from generator.core.records import ModelCard
from generator.core.spacing import evenly_spaced
from generator.models.checkpoints import at_epoch
from generator.models.load import Loaded
from generator.models.specs import checkpoint_files, epoch_of

from .model_handle import Driven


class Epochs:
    """The checkpoints of a network's training; never more than one of them is in memory."""

    def __init__(self, loaded: Loaded, card: ModelCard, chunk: int) -> None:
        self._loaded, self._card, self._chunk = loaded, card, chunk
        self._files: list[Path] = checkpoint_files(loaded.network)

    def chosen(self, most: int) -> list[int]:
        """Return the numbers of at most `most` epochs, evenly spread, the first and the last among them."""
        numbers = list(dict.fromkeys(epoch_of(file.stem) for file in self._files))
        return evenly_spaced(numbers, most)

    def network(self, epoch: int) -> Driven:
        """Return the network as it was after an epoch."""
        file = next(file for file in self._files if epoch_of(file.stem) == epoch)
        return Driven(at_epoch(self._loaded, file), self._card, self._chunk)


def first_convolution(card: ModelCard) -> str:
    """Return the layer whose kernels look at the picture itself; "" where no convolution is."""
    return next((layer.name for layer in card.layers if layer.kind == "conv"), "")
