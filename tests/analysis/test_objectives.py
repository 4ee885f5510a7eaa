"""Each optimised picture states by how much it exceeds plain grey and the best image at hand, or that it does not."""

import doctest
import json

import pytest
import tiny_gallery
import torch

from generator.analysis import objectives
from generator.core.resources import template_folders
from generator.data.preprocess import normalise, photo
from generator.engine.capture import Watch
from generator.pipeline.manifest import manifest
from generator.pipeline.plan import make_plan
from generator.site.build import _contents, _pairs
from generator.site.pages.figure import Axes, figure
from generator.site.pages.manifest_index import Gallery
from generator.site.pages.write import jinja


@pytest.fixture(scope="module", params=["channel", "unit"])
def painted(request, tmp_path_factory):
    """What activation maximisation made in a tiny gallery, the figures of its manifest and the plan behind them."""
    root = tmp_path_factory.mktemp("painted")
    given = {"activation-maximisation": {"units": 3, "steps": 12, "size": 12, "objective": request.param}}
    options = tiny_gallery.lay(root, ("one", "two", "three"), methods=given, preset="quick")
    report, _ = tiny_gallery.run(options)
    assert not report.failures
    with options.pool(0) as pool:
        plan = make_plan(options, pool, options.store)
    described, _ = manifest(_contents(plan, {}, _pairs(plan, options.store), options.store), options.store)
    described = json.loads(json.dumps(described))
    figures = [one for one in described["figures"] if one["method"] == "activation-maximisation"]
    return request.param, root, plan, described, figures


def brute_force(root, plan, objective):
    """Of each layer the most that any of the gallery's images reaches in each channel: {layer: (K,)}."""
    namespace = {}
    exec((root / "tiny_network_of_mine.py").read_text(), namespace)
    model, values = namespace["net"]().eval(), {}

    def layer(name, type_, kind, tensor):
        flat = tensor.reshape(*tensor.shape[:2], -1)
        values.setdefault(name, []).append(flat.amax(2) if objective == "unit" else flat.mean(2))

    (card,) = plan.models
    for example in plan.examples:
        with torch.no_grad(), Watch(model, layer):
            model(torch.from_numpy(normalise(photo(example, card.input), card.input)))
    return {name: torch.cat(found).amax(0) for name, found in values.items()}


def test_the_best_image_is_that_of_a_brute_force_search(painted):
    objective, root, plan, _, figures = painted
    best = brute_force(root, plan, objective)
    assert len(figures) >= 3
    for one in figures:
        numbers = one["numbers"]
        assert numbers["best image"] == pytest.approx(best[one["layer"]][numbers["channels"]].tolist(), rel=1e-3)
        assert len(numbers["reached"]) == len(numbers["grey"]) == len(numbers["channels"])


def test_the_note_counts_those_that_fall_short(painted):
    _, _, _, _, figures = painted
    for one in figures:
        numbers = one["numbers"]
        pictures = list(zip(numbers["reached"], numbers["best image"], strict=True))
        beaten = sum(reached > best for reached, best in pictures)
        words = f"{beaten or 'none'} {'exceeds' if beaten == 1 else 'exceed'} the best of the 3 images of this gallery"
        assert words in one["note"], one["note"]
        names = numbers.get("classes") or [f"channel {channel}" for channel in numbers["channels"]]
        for name, (reached, best) in zip(names, pictures, strict=True):
            rest = one["note"].partition(words)[2].partition(";")[0]
            assert (name in rest) == (reached <= best)


def test_the_page_sets_them_side_by_side(painted, repository):
    _, _, _, described, figures = painted
    gallery, environment = Gallery(described), jinja(template_folders(repository))
    for one in figures:
        page = figure(gallery, one, None, Axes(gallery))
        assert page.rivals == ["Grey", "Best image"] and len(page.objectives) == len(one["numbers"]["reached"])
        assert not any(fact.name in ("Reached", "Grey", "Best image") for fact in page.numbers)
        numbers = one["numbers"]
        above = [
            reached > max(grey, best)
            for reached, grey, best in zip(numbers["reached"], numbers["grey"], numbers["best image"], strict=True)
        ]
        assert [row.beaten for row in page.objectives] == above
        html = environment.get_template("standalone/figure.html").render(vars(page))
        assert html.count("<b>no</b>") == above.count(False) and "<h2>Objective</h2>" in html


def test_a_class_whose_picture_the_network_takes_for_another_is_named():
    numbers = {"classes": ["frog", "cat"], "ranked first": ["frog", "dog"]}
    assert objectives.ranked_elsewhere(numbers) == "optimised images that the network classifies otherwise: cat as dog"
    assert objectives.ranked_elsewhere({"classes": ["frog"], "ranked first": ["frog"]}) == ""
    assert objectives.ranked_elsewhere({"channels": [1]}) == ""


def test_sentences_are_those_of_their_examples():
    assert doctest.testmod(objectives).failed == 0


def test_what_was_never_optimised_stays_as_it_is():
    numbers = {"completeness gap": 0.1}
    assert objectives.with_best_image(numbers, "channel", None) == numbers and objectives.sentence(numbers) == ""
