"""The task of a probe: which images, in which batches, and under which key the results are kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from generator.core.code_digest import closure_digest
from generator.core.errors import ConfigError
from generator.core.read_once import Changed
from generator.core.records import Example, ModelCard, Network
from generator.core.store import key_of
from generator.core.tasks import ProbeTask, Source
from generator.data import datasets
from generator.engine.batch_size import batch_size
from generator.models.specs import bundled_modules

KEEP = 9  # images that are kept of each channel


def task_of(
    network: Network,
    card: ModelCard,
    source: Source,
    examples: Sequence[Example],
    digest: Callable[[Path], str],
    *,
    device: str = "cpu",
    memory: int = 2**30,
) -> ProbeTask:
    """Return the task of one network; `digest` gives the SHA-256 of a file, from memory where the file did not
    change.
    """
    batch = batch_size(card, memory)
    curated = () if source.path else tuple(examples)
    paths = files(source)
    digests = tuple(digest(file) for file in paths)
    key = key_of(
        "probe",
        card.digest,
        asdict(card.input),
        card.classes,
        {name: value for name, value in card.output.items() if name != "unit"},
        [(layer.name, layer.kind, layer.stage) for layer in card.layers],
        [(_name(file, source), content) for file, content in zip(paths, digests, strict=True)],
        [
            (
                example.id,
                example.digest,
                example.frame,
                example.background,
                example.fit,
                example.targets.get(card.vocabulary, ""),
            )
            for example in curated
        ],
        source.most,
        batch,
        closure_digest("generator.analysis.probe.jobs", *bundled_modules(network.source)),
        [version(name) for name in ("torch", "numpy", "pillow")],
        device.partition(":")[0],
    )
    return ProbeTask(network, card, source, curated, batch, key, digests)


def hashed_files(task: ProbeTask) -> dict[str, str]:
    """Return the source's files with the digests that the key has, for a ledger; raises `Changed` where there are
    others.
    """
    paths = [str(file) for file in files(task.source)]
    if len(paths) != len(task.digests):
        raise Changed(f"{task.source.path}: its files")
    return dict(zip(paths, task.digests, strict=True))


def _name(file: Path, source: Source) -> str:
    """Return a file's name wherever the source lies: an address would make another key of another place."""
    return file.relative_to(source.path).as_posix() if file != Path(source.path) else file.name


def find_source(wanted: str, most: int, folder: Path, sets: Path | None, place: str) -> Source:
    """Return the images that gallery.yml names: a folder or archive beside it, or a data set by name; raises
    `ConfigError`.

    `folder` is the gallery's, `sets` the one given as --data, `place` the file and key for the message.
    """
    path = folder / Path(wanted).expanduser()
    if path.exists():
        return Source(str(path), "", most)
    location = datasets.whereabouts(sets, wanted) if "/" not in wanted else None
    if location is not None:
        return Source(str(location.absolute()), wanted, most)
    raise ConfigError(
        f"{place} expected a folder of pictures, an archive of one, or the name of a data set in the folder given as "
        f"--data; there is no {wanted!r}"
    )


def files(source: Source) -> list[Path]:
    """Return the files whose bytes decide what a probe sees, in order."""
    return datasets.files_of_test_part(Path(source.path), source.known) if source.path else []
