"""A picture is put to the network once, and what it answers hangs on that picture alone."""

from dataclasses import replace

import pytest
import tiny_gallery
import tiny_nets
import torch
from torch import nn

from generator.analysis.evidence import Bench
from generator.analysis.evidence_tasks import Subject
from generator.analysis.measure_registry import MEASURES, load_measures
from generator.analysis.picture_probabilities import PictureProbabilities
from generator.engine.model_card import describe
from generator.engine.readout import readout_of
from generator.engine.sampling import Samples
from generator.engine.scene import SceneRequest
from generator.engine.targets import Target

load_measures()


class Counting(nn.Module):
    """Mean over space and a linear layer; notes how many pictures each pass held."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.fc = nn.Conv2d(3, 6, 3, padding=1), nn.Linear(6, 3)
        self.refuses = False

    def forward(self, x):
        COUNTED.append(len(x))
        if self.refuses:
            raise RuntimeError("not today")
        return self.fc(self.conv(x).relu().mean((2, 3)))


COUNTED: list[int] = []  # beside the module, which is put back to what it was after each pass


@pytest.fixture
def net():
    network = tiny_nets.loaded(Counting(), (3, 12, 14), classes=("ant", "bee", "cat"))
    readout_of(network)
    COUNTED.clear()
    return network


def probabilities_of(net, chunk=4):
    x = torch.zeros(1, *net.input.size)
    target = Target("bee", 1, 0.5, "class")
    return PictureProbabilities(Samples(net.model, x, chunk, readout_of(net)), target)


def some(count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(1, 3, 12, 14, generator=generator) for _ in range(count)]


def test_pictures_that_are_alike_share_a_pass_and_have_the_answer_of_a_pass_alone(net):
    first, second, third = some(3)
    probabilities = probabilities_of(net)
    pictures = [first, second, first.clone(), third, second]
    answers = probabilities.of(pictures)
    assert COUNTED == [4], "three pictures, the last of them twice"
    assert torch.equal(probabilities.of([third, first]), answers[[3, 0]])
    assert COUNTED == [4]
    with torch.no_grad():
        alone = [float(net.model(picture).softmax(1)[0, 1]) for picture in pictures]
    assert answers.tolist() == pytest.approx(alone, abs=1e-6)


def test_every_pass_is_full_and_an_answer_is_the_same_whatever_was_asked_before(net):
    pictures = some(11)
    answers = probabilities_of(net).of(pictures)
    assert COUNTED == [4, 4, 4]
    other = probabilities_of(net)
    other.of(some(3, seed=1))
    for number in (9, 2, 5):
        assert torch.equal(other.of([pictures[number]])[0], answers[number])
    assert set(COUNTED) == {4}


def test_pictures_wait_until_a_pass_is_full_or_an_answer_is_read(net):
    probabilities = probabilities_of(net)
    first, second = (probabilities.enqueue(some(3, seed)) for seed in (0, 1))
    assert COUNTED == [4]
    assert probabilities.read(second).shape == (3,) and COUNTED == [4, 4]
    probabilities.read(first)
    assert COUNTED == [4, 4]


def test_a_pass_that_failed_leaves_no_answers_and_the_next_question_is_asked_anew(net):
    probabilities = probabilities_of(net)
    net.model.refuses = True
    digests = probabilities.enqueue(some(2))
    with pytest.raises(RuntimeError, match="not today"):
        probabilities.read(digests)
    assert not probabilities.has(digests)
    net.model.refuses = False
    assert probabilities.of(some(2)).shape == (2,)
    assert probabilities.has(digests)


# --- measures -------------------------------------------------------------------------------------------


def bench_of(net):
    return Bench(net, SceneRequest(describe(net), some(1, seed=7)[0], (), "", {}, 4), "class:bee", tiny_nets.CARDS)


MAPS = {"one": 0, "twice as much": 0, "other": 1}  # by whose seed a map is drawn


def maps():
    drawn = {seed: torch.rand(12, 14, generator=torch.Generator().manual_seed(seed)) for seed in MAPS.values()}
    return {Subject(name): drawn[seed] * (2 if "twice" in name else 1) for name, seed in MAPS.items()}


def curves(bench):
    slugs = ("deletion", "insertion")
    return {(subject, slug): bench.measure(slug, subject, map, {}) for subject, map in maps().items() for slug in slugs}


def slow(net, slug, heatmap):
    """The same by a pass for each picture, on a bench that nobody asked anything before."""
    bench = bench_of(net)
    bench._answers = None
    bench._samples.chunk = 1
    return bench.measure(slug, Subject("alone"), heatmap, {})


def test_numbers_are_those_of_a_pass_for_each_picture_looked_ahead_or_not(net):
    ahead, plain = bench_of(net), bench_of(net)
    for subject, map in maps().items():
        for slug in ("deletion", "insertion"):
            ahead.look_ahead(slug, subject, map, {})
    measured = curves(ahead)
    assert measured == curves(plain)
    for (subject, slug), numbers in measured.items():
        expected = slow(net, slug, maps()[subject])
        assert numbers["curve"] == pytest.approx(expected["curve"], abs=1.1e-5)
        assert numbers["score"] == pytest.approx(expected["score"], abs=1.1e-5)


def test_maps_with_one_order_of_pixels_share_every_pass_and_others_the_first_and_the_last(net):
    bench = bench_of(net)
    COUNTED.clear()
    for subject, map in maps().items():
        bench.look_ahead("deletion", subject, map, {})
        bench.look_ahead("insertion", subject, map, {})
    curves(bench)
    deletion, insertion = 21 + 19, 19 + 1 + 19  # two orders; where insertion ends deletion begins
    assert sum(COUNTED) == -(-(deletion + insertion) // 4) * 4


def test_a_measure_that_asks_again_is_answered_by_what_it_asks(net, monkeypatch):
    def twice(heatmap, x, probability):
        first = float(probability([x]))
        return {"score": float(probability([x * (1 + first)]))}

    measure = replace(MEASURES["deletion"], function=twice, inputs=("heatmap", "x", "probability"), parameters={})
    monkeypatch.setitem(MEASURES, "twice", measure)
    bench, subject, map = bench_of(net), Subject("one"), torch.zeros(12, 14)
    bench.look_ahead("twice", subject, map, {})
    assert bench.measure("twice", subject, map, {}) == bench_of(net).measure("twice", subject, map, {})


def test_only_maps_that_are_compared_are_drawn_of_networks_that_forgot(tmp_path, monkeypatch):
    drawn = set()
    make = Bench.heatmaps

    def watched(self, jobs, loaded=None, given=None):
        jobs = list(jobs)
        drawn.update(job.method for job in jobs)
        return make(self, jobs, loaded, given)

    monkeypatch.setattr(Bench, "heatmaps", watched)
    chosen = ["saliency", "smoothgrad"]
    options = tiny_gallery.lay(tmp_path, ["one"], methods=chosen, preset="standard", measures=["randomisation"])
    tiny_gallery.run(options)
    assert drawn == {"saliency"}, "150 passes for each of five networks are more than a map may cost"
