"""Which jobs there are, and when two are the same: a key changes with what decides its bytes, and with nothing else."""

from dataclasses import replace

import pytest

from generator.core.records import Example, Input, Layer, MethodCard, ModelCard, Network, Stage
from generator.core.tasks import groups
from generator.drawing.styles import style_cards
from generator.engine.batch_size import chunk_size
from generator.pipeline import jobs
from generator.pipeline.cost import price
from generator.pipeline.jobs import NetworkRequest, scene_tasks
from generator.pipeline.keys import picture_key
from generator.pipeline.portions import portions, seconds

NETWORK = Network("tiny", "tests:tiny")
LAYERS = (
    Layer("conv", "Conv2d", "conv", (4, 8, 8)),
    Layer("relu", "ReLU", "activation", (4, 8, 8)),
    Layer("drop", "Dropout", "identity", (4, 8, 8)),
    Layer("conv@2", "Conv2d", "conv", (4, 8, 8)),
    Layer("fc", "Linear", "linear", (3,)),
    Layer("probabilities", "softmax", "softmax", (3,)),
)
CARD = ModelCard(
    slug="tiny",
    name="tiny",
    title="Tiny",
    source="tests:tiny",
    digest="d" * 64,
    input=Input((3, 8, 8), (0.5,) * 3, (0.5,) * 3),
    vocabulary="animals",
    classes=("ant", "bee", "cat"),
    parameters=10,
    nonzero=10,
    macs=10,
    layers=LAYERS,
    stages=(
        Stage("conv 4", "relu", ("conv", "relu", "drop")),
        Stage("conv 4", "conv@2", ("conv@2",)),
        Stage("3 classes", "probabilities", ("fc", "probabilities")),
    ),
    default_layer="relu",
    rectifiers="1 of 1 rectifiers",
)
BEE = Example("bee", "/photos/bee.png", "A bee", "b" * 64, (20, 10), targets={"animals": "bee", "others": "wasp"})
WHAT = Example("what", "/photos/what.png", "What is it", "w" * 64, (20, 10))


def method(slug, inputs, axes, at="", draw="grey", passes=0.0, **parameters):
    words = dict.fromkeys(("title", "family", "cites", "summary", "text", "formula", "reading", "limits"), "")
    return MethodCard(
        slug=slug, style=style_cards()[draw], inputs=inputs, axes=axes, parameters=parameters, at=at, preset="quick",
        passes=passes, key=f"code of {slug}", roles=(slug,), **words,
    )  # fmt: skip


CARDS = {
    card.slug: card
    for card in (
        method("filters", ("weight",), ("layer",), at="conv", draw="filters"),
        method("activations", ("activation",), ("image", "layer"), at="every", draw="sprite"),
        method("gradient", ("input_gradient",), ("image", "target"), draw="colour"),
        method("saliency", ("gradient",), ("image", "target")),
        method("cam", ("activation", "gradient"), ("image", "layer", "target"), at="default", draw="overlay"),
        method("noisy", ("score_gradient", "noise"), ("image", "target"), passes=50.0, sigma=0.15),
        method("classic", ("noisy",), ("image", "target"), draw="classic"),
    )
}
CHOSEN = {slug: card.parameters for slug, card in CARDS.items()}


def tasks(card=CARD, examples=(BEE,), targets=("label", "rival"), chosen=CHOSEN, cards=CARDS, **more):
    return scene_tasks(NetworkRequest(NETWORK, card, examples, targets, chosen, cards, **more))


def keys(**more):
    return {(job.method, job.layer, job.target): job.key for task in tasks(**more) for job in task.jobs}


