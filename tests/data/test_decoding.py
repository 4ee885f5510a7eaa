"""Decoding keeps to limits of time, memory and frames; and colours come out as a file's tags say, at any depth."""

import os
import resource
import signal
import struct
import subprocess
import sys
import threading
import time
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from bad_pictures import chunk, encoded, noise
from PIL import Image, ImageCms
from repository import ROOT

from generator.core.errors import ImageError
from generator.data import decode as decoding
from generator.data import decoder, frame_count, tiff_pieces
from generator.data.decode import decode
from generator.data.images import read_images

RAMP = np.linspace(0, 1, 320).reshape(16, 20)
GREYS = np.rint(RAMP * 255)


# --- files --------------------------------------------------------------------------------------------


def tiff(values: np.ndarray, tags: dict[int, int], frames: int = 1, packed=bytes) -> bytes:
    """A TIFF of one channel and one strip whose directory says what one likes; all frames are the same."""
    data = packed(values.tobytes())
    entries = {256: values.shape[1], 257: values.shape[0], 258: 8 * values.itemsize, 259: 1, 262: 1, 277: 1}
    entries |= {278: values.shape[0], 279: len(data), 339: 1} | tags
    size = 2 + 12 * (len(entries) + 1) + 4
    entries[273] = 8 + size * frames
    content = bytearray(b"II*\0" + struct.pack("<I", 8))
    for number in range(frames):
        content += struct.pack("<H", len(entries))
        content += b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(entries.items()))
        content += struct.pack("<I", 8 + size * (number + 1) if number + 1 < frames else 0)
    return bytes(content) + data


def png(values: np.ndarray, kind: int, *chunks: bytes) -> bytes:
    """A PNG of 8 or 16 bits with any chunks one likes; `kind` is 0 of greys, 2 of colours."""
    bits = 8 * values.itemsize
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", values.shape[1], values.shape[0], bits, kind, 0, 0, 0))
    rows = values.astype(values.dtype.newbyteorder(">")).reshape(values.shape[0], -1)
    data = b"".join(b"\0" + row.tobytes() for row in rows)
    body = chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + body


def gif(frames: int) -> bytes:
    """A GIF of many frames of one pixel."""
    image = b",\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0"
    return b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff" + image * frames + b";"


# --- limits -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("frames", [3, 999, 1000, 1001, 40_000])
def test_frames_are_not_counted_past_a_bound(frames):
    """40,000 took 12 seconds, ten times as many for ever."""
    expected = f"first frame of {frames}" if frames <= 1000 else "first frame of more than 1,000"
    contents = {"tiff": tiff(np.zeros((2, 2), np.uint8), {}, frames), "gif": gif(frames)}
    for kind, content in contents.items():
        began = time.monotonic()
        assert decode(content, kind)[1] == expected, kind
        assert time.monotonic() - began < 5


def test_directories_in_a_circle_end(monkeypatch):
    content = bytearray(tiff(np.zeros((2, 2), np.uint8), {}, 2))
    second = struct.unpack_from("<I", content, 8 + 2 + 12 * struct.unpack_from("<H", content, 8)[0])[0]
    entries = struct.unpack_from("<H", content, second)[0]
    struct.pack_into("<I", content, second + 2 + 12 * entries, 8)
    assert decode(bytes(content))[1] == "first frame of 2"
    assert frame_count._gif_images(b"GIF89a" + bytes(7) + b"!\xff" + b"\x05") == 0, "blocks that lead out of the file"


def test_what_takes_too_long_costs_itself(monkeypatch):
    large = encoded(Image.new("RGB", (9000, 9000)), compress_level=1)
    monkeypatch.setattr(decoding, "TIME_LIMIT_S", 0.1)
    with pytest.raises(ImageError, match="large.png: expected a picture that is decoded within 0.1 s, it takes longer"):
        decode(large, "large.png")
    monkeypatch.undo()
    assert decode(encoded(noise(3, 2)))[0].size == (3, 2), "and the next one is read"


@pytest.fixture
def paused():
    """The decoder's process, stopped as a busy machine would stop it; it goes on in the end."""
    decode(encoded(noise(3, 2)))
    process = decoding._decoder._process
    process.send_signal(signal.SIGSTOP)
    yield process
    process.send_signal(signal.SIGCONT)


