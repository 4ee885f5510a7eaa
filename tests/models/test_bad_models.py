"""Networks of strangers: what is odd is drawn all the same, what is bad costs itself with a line that names it."""

import json
import multiprocessing
import os
import pickle
import time
from dataclasses import replace
from pathlib import Path

import bad_models
import pytest
import tiny_gallery
import tiny_nets
import torch
import yaml
from click.testing import CliRunner
from PIL import Image
from safetensors.torch import save_file

from generator.__main__ import main
from generator.core.errors import ModelError
from generator.core.records import Job, Network
from generator.core.tasks import SceneTask
from generator.engine.model_card import describe
from generator.engine.oom_retry import out_of_memory, retry_with_smaller_batches
from generator.engine.preserve import untouched
from generator.engine.scene import Scene, SceneRequest
from generator.pipeline import processes
from generator.pipeline.pool import _Running

ODD = {
    "plain": "", "Tuple": "", "Dictionary": "", "Shared": "", "Dynamic": "", "Grey": "", "Wide": "",
    "Flat": "", "in_training": "", "AlwaysTraining": "", "Infinite": "",
    "OneAtATime": "takes one picture at a time",
    "Counting": "gave different answers", "Random": "gave different answers",
}  # fmt: skip
BAD = {
    "unmade": "calling it without arguments failed: ValueError: cannot",
    "nothing": "expected it to return a torch.nn.Module, got NoneType",
    "Raising": "does not take an input of size (3, 10, 12): KeyError: '<script>canary()</script>'",
    "Scalar": "expected class scores of shape (1, classes) or (1, classes, h, w), the network returned ()",
    "Map": "expected class scores of shape (1, classes) or (1, classes, h, w), the network returned (1, 10, 12)",
    "Words": "expected class scores of shape (1, classes) or (1, classes, h, w), the network returned None",
}
WITH_WEIGHTS = {
    "missing keys": "2 missing (two.weight, two.bias)",
    "unexpected keys": "1 unexpected (more)",
    "other shapes": "1 of another shape (fc.weight (5, 4) for (3, 4))",
    "cut off": "expected a safetensors file",
    "no weights": "expected a state dict of tensors, found dict",
    "not there": "no such weights file",
    "evil": "refused, as it is no state dict of plain tensors and opening it could run code",
    "evil plain": "refused, as it is no state dict of plain tensors and opening it could run code",
}
FOR_A_PICTURE = {
    "RaisingForAPicture": "IndexError: fell over",
    "Broken": "3 of 3 logits are not finite for this image; the first layer with such values is relu@2",
    "Starving": "memory ran out in the pass of a single picture",
}
CLASSES = ["ant", "bee", "cat"]


def entry(name, **more):
    size = [1, 10, 12] if name == "Grey" else [10, 12]
    input = {"size": size, "mean": [0.5] * (1 if name == "Grey" else 3), "std": [0.25] * (1 if name == "Grey" else 3)}
    slug = more.pop("called", name)
    return {"name": slug.replace(" ", "-"), "source": f"bad_models:{name}", "input": input, "classes": CLASSES, **more}


class Canary:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def lay(folder, models, images=("one",), **settings):
    """A gallery of these models of `bad_models`, in this process."""
    wishes = {"methods": ["smoothgrad", "activations"], "preset": "quick", "targets": ["top"]}
    options = tiny_gallery.lay(folder, images, **wishes | settings)
    content = yaml.safe_load(options.config.read_text())
    tiny_gallery.write(options.config, content | {"models": models})
    return options


