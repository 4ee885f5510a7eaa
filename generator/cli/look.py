"""`innerview look`: a gallery of images named on the command line."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from .build import build_and_tell
from .options import DEVICE, FOLDER, MODEL, PRESET, options
from .terminal import desktop

TARGET = "A class to explain; may be repeated.  [default: the prediction and the runner-up]"

MODEL_HELP = "Model name, also of the gallery.yml in this folder, or module:function."

TEXT = "Text vectors by class name, the head of an image tower such as CLIP's (.npz, .npy, .safetensors, .pt)."

OPEN = "Open the report in a browser as soon as it has figures.  [default: on a terminal with a desktop]"


@click.command()
@click.argument("photos", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--model", default="efficientnet-lite0", show_default=True, help=MODEL_HELP, **MODEL)
@click.option("--weights", default="", help="A weights file, a torchvision weights enum member, or `random`.")
@click.option("--text", default="", metavar="FILE", help=TEXT)
@click.option("--target", "targets", multiple=True, metavar="C", help=TARGET)
@click.option("--layer", default="", metavar="L", help="Layer for class activation maps.")
@PRESET
@click.option("--out", type=FOLDER, help="Keep the gallery in this folder.  [default: a temporary one]")
@click.option(
    "--workers", type=click.IntRange(0), metavar="N", help="Number of worker processes; 0 runs in this process."
)
@DEVICE
@click.option("--open/--no-open", "shown", default=None, help=OPEN)
def look(photos: tuple[Path, ...], out: Path | None, shown: bool | None, **wishes: Any) -> None:
    """Create a temporary gallery of these images, without configuration.

    \b
    innerview look cat.jpg dog.jpg
    innerview look cat.jpg --model alexnet --target tabby
    innerview look cat.jpg --model squeezenet1_0 --weights squeezenet.safetensors --out cat/
    innerview look cat.jpg --model towers:image_tower --text cat-and-dog.npz
    """
    from generator.config.scaffold import prepare

    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))  # where `module:function` is looked up; workers take over these places
    root = out or Path(tempfile.mkdtemp(prefix="innerview-"))
    where = {name: wishes.pop(name) for name in ("workers", "device")}
    wanted = options(config=prepare(root, photos, **wishes), cards=False, grow=True, **where)
    opened: list[Path] = []

    def show() -> None:
        if (desktop() if shown is None else shown) and not opened:
            opened.append(_first_page(wanted.out))
            click.launch(opened[0].absolute().as_uri())

    code = build_and_tell(wanted, published=show)
    show()
    click.echo(f"Open {(wanted.out / 'index.html').absolute()} in a browser.")
    sys.exit(code)


def _first_page(site: Path) -> Path:
    """Return the report of the only image, or the front page of several."""
    manifest = json.loads((site / "gallery" / "manifest.json").read_text("utf-8"))
    reports = [f"gallery/{entry['model']}/{entry['image']}/index.html" for entry in manifest["predictions"]]
    return site / (reports[0] if len(reports) == 1 else "index.html")
