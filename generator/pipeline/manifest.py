"""The manifest: what the site holds, as plain data, made from the plan and the store alone."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any, cast

import numpy as np

from generator import __version__
from generator.analysis import evidence_tasks, objectives
from generator.analysis.probe import results
from generator.core.answer_kinds import FURTHER, holds
from generator.core.channel_blocks import said
from generator.core.manifest_types import Manifest
from generator.core.naming import figure_name, layer_slug, slug
from generator.core.records import MANIFEST_VERSION, Example, Figure, Job, MethodCard, ModelCard, record
from generator.core.roles import ACTIVATIONS, slug_with
from generator.core.store import Damaged, Store, unpack
from generator.core.tasks import PairTask, ProbeTask, SceneTask, groups
from generator.drawing.styles import style_cards

from .keys import LIBRARIES, picture_key
from .model_pairs import comparisons

PLACES = (("at the top", "in the middle", "at the bottom"), ("left", "centre", "right"))


@dataclass
class Contents:
    """All that a build brings together, ready to become a manifest."""

    site: Mapping[str, str]
    models: Sequence[ModelCard]
    methods: Sequence[MethodCard]
    examples: Sequence[Example]
    tasks: Sequence[SceneTask]
    failures: Mapping[str, str]  # key of a job -> why it failed
    previews: Mapping[str, Mapping[str, Any]]  # image id -> picture record with "photo" and "thumb"
    unreadable: Sequence[tuple[str, str]] = ()  # image id, why it cannot be read
    pairs: Sequence[PairTask] = ()
    known: evidence_tasks.Registry | None = None  # for the evidence
    probes: Sequence[ProbeTask] = ()
    absent: str = ""  # what is said in the place of a figure that is not there yet; "" has it built again


@dataclass(frozen=True)
class Published:
    """One file of the gallery: where it goes below `gallery/` and the payload it is."""

    path: str
    digest: str


def manifest(contents: Contents, store: Store) -> tuple[Manifest, list[Published]]:
    """Return the manifest and the files it names. Equal inputs give equal bytes: no times, no paths, no counts of
    work.
    """
    files: list[Published] = []
    cards = {card.slug: card for card in contents.methods}
    probes = {task.card.slug: task for task in contents.probes}
    figures: dict[str, dict[str, Any]] = {}
    predictions = []
    controls: dict[str, list[dict[str, Any]]] = {}
    for task in contents.tasks:
        evidence = _evidence(task, contents.known, store, controls)
        records = {job: store.get(job.key, "status") or {} for job in task.jobs}
        shared = {job: group for group in groups(task) for job in group}
        for job in task.jobs:
            if job.target.startswith(f"{FURTHER}:") and records[job].get("status") == "inapplicable":
                continue  # no further label reached the threshold: nothing is missing
            drawn = [other for other in shared[job] if records[other].get("status") == "drawn"]
            picture = picture_key(job, drawn, task, cards)
            state = _State(
                records[job], picture, contents.failures.get(job.key, ""), probes.get(job.model), contents.absent
            )
            figure, own = _figure(job, state, task, cards[job.method], store)
            if figure.id not in figures:  # a class asked for by name may be the rival too
                figures[figure.id] = record(figure) | {"evidence": evidence.get(job.key, {})}
                files += own
        if task.example is not None:
            predictions += _prediction(task, cards, contents.failures, store)
    pairs, pair_files = comparisons(contents.pairs, store)
    files += [Published(path, digest) for path, digest in pair_files]
    used = {figure["method"] for figure in figures.values()}
    methods = [card for card in contents.methods if card.slug in used]
    described = {
        "format": "innerview-manifest",
        "version": MANIFEST_VERSION,
        "generator": {"innerview": __version__, **{name: version(name) for name in LIBRARIES}},
        "site": dict(contents.site),
        "models": [_model(card) for card in contents.models],
        "styles": _styles(methods),
        "methods": [entry_of(card) for card in methods],
        **_believed(contents.known, figures.values(), controls),
        "images": [_image(example, contents, files) for example in contents.examples],
        "unreadable": [{"id": name, "reason": reason} for name, reason in contents.unreadable],
        "predictions": predictions,
        "probes": _probes(contents.probes, store, files),
        "figures": list(figures.values()),
        "comparisons": pairs,
    }
    return cast(Manifest, described), files


def _probes(tasks: Sequence[ProbeTask], store: Store, files: list[Published]) -> list[dict[str, Any]]:
    """Return what each network's probe found, as far as they are done; the sheets of their answers go to `files`."""
    summaries = []
    for task in tasks:
        if summary := results.summary(task, store):
            summaries.append(summary)
            if summary["sheet"]:
                digest = (results.record_of(task, store) or {})["payloads"]["sheet"]
                files.append(Published(summary["sheet"]["file"], digest))
    return summaries


