"""What holds for every method, also for the next one: it is tested by being in its folder."""

import importlib
import io
import json
import sys

import numpy as np
import pytest
import tiny_gallery
import torch
from PIL import Image
from tiny_nets import CARDS, NETS, assert_untouched, fingerprint, outcomes, picture, tiny

import generator.methods
from generator.core import code_digest
from generator.core.errors import NotApplicable
from generator.core.resources import resource
from generator.drawing.styles import draw, own_limit
from generator.engine.method_registry import METHODS
from generator.engine.model_card import describe
from generator.engine.quantise import reduce
from generator.pipeline.manifest import manifest
from generator.pipeline.plan import make_plan
from generator.site.build import _contents, _pairs
from generator.site.pages import write
from generator.site.pages.urls import method_page, report_page

KINDS = ["in-place", "functional", "residual", "by-convolution", "one-channel", "smooth", "spaceless", "overwriting"]
SAMPLED = [slug for slug, card in CARDS.items() if card.passes]
COPIES = {  # fewer of them, to be quick
    "smoothgrad": {"n": 12},
    "rise": {"masks": 60},
    "deepdream": {"steps": 2, "octaves": 2},
    "deepdream-over-depth": {"steps": 2, "octaves": 2},
    "inversion": {"steps": 4},
    "caricature": {"steps": 4},
}
SEEN = [slug for slug, card in CARDS.items() if "image" in card.axes]


@pytest.fixture(scope="module")
def known():
    """Each network with its card and a picture."""
    nets = {name: tiny(name) for name in NETS}
    return {name: (net, describe(net), picture(net.input.size)) for name, net in nets.items()}


def made(known, name, slug, **more):
    net, card, x = known[name]
    return outcomes(net, x, [slug], card=card, parameters=COPIES, **more)


def values(outcome):
    return outcome.value if isinstance(outcome.value, list) else [outcome.value]


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("slug", METHODS)
def test_a_method_gives_finite_values_or_says_why_not_and_leaves_the_model_as_it_was(known, name, slug):
    before = fingerprint(known[name][0].model)
    found = made(known, name, slug)
    assert_untouched(before, fingerprint(known[name][0].model))
    for outcome in found.values():
        if outcome.error is not None:
            assert isinstance(outcome.error, NotApplicable), repr(outcome.error)
            assert len(str(outcome.error)) > 15, "a reason is a sentence"
            continue
        for tensor in values(outcome):
            assert torch.isfinite(tensor).all() and tensor.numel() and not tensor.requires_grad
        json.dumps(outcome.numbers, allow_nan=False)


@pytest.mark.parametrize("slug", SEEN)
def test_a_method_has_something_to_say_about_a_plain_network(known, slug):
    for outcome in made(known, "in-place", slug).values():
        assert outcome.error is None
        assert any(tensor.abs().max() > 0 for tensor in values(outcome))


@pytest.mark.parametrize("slug", METHODS)
def test_a_method_repeats_bit_for_bit(known, slug):
    first, second = made(known, "residual", slug), made(known, "residual", slug)
    for key, outcome in first.items():
        for one, other in zip(values(outcome), values(second[key]), strict=True):
            assert torch.equal(one, other), key
        assert outcome.numbers == second[key].numbers


@pytest.fixture(scope="module")
def together(known):
    """All methods in one scene."""
    net, card, x = known["in-place"]
    return outcomes(net, x, [*METHODS], card=card, parameters=COPIES)


@pytest.mark.parametrize("slug", METHODS)
def test_a_method_alone_gives_what_it_gives_among_all(known, together, slug):
    for key, outcome in made(known, "in-place", slug).items():
        for one, other in zip(values(outcome), values(together[key]), strict=True):
            assert torch.equal(one, other), key


@pytest.mark.parametrize("name", ["in-place", "residual"])
@pytest.mark.parametrize("slug", SAMPLED)
def test_samples_do_not_know_of_their_neighbours(known, name, slug):
    for key, outcome in made(known, name, slug, chunk=1).items():
        together = made(known, name, slug, chunk=7)[key]
        largest = outcome.value.abs().max()
        assert (outcome.value - together.value).abs().max() <= 1e-3 * largest


