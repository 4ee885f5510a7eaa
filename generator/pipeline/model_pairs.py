"""Two networks on the same images: which stored results make pairs, and their entries in the manifest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

from generator.core.code_digest import closure_digest
from generator.core.errors import ConfigError
from generator.core.naming import figure_name, layer_slug
from generator.core.records import Job, MethodCard, ModelCard
from generator.core.store import Store, key_of, unpack
from generator.core.tasks import Pair, PairTask, SceneTask
from generator.data.preprocess import displayed, shown_colours
from generator.data.preprocess import photo as photo_of
from generator.drawing.differences import side_by_side


def couples(cards: Sequence[ModelCard], wished: Iterable[Sequence[str]]) -> list[tuple[ModelCard, ModelCard]]:
    """Return the networks to set side by side: each derived one with what it was made from, then the pairs in `wished`.

    Pairs of which one network is not among `cards` are left out. Raises `ConfigError` for a wished pair whose networks
    see inputs of different sizes: their pictures do not lie on each other.
    """
    by_slug = {card.slug: card for card in cards}
    names = [(card.derived_from, card.slug) for card in cards] + [tuple(pair) for pair in wished]
    slug_pairs = dict.fromkeys(pair for pair in names if set(pair) <= set(by_slug))
    card_pairs = [(by_slug[left], by_slug[right]) for left, right in slug_pairs]
    for left, right in card_pairs:
        if left.input.size != right.input.size:
            sizes = [" x ".join(map(str, card.input.size)) for card in (left, right)]
            raise ConfigError(
                f"compare: {left.slug} and {right.slug}: expected networks of one input size, "
                f"theirs are {sizes[0]} and {sizes[1]}"
            )
    return card_pairs


def pair_tasks(
    left: ModelCard, right: ModelCard, tasks: Iterable[SceneTask], cards: Mapping[str, MethodCard], store: Store
) -> list[PairTask]:
    """Return what the two networks have both drawn: same image, method, layer and class; of activations the stages
    alone.

    Networks built differently have no layer in common: of them only the methods match that look at none or at the
    default one.
    """
    sides: dict[str, dict[str, SceneTask]] = {left.slug: {}, right.slug: {}}
    for task in tasks:
        if task.card.slug in sides and task.example is not None:
            sides[task.card.slug].setdefault(task.image, task)  # the first: later ones hold what drives the network
    layered = _built_alike(left, right)
    paired = []
    for image, left_task in sides[left.slug].items():
        right_task = sides[right.slug].get(image)
        if right_task is None:
            continue
        theirs = dict(_matches(right_task, cards, store, layered))
        pairs = []
        for match, job in _matches(left_task, cards, store, layered):
            if match in theirs:
                name = _name(left_task, right_task, job, match)
                style = cards[job.method].style
                key = key_of("pair", job.key, theirs[match].key, style.name, style.key, code(), version("pillow"))
                pairs.append(Pair(name, job, theirs[match], style.name, key))
        paired.append(PairTask(left.slug, right.slug, image, (left_task.example, left_task.card.input), tuple(pairs)))
    return paired


def code() -> str:
    """Return the digest of all code that a pair's pictures and numbers depend on."""
    return closure_digest("generator.drawing.differences", "generator.drawing.styles", __name__)


def drawn(task: PairTask, store: Store) -> bool:
    """Return whether the store holds every pair of a task."""
    records = (store.get(pair.key, shape="comparison") for pair in task.pairs)
    return all(record is not None and store.has_payloads(record) for record in records)


def draw_pairs(task: PairTask, store: Store) -> None:
    """Draw and store the pairs of a task that the store does not hold."""
    photo = None
    for pair in task.pairs:
        existing = store.get(pair.key, shape="comparison")
        if existing and store.has_payloads(existing):
            continue
        if photo is None and task.photo:
            photo = displayed(photo_of(*task.photo), task.photo[1])
        records = [store.get(job.key) or {} for job in (pair.left, pair.right)]
        arrays = [unpack(store.read(record["payloads"]["arrays"])) for record in records]
        if task.photo:
            arrays = [{name: shown_colours(of, task.photo[1]) for name, of in kept.items()} for kept in arrays]
        drawn, numbers = side_by_side(pair.style, arrays, [record["meta"] for record in records], photo)
        files = {part: picture.files["file"] for part, picture in drawn.items()}
        about = {
            "files": {part: suffix for part, (suffix, _) in files.items()},
            "width": drawn["left"].width,
            "height": drawn["left"].height,
            "scale": drawn["left"].scale,
            "sprite": drawn["left"].sprite,
            "numbers": numbers,
        }
        store.put(pair.key, about, {part: data for part, (_, data) in files.items()})


def comparisons(tasks: Iterable[PairTask], store: Store) -> tuple[list[dict[str, Any]], list[tuple[str, str]]]:
    """Return the pairs for the manifest, and the files they name: path below `gallery/` and payload."""
    entries, files = [], []
    for task in tasks:
        for pair in task.pairs:
            about = store.get(pair.key, shape="comparison")
            if about is None:
                continue
            paths = {part: f"{pair.name}.{part}{suffix}" for part, suffix in about["files"].items()}
            files += [(path, about["payloads"][part]) for part, path in paths.items()]
            target = (store.get(pair.left.key) or {}).get("target")
            entries.append(
                {
                    "id": pair.name,
                    "models": [task.left, task.right],
                    "image": task.image,
                    "method": pair.left.method,
                    "layer": pair.left.layer,
                    "target": target["name"] if target else "",
                    "figures": [figure_id(pair.left, store), figure_id(pair.right, store)],
                    "files": paths,
                    **{name: about[name] for name in ("width", "height", "scale", "sprite", "numbers")},
                }
            )
    return entries, files


def figure_id(job: Job, store: Store) -> str:
    """Return the name of the figure that a drawn job became."""
    target = (store.get(job.key) or {}).get("target")
    layer = layer_slug(job.layer) if job.layer else ""
    return figure_name(job.model, job.image, job.method, layer, target["slug"] if target else "", job.style)


def _built_alike(left: ModelCard, right: ModelCard) -> bool:
    """Return whether both networks have the same layers, so that a channel of one has its like in the other."""
    layers = [[(layer.name, layer.type, layer.shape) for layer in card.layers] for card in (left, right)]
    return layers[0] == layers[1]


def _matches(
    task: SceneTask, cards: Mapping[str, MethodCard], store: Store, layered: bool
) -> Iterable[tuple[tuple, Job]]:
    """Yield each drawn job with what it shares with its like in another network; with `layered` those of stages too."""
    stages = {stage.layer for stage in task.card.stages[:-1]}
    seen = set()
    for job in task.jobs:
        card = cards[job.method]
        record = store.get(job.key)
        if not card.style.pairs or not record or record.get("status") != "drawn":
            continue
        at_default = card.at == "default" or "layer" not in card.axes
        if not at_default and not (layered and job.layer in stages):
            continue
        target = record["target"]["slug"] if record.get("target") else ""
        match = (job.method, "" if at_default else job.layer, target)
        if match not in seen:  # a class asked for by name may be the rival too
            seen.add(match)
            yield match, job


def _name(left: SceneTask, right: SceneTask, job: Job, match: tuple) -> str:
    layer = layer_slug(job.layer) if job.layer else ""
    own = figure_name(job.model, job.image, job.method, layer, match[2]).partition("/")[2]
    return f"compare/{left.card.slug}--{right.card.slug}/{own}"
