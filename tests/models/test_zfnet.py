"""ZFNet: the sizes of the paper's figure 3, and weights from a file of one's own."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from generator.core.errors import ModelError
from generator.engine.space import follow_space
from generator.engine.trace import Trace
from generator.models.bundled.zfnet import ZFNet
from generator.models.load import load
from generator.models.specs import resolve


@pytest.fixture(scope="module")
def network():
    """One with random weights, which are many."""
    return load(resolve("zfnet~random"))


def test_the_sizes_are_those_of_the_paper():
    x = torch.zeros(1, 3, 224, 224, device="meta")
    with torch.device("meta"):
        model = ZFNet().eval()
    trace = Trace(model, follow_space(model, x))
    trace.run(x, "zfnet")
    shapes = {layer.name: layer.shape for layer in trace.layers}
    assert [shapes[f"features.conv{number}"] for number in range(1, 6)] == [
        (96, 110, 110),
        (256, 26, 26),
        (384, 13, 13),
        (384, 13, 13),
        (256, 13, 13),
    ]
    assert [shapes[f"features.pool{number}"][1] for number in (1, 2, 5)] == [55, 13, 6]
    first = trace.layers[0]
    assert (first.receptive_field, first.parameters) == ((7, 7), 96 * 3 * 49 + 96)


def test_it_speaks_the_language_of_imagenet(network):
    assert (network.vocabulary, len(network.classes), network.classes[281]) == ("imagenet", 1000, "tabby")
    assert network.input.size == (3, 224, 224)


def test_its_weights_come_from_a_file(network, tmp_path):
    file = tmp_path / "mine.safetensors"
    state = {name: value.half() for name, value in network.model.state_dict().items()}
    save_file(state, file)
    loaded = load(replace(resolve("zfnet"), weights=str(file)))
    assert torch.equal(loaded.model.features.conv1.weight, state["features.conv1.weight"].float())


def test_without_a_file_it_says_what_to_do():
    with pytest.raises(ModelError, match=r"zfnet comes without weights: name a file .* or take zfnet~random"):
        load(resolve("zfnet"))