MOST_CELLS = 256  # values of a map that pages carry along
LARGEST_ARRAY_BYTES = 2**14  # of raw values that are published; larger ones are left to `innerview show --array`


def job_name(job: Job, done: Mapping[str, Any] | None) -> str:
    """Return the figure's name; `done` is the job's record, which knows the class that a symbol such as "rival" stands
    for.
    """
    target = (done or {}).get("target")
    target_slug = target["slug"] if target else slug(job.target.partition(":")[2] or job.target) if job.target else ""
    return figure_name(
        job.model, job.image, job.method, layer_slug(job.layer) if job.layer else "", target_slug, job.style
    )


def channel_values(
    figure: Mapping[str, Any], store: Store, names: Sequence[str] = ("max", "mean", "zeros")
) -> dict[str, list[float]] | None:
    """Return each channel's largest value, mean and share of zeros, or those of `names`, of a sprite of channels."""
    entry = store.get(figure["keys"].get("array", "")) if figure["keys"] else None
    if not entry or "arrays" not in entry["payloads"]:
        return None
    arrays = unpack(store.read(entry["payloads"]["arrays"]))
    if "codes" not in arrays:
        return None
    return {name: [float(f"{value:.4g}") for value in arrays[name]] for name in names}


def cell_values(figure: Mapping[str, Any], store: Store) -> dict[str, list[float]] | None:
    """Return `{"cells": [..]}`, the values of a map of few cells, row by row; None of other figures."""
    entry = store.get(figure["keys"].get("array", "")) if figure["keys"] and not figure["sprite"] else None
    if not entry or "arrays" not in entry["payloads"] or math.prod(figure["shape"] or (MOST_CELLS + 1,)) > MOST_CELLS:
        return None
    values = unpack(store.read(entry["payloads"]["arrays"])).get("map")
    if values is None or values.size != math.prod(figure["shape"]):
        return None
    return {"cells": [float(f"{value:.4g}") for value in values.ravel()]}


def array_file(figure: Mapping[str, Any], store: Store) -> bytes:
    """Return the raw values of a figure that has an `array`, float32, as .npy. Raises `Damaged` where they are gone."""
    entry = store.get(figure["keys"]["array"], "payloads")
    if entry is None:
        raise Damaged(figure["keys"]["array"])
    file = io.BytesIO()
    np.save(file, np.asarray(unpack(store.read(entry["payloads"]["arrays"]))["map"], np.float32))
    return file.getvalue()


def _has_array(card: MethodCard, meta: Mapping[str, Any], picture: Mapping[str, Any]) -> bool:
    """Return whether a figure's values are one array of floats that is small enough to be published."""
    shape = meta["shape"]
    single = card.style.values == "map" and not picture["sprite"] and all(isinstance(side, int) for side in shape)
    return single and 4 * math.prod(shape) <= LARGEST_ARRAY_BYTES


@dataclass(frozen=True)
class _State:
    """What became of a job."""

    done: Mapping[str, Any]  # its record; empty where there is none
    key: str  # of its picture
    failure: str  # why it failed, in this build
    probe: ProbeTask | None  # of its network
    absent: str  # what is said where it is not done


