"""Measures of maps: against hand-computed curves, slow derivations, and what was published of controls."""

import json
from dataclasses import replace

import numpy as np
import pytest
import tiny_gallery
import tiny_nets
import torch
import yaml
from PIL import Image
from torch import nn

from generator.analysis import method_ranking
from generator.analysis.bootstrap import difference, standings
from generator.analysis.evidence import Bench
from generator.analysis.evidence_tasks import Subject
from generator.analysis.measure_registry import INPUTS, MEASURES, card, load_measures
from generator.analysis.measures.controls import CONTROLS
from generator.analysis.measures.pixel_order import strongest_first
from generator.analysis.measures.rank_correlation import ranks, spearman
from generator.core.errors import ConfigError, NotApplicable
from generator.core.records import Input, Job, Network
from generator.data.datasets import folder_per_class
from generator.data.images import read_images
from generator.data.preprocess import inside
from generator.engine.baselines import blurred
from generator.engine.model_card import describe
from generator.engine.scene import SceneRequest
from generator.models.specs import RANKING
from generator.models.weights import keep_beside
from generator.models.weights import ranking as ranking_beside

load_measures()


class Weighed(nn.Module):
    """Linear, then softmax: class 1 counts pixels by known weights, class 0 stands at zero."""

    def __init__(self, weights):
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 1, bias=False)
        self.fc = nn.Linear(weights.numel(), 2, bias=False)
        with torch.no_grad():
            self.conv.weight.fill_(1.0)
            self.fc.weight.copy_(torch.stack([torch.zeros(weights.numel()), weights.flatten()]))

    def forward(self, x):
        return self.fc(self.conv(x).flatten(1))


def bench_of(net, x, symbol="class:bee", **parameters):
    return Bench(net, SceneRequest(describe(net), x, (), "", parameters, 4), symbol, tiny_nets.CARDS)


def weighed(weights, x):
    net = tiny_nets.loaded(Weighed(weights), (1, *weights.shape), classes=("ant", "bee"))
    return bench_of(net, x)


def measured(bench, slug, heatmap, subject=None, **parameters):
    return bench.measure(slug, subject or Subject("map"), heatmap, parameters)


WEIGHTS = torch.tensor([[3.0, -1.0], [0.5, 2.0]])


def test_deletion_is_the_curve_one_computes_by_hand():
    x = torch.ones(1, 1, 2, 2)
    found = measured(weighed(WEIGHTS, x), "deletion", WEIGHTS, steps=4)
    logits = [4.5, 1.5, -0.5, -1.0, 0.0]  # 3, then 2, then 0.5, then -1 is taken away
    curve = [1 / (1 + np.exp(-logit)) for logit in logits]
    assert found["curve"] == pytest.approx(curve, abs=1e-5)
    assert found["score"] == pytest.approx(np.trapezoid(curve, dx=0.25), abs=1e-5)


def test_insertion_is_the_curve_one_computes_by_hand():
    x = torch.tensor([[[[1.0, 0.0], [0.0, 1.0]]]])
    found = measured(weighed(WEIGHTS, x), "insertion", WEIGHTS, steps=4, blur=0.5)  # sigma is one pixel
    near = np.exp(-0.5) / (1 + np.exp(-0.5))  # the weight of the neighbour beside one's own
    soft = (1 - near) ** 2 + near**2  # of both axes: from itself, and from the diagonal neighbour
    cross = 2 * near * (1 - near)
    pixels = np.array([soft, cross, cross, soft])  # row by row
    sharp, weights = np.array([1.0, 0, 0, 1]), WEIGHTS.flatten().numpy()
    curve = []
    for step in range(5):
        shown = pixels.copy()
        order = [0, 3, 2, 1][:step]  # 3, 2, 0.5, -1
        shown[order] = sharp[order]
        curve.append(1 / (1 + np.exp(-shown @ weights)))
    assert found["curve"] == pytest.approx(curve, abs=1e-5)
    assert found["score"] == pytest.approx(np.trapezoid(curve, dx=0.25), abs=1e-5)


