"""Where memory runs out, a job is done again with fewer samples in a pass; where one is too much, a line says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch

from generator.core.errors import ModelError

Result = TypeVar("Result")
WORDS = (  # of torch's allocators, of CUDA's libraries and of the C library, in lower case
    "out of memory",
    "not enough memory",
    "can't allocate memory",
    "cannot allocate memory",
    "bad_alloc",
    "bad allocation",
    "_alloc_failed",
)


def out_of_memory(error: BaseException) -> bool:
    """Return whether this is how Python, torch or a device says that memory ran out.

    An error that was raised from such a one, as networks do to say where they were, counts too.
    """
    message = str(error).lower()
    plain = isinstance(error, RuntimeError | OSError) and any(words in message for words in WORDS)
    if plain or isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return error.__cause__ is not None and out_of_memory(error.__cause__)


def retry_with_smaller_batches(
    work: Callable[[], Result], share: Callable[[int], None], usual: int, first: int = 0
) -> tuple[Result, str]:
    """Return the result of `work()`, and a note where it was done with fewer than the `usual` samples in a pass.

    `share(n)` lets n samples share a pass; `first` is how many are tried first, 0 for the usual. Each time memory runs
    out the work is done anew, whole, with half as many. Afterwards all is as usual. Raises `ModelError` where memory
    does not suffice for one.
    """
    chunk = first or usual
    try:
        while True:
            share(chunk)
            failure = ""
            try:
                result = work()
            except Exception as error:
                if not out_of_memory(error):
                    raise
                failure = f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"
            if not failure:
                break
            if chunk == 1:
                raise ModelError(f"memory ran out with one sample in a pass ({failure})")
            chunk = max(1, chunk // 2)
            if torch.cuda.is_available():  # here, where the traceback holds no tensor any more
                torch.cuda.empty_cache()
    finally:
        share(usual)
    return result, "" if chunk == usual else f"memory was short: {chunk} of {usual} samples in a pass"
