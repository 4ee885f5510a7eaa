"""From settings to a published site: plan, draw what is missing, write the pages, exchange the site."""

from __future__ import annotations

import io
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from . import compare, config, fingerprint, pages, selection, site
from .decode import decode
from .images import read_images
from .manifest import Contents, Published, channel_values, manifest
from .plan import MODEL_LEVEL, SceneTask, groups, picture_key, price, scene_tasks
from .resources import template_folders
from .run import Pool, Setup, WorkerError
from .sources import closure_digest
from .store import Store, key_of
from .types import ConfigError, Example, InnerviewError, Input, Layer, MethodCard, ModelCard, Network, Stage


@dataclass(frozen=True)
class Options:
    """What a command asks for."""

    root: Path = Path(".")  # the gallery's folder
    config: Path | None = None
    site_dir: Path | None = None  # `site` in the root by default
    no_site: bool = False
    preset: str | None = None
    models: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    workers: int = field(default_factory=lambda: os.cpu_count() or 1)
    device: str = "auto"
    data: Path | None = None
    memory: int = 2**30
    trust_pickle: bool = False
    time_limit: float = 900.0

    @property
    def work(self) -> Path:
        """Where the store and everything else that can be made again is kept."""
        return self.root / ".innerview"

    @property
    def out(self) -> Path:
        """The built site."""
        return self.site_dir or self.root / "site"


@dataclass
class Progress:
    """Told what happens; the command line shows it."""

    say: Callable[[str], None] = lambda line: None
    start: Callable[[int], None] = lambda jobs: None  # how many pictures will be drawn
    step: Callable[[str], None] = lambda text: None  # one job ended


@dataclass
class Plan:
    """The whole work of a gallery, and what of it is in the store."""

    settings: config.Settings
    models: list[ModelCard]
    methods: list[MethodCard]
    examples: list[Example]
    tasks: list[SceneTask]
    problems: list[str]  # lines to tell
    failed: list[tuple[str, str]]  # models and images that cannot be used: name, why
    unreadable: list[tuple[str, str]]
    missing: dict[int, list] = field(default_factory=dict)  # index of a task -> jobs without array or picture

    @property
    def cards(self) -> dict[str, MethodCard]:
        """The methods by slug."""
        return {card.slug: card for card in self.methods}


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

    Raises `InnerviewError` for what stops the whole build; pictures that fail are in the report.
    """
    store = Store(options.work / "store")
    mark = fingerprint.Fingerprint(options.work, _selection(options))
    last = mark.unchanged()
    if last is not None and (options.no_site or (options.out / "index.html").is_file()):
        return Report(**last, unchanged=True, site=None if options.no_site else options.out)
    setup = Setup(store.folder, device(options.device), options.trust_pickle, options.time_limit)
    with Pool(setup, options.workers) as pool:
        plan = make_plan(options, pool, store, progress)
        report = _draw(plan, pool, store, progress)
        pairs = _compare(plan, pool, store, progress)
    report.problems = plan.problems
    report.failures |= dict(plan.failed)
    described, files = manifest(_contents(plan, report, store, pairs), store)
    report.failures = _by_name(report.failures, described, plan)
    report.figures = len(described["figures"])
    report.inapplicable = sum(figure["status"] == "inapplicable" for figure in described["figures"])
    if not options.no_site:
        progress.say("writing pages and building the site")
        publish(described, files, options, store, plan.settings)
        report.site = options.out
        report.pages = sum(1 for _ in options.out.rglob("*.html"))
    _remember(options, plan, report, mark)
    return report


def rewrite(options: Options, progress: Progress) -> None:
    """The pages again, from what the store holds; nothing is drawn and torch is not loaded.

    Raises `InnerviewError` where the store does not know the methods or a network yet.
    """
    store = Store(options.work / "store")
    with Pool(Setup(store.folder, device(options.device)), workers=-1) as pool:
        plan = make_plan(options, pool, store, progress)
        pairs = _compare(plan, pool, store, progress)
        described, files = manifest(_contents(plan, Report(), store, pairs), store)
        publish(described, files, options, store, plan.settings)


def make_plan(options: Options, pool: Pool, store: Store, progress: Progress) -> Plan:
    """Read the configuration and the images, ask the workers about networks and methods, and multiply."""
    settings = config.load(options.config, preset=options.preset)
    methods = method_cards(pool, store)
    by_slug = {card.slug: card for card in methods}
    unknown = [name for name in options.methods if name not in by_slug]
    if unknown:
        near = config.nearest(unknown[0], by_slug)
        raise ConfigError(f"--method {unknown[0]!r}: no such method{near}")
    examples, problems = read_images(settings.images_folder, options.data, options.images, options.work)
    networks = selection.networks(settings, options.models)
    cards, failed = model_cards(networks, pool, store)
    tasks: list[SceneTask] = []
    used: dict[str, Example] = {}
    for network, card in cards:
        chosen = selection.methods_for(settings, methods, _preset(settings, card))
        if options.methods:
            wanted = {name: {**by_slug[name].parameters, **chosen.get(name, {})} for name in options.methods}
            chosen = wanted
        mine = selection.images_for(settings, network, examples, card.vocabulary)
        used |= {example.id: example for example in mine}
        targets = selection.targets_for(settings, network)
        tasks += scene_tasks(
            network, card, mine, targets, chosen, by_slug, device=pool.setup.device, memory=options.memory
        )
    plan = Plan(
        settings,
        [card for _, card in cards],
        methods,
        [example for example in examples if example.id in used],
        tasks,
        [problem.message for problem in problems],
        failed,
        [(problem.name, problem.message) for problem in problems if problem.kind == "failed"],
    )
    plan.failed += plan.unreadable
    for index, task in enumerate(tasks):
        shared = {job: group for group in groups(task) for job in group}
        missing = [job for job in task.jobs if not _in_store(job, shared[job], task, by_slug, store)]
        if missing:
            plan.missing[index] = missing
    return plan


def method_cards(pool: Pool, store: Store) -> list[MethodCard]:
    """What the methods say of themselves, kept under the digest of their sources' text."""
    key = key_of("methods", fingerprint.folder_digest("methods"), fingerprint.folder_digest("."))
    found = store.get(key)
    if found is None:
        (answer,) = pool.ask([("methods", ())])
        if isinstance(answer, WorkerError):
            raise answer
        found = store.put(key, {"cards": [asdict(card) for card in answer]})
    return [MethodCard(**{name: _tuple(value) for name, value in card.items()}) for card in found["cards"]]


