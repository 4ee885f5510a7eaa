"""From settings to a published site: plan, draw what is missing, write the pages, exchange the site."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from generator.analysis import evidence_tasks
from generator.analysis.probe.results import channels as channels_of
from generator.analysis.probe.tasks import files as probe_files
from generator.core.atomic_io import write_atomically
from generator.core.errors import ImageError, InnerviewError
from generator.core.manifest_types import FigureRecord, Manifest
from generator.core.records import Network
from generator.core.resources import template_folders
from generator.core.store import Damaged, Store
from generator.core.tasks import PairTask, SceneTask
from generator.data.previews import preview
from generator.models.specs import known_code, weights_files
from generator.pipeline import fingerprint, live_models, model_pairs, run_probes, shards
from generator.pipeline.catalogue import forget
from generator.pipeline.manifest import (
    Contents,
    Published,
    array_file,
    cell_values,
    channel_values,
    job_name,
    manifest,
)
from generator.pipeline.options import Options, Progress
from generator.pipeline.plan import Plan, drawing_seconds, find_missing, make_plan, measuring_seconds
from generator.pipeline.pool import Pool, WorkerError
from generator.pipeline.portions import Portion, portions
from generator.site.diff.snapshot import Side

from . import growing, pins
from .publish import build as build_site
from .publish import clear_leftovers, leftovers, replaceable
from .publish import prepare as prepare_build

FEW = 2  # images to be measured for each worker below which their measures are divided among workers


@dataclass
class Report:
    """What a build did; `unchanged` when nothing had to be looked at."""

    drawn: int = 0
    reused: int = 0
    failures: dict[str, str] = field(default_factory=dict)  # what -> why
    inapplicable: int = 0
    unchanged: bool = False
    figures: int = 0
    pages: int = 0
    site: Path | None = None
    problems: list[str] = field(default_factory=list)


def build(options: Options, progress: Progress) -> Report:
    """Draw what is missing and publish the site; with nothing changed since the last time, do nothing.

    Of a part alone (`options.shard`) nothing is published. What is damaged in the store is drawn again.
    Raises `InnerviewError` for what stops the whole build; pictures that fail are in the report.
    """
    store = options.store
    options = replace(options, no_site=options.no_site or bool(options.shard))
    if not options.no_site:
        _make_room(replaceable(options.out), store, progress)
    old = Side(options.against, [store.folder]) if options.against else None
    mark = fingerprint.Fingerprint(options.work, options.selection(), options.data)
    last = None if options.shard else mark.unchanged()
    if last is not None and (options.no_site or (options.out / "index.html").is_file()):
        return Report(**last, unchanged=True, site=None if options.no_site else options.out)
    with options.pool() as pool:
        plan = make_plan(options, pool, store)
        _expect_networks(plan)
        if options.shard:
            shards.narrow(plan, *options.shard, store)
        try:
            report = _make(plan, options, pool, store, progress, old)
        except Damaged as error:
            progress.say(f"{error.what}: damaged in the store; rendering it again")
            store.remove_damaged()
            find_missing(plan, store)
            report = _make(plan, options, pool, store, progress, old)
    _remember(options, plan, report, mark)
    return report


def rewrite(options: Options, progress: Progress) -> None:
    """The pages again, from what the store holds; nothing is drawn and torch is not loaded.

    Raises `InnerviewError` where the store does not know the methods or a network yet.
    """
    store = options.store
    old = Side(options.against, [store.folder]) if options.against else None
    mark = fingerprint.Fingerprint(options.work, options.selection(), options.data)
    mark.forget()  # what is not in the store is still to be drawn
    with options.pool(workers=-1) as pool:
        plan = make_plan(options, pool, store)
        _preview(plan, store)
        described, files = manifest(_contents(plan, {}, _pairs(plan, store), store), store)
        _keep(described, options)
        publish(described, files, options, store, plan, progress, old)


def publish(
    described: Manifest,
    files: Iterable[Published],
    options: Options,
    store: Store,
    plan: Plan,
    progress: Progress,
    old: Side | None = None,
) -> int:
    """Write the pages, let mkdocs build them, lay pictures and manifest beside them, check, exchange; how many pages.

    With `old` they tell what changed since that gallery; with `options.number` it is a site that still grows.
    Raises `Damaged` for a payload that is not what it was, `SiteError` where the site does not hold together; what was
    published before is then as it was.
    """
    from generator.site.diff.report import changes_of
    from generator.site.pages import write

    from . import class_means, social_cards  # the templates take a quarter of the time of a build that changes nothing

    root, settings = options.root, plan.settings
    about, templates = settings.site, template_folders(root)
    described["shares"], cards = social_cards.draw_all(described, files, store) if options.cards else ([], [])
    if not options.number:  # the last maps of a class may not be there yet
        described["class_means"], means = class_means.draw_all(described, store)
        cards += means
    patterns = [] if options.number else settings.pin  # only of what is drawn to the end an address is kept
    described["pins"], kept, messages = pins.pin(settings.folder / pins.FOLDER, patterns, described, store)
    for line in messages:
        progress.say(line)
    described["live"], live = live_models.published(plan.live, settings.live_megabytes, store, progress)
    if old:
        described["changes"], shown = changes_of(old, Side(options.work, [store.folder]))
        kept += [Published(path, store.keep(data)) for path, data in shown.items()]

    def numbers(figure: FigureRecord, names: Sequence[str] = ("max", "mean")) -> dict[str, list[float]] | None:
        return channel_values(figure, store, names) or cell_values(figure, store)

    def lay(new: Path) -> None:
        gallery = new / "gallery"
        for file in (*files, *cards, *kept):
            _lay(store, file, gallery / file.path)
        for file in live:
            _lay(store, file, new / file.path)
        for figure in described["figures"]:
            if figure.get("array"):
                (gallery / figure["array"]).write_bytes(array_file(figure, store))
        write.write_live_page(described, new, templates)
        write.write_figure_pages(described, new, templates, lambda figure: numbers(figure, ("max", "mean", "zeros")))
        write.write_unit_scripts(described, new, lambda model, layer: channels_of(plan.probes[model], layer, store))
        gallery.mkdir(parents=True, exist_ok=True)
        (gallery / "manifest.json").write_bytes(_json(described, indent=1) + b"\n")

    def finish(new: Path) -> None:
        pages = options.work / growing.PAGES
        if options.number:
            growing.mark(new, options.number, options.out, pages)
        else:
            growing.finish(new, options.out, pages)

    with store.alone(lambda: progress.say("Waiting for another build to publish its site")):
        write.write_sources(described, root / "site_src", templates, numbers)
        build_site(root, options.out, lay, title=about.title, url=about.url, finish=finish)
        return sum(1 for _ in options.out.rglob("*.html"))  # before another build may exchange it


# --- steps ------------------------------------------------------------------------------------------


def _make(plan: Plan, options: Options, pool: Pool, store: Store, progress: Progress, old: Side | None) -> Report:
    """Draw what is missing, put it together and publish it."""
    _preview(plan, store)
    with _grown(plan, options, progress) as grown:
        report, failed, unprobed = _draw(plan, pool, store, progress, grown)
        unmeasured = _measure(plan, pool, store, progress, grown)
        if not options.no_site:
            live_models.prepare(plan.live, pool, store, progress)
        pairs = _pairs(plan, store)
        _compare(pairs, pool, store, progress)
    for network in _lost(plan, failed, {**unprobed, **unmeasured}):
        forget(network, store)
    report.failures = _by_name(failed, plan, store) | dict(plan.failed) | unprobed | unmeasured
    report.problems = plan.problems
    if options.shard:
        report.figures = sum(len(task.jobs) for task in plan.tasks)
        return report
    described, files = manifest(_contents(plan, failed, pairs, store), store)
    lost = (figure for figure in described["figures"] if figure["status"] == "failed")
    report.failures |= {figure["id"]: figure["reason"] for figure in lost if figure["id"] not in report.failures}
    report.figures = len(described["figures"])
    report.inapplicable = sum(figure["status"] == "inapplicable" for figure in described["figures"])
    _keep(described, options)
    if not options.no_site:
        progress.say("Writing pages and building the site")
        report.pages = publish(described, files, options, store, plan, progress, old)
        report.site = options.out
    return report


def _make_room(out: Path, store: Store, progress: Progress) -> None:
    """Remove what a build that failed left beside the site: a full disk has the room for what is to be drawn."""
    if leftovers(out):
        with store.alone(lambda: progress.say("Waiting for another build to publish its site")):
            clear_leftovers(out)


def _expect_networks(plan: Plan) -> None:
    """Raise `InnerviewError` where no network could be loaded: a site without one is no site to be published."""
    unreadable = dict(plan.unreadable)
    reasons = [f"{name}: {reason}" for name, reason in plan.failed if name not in unreadable]
    if not plan.models and reasons:
        raise InnerviewError(f"no model could be loaded, nothing published: {'; '.join(reasons)}")


def _grown(plan: Plan, options: Options, progress: Progress) -> growing.Growing | nullcontext[None]:
    """Return what publishes the site while it is drawn; None in its place where that is soon over or nobody looks."""
    left = (drawing_seconds(plan) + measuring_seconds(plan)) / max(1, options.workers)
    if not options.grow or options.no_site or options.workers < 1 or left < growing.WORTH:
        return nullcontext()
    prepare = partial(prepare_publication, options)
    return growing.Growing(publish_so_far, (options, plan), progress.published, prepare)


def prepare_publication(options: Options) -> None:
    """Have what `publish_so_far` needs at hand: the process of mkdocs, what is imported late, compiled templates."""
    prepare_build()
    from generator.site.diff.report import changes_of  # noqa: F401
    from generator.site.pages import write

    from . import class_means, social_cards  # noqa: F401

    write.prepare(template_folders(options.root))


def publish_so_far(number: int, options: Options, plan: Plan) -> None:
    """Publish what is drawn of a plan while the rest still is; `number` tells the publications of a build apart.

    Of each network that is begun those reports are there of which something is drawn; what is missing on them is said
    to be on its way. Comparisons come last.
    """
    store = options.store
    find_missing(plan, store)
    begun = {
        (task.card.slug, task.image)
        for index, task in enumerate(plan.tasks)
        if task.example is not None and len(plan.missing.get(index, ())) < len(task.jobs)
    }
    models, images = ({part[place] for part in begun} for place in (0, 1))
    networks = tuple(network for network in plan.gallery.networks if network.card.slug in models)
    if not networks:
        raise SystemExit(1)  # nothing is to be seen
    plan.gallery = replace(plan.gallery, networks=networks)
    plan.tasks = [
        task
        for task in plan.tasks
        if task.card.slug in models and (task.example is None or (task.card.slug, task.image) in begun)
    ]
    plan.examples = [example for example in plan.examples if example.id in images]
    plan.probes = {slug: probe for slug, probe in plan.probes.items() if slug in models}
    contents = replace(_contents(plan, {}, [], store), absent="being drawn")
    described, files = manifest(contents, store)
    publish(described, files, replace(options, cards=False, number=number), store, plan, Progress())


def _draw(
    plan: Plan, pool: Pool, store: Store, progress: Progress, grown: growing.Growing | None
) -> tuple[Report, dict[str, str], dict[str, str]]:
    """Have the missing jobs done and units looked at; which jobs failed and why, by their keys, and which probes.

    First comes what reports show after few passes, which a reader opens first, then what probes tell of networks, then
    what takes long.
    """
    reports, rest = portions(((plan.tasks[index], jobs) for index, jobs in plan.missing.items()), plan.cards)
    todo = sum(len(jobs) for jobs in plan.missing.values())
    reused = sum(len(task.jobs) for task in plan.tasks) - todo
    requested = {(task.card.slug, task.image, job.key) for task, job in plan.open_jobs()}
    counts: Counter[str] = Counter()
    failed: dict[str, str] = {}
    ending = Counter({portion.task.jobs[0].key: len(portion.missing) for portion in (*reports, *rest)})
    if todo:
        progress.start(todo)

    def on_event(event: str, task: SceneTask, key: str, reason: str) -> None:
        if grown:
            grown.poll()
        if event == "step":
            progress.now(f"{task.card.slug} / {task.image}, {reason}")
            return
        if event == "failed":
            failed[key] = reason
        if (task.card.slug, task.image, key) in requested:  # the other jobs of a scene are in the store and told of too
            counts[event] += 1
            progress.step(f"{task.card.slug} / {task.image}")
            ending[task.jobs[0].key] -= 1
        if grown and not ending[task.jobs[0].key] and task.example is not None:
            grown.offer()

    def run(waiting: list[Portion]) -> None:
        if waiting:
            tasks = [portion.task for portion in waiting]
            pool.run(tasks, on_event, sum(portion.seconds(plan.cards) for portion in waiting))

    run(reports)
    unprobed = run_probes.probe(plan.probes.values(), pool, store, progress)
    run(rest)
    return Report(drawn=counts["drawn"], reused=reused + counts["reused"]), failed, unprobed


def _measure(plan: Plan, pool: Pool, store: Store, progress: Progress, grown: growing.Growing | None) -> dict[str, str]:
    """Have the maps measured that have no evidence yet; what failed, and why. Pages do without what is missing."""
    registry = plan.known
    waiting = [task for task in plan.tasks if evidence_tasks.missing(task, registry, store)]
    if not waiting:
        return {}
    progress.say(f"Evaluating faithfulness: {len(waiting)} {'image' if len(waiting) == 1 else 'images'}")
    if len(waiting) < FEW * pool.workers:  # each measure by itself, so that all workers have something to do
        single = (replace(task, measures={name: given}) for task in waiting for name, given in task.measures.items())
        waiting = [task for task in single if evidence_tasks.missing(task, registry, store)]

    def heard(index: int) -> None:
        if grown:
            grown.offer()
        progress.now(f"Evaluated {waiting[index].card.slug} / {waiting[index].image}")

    if grown:
        grown.offer()
    answers = pool.ask([("evidence", (task, registry)) for task in waiting], heard)
    failed: dict[str, str] = {}
    for task, answer in zip(waiting, answers, strict=True):
        name = f"{task.card.slug}/{task.image}"
        reasons = {"evidence": str(answer)} if isinstance(answer, WorkerError) else answer
        failed |= {f"{name}, {what}": why for what, why in reasons.items()}
    return failed


def _pairs(plan: Plan, store: Store) -> list[PairTask]:
    """Return what networks have in common, as far as the pictures of each are in the store."""
    tasks = []
    for left, right in plan.couples:
        tasks += model_pairs.pair_tasks(left, right, plan.tasks, plan.cards, store)
    return tasks


def _compare(pairs: Iterable[PairTask], pool: Pool, store: Store, progress: Progress) -> None:
    """Set networks side by side."""
    waiting = [task for task in pairs if not model_pairs.drawn(task, store)]
    if waiting:
        progress.say(f"Comparing models: {len(waiting)} {'image' if len(waiting) == 1 else 'images'}")
    for answer in pool.ask([("pairs", (task,)) for task in waiting]):
        if isinstance(answer, WorkerError):
            raise answer


def _preview(plan: Plan, store: Store) -> None:
    """Have in the store what pages show of each photo; one that vanished or changed since it was read is left out."""
    lost = {}
    for example in plan.examples:
        try:
            preview(example, store)
        except ImageError as error:
            lost[example.id] = str(error)
    if lost:
        plan.leave_out(lost)
        find_missing(plan, store)


def _contents(plan: Plan, failed: Mapping[str, str], pairs: list[PairTask], store: Store) -> Contents:
    return Contents(
        plan.settings.site.model_dump(),
        plan.models,
        plan.methods,
        plan.examples,
        plan.tasks,
        failed,
        {example.id: preview(example, store) for example in plan.examples},
        plan.unreadable,
        pairs,
        plan.known,
        tuple(plan.probes.values()),
    )


def _keep(described: Manifest, options: Options) -> None:
    """Leave the manifest beside the store, so that a later gallery can be set against this one without its site."""
    write_atomically(options.work / "manifest.json", _json(described))


def _json(content: Any, indent: int | None = None) -> bytes:
    """As UTF-8, which has no place for half a character that someone called a layer."""
    text = json.dumps(content, indent=indent, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "replace")


def _lay(store: Store, file: Published, target: Path) -> None:
    """A payload, its checksum verified, under its published name: a link where the file system can, else a copy."""
    store.read(file.digest)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(store.path(file.digest), target)
    except OSError:
        shutil.copyfile(store.path(file.digest), target)


def _lost(plan: Plan, failed: Mapping[str, str], others: Mapping[str, str]) -> set[Network]:
    """Return the networks of which something could not be drawn, probed or measured."""
    models = {name.partition("/")[0] for name in others}
    drawn = (task for task in plan.tasks if any(job.key in failed for job in task.jobs))
    return {task.network for task in (*drawn, *(task for task in plan.tasks if task.card.slug in models))}


def _by_name(failed: Mapping[str, str], plan: Plan, store: Store) -> dict[str, str]:
    """Failures under the names of their figures."""
    jobs = (job for task in plan.tasks for job in task.jobs if job.key in failed)
    return {job_name(job, store.get(job.key)): failed[job.key] for job in jobs}


def _remember(options: Options, plan: Plan, report: Report, mark: fingerprint.Fingerprint) -> None:
    """Leave `build.json` for people, and the fingerprint for the next build."""
    fields = ("drawn", "reused", "inapplicable", "figures", "failures")
    summary = {name: getattr(report, name) for name in fields}
    write_atomically(options.work / "build.json", _json(summary, indent=1) + b"\n")
    networks = {task.network for task in plan.tasks}
    own = sorted(network.name for network in networks if not known_code(network))
    if own:
        report.problems.append(f"{', '.join(own)}: your own code is read again by every build")
    if own or report.failures or options.shard:
        mark.forget()
        return
    weights = [file for network in networks for file in weights_files(network)]
    pictures = [Path(example.path) for example in plan.examples]
    pictures += [file for task in plan.probes.values() for file in probe_files(task.source)]
    kept = {name: getattr(report, name) for name in ("figures", "pages", "inapplicable", "problems")}
    changed = mark.remember([*pictures, *weights], options.root, plan.settings, {**kept, "reused": report.figures})
    if changed:
        report.problems.append(f"{changed} changed while the gallery was built; build again")
