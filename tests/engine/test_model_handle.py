"""Methods that drive the network themselves: what they are given, what they tell on the way, and how they go on."""

import os
from dataclasses import replace

import pytest
import tiny_gallery
import torch
from tiny_nets import CARDS, METHODS, assert_untouched, fingerprint, outcomes, picture, tiny
from torch import nn

from generator.config.settings import load
from generator.core.errors import ConfigError
from generator.engine.method_registry import Method
from generator.engine.model_card import describe
from generator.engine.model_handle import Driven
from generator.engine.progress import MAX_FRAMES, Step, watched
from generator.pipeline.cost import price
from generator.pipeline.options import Progress
from generator.pipeline.plan import make_plan
from generator.pipeline.selection import check_methods
from generator.site.build import build

PAINT = "activation-maximisation"


def driven(name="in-place"):
    net = tiny(name)
    return Driven(net, describe(net), 4)


# --- the network --------------------------------------------------------------------------------------


def test_nothing_behind_the_layer_is_computed(monkeypatch):
    network = driven()
    monkeypatch.setattr(nn.Linear, "forward", lambda self, x: 1 / 0)
    x = picture(network.input.size)
    assert network.activation(x, "features.5").shape == (1, 8, 6, 9)
    with pytest.raises(ZeroDivisionError):
        network.logits(x)


@pytest.mark.parametrize("name", ["in-place", "functional", "reused", "residual", "overwriting"])
def test_layers_are_those_that_a_scene_sees(name):
    network, net = driven(name), tiny(name)
    x = picture(network.input.size)
    seen = outcomes(net, x, ["activations"])
    before = x.clone()
    for layer in network.card.layers:
        if layer.kind != "identity":
            assert torch.equal(network.activation(x, layer.name), seen["activations", layer.name, ""].value), layer.name
    names = tuple(layer.name for layer in network.card.layers if layer.kind != "identity")
    for layer, value in zip(names, network.activations(x, names), strict=True):
        assert torch.equal(value, seen["activations", layer, ""].value), "also several from one pass"
    assert torch.equal(x, before)
    with pytest.raises(LookupError, match="no layer nowhere"):
        network.activation(x, "nowhere")


def test_a_copy_can_be_trained_and_the_network_itself_cannot():
    network = driven()
    before = fingerprint(network._loaded.model)
    pupil, x = network.copy(), picture(network.input.size)
    with torch.enable_grad():
        gradients = torch.autograd.grad(pupil.logits(x)[0, 1], list(pupil.model.parameters()))
    with torch.no_grad():
        for parameter, gradient in zip(pupil.model.parameters(), gradients, strict=True):
            parameter += 0.1 * gradient
    assert pupil.logits(x)[0, 1] > network.logits(x)[0, 1]
    assert_untouched(before, fingerprint(network._loaded.model))
    with pytest.raises(TypeError, match="expected a copy"):
        _ = network.model


def test_colours_come_back_from_what_the_network_wants():
    network = driven()
    rgb = torch.rand(2, 3, 4, 5)
    assert torch.allclose(network.rgb(network.normalised(rgb)), rgb, atol=1e-6)
    assert network.rgb(torch.full((1, 3, 1, 1), 9.0)).max() == 1


@pytest.mark.parametrize("layer", ["", "features.5"])
def test_a_size_does_not_fit_where_the_network_says_so_and_not_where_memory_ran_out(monkeypatch, layer):
    network = driven()
    assert network.takes(24, 36, layer)
    messages = ["DefaultCPUAllocator: can't allocate memory", "block 3 failed", "kernel larger than input"]

    def forward(self, x):
        cause = MemoryError() if messages[0].startswith("block") else None
        raise RuntimeError(messages[0]) from cause

    monkeypatch.setattr(nn.Conv2d, "forward", forward)
    for message in messages[:2]:
        with pytest.raises(RuntimeError, match=message):
            network.takes(24, 36, layer)
        messages.pop(0)
    assert not network.takes(24, 36, layer)


def test_draws_are_those_of_the_seed():
    one, two, other = (driven().random(seed, 3).initial_seed() for seed in (5, 5, 6))
    assert one == two != other
    network = driven()
    assert len({network.random(seed, number).initial_seed() for seed in range(9) for number in range(99)}) == 9 * 99


