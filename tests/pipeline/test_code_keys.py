"""Keys follow code: an operation changed in any module that runs for a result changes the key of that result.

Which modules run is watched while they do, not read from their imports: digests cannot be their own witness.
"""

import ast
import hashlib
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
from tiny_nets import CARDS, picture, pictures, tiny, transformer

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

load_measures()
NET = tiny("in-place")
CARD = describe(NET)
X = picture(NET.input.size)
ATTENDING = transformer()
ATTENDING_CARD = describe(ATTENDING)
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
CARRIERS = (
    "generator.pipeline.",
    "generator.models.source_files",  # reads bytes, whose digests are in the keys
    *(f"generator.core.{name}" for name in ("atomic_io", "code_digest", "errors", "naming", "read_once", "records")),
    *(f"generator.core.{name}" for name in ("source_files", "store", "tasks", "text")),
)
NEEDS_MORE = {"probe", "epochs", "first_kernels"}  # a probe's results or checkpoints of a training
STANDS_ALONE = [slug for slug, method in METHODS.items() if not NEEDS_MORE & set(method.inputs)]


Function = tuple[str, int]  # a module, and the line where its code begins


def functions_of(run: Callable[[], object]) -> set[Function]:
    """Return the functions of the house that run while `run` does, those that only carry aside."""
    codes = set()

    def watch(frame, event, argument):
        if event == "call" and frame.f_code.co_name != "<module>":
            codes.add(frame.f_code)

    sys.setprofile(watch)
    try:
        run()
    finally:
        sys.setprofile(None)
    house = str(ROOT / "generator") + "/"
    places = {(code.co_filename, code.co_firstlineno) for code in codes if code.co_filename.startswith(house)}
    named = {("generator." + file.removeprefix(house)[:-3].replace("/", "."), line) for file, line in places}
    return {(module, line) for module, line in named if not module.startswith(CARRIERS)}


def modules_of(functions: set[Function]) -> set[str]:
    return {module for module, _ in functions}


class Code:
    """The code of the house, one function of which may be another; what keys are then."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder, self.changed = folder, ""
        self.fresh: list[dict] = []
        self.path = code_digest._path
        patch.setattr(code_digest, "_path", self._path)
        for name in ("_parse", "_uses", "_code"):
            patch.setattr(code_digest, name, self._once(getattr(code_digest, name).__wrapped__))

    def key(self, key: Callable[[], object], function: Function | None = None) -> object:
        """Return what `key` gives where an operation of `function` is another; None where it has none."""
        if function:
            text = with_another_operation(self.path(function[0]).read_text(), function[1])
            if text is None:
                return None
            (self.folder / "changed.py").write_text(text)
        self.changed = function[0] if function else ""
        self.forget()
        try:
            return key()
        finally:
            self.changed = ""
            self.forget()

    def _path(self, module: str) -> Path | None:
        return self.folder / "changed.py" if module == self.changed else self.path(module)

    def _once(self, function: Callable) -> Callable:
        """Return a function of a module that is asked once for each module as it is, and anew for one that is not."""
        kept: dict[tuple, object] = {}
        changed: dict[tuple, object] = {}
        self.fresh.append(changed)

        def asked(*arguments):
            answers = changed if arguments[0] == self.changed else kept
            if arguments not in answers:
                answers[arguments] = function(*arguments)
            return answers[arguments]

        return asked

    def forget(self) -> None:
        """Forget what the changed module was, and all digests."""
        code_digest.closure_digest.cache_clear()
        for answers in self.fresh:
            answers.clear()


@pytest.fixture(scope="module")
def code(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        yield Code(tmp_path_factory.mktemp("code"), patch)
    code_digest.closure_digest.cache_clear()


SWAPS = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult, ast.Lt: ast.Gt, ast.Gt: ast.Lt}


def with_another_operation(text: str, line: int) -> str | None:
    """Return a module with one operation exchanged in the innermost function, or the statement, around a line."""
    tree = ast.parse(text)
    around = [node for node in ast.walk(tree) if isinstance(node, ast.stmt) and begin(node) <= line <= node.end_lineno]
    functions = [node for node in around if isinstance(node, ast.FunctionDef)]
    place = max(functions or around[:1], key=begin)
    for node in ast.walk(place):
        if isinstance(node, ast.BinOp) and type(node.op) in SWAPS:
            node.op = SWAPS[type(node.op)]()
            return ast.unparse(tree)
        if isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPS:
            node.ops[0] = SWAPS[type(node.ops[0])]()
            return ast.unparse(tree)
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            node.value += 1
            return ast.unparse(tree)
    if not isinstance(place, ast.FunctionDef):
        return None
    place.body.append(ast.Return(ast.Constant("another")))
    return ast.unparse(ast.fix_missing_locations(tree))


def begin(node: ast.stmt) -> int:
    return min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", []))])


def assert_every_function_counts(code: Code, functions: set[Function], key: Callable[[], object]) -> None:
    before = code.key(key)
    unseen = [function for function in sorted(functions) if code.key(key, function) == before]
    assert unseen == [], "these run for the result, and its key does not depend on them"


# --- methods and drawings -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def results():
    """Each method's functions as they run, how it is drawn, and the values of its picture."""
    made = {}
    for slug in STANDS_ALONE:
        values = []
        job, task, _ = job_of(slug)
        functions = functions_of(lambda: values.append(outcome_of(job, task)))  # noqa: B023
        (first,) = values
        style = CARDS[slug].draw
        reduced = {}
        values_kept = CARDS[slug].style.values
        functions |= functions_of(lambda: reduced.update(all=reduce(values_kept, first.value, "")))  # noqa: B023
        made[slug] = (functions, style, reduced["all"])
    return made


