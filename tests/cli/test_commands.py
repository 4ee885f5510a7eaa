"""The commands as a person or a program calls them: what they print, what they write, and their exit codes."""

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import pytest
import tiny_gallery
import torch
import yaml
from click.shell_completion import BashComplete
from click.testing import CliRunner
from repository import ROOT

from generator.__main__ import main
from generator.data.images import read_image
from generator.data.preprocess import normalise, photo
from generator.models.load import load
from generator.models.specs import WEIGHTS
from generator.pipeline.plan import make_plan

HERE = ["--workers", "0", "--device", "cpu"]


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    """A gallery that is drawn, without a site; not to be changed."""
    options = tiny_gallery.lay(tmp_path_factory.mktemp("mine"))
    tiny_gallery.run(options)
    return options


@pytest.fixture
def call(monkeypatch, gallery):
    """Run a command in the gallery's folder; its exit code, standard output and standard error."""

    def call(*arguments, folder=gallery.root):
        monkeypatch.chdir(folder)
        result = CliRunner().invoke(main, [str(argument) for argument in arguments])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.stdout, result.stderr

    return call


# --- help -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(main.commands))
def test_every_command_teaches_with_examples(name):
    text = CliRunner().invoke(main, [name, "--help"]).output
    assert len(re.findall(rf"^  innerview {name}\b", text, re.MULTILINE)) >= 2, "at least two ways to call it"
    command = main.commands[name]
    told = [one for one in command.params if isinstance(one, click.Option)]
    assert [one.name for one in told if not one.help] == []
    for example in re.findall(rf"^  innerview {name}\b(.*)$", text, re.MULTILINE):
        words = [word for word in example.split() if word.startswith("--")]
        known = {option for one in told for option in (*one.opts, *one.secondary_opts)}
        assert set(words) <= known, f"{example} uses what is not there"


def test_the_commands_stand_in_the_order_one_meets_them(call):
    code, out, _ = call("--help")
    places = [out.index(f"\n  {name} ") for name in main.commands]
    assert code == 0 and places == sorted(places)
    assert list(main.commands)[:3] == ["new", "build", "look"]


def test_the_version_is_told(call):
    code, out, _ = call("--version")
    assert code == 0 and re.fullmatch(r"innerview, version [\w.+]+\n", out)


def test_what_is_typed_is_completed():
    completion = BashComplete(main, {}, "innerview", "_INNERVIEW_COMPLETE")

    def offers(*words):
        return [item.value for item in completion.get_completions([*words[:-1]], words[-1])]

    assert offers("se") == ["serve"]
    assert offers("look", "--preset", "q") == ["quick"]
    assert offers("build", "--model", "vgg-c") == ["vgg-cifar10"]
    assert {"alexnet", "zfnet"} <= set(offers("look", "--model", ""))


