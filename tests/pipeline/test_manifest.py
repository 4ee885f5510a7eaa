"""The manifest tells what the site holds: by its schema, by its files, and by nothing that depends on when or where."""

import json
import re
from dataclasses import replace

import jsonschema
import pytest
import tiny_gallery
import yaml

from generator.core.naming import figure_name, layer_slug, parse_figure_name, slug
from generator.core.records import MANIFEST_VERSION, Job
from generator.core.store import unpack
from generator.pipeline.keys import LIBRARIES
from generator.pipeline.manifest import alt, channel_values, job_name
from generator.pipeline.manifest import manifest as manifest_of
from generator.pipeline.plan import make_plan
from generator.site.build import _contents, _pairs


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    """A gallery with every method there is.

    It holds a pruned copy beside the network, a picture without a label, a broken one, and a class asked for by name
    that is the label too.
    """
    root = tmp_path_factory.mktemp("everything")
    few = {"rise": {"masks": 20}, "occlusion": {"window": 6, "stride": 4}}  # a few passes are enough here
    few["style-transfer"] = {"steps": 5, "size": 16}
    targets, styles = ["label", "rival", "class:bee"], [["one", "bare"]]
    options = tiny_gallery.lay(root, ["one"], preset="full", methods=few, targets=targets, styles=styles)
    tiny_gallery.draw(root / "images/bare.png", seed=8)
    (root / "images/broken.png").write_bytes(b"\x89PNG broken")
    content = yaml.safe_load(options.config.read_text())
    content["models"][0]["prune"] = [0.5]
    tiny_gallery.write(options.config, content)
    report, _ = tiny_gallery.run(options)
    assert set(report.failures) == {"broken"}
    return options


@pytest.fixture(scope="module")
def plan(everything):
    with everything.pool(0) as pool:
        return make_plan(everything, pool, everything.store)


@pytest.fixture(scope="module")
def made(plan, everything):
    """The manifest, as what can be read from its file, and the files it names."""
    described, files = manifest_of(
        _contents(plan, {}, _pairs(plan, everything.store), everything.store), everything.store
    )
    return json.loads(json.dumps(described, allow_nan=False)), files


@pytest.fixture(scope="module")
def manifest(made):
    return made[0]


@pytest.fixture(scope="module")
def schema(repository):
    return json.loads((repository / "generator/pipeline/manifest.schema.json").read_text())


def test_the_manifest_is_what_its_schema_says(manifest, schema):
    jsonschema.Draft202012Validator.check_schema(schema)
    problems = sorted(jsonschema.Draft202012Validator(schema).iter_errors(manifest), key=lambda error: error.json_path)
    assert [f"{error.json_path}: {error.message[:200]}" for error in problems[:5]] == []
    assert (manifest["format"], manifest["version"]) == ("innerview-manifest", MANIFEST_VERSION)


@pytest.mark.parametrize("part", ["models", "methods", "images", "figures", "predictions", "comparisons"])
def test_the_schema_names_every_field_and_refuses_what_lacks_one(part, manifest, schema):
    described = schema["properties"][part]["items"]
    if "$ref" in described:
        described = schema["$defs"][described["$ref"].rpartition("/")[2]]
    entry = manifest[part][0]
    assert set(entry) == set(described["properties"])
    lists = {name: [] for name, value in manifest.items() if isinstance(value, list)}
    for name in described["required"]:
        lacking = {key: value for key, value in entry.items() if key != name}
        with pytest.raises(jsonschema.ValidationError, match=f"'{name}' is a required property"):
            jsonschema.validate({**manifest, **lists, part: [lacking]}, schema)


def test_every_job_has_its_figure_once(manifest, plan, everything):
    ids = [figure["id"] for figure in manifest["figures"]]
    assert len(set(ids)) == len(ids)
    jobs = {job_name(job, everything.store.get(job.key)) for task in plan.tasks for job in task.jobs}
    assert set(ids) == jobs
    # What only networks have whose training left checkpoints, or with tokens, or with attention layers.
    kept = {"epochs", "first_kernels", "token_grid", "attention"}
    expected = {slug for slug, card in plan.cards.items() if not kept & set(card.inputs)}
    assert {figure["method"] for figure in manifest["figures"]} == expected, "every method there is"


def test_a_class_asked_for_by_name_that_is_the_label_too_is_one_figure(manifest):
    mine = [f for f in manifest["figures"] if (f["model"], f["image"], f["method"]) == ("mine", "one", "saliency")]
    assert len(mine) == 2 and [figure["target"]["role"] for figure in mine] == ["label", "rival"]


def test_every_file_it_names_is_one_that_is_laid(made, everything):
    manifest, files = made
    laid = {file.path: file.digest for file in files}
    parts = ("file", "thumb", "map", "animation")
    named = {figure[part] for figure in manifest["figures"] for part in parts if figure[part]}
    named |= {image[part] for image in manifest["images"] for part in ("photo", "thumb")}
    named |= {path for pair in manifest["comparisons"] for path in pair["files"].values()}
    named |= {one["sheet"]["file"] for one in manifest["probes"] if one["sheet"]}
    assert named == set(laid)
    for figure in manifest["figures"]:
        assert figure["status"] != "drawn" or laid[figure["file"]] == figure["digest"]
    for digest in set(laid.values()):
        everything.store.read(digest)