def test_waiting_for_a_busy_machine_does_not_count(paused, monkeypatch):
    monkeypatch.setattr(decoding, "TIME_LIMIT_S", 1.0)
    going_on = threading.Timer(1.5, paused.send_signal, [signal.SIGCONT])
    going_on.start()
    assert decode(encoded(noise(3, 2)))[0].size == (3, 2)
    going_on.join()
    time.sleep(0.1)
    assert decoding._decoder._process is paused and paused.poll() is None, "nor does what it does afterwards"


def test_waiting_for_ever_ends(paused, monkeypatch):
    monkeypatch.setattr(decoding, "WAIT_LIMIT_S", 0.2)
    with pytest.raises(ImageError, match="still.png: expected a picture that is decoded within 0.2 s, it takes longer"):
        decode(encoded(noise(3, 2)), "still.png")


def test_a_decoder_that_dies_costs_its_picture(paused, monkeypatch):
    """After it was asked, before it answers."""
    read = decoding._read

    def killed(process, count):
        process.kill()
        return read(process, count)

    with monkeypatch.context() as patch, pytest.raises(ImageError, match=r"victim.png: .* ended over it \(SIGKILL\)"):
        patch.setattr(decoding, "_read", killed)
        decode(encoded(noise(3, 2)), "victim.png")
    assert decode(encoded(noise(3, 2)))[0].size == (3, 2)
    decoding._decoder._process.kill()
    decoding._decoder._process.wait()
    assert decode(encoded(noise(3, 2)))[0].size == (3, 2), "also where it was gone before"