def test_help_version_and_completion_load_nothing_that_computes():
    code = """if True:
        import os, sys
        from generator.cli.main import main
        main(["--version"], standalone_mode=False)
        main(["--help"], standalone_mode=False)
        main(["build", "--help"], standalone_mode=False)
        os.environ |= {"_INNERVIEW_COMPLETE": "zsh_complete", "COMP_WORDS": "innerview look --p", "COMP_CWORD": "2"}
        try:
            main(prog_name="innerview")
        except SystemExit:
            print("loaded:", *sorted({name.partition(".")[0] for name in sys.modules}))
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    *_, last = done.stdout.splitlines()
    assert last.startswith("loaded: ") and "\n--preset\n" in done.stdout
    slow = {"numpy", "PIL", "pydantic", "rich", "torch", "yaml", "jinja2", "mkdocs"}
    assert slow & set(last.split()) == set()


# --- one clear line ---------------------------------------------------------------------------------

WRONG = [
    (["build", "--config", "none.yml"], "none.yml: configuration file not found"),
    (["build", "--method", "salience", *HERE], "--method 'salience': no such method; did you mean 'saliency'?"),
    (["build", "--image", "tow", *HERE], "image 'tow': no picture in images has this id; did you mean 'two'?"),
    (["build", "--model", "alexnett", *HERE], "--model: no network is called 'alexnett': expected alexnet"),
    (["plan", "--method", "x", *HERE], "--method 'x': no such method"),
    (["show", "mine/one", *HERE], "'mine/one' is not a figure's name: expected <model>/<image>/<method>"),
    (["show", "mine/one/cam--class-dog", *HERE], "mine/one/cam--class-dog: the gallery has no such figure"),
    (["show", "mine/three/cam", *HERE], "image 'three': no picture in images has this id"),
    (["evaluate", "--data", "nowhere", "--device", "cpu"], "nowhere: expected a folder per class"),
    (["evaluate", "--model", "vgg", "--data", "images"], "no network is called 'vgg'"),
    (["train", "--data", "images", "--device", "cpu"], "images: expected train/<class>/ and test/<class>/"),
]


@pytest.mark.parametrize(
    ("arguments", "line"), WRONG, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_a_mistake_is_one_line_and_exit_code_2(call, arguments, line):
    code, out, err = call(*arguments)
    assert (code, out) == (2, "")
    (told,) = err.splitlines()
    assert told.startswith("innerview: ") and line in told


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
@pytest.mark.parametrize(
    ("arguments", "unbuffered"),
    [(["--help"], ""), (["--help"], "1"), (["schema", "gallery"], ""), (["schema", "gallery"], "1"), (["plan"], "")],
)
def test_a_full_disk_is_one_line(gallery, arguments, unbuffered):
    arguments = [*arguments, *HERE] if arguments == ["plan"] else arguments
    full = os.open("/dev/full", os.O_WRONLY)
    assert written_to(full, gallery.root, arguments, unbuffered) == (
        2,
        "innerview: standard output: No space left on device\n",
    )


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", [["--help"], ["schema", "gallery"]])
def test_a_reader_that_left_needs_no_line(gallery, arguments, unbuffered):
    reading, writing = os.pipe()
    os.close(reading)
    assert written_to(writing, gallery.root, arguments, unbuffered) == (1, "")


def written_to(output, folder, arguments, unbuffered):
    """The exit code of a command that writes to a descriptor, which is closed then, and its standard error."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": unbuffered}
    command = [sys.executable, "-m", "generator", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, stdout=output, stderr=subprocess.PIPE, text=True)
    os.close(output)
    return done.returncode, done.stderr


def test_a_word_that_is_no_choice_is_answered_with_the_choices(call):
    code, out, err = call("train", "--recipe", "x", "--data", "images")
    assert (code, out) == (2, "") and err.endswith("'x' is not one of 'vgg-cifar10', 'imagenette'.\n")


def test_a_wrong_option_is_bad_usage(call):
    assert call("build", "--presets", "quick")[0] == 2
    assert call("build", "--preset", "huge")[0] == 2
    assert call("look")[0] == 2


def test_a_mistake_in_the_configuration_names_file_and_key(call, tmp_path):
    options = tiny_gallery.lay(tmp_path)
    content = yaml.safe_load(options.config.read_text())
    tiny_gallery.write(options.config, content | {"metods": ["cam"]})
    code, _, err = call("build", *HERE, folder=tmp_path)
    assert (code, err) == (2, "innerview: gallery.yml: metods: unknown key; did you mean 'methods'?\n")
    tiny_gallery.write(options.config, content | {"targets": ["class:bea"]})
    code, _, err = call("build", *HERE, folder=tmp_path)
    assert (code, err) == (2, "innerview: target 'class:bea': no network here knows this class; did you mean 'bee'?\n")


# --- build, plan, check -----------------------------------------------------------------------------


def test_a_build_tells_what_it_did(call, tmp_path):
    options = tiny_gallery.bundled(tmp_path)
    code, out, err = call("build", "--no-site", *HERE, folder=tmp_path)
    assert (code, out) == (0, "5 figures: rendered 5, reused 0.\n")
    assert err == "Rendering 5 figures\n"
    code, out, err = call("build", "--no-site", *HERE, folder=tmp_path)
    assert (code, out, err) == (0, "Nothing changed: 5 figures are up to date.\n", "")
    (options.root / "images/broken.png").write_bytes(b"")
    code, out, err = call("build", "--no-site", *HERE, folder=tmp_path)
    assert (code, out) == (1, "5 figures: rendered 0, reused 5, 1 failed.\n")
    assert re.search(r"^failed  broken: broken\.png: expected ", err, re.MULTILINE)
    summary = json.loads((tmp_path / ".innerview/build.json").read_text())
    assert set(summary["failures"]) == {"broken"}