def all_cards():
    """The cards of all methods, which hold the digests of their code as it is now."""
    return {name: card(method) for name, method in METHODS.items()}


def job_of(slug, cards=None):
    parameters = {slug: {**CARDS[slug].parameters, **QUICK.get(slug, {})}}
    cards = cards or all_cards()
    example = Example("picture", "", "picture", "0" * 64, (1, 1))
    styles = {"picture": [Example("style", "", "style", "1" * 64, (1, 1))]}
    net, model = network_for(slug)
    tasks = scene_tasks(NetworkRequest(net.network, model, [example], ("label",), parameters, cards, styles=styles))
    return next((job, task, cards) for task in tasks for job in task.jobs if job.method == slug)


def network_for(slug):
    """A network, with its card, of which a method has something to say."""
    return (ATTENDING, ATTENDING_CARD) if {"token_grid", "attention"} & set(METHODS[slug].inputs) else (NET, CARD)


def outcome_of(job, task):
    """Run one job by itself, one that needs an image or one about the network alone."""
    done = []
    net, model = network_for(job.method)
    x = picture(net.input.size) if task.example else None
    request = SceneRequest(model, x, [job], "", task.parameters, 4, pictures(picture(net.input.size)))
    Scene(net, request, lambda job, outcome: done.append(outcome)).run()
    (outcome,) = done
    assert outcome.error is None, repr(outcome.error)
    return outcome


@pytest.fixture(scope="module")
def array_keys(code):
    """Give the key of a method's array where a function is another; those of all methods are made at once."""

    def keys() -> dict[str, str]:
        cards = all_cards()
        return {slug: job_of(slug, cards)[0].key for slug in STANDS_ALONE}

    @cache
    def after(function: Function | None) -> dict[str, str] | None:
        return code.key(keys, function)

    return after


