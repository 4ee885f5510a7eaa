"""Files become Examples and crops: every kind of picture, every kind of damage, and torchvision's crop bit for bit."""

import hashlib
import os
import struct
import zlib
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from bad_pictures import STORED
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from generator.config.image_entries import ImageEntry
from generator.core.errors import ConfigError, ImageError
from generator.core.records import Example, Input
from generator.core.torchvision_import import torchvision
from generator.data.decode import decode
from generator.data.images import Problem, read_image, read_images
from generator.data.preprocess import normalise, photo

INPUT = Input(size=(3, 32, 32), mean=(0.4914, 0.4822, 0.4465), std=(0.2470, 0.2435, 0.2616))


def noise(width: int, height: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def encoded(picture: Image.Image, kind: str = "PNG", **options) -> bytes:
    file = BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def example(path: Path, **fields) -> Example:
    return replace(read_image(path), **fields)


@pytest.fixture
def folder(tmp_path):
    """An images folder with one picture, listed with its credit."""
    (tmp_path / "images").mkdir()
    Image.fromarray(noise(40, 30)).save(tmp_path / "images/cat.png")
    write(tmp_path / "images", "images: [{file: cat.png, credit: me}]")
    return tmp_path / "images"


def write(folder: Path, text: str) -> None:
    (folder / "images.yml").write_text(text, encoding="utf-8")


# --- decoding ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "BMP", "TIFF", "GIF", "JPEG"])
def test_every_format_is_read(kind):
    original = Image.new("RGB", (20, 10), (200, 40, 90))
    seen, note = decode(encoded(original, kind))
    assert (seen.mode, seen.size, note) == ("RGB", (20, 10), "")
    assert np.abs(np.asarray(seen).astype(int) - (200, 40, 90)).max() <= 4  # WebP and JPEG are lossy


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_exif_orientation_is_undone(kind, orientation):
    upright = noise(16, 8)
    stored = STORED[orientation](upright)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "WEBP" else {}
    seen, _ = decode(encoded(Image.fromarray(np.ascontiguousarray(stored)), kind, exif=exif.tobytes(), **options))
    assert np.array_equal(np.asarray(seen), upright)


def test_broken_exif_and_profile_do_not_lose_the_picture():
    content = encoded(Image.fromarray(noise(8, 8)), "PNG", exif=b"Exif\0\0MM\0*garbage", icc_profile=b"no profile")
    seen, note = decode(content)
    assert np.array_equal(np.asarray(seen), noise(8, 8))
    assert note == "its colour profile is not usable"


def test_a_profile_that_says_srgb_changes_nothing_and_one_of_other_colours_is_told():
    srgb, lab = (ImageCms.ImageCmsProfile(ImageCms.createProfile(kind)).tobytes() for kind in ("sRGB", "LAB"))
    for profile, expected in ((srgb, ""), (lab, "its colour profile is not usable")):
        seen, note = decode(encoded(Image.fromarray(noise(8, 8)), icc_profile=profile))
        assert np.array_equal(np.asarray(seen), noise(8, 8)) and note == expected


def test_adobe_rgb_becomes_srgb(repository):
    seen, note = decode(repository / "images/photos/rocket.jpg")
    plain = Image.open(repository / "images/photos/rocket.jpg").convert("RGB")
    assert note == "colours from Adobe RGB (1998)"
    assert 1 < np.abs(np.asarray(seen).astype(int) - np.asarray(plain)).mean() < 20


def test_palette_grey_and_bits_become_rgb():
    picture = Image.new("RGB", (6, 6), (255, 0, 0))
    assert decode(encoded(picture.quantize(4)))[0].getpixel((0, 0)) == (255, 0, 0)
    assert decode(encoded(Image.new("L", (4, 4), 77)))[0].getpixel((0, 0)) == (77, 77, 77)
    assert decode(encoded(Image.new("1", (4, 4), 1)))[0].getpixel((0, 0)) == (255, 255, 255)
    assert decode(encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "TIFF"))[0].getpixel((0, 0)) == (255, 0, 0)


