"""A gallery of pictures given on the command line, without a configuration."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from .build import Progress, device as device_of
from .types import ConfigError, Network, slug


def prepare(
    root: Path, photos: Sequence[Path], model: str, weights: str, targets: Sequence[str], layer: str, preset: str | None
) -> Path:
    """Lay a small gallery into `root`: the pictures, and the gallery.yml that is returned."""
    folder = root / "images"
    folder.mkdir(parents=True, exist_ok=True)
    names: set[str] = set()
    entries = []
    for photo in photos:
        if not photo.is_file():
            raise ConfigError(f"{photo}: expected a picture file, it is a folder or something else")
        name = base = slug(photo.stem)
        number = 1
        while name in names:
            number += 1
            name = f"{base}-{number}"
        names.add(name)
        file = folder / f"{name}{photo.suffix.lower()}"
        shutil.copyfile(photo, file)
        entries.append({"file": file.name, "id": name, "title": photo.stem, "credit": "your own picture"})
    (folder / "images.yml").write_text(yaml.safe_dump({"images": entries}, sort_keys=False), encoding="utf-8")
    entry: dict[str, Any] = {"name": model, "images": sorted(names)}
    entry |= {"weights": str(Path(weights).absolute()) if Path(weights).is_file() else weights} if weights else {}
    entry |= {"layer": layer} if layer else {}
    settings: dict[str, Any] = {"site": {"title": "A look inside"}, "models": [entry]}
    settings |= {"targets": [f"class:{name}" for name in targets]} if targets else {}
    settings |= {"preset": preset} if preset else {}
    config = root / "gallery.yml"
    config.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    return config


def measured(model: str, weights: str, data: Path, device: str, progress: Progress) -> dict[str, Any]:
    """Top-1, top-5 and loss of a network over a folder per class."""
    from .data import folder_per_class
    from .evaluation import evaluate
    from .models import load, resolve

    network: Network = resolve(model)
    if weights:
        from dataclasses import replace

        network = replace(network, weights=weights)
    loaded = load(network, device_of(device))
    return evaluate(loaded, folder_per_class(data, "test"), progress.say)
