"""The scale of a picture is a whole number, stated for what it is; values at a pointer are those of the array."""

import copy

import numpy as np
import pytest

from generator.core.store import Store, pack
from generator.pipeline.manifest import MOST_CELLS, cell_values
from generator.site.pages.enlarged import NARROW, ROOM, enlarged, factor
from generator.site.pages.manifest_index import Gallery

OVERLAY, MAP, SPRITE = (
    "tiny/frog/grad-cam--relu4--class-frog",
    "tiny/frog/saliency--class-frog",
    "tiny/frog/activations--relu0",
)


@pytest.fixture
def manifest(fake_gallery):
    """A copy that a test may change."""
    return copy.deepcopy(fake_gallery[1])


@pytest.mark.parametrize("side", [1, 5, 28, 32, 33, 64, 96, 112, 224, 299, 480])
@pytest.mark.parametrize("room", [ROOM, NARROW])
def test_a_factor_is_the_largest_step_that_fits(side, room):
    times = factor(side, room)
    assert times * side <= room
    assert times in (12, 6) or (times < 6 and (times + 1) * side > room)


def test_a_map_states_its_own_pixels_and_its_cells(manifest):
    for figure in manifest["figures"]:
        if figure["id"] == OVERLAY:
            figure["shape"] = [1, 4, 4]
    gallery = Gallery(manifest, lambda figure: {"cells": list(range(16))})
    overlay, map_ = enlarged(gallery, gallery.figure(OVERLAY)), enlarged(gallery, gallery.figure(MAP))
    assert (overlay.words, overlay.narrow_words, overlay.cell_words) == (
        "32 × 32 px, shown 12×", "32 × 32 px, shown 6×", "4 × 4 cells",
    )  # fmt: skip
    assert overlay.grid == (4, 4) and overlay.values == tuple(range(16)) and overlay.smooth
    assert map_.grid == (32, 32) and map_.values == () and map_.cell_words == "" and not map_.smooth
    assert enlarged(gallery, gallery.figure(SPRITE)) is None, "a sprite has a scale of its own"


def test_cells_are_the_values_of_the_array_and_only_where_they_are_few(tmp_path):
    store = Store(tmp_path)
    values = np.linspace(0, 1.23456, 16, dtype=np.float32).reshape(1, 4, 4)
    figure = {"keys": {"array": "a" * 64}, "sprite": None, "shape": [1, 4, 4]}
    assert cell_values(figure, store) is None, "nothing is stored"
    store.put("a" * 64, {}, {"arrays": pack({"map": values})})
    assert cell_values(figure, store) == {"cells": [float(f"{value:.4g}") for value in values.ravel()]}
    assert cell_values(figure | {"shape": [1, 17, 16]}, store) is None and 17 * 16 > MOST_CELLS
    assert cell_values(figure | {"sprite": {"channels": 1}}, store) is None
    assert cell_values(figure | {"shape": [1, 2, 2]}, store) is None, "another array than the manifest describes"