def test_transparency_survives_in_every_mode():
    half = Image.fromarray(np.dstack([np.full((4, 4, 3), 90, np.uint8), np.full((4, 4), 128, np.uint8)]))
    assert decode(encoded(half))[0].mode == "RGBA"
    assert decode(encoded(half.convert("LA")))[0].getpixel((0, 0)) == (90, 90, 90, 128)
    palette = Image.new("P", (4, 4), 0)
    palette.putpalette([10, 20, 30, 40, 50, 60])
    assert decode(encoded(palette, transparency=0))[0].getpixel((0, 0)) == (10, 20, 30, 0)
    assert decode(encoded(Image.new("L", (4, 4), 7), transparency=7))[0].getpixel((0, 0)) == (7, 7, 7, 0)
    opaque = Image.new("RGBA", (4, 4), (1, 2, 3, 255))
    assert decode(encoded(opaque))[0].mode == "RGB"


def test_sixteen_bits_are_reduced_and_said():
    values = np.array([[0, 257 * 100, 65535]], np.uint16)
    seen, note = decode(encoded(Image.fromarray(values)))
    assert np.asarray(seen)[0, :, 0].tolist() == [0, 100, 255]
    assert note == "16 bits a pixel reduced to 8"


def test_floating_point_is_drawn_between_its_ends():
    seen, note = decode(encoded(Image.fromarray(np.array([[-1.0, np.nan, 3.0]], np.float32)), "TIFF"))
    assert np.asarray(seen)[0, :, 1].tolist() == [0, 0, 255]
    assert note == "-1 drawn black, 3 white"


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_an_animation_the_first_frame_is_taken_and_said(kind):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("white", "red", "blue")]
    seen, note = decode(encoded(frames[0], kind, save_all=True, append_images=frames[1:]))
    assert seen.getpixel((0, 0)) == (255, 255, 255)
    assert note == "first frame of 3"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "an empty file"),
        (b"<!DOCTYPE html><html>not found</html>", "an HTML page"),
        (b"just words\nin lines", "text: 'just words'"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG drawing"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer without its file"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "a HEIC, AVIF or video file"),
        (b"\x01\x02\x03\x04", "something that begins with 01 02 03 04"),
    ],
)
def test_what_is_no_picture_is_named(tmp_path, content, found):
    (tmp_path / "photo.jpg").write_bytes(content)
    with pytest.raises(ImageError) as error:
        decode(tmp_path / "photo.jpg")
    expected = "expected a JPEG, PNG, WebP, AVIF, GIF, BMP or TIFF picture"
    assert str(error.value) == f"photo.jpg: {expected}, there is {found}"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_a_truncated_picture_is_refused(kind):
    content = encoded(Image.fromarray(noise(64, 64)), kind)
    with pytest.raises(ImageError, match="^cat: expected a whole|^cat: expected a JPEG"):
        decode(content[: len(content) // 2], "cat")


def test_a_decompression_bomb_is_refused_by_its_header():
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    for side, found in ((10_001, "there are 10,001 x 10,001"), (60_000, "exceeds limit")):
        header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
        content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
        with pytest.raises(ImageError, match="^bomb.png: expected at most 100,000,000 pixels") as error:
            decode(content, "bomb.png")
        assert found in str(error.value)


@given(st.binary(max_size=200), st.sampled_from(["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"]), st.data())
def test_damage_of_any_kind_is_an_image_error_or_a_picture(junk, kind, data):
    content = bytearray(encoded(Image.fromarray(noise(12, 9)), kind))
    start = data.draw(st.integers(0, len(content)))
    content[start : start + len(junk)] = junk
    try:
        seen, _ = decode(bytes(content), "damaged")
    except ImageError as error:
        assert str(error).startswith("damaged: expected")
    else:
        assert seen.mode in ("RGB", "RGBA")


# --- the crop ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "size", [(451, 300), (300, 451), (512, 512), (256, 256), (257, 640), (60, 45), (227, 224), (224, 227)]
)
@pytest.mark.parametrize(("resize", "interpolation"), [(256, "bilinear"), (232, "bicubic"), (224, "bilinear")])
def test_a_crop_is_torchvisions_bit_for_bit(tmp_path, size, resize, interpolation):
    Image.fromarray(noise(*size)).save(tmp_path / "noise.png")
    input = Input((3, 224, 224), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), "crop", resize, interpolation)
    preset = torchvision.transforms._presets.ImageClassification(
        crop_size=224, resize_size=resize, interpolation=torchvision.transforms.InterpolationMode(interpolation)
    )
    x = normalise(photo(example(tmp_path / "noise.png"), input), input)
    assert torch.equal(torch.from_numpy(x)[0], preset(Image.open(tmp_path / "noise.png")))


