"""Each stage of a network has a title of its own, counted by hand."""

import pytest

from generator.site.pages.stage_titles import distinct_stages


def card(*stages):
    """A network of stages, each with the shape of its picture."""
    layers = [{"name": f"layer{place}", "shape": list(shape)} for place, (_, shape) in enumerate(stages)]
    named = [{"title": title, "layer": f"layer{place}", "layers": []} for place, (title, _) in enumerate(stages)]
    return {"layers": layers, "stages": named}


VGG = card(
    ("conv 64", (64, 32, 32)),
    ("conv 64", (64, 32, 32)),
    ("pool", (64, 16, 16)),
    ("conv 128", (128, 16, 16)),
    ("pool", (128, 8, 8)),
    ("linear 4096", (4096,)),
    ("linear 4096", (4096,)),
    ("10 classes", (10,)),
)
RESIDUAL = card(("conv 8", (8, 9, 9)), ("add 8", (8, 9, 9)), ("conv 16", (16, 5, 5)), ("conv 16", (16, 5, 5)))
SIZED = card(("conv 64", (64, 32, 32)), ("pool", (64, 16, 16)), ("conv 256", (256, 16, 16)), ("vector of 6", (6,)))
TOKENS = card(("block 192", (50, 192)), ("block 192", (50, 192)), ("vector of 192", (192,)), ("vector of 192", (192,)))


@pytest.mark.parametrize(
    ("model", "titles"),
    [
        (VGG, "conv 1-1, conv 1-2, pool 1, conv 2-1, pool 2, linear 1, linear 2, 10 classes"),
        (RESIDUAL, "conv 1-1, add 1-2, conv 2-1, conv 2-2"),
        (SIZED, "conv 64, pool, conv 256, vector of 6"),
        (TOKENS, "block 1, block 2, vector 1, vector 2"),
    ],
    ids=["vgg", "residual", "sized", "tokens"],
)
def test_a_title_names_one_stage(model, titles):
    stages = distinct_stages(model)
    assert [stage["title"] for stage in stages] == titles.split(", ")
    assert [stage["layer"] for stage in stages] == [stage["layer"] for stage in model["stages"]]


def test_the_manifest_keeps_its_own_titles(fake_gallery):
    before = [stage["title"] for stage in fake_gallery[1]["models"][0]["stages"]]
    distinct_stages(fake_gallery[1]["models"][0])
    assert [stage["title"] for stage in fake_gallery[1]["models"][0]["stages"]] == before
