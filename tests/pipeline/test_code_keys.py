"""Keys follow code: an operation changed in any module that runs for a result changes the key of that result.

Which modules run is watched while they do, not read from their imports: digests cannot be their own witness.
"""

import ast
import hashlib
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import tiny_gallery
import torch
from repository import ROOT
from tiny_nets import CARDS, picture, pictures, tiny

from generator.analysis.evidence import Bench
from generator.analysis.evidence_tasks import Registry, Subject, evidence_key
from generator.analysis.measure_registry import MEASURES, load_measures
from generator.analysis.measure_registry import card as measure_card
from generator.analysis.measures.controls import CONTROLS
from generator.analysis.probe import jobs as probe_jobs
from generator.analysis.probe.tasks import task_of
from generator.core import code_digest
from generator.core.errors import NotApplicable
from generator.core.records import ControlCard, Example, Job
from generator.core.store import Store
from generator.core.tasks import SceneTask, Source
from generator.data.preprocess import normalise, photo
from generator.drawing.differences import side_by_side
from generator.drawing.style_registry import STYLES
from generator.drawing.styles import draw, own_limit
from generator.engine.method_card import card
from generator.engine.method_registry import METHODS
from generator.engine.model_card import describe
from generator.engine.quantise import reduce
from generator.engine.scene import Scene, SceneRequest
from generator.models.load import load
from generator.models.specs import resolve
from generator.pipeline import model_pairs
from generator.pipeline.jobs import NetworkRequest, scene_tasks
from generator.pipeline.keys import picture_key

PLAIN = {"_imports": code_digest._imports.__wrapped__, "_code": code_digest._code}
load_measures()
NET = tiny("in-place")
CARD = describe(NET)
X = picture(NET.input.size)
QUICK = {  # as few steps as there can be
    "smoothgrad": {"n": 2},
    "integrated-gradients": {"nodes": 2},
    "rise": {"masks": 4},
    "deepdream": {"steps": 1, "octaves": 1},
    "deepdream-over-depth": {"steps": 1, "octaves": 1},
    "activation-maximisation": {"steps": 1, "units": 1},
    "inversion": {"steps": 1},
    "caricature": {"steps": 1},
    "evolution": {"steps": 2},
    "style-transfer": {"steps": 1},
}
# They run beside a result and hold no arithmetic of it.
CARRIERS = ("generator.core.", "generator.pipeline.")
NEEDS_MORE = {"probe", "epochs", "first_kernels"}  # a probe's results or checkpoints of a training
STANDS_ALONE = [slug for slug, method in METHODS.items() if not NEEDS_MORE & set(method.inputs)]


def modules_of(run: Callable[[], object]) -> set[str]:
    """Return the modules of the house whose functions run while `run` does, those that only carry aside."""
    files: set[str] = set()

    def watch(frame, event, argument):
        if event == "call" and frame.f_code.co_name != "<module>":
            files.add(frame.f_code.co_filename)

    sys.setprofile(watch)
    try:
        run()
    finally:
        sys.setprofile(None)
    house = str(ROOT / "generator") + "/"
    names = {"generator." + file.removeprefix(house)[:-3].replace("/", ".") for file in files if file.startswith(house)}
    return {name.removesuffix(".__init__") for name in names if not name.startswith(CARRIERS)}


@pytest.fixture(scope="module")
def copy_of_the_code(tmp_path_factory):
    folder = tmp_path_factory.mktemp("code") / "generator"
    shutil.copytree(ROOT / "generator", folder, ignore=shutil.ignore_patterns("*.safetensors", "__pycache__"))
    return folder


@pytest.fixture
def key_after(copy_of_the_code, monkeypatch):
    """Give what a key is when one module's code is another."""
    monkeypatch.setattr(code_digest, "FOLDER", copy_of_the_code)
    for name in ("_imports", "_code"):  # as they are, but read once for each content of a file
        monkeypatch.setattr(code_digest, name, once_per_content(PLAIN[name], copy_of_the_code))

    def key_with(module: str, key: Callable[[], str]) -> str:
        if not module:
            clear()
            return key()
        file = copy_of_the_code.joinpath(*module.split(".")[1:]).with_suffix(".py")
        content = file.read_bytes()
        file.write_text(another(content))
        clear()
        try:
            return key()
        finally:
            file.write_bytes(content)
            clear()

    code_digest._path.cache_clear()
    yield key_with
    monkeypatch.undo()
    code_digest._path.cache_clear()
    clear()


def clear():
    code_digest.closure_digest.cache_clear()


@cache
def another(content: bytes) -> str:
    return ast.unparse(with_another_operation(ast.parse(content)))


SEEN: dict[tuple[str, str, bytes], object] = {}