def test_a_photograph_too_is_cropped_as_torchvision_does(repository):
    chelsea = repository / "images/photos/chelsea.png"
    input = Input((3, 224, 224), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), resize=256)
    x = normalise(photo(example(chelsea), input), input)
    weights = torchvision.models.AlexNet_Weights.DEFAULT
    assert torch.equal(torch.from_numpy(x)[0], weights.transforms()(Image.open(chelsea)))


def test_a_picture_of_the_right_size_is_seen_as_it_is(tmp_path):
    Image.fromarray(noise(32, 32)).save(tmp_path / "a.png")
    assert np.array_equal(photo(example(tmp_path / "a.png"), INPUT), noise(32, 32))


def test_a_wide_input_is_filled(tmp_path):
    Image.new("RGB", (100, 30), (9, 9, 9)).save(tmp_path / "a.png")
    wide = replace(INPUT, size=(3, 20, 50))
    assert photo(example(tmp_path / "a.png"), wide).shape == (20, 50, 3)
    assert (photo(example(tmp_path / "a.png"), wide) == 9).all()


def test_pad_shows_the_whole_on_the_background(tmp_path):
    Image.new("RGB", (64, 32), (250, 0, 0)).save(tmp_path / "a.png")
    seen = photo(example(tmp_path / "a.png"), replace(INPUT, fit="pad", background=(1, 2, 3)))
    assert (seen[8:24] == (250, 0, 0)).all()
    assert (seen[:8] == (1, 2, 3)).all() and (seen[24:] == (1, 2, 3)).all()


def test_the_entrys_fit_and_background_win_over_the_inputs(tmp_path):
    Image.new("RGB", (64, 32), (250, 0, 0)).save(tmp_path / "a.png")
    seen = photo(example(tmp_path / "a.png", fit="pad", background="#0a0b0c"), replace(INPUT, background=(1, 2, 3)))
    assert seen[0, 0].tolist() == [10, 11, 12] and seen[16, 16].tolist() == [250, 0, 0]
    cropped = photo(example(tmp_path / "a.png", fit="crop"), replace(INPUT, fit="pad"))
    assert (cropped == (250, 0, 0)).all()


def test_transparent_edges_are_not_fringed(tmp_path):
    """A disc of the background's colour on black full transparency must vanish altogether."""
    rows, columns = np.mgrid[:200, :200]
    disc = ((rows - 100) ** 2 + (columns - 100) ** 2 < 80**2).astype(np.uint8)
    pixels = np.dstack([disc * 200, disc * 180, disc * 160, disc * 255])
    Image.fromarray(pixels).save(tmp_path / "disc.png")
    for fit in ("crop", "pad"):
        seen = photo(example(tmp_path / "disc.png", background="#c8b4a0", fit=fit), INPUT)
        assert (seen == (200, 180, 160)).all()


def test_a_grey_network_gets_one_channel(tmp_path):
    Image.new("RGB", (40, 40), (255, 0, 0)).save(tmp_path / "a.png")
    input = Input((1, 28, 28), (0.5,), (0.5,))
    seen = photo(example(tmp_path / "a.png"), input)
    assert seen.shape == (28, 28, 1) and (seen == 76).all()  # 0.299 of 255
    assert normalise(seen, input).shape == (1, 1, 28, 28)


def test_a_line_of_pixels_is_refused_before_it_grows(tmp_path):
    Image.new("L", (1_000_000, 1)).save(tmp_path / "line.png")
    with pytest.raises(ImageError, match="^line.png: expected sides less unequal.*1,000,000 x 1"):
        photo(example(tmp_path / "line.png"), INPUT)
    assert photo(example(tmp_path / "line.png", fit="pad"), INPUT).shape == (32, 32, 3)


