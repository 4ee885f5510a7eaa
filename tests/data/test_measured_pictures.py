"""Pictures of any number of channels, 16 bits and floats: their values reach the network as they are, none is lost."""

import io

import measured_files
import numpy as np
import pytest
from measured_files import lzw, npy, png16, tiff
from PIL import Image

from generator.config.image_entries import ImageEntry
from generator.core.errors import ImageError
from generator.core.records import Input
from generator.data import decode, decoder, measured
from generator.data.images import read_image
from generator.data.preprocess import displayed, normalise, photo, shown_colours, whole
from generator.data.tiff_lzw import unpacked

RANDOM = np.random.default_rng(4)


def random(dtype, shape=(7, 5, 4)):
    kind = np.dtype(dtype)
    return RANDOM.normal(size=shape).astype(kind) if kind.kind == "f" else RANDOM.integers(
        np.iinfo(kind).min, np.iinfo(kind).max, shape, dtype=kind
    )  # fmt: skip


FORMS = [
    {},
    {"planar": True},
    {"packing": "deflate"},
    {"order": ">", "planar": True, "packing": "deflate"},
    {"packing": "lzw", "order": ">"},
    {"tile": (16, 16), "packing": "lzw"},
    {"tile": (16, 16), "planar": True, "order": ">"},
    {"packing": "packbits", "planar": True},
    {"tile": (16, 16), "packing": "packbits", "order": ">"},
]


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "u4", "f2", "f4", "f8"])
@pytest.mark.parametrize("form", FORMS)
def test_a_tiff_of_any_channels_comes_back(dtype, form):
    values = random(dtype, (21, 37, 4) if "tile" in form else (7, 5, 4))
    for predictor in (1, 2, 3) if values.dtype.kind == "f" else (1, 2):
        content = tiff(values, predictor=predictor, **form)
        assert np.array_equal(measured.read(content, "a.tif"), values), predictor


@pytest.mark.parametrize("packing", ["tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_what_libtiff_packed_comes_back(packing):
    """Pillow writes by libtiff: its LZW clears the table, its predictors are those of TIFF and of its third note."""
    smooth = np.add.outer(np.arange(150), 3 * np.arange(170))
    for dtype, predictors in (("u2", (1, 2)), ("f4", (1, 2, 3))):
        values = (smooth + RANDOM.integers(0, 900, smooth.shape)).astype(dtype)
        for predictor in predictors if packing != "packbits" else (1,):
            stream = io.BytesIO()
            Image.fromarray(values).save(stream, "TIFF", compression=packing, tiffinfo={317: predictor})
            assert np.array_equal(measured.read(stream.getvalue(), "a.tif")[..., 0], values), (dtype, predictor)


@pytest.mark.parametrize(
    "raw",
    [b"", b"a", bytes(70_000), b"ab" * 9000, RANDOM.bytes(30_000), bytes(range(256)) * 40],
    ids=["nothing", "one byte", "flat", "two in turn", "noise", "ramps"],
)
def test_lzw_comes_back(raw):
    """Among them the code that stands for the entry it makes, and tables that fill up."""
    packed = lzw(raw)
    assert unpacked(packed, len(raw)) == raw
    assert unpacked(packed, len(raw) // 2) == raw[: len(raw) // 2], "no more than is wanted"
    assert raw.startswith(unpacked(packed[:-4], len(raw))), "a file cut off ends where its codes do"


@pytest.mark.parametrize(
    "packed, words",
    [
        (b"\x80\x60\x40", "LZW code 385 stands for nothing yet"),
        (b"\0\1\2", "its LZW codes are in the order of bits of TIFF 5, which is not read"),
        (lzw(bytes(100)), "row 5 of 9 is missing in strip 1"),
        (b"", "row 0 of 9 is missing in strip 1"),
    ],
)
def test_damaged_lzw_is_one_line(monkeypatch, packed, words):
    monkeypatch.setattr(measured_files, "lzw", lambda _: packed)
    content = tiff(random("u2", (9, 9, 1)), packing="lzw", rows=9)
    with pytest.raises(ImageError, match=f"^odd.tif: .* it is damaged: {words}$"):
        measured.read(content, "odd.tif")


@pytest.mark.parametrize(
    "packed, words",
    [
        (b"", "row 0 of 9 is missing in strip 1"),
        (b"\x80" * 50, "row 0 of 9 is missing in strip 1"),
        (b"\x9d\7\xff", "row 5 of 9 is missing in strip 1"),
        (b"\x7fabc", "row 0 of 9 is missing in strip 1"),
        (b"\x81\7\x7f" + bytes(30), "row 8 of 9 is missing in strip 1"),
    ],
    ids=["nothing", "no-operations", "a run without its byte", "bytes that lead out of the file", "cut off"],
)
def test_damaged_packbits_are_one_line(monkeypatch, packed, words):
    monkeypatch.setattr(measured_files, "packbits", lambda _: packed)
    content = tiff(random("u2", (9, 9, 1)), packing="packbits", rows=9)
    with pytest.raises(ImageError, match=f"^odd.tif: .* it is damaged: {words}$"):
        measured.read(content, "odd.tif")


def test_packbits_of_values_that_pillow_lacks_are_drawn():
    values = np.zeros((6, 10, 1))
    values[2:4, 3:] = np.linspace(0.25, 1, 7)[:, None]
    plain, packed = (decoder.read(tiff(values, packing=packing, rows=2), "a.tif")[0] for packing in ("", "packbits"))
    assert np.array_equal(np.asarray(plain), np.asarray(packed)) and np.asarray(plain).max() == 255


@pytest.mark.skipif(not decoder.COUNTS_COMPUTING, reason="limits of computing time need setitimer")
def test_lzw_without_end_costs_its_picture(monkeypatch):
    """Megabytes of codes that clear the table, and no value."""
    whole = tiff(np.full((9, 9, 1), 7, "u2"), packing="lzw", rows=9)
    monkeypatch.setattr(measured_files, "lzw", lambda _: bytes.fromhex("804020100804020100") * 350_000)
    content = tiff(np.zeros((9, 9, 1), "u2"), packing="lzw", rows=9)
    with monkeypatch.context() as limit:
        limit.setattr(decode, "TIME_LIMIT_S", 0.3)
        with pytest.raises(ImageError, match=r"slow.tif: expected a picture that is decoded within 0.3 s"):
            measured.read(content, "slow.tif")
    assert (measured.read(whole, "next.tif") == 7).all(), "the next one is read"


def test_pages_of_a_tiff_are_chosen():
    pages = [random("u2", (4, 6, 2)) for _ in range(3)]
    content = tiff(pages)
    assert np.array_equal(measured.read(content, "a.tif"), pages[0])
    assert np.array_equal(measured.read(content, "a.tif", 3), pages[2])
    with pytest.raises(ImageError, match="a.tif: frame 4: expected one from 1 to 3"):
        measured.read(content, "a.tif", 4)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_png_of_16_bits_comes_back(channels):
    values = random("u2", (11, 6, channels))
    read = measured.read(png16(values, [0, 1, 2, 3, 4]), "a.png")
    assert np.array_equal(read, values[..., :-1] if channels in (2, 4) else values), "transparency aside"


def test_pillow_reads_the_same_png():
    values = random("u2", (9, 8, 1))
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(png16(values, [4, 3, 1])))), values[..., 0])