def weights(folder):
    """A file for each of `WITH_WEIGHTS`, and the entries that name them."""
    state = bad_models.plain().state_dict()
    files = {name: folder / f"{name}.safetensors" for name in WITH_WEIGHTS}
    save_file({name: tensor for name, tensor in state.items() if not name.startswith("two")}, files["missing keys"])
    save_file(state | {"more": torch.zeros(1)}, files["unexpected keys"])
    save_file(state | {"fc.weight": torch.zeros(5, 4)}, files["other shapes"])
    save_file(state, folder / "whole.safetensors")
    files["cut off"].write_bytes((folder / "whole.safetensors").read_bytes()[:-100])
    files |= {name: folder / f"{name}.pt" for name in ("no weights", "evil", "evil plain")}
    torch.save({"epoch": 3}, files["no weights"])
    torch.save({"weight": Canary(folder / "canary")}, files["evil"])
    files["evil plain"].write_bytes(pickle.dumps(Canary(folder / "canary")))
    return [entry("plain", called=name, weights=file.name) for name, file in files.items()]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """All of them in one gallery; its options, report and manifest."""
    folder = tmp_path_factory.mktemp("strangers")
    named = [*ODD, *BAD, *FOR_A_PICTURE]
    layer = entry("plain", called="wrong layer", layer="tow")
    infinite = entry("overflowing")
    options = lay(folder, [*map(entry, named), *weights(folder), layer, infinite])
    report, _ = tiny_gallery.run(options)
    manifest = json.loads((options.work / "manifest.json").read_text())
    return options, report, manifest


@pytest.mark.parametrize("name", ODD)
def test_what_is_odd_is_drawn(built, name):
    _, report, manifest = built
    slug = name.replace("_", "_").lower()
    (card,) = [card for card in manifest["models"] if card["slug"] == slug]
    assert ODD[name] in card["note"] and bool(ODD[name]) == bool(card["note"])
    figures = [figure for figure in manifest["figures"] if figure["model"] == slug]
    assert figures and not [figure for figure in figures if figure["status"] == "failed"]
    assert any(figure["status"] == "drawn" and figure["method"] == "smoothgrad" for figure in figures)


@pytest.mark.parametrize("name", [*BAD, *WITH_WEIGHTS])
def test_what_is_bad_is_told_in_a_line(built, name):
    _, report, _ = built
    told = report.failures[name.replace(" ", "-")]
    assert {**BAD, **WITH_WEIGHTS}[name] in told
    assert len(told.splitlines()) == 1 and "\x1b" not in told


@pytest.mark.parametrize("name", FOR_A_PICTURE)
def test_what_is_bad_for_a_picture_alone_fails_there(built, name):
    _, report, manifest = built
    figures = [figure for figure in manifest["figures"] if figure["model"] == name.lower()]
    told = {figure["reason"] for figure in figures if figure["method"] == "smoothgrad"}
    assert len(told) == 1 and FOR_A_PICTURE[name] in told.pop()
    assert all(name.lower() in failure for failure in report.failures if failure.startswith(f"{name.lower()}/"))


def test_a_layer_that_is_not_there_has_near_names(built):
    assert (
        built[1]
        .failures["wrong-layer"]
        .endswith("layer 'tow': the network has no such layer with space; did you mean 'two'?")
    )


def test_weights_that_are_no_numbers_are_named(built):
    _, report, manifest = built
    (card,) = [card for card in manifest["models"] if card["slug"] == "overflowing"]
    assert card["note"].startswith("weights hold NaN or infinity in 1 of 6 tensors (two.weight)")
    reasons = {figure["reason"] for figure in manifest["figures"] if figure["model"] == "overflowing"} - {""}
    assert any("the first layer with such values is two" in reason for reason in reasons)


def test_no_code_of_a_pickle_ran(built, monkeypatch):
    options, _, _ = built
    canary = options.root / "canary"
    assert not canary.exists()
    monkeypatch.chdir(options.root)
    call = ["build", "--no-site", "--workers", "0", "--device", "cpu", "--model", "evil"]
    assert CliRunner().invoke(main, call).exit_code == 2 and not canary.exists()
    CliRunner().invoke(main, [*call, "--trust-pickle"])
    assert canary.exists(), "the same file runs its code where one says that it may: the canary sings"
    canary.unlink()


