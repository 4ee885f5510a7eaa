"""Pictures are put into a gallery: their entries, duplicates, what is refused, and that no place is left in them."""

import io
import struct
import zlib

import numpy as np
import pytest
import tiny_gallery
import yaml
from click.testing import CliRunner
from PIL import Image, ImageCms

from generator.__main__ import main
from generator.config.image_entries import read_image_entries
from generator.core.errors import ConfigError
from generator.data.add_images import with_entry
from generator.data.decode import decode
from generator.data.strip_location import author, located, suffix, without_location

ORIENTATION, ARTIST, GPS = 0x0112, 0x013B, 0x8825
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
XMP = b'<x:xmpmeta><rdf:Description exif:GPSLatitude="48,12.5N" photoshop:City="Nowhere"/></x:xmpmeta>'
PLACE = (b"48,12.5N", b"Nowhere")


def photograph(form="JPEG", place="exif", size=(24, 16), seed=1, **options):
    """The bytes of a picture that tells where it was taken, in EXIF or in XMP; `place=""` does not."""
    values = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[ORIENTATION], exif[ARTIST] = 6, "Jo Example"
    if place == "exif":
        exif.get_ifd(GPS).update({1: "N", 2: (48.0, 12.0, 30.0), 3: "E", 4: (16.0, 20.0, 0.0), 29: "Nowhere"})
    more = {"xmp": XMP} if place == "xmp" and form != "PNG" else {}
    stream = io.BytesIO()
    Image.fromarray(values).save(stream, form, exif=exif.tobytes(), **more, **options)
    content = stream.getvalue()
    return (
        _with_chunk(content, b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP)
        if place == "xmp" and form == "PNG"
        else content
    )


def _with_chunk(png, kind, body):
    chunk = struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return png[:33] + chunk + png[33:]  # after the header


# --- the place where it was taken -------------------------------------------------------------------

FORMATS = [("JPEG", {}), ("JPEG", {"progressive": True}), ("PNG", {}), ("WEBP", {}), ("WEBP", {"lossless": True})]


@pytest.mark.parametrize("place", ["exif", "xmp"])
@pytest.mark.parametrize(("form", "options"), FORMATS)
def test_the_place_goes_and_the_picture_stays(form, options, place):
    before = photograph(form, place, icc_profile=PROFILE, **options)
    after = without_location(before)
    assert located(before) and not located(after)
    assert not any(word in after for word in PLACE)
    old, new = Image.open(io.BytesIO(before)), Image.open(io.BytesIO(after))
    assert new.getexif().get(ORIENTATION) == 6 and new.getexif().get(ARTIST) == "Jo Example"
    assert new.info["icc_profile"] == PROFILE and new.format == form
    assert np.array_equal(np.asarray(old), np.asarray(new))
    assert decode(after)[0].size == decode(before)[0].size == (16, 24)  # still turned


def test_other_formats_become_png():
    before = photograph("TIFF")
    after = without_location(before)
    assert located(before) and not located(after) and suffix(after) == ".png"
    assert np.array_equal(np.asarray(decode(before)[0]), np.asarray(decode(after)[0]))


def test_iptc_is_read_too():
    body = b"".join(b"\x1c\x02" + bytes([number]) + struct.pack(">H", 7) + b"Nowhere" for number in (90,))
    block = b"Photoshop 3.0\x008BIM\x04\x04\0\0" + struct.pack(">I", len(body)) + body
    plain = photograph(place="")
    marked = plain[:2] + b"\xff\xed" + struct.pack(">H", len(block) + 2) + block + plain[2:]
    assert not located(plain) and located(marked)
    assert b"Nowhere" not in without_location(marked)


def test_a_second_picture_in_the_file_goes_with_its_place():
    whole = photograph(place="") + photograph()  # as telephones append a preview, with metadata of its own
    marked = (
        whole[:2] + b"\xff\xe1" + struct.pack(">H", len(XMP) + 31) + b"http://ns.adobe.com/xap/1.0/\0" + XMP + whole[2:]
    )
    after = without_location(marked)
    assert located(marked) and not any(word in after for word in PLACE)
    assert after.count(b"\xff\xd8\xff") == 1 and after.endswith(b"\xff\xd9")


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_picture_without_a_place_is_not_taken_for_one(form):
    assert not located(photograph(form, place=""))
    assert author(photograph(form, place="")) == "Jo Example"


