"""What people do today for the same pictures: captum, pytorch-grad-cam, and a matplotlib figure for each layer."""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable
from pathlib import Path

import captum.attr as captum
import matplotlib
import numpy as np
import torch
from matplotlib import pyplot
from PIL import Image
from torch import nn

import generator.core.torchvision_import  # noqa: F401 - first: pytorch-grad-cam imports torchvision too

import pytorch_grad_cam as pgc  # isort: skip
from pytorch_grad_cam.utils.image import show_cam_on_image  # isort: skip
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget  # isort: skip

matplotlib.use("agg")
CAMS = {
    "grad-cam-plus-plus": pgc.GradCAMPlusPlus,
    "xgrad-cam": pgc.XGradCAM,
    "hires-cam": pgc.HiResCAM,
    "layer-cam": pgc.LayerCAM,
    "eigen-cam": pgc.EigenCAM,
}


class Rivals:
    """The core set of one network by other means: the same maps, drawn and saved with a line or two each.

    `layer` names the module that class activation maps look at. The network is a copy, as its loader would hand it
    out: its parameters want gradients. Its rectifiers are not in place, which these libraries ask for.
    """

    def __init__(self, model: nn.Module, layer: str) -> None:
        self.model = copy.deepcopy(model).requires_grad_()
        for module in self.model.modules():
            if hasattr(module, "inplace"):
                module.inplace = False
        self.layer = self.model.get_submodule(layer)

    def gradients(self, x: torch.Tensor, target: int) -> dict[str, np.ndarray]:
        """Vanilla backprop, gradient x input, guided backprop and deconvnet by captum, (C, H, W)."""
        makers = {
            "vanilla-backprop": lambda given: captum.Saliency(self.model).attribute(given, target, abs=False),
            "gradient-x-input": lambda given: captum.InputXGradient(self.model).attribute(given, target),
            "guided-backprop": lambda given: captum.GuidedBackprop(self.model).attribute(given, target),
            "deconvnet": lambda given: captum.Deconvolution(self.model).attribute(given, target),
        }
        return {name: _quietly(make, x)[0].detach().cpu().numpy() for name, make in makers.items()}

    def cams(self, x: torch.Tensor, target: int) -> dict[str, np.ndarray]:
        """Grad-CAM by captum, the others by pytorch-grad-cam, from 0 to 1, (H, W). None of them has the first CAM."""

        def grad_cam(given: torch.Tensor) -> torch.Tensor:
            found = captum.LayerGradCam(self.model, self.layer).attribute(given, target, relu_attributions=True)
            return captum.LayerAttribution.interpolate(found, tuple(x.shape[2:]), "bilinear")

        coarse = _quietly(grad_cam, x)[0, 0].detach().cpu().numpy()
        maps = {"grad-cam": coarse / (coarse.max() or 1.0)}
        for name, make in CAMS.items():
            with make(model=self.model, target_layers=[self.layer]) as cam:
                maps[name] = cam(input_tensor=x.clone(), targets=[ClassifierOutputTarget(target)])[0]
        return maps

    def activations(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """What each layer gives out, by a hook on each."""
        found: dict[str, torch.Tensor] = {}
        layers = {name: module for name, module in self.model.named_modules() if not list(module.children())}
        layers = {name: module for name, module in layers.items() if not isinstance(module, nn.Dropout | nn.Identity)}
        hooks = [
            module.register_forward_hook(lambda module, inputs, output, name=name: found.update({name: output}))
            for name, module in layers.items()
        ]
        with torch.no_grad():
            self.model(x)
        for hook in hooks:
            hook.remove()
        return found


def save_maps(gradients: dict[str, np.ndarray], cams: dict[str, np.ndarray], photo: np.ndarray, folder: Path) -> None:
    """All maps as PNG: gradients in colour or grey, class activation maps over the photo (H, W, C) uint8."""
    vanilla = gradients["vanilla-backprop"]
    grey = {"saliency": np.abs(vanilla).sum(0), "gradient-x-input": gradients["gradient-x-input"].sum(0)}
    for name in ("vanilla-backprop", "guided-backprop", "deconvnet"):
        values = gradients[name].transpose(1, 2, 0)
        unit = 0.5 + 0.5 * np.clip(values / (np.percentile(np.abs(values), 99.9) or 1.0), -1, 1)
        Image.fromarray((unit * 255).astype(np.uint8)).save(folder / f"{name}.png")
    for name, values in grey.items():
        low, high = values.min(), np.percentile(values, 99)
        unit = np.clip((values - low) / ((high - low) or 1.0), 0, 1)
        Image.fromarray((unit * 255).astype(np.uint8)).save(folder / f"{name}.png")
    for name, values in cams.items():
        board = show_cam_on_image(photo.astype(np.float32) / 255, values, use_rgb=True)
        Image.fromarray(board).save(folder / f"{name}.png")


def save_figure(values: torch.Tensor, file: Path) -> None:
    """A matplotlib figure of one layer's output (1, K, h, w), a picture for each channel; of (1, K) a bar chart."""
    if values.ndim == 2:
        figure, axes = pyplot.subplots()
        axes.plot(values[0].numpy())
    else:
        columns = math.ceil(math.sqrt(values.shape[1]))
        rows = math.ceil(values.shape[1] / columns)
        figure = pyplot.figure(figsize=(columns, rows))
        for number, channel in enumerate(values[0].numpy(), 1):
            axes = figure.add_subplot(rows, columns, number)
            axes.imshow(channel, cmap="Greens")
            axes.axis("off")
    figure.savefig(file)
    pyplot.close(figure)


def _quietly(make: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make(x.clone().requires_grad_())