def test_pictures_share_a_pass_as_memory_allows():
    network = driven()  # whose input is 12 x 18, and of which four share a pass
    assert network.parts(6, (12, 18)) == [slice(0, 4), slice(4, 6)]
    assert network.parts(3, (24, 36)) == [slice(0, 1), slice(1, 2), slice(2, 3)]
    assert network.parts(5, (2, 2)) == [slice(0, 4), slice(4, 5)]


# --- frames and steps ---------------------------------------------------------------------------------


@pytest.mark.parametrize("of", [1, 5, 24, 100, 512])
def test_few_frames_are_kept_however_long_it_takes_and_every_step_is_told(of):
    shown, told = [], []

    def method():
        for number in range(1, of + 1):
            yield Step(number, of, lambda number=number: shown.append(number) or number)
        yield "result", {"steps": of}

    result, frames = watched(method(), told.append)
    assert result == ("result", {"steps": of})
    assert frames == shown, "no picture is made that is not kept"
    assert [step.number for step in told] == list(range(1, of + 1)) and str(told[-1]) == f"step {of} of {of}"
    assert len(frames) == min(of, MAX_FRAMES) - 1, "the last one is the result itself"
    gaps = {after - before for before, after in zip(frames, frames[1:], strict=False)}
    assert max(gaps, default=1) - min(gaps, default=1) <= 1, "evenly spaced"


