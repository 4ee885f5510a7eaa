"""Tensors become 8-bit values by the definition: each code is derived a second time, slowly; extremes are tried."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from generator.drawing.tiles import mosaic
from generator.engine.quantise import (
    ENOUGH,
    SHEET,
    SPRITE,
    TILE,
    frames_again,
    percentile,
    reduce,
    reduce_frames,
    sprite_pixel_budget,
)

NUMBERS = st.floats(-100, 100, width=32) | st.sampled_from([0.0, 1.0, -1.0])
MAPS = arrays(np.float32, array_shapes(min_dims=3, max_dims=3, max_side=6), elements=NUMBERS)


def channels(maps, kind="conv"):
    """The values of activations (K, h, w), or (K,)."""
    return reduce("channels", torch.from_numpy(np.asarray(maps, np.float32))[None], kind)


def slowly(maps):
    """Codes and scale by hand, one value after the other."""
    flat = sorted(abs(float(value)) for value in maps.ravel())
    limit = flat[math.ceil(len(flat) * 998 / 1000) - 1] or flat[-1]
    signed = min(maps.ravel()) < 0
    codes = []
    for value in maps.ravel():
        part = min(max(float(value) / limit, -1.0 if signed else 0.0), 1.0) if limit else 0.0
        codes.append(128 + 127 * part if signed else 254 * part)
    return np.array(codes).reshape(maps.shape), limit, signed


@given(MAPS)
def test_codes_are_what_a_slow_derivation_gives(maps):
    found, (codes, limit, signed) = channels(maps), slowly(maps)
    assert found.arrays["codes"].dtype == np.uint8
    assert np.abs(found.arrays["codes"] - codes).max() <= 0.501, "the nearest step"
    assert found.meta["signed"] == signed
    assert found.meta["scale"] == pytest.approx([-limit if signed else 0, limit])
    assert found.meta["range"] == [float(maps.min()), float(maps.max())]
    assert (found.meta["shape"], found.meta["reduced"]) == (list(maps.shape), 1)
    assert found.meta["clipped"] == pytest.approx((np.abs(maps) > limit).mean())
    zero = found.arrays["codes"][maps == 0]
    assert (zero == (128 if signed else 0)).all(), "zero has a code of its own"


@given(MAPS)
def test_statistics_are_of_each_channel(maps):
    found = channels(maps).arrays
    flat = maps.reshape(len(maps), -1)
    assert np.array_equal(found["max"], flat.max(1))
    assert np.allclose(found["mean"], flat.mean(1, dtype=np.float64), atol=1e-4)
    assert np.allclose(found["zeros"], (flat == 0).mean(1))


@given(
    arrays(np.float32, st.integers(1, 3000), elements=st.floats(0, 8, width=16)), st.sampled_from([50, 99, 99.8, 100])
)
def test_the_percentile_is_numpys_inverted_cdf(values, q):
    assert percentile(lambda: torch.from_numpy(values).split(70_000), q) == np.percentile(
        values, q, method="inverted_cdf"
    )


@pytest.mark.parametrize("kind", ["normal", "sparse", "constant", "sorted", "few"])
@pytest.mark.parametrize("count", [16_383, 16_384, 65_536, 300_001])
def test_the_percentile_of_many_is_as_exact(kind, count):
    random = np.random.default_rng(count)
    values = np.abs(random.normal(size=count)).astype(np.float32)
    if kind == "sparse":
        values *= random.random(count) < 0.001
    if kind == "constant":
        values[:] = 0.25
    if kind == "sorted":
        values = np.sort(values)[::-1].copy()
    if kind == "few":
        values[:] = 0
        values[1:4] = [3, 1, 2]  # where a sample of every 18th value sees none of them
    for q in (99, 99.8, 99.9):
        assert percentile(lambda: torch.from_numpy(values).split(70_000), q) == np.percentile(
            values, q, method="inverted_cdf"
        )


def test_few_of_many_values_are_ordered_whichever_way_channels_lie(monkeypatch):
    ordered, usual = [], torch.Tensor.kthvalue
    monkeypatch.setattr(torch.Tensor, "kthvalue", lambda self, k: ordered.append(self.numel()) or usual(self, k))
    maps = torch.rand(64, 128, 128, generator=torch.Generator().manual_seed(0)) + 1
    maps[0] /= 1000  # with its channels last, every 64th value is one of this channel
    for one in (maps[None], maps[None].contiguous(memory_format=torch.channels_last)):
        limit = reduce("channels", one).meta["scale"][1]
        assert limit == np.percentile(maps.numpy(), 99.8, method="inverted_cdf")
    assert len(ordered) == 2 and max(ordered) < maps.numel() / 20


@pytest.mark.parametrize("kind", ["signed", "rectified", "broken", "small"])
def test_it_does_not_matter_in_how_many_parts_maps_are_looked_at(kind, monkeypatch):
    maps = np.random.default_rng(0).normal(size=(9, 40, 30) if kind == "small" else (9, 150, 120)).astype(np.float32)
    maps = np.maximum(maps, 0) if kind == "rectified" else maps
    if kind == "broken":
        maps[4, 7, 9], maps[8] = np.nan, np.inf
    whole = reduce("channels", torch.from_numpy(maps)[None])
    monkeypatch.setattr("generator.engine.quantise.PART", 2 * maps[0].size)
    found = reduce("channels", torch.from_numpy(maps)[None])
    lying = reduce("channels", torch.from_numpy(maps)[None].contiguous(memory_format=torch.channels_last))
    assert found.meta == lying.meta == whole.meta
    for name, array in whole.arrays.items():  # of means the last bits may differ, and so a code
        for other in (found, lying):
            assert np.allclose(other.arrays[name].astype(float), array, atol=1 if name == "codes" else 1e-6), name


def test_one_pixel_of_light_is_still_seen():
    maps = np.zeros((64, 16, 16))
    maps[3, 2, 1] = 5
    found = channels(maps)
    assert found.meta["scale"] == [0, 5] and found.meta["clipped"] == 0
    assert np.argwhere(found.arrays["codes"]).tolist() == [[3, 2, 1]]
    assert found.arrays["codes"][3, 2, 1] == 254


@pytest.mark.parametrize("value", [0.0, 2.5, -2.5, 1e-45, 1e-38, -1e-40, 3e38])
def test_constant_maps_are_flat(value):
    found = channels(np.full((3, 4, 5), value))
    (code,) = np.unique(found.arrays["codes"])
    assert code == (0 if value == 0 else 254 if value > 0 else 1)
    assert "note" not in found.meta


def test_the_extremes_of_floats_span_the_scale():
    found = channels(np.array([[[-3e38, 0, 3e38]]]))
    assert found.arrays["codes"].tolist() == [[[1, 128, 255]]]
    assert "note" not in found.meta, "these are all finite, though their difference is not"


def test_what_is_not_finite_is_counted_and_drawn_as_zero():
    maps = np.array([[[1.0, np.nan, np.inf, -np.inf, 0.5, 0.25]]])
    found = channels(maps)
    assert found.meta["note"] == "3 of 6 values are not finite and drawn as zero"
    assert found.meta["range"] == [0, 1] and not found.meta["signed"]
    assert found.arrays["codes"].tolist() == [[[254, 0, 0, 0, 127, 64]]]
    assert np.isfinite(found.arrays["mean"]).all()
    everything = channels(np.full((2, 2, 2), np.nan))
    assert everything.arrays["codes"].tolist() == np.zeros((2, 2, 2)).tolist()


@pytest.mark.parametrize("size", [(113, 113), (150, 120), (120, 331)])
def test_each_pixel_of_a_large_map_is_the_mean_of_its_window(size):
    maps = np.random.default_rng(0).random((2, *size)).astype(np.float32)
    found = channels(maps)
    height, width = found.arrays["codes"].shape[1:]
    assert max(height, width) == TILE
    sides = ((size[0], height), (size[1], width))
    rows, columns = ([(i * n // m, -(-(i + 1) * n // m)) for i in range(m)] for n, m in sides)
    means = [[maps[:, top:end, left:right].mean((1, 2)) for left, right in columns] for top, end in rows]
    expected = np.array(means).transpose(2, 0, 1) / found.meta["scale"][1] * 254
    assert np.abs(found.arrays["codes"] - np.clip(expected, 0, 254)).max() <= 0.501


def test_large_maps_are_averaged_over_areas_and_it_says_so():
    maps = np.random.default_rng(0).random((2, 3 * TILE, 3 * TILE)).astype(np.float32)
    found = channels(maps)
    means = maps.reshape(2, TILE, 3, TILE, 3).mean((2, 4))
    assert found.arrays["codes"].shape == (2, TILE, TILE)
    assert found.meta["reduced"] == 3 and found.meta["shape"] == [2, 3 * TILE, 3 * TILE]
    steps = 254 / found.meta["scale"][1]
    assert np.abs(found.arrays["codes"] - means * steps).max() < 0.51
    assert found.meta["range"] == [float(maps.min()), float(maps.max())], "of the array itself"
    assert channels(np.ones((1, 100, 250))).arrays["codes"].shape == (1, 45, 112), "its sides keep their proportion"


@pytest.mark.parametrize("count", [1, 2, 3, 64, 96, 512, 1000, 1024, 1280, 2048])
def test_a_sprite_of_all_channels_keeps_its_limits(count):
    codes = channels(np.zeros((count, 120, 120), np.float32)).arrays["codes"]
    board, _, _ = mosaic(codes, gap=1, blank=255)
    assert board.size <= SPRITE and max(codes.shape[1:]) <= TILE


@pytest.mark.parametrize("count", [1, 2, 3, 64, 96, 512, 1000, 2048])
@pytest.mark.parametrize("room", [50_000, 115_000])
def test_a_sprite_has_the_room_that_it_is_given(count, room):
    value = torch.rand(1, count, 56, 60)
    found = reduce("channels", value, "conv", room)
    board, _, _ = mosaic(found.arrays["codes"], gap=1, blank=255)
    assert board.size <= room * (1 + 4 / math.sqrt(count)), "but for the empty places of its last row"
    whole = reduce("channels", value, "conv")
    assert (found.meta["scale"], found.meta["range"]) == (whole.meta["scale"], whole.meta["range"])
    assert np.array_equal(found.arrays["max"], whole.arrays["max"]), "numbers are of the layer, not of its picture"


def test_the_large_sprites_of_a_network_share_what_the_small_ones_leave():
    assert sprite_pixel_budget([(64, 32, 32), (10,)] * 20) == SPRITE, "there is room for all"
    assert sprite_pixel_budget([(512, 28, 28)] * 40) == ENOUGH
    shapes = [(64, 112, 112)] * 8 + [(100,)] * 100  # 200 pixels and less each
    room = sprite_pixel_budget(shapes)
    assert ENOUGH < room < 64 * 113**2
    assert 0.99 * SHEET < 8 * room + 100 * 400 <= SHEET


def test_vectors_and_tokens_are_channels_as_well():
    vector = channels([0.0, 1.0, 2.0])
    assert (vector.arrays["codes"].shape, vector.meta["shape"]) == ((3, 1, 1), [3])
    tokens = channels(np.arange(12.0).reshape(3, 4))
    assert tokens.arrays["codes"].shape == (1, 3, 4)


def test_maps_are_kept_as_they_are():
    value = torch.linspace(-1, 2, 24).reshape(1, 4, 6)
    found = reduce("map", value)
    assert np.array_equal(found.arrays["map"], value.numpy())
    assert (found.meta["shape"], found.meta["range"]) == ([1, 4, 6], [-1, 2])
    assert found.meta["peak"] == [(3 + 0.5) / 4, (5 + 0.5) / 6]
    half = reduce("map", value.half())
    assert half.arrays["map"].dtype == np.float32


def test_several_maps_have_their_own_shapes():
    found = reduce("map", [torch.ones(1, 2, 3), torch.zeros(1, 4, 5)])
    assert list(found.arrays) == ["map0", "map1"]
    assert (found.meta["shape"], found.meta["range"]) == ([[1, 2, 3], [1, 4, 5]], [0, 1])
    assert "peak" not in found.meta


def test_maps_that_are_not_finite_say_so():
    found = reduce("map", torch.tensor([[[1.0, float("nan")], [float("inf"), -2.0]]]))
    assert found.meta["note"] == "2 values are not finite and drawn as zero"
    assert found.meta["range"] == [-2, 1]
    assert np.isnan(found.arrays["map"][0, 0, 1]), "the array itself is as the method returned it"
    found = reduce("map", [torch.ones(1, 2, 2), torch.tensor([[[0.5, float("nan")]]])])
    assert found.meta["note"] == "1 values are not finite and drawn as zero" and found.meta["range"] == [0, 1]


def test_probabilities_are_kept_in_full():
    value = torch.tensor([[0.25, 0.75]])
    assert np.array_equal(reduce("channels", value, "softmax").arrays["map"], value.numpy())


@given(arrays(np.float32, st.tuples(st.integers(1, 4), st.just(1), st.just(3), st.just(3)), elements=NUMBERS))
def test_frames_come_back_within_a_thousandth_of_the_largest(values):
    kept = reduce_frames(list(torch.from_numpy(values)))
    assert kept["frames"].dtype == np.float16
    assert np.abs(frames_again(kept) - values).max() <= 1e-3 * max(np.abs(values).max(), 1e-4)
