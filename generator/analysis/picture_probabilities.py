"""The probability of one class in many pictures, of which no two alike go through the network."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import torch

from generator.engine.preserve import untouched
from generator.engine.sampling import Samples
from generator.engine.targets import Target


class PictureProbabilities:
    """Remembers what the network answered to each picture, by the digest of its values.

    Every pass holds as many pictures as `samples` lets share one, the last one a picture several times over where too
    few wait: rounding depends on how many there are, and an answer must not depend on what else was asked before. For
    the same reason each pass begins with the network as it was.
    """

    def __init__(self, samples: Samples, target: Target) -> None:
        self._samples, self._target = samples, target
        self._values: dict[bytes, torch.Tensor] = {}
        self._waiting: dict[bytes, torch.Tensor] = {}

    def of(self, pictures: Iterable[torch.Tensor]) -> torch.Tensor:
        """Return the probability of the class in each of some pictures (1, C, H, W), (n,)."""
        return self.read(self.enqueue(pictures))

    def enqueue(self, pictures: Iterable[torch.Tensor]) -> list[bytes]:
        """Return the digests of some pictures, by which `read` has their answers; passes are made as they fill up."""
        digests = []
        for picture in pictures:
            digest = hashlib.sha256(picture.contiguous().numpy().data).digest()
            digests.append(digest)
            if digest not in self._values and digest not in self._waiting:
                self._waiting[digest] = picture
                if len(self._waiting) >= self._samples.chunk:
                    self._pass()
        return digests

    def has(self, digests: Iterable[bytes]) -> bool:
        """Return whether `read` has answers for all of these; those of a pass that failed are gone."""
        return all(digest in self._values or digest in self._waiting for digest in digests)

    def read(self, digests: Sequence[bytes]) -> torch.Tensor:
        """Return the answers to pictures that were enqueued, (n,)."""
        if any(digest in self._waiting for digest in digests):
            self._pass()
        return torch.stack([self._values[digest] for digest in digests])

    def _pass(self) -> None:
        waiting, self._waiting = self._waiting, {}
        pictures = list(waiting.values())
        pictures += pictures[-1:] * (self._samples.chunk - len(pictures))
        with untouched(self._samples.model), torch.no_grad():
            values = self._samples.probability(pictures, self._target)
        self._values |= zip(waiting, values[: len(waiting)].unbind(), strict=True)