def test_the_product_of_images_methods_layers_and_targets():
    about_the_network, about_the_bee = tasks()
    assert (about_the_network.image, about_the_network.example) == ("model", None)
    assert [(job.method, job.layer) for job in about_the_network.jobs] == [("filters", "conv")]
    assert about_the_bee.image == "bee"
    assert [(job.method, job.layer, job.target) for job in about_the_bee.jobs] == [
        *(("activations", layer, "") for layer in ("conv", "relu", "conv@2", "fc", "probabilities")),
        *(("gradient", "", target) for target in ("label", "rival")),
        *(("saliency", "", target) for target in ("label", "rival")),
        *(("cam", "relu", target) for target in ("label", "rival")),
        *(("noisy", "", target) for target in ("label", "rival")),
        *(("classic", "", target) for target in ("label", "rival")),
    ]


def test_the_class_probabilities_are_always_wanted():
    (task,) = tasks(chosen={"gradient": {}})
    assert [(job.method, job.layer) for job in task.jobs] == [("gradient", "")] * 2 + [("activations", "probabilities")]


def test_a_label_is_of_the_networks_language_and_one_of_its_classes():
    def label(**targets):
        return tasks(examples=[replace(BEE, targets=targets)])[1].label

    assert label(animals="bee", others="wasp") == "bee"
    assert label(others="wasp") == ""
    assert label(animals="wasp") == ""


def test_without_a_label_the_top_prediction_stands_for_it():
    (task,) = tasks(examples=[WHAT], chosen={"gradient": {}}, targets=["label", "rival", "top"])
    assert [job.target for job in task.jobs if job.method == "gradient"] == ["top", "rival"]


def test_no_two_jobs_share_a_key():
    found = [job.key for task in tasks(examples=[BEE, WHAT]) for job in task.jobs]
    assert len(set(found)) == len(found)


def changed(**more):
    """Which methods have other keys than before, and of those with targets which targets."""
    before, after = keys(), keys(**more)
    assert before.keys() == after.keys()
    return {place for place in before if before[place] != after[place]}


EVERY = set(keys())
OF_THE_IMAGE = {place for place in EVERY if place[0] != "filters"}
TARGETED = {place for place in EVERY if place[2]}
NAMED = TARGETED | {("activations", "probabilities", "")}
SAMPLED = {place for place in EVERY if place[0] in ("noisy", "classic")}


def with_input(**values):
    return replace(CARD, input=replace(CARD.input, **values))


def with_method(slug, **values):
    return CARDS | {slug: replace(CARDS[slug], **values)}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"card": replace(CARD, digest="e" * 64)}, EVERY),
        ({"card": with_input(mean=(0.4,) * 3)}, EVERY),
        ({"card": with_input(fit="pad")}, EVERY),
        ({"card": replace(CARD, default_layer="conv")}, None),
        ({"card": replace(CARD, classes=("ant", "bee", "cow"))}, NAMED),
        ({"device": "cuda:1"}, EVERY),
        ({"examples": [replace(BEE, digest="c" * 64)]}, OF_THE_IMAGE),
        ({"examples": [replace(BEE, background="#ffffff")]}, OF_THE_IMAGE),
        ({"examples": [replace(BEE, fit="pad")]}, OF_THE_IMAGE),
        ({"examples": [replace(BEE, targets={"animals": "cat"})]}, TARGETED),
        ({"cards": with_method("gradient", key="mended")}, {place for place in EVERY if place[0] == "gradient"}),
        ({"cards": with_method("filters", key="mended")}, EVERY - OF_THE_IMAGE),
        (
            {"cards": with_method("cam", style=style_cards()["picture"])},  # values of another kind
            {place for place in EVERY if place[0] == "cam"},
        ),
        ({"chosen": CHOSEN | {"noisy": {"sigma": 0.2}}}, SAMPLED),
        ({"memory": 2**12}, SAMPLED),
    ],
)
def test_a_key_changes_with_what_decides_the_array(more, expected):
    if expected is None:  # the layer itself is another one
        assert keys(**more).keys() != EVERY and not set(keys(**more).values()) & set(keys().values())
    else:
        assert changed(**more) == expected