def test_names_can_be_read_back_and_say_what_the_figure_is_of(manifest):
    for figure in manifest["figures"]:
        parts = parse_figure_name(figure["id"])
        assert (parts["model"], parts["image"], parts["method"]) == (figure["model"], figure["image"], figure["method"])
        assert parts["layer"] == (layer_slug(figure["layer"]) if figure["layer"] else "")
        assert parts["target"] == (slug(figure["target"]["name"]) if figure["target"] else "")
        assert figure["page"] == f"{figure['id']}.html"


def test_what_has_nothing_to_say_gives_its_reason(manifest):
    status = {figure["status"] for figure in manifest["figures"]}
    assert {"drawn"} <= status <= {"drawn", "inapplicable"}
    for figure in manifest["figures"]:
        if figure["status"] == "drawn":
            assert figure["reason"] == "" and figure["file"] and figure["alt"]
            assert figure["keys"].keys() == {"array", "picture"} and re.fullmatch("[0-9a-f]{64}", figure["digest"])
        else:
            assert figure["reason"] and figure["file"] == "" and figure["keys"] == {}


def test_a_picture_that_cannot_be_read_stands_in_it(manifest):
    (broken,) = manifest["unreadable"]
    assert broken["id"] == "broken" and broken["reason"].startswith("broken.png: expected")
    assert {image["id"] for image in manifest["images"]} == {"one", "bare"}


def test_every_layer_of_a_network_is_drawn_for_every_image(manifest):
    for model in manifest["models"]:
        layers = [layer["name"] for layer in model["layers"] if layer["kind"] != "identity"]
        for image in ("one", "bare"):
            drawn = [f for f in manifest["figures"] if (f["model"], f["image"]) == (model["slug"], image)]
            assert [f["layer"] for f in drawn if f["method"] == "activations"] == layers


def test_predictions_hold_the_labels_probability(manifest, plan, everything):
    found = {(entry["model"], entry["image"]): entry for entry in manifest["predictions"]}
    assert set(found) == {(card.slug, image) for card in plan.models for image in ("one", "bare")}
    answers = ("activations", "probabilities")
    jobs = {(job.model, job.image): job for t in plan.tasks for job in t.jobs if (job.method, job.layer) == answers}
    assert set(jobs) == set(found)
    for task in plan.tasks:
        if task.example is None:
            continue
        entry = found[task.card.slug, task.image]
        record = everything.store.get(jobs[task.card.slug, task.image].key)
        values = unpack(everything.store.read(record["payloads"]["arrays"]))["map"][0]
        assert sum(values) == pytest.approx(1)
        assert [one["probability"] for one in entry["top"]] == sorted(values.tolist(), reverse=True)
        if task.image == "bare":
            assert (entry["label"], entry["label_probability"], entry["correct"]) == ("", None, None)
        else:
            assert entry["label_probability"] == values[task.card.classes.index("bee")]
            assert entry["correct"] == (entry["top"][0]["name"] == "bee")


def test_it_tells_no_time_no_place_and_no_measure_of_this_machine(manifest, everything):
    text = json.dumps(manifest)
    assert str(everything.root) not in text and "passes_seconds" not in text
    assert not {"path", "cached", "seconds", "time"} & {
        key for part in ("images", "models") for key in manifest[part][0]
    }
    assert set(manifest["generator"]) == {"innerview", *LIBRARIES}


def test_channels_have_their_statistics(manifest, everything):
    drawn = [f for f in manifest["figures"] if (f["model"], f["image"], f["layer"]) == ("mine", "one", "2")]
    values = channel_values(next(f for f in drawn if f["method"] == "activations"), everything.store)
    assert {name: len(one) for name, one in values.items()} == {"max": 4, "mean": 4, "zeros": 4}
    assert all(0 <= share <= 1 for share in values["zeros"])
    cam = next(f for f in manifest["figures"] if f["method"] == "cam" and f["status"] == "drawn")
    assert channel_values(cam, everything.store) is None
    assert channel_values({"keys": {}}, everything.store) is None


META = {"shape": [1, 4, 4], "range": [0.0, 2.0], "peak": [0.1, 0.9]}
ALT = [
    (META, "Saliency of layer relu for bee, A bee: strongest at the top right"),
    ({**META, "peak": [0.5, 0.5]}, "Saliency of layer relu for bee, A bee: strongest in the centre"),
    ({**META, "range": [1.5, 1.5]}, "Saliency of layer relu for bee, A bee: the same value everywhere, 1.5"),
    ({**META, "signed": True}, "Saliency of layer relu for bee, A bee: 1 channels, values from 0 to 2"),
]


@pytest.mark.parametrize(("meta", "expected"), ALT)
def test_the_text_for_those_who_do_not_see_it_comes_from_the_array(plan, meta, expected):
    task = next(task for task in plan.tasks if task.example)
    task = replace(task, example=replace(task.example, title="A bee"))
    job = Job("mine", "one", "saliency", "relu", "label")
    assert alt(job, task, plan.cards["saliency"], meta, {"name": "bee"}) == expected


def test_a_name_before_and_after_its_class_is_known():
    job = Job("mine", "one", "cam", "layer4.relu@2", "class:Bull mastiff")
    assert job_name(job, None) == "mine/one/cam--layer4.relu@2--class-bull-mastiff"
    done = {"target": {"name": "Bull mastiff", "slug": "bull-mastiff"}}
    assert job_name(replace(job, target="label"), done) == job_name(job, None)
    assert job_name(replace(job, target="rival"), None) == figure_name("mine", "one", "cam", "layer4.relu@2", "rival")
