"""Values become colours by the definition: a file decodes to the codes and palette that a slow derivation gives."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from generator.drawing import styles
from generator.drawing.palettes import GREENS, GREYS, HEAT, SIGNED
from generator.drawing.rendered_image import SMALLEST
from generator.drawing.style_registry import STYLES
from generator.drawing.styles import draw, own_limit
from generator.drawing.tiles import colour_mosaic, cut, enlarge, mosaic, strongest

PHOTO = np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)
META = {"signed": False, "scale": [0.0, 1.0], "clipped": 0.0, "reduced": 1}
VALUES = st.floats(-1e4, 1e4, width=32)
MAPS = arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=VALUES)
RGB = arrays(np.float32, st.tuples(st.just(3), st.integers(1, 7), st.integers(1, 7)), elements=VALUES)


def decoded(picture, part="file"):
    suffix, data = picture.files[part]
    image = Image.open(io.BytesIO(data))
    assert {".png": "PNG", ".webp": "WEBP"}[suffix] == image.format
    return image


def codes(picture, palette):
    """What an indexed file holds, one value for each square of equal pixels."""
    image = decoded(picture)
    assert image.mode == "P"
    assert np.array_equal(np.array(image.getpalette(), np.uint8).reshape(-1, 3)[: len(palette)], palette)
    assert (image.width, image.height) == (picture.width, picture.height)
    return np.asarray(image)


def small(board, shape):
    """One pixel for each value; all pixels of a value's square must be equal, and the longer side long enough."""
    factor = board.shape[0] // shape[0]
    cells = board[::factor, ::factor]
    assert cells.shape[:2] == tuple(shape) and np.array_equal(enlarge(cells, factor), board)
    assert max(board.shape[:2]) >= SMALLEST > (factor - 1) * max(shape), "the least whole number of steps"
    return cells


def drawn(style, values, limit=None, meta=META, photo=PHOTO):
    return draw(style, {"map": np.asarray(values, np.float32)[None]}, meta, photo, limit)


# --- one quantity -----------------------------------------------------------------------------------


@given(MAPS)
def test_saliency_is_black_at_its_smallest_and_white_from_the_99th_percentile(values):
    values = np.abs(values)
    picture = drawn("grey", values)
    low, high = values.min(), np.percentile(values, 99)
    high = high if high > low else values.max()
    unit = np.clip((values - low) / (high - low), 0, 1) if high > low else np.zeros_like(values)
    found = small(codes(picture, GREYS), values.shape).astype(float)
    assert np.abs(found - 255 * unit).max() <= 0.51
    assert picture.scale == pytest.approx((low, high)) and picture.clipped == pytest.approx((values > high).mean())


@given(MAPS)
def test_a_signed_map_is_white_at_zero_and_as_far_either_side(values):
    picture = drawn("signed", values)
    limit = np.percentile(np.abs(values), 99.5) or np.abs(values).max()
    part = np.clip(values / limit, -1, 1) if limit else np.zeros_like(values)
    found = small(codes(picture, SIGNED), values.shape).astype(float)
    assert np.abs(found - (128 + 127 * part)).max() <= 0.51
    assert (found[values == 0] == 128).all()
    assert picture.scale == pytest.approx((-limit, limit))


def test_the_scale_of_several_pictures_is_the_largest_of_theirs():
    weak, strong = np.linspace(0, 1, 12).reshape(3, 4), np.linspace(0, 4, 12).reshape(3, 4)
    limits = [own_limit("signed", {"map": one[None]}) for one in (weak, strong)]
    both = [small(codes(drawn("signed", one, max(limits)), SIGNED), one.shape) for one in (weak, strong)]
    assert np.abs(both[0] - 128.0 - (both[1] - 128.0) / 4).max() <= 1
    assert [drawn("signed", one, max(limits)).scale for one in (weak, strong)] == [(-max(limits), max(limits))] * 2


# --- colours ----------------------------------------------------------------------------------------


@given(RGB)
def test_colour_has_the_same_mid_grey_wherever_zero_is(values):
    picture = drawn("colour", values)
    limit = np.percentile(np.abs(values), 99.9) or np.abs(values).max()
    unit = 0.5 + 0.5 * np.clip(values / limit, -1, 1) if limit else np.full(values.shape, 0.5)
    found = small(np.asarray(decoded(picture)), values.shape[1:]).astype(float)
    assert np.abs(found - 255 * unit.transpose(1, 2, 0)).max() <= 0.51
    assert (found[values.transpose(1, 2, 0) == 0] == 128).all()