def test_normalise_is_the_formula():
    x = normalise(np.full((2, 2, 3), 51, np.uint8), INPUT)
    assert x.dtype == np.float32 and x.shape == (1, 3, 2, 2) and x.flags.c_contiguous
    assert x[0, :, 0, 0] == pytest.approx([(0.2 - m) / s for m, s in zip(INPUT.mean, INPUT.std, strict=True)], rel=1e-6)


# --- the curated set --------------------------------------------------------------------------------


def test_the_order_is_that_of_images_yml_and_then_of_names(folder):
    for name in ("b.png", "a.png", "frog.png"):
        Image.fromarray(noise(8, 8, seed=ord(name[0]))).save(folder / name)
    write(folder, "images: [{file: frog.png, credit: me}, {file: cat.png, credit: me}]")
    examples, problems = read_images(folder)
    assert [one.id for one in examples] == ["frog", "cat", "a", "b"]
    assert problems == [Problem("a", "a.png and 1 more: no credit in images.yml", "warning")]


def test_an_entry_becomes_an_example(folder):
    write(
        folder,
        """
        images:
          - {file: cat.png, id: tom, title: Tom, credit: me, licence: CC0-1.0, source_url: "https://example.org/tom",
             alt: A cat., sets: [photos], targets: {imagenet: tabby}, background: "#010203", fit: pad}
        """,
    )
    (tom,), problems = read_images(folder)
    digest = hashlib.sha256((folder / "cat.png").read_bytes()).hexdigest()
    assert not problems
    assert tom == Example(
        id="tom",
        path=str(folder / "cat.png"),
        title="Tom",
        digest=digest,
        size=(40, 30),
        credit="me",
        licence="CC0-1.0",
        source="https://example.org/tom",
        alt="A cat.",
        sets=("photos",),
        targets={"imagenet": "tabby"},
        background="#010203",
        fit="pad",
    )


def test_what_is_done_to_a_transparent_picture_is_said(folder):
    Image.new("RGBA", (8, 8), (1, 2, 3, 4)).save(folder / "cat.png")
    assert read_images(folder)[0][0].note == "transparent, laid on the network's background"
    write(folder, "images: [{file: cat.png, credit: me, background: '#a3a3a0'}]")
    assert read_images(folder)[0][0].note == "transparent, laid on #a3a3a0"


def test_only_picks_and_knows_what_there_is(folder):
    Image.fromarray(noise(8, 8)).save(folder / "frog.png")
    assert [one.id for one in read_images(folder, only=["frog"])[0]] == ["frog"]
    with pytest.raises(ConfigError, match="'forg'.*did you mean 'frog'"):
        read_images(folder, only=["forg"])


def test_a_broken_picture_fails_alone_and_by_name(folder):
    (folder / "broken.jpg").write_bytes(encoded(Image.fromarray(noise(64, 64)), "JPEG")[:500])
    examples, problems = read_images(folder)
    assert [one.id for one in examples] == ["cat"]
    assert [(one.name, one.kind) for one in problems] == [("broken", "failed")]
    assert problems[0].message.endswith("there is a JPEG file whose header is damaged")
    (folder / "broken.jpg").write_bytes(encoded(Image.fromarray(noise(64, 64)), "JPEG")[:-500])
    (problem,) = read_images(folder)[1]
    assert problem.message.startswith(
        "broken.jpg: expected a whole JPEG picture, it is damaged: image file is truncated"
    )


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipes_folders_and_dangling_links_do_not_hang(folder):
    os.mkfifo(folder / "pipe.jpg")
    (folder / "folder.png").mkdir()
    (folder / "nowhere.png").symlink_to(folder / "gone.png")
    (folder / "outside.png").symlink_to("/etc/hostname")
    examples, problems = read_images(folder)
    assert [one.id for one in examples] == ["cat"]
    assert {one.name: one.message for one in problems} == {
        "folder.png": "folder.png: expected a picture file, it is a folder",
        "nowhere": "nowhere.png: file not found in the images folder",
        "outside": "outside.png: expected a file inside the images folder, it leads out of it",
        "pipe": "pipe.jpg: expected a picture file, it is a pipe",
    }


