"""The commands: `innerview build`, `look`, `plan`, `pages`, `serve`, `show`, `check`, `train`, `evaluate`."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from . import __version__
from .terminal import Terminal, table
from .types import InnerviewError

FOLDER = click.Path(path_type=Path, file_okay=False)
FILE = click.Path(path_type=Path, dir_okay=False)
DATA = click.Path(path_type=Path)
DEVICE = click.option(
    "--device", default="auto", show_default=True, metavar="auto|cpu|cuda[:n]", help="Where to compute."
)
TARGET = "A class to explain; may be repeated.  [default: the prediction and its rival]"
PRESET = click.option("--preset", type=click.Choice(["quick", "standard", "full"]), help="How many methods to draw.")
MEMORY = click.option(
    "--memory",
    default=1024,
    show_default=True,
    type=click.IntRange(64),
    metavar="MB",
    help="For methods that run many passes, per worker.",
)
SHARE = click.FloatRange(0, 1, min_open=True, max_open=True)
DATA_HELP = "A folder with a folder of pictures per class, or a tar archive of one"


class Commands(click.Group):
    """Lists commands in the order one meets them, and turns our errors into one line and exit code 2."""

    def list_commands(self, context: click.Context) -> list[str]:
        """In the order of definition."""
        return list(self.commands)

    def invoke(self, context: click.Context) -> Any:
        """Our own errors are the user's to mend: no traceback."""
        try:
            return super().invoke(context)
        except InnerviewError as error:
            click.echo(f"innerview: {error}", err=True)
            context.exit(2)
        except KeyboardInterrupt:
            click.echo("\nStopped. What was drawn is kept; the same command goes on from here.", err=True)
            context.exit(130)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="innerview")
def main() -> None:
    """What a convolutional network sees, as a gallery of pictures.

    \b
    innerview build                 draw what is missing and publish the site in site/
    innerview serve                 the same, then look at it in a browser
    innerview look photo.jpg        a gallery of your own pictures, at once

    Without a gallery.yml the default gallery is built: the bundled CIFAR-10 network and the curated images.
    """


def selection(command: Callable) -> Callable:
    """The options that choose what is drawn."""
    for option in reversed(
        (
            click.option("--config", type=FILE, help="The configuration.  [default: gallery.yml if it exists]"),
            PRESET,
            click.option("--model", "models", multiple=True, metavar="M", help="Only this network; may be repeated."),
            click.option("--image", "images", multiple=True, metavar="I", help="Only this image; may be repeated."),
            click.option("--method", "methods", multiple=True, metavar="X", help="Only this method; may be repeated."),
            click.option("--workers", type=click.IntRange(0), metavar="N", help="Processes; 0 runs in this one."),
            DEVICE,
            click.option("--data", type=FOLDER, help="Folder of data sets, for images given as samples of one."),
            MEMORY,
            click.option("--trust-pickle", is_flag=True, help="Let weight files run the code they carry."),
        )
    ):
        command = option(command)
    return command


def destination(command: Callable) -> Callable:
    """The option that says where the site goes."""
    return click.option("--site-dir", type=FOLDER, help="Where the site is put.  [default: site]")(command)


@main.command()
@selection
@destination
@click.option("--no-site", is_flag=True, help="Draw and store, but write no pages.")
def build(no_site: bool, **chosen: Any) -> None:
    """Draw what is missing and publish the site.

    \b
    innerview build
    innerview build --model vgg-cifar10 --image frog --method grad-cam
    innerview build --config galleries/imagenet.yml --preset quick
    """
    sys.exit(_build(_options(no_site=no_site, **chosen)))