def model_cards(
    networks: Sequence[Network], pool: Pool, store: Store
) -> tuple[list[tuple[Network, ModelCard]], list[tuple[str, str]]]:
    """The card of each network, and those that cannot be loaded with the reason."""
    keys = [_card_key(network) for network in networks]
    found = [store.get(key) if key else None for key in keys]
    asked = [index for index, one in enumerate(found) if one is None]
    failed = []
    for index, answer in zip(asked, pool.ask([("describe", (networks[index],)) for index in asked]), strict=True):
        if isinstance(answer, WorkerError):
            failed.append((networks[index].name, str(answer)))
        else:
            plain = {"card": asdict(answer)}
            found[index] = store.put(keys[index], plain) if keys[index] else plain
    cards = [(network, _card(one["card"])) for network, one in zip(networks, found, strict=True) if one]
    return cards, failed


def publish(
    described: dict[str, Any], files: Iterable[Published], options: Options, store: Store, settings: config.Settings
) -> None:
    """Write the pages, let mkdocs build them, lay pictures and manifest beside them, check, exchange."""
    root = options.root
    templates = template_folders(root)
    pages.write_sources(described, root / "site_src", templates)

    def lay(new: Path) -> None:
        gallery = new / "gallery"
        for file in files:
            _lay(store, file, gallery / file.path)
        pages.write_figure_pages(described, new, templates, lambda figure: channel_values(figure, store))
        gallery.mkdir(parents=True, exist_ok=True)
        text = json.dumps(described, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
        (gallery / "manifest.json").write_text(text + "\n", encoding="utf-8")

    site.build(root, options.out, lay, title=settings.site.title, url=settings.site.url)


def device(name: str) -> str:
    """The device a name means, without importing torch: `auto` is CUDA where a driver is there."""
    if name != "auto":
        return name
    return "cuda" if shutil.which("nvidia-smi") and Path("/dev/nvidia0").exists() else "cpu"


# --- steps ------------------------------------------------------------------------------------------


def _draw(plan: Plan, pool: Pool, store: Store, progress: Progress) -> Report:
    report = Report()
    todo = sum(len(jobs) for jobs in plan.missing.values())
    report.reused = sum(len(task.jobs) for task in plan.tasks) - todo
    if not todo:
        return report
    progress.start(todo)
    counts: Counter[str] = Counter()

    def tell(event: str, task: SceneTask, key: str, reason: str) -> None:
        if event in ("drawn", "failed", "inapplicable"):
            counts[event] += 1
            progress.step(f"{task.card.slug} / {task.image}")
        if event == "failed":
            report.failures[key] = reason

    pool.run([plan.tasks[index] for index in plan.missing], tell)
    report.drawn = counts["drawn"]
    return report


def _compare(plan: Plan, pool: Pool, store: Store, progress: Progress) -> list[compare.PairTask]:
    """Set networks side by side, once the pictures of each are in the store."""
    tasks = []
    for left, right in compare.couples(plan.models, plan.settings.compare):
        tasks += compare.pair_tasks(left, right, plan.tasks, plan.cards, store)
    waiting = [task for task in tasks if not compare.drawn(task, store)]
    if waiting:
        progress.say(f"setting networks side by side on {len(waiting)} images")
        for answer in pool.ask([("pairs", (task,)) for task in waiting]):
            if isinstance(answer, WorkerError):
                raise answer
    return tasks


def _in_store(job: Any, group: Sequence, task: SceneTask, cards: Mapping[str, MethodCard], store: Store) -> bool:
    done = store.get(job.key)
    if done is None:
        return False
    if done.get("status") == "inapplicable":
        return True
    picture = store.get(picture_key(job, group, task, cards))
    return picture is not None and store.whole(picture) and store.whole(done)


def _contents(plan: Plan, report: Report, store: Store, pairs: Sequence[compare.PairTask]) -> Contents:
    return Contents(
        plan.settings.site.model_dump(),
        plan.models,
        plan.methods,
        plan.examples,
        plan.tasks,
        report.failures,
        {example.id: preview(example, store) for example in plan.examples},
        plan.unreadable,
        pairs,
    )


def preview(example: Example, store: Store) -> dict[str, Any]:
    """The photo itself for the pages: at most 800 px a side, and a thumb of 224; nothing of its metadata."""
    key = key_of("preview", example.digest, example.background, closure_digest("generator.build", "generator.decode"))
    found = store.get(key)
    if found and store.whole(found):
        return found
    picture, _ = decode(Path(example.path), example.id)
    if picture.mode == "RGBA":
        ground = Image.new("RGBA", picture.size, example.background or "#ffffff")
        picture = Image.alpha_composite(ground, picture)
    picture = picture.convert("RGB")
    files = {}
    for part, side in (("photo", 800), ("thumb", 224)):
        scale = side / max(picture.size)
        size = tuple(max(1, round(length * min(scale, 7))) for length in picture.size)
        filter_ = Image.Resampling.NEAREST if scale > 2 else Image.Resampling.LANCZOS
        small = picture.resize(size, filter_) if scale < 1 or scale > 2 else picture
        target = io.BytesIO()
        small.save(target, "WEBP", quality=82, method=2)
        files[part] = target.getvalue()
    return store.put(key, {"width": picture.width, "height": picture.height}, files)


def _lay(store: Store, file: Published, target: Path) -> None:
    """A payload, its checksum verified, under its published name: a link where the file system can, else a copy."""
    store.read(file.digest)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(store.path(file.digest), target)
    except OSError:
        shutil.copyfile(store.path(file.digest), target)


def _by_name(failures: Mapping[str, str], described: dict[str, Any], plan: Plan) -> dict[str, str]:
    """Failures under the names of their figures; those of whole images and models have theirs already."""
    names = {job.key: (task, job) for task in plan.tasks for job in task.jobs}
    named = {}
    for key, reason in failures.items():
        if key in names:
            _, job = names[key]
            key = "/".join(filter(None, (job.model, job.image, job.method, job.layer, job.target)))
        named[key] = reason
    return named


def _remember(options: Options, plan: Plan, report: Report, mark: fingerprint.Fingerprint) -> None:
    """Leave `build.json` for people, and the fingerprint for the next build."""
    summary = {
        "drawn": report.drawn,
        "reused": report.reused,
        "inapplicable": report.inapplicable,
        "figures": report.figures,
        "failures": report.failures,
    }
    options.work.mkdir(parents=True, exist_ok=True)
    (options.work / "build.json").write_text(json.dumps(summary, indent=1) + "\n")
    if report.failures or any(task.network.source.partition(":")[0] not in FAST for task in plan.tasks):
        mark.forget()
        return
    seen = [*(Path(example.path) for example in plan.examples), *_weight_files(plan)]
    kept = {"drawn": 0, "reused": report.figures, "figures": report.figures, "pages": report.pages}
    mark.remember(seen, plan.settings, {**kept, "inapplicable": report.inapplicable, "problems": report.problems})


FAST = ("bundled", "torchvision")  # sources whose code is known; a module of one's own may import anything


def _weight_files(plan: Plan) -> list[Path]:
    return [Path(task.network.folder) / task.network.weights for task in plan.tasks if _is_file(task.network)]


def _is_file(network: Network) -> bool:
    return bool(network.weights) and (Path(network.folder) / network.weights).is_file()


def _card_key(network: Network) -> str:
    """Under which key a network's card is kept; "" where its code may have changed without our seeing it."""
    kind, _, _ = network.source.partition(":")
    if kind not in FAST:
        return ""
    weights = fingerprint.digest(Path(network.folder) / network.weights) if _is_file(network) else ""
    code = closure_digest("generator.describe", "generator.models.vgg_cifar10", "generator.models.vision")
    bundled = fingerprint.folder_digest("weights") if kind == "bundled" else ""
    return key_of("card", asdict(network), weights, code, bundled, fingerprint.versions())


def _preset(settings: config.Settings, card: ModelCard) -> str:
    if settings.preset != "auto":
        return settings.preset
    small = max(card.input.size[1:]) <= 64
    return "standard" if small and not card.derived_from else "quick"


def _card(plain: dict[str, Any]) -> ModelCard:
    layers = tuple(Layer(**{name: _tuple(value) for name, value in layer.items()}) for layer in plain["layers"])
    stages = tuple(Stage(**{name: _tuple(value) for name, value in stage.items()}) for stage in plain["stages"])
    known = Input(**{name: _tuple(value) for name, value in plain["input"].items()})
    return ModelCard(**{**plain, "layers": layers, "stages": stages, "input": known, "classes": tuple(plain["classes"])})


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _selection(options: Options) -> dict[str, Any]:
    """Everything of the options that decides what the site holds."""
    return {
        "config": str(options.config or ""),
        "site": "" if options.no_site else str(options.out),
        "preset": options.preset,
        "models": options.models,
        "images": options.images,
        "methods": options.methods,
        "device": options.device,
        "data": str(options.data or ""),
        "memory": options.memory,
    }


def price_list(plan: Plan) -> list[dict[str, Any]]:
    """For each model: figures in all, how many are in store, and what the rest costs in forward passes and seconds."""
    rows = []
    for card in plan.models:
        tasks = [(index, task) for index, task in enumerate(plan.tasks) if task.card.slug == card.slug]
        passes = sum(price(task, plan.missing.get(index, []), plan.cards) for index, task in tasks)
        jobs = sum(len(task.jobs) for _, task in tasks)
        missing = sum(len(plan.missing.get(index, [])) for index, _ in tasks)
        images = sum(task.image != MODEL_LEVEL for _, task in tasks)
        rows.append(
            {
                "model": card.slug,
                "images": images,
                "figures": jobs,
                "in_store": jobs - missing,
                "passes": round(passes, 1),
                "seconds": round(passes * card.passes_seconds, 1),
            }
        )
    return rows