@pytest.mark.parametrize("slug", STANDS_ALONE)
def test_the_key_of_an_array_depends_on_every_function_that_makes_it(results, array_keys, slug):
    functions, _, _ = results[slug]
    assert {METHODS[slug].function.__module__, "generator.engine.scene"} <= modules_of(functions)
    before = array_keys(None)[slug]
    unseen = [one for one in sorted(functions) if (keys := array_keys(one)) and keys[slug] == before]
    assert unseen == [], "these run for the result, and its key does not depend on them"
    assert len(functions) > 20


def test_a_picture_of_every_style_depends_on_every_function_that_draws_it(results, code):
    functions = set()
    for _, style, values in results.values():
        crop = np.zeros((*NET.input.size[1:], NET.input.size[0]), np.uint8)
        limit = own_limit(style, values.arrays)
        functions |= functions_of(lambda: draw(style, values.arrays, values.meta, crop, limit))  # noqa: B023
    assert "generator.drawing.styles" in modules_of(functions)

    def key():
        job, task, cards = job_of("saliency")
        return picture_key(replace(job, key="the same"), [], task, cards)

    assert_every_function_counts(code, functions, key)


@pytest.mark.parametrize("style", [name for name, style in STYLES.items() if style.card.pairs])
def test_the_key_of_a_pair_depends_on_every_function_that_draws_it(results, code, style):
    values = next(values for _, drawn, values in results.values() if drawn == style)
    crop = np.zeros((*NET.input.size[1:], NET.input.size[0]), np.uint8)
    functions = functions_of(lambda: side_by_side(style, [values.arrays] * 2, [values.meta] * 2, crop))
    assert "generator.drawing.differences" in modules_of(functions)
    assert_every_function_counts(code, functions, model_pairs.code)


# --- networks -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["vgg-cifar10", "imagenette"])
def test_the_key_of_an_array_depends_on_the_code_of_a_bundled_network(code, name):
    network = resolve(name)
    net = load(network)
    model = describe(net)
    x = torch.zeros(1, *net.input.size)
    functions = functions_of(lambda: net.model(x))
    functions |= {one for one in functions_of(lambda: load(network)) if one[0].startswith("generator.models.bundled.")}

    def key():
        example = Example("picture", "", "picture", "0" * 64, (1, 1))
        parameters = {"saliency": CARDS["saliency"].parameters}
        return scene_tasks(NetworkRequest(network, model, [example], ("label",), parameters, CARDS))[0].jobs[0].key

    assert f"generator.models.bundled.{name.replace('-', '_')}" in modules_of(functions)
    assert_every_function_counts(code, functions, key)


# --- measures and controls ------------------------------------------------------------------------


def bench():
    parameters = {slug: dict(found.parameters) for slug, found in CARDS.items()}
    made = Bench(NET, SceneRequest(CARD, X, (), "", parameters, 4), "label", CARDS)
    made.say_where(np.pad(np.ones((2, 2), bool), ((0, X.shape[2] - 2), (0, X.shape[3] - 2))))
    return made


@pytest.mark.parametrize("slug", MEASURES)
def test_the_key_of_evidence_depends_on_every_function_that_measures(code, slug):
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

    functions = functions_of(measure)
    if {"redrawn", "reseeded"} & set(MEASURES[slug].inputs):  # what makes the map again is in the key of the map
        functions = {one for one in functions if one[0].startswith("generator.analysis.")}
    task = SceneTask(**{**vars(task), "measures": {slug: {}}})

    def key():
        controls = {name: ControlCard(name, "", "", "") for name in CONTROLS}
        registry = Registry(CARDS, {name: measure_card(found) for name, found in MEASURES.items()}, controls)
        return evidence_key(task, Subject(method, job), slug, registry)

    assert MEASURES[slug].function.__module__ in modules_of(functions)
    assert_every_function_counts(code, functions, key)


# --- probes ---------------------------------------------------------------------------------------