@main.command()
@click.argument("photos", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--model", default="vgg-cifar10", show_default=True, metavar="M", help="A network's name.")
@click.option("--weights", default="", help="A weights file, a torchvision weights enum member, or `random`.")
@click.option("--target", "targets", multiple=True, metavar="C", help=TARGET)
@click.option("--layer", default="", metavar="L", help="The layer of the class activation maps.")
@PRESET
@click.option("--out", type=FOLDER, help="Keep the gallery in this folder.  [default: a temporary one]")
@click.option("--workers", type=click.IntRange(0), metavar="N", help="Processes; 0 runs in this one.")
@DEVICE
def look(photos: tuple[Path, ...], out: Path | None, **wishes: Any) -> None:
    """Make a temporary gallery of these pictures; no configuration needed.

    \b
    innerview look cat.jpg dog.jpg
    innerview look cat.jpg --model alexnet --target tabby
    innerview look cat.jpg --model squeezenet1_0 --weights squeezenet.safetensors --out cat/
    """
    from .look import prepare

    root = out or Path(tempfile.mkdtemp(prefix="innerview-"))
    where = {name: wishes.pop(name) for name in ("workers", "device")}
    options = _options(config=prepare(root, photos, **wishes), **where)
    code = _build(options)
    click.echo(f"Open {(options.out / 'index.html').absolute()} in a browser.")
    sys.exit(code)


@main.command()
@selection
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def plan(as_json: bool, **chosen: Any) -> None:
    """Tell what would be drawn, what is in the store, and what the rest costs.

    \b
    innerview plan
    innerview plan --preset full --json
    """
    from .survey import make_plan, price_list

    options, terminal = _options(**chosen), Terminal()
    with options.pool() as pool:
        made = make_plan(options, pool, options.store)
    rows = price_list(made)
    if as_json:
        click.echo(json.dumps({"models": rows, "problems": made.problems, "failed": dict(made.failed)}, indent=1))
    else:
        for line in made.problems:
            terminal.warn(line)
        for name, reason in made.failed:
            terminal.fail(f"{name}: {reason}")
        heads = ["model", "images", "figures", "in store", "forward passes", "about"]
        table(heads, [[*list(row.values())[:5], f"{row['seconds']:.0f} s of one core"] for row in rows])
    sys.exit(1 if made.failed else 0)


@main.command("pages")
@selection
@destination
def pages_(**chosen: Any) -> None:
    """Write the pages again from what is in the store, without torch.

    Use it after a change to templates, styles or words. What is not in the store appears as a labelled tile.

    \b
    innerview pages
    innerview pages --site-dir preview/
    """
    from .build import rewrite

    options = _options(**chosen)
    rewrite(options, Terminal().progress)
    click.echo(f"The site is in {options.out}")


@main.command()
@selection
@destination
@click.option("--port", default=8000, show_default=True, help="On this machine only.")
def serve(port: int, **chosen: Any) -> None:
    """Build, then serve the site on this machine until interrupted.

    \b
    innerview serve
    innerview serve --image frog --port 8080
    """
    from .site import serve as server_of

    options = _options(**chosen)
    code = _build(options)
    if not (options.out / "index.html").is_file():
        sys.exit(code)
    server = server_of(options.out, port)
    click.echo(f"Look at http://127.0.0.1:{server.server_port}/   (Ctrl-C ends it)")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


@main.command()
@click.argument("figure")
@selection
@click.option("--array", type=FILE, metavar="OUT.npy", help="Write the raw float32 array, as the method returned it.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def show(figure: str, array: Path | None, as_json: bool, **chosen: Any) -> None:
    """Tell where a figure comes from; write its raw array.

    \b
    innerview show vgg-cifar10/frog/grad-cam--backbone.relu7--class-frog
    innerview show vgg-cifar10/frog/vanilla-backprop--class-frog --array gradient.npy
    """
    from .show import describe_figure

    found = describe_figure(_options(**chosen), figure, array)
    if as_json:
        click.echo(json.dumps(found, indent=1, sort_keys=True))
        return
    for name, value in found.items():
        if value not in ("", None, [], {}):
            click.echo(f"{name:12} {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}")


@main.command()
@click.argument("figure", default="")
@click.option(
    "--as", "kind", type=click.Choice(["html", "markdown", "iframe", "bibtex", "png"]), default="html",
    show_default=True, help="In which form.",
)  # fmt: skip
@click.option("--table", metavar="MODEL", help="Instead of a figure: a network's whole table, in Markdown.")
@click.option("--out", type=FILE, metavar="FILE", help="Write it there.  [default: standard output]")
@click.option("--url", default="", help="The site's address, where gallery.yml does not tell it.")
@click.option("--title", is_flag=True, help="Put what it shows above a PNG.")
@click.option("--colour-bar", is_flag=True, help="Put the colour scale under a PNG.")
@click.option("--config", type=FILE, help="The gallery's configuration.  [default: gallery.yml if it exists]")
@destination
def embed(figure: str, out: Path | None, config: Path | None, site_dir: Path | None, **wishes: Any) -> None:
    """Take a figure of the built site away: for a blog, a README, an article or slides.

    \b
    innerview embed vgg-cifar10/frog/grad-cam--backbone.relu7--class-frog --as markdown
    innerview embed vgg-cifar10/frog/activations--backbone.relu0#c17 --as png --out channel.png
    innerview embed vgg-cifar10/frog/saliency--class-frog --as png --title --colour-bar --out slide.png
    innerview embed --table vgg-cifar10 --as markdown --url https://example.org/gallery
    """
    from .embed import hand_out

    hand_out(_options(config=config, site_dir=site_dir).out, figure, out, **wishes)


@main.command()
@selection
@destination
def check(**chosen: Any) -> None:
    """Check configuration, images, store, links, and the manifest against the files.

    \b
    innerview check
    innerview check --config galleries/imagenet.yml
    """
    from .health import examine

    terminal = Terminal()
    findings = examine(_options(**chosen))
    for name, problems in findings.items():
        for line in problems:
            terminal.warn(f"{name}: {line}")
        if not problems:
            click.echo(f"{name}: nothing wrong")
    sys.exit(1 if any(findings.values()) else 0)


@main.command()
@click.option("--recipe", default="vgg-cifar10", show_default=True, help="Which network to train, and how.")
@click.option("--data", type=DATA, help=f"{DATA_HELP}, with train/ and test/ in it.  [default: CIFAR-10, downloaded]")
@click.option("--out", type=FILE, metavar="FILE.safetensors", help="The weights.  [default: RECIPE.safetensors]")
@click.option("--epochs", type=click.IntRange(1), help="Instead of the recipe's.")
@click.option("--start", type=FILE, help="Weights to start from.")
@click.option("--resume", is_flag=True, help="Go on from the last checkpoint beside the output.")
@click.option("--seed", default=0, show_default=True, help="Of the first weights, the crops and the order.")
@DEVICE
def train(out: Path | None, **wishes: Any) -> None:
    """Train a bundled network from its data set; a checkpoint each epoch, resumable.

    \b
    innerview train
    innerview train --data cifar10/ --epochs 4 --out mine.safetensors
    innerview train --data cifar10/ --epochs 4 --out mine.safetensors --resume
    """
    from .learning import trained

    out = trained(Terminal().progress.say, out=out or Path(f"{wishes['recipe']}.safetensors"), **wishes)
    click.echo(f"The weights are in {out}, their model card is in {out.with_suffix('.json')}")


@main.command()
@click.option("--model", default="vgg-cifar10", show_default=True, metavar="M", help="A network's name.")
@click.option("--weights", default="", help="A weights file to put in.")
@click.option("--data", type=DATA, help=f"{DATA_HELP}.  [default: CIFAR-10, downloaded]")
@DEVICE
@click.option("--pruning", is_flag=True, help="Measure pruned copies too, and keep the curve beside the weights.")
@click.option("--sparsity", multiple=True, type=SHARE, metavar="S", help="Pruned to this.  [default: 0.1 to 0.95]")
@click.option("--sample", default=1000, show_default=True, type=click.IntRange(1), help="Pictures for each copy.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def evaluate(pruning: bool, sparsity: tuple[float, ...], sample: int, as_json: bool, **wishes: Any) -> None:
    """Measure a network's accuracy on labelled pictures.

    With --pruning also of copies with ever fewer weights, and how alike their pictures stay: a curve for its page.

    \b
    innerview evaluate --data cifar10/
    innerview evaluate --model squeezenet1_0 --data photos/ --json
    innerview evaluate --data cifar10/ --pruning
    """
    from . import learning

    say = Terminal().progress.say
    if pruning or sparsity:
        found, told = learning.pruned(say=say, sparsities=sparsity, sample=sample, **wishes)
    else:
        found, told = learning.measured(say=say, **wishes)
    click.echo(json.dumps(found) if as_json else told)


# --- what the commands share ------------------------------------------------------------------------


def _options(config: Path | None = None, memory: int = 1024, workers: int | None = None, **chosen: Any) -> Any:
    from .options import Options

    if config is None and Path("gallery.yml").is_file():
        config = Path("gallery.yml")
    root = _root(config)
    extra = {} if workers is None else {"workers": workers}
    return Options(root=root, config=config, memory=memory * 2**20, **extra, **chosen)


def _root(config: Path | None) -> Path:
    """The gallery's folder: where its configuration is, but for those in this repository's `galleries/`."""
    if config is None:
        return Path(".")
    if not config.is_file():
        raise InnerviewError(f"{config}: expected a configuration file, there is none")
    return config.parent.parent if config.parent.name == "galleries" else config.parent


def _build(options: Any) -> int:
    """Build and tell; the exit code: 0 all drawn, 1 some failed."""
    from .build import build as run

    terminal = Terminal()
    with terminal:
        report = run(options, terminal.progress)
    for line in report.problems:
        terminal.warn(line)
    for name, reason in list(report.failures.items())[:30]:
        terminal.fail(f"{name}: {reason}")
    if len(report.failures) > 30:
        terminal.fail(f"... and {len(report.failures) - 30} more, all in {options.work / 'build.json'}")
    if report.unchanged:
        click.echo(f"Nothing changed: {report.figures} figures are as they were, nothing was drawn.")
    else:
        parts = [f"drew {report.drawn}", f"reused {report.reused}"]
        parts += [f"{len(report.failures)} failed"] if report.failures else []
        parts += [f"{report.inapplicable} not applicable"] if report.inapplicable else []
        click.echo(f"{report.figures} figures: {', '.join(parts)}.")
    if report.site:
        click.echo(f"The site is in {report.site}/ ({report.pages:,} pages). To look at it: innerview serve")
    return 1 if report.failures else 0


if __name__ == "__main__":
    main()