@pytest.mark.parametrize("many", [0, 3, 24, 25, 400])
def test_plain_frames_are_thinned_out_too(many):
    result, frames = watched((frame for frame in [*range(many), "result"]), lambda step: None)
    assert result == "result" and len(frames) <= MAX_FRAMES and frames == sorted(frames)
    assert many == 0 or (frames[0] == 0 and len(frames) >= min(many, MAX_FRAMES // 2))
    assert watched("a value", None) == ("a value", None), "who does not yield shows nothing"


# --- blocks of channels -------------------------------------------------------------------------------

WIDE = tiny_gallery.NETWORK.replace("Conv2d(4, 6, 3", "Conv2d(4, 37, 3").replace("Linear(6, 3)", "Linear(37, 3)")


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    """One layer of 37 channels, all of them painted, in blocks."""
    few = {"units": "all", "steps": 3, "size": 12}
    options = tiny_gallery.lay(tmp_path_factory.mktemp("blocks"), ["one"], WIDE, "wide", methods={PAINT: few})
    return replace(options, methods=(PAINT,))


def planned(options):
    with options.pool() as pool:
        return make_plan(options, pool, options.store)


def test_all_channels_come_in_blocks_which_are_taken_up_again(gallery):
    plan = planned(gallery)
    jobs = [job for _, job in plan.open_jobs() if job.method == PAINT]
    assert [(job.layer, job.style) for job in jobs] == [
        ("2", "channels-0-3"), *(("5", f"channels-{of}") for of in ("0-15", "16-31", "32-36")), ("8", "channels-0-2"),
    ]  # fmt: skip
    assert len({job.key for job in jobs}) == 5
    report, _ = tiny_gallery.run(gallery)
    assert report.failures == {} and not planned(gallery).missing
    lost = jobs[2]
    os.unlink(gallery.store._record(lost.key))
    (again,) = [job for _, job in planned(gallery).open_jobs()]
    assert again == lost, "the other blocks are still there"
    figures = {figure["id"]: figure for figure in tiny_manifest(gallery)["figures"]}
    block = figures[f"mine/model/{PAINT}--5--with-channels-32-36"]
    assert block["sprite"]["shown"] == [32, 33, 34, 35, 36] == block["numbers"]["channels"]
    assert block["style"] == "channels-32-36" and "channels 32 to 36" in block["alt"]
    assert figures[f"mine/model/{PAINT}--8--with-channels-0-2"]["numbers"]["classes"] == ["ant", "bee", "cat"]
    assert block["animation"].endswith(".webp")


def tiny_manifest(options):
    from generator.pipeline.manifest import manifest
    from generator.site.build import _contents, _pairs

    plan = planned(options)
    return manifest(_contents(plan, {}, _pairs(plan, options.store), options.store), options.store)[0]


def test_the_default_is_sixteen_channels_in_one_figure(gallery):
    settings = gallery.config.read_text().replace("units: all", "units: 16")
    options = replace(gallery, config=gallery.config.with_name("sixteen.yml"))
    options.config.write_text(settings)
    styles = {(job.layer, job.style) for task in planned(options).tasks for job in task.jobs if job.method == PAINT}
    assert styles == {("2", ""), ("5", ""), ("8", "")}


def test_the_price_counts_steps_pictures_size_and_depth(gallery):
    plan = planned(gallery)
    tasks = {(job.layer, job.style): task for task in plan.tasks for job in task.jobs if job.method == PAINT}
    costs = {place: price(task, task.jobs, plan.cards) for place, task in tasks.items()}
    area = 12 * 12 / (10 * 12)
    assert costs["8", "channels-0-2"] == pytest.approx(3 * 3 * 3 * area), "passes, steps, pictures"
    assert costs["5", "channels-0-15"] == pytest.approx(costs["5", "channels-32-36"] * 16 / 5)
    assert costs["2", "channels-0-3"] < costs["5", "channels-0-15"] / 4, "nothing behind the layer is computed"
    assert all(len({job.method for job in task.jobs}) == 1 for task in tasks.values()), "tasks of their own"


# --- while it lasts -----------------------------------------------------------------------------------


def test_long_work_says_how_far_it_is(gallery, monkeypatch, tmp_path):
    monkeypatch.setattr("generator.pipeline.scene_output.PROGRESS_INTERVAL_S", 0.0)
    folder = tmp_path / "gallery"
    few = {PAINT: {"units": 2, "steps": 3, "size": 12}}
    options = replace(tiny_gallery.lay(folder, ["one"], methods=few), methods=(PAINT,))
    lines = []
    build(options, Progress(now=lines.append))
    assert f"mine / model, {PAINT} of 5, step 1 of 3" in lines and f"mine / model, {PAINT} of 8, step 3 of 3" in lines


def test_a_method_that_needs_no_image_runs_beside_those_that_do(monkeypatch):
    """Model-level jobs at a layer may drive the network, though there is no picture."""

    def biggest(network, layer):
        return torch.tensor([[float(network.shape(layer)[0])]])

    monkeypatch.setitem(METHODS, "biggest", Method("biggest", "", biggest, "", "grey", "", inputs=("network", "layer")))
    assert METHODS["biggest"].axes == ("layer",)
    from generator.core.records import Job
    from generator.engine.scene import Scene, SceneRequest

    net, found = tiny("in-place"), []
    job = Job("in-place", "model", "biggest", "features.5")
    Scene(net, SceneRequest(describe(net), None, [job]), lambda job, outcome: found.append(outcome.value.item())).run()
    assert found == [8]


# --- settings -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            "units: some",
            "methods.activation-maximisation.units: expected a whole number or all or a list; there is 'some'",
        ),
        ("units: true", "expected a whole number or all or a list; there is True"),
        ("objective: class", "objective: expected channel or unit; there is 'class'"),
        ("parametrisation: 3", "parametrisation: expected fourier or pixels; there is 3"),
        ("steps: many", "steps: expected a value like 160"),
    ],
)
def test_a_choice_that_is_none_is_told_with_what_there_is(tmp_path, given, words):
    path = tmp_path / "gallery.yml"
    path.write_text(f"methods: {{{PAINT}: {{{given}}}}}")
    with pytest.raises(ConfigError, match=words):
        check_methods(load(path), list(CARDS.values()))


@pytest.mark.parametrize("given", ["16", "all", "[3, 17]"])
def test_units_are_a_number_a_list_or_all(tmp_path, given):
    path = tmp_path / "gallery.yml"
    path.write_text(f"methods: {{{PAINT}: {{units: {given}}}}}")
    check_methods(load(path), list(CARDS.values()))


@pytest.mark.parametrize("pair", ["[frog]", "[frog, frog]", "[a, b, c]"])
def test_a_style_is_a_pair_of_two_pictures(tmp_path, pair):
    path = tmp_path / "gallery.yml"
    path.write_text(f"styles: [{pair}]")
    with pytest.raises(ConfigError, match=r"gallery.yml: styles.*expected pairs of a picture and another one"):
        load(path)