@pytest.mark.parametrize(
    "more",
    [
        {
            "examples": [
                replace(BEE, id="bee", title="Another title", credit="me", alt="a bee", path="/elsewhere/b.png")
            ]
        },
        {"examples": [BEE, WHAT]},
        {"examples": [WHAT, BEE]},
        {"card": replace(CARD, title="Tiny one", name="Tiny", accuracy={"top1": 0.9}, passes_seconds=0.5)},
        {"cards": with_method("gradient", text="A mended sentence.", title="Gradients", reading="So.")},
        {"cards": with_method("cam", style=style_cards()["strip"], order=1, film="It grows.")},
        {"device": "cpu"},
    ],
)
def test_a_key_does_not_change_with_words_order_or_place(more):
    after = keys(**more) if len(more.get("examples", [BEE])) == 1 else None
    if after is None:
        task = next(task for task in tasks(**more) if task.image == "bee")
        after = {(job.method, job.layer, job.target): job.key for job in task.jobs}
        assert after == {place: key for place, key in keys().items() if place in OF_THE_IMAGE}
    else:
        assert after == keys()


def test_the_same_picture_under_another_name_is_the_same_work():
    one, other = (tasks(examples=[replace(BEE, id=name)])[1].jobs for name in ("bee", "wasp"))
    assert [job.key for job in one] == [job.key for job in other]
    assert {job.image for job in other} == {"wasp"}


def test_code_that_makes_arrays_is_in_every_key_and_code_that_draws_in_none(monkeypatch):
    asked = []
    real = jobs.closure_digest

    def digest(*modules):
        asked.append(modules)
        return real(*modules)

    monkeypatch.setattr(jobs, "closure_digest", digest)
    keys()
    assert asked == [("generator.engine.scene", "generator.engine.quantise", "generator.data.preprocess")]


def test_pictures_of_one_method_and_layer_share_a_scale_over_targets():
    together = [{(job.method, job.layer) for job in group} for group in groups(tasks()[1])]
    assert all(len(places) == 1 for places in together)
    assert len(together) == len({job[:2] for job in OF_THE_IMAGE})


def test_a_pictures_key_names_those_it_shares_a_scale_with():
    task = tasks()[1]
    label, rival = next(group for group in groups(task) if group[0].method == "cam")
    assert picture_key(label, [label, rival], task, CARDS) != picture_key(rival, [label, rival], task, CARDS)
    assert picture_key(label, [label, rival], task, CARDS) != picture_key(label, [label], task, CARDS)
    assert picture_key(label, [label, rival], task, CARDS) == picture_key(label, [rival, label], task, CARDS)


def test_a_picture_with_a_scale_of_its_own_is_alone():
    task = tasks()[1]
    label, rival = next(group for group in groups(task) if group[0].method == "classic")
    assert picture_key(label, [label, rival], task, CARDS) == picture_key(label, [label], task, CARDS)


def test_a_new_palette_makes_new_pictures_of_old_arrays():
    task = tasks()[1]
    repainted = {slug: replace(card, style=replace(card.style, key="another")) for slug, card in CARDS.items()}
    assert tasks(cards=repainted)[1] == task
    assert all(picture_key(job, [job], task, CARDS) != picture_key(job, [job], task, repainted) for job in task.jobs)


def test_names_of_classes_are_drawn_only_into_the_probabilities():
    task = tasks()[1]
    renamed = replace(task, card=replace(CARD, classes=("ant", "bee", "cow")))
    other = [
        job for job in task.jobs if picture_key(job, [job], task, CARDS) != picture_key(job, [job], renamed, CARDS)
    ]
    assert [job.layer for job in other] == ["probabilities"]


def test_how_many_samples_share_a_pass_depends_on_network_memory_and_device_alone():
    assert chunk_size(CARD, 1) == 1
    assert (chunk_size(CARD, 2**40), chunk_size(CARD, 2**40, "cuda:1")) == (16, 256)
    sizes = [chunk_size(CARD, 2**power) for power in range(8, 24)]
    assert sizes == sorted(sizes) and len(set(sizes)) > 3
    wide = replace(CARD, layers=tuple(replace(layer, shape=(400, 8, 8)) for layer in LAYERS))
    assert chunk_size(wide, 2**20) < chunk_size(CARD, 2**20)