# --- images.yml -------------------------------------------------------------------------------------

ENTRY = {"file": "new.png", "title": "A: new # one", "targets": {"cifar10": "cat"}}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# only words\n",
        "images:\n",
        "images: []\n",
        "images: [] # none yet\n",
        "images: null\n# end\n",
        "images:\n- file: a.png\n  title: One # so\n",
        "# top\nimages:\n    - file: a.png\n      credit: me\n    # last words",
        "images:\r\n  - file: a.png\r\n",
    ],
)
def test_an_entry_is_added_and_every_comment_stays(text, tmp_path):
    listing = tmp_path / "images.yml"
    listing.write_bytes(text.encode())
    before = (yaml.safe_load(text) or {}).get("images") or []
    added = with_entry(listing, ENTRY)
    assert yaml.safe_load(added) == {"images": [*before, ENTRY]}
    comments = [line.partition("#")[2] for line in text.splitlines() if "#" in line]
    assert all(f"#{comment}" in added for comment in comments)
    assert ("\r\n" in added) == ("\r\n" in text) and (not before or added.startswith(text.rstrip("\r\n")))


def test_a_listing_that_cannot_be_added_to_says_what_to_add(tmp_path):
    listing = tmp_path / "images.yml"
    listing.write_text("images: [{file: a.png}]\n")
    with pytest.raises(ConfigError, match="please add this to its list: {file: new.png, title"):
        with_entry(listing, ENTRY)
    with pytest.raises(ConfigError, match="background: expected a colour"):
        with_entry(tmp_path / "none.yml", {**ENTRY, "background": "red"})


# --- the command ------------------------------------------------------------------------------------

WHOSE = ["--credit", "Jo", "--licence", "CC0-1.0"]


@pytest.fixture
def gallery(tmp_path):
    """A gallery of two pictures; its folder."""
    return tiny_gallery.lay(tmp_path / "mine").root


@pytest.fixture
def call(gallery, monkeypatch):
    """`innerview add` in the gallery's folder: exit code and all that was said."""

    def call(*arguments, **options):
        monkeypatch.chdir(gallery)
        result = CliRunner().invoke(main, ["add", "--device", "cpu", *map(str, arguments)], **options)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.output

    return call


@pytest.fixture
def cheap(monkeypatch):
    """The price is not asked for: that starts a worker."""
    monkeypatch.setattr("generator.cli.add._cost", lambda wanted: "The next build draws 7 of 9 figures.")


def test_a_picture_is_added_with_what_is_said_of_it(call, gallery, tmp_path, cheap):
    file = tmp_path / "Grey_Heron.JPEG"
    file.write_bytes(photograph())
    code, said = call(file, *WHOSE, "--target", "mine=bee", "--alt", "A bird.", "--source-url", "https://example.org/x")
    assert code == 0 and "Grey_Heron.JPEG: added as grey_heron, without its location" in said
    assert "The next build draws 7 of 9 figures." in said
    entry = read_image_entries(gallery / "images" / "images.yml")[-1]
    assert (entry.file, entry.title, entry.credit) == ("grey_heron.jpg", "Grey Heron", "Jo")
    assert (entry.licence, entry.alt, entry.targets) == ("CC0-1.0", "A bird.", {"mine": "bee"})
    kept = (gallery / "images" / "grey_heron.jpg").read_bytes()
    assert not located(kept) and located(file.read_bytes())


def test_the_price_of_the_next_build_is_told(call, tmp_path):
    file = tmp_path / "a.png"
    file.write_bytes(photograph("PNG", place=""))
    code, said = call(file, *WHOSE)
    assert code == 0 and "The next build renders" in said and "s on one core." in said