@pytest.mark.parametrize(
    "shape, frame, seen",
    [((6, 9), 0, (6, 9, 1)), ((6, 9, 5), 0, (6, 9, 5)), ((5, 6, 9), 0, (6, 9, 5)), ((40, 6, 9), 7, (6, 9, 1)),
     ((4, 6, 9, 2), 2, (6, 9, 2))],
)  # fmt: skip
def test_arrays_and_their_slices(shape, frame, seen):
    values = random("f4", shape)
    assert measured.read(npy(values), "a.npy", frame).shape == seen
    assert np.array_equal(
        measured.read(npy(np.asfortranarray(values)), "a.npy", frame), measured.read(npy(values), "a.npy", frame)
    )


@pytest.mark.parametrize(
    "content, words",
    [
        (npy(np.array([{"a": 1}], object)), "expected an array of whole numbers or floats"),
        (npy(random("f4", (2, 3, 4, 5))), r"expected an array \(H, W\)"),
        (npy(random("f4"))[:-9], "it is damaged: 140 values of 4 bytes are more than there are"),
        (b"\x93NUMPY\x01\x00", "it is damaged: its header describes no array"),
        (b"\x93NUMPY\x01\x00\x04\x00(\n\0(", "it is damaged: its header describes no array"),
        (npy(random("f4")).replace(b"(7, 5, 4)", b"(7,-5,-4)"), "it is damaged: its header has a length that is none"),
        (tiff(random("u2"))[:60], "it is damaged|expected"),
        (png16(random("u2", (3, 3, 3)), [0])[:-30], "it is damaged"),
        (tiff(random("u2"), rows=2)[:-150], "it is damaged|expected"),
        (tiff(random("u4"), predictor=3), "one of 32-bit unsigned whole numbers in 4 channels with predictor 3"),
    ],
)
def test_what_cannot_be_read_is_one_line(content, words):
    with pytest.raises(ImageError, match=rf"^odd: .*(?:{words})"):
        measured.read(content, "odd")


# --- through the network's eyes ---------------------------------------------------------------------


def example(folder, name, content, **entry):
    (folder / name).write_bytes(content)
    return read_image(folder / name, ImageEntry(file=name, **entry))