@given(RGB)
def test_the_classic_look_spans_smallest_to_largest_over_all_channels(values):
    picture = drawn("classic", values)
    low, high = values.min(), values.max()
    unit = (values - low) / (high - low) if high > low else np.full(values.shape, 0.5)
    found = small(np.asarray(decoded(picture)), values.shape[1:]).astype(float)
    assert np.abs(found - 255 * unit.transpose(1, 2, 0)).max() <= 0.51
    assert picture.scale == (low, high)


@pytest.mark.parametrize("style", ["colour", "classic"])
def test_one_channel_is_drawn_in_grey(style):
    board = np.asarray(decoded(drawn(style, np.linspace(-1, 1, 12).reshape(1, 3, 4))))
    assert board.shape[2] == 3 and (board == board[..., :1]).all()


# --- what is flat or broken -------------------------------------------------------------------------


@pytest.mark.parametrize("value", [0.0, 1.0, 1e-30, 3e30])
@pytest.mark.parametrize("style", ["colour", "classic", "grey", "signed", "overlay"])
def test_a_constant_map_is_drawn_flat(style, value):
    shape = (3, 6, 9) if style in ("colour", "classic") else (6, 9)
    photo = np.full((6, 9, 3), 90, np.uint8)
    picture = drawn(style, np.full(shape, value), photo=photo)
    board = np.asarray(decoded(picture, "map" if style == "overlay" else "file"))
    assert len(np.unique(board.reshape(-1, board.shape[2] if board.ndim == 3 else 1), axis=0)) == 1
    assert picture.clipped == 0


@pytest.mark.parametrize("style", ["colour", "classic", "grey", "signed", "overlay"])
def test_what_is_not_finite_is_drawn_as_zero(style):
    shape = (3, 6, 9) if style in ("colour", "classic") else (6, 9)
    values = np.random.default_rng(1).random(shape)
    broken, mended = values.copy(), values.copy()
    for place, bad in (((..., 0, 0), np.nan), ((..., 1, 2), np.inf), ((..., 2, 1), -np.inf)):
        broken[place], mended[place] = bad, 0
    assert drawn(style, broken).files == drawn(style, mended).files


# --- maps over the photo ----------------------------------------------------------------------------


def test_an_overlay_is_bilinear_between_cells():
    values = np.zeros((8, 8))
    values[2, 5] = 4
    picture = drawn("overlay", values, photo=np.full((224, 224, 3), 100, np.uint8))
    bare = np.asarray(decoded(picture, "map"))
    assert bare.shape == (8, 8) and bare[2, 5] == 255 and np.count_nonzero(bare) == 1
    assert picture.scale == (0, 4) and (picture.width, picture.height) == (224, 224)
    board = styles.over_photo((values / 4).astype(np.float32), np.full((224, 224, 3), 100, np.uint8)).astype(float)
    level = np.asarray(Image.fromarray((values / 4).astype(np.float32)).resize((224, 224), Image.Resampling.BILINEAR))
    heat = HEAT[(level * 255).round().astype(int)].astype(float)
    alpha = (0.12 + 0.58 * level)[..., None]
    assert np.abs(board - ((1 - alpha) * 100 + alpha * heat)).max() <= 0.5
    peak = np.unravel_index(level.argmax(), level.shape)
    assert peak[0] // 28 == 2 and peak[1] // 28 == 5
    assert level[2 * 28 + 14, 5 * 28 + 28] == pytest.approx(0.5, abs=0.03), "half way to the next cell"


def test_a_coarse_map_shows_its_grid_and_a_fine_one_none():
    plain = np.full((224, 224, 3), 100, np.uint8)

    def lines(side):
        return int(
            (np.diff(styles.over_photo(np.zeros((side, side), np.float32), plain)[5, :, 0].astype(int)) > 0).sum()
        )

    assert (lines(7), lines(8)) == (6, 0)


def test_a_small_photo_is_enlarged_by_whole_steps():
    picture = drawn("overlay", np.eye(4))
    assert (picture.width, picture.height) == (48 * 5, 32 * 5)
    preprocessed = drawn("photo", np.zeros((3, 32, 48)))
    assert np.array_equal(small(np.asarray(decoded(preprocessed)), (32, 48)), PHOTO), "every pixel of the crop as it is"


