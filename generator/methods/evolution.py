"""Evolution: how the gradient at the input changes while a classifier learns the image."""

from __future__ import annotations

import math

import torch
from torch.nn import functional as F

from generator.core.errors import NotApplicable
from generator.engine.derivatives import derive
from generator.engine.method_registry import method
from generator.engine.progress import MAX_FRAMES, Step

ALIKE = 0.8  # correlation from which on the end looks like the beginning
DRAWS = 8  # of the last layer, until the end looks different
SPREAD = 0.3  # of the logits that an image of this strength would have in the layer as it is drawn
CERTAIN = 16.0  # what the logit gains beyond log(classes), were the gain not to fade as the class becomes certain


@method(
    "Evolution",
    family="optimisation",
    draw="colour",
    preset="standard",
    passes=3,
    per=("steps",),
    order=390,
    film="how the gradient changes while the class is learnt",
    roles=("history",),
    cites="Simonyan et al. 2013, arXiv:1312.6034",
)
def evolution(network, x, target, *, steps: int = 24, seed: int = 0):
    """How vanilla backprop of an image changes while the classifier learns what is in the image.

    A network that predicts the class already would hardly change, and its images could not be compared with others: so
    the last layer of a copy is always drawn at random, such that all classes are about equally probable for this
    image. Then that layer learns the image by gradient descent on the cross-entropy of the class; all
    layers before it stay as they were trained. What is shown at each step is the gradient of the logit, which does not
    fade as the class becomes certain; each frame is brought to the scale of the last. Should the end still look like
    the beginning (a correlation of 0.8 or more), another last layer is drawn.

    Formula: W ← W − η_t ∂(−log p_c) / ∂W, η_t ∝ t² / ‖∂S_c / ∂W‖²; shown is ∂S_c / ∂x, under it the step and p_c

    Reading: The film begins with the gradient of a class that is not learnt yet, and ends with that of a class learnt
    from this image alone. The percentage is that of the relearnt last layer, not of the trained network. Look for what
    appears: parts that raise the score by now. Colours are those of vanilla backprop.

    Limits: One image is learnt, not a class: the end shows what the network sees in this image, whatever it is called.
    The course depends on the draw. Brightness cannot be compared between frames, since
    all are brought to one scale; the gradient itself grows.
    """
    if target.against >= 0:
        raise NotApplicable("a contrast of two classes is not a class that could be learnt")
    pupil = Pupil(network, x, target.index)
    for draw in range(1, DRAWS + 1):
        pupil.forget(network.random(seed, draw))
        frames, chances, steps_shown = [], [], []
        for step in range(steps + 1):
            gradient, chance = pupil.look()
            if step * MAX_FRAMES // steps > (step - 1) * MAX_FRAMES // steps:  # the film holds no more frames than that
                frames.append(gradient)
                chances.append(chance)
                steps_shown.append(step)
            if step < steps:
                pupil.learn((step + 1) ** 2 / sum(number**2 for number in range(1, steps + 1)))
                yield Step(step + 1, steps)
        alike = correlation(frames[0], frames[-1])
        if alike < ALIKE:
            break
    *before, last = frames
    yield from (frame * (end(last) / (end(frame) or 1.0)) for frame in before)
    yield (
        last,
        {
            "first and last frame correlate": 0.0 if math.isnan(alike) else alike,
            "probability at the start": chances[0],
            "probability at the end": chances[-1],
            "last layers drawn": draw,
            "captions": [
                (f"step {step}: {100 * chance:.1f} %", chance)
                for step, chance in zip(steps_shown, chances, strict=True)
            ],
        },
    )


class Pupil:
    """A copy of a network whose last layer knows nothing and learns one class of one image `x` (1, C, H, W)."""

    def __init__(self, network, x, index):
        self.x, self.index, self.wanted = x, index, torch.tensor([index], device=x.device)
        self.copy = network.copy()
        self.head = last_layer(self.copy)
        self.copy.model.requires_grad_(False)
        self.head.requires_grad_(True)
        self.parameters = list(self.head.parameters())
        self.gain = CERTAIN + math.log(len(network.card.classes))
        (self.seen,) = self._entering()

    def forget(self, draws):
        """Draw the last layer anew: rows at right angles to what it sees of the image, without a bias."""
        with torch.no_grad():
            rows = torch.randn(self.head.weight.shape, generator=draws).to(self.head.weight).flatten(1)
            size = self.seen.square().sum().clamp(min=1e-12)
            rows -= torch.outer(rows @ self.seen / size, self.seen)
            self.head.weight.copy_((SPREAD / size.sqrt() * rows).view_as(self.head.weight))
            if self.head.bias is not None:
                self.head.bias.zero_()

    def look(self):
        """dS_c/dx as it is now, (1, C, H, W), and the probability of the class."""
        with torch.enable_grad():
            leaf = self.x.detach().clone().requires_grad_()
            self.logits = self.copy.logits(leaf)
            score = self.logits[0, self.index]
            gradient, *self.steepest = derive(score, [leaf, *self.parameters], retain=True)
        return gradient, float(self.logits.detach().softmax(1)[0, self.index])

    def learn(self, share):
        """One step down the cross-entropy: `share` of all that the logit gains while the class is improbable."""
        with torch.enable_grad():
            loss = F.cross_entropy(self.logits, self.wanted)
            slopes = torch.autograd.grad(loss, self.parameters)
        size = sum(float(slope.square().sum()) for slope in self.steepest)
        for parameter, slope in zip(self.parameters, slopes, strict=True):
            parameter.data -= share * self.gain / max(size, 1e-12) * slope

    def _entering(self):
        """Return what enters the last layer, (K,), averaged over places."""
        captured = []
        handle = self.head.register_forward_pre_hook(lambda module, inputs: captured.append(inputs[0].detach().float()))
        with torch.no_grad():
            self.copy.logits(self.x)
        handle.remove()
        return [entering.flatten(2).mean(2)[0] if entering.ndim > 2 else entering[0] for entering in captured[-1:]]


def last_layer(copy):
    """Return the linear layer or 1x1 convolution that makes the logits; raises `NotApplicable` where something else
    does.
    """
    if copy.card.output["kind"] != "classes":
        raise NotApplicable("the last layer learns by the cross-entropy of classes, and this network answers otherwise")
    names = [layer.name for layer in copy.card.layers if layer.kind in ("linear", "conv")]
    module = dict(copy.model.named_modules()).get(names[-1].partition("@")[0]) if names else None
    weight = getattr(module, "weight", None)
    if not isinstance(weight, torch.Tensor) or weight[0, 0].numel() != 1 or len(weight) != len(copy.card.classes):
        raise NotApplicable("the logits come from no linear layer and no 1x1 convolution that could be drawn anew")
    return module


def end(values, share=0.999):
    """Return where a scale of these values would end by itself: the 99.9th percentile of their absolute values, or
    another.
    """
    sizes = values.abs().flatten()
    return float(sizes.kthvalue(max(1, math.ceil(share * len(sizes)))).values)


def correlation(first, second):
    """Pearson's correlation of two tensors; NaN where one of them is constant."""
    first, second = ((tensor.double() - tensor.double().mean()).flatten() for tensor in (first, second))
    return float(first @ second / (first.norm() * second.norm()))