def test_an_interrupt_leaves_no_answer_for_the_next_picture(monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(decoding, "_read", interrupt)
        with pytest.raises(KeyboardInterrupt):
            decode(encoded(noise(7, 7)))
    assert decode(encoded(noise(3, 2)))[0].size == (3, 2)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux keeps to a limit of address space")
def test_memory_beyond_the_limit_costs_the_picture(monkeypatch):
    """The limits are those of the process, so it is asked to read in one whose room is small."""
    program = (
        "import sys\nfrom generator.data import decoder\n"
        "decoder.ROOM, decoder.BYTES_PER_PIXEL = 2**20, 0\n"
        "try:\n    decoder.read(sys.stdin.buffer.read(), 'large.png')\n"
        "except MemoryError:\n    print('short of memory')\n"
    )
    large = encoded(Image.new("RGB", (9000, 9000)), compress_level=1)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", program], input=large, capture_output=True, env=environment)
    assert done.stdout == b"short of memory\n", done.stderr.decode()


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads the peak where Linux tells it")
@pytest.mark.parametrize("kind", ["floats", "sixteen bits", "turned jpeg", "profile"])
def test_the_peak_is_a_multiple_of_the_pixels(kind):
    """A small file of 99 megapixels of floats took 4 GB."""
    side = 5000
    if kind == "floats":
        content = encoded(Image.new("F", (side, side), 0.5), "TIFF", compression="tiff_adobe_deflate")
    elif kind == "sixteen bits":
        content = encoded(Image.new("I;16", (side, side), 700), "TIFF", compression="tiff_adobe_deflate")
    else:
        exif = Image.Exif()
        exif[0x0112] = 6
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        options = {"exif": exif.tobytes()} if kind == "turned jpeg" else {"icc_profile": swapped(profile)}
        content = encoded(Image.new("RGB", (side, side), (90, 40, 200)), "JPEG", **options)
    program = (
        "import resource, sys\nfrom generator.data import decoder\ncontent = sys.stdin.buffer.read()\n"
        "from generator.data import srgb; import numpy\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "decoder.read(content, 'large')\nprint(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", program], input=content, capture_output=True, env=environment)
    assert done.returncode == 0, done.stderr.decode()
    assert int(done.stdout) * 1024 < 16 * side**2 + 64 * 2**20, "half of what it may take of address space"


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux keeps to a limit of address space")
def test_a_picture_after_one_that_took_too_much_memory_is_read(monkeypatch):
    """The process ends after that answer, if a moment later; the next picture met it on its way out."""
    serve = "importlib.import_module({decoder!r})"
    small = f"{serve}.ROOM, {serve}.BYTES_PER_PIXEL = 2**24, 0\n"
    program = decoding.PROGRAM.replace(f"{serve}.serve()", f"{small}{serve}.serve()\nimport time; time.sleep(2)")
    monkeypatch.setattr(decoding, "PROGRAM", program)
    decoding._decoder.close()
    try:
        for _ in range(2):
            with pytest.raises(ImageError, match=r"large.png: expected .* it takes more"):
                decode(encoded(Image.new("RGB", (5000, 5000)), compress_level=1), "large.png")
            assert decode(encoded(noise(3, 2)))[0].size == (3, 2)
    finally:
        decoding._decoder.close()


def test_the_limits_are_as_they_were_after_each_picture():
    before = resource.getrlimit(resource.RLIMIT_AS)
    decoder.read(encoded(noise(3, 2)), "small")
    decoder._limit_memory(None)
    assert resource.getrlimit(resource.RLIMIT_AS)[1] == before[1]


def test_the_decoder_is_of_this_very_package():
    """Another one may be installed, as in the environment of a repository."""
    decode(encoded(noise(3, 2)))
    command = Path(f"/proc/{decoding._decoder._process.pid}/cmdline")
    if not command.exists():
        pytest.skip("reads its command line where Linux shows it")
    assert str(ROOT / "generator/__init__.py").encode() in command.read_bytes()


# --- depth --------------------------------------------------------------------------------------------


def grey(content: bytes) -> tuple[np.ndarray, str]:
    picture, note = decode(content, "grey")
    values = np.asarray(picture.convert("RGB")).astype(int)
    assert (values[..., 0] == values[..., 1]).all()
    return values[..., 0], note


def test_white_is_zero_where_the_file_says_so():
    for dtype, most in ((np.uint8, 255), (np.uint16, 65535)):
        stored = np.rint((1 - RAMP) * most).astype(dtype)
        assert np.abs(grey(tiff(stored, {262: 0}))[0] - GREYS).max() <= 1, dtype
    stored = (1 - RAMP).astype(np.float32)
    values, note = grey(tiff(stored, {262: 0, 339: 3}))
    assert np.abs(values - GREYS).max() <= 1 and note == "1 drawn black, 0 white"


def test_twelve_bits_are_scaled_by_what_they_can_hold():
    values = np.rint(RAMP * 4095).astype(int)
    packed = bytearray()
    for one, other in values.reshape(-1, 2):
        packed += bytes([one >> 4, (one & 15) << 4 | other >> 8, other & 255])
    stored = np.frombuffer(bytes(packed), np.uint8).reshape(16, 30)
    seen, note = grey(tiff(stored, {256: 20, 258: 12}))
    assert np.abs(seen - GREYS).max() <= 1 and note == "12 bits a pixel reduced to 8"


def test_unsigned_numbers_of_32_bits_do_not_wrap():
    stored = np.rint(RAMP * (2**32 - 1)).astype(np.uint32)
    seen, note = grey(tiff(stored, {}))
    assert np.abs(seen - GREYS).max() <= 1 and note == "0 drawn black, 4.29497e+09 white"


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.uint32])
def test_small_values_of_many_bits_are_not_nearly_black(dtype):
    """Labels, say, or depths in millimetres."""
    seen, note = grey(tiff(np.rint(RAMP * 100).astype(dtype), {339: 1 if dtype == np.uint32 else 2}))
    assert np.abs(seen - GREYS).max() <= 2 and note == "0 drawn black, 100 white"


DEEP = [(np.float16, 3), (np.float64, 3), (np.int8, 2), (np.int64, 2), (np.uint64, 1)]


@pytest.mark.parametrize("deflated", [False, True])
@pytest.mark.parametrize(("dtype", "kind"), DEEP)
def test_values_that_pillow_lacks_are_drawn_between_their_ends(dtype, kind, deflated):
    """Their smallest and largest; signed bytes it takes for others."""
    stored = np.rint(RAMP * 200 - 100 * (kind != 1)).astype(dtype)
    begin = stored.astype(float).min()
    compression = {259: 8} if deflated else {}
    seen, note = grey(tiff(stored, {339: kind, **compression}, packed=zlib.compress if deflated else bytes))
    assert np.abs(seen - (stored.astype(float) - begin) / 200 * 255).max() <= 0.51
    assert note == f"{begin:g} drawn black, {begin + 200:g} white"


def test_deep_colours_turned_and_white_is_zero(monkeypatch):
    """In colours all three have one range; NaN is black, infinity white; strips may be short and rows come in bands."""
    monkeypatch.setattr(tiff_pieces, "BAND_BYTES", 600)
    colours = np.dstack([RAMP, RAMP / 2, 1 - RAMP])
    tags = {256: 20, 257: 16, 258: 64, 262: 2, 277: 3, 339: 3}
    seen, note = decoder.read(tiff(colours, {**tags, 274: 6}), "turned")
    expected = np.rot90(np.rint(colours * 255), -1)
    assert np.abs(np.asarray(seen).astype(int) - expected).max() <= 1 and note == "0 drawn black, 1 white"
    odd = np.where(RAMP < 0.5, np.nan, np.where(RAMP > 0.9, np.inf, RAMP))
    values = np.asarray(decoder.read(tiff(odd, {339: 3}), "odd")[0])[..., 0]
    assert (values[RAMP < 0.5] == 0).all() and (values[RAMP > 0.9] == 255).all()
    for values in (np.full((2, 2), np.inf, np.float32), np.full((2, 2), np.nan, np.float64)):
        assert decoder.read(tiff(values, {339: 3}), "none")[1] == "none of its values is finite"
    inverted, note = decoder.read(tiff(RAMP, {339: 3, 262: 0}), "inverted")
    assert np.abs(np.asarray(inverted)[..., 0] - (255 - GREYS)).max() <= 1 and note == "1 drawn black, 0 white"
    wide = np.array([[-1.5e308, 0, 1.5e308]])
    assert np.asarray(decoder.read(tiff(wide, {339: 3}), "wide")[0])[0, :, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize(
    ("tags", "what"),
    [
        ({259: 34925}, "64-bit floats compressed by method 34925"),
        ({317: 4}, "64-bit floats with predictor 4"),
        ({277: 2}, "64-bit floats in 2 channels of photometric kind 1"),
        ({339: 6}, "64-bit values"),
        ({258: 24}, "24-bit floats"),
    ],
)
def test_values_that_are_not_read_are_named(tags, what):
    expected = f"deep.tif: .* not compressed, deflated, LZW or PackBits; there is one of {what}, which is not read"
    with pytest.raises(ImageError, match=expected):
        decode(tiff(RAMP, {339: 3, **tags}), "deep.tif")


def test_a_line_on_values_is_short_whatever_they_are():
    """As fuzzing has it: bits a value are listed in the pixels, hundreds of them."""
    whole = tiff(np.arange(320, dtype=np.uint64).reshape(16, 20), {})
    entry = whole.index(struct.pack("<HHI", 258, 4, 1))
    content = whole[:entry] + struct.pack("<HHII", 258, 4, 300, len(whole) - 2560) + whole[entry + 12 :]
    with pytest.raises(ImageError, match=r"one of 0/1/2/\.\.\.-bit unsigned whole numbers, which is not read$"):
        decode(content, "listed.tif")


def test_deep_values_whose_rows_are_missing_are_damaged():
    whole = tiff(RAMP, {339: 3})
    for content in (whole[:-1000], tiff(RAMP, {339: 3, 257: 17}), tiff(RAMP, {339: 3, 259: 8})):
        with pytest.raises(ImageError, match="short: expected a whole TIFF picture, it is damaged"):
            decode(content, "short")
    with pytest.raises(ImageError, match="expected at most 100,000,000 pixels"):
        decode(tiff(RAMP, {339: 3, 256: 2**23}), "large")


def test_sixteen_bit_colours_are_told_to_be_reduced():
    colours = np.dstack([RAMP] * 3)
    seen, note = grey(png(np.rint(colours * 65535).astype(np.uint16), 2))
    assert np.abs(seen - GREYS).max() <= 1 and note == "16 bits a channel reduced to 8"


def test_transparency_by_a_key_of_sixteen_bits():
    stored = np.full((4, 4), 1000, np.uint16)
    stored[0] = 1001
    picture, _ = decode(png(stored, 0, chunk(b"tRNS", struct.pack(">H", 1000))))
    assert picture.mode == "RGBA"
    assert (np.asarray(picture)[..., 3] == np.where(stored == 1000, 0, 255)).all(), "neighbours in value stay"
    colours = np.full((4, 4, 3), 30000, np.uint16)
    colours[0] = 9000
    picture, _ = decode(png(colours, 2, chunk(b"tRNS", struct.pack(">HHH", 9000, 9000, 9000))))
    assert (np.asarray(picture)[..., 3] == np.where(colours[..., 0] == 9000, 0, 255)).all()


# --- colour -------------------------------------------------------------------------------------------


def swapped(profile: bytes) -> bytes:
    """A profile whose red is blue and whose blue is red; its name still says sRGB."""
    return profile.replace(b"rXYZ", b"?XYZ", 1).replace(b"bXYZ", b"rXYZ", 1).replace(b"?XYZ", b"bXYZ", 1)


def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def test_a_profile_is_what_its_tags_say_not_its_name():
    photo = noise(20, 16)
    same, note = decode(encoded(photo, icc_profile=srgb_profile()))
    assert (np.asarray(same) == np.asarray(photo)).all() and note == ""
    seen, note = decode(encoded(photo, icc_profile=swapped(srgb_profile())))
    assert np.abs(np.asarray(seen).astype(int) - np.asarray(photo)).mean() > 20 and note.startswith("colours from sRGB")


def grey_profile(gamma: float) -> bytes:
    """A profile of greys alone, of version 2."""
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    white = b"XYZ " + bytes(4) + struct.pack(">III", 0xF6D6, 0x10000, 0xD32D)
    words = b"desc" + bytes(4) + struct.pack(">I", 5) + b"dim \0" + bytes(79)
    blocks = {b"desc": words + bytes(-len(words) % 4), b"wtpt": white, b"kTRC": curve}
    place, table, body = 128 + 4 + 12 * len(blocks), struct.pack(">I", len(blocks)), b""
    for tag, block in blocks.items():
        table += tag + struct.pack(">II", place + len(body), len(block))
        body += block
    head = bytearray(128)
    struct.pack_into(">I4sI4s4s4s", head, 0, place + len(body), b"\0\0\0\0", 0x02400000, b"mntr", b"GRAY", b"XYZ ")
    head[36:40] = b"acsp"
    struct.pack_into(">III", head, 68, 0xF6D6, 0x10000, 0xD32D)
    return bytes(head) + table + body


def test_profiles_of_greys_are_kept():
    """Whether there is alpha beside them or there are sixteen bits."""
    light = GREYS / 255
    expected = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 255
    levels = Image.fromarray(GREYS.astype(np.uint8))
    both = Image.merge("LA", (levels, Image.new("L", levels.size, 128)))
    deep = Image.fromarray(np.rint(RAMP * 65535).astype(np.uint16))
    for picture in (levels, both, deep):
        seen, note = grey(encoded(picture, icc_profile=grey_profile(1.0)))
        assert np.abs(seen - expected).max() <= 4 and "colours from dim" in note, picture.mode
    seen, note = grey(encoded(levels, icc_profile=srgb_profile()))
    assert (seen == GREYS).all() and note == "", "a profile of colours serves for greys as well"


def test_gamma_primaries_and_coding_of_a_png():
    colours = np.dstack([GREYS, GREYS[::-1], GREYS[:, ::-1]]).astype(np.uint8)
    linear = chunk(b"gAMA", struct.pack(">I", 100_000))
    seen, note = decode(png(colours, 2, linear))
    light = colours / 255
    expected = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 255
    assert np.abs(np.asarray(seen) - expected).max() <= 1 and note == "colours from gAMA 1"
    usual = chunk(b"gAMA", struct.pack(">I", 45_455))
    assert (np.asarray(decode(png(colours, 2, usual))[0]) == colours).all()
    assert decode(png(colours, 2, chunk(b"sRGB", b"\0"), linear))[1] == "", "sRGB counts before gAMA"
    plain = chunk(b"cICP", bytes([1, 13, 0, 1]))
    assert decode(png(colours, 2, plain, linear))[1] == "", "and cICP before both"


def test_display_p3_by_profile_by_coding_and_by_primaries_is_one_picture():
    """Each of them brings pure green to the same place, out of sRGB; and a grey stays where it is."""
    colours = np.zeros((2, 2, 3), np.uint8)
    colours[0], colours[1] = (128, 128, 128), (120, 200, 90)
    p3 = (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060)
    primaries = chunk(b"cHRM", struct.pack(">8I", *(round(100_000 * value) for value in p3)))
    by_primaries, note = decode(png(colours, 2, chunk(b"gAMA", struct.pack(">I", 45_455)), primaries))
    assert note == "colours from cHRM"
    by_coding, note = decode(png(colours, 2, chunk(b"cICP", bytes([12, 13, 0, 1]))))
    assert note == "colours from cICP 12, 13"
    one, other = (np.asarray(seen).astype(int) for seen in (by_primaries, by_coding))
    assert np.abs(one - other).max() <= 1
    assert np.abs(other[0] - 128).max() <= 1 and np.abs(other[1] - (90, 202, 73)).max() <= 2, other[1]


def test_colours_that_are_not_converted_are_told():
    colours = np.zeros((2, 2, 3), np.uint8)
    told = {(9, 16): "HDR colours (PQ; cICP 9, 16)", (9, 18): "HDR colours (HLG; cICP 9, 18)", (22, 13): ""}
    for coding, kind in told.items():
        seen, note = decode(png(colours, 2, chunk(b"cICP", bytes([*coding, 0, 1]))))
        assert note == f"its {kind or 'colours (cICP 22, 13)'} are taken for sRGB"
        assert (np.asarray(seen) == colours).all()


def test_the_coding_of_an_avif_counts_as_that_of_a_png():
    photo = noise(20, 16)
    content = encoded(photo, "AVIF", quality=100)
    plain, note = decode(content)
    assert note == ""
    place = content.index(b"colrnclx") + 8
    for coding, said in {(2, 2): "", (12, 13): "colours from nclx 12, 13", (9, 16): "its HDR colours (PQ;"}.items():
        seen, note = decode(content[:place] + struct.pack(">HH", *coding) + content[place + 4 :])
        assert note.startswith(said) and bool(note) == bool(said)
        assert (np.asarray(seen) == np.asarray(plain)).all() == (coding[0] != 12)
    profiled = encoded(photo, "AVIF", icc_profile=swapped(srgb_profile()))
    assert decode(profiled)[1].startswith("colours from sRGB"), "a profile counts before it"


# --- every file is read or named -----------------------------------------------------------------------


def test_avif_is_read_and_what_is_not_read_is_named(tmp_path):
    noise(20, 16).save(tmp_path / "new.avif")
    for name in ("phone.heic", "phone.HEIF", "next.jxl", "scan.jp2", "layers.psd", "drawing.svg", "raw.dng"):
        (tmp_path / name).write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0")
    for name in ("notes.txt", "README.md", ".hidden.heic"):
        (tmp_path / name).write_text("words")
    examples, problems = read_images(tmp_path)
    assert [example.id for example in examples] == ["new"]
    failed = {one.name: one.message for one in problems if one.kind == "failed"}
    assert set(failed) == {"phone.heic", "phone.HEIF", "next.jxl", "scan.jp2", "layers.psd", "drawing.svg", "raw.dng"}
    assert failed["phone.heic"] == (
        "phone.heic: HEIC is not read: expected a JPEG, PNG, WebP, AVIF, GIF, BMP or TIFF picture; convert it"
    )


def test_damage_has_a_reason_whatever_a_decoder_raises(monkeypatch):
    def refuse(*_):
        raise ValueError

    monkeypatch.setattr(decoder, "to_srgb", refuse)
    with pytest.raises(ImageError, match="it is damaged: ValueError"):
        decoder.read(encoded(noise(3, 2)), "odd")
    buffer = BytesIO(encoded(noise(3, 2)))
    assert buffer.getvalue()[:4] == b"\x89PNG"
