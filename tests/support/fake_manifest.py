"""A small real gallery, drawn with numpy: manifest and pictures as a build would publish them, without a network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import fake_evidence
import fake_pairs
import fake_probe
import numpy as np
from fake_pictures import draw_photo, enlarged, heat, red_blue, save, sprite

from generator.core.naming import figure_name, layer_slug
from generator.core.records import Example, Figure, Input, Layer, MethodCard, ModelCard, Stage, record
from generator.drawing.styles import style_cards
from generator.pipeline.manifest import entry_of

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
STAGES = [("conv 64", 64, 32), ("pool", 64, 16), ("conv 256", 256, 16), ("pool", 256, 8), ("conv 512", 512, 4)]
TARGETS = {"frog": ("frog", "bird"), "cat": ("cat", "dog"), "rocket": ("ship", "truck")}


def build(gallery: Path) -> dict[str, Any]:
    """Write pictures and manifest.json into the folder `gallery` and return the manifest."""
    photos = {image: draw_photo(seed, 96) for seed, image in enumerate(TARGETS)}
    images = [_image(gallery, image, photo) for image, photo in photos.items()]
    models = [_model("tiny", "A tiny network", 1.0), _model("tiny~pruned-50", "A tiny network, half pruned", 0.5)]
    figures, predictions = [], []
    for model in models:
        figures += _filters(gallery, model["slug"])
        for image, photo in photos.items():
            predictions.append(_prediction(model["slug"], image))
            figures += _report(gallery, model, image, photo)
    probes, strips = fake_probe.build(gallery, models)
    figures += strips
    manifest = {
        "format": "innerview-manifest",
        "version": 1,
        "generator": {"innerview": "0.1", "torch": "2", "torchvision": "0", "numpy": np.__version__, "pillow": "1"},
        "site": {"title": "Innerview", "url": "", "description": ""},
        "models": models,
        "styles": [record(card.style) for card in METHODS],
        "methods": [entry_of(card) for card in METHODS],
        "images": images,
        "unreadable": [{"id": "broken", "reason": "broken.png: not a picture that can be read"}],
        "predictions": predictions,
        "probes": probes,
        "figures": [record(figure) for figure in figures],
        "comparisons": fake_pairs.build(gallery, models, figures),
    }
    fake_evidence.add(manifest)
    manifest = json.loads(json.dumps(manifest))
    (gallery / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return manifest


def _method(slug: str, title: str, family: str, draw: str, summary: str, **more: Any) -> MethodCard:
    style = style_cards()[draw]
    told = {
        "text": "One backward pass gives the gradient of the class score with respect to the input.",
        "formula": "g = ∂S / ∂x",
        "reading": "Bright pixels pull on the answer.",
        "limits": "It shows where the answer is touchy, not where the object is.",
        "cites": "Simonyan et al. 2013, arXiv:1312.6034",
        "inputs": ("x",),
        "axes": ("target",),
        "parameters": {},
        "at": "",
        "preset": "quick",
        "passes": 0.0,
        "key": "0" * 64,
    }
    return MethodCard(slug=slug, title=title, family=family, style=style, summary=summary, **(told | more))


METHODS = [
    _method(
        "input",
        "Preprocessed input",
        "inside",
        "photo",
        "The picture as the network gets it.",
        axes=(),
        order=10,
        roles=("input",),
    ),
    _method(
        "activations",
        "Activations",
        "inside",
        "sprite",
        "Output of every channel of a layer.",
        axes=("layer",),
        at="every",
        order=20,
        roles=("activations",),
    ),
    _method(
        "top-images",
        "Top images",
        "inside",
        "patches",
        "What excites each channel most.",
        axes=("layer",),
        at="walk",
        order=50,
        roles=("dataset-examples",),
    ),
    _method(
        "filters",
        "Filters",
        "inside",
        "filters",
        "The patterns that the first layer slides over the picture.",
        axes=("layer",),
        at="conv",
        order=30,
        roles=("filters",),
    ),
    _method(
        "vanilla-backprop",
        "Vanilla backprop",
        "gradient",
        "colour",
        "How the score changes with every pixel, in colour.",
        order=70,
        roles=("direction",),
    ),
    _method(
        "saliency",
        "Saliency",
        "gradient",
        "grey",
        "How much every pixel pulls on the score.",
        order=90,
        roles=("strength",),
    ),
    _method(
        "signed-gradient",
        "Signed gradient",
        "gradient",
        "signed",
        "Whether brightening a pixel raises or lowers the score.",
        order=110,
        roles=("sign",),
    ),
    _method(
        "cam",
        "CAM",
        "cam",
        "overlay",
        "Where the last layer found the class.",
        parameters={"alpha": 0.5},
        order=180,
        roles=("class-map",),
    ),
    _method(
        "grad-cam",
        "Grad-CAM",
        "cam",
        "overlay",
        "Channels weighed by their mean gradient.",
        at="default",
        order=190,
        roles=("region",),
    ),
    _method("grad-cam-over-depth", "Grad-CAM over depth", "cam", "strip", "The same map at every depth.", order=200),
    _method(
        "occlusion",
        "Occlusion",
        "perturbation",
        "signed",
        "How far the score falls when a patch is covered.",
        order=300,
        roles=("covered",),
    ),
]


# --- records -----------------------------------------------------------------------------------------


def _image(gallery: Path, image: str, photo: np.ndarray) -> dict[str, Any]:
    save(gallery, f"images/{image}.png", enlarged(photo, 4))
    save(gallery, f"images/{image}.thumb.png", photo)
    label = TARGETS[image][0]
    example = Example(
        id=image,
        path="",
        title=image.capitalize(),
        digest="1" * 64,
        size=(384, 384),
        credit="Drawn for a test",
        licence="CC0-1.0",
        source="https://example.org/",
        alt=f"A drawn {image} with two eyes.",
        sets=("tests",),
        targets={} if image == "rocket" else {"cifar10": label},
    )
    fields = record(example)
    del fields["path"]
    return fields | {"photo": f"images/{image}.png", "thumb": f"images/{image}.thumb.png"}


def _layers() -> tuple[Layer, ...]:
    layers: list[Layer] = []
    for number, (title, channels, side) in enumerate(STAGES):
        shape = (channels, side, side)
        if title == "pool":
            layers.append(Layer(f"pool{number}", "MaxPool2d", "pool", shape, 0, 0, (6 * number, 6 * number), number))
            continue
        for kind, type_, size in (
            ("conv", "Conv2d", 9 * channels),
            ("norm", "BatchNorm2d", 0),
            ("activation", "ReLU", 0),
        ):
            name = {"conv": "conv", "norm": "bn", "activation": "relu"}[kind] + str(number)
            layers.append(Layer(name, type_, kind, shape, size, size * side * side, (3 + 4 * number,) * 2, number))
    layers.append(Layer("mean", "mean", "pool", (512,), 0, 0, None, 5))
    layers.append(Layer("classifier", "Linear", "linear", (10,), 5130, 5120, None, 6))
    layers.append(Layer("probabilities", "softmax", "softmax", (10,), 0, 0, None, 6))
    return tuple(layers)


def _model(slug: str, title: str, kept: float) -> dict[str, Any]:
    layers = _layers()
    stages = tuple(
        Stage(
            name,
            [layer for layer in layers if layer.stage == number][-1].name,
            tuple(la.name for la in layers if la.stage == number),
        )
        for number, name in enumerate([*(stage[0] for stage in STAGES), "vector of 512", "10 classes"])
    )
    parameters = sum(layer.parameters for layer in layers)
    card = ModelCard(
        slug=slug,
        name=slug,
        title=title,
        source="tests.fake:tiny",
        digest="2" * 64,
        input=Input((3, 32, 32), (0.5,) * 3, (0.25,) * 3),
        vocabulary="cifar10",
        classes=CLASSES,
        parameters=parameters,
        nonzero=round(parameters * kept),
        macs=sum(layer.macs for layer in layers),
        layers=layers,
        stages=stages,
        default_layer="relu4",
        rectifiers="3 of 3 rectifiers",
        accuracy={"top1": 0.8896, "images": 10000, "data": "CIFAR-10 test"},
        note="Convolutions and pools, then one vote per class.",
        derived_from="" if kept == 1 else "tiny",
        pruning=fake_pairs.curve() if kept == 1 else {},
    )
    fields = record(card)
    del fields["passes_seconds"], fields["one_at_a_time"]
    return fields


def _prediction(model: str, image: str) -> dict[str, Any]:
    label, rival = TARGETS[image]
    said = (rival, label) if image == "cat" else (label, rival)
    rest = [name for name in CLASSES if name not in said][:3]
    shares = [0.871, 0.094, 0.03, 0.0044, 0.0002]
    top = [
        {"name": name, "index": CLASSES.index(name), "probability": share}
        for name, share in zip([*said, *rest], shares, strict=True)
    ]
    known = image != "rocket"
    return {
        "model": model,
        "image": image,
        "label": label if known else None,
        "label_probability": next(t["probability"] for t in top if t["name"] == label) if known else None,
        "correct": said[0] == label if known else None,
        "top": top,
    }


def _target(image: str, role: str) -> dict[str, Any]:
    name = TARGETS[image][role == "rival"]
    if role == "label" and image == "rocket":
        role = "top"
    return {"name": name, "index": CLASSES.index(name), "probability": 0.871, "role": role}


def _figure(
    gallery: Path, model: str, image: str, method: str, pixels: np.ndarray, corner: bool = False, **more: Any
) -> Figure:
    target = more.get("target")
    layer = more.get("layer", "")
    name = figure_name(model, image, method, layer_slug(layer) if layer else "", target["name"] if target else "")
    width, height, digest = save(gallery, f"{name}.png", pixels)
    if corner:
        save(gallery, f"{name}.thumb.png", pixels[:112, :112])
    shared = {"range": (-0.212, 0.341), "scale": (0.0, 0.298), "clipped": 0.002, "shape": (32, 32)}
    return Figure(
        id=name,
        model=model,
        image=image,
        method=method,
        status="drawn",
        file=f"{name}.png",
        thumb=f"{name}.thumb.png" if corner else "",
        page=f"{name}.html",
        width=width,
        height=height,
        digest=digest,
        alt=f"{method} of {image}, strongest in the middle.",
        keys={"array": "3" * 64, "picture": "4" * 64},
        **(shared | more),
    )


def _without(model: str, image: str, method: str, status: str, reason: str, role: str) -> Figure:
    target = _target(image, role)
    name = figure_name(model, image, method, "", target["name"])
    return Figure(
        id=name,
        model=model,
        image=image,
        method=method,
        status=status,
        reason=reason,
        target=target,
        page=f"{name}.html",
    )


def _filters(gallery: Path, model: str) -> list[Figure]:
    kernels = np.random.default_rng(5).uniform(0, 1, (8, 3, 8, 3, 3))
    mosaic = np.ones((8 * 4 + 1, 8 * 4 + 1, 3))
    for row in range(8):
        for column in range(8):
            mosaic[1 + row * 4 : 4 + row * 4, 1 + column * 4 : 4 + column * 4] = kernels[row, :, column]
    sprite = {"channels": 64, "columns": 8, "rows": 8, "tile": [3, 3], "gap": 1, "factor": 1, "reduced": 1}
    return [_figure(gallery, model, "model", "filters", mosaic, layer="conv0", sprite=sprite, shape=(64, 3, 3, 3))]


def _report(gallery: Path, model: dict[str, Any], image: str, photo: np.ndarray) -> list[Figure]:
    slug, small = model["slug"], photo[1::3, 1::3]
    figures = [
        _figure(
            gallery, slug, image, "input", enlarged(small, 7), range=None, scale=None, clipped=0.0, shape=(3, 32, 32)
        )
    ]
    figures += [_activation(gallery, slug, image, layer, small) for layer in model["layers"]]
    noise = np.random.default_rng(len(image)).normal(0, 1, (32, 32, 3)) * np.abs(small - small.mean())
    for role in ("label", "rival"):
        target = _target(image, role)
        sign = 1 if role == "label" else -1
        drawn = {
            "vanilla-backprop": 0.5 + sign * noise,
            "saliency": np.repeat(np.abs(noise).sum(-1, keepdims=True), 3, -1),
            "signed-gradient": red_blue(sign * noise.sum(-1)),
        }
        for method, pixels in drawn.items():
            figures.append(_figure(gallery, slug, image, method, enlarged(pixels, 7), target=target))
        overlay = heat(enlarged(small, 7), (0.5, 0.55) if role == "label" else (0.25, 0.7))
        figures.append(
            _without(slug, image, "cam", "inapplicable", "no global average pooling before the classifier", role)
        )
        figures.append(
            _figure(gallery, slug, image, "grad-cam", overlay, target=target, layer="relu4", note="4 × 4 values")
        )
        strip = np.concatenate([heat(enlarged(small, 4), (0.3 + 0.04 * n, 0.5)) for n in range(8)], 1)
        layout = {"channels": 8, "columns": 8, "rows": 1, "tile": [128, 128], "gap": 0}
        facts = {"scale": None, "range": None, "clipped": 0.0, "numbers": {"layers": ["relu0", "relu4"]}}
        facts["shape"] = tuple((1, side, side) for side in (32, 32, 16, 16, 8, 8, 4, 4))
        figures.append(
            _figure(gallery, slug, image, "grad-cam-over-depth", strip, target=target, sprite=layout, **facts)
        )
        figures.append(_without(slug, image, "occlusion", "failed", "ran out of memory after 3 of 49 patches", role))
    return figures


def _activation(gallery: Path, model: str, image: str, layer: dict[str, Any], small: np.ndarray) -> Figure:
    channels, random = layer["shape"][0], np.random.default_rng(len(layer["name"]) + layer["stage"])
    side = layer["shape"][1] if len(layer["shape"]) == 3 else 1
    pooled = small.mean(-1).reshape(side, 32 // side, side, 32 // side).mean((1, 3))
    gain, shift = random.normal(0, 1.6, (2, channels, 1, 1))
    maps = gain * (pooled - 0.6) + 0.2 * shift + random.normal(0, 0.04, (channels, side, side))
    signed = layer["kind"] in ("conv", "norm", "linear")
    maps = maps if signed else np.maximum(maps, 0)
    columns = {10: 10, 64: 16, 256: 32, 512: 32}[channels]
    rows = -(-channels // columns)
    mosaic = np.zeros((rows * (side + 1) - 1, columns * (side + 1) - 1))
    between = np.ones(mosaic.shape, bool)
    for c in range(channels):
        top, left = c // columns * (side + 1), c % columns * (side + 1)
        mosaic[top : top + side, left : left + side] = maps[c]
        between[top : top + side, left : left + side] = False
    end = float(np.quantile(np.abs(maps), 0.998)) or 1.0
    layout = {
        "channels": channels,
        "columns": columns,
        "rows": rows,
        "tile": [side, side],
        "gap": 1,
        "factor": 1,
        "reduced": 1,
    }
    return _figure(
        gallery,
        model,
        image,
        "activations",
        sprite(np.clip(mosaic / end, -1, 1), between, signed),
        corner=side > 8,
        layer=layer["name"],
        sprite=layout,
        shape=tuple(layer["shape"]),
        range=(float(maps.min()), float(maps.max())),
        scale=(-end if signed else 0.0, end),
    )


def channels(figure: dict[str, Any]) -> dict[str, list[float]] | None:
    """Numbers per channel, as the store would have them."""
    if not figure["sprite"]:
        return None
    count = figure["sprite"]["channels"]
    return {"max": [round(1 + c / count, 3) for c in range(count)], "mean": [0.25] * count, "zeros": [0.5] * count}
