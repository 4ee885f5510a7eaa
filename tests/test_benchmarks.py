"""What is said of speed is what was measured, and what it is compared with makes the same maps."""

import ast
import contextlib
import importlib
import json
import re
import subprocess
import sys

import numpy as np
import pytest
import tiny_gallery
import torch
from tiny_nets import loaded, outcomes, picture
from torch import nn
from torch.nn import functional as F

ROOT = __file__.rpartition("/tests/")[0]
sys.path.insert(0, ROOT)  # benchmarks are of the repository, not of the package

from benchmarks import gallery, latest, page  # noqa: E402
from benchmarks.rivals import CAMS, Rivals, save_figure, save_maps  # noqa: E402
from benchmarks.rows import Row  # noqa: E402

NAMES = latest.names()
TARGET = 4  # a class for which something speaks


# --- the rows -------------------------------------------------------------------------------------------


def test_a_row_clears_its_bar_or_does_not():
    assert Row("a", 1.25, "", 1.25).passed and not Row("a", 1.26, "", 1.25).passed
    assert Row("a", 30, "x", 30, lower=False).passed and not Row("a", 29, "x", 30, lower=False).passed
    assert Row("a", 7, "ms").passed, "without a bar"


@pytest.mark.parametrize("name", NAMES)
def test_a_benchmark_says_how_its_numbers_are_made_and_has_rows(name):
    text = (latest.HERE / f"{name}.py").read_text()
    docstring = ast.get_docstring(ast.parse(text))
    assert len(docstring.split("\n\n")[0].splitlines()) == 1 and len(docstring.split()) > 25
    assert re.search(r"^def rows\(\) -> Iterator\[Row\]:", text, re.MULTILINE)
    assert callable(importlib.import_module(f"benchmarks.{name}").rows)


def test_every_benchmark_starts_in_a_process_of_its_own():
    """There nothing else has imported torchvision, whose compiled operators do not fit a CPU-only torch."""
    script = "import importlib, sys\nfor name in sys.argv[1:]:\n    importlib.import_module(f'benchmarks.{name}')"
    names = ["rivals", "gpu", *NAMES]  # what only some of them import comes first
    done = subprocess.run([sys.executable, "-c", script, *names], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


def test_what_was_measured_last_has_its_form():
    known = json.loads(latest.FILE.read_text())
    assert set(known) == {"machine", "versions", "date", "rows"}
    assert known["machine"] and {"python", "torch"} <= set(known["versions"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", known["date"])
    assert {row["benchmark"] for row in known["rows"]} == set(NAMES), "run make bench"
    for row in known["rows"]:
        told = {key: row[key] for key in ("name", "value", "unit", "bar", "lower", "note")}
        assert row["passed"] == Row(**told).passed, row["name"]
        assert set(row) == {*told, "benchmark", "passed", "date"}


@pytest.mark.parametrize("name", page.PLACES)
def test_the_documents_show_what_was_measured_last(name):
    with open(f"{ROOT}/{name}") as file:
        text = file.read()
    assert page.filled(text, page.PLACES[name]) == text, "run make bench, or python -m benchmarks NAME"
    assert text.count("<!-- measured -->") == 1
    for row in latest.read()["rows"]:
        if page.PLACES[name] == "all":
            assert f"| {row['name']}" in text
            assert row["passed"] or "**not met**" in text


# --- the rivals -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tiny():
    """A network, its input, and the rivals with a copy of it."""
    torch.manual_seed(0)
    first = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2))
    second = nn.Sequential(nn.Conv2d(8, 12, 3, padding=1), nn.ReLU(inplace=True))
    model = nn.Sequential(first, second, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(48, 5)).eval()
    x = picture((3, 24, 24))
    return loaded(model, (3, 24, 24)), x, Rivals(model, "1.1")


def ours(tiny, slugs, target):
    net, x, _ = tiny
    found = outcomes(net, x, slugs, [f"class:{net.classes[target]}"])
    return {slug: outcome.value for (slug, _, _), outcome in found.items()}


def test_the_rivals_gradients_are_ours(tiny):
    _, x, rivals = tiny
    theirs = rivals.gradients(x, TARGET)
    found = ours(tiny, list(theirs), TARGET)
    for slug, values in theirs.items():
        values = values.sum(0) if slug == "gradient-x-input" else values
        assert np.allclose(values, found[slug][0].numpy(), atol=1e-6), slug
        assert np.abs(values).max() > 1e-3


def test_the_rivals_class_activation_maps_are_ours(tiny):
    _, x, rivals = tiny
    theirs = rivals.cams(x, TARGET)
    found = ours(tiny, list(theirs), TARGET)
    assert set(theirs) == {"grad-cam", *CAMS}
    for slug in ("grad-cam", "xgrad-cam", "hires-cam", "layer-cam"):  # of the others scale or sign differ
        large = F.interpolate(found[slug][:, None], x.shape[2:], mode="bilinear", align_corners=False)[0, 0].numpy()
        assert large.max() > 0, slug
        correlation = np.corrcoef(large.ravel(), theirs[slug].ravel())[0, 1]
        assert correlation > 0.999, (slug, correlation)
    assert all(values.shape == (24, 24) and np.isfinite(values).all() for values in theirs.values())


def test_the_rivals_see_the_layers_that_we_draw(tiny, tmp_path):
    net, x, rivals = tiny
    seen = rivals.activations(x)
    assert [tuple(values.shape[1:]) for name, values in seen.items() if name != "3"] == [
        (8, 24, 24),
        (8, 24, 24),
        (8, 12, 12),
        (12, 12, 12),
        (12, 12, 12),
        (12, 2, 2),
        (5,),
    ]
    save_figure(seen["0.0"], tmp_path / "figure.png")
    save_maps(rivals.gradients(x, TARGET), rivals.cams(x, TARGET), np.zeros((24, 24, 3), np.uint8), tmp_path)
    assert len(list(tmp_path.glob("*.png"))) == 1 + 5 + 6, "one file more for saliency, which is vanilla backprop's"


# --- the bare passes of a gallery -----------------------------------------------------------------------


def test_bare_passes_are_the_multiply_adds_of_those_that_a_gallery_makes(tmp_path):
    def counted(*methods):
        folder = tmp_path / "-".join(methods)
        options = tiny_gallery.lay(folder, ["one"], methods=list(methods), measures=[], targets=["label"])
        with contextlib.chdir(folder), pytest.MonkeyPatch.context() as patch:
            patch.syspath_prepend(folder)
            return gallery._counting(options)

    shared = counted("saliency")
    more = counted("saliency", "occlusion")
    more.subtract(shared)
    height, width = tiny_gallery.INPUT["size"]
    single = (27 * 4) * height * width + (36 * 6) * (height // 2) * (width // 2) + 6 * 3
    passes = 9 * 11 + 2  # a window of two by two pixels on ten by twelve, the picture, and that of the portion itself
    assert more["back"] == 0 and more["forward"] / single == pytest.approx(passes)
    assert shared["back"] >= single - 6 * 3
    rate = gallery.Passes(forward=2.0, back=3.0)
    assert rate.seconds({"forward": 5, "back": 7}) == 31
