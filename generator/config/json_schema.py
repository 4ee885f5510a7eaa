"""The JSON Schemas of gallery.yml and images.yml, with which an editor completes, explains and checks them."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel

from .image_entries import ImagesFile
from .settings import Settings

DIALECT = "https://json-schema.org/draft/2020-12/schema"

# What an editor says of each key, by the entry that holds it.
WORDS: dict[str, dict[str, str]] = {
    "Settings": {
        "site": "How the gallery presents itself.",
        "models": "The networks, by name (vgg-cifar10, resnet18, vgg-cifar10~pruned-50), or with what is different.",
        "images": "The folder of pictures, with its images.yml, beside this file.",
        "methods": "A list: these methods and no others. A mapping: those of the preset, and with true, false or "
        "parameters what is to be different.",
        "measures": "How far maps are to be believed is measured by these; written as methods are.",
        "targets": "The classes to explain: label (from images.yml), rival, top (the prediction), class:NAME or "
        "contrast:NAME:NAME; of a segmentation also pixel:ROW:COLUMN, counted from 0 from the top left of the input.",
        "preset": "How much is drawn; auto takes more for small networks than for large ones.",
        "styles": "Pairs of a picture and another one whose style it gets, by their ids.",
        "pin": "Figures, by name or pattern, whose picture keeps an address of its own for ever.",
        "compare": "Pairs of networks to set side by side; pruned copies are set beside their whole by themselves.",
    },
    "SiteEntry": {
        "title": "The name of the site.",
        "url": "Where it is published; links for sharing and embedding need it.",
        "description": "One sentence, for the front page and for search engines.",
    },
    "ModelEntry": {
        "name": "What the network is called; its pages stand under this name.",
        "source": "Where it comes from, if the name does not say it: bundled:NAME, torchvision:NAME, or your own "
        "function as module:function, which returns a torch.nn.Module.",
        "title": "The name as people write it.",
        "weights": "A file (.safetensors, .pt, .pth, .pth.tar, .ckpt, .bin, .pt2: a state dict or a checkpoint with "
        "one), a member of a torchvision weights enum, or random.",
        "seed": "Of random weights.",
        "input": "What the network wants to see; needed for one of your own.",
        "classes": "The names of the classes in order, or a text file with one a line. The vocabularies "
        "cifar10, imagenette and imagenet have names of their own.",
        "vocabulary": "Whose words those are: under this name `targets` in images.yml looks the right answer up.",
        "layer": "The layer of the class activation maps; by itself the last that has space.",
        "layers": "The layers that methods look at: a list for all that look at one, or a list for each method's slug.",
        "images": "Its pictures, by id or set; by itself those of its vocabulary and those in no set.",
        "targets": "The classes to explain, instead of the gallery's.",
        "labelled": "A folder with a folder of pictures per class, or an archive of one: `innerview evaluate` and "
        "`innerview rank` measure on these.",
        "probe": "The images that its units are asked about; by itself the curated ones.",
        "checkpoints": "A folder of its training's checkpoints, two or more: its pages show how it came to be.",
        "native": "Whether it gets pictures at their own size, up to 4096 pixels a side; for networks that take any.",
        "output": "What it answers with: classes, binary (one number), labels, value or mask; found where it can be.",
        "output_key": "The member that holds the scores, where it returns a tuple, a dictionary or an object.",
        "threshold": "The probability from which a binary answer is positive, and a label is counted.",
        "unit": "What a value is measured in.",
        "constants": "What it wants to know besides the picture, by the names of its forward's parameters: a number, "
        "true or false, a list, or an array's file (.npy). Each picture of a pass gets the same.",
        "prune": "Copies with ever fewer weights, to be set beside it.",
    },
    "InputEntry": {
        "size": "[channels, height, width]; 224 or [224, 320] mean three channels of that.",
        "mean": "Subtracted from each channel, which is 0 to 1; fractions such as 127/255 will do.",
        "std": "By which each channel is divided then; likewise.",
        "range": "Of pictures of 16 bits or floats: the values that become 0 and 1, such as [0, 4095]; by itself all "
        "that whole numbers of their type reach, and of floats 0 to 1. Pictures of 8 bits are 0 to 255 as ever.",
        "display": "The channels that are shown, counted from 1: one, or those for red, green and blue: [3, 2, 1].",
        "fit": "What becomes of pictures of another shape: their centre is cropped, or they are padded.",
        "resize": "The shorter side before cropping, in pixels; 0 fits the input.",
        "interpolation": "How pictures are made smaller.",
        "background": "The colour behind what is transparent or padded.",
    },
    "PruneEntry": {
        "sparsity": "The share of weights that is set to zero.",
        "scope": "Among which weights the smallest are looked for: those of all layers, or each layer's.",
    },
    "ProbeEntry": {
        "data": "A folder of pictures, or of one folder per class; an archive of one; or a data set's name.",
        "images": "How many are looked at, evenly spread; 0 means all.",
    },
    "ImagesFile": {"images": "The pictures, in the order in which the gallery shows them."},
    "ImageEntry": {
        "file": "The picture, in this folder.",
        "source": "Or a sample of a data set, as SET/SPLIT/CLASS/NUMBER.",
        "id": "What the picture is called in addresses; by itself the file's name.",
        "title": "The name as people write it.",
        "credit": "Whose picture it is; repeated by each of its figures.",
        "licence": "On what terms it may be shown, such as CC-BY-4.0.",
        "source_url": "Where it was found.",
        "alt": "What it shows, for those who cannot see it.",
        "note": "What to notice in it, such as an instructive mistake; shown on its pages.",
        "sets": "Names by which a model chooses its pictures.",
        "targets": "The right answer in the words of each network's vocabulary, as in {cifar10: cat, imagenet: tabby}.",
        "background": "The colour behind what is transparent, such as '#87b5d9'.",
        "fit": "How it is brought to the shape of an input: crop or pad.",
        "frame": "Which frame of an animation, page of a TIFF or slice of an array (D, H, W), counted from 1; 0 is the "
        "first frame or page, and an array as it is.",
        "box": "Left, top, right and bottom of the thing that the class names, in pixels of the upright picture.",
        "mask": "Or a file of the same size that is white where the thing is.",
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
