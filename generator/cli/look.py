"""`innerview look`: a gallery of images named on the command line."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from .build import build_and_tell
from .options import DEVICE, FOLDER, MODEL, PRESET, options

TARGET = "A class to explain; may be repeated.  [default: the prediction and the runner-up]"


@click.command()
@click.argument("photos", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--model", default="efficientnet-lite0", show_default=True, help="Model name.", **MODEL)
@click.option("--weights", default="", help="A weights file, a torchvision weights enum member, or `random`.")
@click.option("--target", "targets", multiple=True, metavar="C", help=TARGET)
@click.option("--layer", default="", metavar="L", help="Layer for class activation maps.")
@PRESET
@click.option("--out", type=FOLDER, help="Keep the gallery in this folder.  [default: a temporary one]")
@click.option(
    "--workers", type=click.IntRange(0), metavar="N", help="Number of worker processes; 0 runs in this process."
)
@DEVICE
def look(photos: tuple[Path, ...], out: Path | None, **wishes: Any) -> None:
    """Create a temporary gallery of these images, without configuration.

    \b
    innerview look cat.jpg dog.jpg
    innerview look cat.jpg --model alexnet --target tabby
    innerview look cat.jpg --model squeezenet1_0 --weights squeezenet.safetensors --out cat/
    """
    from generator.config.scaffold import prepare

    root = out or Path(tempfile.mkdtemp(prefix="innerview-"))
    where = {name: wishes.pop(name) for name in ("workers", "device")}
    wanted = options(config=prepare(root, photos, **wishes), cards=False, **where)
    code = build_and_tell(wanted)
    click.echo(f"Open {(wanted.out / 'index.html').absolute()} in a browser.")
    sys.exit(code)
