"""What the settings choose: networks by name, their pictures by set, targets and methods."""

import json
from dataclasses import fields

import pytest

from generator.analysis import measure_registry
from generator.config.image_entries import read_image_entries
from generator.config.settings import load
from generator.core.errors import ConfigError
from generator.core.records import Example, Input, MethodCard
from generator.engine import method_card
from generator.engine.method_registry import load_methods
from generator.pipeline.selection import check_methods, entry_of, images_for, methods_for, networks, targets_for


def example(name: str, *sets: str) -> Example:
    return Example(id=name, path="", title=name, digest="", size=(1, 1), sets=sets)


def card(slug: str, preset: str = "quick", bounds=None, **parameters) -> MethodCard:
    known = {"slug": slug, "preset": preset, "parameters": parameters, "inputs": (), "axes": (), "passes": 1.0}
    known |= {"accepts": {}, "bounds": bounds or {}}
    return MethodCard(**{field.name: "" for field in fields(MethodCard)} | known)


@pytest.fixture
def gallery(tmp_path):
    """Settings out of the text of a gallery.yml."""

    def write(text: str):
        path = tmp_path / "gallery.yml"
        path.write_text(text, encoding="utf-8")
        return load(path)

    return write


# --- networks ---------------------------------------------------------------------------------------


def test_a_name_says_where_a_network_comes_from(gallery, tmp_path):
    settings = gallery("models: [vgg-cifar10, alexnet, 'nets.mine:make', {name: big, source: 'torchvision:vgg19'}]")
    assert [(network.name, network.source) for network in networks(settings)] == [
        ("vgg-cifar10", "bundled:vgg-cifar10"),
        ("alexnet", "torchvision:alexnet"),
        ("nets.mine:make", "nets.mine:make"),
        ("big", "torchvision:vgg19"),
    ]
    assert {network.folder for network in networks(settings)} == {str(tmp_path)}


def test_an_entry_travels_whole(gallery):
    settings = gallery(
        """
        models:
          - name: mine:make
            title: Mine
            weights: mine.safetensors
            seed: 7
            layer: conv
            vocabulary: pets
            classes: [cat, dog]
            input: {size: [1, 20, 30], mean: [0.5], std: [0.2], fit: pad, resize: 40, background: "#010203"}
        """
    )
    (network,) = networks(settings)
    assert (network.title, network.weights, network.seed, network.layer) == ("Mine", "mine.safetensors", 7, "conv")
    assert (network.vocabulary, network.classes) == ("pets", ("cat", "dog"))
    assert network.input == Input((1, 20, 30), (0.5,), (0.2,), "pad", 40, "bilinear", (1, 2, 3))


def test_class_names_may_stand_in_a_file(gallery, tmp_path):
    (tmp_path / "names.txt").write_text("cat\n\n dog \n")
    assert networks(gallery("models: [{name: 'm:f', classes: names.txt}]"))[0].classes == ("cat", "dog")
    with pytest.raises(ConfigError, match=r"models\[0\].classes: file not found"):
        networks(gallery("models: [{name: 'm:f', classes: gone.txt}]"))


def test_pruned_copies_follow_their_network(gallery):
    settings = gallery("models: [{name: vgg-cifar10, title: T, prune: [0.5, {sparsity: 0.9, scope: layer}]}, alexnet]")
    found = networks(settings)
    assert [network.name for network in found] == [
        "vgg-cifar10",
        "vgg-cifar10~pruned-50",
        "vgg-cifar10~pruned-layer-90",
        "alexnet",
    ]
    assert [network.derive for network in found] == [(), (("prune-global", 0.5),), (("prune-layer", 0.9),), ()]
    assert [entry_of(settings, network).name for network in found] == ["vgg-cifar10"] * 3 + ["alexnet"]


def test_networks_are_picked_by_name_or_made_of_it(gallery):
    settings = gallery("models: [{name: vgg-cifar10, prune: [0.5]}, {name: alexnet, seed: 3}]")
    assert [network.seed for network in networks(settings, ["alexnet"])] == [3]
    assert [network.name for network in networks(settings, ["vgg-cifar10~pruned-50"])] == ["vgg-cifar10~pruned-50"]
    assert [network.source for network in networks(settings, ["resnet18"])] == ["torchvision:resnet18"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("models: [a:b, 'A:b']", r"models\[1\].name: 'a-b' is there already"),
        ("models: [{name: Compare, source: 'a:b'}]", r"models\[0\].name: 'compare' is a folder of the site"),
        ("models: [alexnet, alexnt]", r"models\[1\].name: no network is called 'alexnt': expected alexnet"),
        ("models: [{name: alexnet, prune: [0.5]}, alexnet~pruned-50]", r"models\[1\].name: .* is there already"),
    ],
)
def test_a_name_that_cannot_be_is_told(gallery, text, message):
    with pytest.raises(ConfigError, match=f"^gallery.yml: {message}"):
        networks(gallery(text))