@pytest.mark.parametrize("file", ["../secret.png", "/etc/secret.png", "a/../../secret.png", "..\\\\secret.png"])
def test_an_entry_cannot_leave_the_folder(folder, file):
    write(folder, f'images: [{{file: "{file}"}}]')
    with pytest.raises(ConfigError, match=r"images.yml: images\[0\].file: expected a path inside the images folder"):
        read_images(folder)


def test_names_are_given_once(folder):
    write(folder, "images: [{file: cat.png}, {file: b/cat.png}]")
    with pytest.raises(ConfigError, match=r"^images.yml: images\[1\].id: 'cat' is the id of images\[0\] already$"):
        read_images(folder)
    write(folder, "images: [{file: cat.png, id: assets}]")
    with pytest.raises(ConfigError, match=r"images\[0\].id: 'assets' is a folder of the site"):
        read_images(folder)


def test_a_file_that_cannot_have_its_name_fails_and_says_what_to_do(folder):
    for name in ("Cat.jpg", "Frog.jpg", "frog.png", "models.png"):
        Image.fromarray(noise(8, 8)).save(folder / name)
    examples, problems = read_images(folder)
    assert [one.id for one in examples] == ["cat", "frog"]
    advice = "give it an entry with an id of its own in images.yml"
    assert [problem for problem in problems if problem.kind == "failed"] == [
        Problem("Cat.jpg", f"Cat.jpg: the id 'cat' is taken by cat.png; {advice}", "failed"),
        Problem("frog.png", f"frog.png: the id 'frog' is taken by Frog.jpg; {advice}", "failed"),
        Problem("models.png", f"models.png: the id 'models' is a folder of the site; {advice}", "failed"),
    ]


def test_pictures_passed_over_for_their_name_have_a_line_together(folder):
    content = encoded(Image.fromarray(noise(8, 8)))
    for name in (".hid\\den.png", ".other.JPG", "bare", "card.jpg_large", "mask"):
        (folder / name).write_bytes(content)
    for name in ("._cat.png", ".DS_Store", "README", "sound"):
        (folder / name).write_bytes(b"RIFF\0\0\0\0WAVE" if name == "sound" else b"words")
    if hasattr(os, "mkfifo"):
        os.mkfifo(folder / "pipe")
    write(folder, "images: [{file: cat.png, credit: me, mask: mask}]")
    (folder / "mask").write_bytes(encoded(Image.new("L", (40, 30), 255)))
    examples, problems = read_images(folder)
    assert [one.id for one in examples] == ["cat"]
    assert [(problem.message, problem.kind) for problem in problems] == [
        (".hid\\den.png and 1 more: left out, the name begins with a dot", "left-out"),
        (
            "bare and 1 more: left out, a picture whose name ends in no suffix of pictures, such as .png",
            "left-out",
        ),
    ]


def test_a_file_that_is_not_there_fails_and_a_folder_that_is_not_there_is_left_out(folder):
    write(folder, "images: [{file: dog.png}, {file: cutouts/frog.png}]")
    _, problems = read_images(folder, only=["dog", "frog"])
    assert problems == [
        Problem("dog", "dog.png: file not found in the images folder", "failed"),
        Problem("frog", "cutouts/frog.png: the folder cutouts is not at hand", "left-out"),
    ]


def test_a_sample_is_taken_from_the_data(folder, tmp_path):
    frog = tmp_path / "data/cifar10/test/frog/0001.png"
    frog.parent.mkdir(parents=True)
    Image.fromarray(noise(32, 32)).save(frog)
    write(folder, "images: [{source: cifar10/test/frog/0001, title: Frog, credit: them}, {file: cat.png, credit: me}]")
    examples, problems = read_images(folder, tmp_path / "data", work=tmp_path / "work")
    assert not problems
    assert [one.id for one in examples] == ["cifar10-test-frog-0001", "cat"]
    assert Path(examples[0].path) == tmp_path / f"work/samples/{hashlib.sha256(frog.read_bytes()).hexdigest()}.png"
    assert Path(examples[0].path).read_bytes() == frog.read_bytes()
    assert examples[0].source == "cifar10/test/frog/0001"