def test_a_plan_tells_what_is_in_store_and_what_the_rest_costs(call):
    code, out, _ = call("plan", "--json", *HERE)
    (row,) = json.loads(out)["models"]
    assert (code, row["model"], row["images"], row["seconds"]) == (0, "mine", 2, 0)
    assert row["in_store"] == row["figures"] > 20
    code, out, _ = call("plan", "--json", "--preset", "full", "--method", "smoothgrad", *HERE)
    (row,) = json.loads(out)["models"]
    assert (row["in_store"], row["figures"]) == (2, 6), "the probabilities are there, smoothgrad is not"
    assert row["passes"] >= 2 * 2 * 50 and row["seconds"] > 0
    code, out, _ = call("plan", *HERE)
    assert code == 0 and out.split()[:3] == ["model", "images", "figures"]


def test_a_plan_names_what_cannot_be_used(call, tmp_path):
    options = tiny_gallery.lay(tmp_path, ["one"])
    (options.root / "images/broken.png").write_bytes(b"")
    code, out, err = call("plan", "--json", *HERE, folder=tmp_path)
    assert code == 1 and set(json.loads(out)["failed"]) == {"broken"}
    code, _, err = call("plan", *HERE, folder=tmp_path)
    assert code == 1 and "failed  broken" in err


def test_a_check_finds_and_removes_what_is_damaged(call, tmp_path):
    options = tiny_gallery.bundled(tmp_path)
    tiny_gallery.run(options)
    code, out, err = call("check", *HERE, folder=tmp_path)
    assert code == 1 and out == "configuration: no problems\nimages: no problems\nstore: no problems\n"
    assert err == "note  site: site: not built yet\n"
    victim = next(path for path in (options.store.folder / "payloads").glob("??/*"))
    content = victim.read_bytes()
    victim.unlink()
    victim.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    (tmp_path / "images/broken.png").write_bytes(b"")
    code, out, err = call("check", *HERE, folder=tmp_path)
    assert code == 1 and f"store: {victim.name[:12]} was damaged and is removed" in err
    assert "images: broken.png: expected" in err
    (tmp_path / "images/broken.png").unlink()
    code, out, _ = call("build", "--no-site", *HERE, folder=tmp_path)
    assert (code, victim.read_bytes()) == (0, content), "drawn again by the next build, though no input changed"


def test_a_check_counts_the_figures_that_failed(call, built_site, tmp_path):
    tiny_gallery.bundled(tmp_path)
    shutil.copytree(built_site, tmp_path / "site")
    code, out, err = call("check", *HERE, folder=tmp_path)
    figures = json.loads((built_site / "gallery/manifest.json").read_text())["figures"]
    failed = [figure for figure in figures if figure["status"] == "failed"]
    assert code == 0 and "site: no problems" in out, "what failed is the build's to answer for"
    line = f"figures: {len(failed)} of {len(figures)} failed, first: {failed[0]['id']}: {failed[0]['reason']}"
    assert len(failed) > 1 and line in err
    manifest = json.loads((tmp_path / "site/gallery/manifest.json").read_text())
    manifest["figures"] = [figure for figure in manifest["figures"] if figure["status"] != "failed"]
    (tmp_path / "site/gallery/manifest.json").write_text(json.dumps(manifest))
    _, out, err = call("check", *HERE, folder=tmp_path)
    assert f"figures: none of {len(manifest['figures'])} failed" in out and "first:" not in err


# --- show -------------------------------------------------------------------------------------------


def test_the_array_of_vanilla_backprop_is_the_gradient_itself(call, gallery, tmp_path):
    code, out, _ = call("show", "mine/one/vanilla-backprop--class-bee", "--array", tmp_path / "g.npy", "--json", *HERE)
    told = json.loads(out)
    assert (code, told["array from"], told["target"]["role"]) == (0, "the store", "label")
    with gallery.pool(0) as pool:
        plan = make_plan(gallery, pool, gallery.store)
    task = next(task for task in plan.tasks if task.image == "one")
    model, card = load(task.network).model, task.card
    x = torch.from_numpy(normalise(photo(task.example, card.input), card.input)).requires_grad_()
    (gradient,) = torch.autograd.grad(model(x)[0, card.classes.index("bee")], x)
    found = np.load(tmp_path / "g.npy")
    assert found.dtype == np.float32 and np.array_equal(found, gradient.numpy()) and found.any()