@pytest.mark.parametrize("slug", METHODS)
def test_flat_is_drawn_flat(slug):
    net = tiny("in-place")
    for parameter in net.model.parameters():
        parameter.zero_()
    for module in net.model.modules():
        if hasattr(module, "running_mean"):
            module.running_mean.zero_()
    x = torch.zeros(1, *net.input.size)
    photo = np.full((*net.input.size[1:], 3), 128, np.uint8)
    found = outcomes(net, x, [slug], ["class:bee"], parameters=COPIES)
    if "image" not in CARDS[slug].axes:
        assert found == {}, "it is drawn of the network alone"
    for outcome in found.values():
        assert outcome.error is None
        assert all(tensor.min() == tensor.max() for tensor in values(outcome)) or slug == "activations"
        kind = "softmax" if slug == "activations" and outcome.value.shape[1] == 5 else ""
        reduced, style = reduce(CARDS[slug].style.values, outcome.value, kind), CARDS[slug].draw
        limit = own_limit(style, reduced.arrays)
        drawn = draw(style, reduced.arrays, reduced.meta, photo, limit)
        _, data = drawn.files.get("map", drawn.files["file"])
        board = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
        if drawn.sprite is None and not kind:
            assert np.ptp(board.reshape(-1, 3), 0).max() == 0, "one colour"


@pytest.mark.parametrize("slug", METHODS)
def test_a_class_that_no_one_knows_is_refused(known, slug):
    net, card, x = known["in-place"]
    for outcome in outcomes(net, x, [slug], ["class:unicorn"], card=card, parameters=COPIES).values():
        if "target" in CARDS[slug].axes:
            assert str(outcome.error) == "no class 'unicorn' in the vocabulary of in-place"


# --- a method is one file -----------------------------------------------------------------------------

THROWAWAY = '''"""Bright spots: where a bright pixel speaks for the class."""

from . import method


@method("Bright spots", family="gradient", draw="signed", cites="Nobody 2026")
def bright_spots(x, vanilla_backprop, *, power: float = 1.0):
    """Where the picture is bright and would raise the score if it were brighter.

    Formula: |x|^p · g, summed over the colours

    Reading: Green speaks for the class.

    Limits: It is thrown away after this test.
    """
    return (x.abs() ** power * vanilla_backprop).sum(1)
'''


@pytest.fixture
def thrown_in(tmp_path, monkeypatch):
    """One more file in the folder of methods, for one test."""
    assert len(THROWAWAY.splitlines()) <= 25
    (tmp_path / "methods").mkdir()
    (tmp_path / "methods" / "bright_spots.py").write_text(THROWAWAY)
    monkeypatch.setattr(generator.methods, "__path__", [*generator.methods.__path__, str(tmp_path / "methods")])
    importlib.invalidate_caches()
    file, path_of = tmp_path / "methods" / "bright_spots.py", code_digest._path
    place = {"generator.methods.bright_spots": file}
    monkeypatch.setattr(code_digest, "_path", lambda module: place.get(module) or path_of(module))
    yield tmp_path
    METHODS.pop("bright-spots", None)
    sys.modules.pop("generator.methods.bright_spots", None)


def test_one_file_is_in_plan_manifest_and_pages_without_another_edit(thrown_in):
    folder = thrown_in / "gallery"
    options = tiny_gallery.lay(folder, images=["one"], methods={"bright-spots": {"power": 2.0}}, targets=["label"])
    with options.pool() as pool:
        plan = make_plan(options, pool, options.store)
    jobs = [job for _, job in plan.open_jobs() if job.method == "bright-spots"]
    assert [(job.model, job.image, job.target) for job in jobs] == [("mine", "one", "label")]
    report, _ = tiny_gallery.run(options)
    assert report.failures == {}
    with options.pool() as pool:
        plan = make_plan(options, pool, options.store)
    described, _ = manifest(_contents(plan, {}, _pairs(plan, options.store), options.store), options.store)
    (card,) = [card for card in described["methods"] if card["slug"] == "bright-spots"]
    assert card["summary"].startswith("Where the picture is bright") and card["parameters"] == {"power": 1.0}
    (figure,) = [figure for figure in described["figures"] if figure["method"] == "bright-spots"]
    assert figure["status"] == "drawn" and figure["digest"]
    write.write_sources(described, folder / "pages", [resource("templates")])
    written = {path.relative_to(folder / "pages").as_posix(): path.read_text() for path in folder.rglob("*.md")}
    assert "thrown away after this test" in written[method_page("bright-spots").replace(".html", ".md")]
    assert "Bright spots" in written[report_page("mine", "one").replace(".html", ".md")]