def test_a_perfect_map_beats_the_random_control():
    generator = torch.Generator().manual_seed(5)
    weights = torch.randn(12, 12, generator=generator)
    bench = weighed(weights, torch.ones(1, 1, 12, 12))
    random = [torch.rand(12, 12, generator=generator) for _ in range(5)]
    for slug, sign in (("deletion", 1), ("insertion", -1)):
        # Inserting sharp pixels into a picture of ones changes nothing: there the picture has to have structure.
        on = bench if slug == "deletion" else weighed(weights, torch.randn(1, 1, 12, 12, generator=generator))
        best = weights if slug == "deletion" else (on.x[0, 0] - blurred(on.x, 1.5)[0, 0]) * weights
        scores = [sign * measured(on, slug, one)["score"] for one in random]
        assert sign * measured(on, slug, best)["score"] < min(scores)


def test_a_blur_keeps_what_is_flat_and_forgets_no_edge():
    x = tiny_nets.picture((3, 9, 12))
    assert torch.allclose(blurred(torch.full_like(x, 0.7), 2.0), torch.full_like(x, 0.7))
    far = blurred(x, 1000.0)
    assert torch.allclose(far, x.mean((2, 3), keepdim=True).expand_as(x), atol=1e-4)


def test_equal_values_are_ordered_by_chance_and_always_the_same():
    flat = strongest_first(torch.zeros(8, 8))
    assert torch.equal(flat, strongest_first(torch.ones(8, 8)))
    assert sorted(flat.tolist()) == list(range(64)) != flat.tolist()
    half = torch.zeros(8, 8)
    half[:, 4:] = 1
    assert set(strongest_first(half)[:32].tolist()) == {row * 8 + column for row in range(8) for column in range(4, 8)}


def test_rank_correlation_equals_a_slow_derivation():
    generator = torch.Generator().manual_seed(1)
    for _ in range(5):
        one, other = (torch.randint(0, 6, (5, 7), generator=generator).float() for _ in range(2))
        assert spearman(one, other) == pytest.approx(slow_spearman(one.flatten().tolist(), other.flatten().tolist()))
    assert ranks(torch.tensor([3.0, 1.0, 3.0])).tolist() == [2.5, 1.0, 2.5]
    assert spearman(one, one) == pytest.approx(1)
    assert spearman(one, -one) == pytest.approx(-1)
    assert spearman(one, torch.zeros(5, 7)) == 0.0


def slow_spearman(one, other):
    def rank(values):
        return [sum(v < value for v in values) + (sum(v == value for v in values) + 1) / 2 for value in values]

    return np.corrcoef(rank(one), rank(other))[0, 1]


# --- the network forgets ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bench():
    net = tiny_nets.tiny("in-place")
    return bench_of(net, tiny_nets.picture(net.input.size))


def job(method, layer=""):
    return Job("tiny", "picture", method, layer, "label")


def test_sobel_edges_pass_the_randomisation_test_as_badly_as_published(bench):
    edges = measured(bench, "randomisation", bench.control("sobel-edges"), Subject("sobel-edges"))
    assert edges["score"] == 1.0
    assert set(edges["curve"]) == {1.0}
    saliency = Subject("saliency", job("saliency"))
    bench.jobs = [saliency.job]
    found = measured(bench, "randomisation", bench.heatmaps([saliency.job])["saliency", ""], saliency)
    assert found["score"] < 0.9
    depth = sum(1 for layer in bench.loaded.model.modules() if list(layer.parameters(recurse=False)))
    assert (found["layers"][0], found["layers"][-1]) == (1, depth)


def test_the_network_is_as_it_was_after_its_layers_were_drawn_anew(bench):
    before = tiny_nets.fingerprint(bench.loaded.model)
    grad_cam = Subject("grad-cam", job("grad-cam", bench.card.default_layer))
    measured(bench, "randomisation", torch.zeros(bench.x.shape[-2:]), grad_cam)
    tiny_nets.assert_untouched(before, tiny_nets.fingerprint(bench.loaded.model))