def test_activations_are_computed_again_and_it_says_so(call, gallery, tmp_path):
    files = ["--array", tmp_path / "without-suffix", "--csv", tmp_path / "values.csv"]
    code, out, _ = call("show", "mine/one/activations--2", *files, *HERE)
    assert code == 0 and "array from   computed again: the store keeps 8 bits of activations" in out
    found = np.load(tmp_path / "without-suffix")
    assert (found.shape, found.dtype) == ((1, 4, 10, 12), np.float32)
    assert len(np.unique(found)) > 256, "these are not the 8 bits of the picture"
    head, *lines = (tmp_path / "values.csv").read_text().splitlines()
    assert (head, len(lines)) == ("channel,row,column,value", found.size)
    assert lines[10 * 12 + 2 * 12 + 5].startswith("1,2,5,")
    assert np.float32(lines[10 * 12 + 2 * 12 + 5].split(",")[3]) == found[0, 1, 2, 5]


def test_what_is_not_drawn_yet_is_computed(call, tmp_path):
    tiny_gallery.lay(tmp_path, ["one"])
    name = "mine/one/cam--class-bee"
    code, out, _ = call(
        "show", f"{name}".replace("cam", "cam--5"), "--array", tmp_path / "cam.npy", *HERE, folder=tmp_path
    )
    assert code == 0 and np.load(tmp_path / "cam.npy").shape == (1, 5, 6)
    assert "image digest" in out and "weights" in out


def test_showing_without_the_array_asks_no_worker(call, monkeypatch, tmp_path):
    options = tiny_gallery.bundled(tmp_path)
    tiny_gallery.run(options)
    with tiny_gallery.without_torch(monkeypatch):
        code, out, _ = call("show", "vgg-cifar10/frog/activations--probabilities", *HERE, folder=tmp_path)
    assert code == 0 and "method       Activations" in out


def test_filters_belong_to_the_model(call, tmp_path):
    code, out, _ = call("show", "mine/model/filters--0", "--array", tmp_path / "w.npy", "--json", *HERE)
    assert code == 0 and json.loads(out)["image"] == ""
    assert np.load(tmp_path / "w.npy").shape == (4, 3, 3, 3)


# --- look -------------------------------------------------------------------------------------------


def test_a_look_is_a_gallery_of_these_pictures(call, tmp_path):
    for name in ("a b.png", "A-b.PNG", "model.png"):
        tiny_gallery.draw(tmp_path / name)
    wishes = ["--model", "vgg-cifar10", "--target", "ship", "--preset", "quick", "--out", tmp_path / "out"]
    photos = [tmp_path / name for name in ("a b.png", "A-b.PNG", "model.png")]
    code, out, err = call("look", *photos, *wishes, *HERE, folder=tmp_path)
    assert code == 0, err
    assert out.splitlines()[-1] == f"Open {tmp_path / 'out/site/index.html'} in a browser."
    assert f"View it: innerview serve --config {tmp_path / 'out/gallery.yml'}\n" in out
    assert "changed while the gallery was built" not in out + err
    manifest = json.loads((tmp_path / "out/site/gallery/manifest.json").read_text())
    assert [image["id"] for image in manifest["images"]] == ["a-b", "a-b-2", "model-2"]
    assert {figure["target"]["name"] for figure in manifest["figures"] if figure["target"]} == {"ship"}
    assert manifest["shares"] == [], "nobody shares the address of a file"
    wishes[3] = "shib"
    code, out, err = call("look", tmp_path / "a b.png", *wishes, *HERE)
    assert (code, err) == (
        2,
        "innerview: target 'class:shib': no network here knows this class; did you mean 'ship'?\n",
    )