def test_an_unknown_name_from_the_command_line_is_told(gallery):
    with pytest.raises(ConfigError, match="^--model: no network is called 'alexnt'"):
        networks(gallery(""), ["alexnt"])
    with pytest.raises(ConfigError, match="^--model: no network is called 'bes'; did you mean 'bees'?"):
        networks(gallery("models: [{name: bees, source: 'a:b'}]"), ["bes"])


# --- pictures and targets ---------------------------------------------------------------------------

EXAMPLES = [
    example("frog", "cifar10"),
    example("cat", "cifar10", "imagenet"),
    example("cup", "imagenet"),
    example("new"),
]


def test_a_network_sees_the_set_of_its_vocabulary_and_what_is_in_no_set(gallery):
    settings = gallery("models: [alexnet]")
    (network,) = networks(settings)
    names = [one.id for one in images_for(settings, network, EXAMPLES, "imagenet")]
    assert names == ["cat", "cup", "new"]
    assert images_for(settings, network, EXAMPLES[:2], "flowers") == EXAMPLES[:2]  # none of its own: all


def test_an_entry_names_sets_and_pictures_also_for_its_pruned_copies(gallery):
    settings = gallery("models: [{name: alexnet, images: [cup, cifar10], targets: [top], prune: [0.5]}, resnet18]")
    whole, pruned, other = networks(settings)
    for network in (whole, pruned):
        assert [one.id for one in images_for(settings, network, EXAMPLES, "imagenet")] == ["frog", "cat", "cup"]
        assert targets_for(settings, network) == ["top"]
    assert targets_for(settings, other) == ["label", "rival"]


def test_a_picture_that_is_not_there_is_told(gallery):
    settings = gallery("models: [vgg-cifar10, {name: alexnet, images: [cifar01]}]")
    with pytest.raises(ConfigError, match=r"models\[1\].images: no picture .* 'cifar01'; did you mean 'cifar10'"):
        images_for(settings, networks(settings)[1], EXAMPLES)


# --- methods ----------------------------------------------------------------------------------------

CARDS = [
    card("grad-cam"),
    card("smoothgrad", "standard", samples=50, sigma=0.15),
    card("deepdream", "full", sizes=(1, 2)),
    card("lrp", "full", bounds={"alpha": (1, 100)}, alpha=2.0),
]


def test_a_preset_holds_the_smaller_ones(gallery):
    settings = gallery("")
    assert list(methods_for(settings, CARDS, "quick")) == ["grad-cam"]
    assert list(methods_for(settings, CARDS, "standard")) == ["grad-cam", "smoothgrad"]
    assert methods_for(settings, CARDS, "full")["smoothgrad"] == {"samples": 50, "sigma": 0.15}


def test_a_list_means_these_alone(gallery):
    assert list(methods_for(gallery("methods: [deepdream]"), CARDS, "standard")) == ["deepdream"]


def test_a_mapping_adds_leaves_out_and_sets(gallery):
    settings = gallery("methods: {grad-cam: false, deepdream: {sizes: [3]}, smoothgrad: {sigma: 1}}")
    chosen = methods_for(settings, CARDS, "quick")
    assert chosen == {"smoothgrad": {"samples": 50, "sigma": 1.0}, "deepdream": {"sizes": (3,)}}
    assert type(chosen["smoothgrad"]["sigma"]) is float
    assert list(methods_for(gallery("methods: {deepdream: {}}"), CARDS, "quick")) == ["grad-cam", "deepdream"]


