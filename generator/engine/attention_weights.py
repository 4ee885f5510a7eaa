"""The attention of each block of a network, as the tape of its pass holds it, and what its weights do for a class."""

from __future__ import annotations

from typing import NamedTuple

import torch

from generator.core.errors import NotApplicable

from .derivatives import derive
from .tape import Step, Tape
from .targets import Target


class Attention(NamedTuple):
    """The attention of one block, as a tape holds it."""

    tape: Tape
    place: int  # of its softmax among the steps
    node: int  # the value that it made
    weighing: Step  # the call that multiplies it, the first of two factors, with values

    @property
    def weights(self) -> torch.Tensor:
        """How much each token (rows) takes of each (columns), (1, heads, T, T)."""
        return self.tape.values[self.node]

    def gradient_of(self, target: Target, behind: tuple[int, int]) -> torch.Tensor:
        """Return the gradient of a class's score with respect to the weights, (1, heads, T, T).

        `behind` are the tokens (1, T, D) that its block makes and those that the last block makes: the score is that of
        the mean of the former in place of all of the latter.
        """
        own, last = behind
        with torch.enable_grad():
            weights = self.weights.detach().clone().requires_grad_()
            tokens = self.tape.again({self.node: weights}, own)
            mean = tokens.mean(1, keepdim=True).expand_as(tokens)
            score = target.pick(self.tape.again({last: mean}, self.tape.logits)).sum()
            (gradient,) = derive(score, [weights])
        return gradient

    def gradient_as_pool(self, target: Target, behind: tuple[int, int]) -> torch.Tensor:
        """Return the gradient of a class's score with respect to the weights of a pooling attention, (1, heads, 1, T).

        `behind` are the tokens (1, T, D) that a block makes and those that the last block makes: the former are pooled
        in place of the latter.
        """
        own, last = behind
        tokens = self.tape.values[own]
        with torch.enable_grad():
            weights = self.tape.again({last: tokens}, self.node).detach().requires_grad_()
            score = target.pick(self.tape.again({last: tokens, self.node: weights}, self.tape.logits)).sum()
            (gradient,) = derive(score, [weights])
        return gradient


class Attentions(NamedTuple):
    """The attention of a network whose tokens all attend to each other."""

    blocks: list[Attention]  # in order, weights (1, heads, T, T)
    pool: Attention | None  # behind the last block: one learnt query that reads all tokens, weights (1, heads, 1, T)


def attentions(tape: Tape) -> Attentions:
    """Return the attention of each block, and that which pools their tokens where there is one.

    Raises `NotApplicable` where not all tokens attend to each other.
    """
    every = weighing(tape)
    if not every:
        raise NotApplicable("no softmax in the network weighs values: it has no attention to show")
    pool = every.pop() if len(every) > 1 and _pools(every[-1].weights.shape, every[-2].weights.shape) else None
    shapes = {attention.weights.shape for attention in every}
    if len(shapes) > 1 or any(len(shape) != 4 or shape[0] != 1 or shape[2] != shape[3] for shape in shapes):
        raise NotApplicable(
            "attention here is within windows, or between other tokens in each block: there are no weights between all"
        )
    return Attentions(every, pool)


def _pools(shape: torch.Size, before: torch.Size) -> bool:
    """Return whether weights of a shape are those of one query over all tokens of the attention before."""
    return len(shape) == len(before) == 4 and shape[0] == 1 and shape[2:] == (1, before[-1])


def weighing(tape: Tape) -> list[Attention]:
    """Return every attention of a pass in order, within windows too: each softmax that weighs values."""
    users: dict[int, list[Step]] = {}
    for step in tape.steps:
        for node in step.inputs:
            users.setdefault(node, []).append(step)
    steps = [(place, step.outputs[0]) for place, step in enumerate(tape.steps) if step.op == "softmax"]
    return [Attention(tape, place, node, user) for place, node in steps if (user := _weighs(node, users))]


def _weighs(node: int, users: dict[int, list[Step]]) -> Step | None:
    """Return the call that multiplies a value, at most copied before, with others that depend on the input."""
    for step in users.get(node, ()):
        if step.op in ("matmul", "bmm", "einsum") and len(step.inputs) == 2 and step.inputs[0] == node:
            return step
        if step.op in ("dropout", "to", "type", "type_as", "contiguous", "clone", "float"):
            if user := _weighs(step.outputs[0], users):
                return user
    return None


def block_outputs(tape: Tape) -> list[tuple[Attention, tuple[int, int]]]:
    """Return the attention of each block, with the tokens (1, T, D) that its block makes and that the last one makes.

    They are the last sums before the next block attends. Raises `NotApplicable` where there are none.
    """
    every, pool = attentions(tape)
    ends = [attention.place for attention in every[1:]] + [pool.place if pool else len(tape.steps)]
    nodes = []
    for attention, end in zip(every, ends, strict=True):
        count = attention.weights.shape[-1]
        sums = [step.outputs[0] for step in tape.steps[attention.place : end] if step.op == "add"]
        tokens = [node for node in sums if tape.values[node].ndim == 3 and tape.values[node].shape[:2] == (1, count)]
        if not tokens:
            raise NotApplicable("the blocks do not add what they make to their tokens, so where each ends is not known")
        nodes.append(tokens[-1])
    return [(attention, (node, nodes[-1])) for attention, node in zip(every, nodes, strict=True)]