def once_per_content(function: Callable, folder: Path) -> Callable:
    """Return `function` of a module, run once for each content that the module's file has."""

    def seen(module):
        parts = module.split(".")[1:]
        file = next(
            path
            for path in (folder.joinpath(*parts, "__init__.py"), folder.joinpath(*parts).with_suffix(".py"))
            if path.exists()
        )
        key = (function.__name__, module, file.read_bytes())
        if key not in SEEN:
            SEEN[key] = function(module)
        return SEEN[key]

    return seen


def with_another_operation(tree: ast.Module) -> ast.Module:
    """Return the code with one operation, comparison or number in one of its functions exchanged."""
    swaps = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult, ast.Lt: ast.Gt, ast.Gt: ast.Lt}
    for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
        for node in ast.walk(function):
            if isinstance(node, ast.BinOp) and type(node.op) in swaps:
                node.op = swaps[type(node.op)]()
                return tree
            if isinstance(node, ast.Compare) and type(node.ops[0]) in swaps:
                node.ops[0] = swaps[type(node.ops[0])]()
                return tree
            if isinstance(node, ast.Constant) and type(node.value) in (int, float):
                node.value += 1
                return tree
    function = next(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    function.body.append(ast.Return(ast.Constant(None)))
    return ast.fix_missing_locations(tree)


def assert_every_module_counts(modules: set[str], key_after, key: Callable[[], str]) -> None:
    before = key_after("", key)
    unseen = [module for module in sorted(modules) if key_after(module, key) == before]
    assert unseen == [], "these run for the result, and its key does not depend on them"


# --- methods and drawings -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def results():
    """Each method's modules, those of its pictures, and the jobs."""
    made = {}
    for slug in STANDS_ALONE:
        values = []
        job, task, _ = job_of(slug)
        modules = modules_of(lambda: values.append(outcome_of(job, task)))  # noqa: B023
        (first,) = values
        style = CARDS[slug].draw
        reduced = {}
        modules |= modules_of(lambda: reduced.update(all=reduce(CARDS[slug].style.values, first.value, "")))  # noqa: B023
        made[slug] = (modules, style, reduced["all"])
    return made


def job_of(slug):
    parameters = {slug: {**CARDS[slug].parameters, **QUICK.get(slug, {})}}
    cards = {name: card(method) for name, method in METHODS.items()}
    example = Example("picture", "", "picture", "0" * 64, (1, 1))
    styles = {"picture": [Example("style", "", "style", "1" * 64, (1, 1))]}
    tasks = scene_tasks(NetworkRequest(NET.network, CARD, [example], ("label",), parameters, cards, styles=styles))
    return next((job, task, cards) for task in tasks for job in task.jobs if job.method == slug)


def outcome_of(job, task):
    """Run one job by itself, one that needs an image or one about the network alone."""
    done = []
    x = X if task.example else None
    request = SceneRequest(CARD, x, [job], "", task.parameters, 4, pictures(X))
    Scene(NET, request, lambda job, outcome: done.append(outcome)).run()
    (outcome,) = done
    assert outcome.error is None, repr(outcome.error)
    return outcome


@pytest.mark.parametrize("slug", STANDS_ALONE)
def test_the_key_of_an_array_depends_on_all_that_makes_it(results, key_after, slug):
    modules, _, _ = results[slug]
    assert f"generator.methods.{METHODS[slug].function.__module__.rpartition('.')[2]}" in modules
    assert "generator.engine.scene" in modules and len(modules) > 5
    assert_every_module_counts(modules, key_after, lambda: job_of(slug)[0].key)


@pytest.mark.parametrize("slug", STANDS_ALONE)
def test_the_key_of_a_picture_depends_on_all_that_draws_it(results, key_after, slug):
    _, style, values = results[slug]
    crop = np.zeros((*NET.input.size[1:], NET.input.size[0]), np.uint8)
    limit = own_limit(style, values.arrays)
    modules = modules_of(lambda: draw(style, values.arrays, values.meta, crop, limit))
    assert "generator.drawing.styles" in modules

    def key():
        job, task, cards = job_of(slug)
        return picture_key(replace(job, key="the same"), [], task, cards)

    assert_every_module_counts(modules, key_after, key)


@pytest.mark.parametrize("style", [name for name, style in STYLES.items() if style.card.pairs])
def test_the_key_of_a_pair_depends_on_all_that_draws_it(results, key_after, style):
    values = next(values for _, drawn, values in results.values() if drawn == style)
    crop = np.zeros((*NET.input.size[1:], NET.input.size[0]), np.uint8)
    modules = modules_of(lambda: side_by_side(style, [values.arrays] * 2, [values.meta] * 2, crop))
    assert "generator.drawing.differences" in modules
    assert_every_module_counts(modules, key_after, model_pairs.code)


# --- networks -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["vgg-cifar10", "imagenette"])
def test_the_key_of_an_array_depends_on_the_code_of_a_bundled_network(key_after, name):
    network = resolve(name)
    net = load(network)
    model = describe(net)
    x = torch.zeros(1, *net.input.size)
    modules = {name for name in modules_of(lambda: net.model(x)) if name.startswith("generator.models.")}
    modules |= {name for name in modules_of(lambda: load(network)) if name.startswith("generator.models.bundled.")}

    def key():
        example = Example("picture", "", "picture", "0" * 64, (1, 1))
        parameters = {"saliency": CARDS["saliency"].parameters}
        return scene_tasks(NetworkRequest(network, model, [example], ("label",), parameters, CARDS))[0].jobs[0].key

    assert modules and f"generator.models.bundled.{name.replace('-', '_')}" in modules
    assert_every_module_counts(modules, key_after, key)


# --- measures and controls ------------------------------------------------------------------------


def bench():
    cards = {name: card(method) for name, method in METHODS.items()}
    parameters = {slug: dict(found.parameters) for slug, found in CARDS.items()}
    made = Bench(NET, SceneRequest(CARD, X, (), "", parameters, 4), "label", cards)
    made.say_where(np.pad(np.ones((2, 2), bool), ((0, X.shape[2] - 2), (0, X.shape[3] - 2))))
    return made


@pytest.mark.parametrize("slug", MEASURES)
def test_the_key_of_evidence_depends_on_all_that_measures(key_after, slug):
    method = "smoothgrad" if "reseeded" in MEASURES[slug].inputs else "saliency"
    job, task, _ = job_of(method)
    job = Job(job.model, job.image, job.method, job.layer, "label", job.style, "the same")
    holder = {}

    def measure():
        holder["bench"] = bench()
        holder["bench"].jobs = [job]
        heatmap = holder["bench"].heatmap(torch.ones(1, *X.shape[-2:]), CARDS[method])
        try:
            holder["bench"].measure(slug, Subject(method, job), heatmap, {})
        except NotApplicable:
            pytest.fail("nothing was measured")

    modules = modules_of(measure)
    # What makes the map again is in the key of the map, which stands for it here.
    modules = {name for name in modules if name.startswith("generator.analysis.")}
    task = SceneTask(**{**vars(task), "measures": {slug: {}}})

    def key():
        controls = {name: ControlCard(name, "", "", "") for name in CONTROLS}
        registry = Registry(CARDS, {name: measure_card(found) for name, found in MEASURES.items()}, controls)
        return evidence_key(task, Subject(method, job), slug, registry)

    assert f"generator.analysis.measures.{MEASURES[slug].function.__module__.rpartition('.')[2]}" in modules
    assert_every_module_counts(modules, key_after, key)


# --- probes ---------------------------------------------------------------------------------------


def test_the_key_of_a_probe_depends_on_all_that_answers_it(key_after, tmp_path):
    tiny_gallery.draw(tmp_path / "one.png", seed=1)
    content = (tmp_path / "one.png").read_bytes()
    example = Example("one", str(tmp_path / "one.png"), "one", hashlib.sha256(content).hexdigest(), (1, 1))

    def task():
        return task_of(NET.network, CARD, Source(), [example], lambda file: "")

    def probe():
        probe_jobs.part(task(), 0, NET, Store(tmp_path / "store"))
        probe_jobs.whole(task(), NET, Store(tmp_path / "store"))

    modules = modules_of(probe)
    assert {"generator.analysis.probe.forward_pass", "generator.analysis.probe.jobs"} <= modules
    assert_every_module_counts(modules, key_after, lambda: task().key)


def test_what_a_network_is_given_counts(key_after, tmp_path):
    tiny_gallery.draw(tmp_path / "one.png", seed=1)
    content = (tmp_path / "one.png").read_bytes()
    example = Example("one", str(tmp_path / "one.png"), "one", hashlib.sha256(content).hexdigest(), (1, 1))
    modules = modules_of(lambda: normalise(photo(example, NET.input), NET.input))
    assert {"generator.data.preprocess", "generator.data.decode"} <= modules
    assert_every_module_counts(modules, key_after, lambda: job_of("saliency")[0].key)


@pytest.mark.parametrize("slug", sorted(set(METHODS) - set(STANDS_ALONE)))
def test_the_key_of_a_method_that_needs_more_depends_on_its_code_and_on_what_gives_it_more(key_after, slug):
    inputs = {"generator.engine.inputs", "generator.engine.checkpoint_series"} if slug != "top-images" else set()
    assert_every_module_counts({METHODS[slug].function.__module__}, key_after, lambda: card(METHODS[slug]).key)
    base = code_digest.closure("generator.engine.scene")
    assert inputs <= base