def _figure(job: Job, state: _State, task: SceneTask, card: MethodCard, store: Store) -> tuple[Figure, list[Published]]:
    done = state.done
    target, name = done.get("target"), job_name(job, done)
    common: dict[str, Any] = {"model": job.model, "image": job.image, "method": job.method, "layer": job.layer}
    common |= {"target": target, "style": job.style}
    reason = state.failure or done.get("reason")
    picture = store.get(state.key) if done and not reason else None
    if picture is None:
        status = "inapplicable" if done.get("status") == "inapplicable" else "failed"
        again = "is not drawn yet: run innerview build"
        if done:
            again = "its picture is not in the store, or was drawn by another version of the program: build again"
        text = reason or state.absent or again
        return Figure(name, **common, status=status, reason=text, page=f"{name}.html"), []
    meta = done["meta"]
    numbers, beaten = _compared(job, done["numbers"], task, state.probe, store)
    files: dict[str, Any] = {
        part: f"{name}{'' if part == 'file' else '.' + part}{suffix}" for part, suffix in picture["files"].items()
    }
    published = [Published(path, picture["payloads"][part]) for part, path in files.items()]
    figure = Figure(
        name,
        **common,
        status="drawn",
        **files,
        array=f"{name}.npy" if _has_array(card, meta, picture) else "",
        page=f"{name}.html",
        width=picture["width"],
        height=picture["height"],
        shape=meta["shape"],
        range=meta["range"],
        scale=picture["scale"],
        clipped=picture["clipped"],
        sprite=picture["sprite"],
        numbers={**numbers, **_lent(job, task)},
        alt=alt(job, task, card, meta, target),
        note="; ".join(filter(None, [meta.get("note", ""), *beaten])),
        keys={"array": job.key, "picture": state.key},
        digest=picture["payloads"]["file"],
    )
    return figure, published


def alt(job: Job, task: SceneTask, card: MethodCard, meta: Mapping[str, Any], target: Mapping | None) -> str:
    """Return what the picture shows, told from its array: method, layer, class and where it is strongest."""
    words = card.title
    if job.layer:
        words += f" of layer {job.layer}"
    if target:
        words += f" for {target['name']}"
    if task.example is not None:
        words += f", {task.example.title}"
    if job.style:
        titles = {style.id: f"in the style of {style.title}" for style in task.styles}
        words += f", {titles.get(job.style) or said(job.style)}"
    if "values" in meta:
        unit = task.card.output["unit"]
        values = [" ".join(filter(None, [entry["name"], f"{entry['value']:.4g}", unit])) for entry in meta["values"]]
        return f"{words}: {', '.join(values)}"
    if "shares" in meta:
        shares = [f"{entry['name']} {100 * entry['share']:.0f} %" for entry in meta["shares"][:5]]
        return f"{words}: {', '.join(shares)} of the picture"
    if "above" in meta:
        return f"{words}: {', '.join(meta['above'][:5]) or 'no label'} from {100 * task.card.output['threshold']:.0f} %"
    if "top" in meta:
        best = meta["top"][0]
        return f"{words}: {best['name']} at {100 * best['probability']:.0f} %"
    if "signed" in meta:
        return f"{words}: {meta['shape'][0]} channels, values from {meta['range'][0]:.3g} to {meta['range'][1]:.3g}"
    low, high = meta["range"]
    if low == high and card.style.described:
        return f"{words}: the same value everywhere, {low:.3g}"
    if "peak" in meta and card.style.described:
        row, column = (min(2, int(3 * share)) for share in meta["peak"])
        place = "in the centre" if (row, column) == (1, 1) else f"{PLACES[0][row]} {PLACES[1][column]}"
        return f"{words}: strongest {place}"
    return words


def _compared(
    job: Job, numbers: Mapping[str, Any], task: SceneTask, probe: ProbeTask | None, store: Store
) -> tuple[dict[str, Any], list[str]]:
    """Return the numbers with what the best image at hand reaches, where pictures were optimised, and words on it."""
    if "reached" not in numbers:
        return dict(numbers), []
    channels = results.channels(probe, job.layer, store) if probe and job.layer else None
    objective = task.parameters.get(job.method, {}).get("objective", "channel")
    numbers = objectives.with_best_image(numbers, objective, channels)
    images = ""
    if probe is not None and channels is not None:
        data, count = (results.record_of(probe, store) or {})["data"], int(channels["images"])
        images = f"{count:,} images of {data}" if data else f"the {count} images of this gallery"
    return numbers, [objectives.sentence(numbers, images), objectives.ranked_elsewhere(numbers)]