def test_the_key_of_a_probe_depends_on_every_function_that_answers_it(code, tmp_path):
    tiny_gallery.draw(tmp_path / "one.png", seed=1)
    content = (tmp_path / "one.png").read_bytes()
    example = Example("one", str(tmp_path / "one.png"), "one", hashlib.sha256(content).hexdigest(), (1, 1))

    def task():
        return task_of(NET.network, CARD, Source(), [example], lambda file: "")

    def probe():
        probe_jobs.part(asked, 0, NET, Store(tmp_path / "store"))
        probe_jobs.combine(asked, NET, Store(tmp_path / "store"))

    asked = task()
    functions = functions_of(probe)
    assert {"generator.analysis.probe.forward_pass", "generator.analysis.probe.jobs"} <= modules_of(functions)
    assert_every_function_counts(code, functions, lambda: task().key)


def test_what_a_network_is_given_counts(code, tmp_path):
    tiny_gallery.draw(tmp_path / "one.png", seed=1)
    content = (tmp_path / "one.png").read_bytes()
    example = Example("one", str(tmp_path / "one.png"), "one", hashlib.sha256(content).hexdigest(), (1, 1))
    functions = functions_of(lambda: normalise(photo(example, NET.input), NET.input))
    assert {"generator.data.preprocess", "generator.data.decode"} <= modules_of(functions)
    assert_every_function_counts(code, functions, lambda: job_of("saliency")[0].key)


@pytest.mark.parametrize("slug", sorted(set(METHODS) - set(STANDS_ALONE)))
def test_the_key_of_a_method_that_needs_more_depends_on_its_code_and_on_what_gives_it_more(code, slug):
    function = METHODS[slug].function
    place = (function.__module__, function.__code__.co_firstlineno)
    assert_every_function_counts(code, {place}, lambda: card(METHODS[slug]).key)
    needed = set() if slug == "top-images" else {"generator.engine.inputs", "generator.engine.checkpoint_series"}
    assert needed <= code_digest.closure("generator.engine.scene")


# --- no wider than that ---------------------------------------------------------------------------


def all_keys(tmp_path):
    """The keys of arrays, evidence and a probe."""
    tiny_gallery.draw(tmp_path / "one.png", seed=1)
    example = Example("one", str(tmp_path / "one.png"), "one", "0" * 64, (1, 1))
    measures = {name: measure_card(found) for name, found in MEASURES.items()}
    registry = Registry(CARDS, measures, {})
    job, task, cards = job_of("saliency")
    task = SceneTask(**{**vars(task), "measures": {slug: {} for slug in MEASURES}})
    return {
        "arrays": [job_of(slug, cards)[0].key for slug in STANDS_ALONE],
        "evidence": [evidence_key(task, Subject("saliency", job), slug, registry) for slug in MEASURES],
        "probe": task_of(NET.network, CARD, Source(), [example], lambda file: "").key,
    }


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("generator.drawing.palettes", "GREENS =", "GREENS = 0 or"),  # another colour scale
        (
            "generator.core.records",
            'alt: str = ""\n    note',
            'alt: str = ""\n    more: str = ""\n    note',
        ),  # a figure's
        ("generator.core.records", "    passes_seconds: float", "    more: str = 'x'\n    passes_seconds: float"),
        ("generator.site.pages.components", "WIDEST, TALLEST", "WIDEST, TALLEST = 1, 1\nWIDEST, TALLEST"),
    ],
    ids=["palette", "figure", "model card", "pages"],
)
def test_what_only_pictures_and_pages_need_computes_nothing(code, tmp_path, module, old, new):
    text = code.path(module).read_text()
    assert old in text
    before = code.key(lambda: all_keys(tmp_path))
    (code.folder / "changed.py").write_text(text.replace(old, new, 1))
    code.changed = module
    code.forget()
    try:
        after = all_keys(tmp_path)
        drawing = code_digest.closure_digest("generator.drawing.styles")
    finally:
        code.changed = ""
        code.forget()
    assert after == before
    assert (drawing != code_digest.closure_digest("generator.drawing.styles")) == (
        module == "generator.drawing.palettes"
    )