def test_values_reach_the_network_as_they_are(tmp_path):
    """By hand: (value - low) / (high - low), less the mean, by the deviation; what is no number is the lowest."""
    values = RANDOM.integers(0, 4096, (8, 8, 5)).astype("u2")
    input = Input((5, 8, 8), (0.1, 0.2, 0.3, 0.4, 0.5), (0.5,) * 5, range=(0.0, 4095.0), display=(3, 2, 1))
    shown = example(tmp_path, "bands.tif", tiff(values))
    expected = (values.astype(np.float64) / 4095 - input.mean) / 0.5
    assert shown.size == (8, 8) and shown.note.startswith("5 channels, uint16; ")
    crop = photo(shown, input)
    np.testing.assert_allclose(normalise(crop, input)[0].transpose(1, 2, 0), expected, atol=1e-5)
    seen = np.rint(values[..., [2, 1, 0]] / 4095 * 255)
    assert displayed(crop, input).dtype == np.uint8 and np.array_equal(displayed(crop, input), seen)
    floats = values.astype("f4") / 4095
    floats[0, 0] = np.nan
    crop = photo(example(tmp_path, "floats.npy", npy(floats)), Input((5, 8, 8), (0,) * 5, (1,) * 5))
    assert (crop[0, 0] == 0).all() and np.allclose(crop[1:], 255 * floats[1:], atol=1e-3)


def test_each_channel_is_resized_as_a_grey_picture_is(tmp_path):
    grey = RANDOM.integers(0, 256, (20, 26)).astype("u1")
    Image.fromarray(grey).save(tmp_path / "grey.png")
    stacked = example(tmp_path, "stack.npy", npy(np.stack([grey] * 4, -1)))
    for fit in ("crop", "pad"):
        wants = {"fit": fit, "resize": 12 if fit == "crop" else 0, "background": (0, 0, 0)}
        plain = photo(read_image(tmp_path / "grey.png"), Input((1, 10, 10), (0,), (1,), **wants))
        many = photo(stacked, Input((4, 10, 10), (0,) * 4, (1,) * 4, **wants))
        assert many.shape == (10, 10, 4) and np.abs(many - plain).max() < 1.01, "but for two roundings to 8 bits"


def test_sixteen_bits_are_not_rounded_where_a_range_says_so(tmp_path):
    values = (30000 + np.arange(64, dtype="u2")).reshape(8, 8, 1)
    shown = example(tmp_path, "deep.png", png16(values, [0]))
    deep = photo(shown, Input((1, 8, 8), (0,), (1,), range=(30000, 30063)))
    assert np.allclose(deep.reshape(-1), np.arange(64) * 255 / 63, atol=1e-3)
    assert photo(shown, Input((1, 8, 8), (0,), (1,))).dtype == np.uint8


def test_pictures_of_8_bits_stay_what_they_are(tmp_path):
    colours = RANDOM.integers(0, 256, (8, 8, 3)).astype("u1")
    Image.fromarray(colours).save(tmp_path / "c.png")
    seen = read_image(tmp_path / "c.png")
    input = Input((3, 8, 8), (0.5,) * 3, (0.5,) * 3)
    for wants in ({}, {"range": (0, 4095)}):
        assert np.array_equal(photo(seen, Input((3, 8, 8), (0.5,) * 3, (0.5,) * 3, **wants)), colours)
    assert np.array_equal(
        displayed(colours, Input(input.size, input.mean, input.std, display=(3, 2, 1))), colours[..., ::-1]
    )
    with pytest.raises(ImageError, match="c.png: expected a picture of 6 channels, as the network wants; there are 3"):
        photo(seen, Input((6, 8, 8), (0,) * 6, (1,) * 6))


def test_frames_and_slices_are_chosen(tmp_path):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    frames[0].save(tmp_path / "film.gif", save_all=True, append_images=frames[1:])
    input = Input((3, 8, 8), (0,) * 3, (1,) * 3)
    second = read_image(tmp_path / "film.gif", ImageEntry(file="film.gif", frame=2))
    assert (photo(second, input) == (0, 255, 0)).all() and second.note == "frame 2 of 3"
    assert (photo(read_image(tmp_path / "film.gif"), input) == (255, 0, 0)).all()
    with pytest.raises(ImageError, match="film.gif: frame 4: expected one from 1 to 3"):
        read_image(tmp_path / "film.gif", ImageEntry(file="film.gif", frame=4))
    volume = RANDOM.random((5, 8, 8)).astype("f4")
    slice_ = example(tmp_path, "scan.npy", npy(volume), frame=4)
    assert np.allclose(photo(slice_, Input((1, 8, 8), (0,), (1,)))[..., 0], 255 * volume[3], atol=1e-3)
    assert whole(slice_, Input((1, 8, 8), (0,), (1,)), 4).shape == (4, 4, 1)


def test_colours_of_many_channels_are_shown_by_three():
    input = Input((5, 4, 4), (0,) * 5, (1,) * 5, display=(5, 1, 2))
    gradient = RANDOM.normal(size=(1, 5, 4, 4))
    assert np.array_equal(shown_colours(gradient, input), gradient[:, [4, 0, 1]])
    assert shown_colours(gradient[0], input) is not None and shown_colours(gradient[0], input).shape == (5, 4, 4)
    grey = Input((2, 4, 4), (0,) * 2, (1,) * 2)
    assert shown_colours(gradient[:, :2], grey).shape == (1, 1, 4, 4)