def test_seeds_agree_the_more_the_more_samples_there_are(bench):
    subject = Subject("smoothgrad", job("smoothgrad"))
    found = {}
    for n in (2, 24):
        bench.parameters = {"smoothgrad": {"n": n, "sigma": 0.3}}
        found[n] = measured(bench, "seed-spread", bench.heatmaps([subject.job])["smoothgrad", ""], subject)["score"]
    assert 0 < found[2] < found[24] < 1
    with pytest.raises(NotApplicable, match="this method is deterministic"):
        measured(bench, "seed-spread", torch.zeros(1), Subject("saliency", job("saliency")))


def test_the_score_does_not_hang_on_how_many_samples_share_a_pass(bench):
    heatmap = bench.control("random-map")
    one = measured(bench, "deletion", heatmap)
    bench._samples.chunk = 1
    assert measured(bench, "deletion", heatmap)["curve"] == pytest.approx(one["curve"], abs=2e-5)


# --- where the thing is -------------------------------------------------------------------------------


def test_pointing_counts_hits_and_shares(bench):
    heatmap = torch.zeros(bench.x.shape[-2:])
    heatmap[2, 3], heatmap[5, 5] = 3.0, 1.0
    where = np.zeros(heatmap.shape, bool)
    where[:4, :6] = True
    bench.say_where(where)
    found = measured(bench, "pointing", heatmap)
    assert found == {"score": 1.0, "map on it": 0.75, "picture on it": round(24 / heatmap.numel(), 5)}
    bench.say_where(~where)
    assert measured(bench, "pointing", heatmap)["score"] == 0.0
    bench.say_where(None)
    with pytest.raises(NotApplicable, match="no box, no mask, no transparency"):
        measured(bench, "pointing", heatmap)


def test_boxes_masks_and_transparency_go_through_the_same_crop_as_the_photo(tmp_path):
    photo = Image.new("RGB", (40, 20), "red")
    photo.save(tmp_path / "boxed.png")
    photo.save(tmp_path / "masked.png")
    mask = Image.new("L", (40, 20))
    mask.paste(255, (10, 0, 20, 20))
    mask.save(tmp_path / "where.png")
    cut = photo.copy()
    cut.putalpha(mask)
    cut.save(tmp_path / "cut.png")
    listing = "images:\n- {file: boxed.png, box: [10, 0, 20, 20]}\n- {file: masked.png, mask: where.png}\n"
    (tmp_path / "images.yml").write_text(listing)
    examples, problems = read_images(tmp_path)
    assert [example.id for example in examples] == ["boxed", "masked", "cut"], "a mask is no picture of its own"
    assert not [problem for problem in problems if problem.kind == "failed"]
    crop = Input((3, 10, 10), (0.5,) * 3, (0.5,) * 3)
    expected = np.zeros((10, 10), bool)
    expected[:, :5] = True  # the middle half of the photo is seen, of which the thing is the left half
    for example in examples:
        assert np.array_equal(inside(example, crop), expected), example.id
    whole = inside(examples[0], Input((3, 10, 10), (0.5,) * 3, (0.5,) * 3, fit="pad"))
    assert whole.sum() < expected.sum()
    Image.new("L", (3, 3)).save(tmp_path / "where.png")
    (tmp_path / "images.yml").write_text("images:\n- {file: masked.png, mask: where.png}\n")
    assert "a mask as large as its picture, 40 x 20; it is 3 x 3" in read_images(tmp_path)[1][0].message
    (tmp_path / "images.yml").write_text("images:\n- {file: boxed.png, box: [10, 0, 50, 20]}\n")
    assert any("leads out of the picture, which is 40 x 20" in problem.message for problem in read_images(tmp_path)[1])
    (tmp_path / "images.yml").write_text("images:\n- {file: boxed.png, box: [20, 0, 10, 20]}\n")
    with pytest.raises(ConfigError, match="box: expected left, top, right and bottom"):
        read_images(tmp_path)


# --- the registry -------------------------------------------------------------------------------------