def test_keys_know_how_many_samples_share_a_pass_only_where_bytes_are_promised():
    assert keys(memory=2**14) != keys(memory=2**30)
    assert keys(device="cuda", memory=2**14) == keys(device="cuda:1", memory=2**30)
    assert {task.keyed_chunk for task in tasks(device="cuda")} == {0}, "nor do those of evidence"
    assert all(task.keyed_chunk == task.chunk for task in tasks())


def test_the_price_counts_what_a_scene_shares_once():
    task = tasks()[1]

    def passes(*methods):
        return price(task, [job for job in task.jobs if job.method in methods], CARDS)

    assert passes() == 0
    assert passes("activations") == 1
    assert passes("gradient") == passes("gradient", "saliency", "cam", "activations") == 1 + 2 * 2
    assert passes("noisy") == 1 + 2 * 50


def test_what_needs_no_pass_costs_none():
    assert price(tasks()[0], tasks()[0].jobs, CARDS) == 0


# --- in which order jobs are done -------------------------------------------------------------------

DRIVEN = method("painted", ("network",), ("layer",), at="conv", draw="filters", passes=100.0)
ALL = CARDS | {"painted": DRIVEN, "settled": method("settled", ("painted",), ("layer",), at="conv", draw="filters")}


def split(missing=lambda job: True, cards=CARDS, chosen=CHOSEN):
    work = tasks(examples=(BEE, WHAT), cards=cards, chosen=chosen)
    left = [(task, [job for job in task.jobs if missing(job)]) for task in work]
    return work, *portions([(task, jobs) for task, jobs in left if jobs], cards)


def what(portion):
    return portion.task.image, list(dict.fromkeys(job.method for job in portion.task.jobs))


def test_reports_come_first_then_networks_then_samples_then_what_drives_networks():
    chosen = {slug: card.parameters for slug, card in ALL.items()}
    _, reports, rest = split(cards=ALL, chosen=chosen)
    cheap = ["activations", "gradient", "saliency", "cam"]
    assert list(map(what, reports)) == [("bee", cheap), ("what", cheap)]
    assert list(map(what, rest)) == [
        ("model", ["filters"]),
        ("bee", ["noisy", "classic"]),
        ("what", ["noisy", "classic"]),
        ("model", ["painted"]),
        ("model", ["settled"]),
    ]


def test_every_job_is_done_once_and_with_those_that_share_its_scale():
    work, reports, rest = split()
    done = [portion.task for portion in (*reports, *rest)]
    assert sorted(job.key for task in done for job in task.jobs) == sorted(
        job.key for task in work for job in task.jobs
    )
    assert sorted(groups_of(done)) == sorted(groups_of(work))
    for portion in (*reports, *rest):
        (task,) = [task for task in work if set(portion.task.jobs) <= set(task.jobs)]
        assert portion.task == replace(task, jobs=portion.task.jobs), "else as it was"
        assert portion.missing == portion.task.jobs


def groups_of(work):
    return [tuple(job.key for job in group) for task in work for group in groups(task)]


def test_what_is_in_store_is_not_asked_for_unless_it_shares_a_scale_with_what_is_missing():
    _, reports, rest = split(lambda job: (job.image, job.method, job.target) == ("bee", "noisy", "rival"))
    assert reports == []
    (portion,) = rest
    assert [(job.method, job.target) for job in portion.missing] == [("noisy", "rival")]
    assert what(portion) == ("bee", ["noisy", "classic"]) and len(portion.task.jobs) == 4


def test_no_portion_takes_longer_than_it_says():
    work, reports, rest = split()
    parts = sum(portion.seconds(CARDS) for portion in (*reports, *rest))
    entire = sum(seconds(task, task.jobs, CARDS) for task in work)
    assert parts == pytest.approx(entire + 2 * work[0].card.passes_seconds), "one more pass for each image"