# --- state --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [bad_models.Counting, bad_models.Random, bad_models.AlwaysTraining])
def test_networks_with_a_memory_give_the_same_every_time(kind):
    net = tiny_nets.loaded(kind(), (3, 10, 12), classes=tuple(CLASSES))
    card, x = describe(net), tiny_nets.picture((3, 10, 12))
    before = tiny_nets.fingerprint(net.model)
    first, second = (tiny_nets.outcomes(net, x, ["saliency", "smoothgrad"], ["top"], card=card) for _ in range(2))
    for key in first:
        assert torch.equal(first[key].value, second[key].value), key
    tiny_nets.assert_untouched(before, tiny_nets.fingerprint(net.model))


def test_what_a_module_keeps_is_put_back_and_what_it_did_not_change_stays_the_object_it_was():
    net = bad_models.Counting()
    net.alias, net.names = net.one.weight.data, ["a", {"b": (1, 2)}]
    kept = net.alias, net.names
    with untouched(net), torch.no_grad():
        net(torch.ones(1, 3, 10, 12))
        net.names.append("c")
    assert (net.calls, net.seen, float(net.last)) == (0, [], 0) and not hasattr(net, "late")
    assert net.alias is kept[0] and net.names == ["a", {"b": (1, 2)}]


# --- memory -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", ["", "CUDA out of memory. Tried to allocate", "std::bad_alloc"])
def test_a_job_that_does_not_fit_is_done_again_whole_with_fewer_samples(words, monkeypatch):
    if words:
        monkeypatch.setattr(bad_models.Hungry, "words", words)
    x, methods = tiny_nets.picture((3, 10, 12)), ["saliency", "smoothgrad"]
    card = describe(tiny_nets.loaded(bad_models.plain(), (3, 10, 12), classes=tuple(CLASSES)))
    found = {}
    for kind, chunk in ((bad_models.Hungry, 9), (bad_models.plain, 2)):
        net = tiny_nets.loaded(kind(), (3, 10, 12), classes=tuple(CLASSES))
        found[chunk] = tiny_nets.outcomes(net, x, methods, ["top"], card=card, chunk=chunk)
    for key, outcome in found[9].items():
        assert outcome.error is None
        assert torch.equal(outcome.value, found[2][key].value), "whole: no sample is of the first attempt"
        assert outcome.note == ("memory was short: 2 of 9 samples in a pass" if key[0] == "smoothgrad" else "")


def test_where_one_sample_is_too_much_a_line_says_so(monkeypatch):
    monkeypatch.setattr(bad_models.Hungry, "most", 1)
    net = tiny_nets.loaded(bad_models.Hungry(), (3, 10, 12), classes=tuple(CLASSES))
    card = describe(net)
    monkeypatch.setattr(bad_models.Hungry, "most", 0)
    x = tiny_nets.picture((3, 10, 12))
    with pytest.raises(ModelError, match="memory ran out in the pass of a single picture: .*DefaultCPUAllocator"):
        tiny_nets.outcomes(net, x, ["smoothgrad"], ["top"], card=card)
    shares = []
    with pytest.raises(ModelError, match=r"memory ran out with one sample in a pass \(MemoryError: \)"):
        retry_with_smaller_batches(lambda: [][0:0] or (_ for _ in ()).throw(MemoryError), shares.append, 8)
    assert shares == [8, 4, 2, 1, 8]


def test_other_errors_are_no_lack_of_memory():
    assert not out_of_memory(RuntimeError("shapes do not fit")) and not out_of_memory(ValueError("out of memory"))
    assert out_of_memory(MemoryError()) and out_of_memory(torch.OutOfMemoryError("x"))