@pytest.mark.parametrize("slug", MEASURES)
def test_every_measure_says_what_it_does(slug):
    found = card(MEASURES[slug])
    assert found.summary and found.formula and found.reading and found.limits
    assert set(found.inputs) <= set(INPUTS)
    assert found.better in ("low", "high")


def test_every_control_says_what_it_is_and_is_as_large_as_the_input(bench):
    for slug, control in CONTROLS.items():
        assert control.summary, slug
        heatmap = bench.control(slug)
        assert heatmap.shape == bench.x.shape[-2:]
        assert torch.isfinite(heatmap).all()


def test_what_counts_in_a_map_follows_from_how_it_is_drawn():
    said = {slug: found.counts for slug, found in tiny_nets.CARDS.items()}
    assert (said["saliency"], said["grad-cam"], said["occlusion"], said["lrp"]) == ("value",) * 4
    assert (said["guided-backprop"], said["smoothgrad"], said["signed-gradient"]) == ("size",) * 3
    assert not said["evolution"], "it is of a network that learns anew, not of this one"
    assert not said["activations"] and not said["vanilla-backprop"] and not said["filters"]


# --- the order of methods -----------------------------------------------------------------------------


def test_an_order_calls_ties_ties():
    generator = np.random.default_rng(0)
    base = generator.normal(0.5, 0.2, 60)
    scores = {
        "good": list(base - 0.06 + generator.normal(0, 0.05, 60)),
        "twin": list(base - 0.06 + generator.normal(0, 0.05, 60)),
        "bad": list(base + generator.normal(0, 0.05, 60)),
    }
    found = {one.method: one for one in standings(scores, "low")}
    assert (found["good"].rank, found["twin"].rank, found["bad"].rank) == (1, 1, 3)
    assert found["good"].beats == ("bad",)
    assert found["good"].low < found["good"].mean < found["good"].high
    assert found["bad"].low < found["good"].high, "the intervals overlap: it is the pairs that tell them apart"
    assert [one.rank for one in standings(scores, "high")] == [1, 2, 2]
    assert standings(scores, "low") == standings(scores, "low"), "the bootstrap is seeded"


def test_too_few_images_claim_no_order_and_holes_are_left_out():
    few = standings({"a": [0.1, 0.2], "b": [0.9, 0.8]}, "low")
    assert [one.rank for one in few] == [0, 0]
    assert [one.method for one in few] == ["a", "b"]
    holes = {"a": [0.1] * 10 + [None] * 10, "b": [None] * 2 + [0.5] * 18, "never": [None] * 20}
    found = standings(holes, "low")
    assert [(one.method, one.rank, one.images) for one in found] == [("a", 1, 10), ("b", 2, 18)]
    assert difference({"a": [0.5, None]}, {"a": [0.2, 0.1]}) == {"a": [0.3, None]}


def test_the_interval_is_the_one_of_a_slow_bootstrap():
    values = list(np.random.default_rng(3).random(30))
    (one,) = standings({"a": values}, "high", draws=4000)
    generator = np.random.default_rng(9)
    means = [np.mean(generator.choice(values, 30)) for _ in range(4000)]
    assert (one.low, one.high) == pytest.approx(tuple(np.percentile(means, [2.5, 97.5])), abs=0.01)


# --- a build ------------------------------------------------------------------------------------------

METHODS = ["input", "saliency", "grad-cam", "vanilla-backprop"]


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    """A small gallery that measures its maps in a worker process; its options, its manifest and what was told."""
    folder = tmp_path_factory.mktemp("measured")
    options = tiny_gallery.lay(folder, images=("one", "other"), methods=METHODS, preset="standard", measures=MEASURED)
    report, lines = tiny_gallery.run(options, workers=1)
    assert not report.failures
    return options, json.loads((folder / ".innerview" / "manifest.json").read_text()), lines


MEASURED = ["deletion", "insertion", "randomisation", "pointing"]


