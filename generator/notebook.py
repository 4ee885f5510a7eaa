"""For notebooks: load a network, look at a picture with it, and take arrays, pictures and figures from what it sees."""

from __future__ import annotations

import base64
import copy
import io
import shutil
import tempfile
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import torch
from markupsafe import escape
from PIL import Image

from generator.config.image_entries import ImageEntry
from generator.config.settings import InputEntry
from generator.config.settings import load as load_settings
from generator.config.validation import nearest, validated
from generator.core import records
from generator.core.answer_kinds import ranked
from generator.core.errors import ConfigError, ImageError, InnerviewError, NotApplicable
from generator.core.naming import slug
from generator.core.records import Example, Input, Job, MethodCard
from generator.core.roles import ACTIVATIONS, INPUT, slug_with, slugs_with
from generator.core.store import key_of
from generator.core.tasks import SceneTask
from generator.data.images import read_image
from generator.engine.readout import readout_of
from generator.models.compiled import freeze, watchable
from generator.models.load import Loaded
from generator.models.load import load as load_network
from generator.models.specs import resolve
from generator.models.text_head import text_classes, with_text
from generator.models.user_module import output_width
from generator.models.vocabularies import VOCABULARIES, vocabulary_classes
from generator.models.weights import digest
from generator.pipeline import selection
from generator.pipeline.jobs import NetworkRequest, scene_tasks
from generator.pipeline.keys import picture_key
from generator.pipeline.manifest import alt
from generator.pipeline.named_network import network_of
from generator.pipeline.worker import Worker

OVERVIEW = (INPUT, "strength", "region")  # roles of what a look shows by itself
TARGETS = ("label", "rival", "top")