def test_a_parameter_that_is_a_float_may_be_written_with_an_exponent(gallery):
    cards = [*CARDS, card("blur", radii=(0.5, 1.0))]
    settings = gallery("methods: {smoothgrad: {sigma: 1e-1}, lrp: {alpha: 2e0}, blur: {radii: [1e-2, 3]}}")
    chosen = methods_for(settings, cards, "quick")
    assert chosen["smoothgrad"]["sigma"] == 0.1 and chosen["lrp"]["alpha"] == 2.0
    assert chosen["blur"]["radii"] == (0.01, 3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{grad-camm: true}", "methods.grad-camm: unknown method; did you mean 'grad-cam'"),
        ("[grad-camm]", "methods.grad-camm: unknown method; did you mean 'grad-cam'"),
        ("{smoothgrad: {sample: 3}}", "methods.smoothgrad.sample: unknown parameter; did you mean 'samples'"),
        ("{smoothgrad: {samples: 2.5}}", "methods.smoothgrad.samples: expected a value like 50; there is 2.5"),
        ("{smoothgrad: {samples: true}}", "methods.smoothgrad.samples: expected a value like 50; there is True"),
        ("{smoothgrad: {samples: 0}}", "methods.smoothgrad.samples: expected a whole number of at least 1; .* 0"),
        ("{smoothgrad: {samples: -4}}", "methods.smoothgrad.samples: expected a whole number of at least 1; .* -4"),
        ("{smoothgrad: {sigma: -0.1}}", "methods.smoothgrad.sigma: expected a number of at least 0; there is -0.1"),
        ("{lrp: {alpha: 0.5}}", "methods.lrp.alpha: expected a number from 1 to 100; there is 0.5"),
        ("{lrp: {alpha: 101}}", "methods.lrp.alpha: expected a number from 1 to 100; there is 101"),
        ("{smoothgrad: {sigma: 1e-40}}", "methods.smoothgrad.sigma: expected 0 or a number from .*; there is .1e-40"),
        ("{smoothgrad: {sigma: big}}", "methods.smoothgrad.sigma: expected a value like 0.15; there is 'big'"),
    ],
)
def test_a_method_or_parameter_that_does_not_exist_is_told(gallery, text, message):
    with pytest.raises(ConfigError, match=f"^gallery.yml: {message}"):
        check_methods(gallery(f"methods: {text}"), CARDS)


@pytest.mark.parametrize(
    ("method", "parameter", "value"),
    [
        ("lrp", "epsilon", -0.5),
        ("lrp", "epsilon", 0),
        ("lrp", "alpha", 0),
        ("lrp", "gamma", -1),
        ("deepdream", "scale", 0),
        ("deepdream", "scale", -1.4),
        ("deepdream", "rate", -1),
        ("deepdream-over-depth", "scale", 0.5),
        ("rise", "share", 0),
        ("attention-rollout", "residual", 1.5),
        ("style-transfer", "style", -1),
    ],
)
def test_numbers_that_a_method_cannot_draw_with_are_refused(gallery, method, parameter, value):
    """Dreams of a scale below 1 grew from octave to octave; an epsilon of 0 divides by zero."""
    cards = [method_card.card(entry) for entry in load_methods().values()]
    settings = gallery(json.dumps({"methods": {method: {parameter: value}}}))
    with pytest.raises(ConfigError, match=f"^gallery.yml: methods.{method}.{parameter}: expected a number (of|from) "):
        check_methods(settings, cards)


def test_what_a_method_states_of_a_parameter_holds_for_its_default():
    measures = [measure_registry.card(entry) for entry in measure_registry.load_measures().values()]
    for entry in [*map(method_card.card, load_methods().values()), *measures]:
        for name, (least, most) in entry.bounds.items():
            assert least <= entry.parameters[name] <= most, f"{entry.slug}.{name}"


def test_the_galleries_that_come_with_innerview_are_right(repository):
    for path in [*(repository / "galleries").glob("*.yml")]:
        settings = load(path)
        assert settings.images_folder.resolve() == repository / "images"
        known = {entry.name for entry in read_image_entries(settings.images_folder / "images.yml")}
        assert networks(settings) and {one for pair in settings.styles for one in pair} <= known


def test_the_classic_gallery_draws_the_columns_of_the_table_and_nothing_else(repository):
    settings = load(repository / "galleries" / "classic.yml")
    assert settings.methods == ["input", "vanilla-backprop", "saliency", "evolution"] and settings.targets == ["label"]
    entries = {entry.name: entry for entry in read_image_entries(settings.images_folder / "images.yml")}
    assert all("imagenet" in entries[name].targets for name in settings.models[0].images)