def test_a_note_on_memory_reaches_the_manifest(tmp_path):
    options = lay(tmp_path, [entry("Hungry")])
    report, _ = tiny_gallery.run(options)
    manifest = json.loads((options.work / "manifest.json").read_text())
    notes = {figure["method"]: figure["note"] for figure in manifest["figures"]}
    assert report.failures == {} and notes["smoothgrad"].startswith("memory was short: 2 of ")


TASK = SceneTask(Network("n", "m:f"), None, None, "", tuple(Job("n", "i", m, key=m) for m in "ab"), {}, 8)


def test_a_worker_that_is_killed_over_a_job_is_replaced_twice_and_then_that_job_fails():
    told = []
    running = _Running(TASK, lambda event, task, key, reason: told.append((event, key, reason)))
    for careful in (set(), {"a"}):
        running.hear("begin", "a", "")
        assert not running.over(("killed", "the worker process died (signal SIGKILL)"))
        assert running.task.careful == careful and told == []
    running.hear("begin", "a", "")
    assert not running.over(("killed", "the worker process died (signal SIGKILL)"))
    ((event, key, reason),) = told
    assert (event, key) == ("failed", "a") and "with one sample in a pass; perhaps memory ran out" in reason
    assert running.task.skipped == {"a"}


def test_a_careful_job_has_a_pass_for_each_sample():
    net = tiny_nets.loaded(bad_models.plain(), (3, 10, 12), classes=tuple(CLASSES))
    card, batches = describe(net), []
    handle = net.model.register_forward_pre_hook(lambda module, given: batches.append(len(given[0])))
    job = Job("tiny", "picture", "smoothgrad", "", "top", key="k")
    for careful in ((), {"k"}):
        batches.clear()
        x = tiny_nets.picture((3, 10, 12))
        Scene(
            net, SceneRequest(card, x, [job], parameters={"smoothgrad": {"n": 4}}, careful=careful), lambda *_: None
        ).run()
        assert set(batches) == ({1} if careful else {1, 4})
    handle.remove()


# --- time ---------------------------------------------------------------------------------------------


class Clock:
    """A clock that hurries while a worker hangs and runs as usual else, however busy the machine is."""

    def __init__(self, hangs):
        self.hangs, self.last = hangs, time.monotonic()
        self.now = self.last

    def __call__(self):
        before, self.last = self.last, time.monotonic()
        self.now += (self.last - before) * (600 if self.hanging() else 1)
        return self.now

    def hanging(self):
        worker = self.hangs.read_text() if self.hangs.exists() else ""
        return bool(worker) and worker in {str(process.pid) for process in multiprocessing.active_children()}


def test_a_pass_that_hangs_is_stopped_and_costs_its_own_picture(tmp_path, monkeypatch):
    options = lay(tmp_path, [entry("Hanging")], ["dark", "two"], methods=["saliency"])
    Image.new("RGB", (16, 14), "black").save(tmp_path / "images/dark.png")
    Image.new("RGB", (16, 14), "white").save(tmp_path / "images/two.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(processes, "monotonic", Clock(tmp_path / "hangs"))
    call = ["build", "--no-site", "--workers", "1", "--device", "cpu", "--time-limit", "600"]
    result = CliRunner().invoke(main, call)
    assert result.exit_code == 1, result.output
    failures = json.loads((options.work / "build.json").read_text())["failures"]
    assert failures and all("two" in name for name in failures)
    assert set(failures.values()) == {"stopped after 600 s, the time limit for one job (--time-limit)"}
    drawn = [f for f in json.loads((options.work / "manifest.json").read_text())["figures"] if f["status"] == "drawn"]
    assert {figure["image"] for figure in drawn} == {"dark"}
    worker = int((tmp_path / "hangs").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)


def test_a_time_limit_is_more_than_nothing():
    assert CliRunner().invoke(main, ["build", "--time-limit", "0"]).exit_code == 2
    assert replace(tiny_gallery.Options(), time_limit=5.0).pool().setup.time_limit == 5.0