def test_without_the_data_a_sample_is_left_out_and_told(folder, tmp_path):
    write(folder, "images: [{source: cifar10/test/frog/0001, credit: them}, {file: cat.png, credit: me}]")
    (tmp_path / "empty").mkdir()
    examples, (problem,) = read_images(folder, tmp_path / "empty", work=tmp_path / "work")
    assert [one.id for one in examples] == ["cat"]
    assert (problem.name, problem.kind) == ("cifar10-test-frog-0001", "left-out")
    assert "cifar10/test/frog/0001" in problem.message


def test_no_folder_is_said(tmp_path):
    with pytest.raises(ConfigError, match="folder not found; create it"):
        read_images(tmp_path / "nothing")


# --- the pictures that come with Innerview ----------------------------------------------------------


@pytest.fixture(scope="module")
def curated(repository, tmp_path_factory):
    nothing = tmp_path_factory.mktemp("nothing")
    return read_images(repository / "images", nothing, work=nothing)


def test_the_curated_set_is_complete(curated):
    examples, problems = curated
    assert {problem.kind for problem in problems} <= {"left-out"}  # the samples
    assert examples[0].id == "honey-bee"
    for one in examples:
        assert one.title and one.credit and one.licence and one.alt
        assert one.source.startswith("https://") or one.credit == "Innerview"  # drawn for this gallery
    small = [one.targets["cifar10"] for one in examples if "cifar10" in one.sets]
    assert sorted(small) == "airplane automobile bird cat deer dog frog horse ship truck".split()


def test_ids_of_the_curated_set_stay_as_their_pictures_become_photographs(curated):
    files = {one.id: Path(one.path).name for one in curated[0]}
    kept = {"bird": "kingfisher.jpg", "deer": "moose.jpg", "dog": "german-shepherd.jpg", "horse": "zaniskari-horse.jpg"}
    assert {name: files.get(name) for name in kept} == kept
    assert {"frog", "airplane", "automobile", "ship", "truck", "chelsea", "rocket", "fish"} <= set(files)


def test_notes_stand_before_what_the_reader_did(repository, curated):
    notes = {one.id: one.note for one in curated[0]}
    assert notes["chelsea"].startswith("An instructive mistake") and notes["honey-bee"] == ""
    entry = ImageEntry(file="cutouts/frog.png", note="A frog.")
    frog = read_image(repository / "images" / "cutouts" / "frog.png", entry)
    assert frog.note == "A frog. (transparent, laid on the network's background)"


def test_photographs_are_small_and_carry_no_metadata(repository):
    for file in (repository / "images" / "photos").glob("*.jpg"):
        with Image.open(file) as picture:
            assert max(picture.size) <= 1024 and not picture.getexif(), file.name


def test_targets_are_words_of_their_vocabulary(curated):
    categories = torchvision.models.AlexNet_Weights.DEFAULT.meta["categories"]
    named = [one.targets["imagenet"] for one in curated[0] if "imagenet" in one.targets]
    assert len(named) >= 16 and set(named) <= set(categories)


def test_cut_outs_keep_their_licence_and_state_their_background(curated):
    cut_outs = [one for one in curated[0] if "/cutouts/" in one.path]
    assert len(cut_outs) == 7
    for one in cut_outs:
        assert one.licence == "GPL-2.0" and one.fit == "pad" and one.note == f"transparent, laid on {one.background}"


def test_two_pictures_whose_names_have_no_letter_of_ascii_are_both_taken(tmp_path):
    for name in ("\u9752\u86d9", "\u72ac"):
        Image.new("RGB", (4, 4)).save(tmp_path / f"{name}.png")
    examples, problems = read_images(tmp_path)
    assert len({example.id for example in examples}) == 2
    assert [problem for problem in problems if problem.kind == "failed"] == []
