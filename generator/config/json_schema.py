"""The JSON Schemas of gallery.yml and images.yml, with which an editor completes, explains and checks them."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel

from .image_entries import ImagesFile
from .settings import Settings

DIALECT = "https://json-schema.org/draft/2020-12/schema"

# The description of each key in an editor, by the entry that holds it.
WORDS: dict[str, dict[str, str]] = {
    "Settings": {
        "site": "Title, URL and description of the site.",
        "models": "Models, by name (resnet18, vgg-cifar10~pruned-50) or as entries with settings.",
        "images": "Folder of images with its images.yml, next to this file.",
        "methods": "A list renders only these methods. A mapping changes the preset: true adds a method, false removes "
        "it, parameters configure it.",
        "measures": "Measures of faithfulness; same syntax as methods.",
        "targets": "Classes to explain: label (from images.yml), rival (the runner-up), top (the prediction), "
        "class:NAME or contrast:NAME:NAME; of a segmentation also pixel:ROW:COLUMN, counted from 0 at the "
        "top left of the input.",
        "preset": "Set of methods to render; auto chooses more for small networks than for large ones.",
        "styles": "Pairs of image ids for style transfer: content, style.",
        "live_megabytes": "Megabytes that the live page's networks and their runtime may add to the site.",
        "pin": "Figures, by name or pattern, to pin to a permanent URL.",
        "compare": "Pairs of models to compare; pruned copies are compared with their original automatically.",
    },
    "SiteEntry": {
        "title": "Title of the site.",
        "url": "URL of the published site; needed for sharing and embedding.",
        "description": "One sentence for the front page and search engines.",
    },
    "ModelEntry": {
        "name": "Name of the model; part of the URL of its pages.",
        "source": "Source, if it differs from the name: bundled:NAME, torchvision:NAME, or module:function, your own "
        "function that returns a torch.nn.Module.",
        "title": "Title shown on pages.",
        "weights": "A file (.safetensors, .pt, .pth, .pth.tar, .ckpt, .bin, .pt2: a state dict or a checkpoint with "
        "one), a member of a torchvision weights enum, or random.",
        "seed": "Seed of random weights.",
        "input": "Size and preprocessing of the input; required for your own networks.",
        "classes": "Class names in order, or a text file with one per line. The vocabularies cifar10, imagenette and "
        "imagenet bring their names.",
        "vocabulary": "Name of the set of classes; `targets` in images.yml uses it to state the label.",
        "layer": "Layer of class activation maps; default: the last layer with spatial dimensions.",
        "layers": "Layers that methods use: one list for all methods with a layer, or a list per method.",
        "images": "Images, by id or set; default: those with a label in its vocabulary and those in no set.",
        "targets": "Classes to explain, instead of those of the gallery.",
        "labelled": "Folder with one folder of images per class, or an archive of one: `innerview evaluate` and "
        "`innerview rank` measure on these.",
        "probe": "Images on which channels and predictions are measured; default: the images of the gallery.",
        "checkpoints": "Folder of two or more training checkpoints, for figures of the training history.",
        "native": "Process images at their own size, up to 4096 pixels a side; for networks that accept any size.",
        "output": "Kind of output: classes, binary (one number), labels, value or mask; detected where possible.",
        "output_key": "Key of the scores, if the network returns a tuple, a dictionary or an object.",
        "threshold": "Probability from which a binary output is positive or a label counts.",
        "unit": "Unit of the value.",
        "constants": "Further inputs, by the names of the parameters of its forward: a number, true or false, a list, "
        "or an array file (.npy). Every image of a pass gets the same.",
        "text": "Text vectors as the head of an image tower such as CLIP's: scores are scale x cosine similarity.",
        "live": "Whether visitors can run it on their own images, in the browser; default: bundled networks only.",
        "prune": "Pruned copies to compare with the model.",
    },
    "TextEntry": {
        "vectors": "File of one vector per class (.npy, .npz, .safetensors, .pt): a table in the order of the classes, "
        "or a vector for each name.",
        "scale": "Factor of the cosine similarities; default: exp(logit_scale) of the weights file, else 100.",
    },
    "InputEntry": {
        "size": "[channels, height, width]; 224 and [224, 320] imply three channels.",
        "mean": "Mean subtracted from each channel (range 0 to 1); fractions such as 127/255 are allowed.",
        "std": "Standard deviation by which each channel is divided; fractions are allowed.",
        "range": "For images of 16 bits or floats: the values that map to 0 and 1, such as [0, 4095]; default: the "
        "range of the integer type, and 0 to 1 for floats. Images of 8 bits always use 0 to 255.",
        "display": "Channels to show, counted from 1: one, or those for red, green and blue: [3, 2, 1].",
        "fit": "How images of another aspect ratio fit: crop the centre, or pad.",
        "resize": "Shorter side before cropping, in pixels; 0 fits the input.",
        "interpolation": "Interpolation for downsampling.",
        "background": "Background colour of transparent or padded areas.",
    },
    "PruneEntry": {
        "sparsity": "Share of weights set to zero.",
        "scope": "Where the smallest weights are selected: across all layers, or within each layer.",
    },
    "ProbeEntry": {
        "data": "Folder of images, or of one folder per class; an archive of one; or the name of a data set.",
        "images": "Number of images, sampled evenly; 0 means all.",
    },
    "ImagesFile": {"images": "Images, in the order in which the gallery shows them."},
    "ImageEntry": {
        "file": "Image file in this folder.",
        "source": "Sample of a data set instead of a file, as SET/SPLIT/CLASS/NUMBER.",
        "id": "Name of the image in URLs; default: the file name.",
        "title": "Title shown on pages.",
        "credit": "Author or rights holder; shown with every figure.",
        "licence": "Licence, such as CC-BY-4.0.",
        "source_url": "URL of the original.",
        "alt": "Description for screen readers.",
        "note": "What to notice in the image; shown on its pages.",
        "sets": "Sets the image belongs to; models select images by set.",
        "targets": "Label in each vocabulary, as in {cifar10: cat, imagenet: tabby}.",
        "background": "Background colour of transparent areas, such as '#87b5d9'.",
        "fit": "How the image fits the input: crop or pad.",
        "frame": "Frame of an animation, page of a TIFF or slice of an array (D, H, W), counted from 1; 0 is the first "
        "frame or page, and the whole array.",
        "box": "Bounding box of the object: left, top, right, bottom, in pixels of the upright image.",
        "mask": "Mask file of the same size, white where the object is; instead of a box.",
    },
}


def gallery_schema() -> dict[str, Any]:
    """Return the JSON Schema of gallery.yml."""
    return _described(Settings, "gallery.yml of an Innerview gallery")


def images_schema() -> dict[str, Any]:
    """Return the JSON Schema of images.yml."""
    return _described(ImagesFile, "images.yml of an Innerview gallery")


SCHEMAS = {"gallery": gallery_schema, "images": images_schema}


def written(name: str) -> str:
    """Return the text of a schema's file, `gallery` or `images`."""
    return json.dumps(SCHEMAS[name](), indent=1, ensure_ascii=False) + "\n"


def _described(kind: type[BaseModel], title: str) -> dict[str, Any]:
    schema = kind.model_json_schema()
    parts = {kind.__name__: schema, **schema.get("$defs", {})}
    for entry, part in parts.items():
        for holder in (part, *part.get("anyOf", ())):  # an entry with a shorthand may be either
            for key, about in holder.get("properties", {}).items():
                about.pop("title", None)
                about["description"] = WORDS.get(entry, {}).get(key, "")
    return {"$schema": DIALECT, **schema, "title": title}