class Model:
    """A network that is ready for `look`; returned by `load`."""

    def __init__(self, loaded: Loaded, device: str) -> None:
        folder = tempfile.mkdtemp(prefix="innerview-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self.worker = Worker(Path(folder), device)
        self.worker.preload(loaded)
        self.network = loaded.network
        self.card = self.worker.describe(loaded.network)
        self.methods: dict[str, MethodCard] = {card.slug: card for card in self.worker.methods()}

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names, in the order of the outputs."""
        return self.card.classes

    @property
    def layers(self) -> list[str]:
        """The names of its layers, from the picture to the answer."""
        return [layer.name for layer in self.card.layers]

    def __repr__(self) -> str:
        return f"<{self.card.title}: {len(self.classes)} classes, {len(self.layers)} layers>"


def load(  # noqa: PLR0913 - keyword parameters are the interface
    network: str | torch.nn.Module,
    *,
    weights: str = "",
    input: Input | None = None,
    classes: Sequence[str] | str = (),
    text: str = "",
    device: str = "cpu",
    folder: str | Path = ".",
    trust_pickle: bool = False,
) -> Model:
    """Return a network by name (`"vgg-cifar10"`, `"resnet18~random"`, `"my_module:function"`), or from a module.

    A name from the gallery.yml in `folder` selects that model with its settings. For your own network, `input`
    describes size and preprocessing, and `classes` gives the class names or the name of a vocabulary (`"imagenet"`,
    `"imagenette"`, `"cifar10"`). `text` is a file of text vectors, one per class or by name: the head of an image tower
    such as CLIP's, as `text` in gallery.yml. A module is copied and not changed. Files and modules are looked up in
    `folder`.
    Raises `InnerviewError` with a message of one line.
    """
    vocabulary = classes if isinstance(classes, str) else ""
    names = vocabulary_classes(vocabulary) if vocabulary else tuple(map(str, classes))
    input = _checked_input(input) if input is not None else None
    if vocabulary and not names:
        raise ConfigError(f"classes: {vocabulary!r}: expected a list of names, or one of {', '.join(VOCABULARIES)}")
    if isinstance(network, torch.nn.Module):
        return Model(_at_hand(network, input, names, vocabulary, device, text, folder), device)
    if not isinstance(network, str):
        there = f"the class {network.__name__}" if isinstance(network, type) else f"a {type(network).__name__}"
        raise ConfigError(f"network: expected a name or a torch.nn.Module, there is {there}")
    config = Path(folder, "gallery.yml")
    spec = network_of(network, weights, config) if config.is_file() else replace(resolve(network), folder=str(folder))
    spec = replace(
        spec,
        weights=weights or spec.weights,
        classes=names or spec.classes,
        vocabulary=vocabulary or spec.vocabulary,
        input=input or spec.input,
        text=text or spec.text,
    )
    return Model(load_network(spec, device, trust_pickle), device)


def look(
    network: Model | str, picture: str | Path | Image.Image | np.ndarray, *, label: str = "", title: str = ""
) -> Look:
    """Return the view of an image by a network. The image is a file, a Pillow image, or an array (H, W, 3) of bytes;
    other arrays, and tensors, are measured values, floats from 0 to 1.

    `label` is the correct class, for the target "label". Everything is computed on demand.
    """
    model = load(network) if isinstance(network, str) else network
    if label:
        _check(label, model.classes, "label")
    return Look(model, picture, label, title)


@dataclass(frozen=True)
class Figure:
    """One figure of a gallery; a notebook displays it with its caption."""

    title: str
    caption: str
    alt: str  # for those who cannot see it
    file: bytes
    suffix: str  # ".png" or ".webp"
    numbers: dict[str, Any]  # what the method measured beside its map

    @property
    def picture(self) -> Image.Image:
        """As a Pillow image."""
        return Image.open(io.BytesIO(self.file))

    def save(self, path: str | Path) -> Path:
        """Write the image, in the format of the file name extension; raises `ConfigError` for one of no format."""
        path = Path(path)
        if path.suffix == self.suffix:
            path.write_bytes(self.file)
        elif path.suffix.lower() not in Image.registered_extensions():
            raise ConfigError(f"{path.name}: expected a name that ends like an image's, such as {self.suffix}")
        else:
            self.picture.convert("RGB").save(path)
        return path

    def _repr_html_(self) -> str:
        """Return the picture and its caption, with nothing to be fetched."""
        source = f"data:image/{self.suffix[1:]};base64,{base64.b64encode(self.file).decode()}"
        wide = f"width:{self.picture.width}px;max-width:100%"
        style = f"display:inline-block;vertical-align:top;margin:0 1em 1em 0;{wide}"
        image = f'<img src="{source}" alt="{escape(self.alt)}" style="width:100%;height:auto;display:block">'
        words = f'<figcaption style="padding-top:.4em;line-height:1.35">{escape(self.caption)}</figcaption>'
        return f'<figure style="{style}">{image}{words}</figure>'


class Look:
    """One image in one network; returned by `look`."""

    def __init__(self, model: Model, picture: str | Path | Image.Image | np.ndarray, label: str, title: str) -> None:
        self.model = model
        self.example = self._example(picture, label, title)

    def array(self, method: str, *, target: str = "top", layer: str = "", **parameters: Any) -> np.ndarray:
        """Return what a method returns, raw, float32: (h, w) of a map, (C, H, W) of a gradient, (K, h, w) of
        activations.

        `target` is a class's name, or "top", "rival", "label". Raises `NotApplicable` if the method does not
        apply, and `ConfigError` for an unknown method, class, layer or parameter.
        """
        task, job = self._job(method, target, layer, parameters)
        values, _ = self.model.worker.array(task, job)
        if len(values) > 1:
            raise ConfigError(f"{method}: it gives {len(values)} arrays of several sizes; ask for one of its layers")
        return values[0][0] if "image" in self.model.methods[method].axes else values[0]

    def figure(self, method: str, *, target: str = "top", layer: str = "", **parameters: Any) -> Figure:
        """Return the figure as a gallery renders it, with caption and alternative text. Raises as `array` does."""
        task, job = self._job(method, target, layer, parameters)
        cards, store, failed = self.model.methods, self.model.worker.store, []

        def on_event(event: str, key: str, words: str) -> None:
            if event == "failed":
                failed.append(words)

        self.model.worker.scene(task, on_event)
        if failed:
            raise InnerviewError(f"{method}: {failed[0]}")
        done, card = store.get(job.key), cards[method]
        if done["status"] == "inapplicable":
            raise NotApplicable(done["reason"])
        drawn = store.get(picture_key(job, [job], task, cards))
        about = done["target"]
        words = f"{card.title}{f' of {job.layer}' if job.layer else ''}"
        words += f" for {about['name']}" if about else ""
        words += f" ({100 * about['probability']:.0f} %)" if about and about["probability"] is not None else ""
        return Figure(
            card.title,
            f"{words}. {card.summary}",
            alt(job, task, card, done["meta"], about),
            store.read(drawn["payloads"]["file"]),
            drawn["files"]["file"],
            done["numbers"],
        )

    def picture(self, method: str, *, target: str = "top", layer: str = "", **parameters: Any) -> Image.Image:
        """Return the image of the figure."""
        return self.figure(method, target=target, layer=layer, **parameters).picture

    @property
    def answer(self) -> list[tuple[str, float]]:
        """The classes with their probabilities, the prediction first; for a value the outputs, for masks the classes
        with their shares of the image.
        """
        output = self.model.card.output
        last = self.model.layers[-1]
        values = self.array(slug_with(ACTIVATIONS, self.model.methods.values()), layer=last).ravel().tolist()
        if output["kind"] == "value":
            return [(f"output {index}", value) for index, value in enumerate(values)]
        told = [(self.model.classes[index], values[index]) for index in ranked(output, values)]
        return [(name, share) for name, share in told if share > 0] if output["kind"] == "mask" else told

    def _told(self, most: int, mark: str = " ") -> str:
        output = self.model.card.output
        value = output["kind"] == "value"
        shown = [
            f"{number:.4g} {output['unit']}".strip() if value else f"{name}{mark}{100 * number:.0f} %"
            for name, number in self.answer[:most]
        ]
        return ", ".join(shown)

    def __repr__(self) -> str:
        return f"<{self.example.title}: {self._told(1, ', ')}, says {self.model.card.title}>"

    def _repr_html_(self) -> str:
        """Return the picture, where the answer came from, and the answer."""
        answer = self._told(3)
        shown = "".join(self.figure(method)._repr_html_() for method in self._overview() if self._speaks(method))
        return f"<div><p>{escape(self.model.card.title)} says: {escape(answer)}</p>{shown}</div>"

    def _overview(self) -> list[str]:
        cards = self.model.methods.values()
        return [method for role in OVERVIEW for method in slugs_with(role, cards)[:1]]

    def _speaks(self, method: str) -> bool:
        try:
            self.figure(method)
        except NotApplicable:
            return False
        return True

    def _example(self, picture: Any, label: str, title: str) -> Example:
        """Return the picture as a file, which is what all of the house reads."""
        if isinstance(picture, str | Path):
            path = Path(picture)
            if not path.name:
                raise ImageError(f"picture: expected the name of a file, there is {str(picture)!r}")
        else:
            content, suffix = _content_of(picture)
            path = self.model.worker.store.folder / f"{key_of('picture', content.hex())}{suffix}"
            path.write_bytes(content)
            title = title or "a picture"
        entry = ImageEntry(file=path.name, id=slug(path.stem), title=title)
        return replace(read_image(path, entry), targets={self.model.card.vocabulary: label} if label else {})

    def _job(self, method: str, target: str, layer: str, parameters: dict[str, Any]) -> tuple[SceneTask, Job]:
        """Return the one job that is meant, in a task of its own."""
        model, cards = self.model, self.model.methods
        _check(method, cards, "method")
        chosen = _chosen(method, parameters, list(cards.values()))
        if target not in TARGETS and not (isinstance(target, str) and ":" in target):
            _check(target, model.classes, "class")
            target = f"class:{target}"
        elif target == "label" and not self.example.targets:
            raise ConfigError('target "label": this look was given no label')
        device = model.worker.device
        tasks = scene_tasks(
            NetworkRequest(model.network, model.card, [self.example], [target], {method: chosen}, cards, device)
        )
        candidates = [(task, job) for task in tasks for job in task.jobs if job.method == method]
        if layer:
            _check(layer, model.layers, "layer")
            if "layer" not in cards[method].axes:
                raise ConfigError(f"{method}: it looks at no single layer; there is {layer!r}")
            candidates = [(task, replace(job, layer=layer, key=key_of(job.key, layer))) for task, job in candidates[:1]]
        if not candidates:
            raise ConfigError(f"{method}: it makes nothing of one network and one picture alone")
        task, job = next((pair for pair in candidates if pair[1].layer == model.card.default_layer), candidates[0])
        return replace(task, jobs=(job,)), job


def _content_of(picture: Any) -> tuple[bytes, str]:
    """Return the bytes and the suffix of a file that holds a Pillow image, or an array of numbers, without loss.

    Bytes of grey or colours become a PNG; other numbers an `.npy`, which is read as measured values. Raises
    `ImageError` for anything else.
    """
    if isinstance(picture, torch.Tensor):
        tensor = picture.detach().cpu()
        picture = (tensor.float() if tensor.is_floating_point() else tensor).numpy()
    stream = io.BytesIO()
    if isinstance(picture, Image.Image) and picture.size > (0, 0) and min(picture.size):
        if picture.mode in ("I", "F"):
            picture.save(stream, "TIFF")
            return stream.getvalue(), ".tiff"
        _as_png(picture).save(stream, "PNG")
        return stream.getvalue(), ".png"
    if not isinstance(picture, np.ndarray):
        there = "one without pixels" if isinstance(picture, Image.Image) else f"a {type(picture).__name__}"
        raise ImageError(f"picture: expected a file, a Pillow image or an array (H, W, 3) of bytes, there is {there}")
    colours = picture.ndim == 2 or (picture.ndim == 3 and picture.shape[2] in (2, 3, 4))
    if picture.dtype in (np.uint8, np.bool_) and colours and picture.size:
        Image.fromarray(picture).save(stream, "PNG")
        return stream.getvalue(), ".png"
    if picture.dtype.hasobject:
        raise ImageError("picture: expected an array of numbers, there is one of Python objects")
    np.save(stream, picture)
    return stream.getvalue(), ".npy"


def _as_png(picture: Image.Image) -> Image.Image:
    """Return a Pillow image in a mode that PNG has, its colours those of its mode."""
    if picture.mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        return picture
    if picture.mode == "La":
        return picture.convert("LA")
    return picture.convert("RGBA" if picture.mode in ("PA", "RGBa") else "RGB")


def _at_hand(
    module: torch.nn.Module,
    input: Input | None,
    classes: tuple[str, ...],
    vocabulary: str,
    device: str,
    text: str,
    folder: str | Path,
) -> Loaded:
    """Return a module of the caller's, copied, frozen and set to evaluate."""
    if input is None:
        raise ConfigError("a network of your own needs `input`: its size, mean and std")
    model, note = watchable(copy.deepcopy(module))
    model, title = model.eval().float(), type(model).__name__
    network = records.Network(
        slug(title), "at:hand", input=input, classes=classes, vocabulary=vocabulary, text=text, folder=str(folder)
    )
    width = output_width(model, input, network)  # a line for an input that it does not take
    if text:
        classes = classes or text_classes(network)
        model = with_text(model, network, classes, width or 0, {})
    model = freeze(model).to(device)
    loaded = Loaded(model, network, slug(title), title, input, classes, vocabulary, digest(model), note=note)
    outputs = readout_of(loaded).width
    if classes and outputs not in (1, len(classes)):
        raise ConfigError(f"{len(classes)} classes for a network with {outputs} outputs")
    return loaded


def _checked_input(input: Input) -> Input:
    """Return an input as gallery.yml has it, 224 for (3, 224, 224); raises `ConfigError` where it would refuse it."""
    if not isinstance(input, Input):
        expected = "expected an Input of generator.types: its size, mean and std"
        raise ConfigError(f"input: {expected}; there is {str(input)[:60]!r}")
    given = {
        "size": _listed(input.size),
        "mean": _listed(input.mean),
        "std": _listed(input.std),
        "resize": input.resize,
        "interpolation": input.interpolation,
        "fit": "crop" if input.fit == "native" else input.fit,
        "range": _listed(input.range),
        "display": _listed(input.display),
    }
    entry = validated(InputEntry, given, "input")
    return replace(input, size=tuple(entry.size), mean=tuple(entry.mean), std=tuple(entry.std))


def _listed(values: Any) -> Any:
    return list(values) if isinstance(values, tuple) else values


def _check(name: Any, choices: Any, kind: str) -> None:
    if name not in choices:
        near = nearest(str(name), get_close_matches(str(name), list(choices), n=1))
        raise ConfigError(f"no {kind} is called {name!r}{near}")


def _chosen(method: str, parameters: dict[str, Any], cards: list[MethodCard]) -> dict[str, Any]:
    """Return all parameters of a method, the given ones checked as those of a gallery.yml are."""
    given = {name: list(value) if isinstance(value, tuple) else value for name, value in parameters.items()}
    try:
        return selection.methods_for(load_settings(None, methods={method: given}), cards, "quick")[method]
    except ConfigError as error:
        raise ConfigError(str(error).removeprefix("gallery.yml: methods.")) from None