def test_a_strip_holds_each_map_on_its_own_scale():
    maps = {f"map{index}": np.eye(3, dtype=np.float32)[None] * 10.0**index for index in range(3)}
    picture = draw("strip", maps, META, np.full((32, 48, 3), 120, np.uint8), None)
    layout = picture.sprite
    assert (layout["channels"], layout["columns"], layout["rows"]) == (3, 3, 1)
    board = np.asarray(decoded(picture)).astype(int)
    width, gap = layout["tile"][0], layout["gap"]
    assert board.shape == (layout["tile"][1], 3 * width + 2 * gap, 3)
    first, last = board[:, :width], board[:, 2 * (width + gap) :]
    assert np.abs(first - last).mean() < 3, "the same map, whatever its size"


# --- boards of many ---------------------------------------------------------------------------------


@given(arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 5), st.integers(1, 5))), st.integers(0, 3))
def test_every_tile_of_a_mosaic_is_where_the_layout_says(tiles, gap):
    board, columns, rows = mosaic(tiles, gap, blank=7)
    count, height, width = tiles.shape
    assert board.shape == (rows * (height + gap) - gap, columns * (width + gap) - gap)
    seen = np.zeros(board.shape, bool)
    for index, tile in enumerate(tiles):
        top, left = (index // columns) * (height + gap), (index % columns) * (width + gap)
        assert np.array_equal(board[top : top + height, left : left + width], tile)
        seen[top : top + height, left : left + width] = True
    assert (board[~seen] == 7).all()
    assert rows * columns >= count > (rows - 1) * columns


@pytest.mark.parametrize("signed", [False, True])
def test_a_sprite_tells_where_its_channels_are(signed):
    given_codes = np.random.default_rng(2).integers(1, 255, (6, 4, 5), dtype=np.uint8)
    meta = {**META, "signed": signed, "scale": [-2.0 if signed else 0.0, 2.0], "clipped": 0.25, "reduced": 1.5}
    picture = draw("sprite", {"codes": given_codes}, meta, None, None)
    board, layout = codes(picture, SIGNED if signed else GREENS), picture.sprite
    width, height = layout["tile"]
    step = layout["factor"]
    for index, channel in enumerate(given_codes):
        top = (index // layout["columns"]) * (height + layout["gap"])
        left = (index % layout["columns"]) * (width + layout["gap"])
        assert np.array_equal(board[top : top + height : step, left : left + width : step], channel)
    assert layout["channels"] == 6 and layout["reduced"] == 1.5
    assert (picture.scale, picture.clipped) == (tuple(meta["scale"]), 0.25)
    assert max(board.shape) >= SMALLEST


def test_a_vector_is_a_grid_of_cells():
    picture = draw("sprite", {"codes": np.arange(10, dtype=np.uint8).reshape(10, 1, 1)}, META, None, None)
    board, layout = codes(picture, GREENS), picture.sprite
    assert layout["gap"] == 0 and layout["tile"] == [layout["factor"]] * 2
    cells = board[:: layout["factor"], :: layout["factor"]].ravel()
    assert cells[:10].tolist() == list(range(10)) and (cells[10:] == 255).all()


def test_the_classes_are_bars_from_the_most_probable():
    values = np.array([[0.1, 0.6, 0.3]], np.float32)
    meta = {"names": {"1": "bee", "0": "ant", "2": "a name much too long for the room that there is for it"}}
    picture = draw("sprite", {"map": values}, meta, None, None)
    board = codes(picture, GREENS)
    bars = [(board[4 + 22 * row + 10, 164:384] == 170).sum() for row in range(3)]
    assert bars == [round(220 * p) + 1 for p in (0.6, 0.3, 0.1)]
    assert board.shape == (3 * 22 + 8, 448)


def test_kernels_of_the_first_layer_are_colours_around_mid_grey():
    weight = np.random.default_rng(3).normal(size=(5, 3, 3, 3)).astype(np.float32)
    picture = draw("filters", {"map": weight}, META, None, None)
    layout, limit = picture.sprite, np.abs(weight).max()
    board = np.asarray(decoded(picture)).astype(float)
    width, height = layout["tile"]
    for index, kernel in enumerate(weight):
        top = (index // layout["columns"]) * (height + layout["gap"])
        left = (index % layout["columns"]) * (width + layout["gap"])
        tile = board[top : top + height : layout["factor"], left : left + width : layout["factor"]]
        assert np.abs(tile - 255 * (0.5 + 0.5 * kernel.transpose(1, 2, 0) / limit)).max() <= 0.51
    assert layout["shown"] == [0, 1, 2, 3, 4]


def test_of_deeper_kernels_the_strongest_slices_are_shown_in_their_order():
    weight = np.zeros((40, 50, 3, 3), np.float32)
    weight[5:38, 10:45] = np.random.default_rng(4).normal(size=(33, 35, 3, 3))
    weight[5] /= 100
    picture = draw("filters", {"map": weight}, META, None, None)
    outputs, inputs = strongest(weight, 32)
    assert picture.sprite["shown"] == outputs.tolist() == list(range(6, 38))
    assert (picture.sprite["columns"], picture.sprite["rows"]) == (len(inputs), len(outputs))
    board, layout = codes(picture, SIGNED), picture.sprite
    top, left = 2 * (layout["tile"][1] + layout["gap"]), 3 * (layout["tile"][0] + layout["gap"])
    step = layout["factor"]
    tile = board[top : top + layout["tile"][1] : step, left : left + layout["tile"][0] : step]
    expected = 128 + 127 * weight[outputs[2], inputs[3]] / np.abs(weight).max()
    assert np.abs(tile - expected).max() <= 0.51


def test_windows_are_cut_around_what_is_not_zero():
    pictures = np.zeros((2, 3, 9, 9), np.float32)
    pictures[0, 1, 2:5, 3:5] = 1
    pictures[1, 2, 8, 0] = 2
    windows = cut(pictures)
    assert windows.shape == (2, 3, 3, 2)
    assert windows[0].sum() == 6 and windows[1].sum() == 2
    colours = colour_mosaic(np.zeros((4, 3, 2, 2), np.uint8), 1, 255)[0]
    assert colours.shape == (5, 5, 3)


# --- all of them ------------------------------------------------------------------------------------


def example(style):
    random = np.random.default_rng(5)
    if style == "sprite":
        return {"codes": random.integers(0, 255, (3, 4, 4), dtype=np.uint8)}
    if style == "strip":
        return {"map0": random.random((1, 4, 6)), "map1": random.random((1, 2, 3))}
    if style == "patches":
        places = {name: random.integers(0, 24, (4, 5)) for name in ("images", "places")}
        return {"values": random.random((4, 5)).astype(np.float32), **places}
    shape = {"filters": (2, 3, 3, 3), "units": (2, 3, 12, 12), "photo": (1, 3, 32, 48), "picture": (1, 3, 32, 48)}
    shape = shape | {"pictures": (5, 3, 12, 12), "dreams": (3, 3, 12, 16)}
    shape = shape.get(style) or ((1, 3, 32, 48) if style in ("colour", "classic") else (1, 32, 48))
    return {"map": random.random(shape).astype(np.float32)}


BOARD = {"space": [4, 6], "input": [3, 32, 48], "mean": [0.5, 0.4, 0.3], "silent": True}
BOARD["field"] = {"size": [9, 9], "jump": [8, 8], "start": [-1, -1]}


@pytest.mark.parametrize("style", list(STYLES))
def test_a_picture_is_the_same_each_time_and_its_size_is_told(style):
    meta, photo = (META | BOARD, lambda number: np.roll(PHOTO, number, 1)) if style == "patches" else (META, PHOTO)
    one, again = (draw(style, example(style), meta, photo, own_limit(style, example(style))) for _ in range(2))
    assert one.files == again.files
    image = decoded(one)
    assert image.size == (one.width, one.height) and not image.info.get("exif")
    assert max(image.size) >= SMALLEST or style == "strip"
    for part in set(one.files) - {"file", "map"}:
        assert max(decoded(one, part).size) <= styles.THUMB


@pytest.mark.parametrize("style", [name for name, style in STYLES.items() if style.limit])
def test_a_limit_of_ones_own_changes_nothing(style):
    assert (
        draw(style, example(style), META, PHOTO, None).files
        == draw(style, example(style), META, PHOTO, own_limit(style, example(style))).files
    )


@pytest.mark.parametrize("palette", [GREYS, HEAT], ids=["greys", "heat"])
def test_a_palette_gets_lighter_all_the_way(palette):
    light = palette.astype(float) @ [0.2126, 0.7152, 0.0722]
    assert palette.shape == (256, 3) and (np.diff(light) >= -1).all() and light[-1] > light[0] + 100


def test_the_signed_palette_is_white_at_zero_and_the_greens_at_none():
    assert SIGNED[128].tolist() == GREENS[0].tolist() == [255, 255, 255]
    light = SIGNED.astype(float).sum(1)
    assert (np.diff(light[1:129]) >= 0).all() and (np.diff(light[128:]) <= 0).all()
    assert len({tuple(colour) for colour in SIGNED}) > 200
