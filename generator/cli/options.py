"""The options that commands share, and what they ask for together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from generator.core.errors import InnerviewError

if TYPE_CHECKING:  # loaded when a command runs: what is typed and completed waits for none of it
    from generator.pipeline.options import Options


def _networks(context: click.Context, parameter: click.Parameter, beginning: str) -> list[str]:
    """Return the names of networks that begin so, for the completion of a shell."""
    from generator.models.specs import known_names

    return [name for name in known_names() if name.startswith(beginning)]


MODEL: dict[str, Any] = {"metavar": "M", "shell_complete": _networks}
FOLDER = click.Path(path_type=Path, file_okay=False)
FILE = click.Path(path_type=Path, dir_okay=False)
DATA = click.Path(path_type=Path)
DEVICE = click.option(
    "--device", default="auto", show_default=True, metavar="auto|cpu|cuda[:n]", help="Device to compute on."
)
PRESET = click.option(
    "--preset", type=click.Choice(["forward", "quick", "standard", "full"]), help="Set of methods to render."
)
MEMORY = click.option(
    "--memory",
    type=click.IntRange(64),
    metavar="MB",
    help="Memory per worker for methods that run many passes.  [default: 1024, or most of the free GPU memory]",
)
CONFIG = click.option("--config", type=FILE, help="Configuration file.  [default: gallery.yml if it exists]")
DATA_HELP = "Folder with one folder of images per class, or a tar archive of one"


def selection(command: Callable) -> Callable:
    """Return the options that choose what is drawn."""
    for option in reversed(
        (
            CONFIG,
            PRESET,
            click.option("--model", "models", multiple=True, help="Only this model; may be repeated.", **MODEL),
            click.option("--image", "images", multiple=True, metavar="I", help="Only this image; may be repeated."),
            click.option("--method", "methods", multiple=True, metavar="X", help="Only this method; may be repeated."),
            click.option(
                "--layer",
                "layers",
                multiple=True,
                metavar="[X=]L",
                help="Layer, of method X or of all; may be repeated.",
            ),
            click.option(
                "--workers",
                type=click.IntRange(0),
                metavar="N",
                envvar="INNERVIEW_WORKERS",
                show_envvar=True,
                help="Number of worker processes; 0 runs in this process.",
            ),
            click.option(
                "--engine",
                type=click.Choice(["local", "ray"]),
                default="local",
                show_default=True,
                help="Run workers on this machine or in a Ray cluster.",
            ),
            click.option(
                "--address",
                default="",
                metavar="HOST:PORT|auto",
                help="Address of the Ray cluster.  [default: a temporary one on this machine]",
            ),
            DEVICE,
            click.option("--data", type=FOLDER, help="Folder of data sets, for images given as samples."),
            MEMORY,
            click.option(
                "--time-limit",
                default=900.0,
                show_default=True,
                type=click.FloatRange(0, min_open=True),
                metavar="S",
                help="Seconds per job; after that its worker is stopped and the build continues.",
            ),
            click.option(
                "--store",
                "store_dir",
                type=FOLDER,
                help="Store of rendered figures.  [default: .innerview/store in the gallery]",
            ),
            click.option("--trust-pickle", is_flag=True, help="Allow weight files to run the code they contain."),
        )
    ):
        command = option(command)
    return command


def destination(command: Callable) -> Callable:
    """Return the option that says where the site goes."""
    return click.option("--site-dir", type=FOLDER, help="Output folder of the site.  [default: site]")(command)


def against(command: Callable) -> Callable:
    """Return the option that adds a page of changes to the site."""
    path = click.Path(path_type=Path, exists=True)
    return click.option("--against", type=path, metavar="OLD", help="Add a page of changes since another gallery.")(
        command
    )


def options(
    config: Path | None = None, memory: int | None = None, workers: int | None = None, **chosen: Any
) -> Options:
    """Return what a command asks for, from the values of `selection` and `destination` and of its own."""
    from generator.pipeline.options import Options

    if config is None and Path("gallery.yml").is_file():
        config = Path("gallery.yml")
    root = _root(config)
    extra: dict[str, Any] = {} if workers is None else {"workers": workers}
    return Options(root=root, config=config, memory=memory and memory * 2**20, **extra, **chosen)


def device_of(name: str) -> str:
    """Return the device that an option names: `cpu` or `cuda[:n]`, where `auto` was chosen too."""
    from generator.pipeline.options import device

    return device(name)


def _root(config: Path | None) -> Path:
    """Return the gallery's folder: where its configuration is, but for those in this repository's `galleries/`."""
    if config is None:
        return Path(".")
    if not config.is_file():
        raise InnerviewError(f"{config}: configuration file not found")
    return config.parent.parent if config.parent.name == "galleries" else config.parent
