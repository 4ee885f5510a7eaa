"""Layers are chosen by name, for a method or for all that look at one; what is none is said with those there are."""

import pytest
from tiny_nets import CARDS, tiny

from generator.config.settings import load
from generator.core.errors import ConfigError
from generator.core.records import Example
from generator.engine.model_card import describe
from generator.pipeline import chosen_layers
from generator.pipeline.jobs import NetworkRequest, scene_tasks
from generator.pipeline.selection import networks

METHODS = list(CARDS.values())
NET = tiny("in-place")
CARD = describe(NET)
AT_DEFAULT = {card.slug for card in METHODS if card.at == "default" and "layer" in card.axes} - {"cam"}


@pytest.fixture
def chosen(tmp_path):
    def write(layers, *options):
        path = tmp_path / "gallery.yml"
        path.write_text(f"models: [{{name: mine, source: 'tests:mine', layers: {layers}}}]")
        settings = load(path)
        (network,) = networks(settings)
        return chosen_layers.of(settings, options, network, CARD, METHODS)

    return write


def test_a_list_is_for_all_methods_and_a_mapping_for_each(chosen):
    assert chosen("{}") == {}
    assert chosen("[features.1]") == dict.fromkeys(AT_DEFAULT, ("features.1",))
    assert len(AT_DEFAULT) > 10 and "grad-cam" in AT_DEFAULT
    both = {"grad-cam": ("features.1", "features.5"), "filters": ("features.3",)}
    assert chosen("{grad-cam: [features.1, features.5], filters: [features.3]}") == both
    assert chosen("{grad-cam: [features.1]}", "grad-cam=features.2")["grad-cam"] == ("features.2",)
    assert chosen("{grad-cam: [features.1]}", "features.2") == dict.fromkeys(AT_DEFAULT, ("features.2",))
    assert chosen("{}", "grad-cam=elsewhere") == {}, "of a network that lacks it the layer stays as it was"


def test_what_is_no_layer_is_said_with_those_there_are(chosen):
    place = r"gallery.yml: models\[0\].layers"
    for layers, message in (
        (
            "{grad-cam: [feature.1]}",
            rf"{place}.grad-cam: layer 'feature.1': mine.* has no such layer with space; did you",
        ),
        ("{grad-cam: [fc]}", "has no such layer with space; known are features"),
        ("[nowhere]", rf"{place}: layer 'nowhere': .* has no such layer with space"),
        ("{saliency: [features.1]}", "saliency looks at no layer that could be chosen"),
        ("{cam: [features.1]}", "cam looks at no layer that could be chosen"),
        ("{grad-cm: [features.1]}", "no method is called 'grad-cm'; did you mean 'grad-cam'"),
    ):
        with pytest.raises(ConfigError, match=message.replace("mine.*", ".*")):
            chosen(layers)
    with pytest.raises(ConfigError, match="layers: expected a list of layers, or a mapping"):
        chosen("{grad-cam: features.1}")
    chosen_layers.check(["grad-cam=features.1"], [CARD], METHODS)
    with pytest.raises(ConfigError, match="--layer: layer 'feature.1': .* has no such layer with space; did you mean"):
        chosen_layers.check(["grad-cam=feature.1"], [CARD], METHODS)
    with pytest.raises(ConfigError, match="no network here has such a layer"):
        chosen_layers.check(["nowhere"], [CARD, CARD], METHODS)


def test_jobs_are_those_of_the_chosen_layers_and_the_answer_stays():
    methods = {slug: CARDS[slug].parameters for slug in ("grad-cam", "activations")}
    layers = {"grad-cam": ("features.1", "features.5"), "activations": ("features.0",)}
    picture = Example("picture", "", "picture", "0" * 64, (1, 1))
    request = NetworkRequest(NET.network, CARD, [picture], ["top"], methods, CARDS, layers=layers)
    (task,) = scene_tasks(request)
    assert sorted((job.method, job.layer) for job in task.jobs) == sorted(
        [
            ("activations", "features.0"),
            ("activations", CARD.layers[-1].name),
            ("grad-cam", "features.1"),
            ("grad-cam", "features.5"),
        ]
    )