def test_a_build_measures_its_maps_and_the_controls(gallery):
    _, manifest, lines = gallery
    assert "Evaluating faithfulness: 2 images" in lines
    found = {(f["image"], f["method"], f["target"] and f["target"]["role"]): f["evidence"] for f in manifest["figures"]}
    for image in ("one", "other"):
        for method in ("saliency", "grad-cam"):
            assert set(found[image, method, "label"]) == {"deletion", "insertion", "randomisation"}, (
                "no box, no pointing"
            )
            assert not found[image, method, "rival"], "of the first target alone"
        assert not found[image, "vanilla-backprop", "label"], "saliency stands for it"
    assert {card["slug"] for card in manifest["measures"]} == {"deletion", "insertion", "randomisation"}
    scores = {c["slug"]: [one["evidence"]["deletion"]["score"] for one in c["measured"]] for c in manifest["controls"]}
    assert set(scores) == set(CONTROLS) and all(len(values) == 2 for values in scores.values())
    assert len({tuple(values) for values in scores.values()}) == len(scores), "each control has evidence of its own"
    assert all(one["evidence"]["randomisation"]["score"] == 1 for one in manifest["controls"][2]["measured"])


def test_what_was_measured_is_not_measured_again(gallery, monkeypatch):
    options, manifest, _ = gallery
    monkeypatch.setattr("generator.analysis.evidence.Bench", None)
    report, lines = tiny_gallery.run(options, workers=0)
    assert (report.failures, [line for line in lines if "measuring" in line]) == ({}, [])
    assert json.loads((options.root / ".innerview" / "manifest.json").read_text()) == manifest


def test_a_measure_that_fails_breaks_nothing(gallery, monkeypatch):
    options, manifest, _ = gallery

    def broken(*inputs, **parameters):
        raise ValueError("no luck today")

    deletion = replace(MEASURES["deletion"], function=broken)
    monkeypatch.setitem(MEASURES, "deletion", deletion)
    settings = yaml.safe_load(options.config.read_text())
    settings["measures"] = {"deletion": {"steps": 5}, "pointing": False}
    other = options.root / "other.yml"
    tiny_gallery.write(other, settings)
    report, _ = tiny_gallery.run(replace(options, config=other), workers=0)
    assert "mine/one, saliency, deletion" in report.failures
    assert "no luck today" in report.failures["mine/one, saliency, deletion"]
    again = json.loads((options.root / ".innerview" / "manifest.json").read_text())
    assert [f["status"] for f in again["figures"]] == [f["status"] for f in manifest["figures"]]
    assert {measure for f in again["figures"] for measure in f["evidence"]} == {"insertion", "randomisation"}


def test_the_order_over_labelled_pictures_is_kept_beside_the_weights(tmp_path, monkeypatch):
    data = tmp_path / "data"
    for number, name in enumerate(["ant", "bee"] * 5):
        (data / name).mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (12, 18, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(data / name / f"{number}.png")
    net = tiny_nets.tiny("in-place")
    monkeypatch.setattr(method_ranking, "load", lambda network, device: net)
    chosen = ("saliency", "grad-cam")
    found = method_ranking.rank(Network("tiny", "tests:tiny"), folder_per_class(data, "test"), images=8, methods=chosen)
    assert found["images"] == 5, "every second one, so that they are spread evenly"
    order = found["measures"]["difference"]
    assert {one["method"] for one in order} == {*chosen, *CONTROLS}
    weights = tmp_path / "mine.safetensors"
    weights.write_bytes(b"weights")
    kept = keep_beside(found, Network("mine", "bundled:vgg-cifar10", weights=str(weights)), RANKING)
    assert kept == tmp_path / "mine.ranking.json"
    assert json.loads(kept.read_text())["measures"] == json.loads(json.dumps(found["measures"]))
    assert ranking_beside(weights) == json.loads(kept.read_text())
    weights.write_bytes(b"other weights")
    assert ranking_beside(weights) == {}, "of other weights it says nothing"
    with pytest.raises(ConfigError, match="'activations' has no map with a value per pixel"):
        method_ranking.rank(Network("tiny", "tests:tiny"), folder_per_class(data, "test"), methods=["activations"])