def test_what_is_no_picture_or_there_already_costs_a_line_and_the_rest_is_added(call, gallery, tmp_path, cheap):
    new = tmp_path / "new"
    new.mkdir()
    (new / "a.png").write_text("no picture")
    (new / "b.png").write_bytes((gallery / "images" / "one.png").read_bytes())
    Image.open(gallery / "images" / "two.png").save(new / "c.webp", lossless=True)  # other bytes, the same pixels
    (new / "d.png").write_bytes(photograph("PNG", place=""))
    (new / "e.png").write_bytes(photograph("PNG", place=""))
    code, said = call(new, *WHOSE)
    lines = " ".join(said.split())
    assert code == 1
    assert "a.png: expected a JPEG, PNG" in lines
    assert "b.png: the gallery has this picture already, as 'one'" in lines
    assert "c.webp: the gallery has this picture already, as 'one'" in lines  # which looks like `two`
    assert "e.png: the gallery has this picture already, as 'd'" in lines
    assert [entry.name for entry in read_image_entries(gallery / "images" / "images.yml")] == ["one", "two", "d"]


def test_a_name_that_is_taken_is_numbered(call, gallery, tmp_path, cheap):
    for number, name in enumerate(("one", "index", "One")):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / f"{name}.png").write_bytes(photograph("PNG", place="", seed=number + 5))
        assert call(folder / f"{name}.png", *WHOSE)[0] == 0
    entries = read_image_entries(gallery / "images" / "images.yml")
    assert [entry.name for entry in entries] == ["one", "two", "one-2", "index-2", "one-3"]


def test_a_file_that_lies_in_the_folder_gets_an_entry_where_it_is(call, gallery, cheap):
    file = gallery / "images" / "Three.jpg"
    file.write_bytes(photograph())
    code, said = call(file, *WHOSE)
    assert code == 0 and not located(file.read_bytes())
    assert read_image_entries(gallery / "images" / "images.yml")[-1].file == "Three.jpg"
    assert call(file, *WHOSE)[0] == 1


def test_a_name_that_a_file_in_the_folder_needs_is_written_down(call, gallery, cheap):
    file = gallery / "images" / "one.jpg"  # beside one.png
    file.write_bytes(photograph(place=""))
    assert call(file, *WHOSE)[0] == 0
    entry = read_image_entries(gallery / "images" / "images.yml")[-1]
    assert (entry.file, entry.id) == ("one.jpg", "one-2")


def test_whose_a_picture_is_must_be_said_or_stand_in_it(call, gallery, tmp_path, cheap):
    file = tmp_path / "a.jpg"
    file.write_bytes(photograph(place=""))
    code, said = call(file)
    assert code == 1 and "a.jpg: missing licence. Pass --licence" in " ".join(said.split())
    assert call(file, "--licence", "CC0-1.0")[0] == 0
    assert read_image_entries(gallery / "images" / "images.yml")[-1].credit == "Jo Example"


def test_on_a_terminal_it_asks(call, gallery, tmp_path, cheap, monkeypatch):
    monkeypatch.setattr("generator.cli.add.interactive", lambda: True)
    for number in (1, 2):
        (tmp_path / f"{number}.png").write_bytes(photograph("PNG", place="", seed=number))
    answers = "First\nA bird.\n\nCC-BY-4.0\n" + "\n\nAnn\n\n"
    code, said = call(tmp_path / "1.png", tmp_path / "2.png", input=answers)
    assert code == 0, said
    first, second = read_image_entries(gallery / "images" / "images.yml")[-2:]
    assert (first.title, first.alt, first.credit, first.licence) == ("First", "A bird.", "Jo Example", "CC-BY-4.0")
    assert (second.title, second.alt, second.credit, second.licence) == ("2", "", "Ann", "CC-BY-4.0")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.png", "b.png", "--title", "x"], "--title and --alt need a single image; there are 2"),
        (["a.png", "--target", "cat"], "--target cat: expected VOCABULARY=CLASS, such as cifar10=bird"),
        (["empty"], "expected pictures in this folder, there are none"),
    ],
)
def test_wrong_usage_costs_one_line(arguments, message, call, gallery):
    for name in ("a.png", "b.png"):
        (gallery / name).write_bytes(photograph("PNG", place=""))
    (gallery / "empty").mkdir()
    code, said = call(*arguments)
    assert code == 2 and message in said and said.count("\n") == 1


def test_where_there_is_no_gallery_it_says_how_to_get_one(call, tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(photograph("PNG", place=""))
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["add", "a.png"])
    assert result.exit_code == 2 and "`innerview new .` to create a gallery" in result.output