def test_a_look_at_a_dog_names_its_breed(call, tmp_path, repository):
    photo = repository / "images" / "photos" / "german-shepherd.jpg"
    code, _, err = call("look", photo, "--out", tmp_path / "out", "--preset", "forward", *HERE, folder=tmp_path)
    assert code == 0, err
    manifest = json.loads((tmp_path / "out/site/gallery/manifest.json").read_text())
    (prediction,) = manifest["predictions"]
    assert (prediction["model"], prediction["image"]) == ("efficientnet-lite0", "german-shepherd")
    assert prediction["top"][0]["name"] == "German shepherd" and prediction["top"][0]["probability"] > 0.9


TOWERS = """
import torch
from generator.models.built import Built
from generator.types import Input

def net():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Conv2d(3, 6, 4, 4), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())

def tower():
    return Built(net(), "A tower", Input((3, 16, 16), (0.5,) * 3, (0.25,) * 3), ())
"""


def test_a_look_takes_text_vectors_and_what_the_gallery_here_calls_a_model(call, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    tiny_gallery.draw(tmp_path / "a.png")
    (tmp_path / "look_towers.py").write_text(TOWERS)
    vectors = np.random.default_rng(0).normal(size=(3, 6)).astype("f4")
    np.savez(tmp_path / "words.npz", **dict(zip(("a tower", "a frog", "a teapot"), vectors, strict=True)))
    np.savez(tmp_path / "narrow.npz", frog=vectors[0, :4])
    models = "[{name: mine, source: 'look_towers:tower', text: other.npz, images: [none]}]"
    (tmp_path / "gallery.yml").write_text(f"models: {models}")
    wishes = ["a.png", "--out", "out", "--preset", "forward", "--no-open", *HERE]
    for model, text, line in (
        ("look_towers:tower", "narrow.npz", "text: narrow.npz: expected vectors of 6 values, as the embedding has"),
        ("mine", "", "mine: text: other.npz: cannot be read: No such file"),
        ("mine", "words.txt", "text.vectors: expected a file of vectors (.npy, .npz, .safetensors, .pt)"),
        ("resnet18", "words.npz", "the networks of torchvision:resnet18 have classes of their own"),
    ):
        code, _, err = call("look", *wishes, "--model", model, "--text", text, folder=tmp_path)
        assert code == 2 and line in err and len(err.splitlines()) == 1, err
    code, _, err = call("look", *wishes, "--model", "mine", "--text", "words.npz", folder=tmp_path)
    assert code == 0, err
    (prediction,) = json.loads((tmp_path / "out/site/gallery/manifest.json").read_text())["predictions"]
    tower = importlib.import_module("look_towers").tower()
    x = torch.from_numpy(normalise(photo(read_image(tmp_path / "a.png"), tower.input), tower.input))
    similarity = torch.nn.functional.cosine_similarity(tower.model(x), torch.from_numpy(vectors))
    by_hand = dict(zip(("a tower", "a frog", "a teapot"), (100 * similarity).softmax(0).tolist(), strict=True))
    assert {entry["name"]: entry["probability"] for entry in prediction["top"]} == pytest.approx(by_hand, abs=1e-4)


def test_a_look_does_not_write_over_other_things(call, gallery, tmp_path):
    tiny_gallery.draw(tmp_path / "a.png")
    before = gallery.config.read_bytes()
    code, _, err = call("look", tmp_path / "a.png", "--out", gallery.root, *HERE)
    assert code == 2 and "expected an empty folder or one of an earlier look" in err
    assert gallery.config.read_bytes() == before
    code, _, err = call("look", tmp_path, "--out", tmp_path / "new", *HERE)
    assert code == 2 and "expected a picture file" in err


# --- evaluate and train -----------------------------------------------------------------------------


@pytest.fixture
def labelled(tmp_path):
    """A few pictures per class, for learning and for testing."""
    for split in ("train", "test"):
        for index, name in enumerate(("cat", "ship")):
            (tmp_path / split / name).mkdir(parents=True)
            for number in range(3):
                tiny_gallery.draw(tmp_path / split / name / f"{number}.png", seed=10 * index + number, size=(32, 32))
    return tmp_path


def test_evaluate_measures(call, labelled):
    code, out, _ = call("evaluate", "--data", labelled, "--device", "cpu", "--json")
    found = json.loads(out)
    assert code == 0 and set(found) == {"accuracy", "top5", "loss", "images", "classes"}
    assert (found["images"], found["classes"]) == (6, 2)
    assert 0 <= found["accuracy"] <= found["top5"] <= 1
    code, out, _ = call("evaluate", "--data", labelled, "--device", "cpu", "--model", "vgg-cifar10~pruned-50")
    assert code == 0 and re.fullmatch(r"6 images: top-1 \d+\.\d\d %, top-5 \d+\.\d\d %, loss \d+\.\d{4}\n", out)


def test_evaluate_keeps_a_curve_beside_the_weights(call, labelled):
    shutil.copy(WEIGHTS / "vgg-cifar10.safetensors", labelled / "mine.safetensors")
    wishes = ("--data", labelled, "--device", "cpu", "--weights", labelled / "mine.safetensors")
    code, out, told = call("evaluate", *wishes, "--sparsity", 0.5, "--sample", 4)
    kept = json.loads((labelled / "mine.pruning.json").read_text())
    assert code == 0 and out == f"Curve: {labelled / 'mine.pruning.json'}\n"
    assert [(point["scope"], point["sparsity"]) for point in kept["points"]] == [
        ("", 0),
        ("global", 0.5),
        ("layer", 0.5),
    ]
    assert "50 % pruned, per layer" in told
    code, _, told = call("evaluate", *wishes, "--sparsity", 1)
    assert code == 2 and "0<x<1" in told


def test_evaluate_keeps_statistics_of_channels_beside_the_weights(call, labelled):
    shutil.copy(WEIGHTS / "vgg-cifar10.safetensors", labelled / "mine.safetensors")
    wishes = ("--data", labelled, "--device", "cpu", "--weights", labelled / "mine.safetensors")
    code, out, _ = call("evaluate", *wishes, "--channels")
    kept = json.loads((labelled / "mine.statistics.json").read_text())
    assert code == 0 and out.endswith(f"Statistics: {labelled / 'mine.statistics.json'}\n")
    assert out.startswith(f"{kept['images']} images: top-1 {100 * kept['correct'] / kept['labelled']:.2f} %")
    code, _, told = call("evaluate", "--model", "efficientnet-lite0", "--channels")
    assert code == 2 and "name a folder per class with --data" in told


@pytest.mark.parametrize(
    ("labelled", "words"),
    [
        (3, "3 images: top-1 33.33 %"),
        (2, "3 images, 2 of them in folders of the network's classes: top-1 50.00 %"),
        (0, "3 images, none of them in a folder of the network's classes: no accuracy"),
    ],
)
def test_the_accuracy_of_evaluate_is_over_the_images_that_have_a_class(labelled, words):
    from generator.cli import evaluate

    assert evaluate._accuracy({"images": 3, "labelled": labelled, "correct": min(1, labelled)}) == words


def test_train_hands_its_wishes_on(call, labelled, monkeypatch):
    asked = {}

    def train(recipe, data, out, *, report, **more):
        asked.update(recipe=recipe, data=data, out=out, **more)
        return out

    monkeypatch.setattr("generator.training.train.train", train)
    code, out, _ = call("train", "--data", labelled, "--epochs", 2, "--seed", 5, "--device", "cpu", "--resume")
    assert code == 0 and "vgg-cifar10.safetensors" in out and "vgg-cifar10.json" in out
    assert asked.pop("out").name == "vgg-cifar10.safetensors"
    assert asked == {"recipe": "vgg-cifar10", "data": labelled, "epochs": 2, "seed": 5, "device": "cpu", "resume": True}


def test_a_look_opens_the_report_of_its_only_image_where_someone_asks_for_it(call, tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr(click, "launch", opened.append)
    tiny_gallery.draw(tmp_path / "a.png")
    wishes = ["--model", "vgg-cifar10", "--preset", "forward", "--out", tmp_path / "out"]
    assert call("look", tmp_path / "a.png", *wishes, *HERE, folder=tmp_path)[0] == 0
    assert opened == [], "nobody sits at a terminal"
    assert call("look", tmp_path / "a.png", *wishes, "--open", *HERE, folder=tmp_path)[0] == 0
    assert opened == [(tmp_path / "out/site/gallery/vgg-cifar10/a/index.html").as_uri()]