def _lent(job: Job, task: SceneTask) -> dict[str, str]:
    """Return whose picture it is that lent its style."""
    style = next((style for style in task.styles if style.id == job.style), None)
    return {"in the style of": ", ".join(filter(None, [style.title, style.credit, style.licence]))} if style else {}


def _prediction(
    task: SceneTask, cards: Mapping[str, MethodCard], failures: Mapping[str, str], store: Store
) -> list[dict[str, Any]]:
    method = slug_with(ACTIVATIONS, cards.values())
    last = task.card.layers[-1].name
    job = next((job for job in task.jobs if job.method == method and job.layer == last), None)
    done = store.get(job.key) if job and job.key not in failures else None
    if not done or done.get("status") != "drawn":
        return []
    meta, label, correct, output = done["meta"], None, None, task.card.output
    if task.label and output["kind"] not in ("value", "mask"):
        shares = unpack(store.read(done["payloads"]["arrays"]))["map"][0].tolist()
        index = task.card.classes.index(task.label)
        label = shares[index]
        correct = holds(output, shares, index) if output["kind"] == "labels" else meta["top"][0]["name"] == task.label
    return [
        {
            "model": task.card.slug,
            "image": task.image,
            "label": task.label,
            "label_probability": label,
            "correct": correct,
            "kind": output["kind"],
            "top": meta.get("top", [])[:5],
            "above": meta.get("above", []),
            "shares": meta.get("shares", []),
            "values": [{**entry, "unit": output["unit"]} for entry in meta.get("values", [])],
        }
    ]


def _evidence(
    task: SceneTask, registry: evidence_tasks.Registry | None, store: Store, controls: dict[str, list[dict[str, Any]]]
) -> dict[str, dict[str, Any]]:
    """Return what was measured of the maps of a task, by their keys; what was of the controls goes to `controls`."""
    by_map: dict[str, dict[str, Any]] = {}
    of_controls: dict[str, dict[str, Any]] = {}
    for subject, measure, numbers in evidence_tasks.results(task, registry, store) if registry else ():
        if subject.job:
            by_map.setdefault(subject.job.key, {})[measure] = numbers
        else:
            of_controls.setdefault(subject.slug, {})[measure] = numbers
    for name, evidence in of_controls.items():
        controls.setdefault(name, []).append({"model": task.card.slug, "image": task.image, "evidence": evidence})
    return by_map


def _believed(
    registry: evidence_tasks.Registry | None, figures: Iterable[Mapping[str, Any]], controls: Mapping[str, list]
) -> dict[str, Any]:
    """Return the measures that found anything, and the controls with what was found of them."""
    used = {measure for figure in figures for measure in figure["evidence"]}
    if not registry or not used:
        return {"measures": [], "controls": []}
    kept = [record(card) for card in registry.measures.values() if card.slug in used]
    held = [
        {"slug": name, "title": card.title, "summary": card.summary, "measured": controls.get(name, [])}
        for name, card in registry.controls.items()
    ]
    return {"measures": kept, "controls": held}


def _styles(methods: Iterable[MethodCard]) -> list[dict[str, Any]]:
    """Return the styles that the figures are drawn in, and those in which the differences between two of them are."""
    ours, used = style_cards(), {card.style.name: card.style for card in methods}
    for style in list(used.values()):
        if style.difference:
            used.setdefault(style.difference, ours[style.difference])
    return [record(used[name]) for name in sorted(used)]


def entry_of(card: MethodCard) -> dict[str, Any]:
    """Return a method's entry in the manifest; its style stands among the styles and is named here as `draw`."""
    entry = record(card)
    return {"draw": entry.pop("style")["name"], **entry}


def _model(card: ModelCard) -> dict[str, Any]:
    plain = record(card)
    del plain["one_at_a_time"]
    del plain["passes_seconds"], plain["becoming"], plain["checkpoints"]  # of this machine: a measurement, and files
    return plain


def _image(example: Example, contents: Contents, files: list[Published]) -> dict[str, Any]:
    plain = asdict(example)
    del plain["path"], plain["mask"]
    preview = contents.previews.get(example.id)
    for part in ("photo", "thumb"):
        plain[part] = ""
        if preview:
            plain[part] = f"images/{example.id}{'.thumb' if part == 'thumb' else ''}.webp"
            files.append(Published(plain[part], preview["payloads"][part]))
    return plain
