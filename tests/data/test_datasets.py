"""Data sets: what is read from folders, archives and torchvision's files, and what is refused."""

import io
import pickle
import tarfile

import numpy as np
import pytest
from PIL import Image

from generator.data import datasets, downloads
from generator.data.datasets import DataError, folder_per_class, sample
from generator.data.images import read_images

PICTURES = {
    "train/cat/0000.png": 10,
    "train/cat/0001.png": 20,
    "train/frog/0000.png": 30,
    "test/cat/0000.png": 40,
    "test/frog/0000.png": 50,
    "test/frog/0001.png": 60,
}


def png(grey):
    file = io.BytesIO()
    Image.new("RGB", (4, 4), (grey,) * 3).save(file, "PNG")
    return file.getvalue()


def lay(folder, pictures=PICTURES):
    for name, grey in pictures.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(grey))
    return folder


def pack(path, members):
    """A gzipped archive of named contents, or of ready members."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            member = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            member.size = 0 if content is member else len(content)
            archive.addfile(member, None if content is member else io.BytesIO(content))
    return path


def packed(path, prefix="", pictures=PICTURES):
    return pack(path, {prefix + name: png(grey) for name, grey in pictures.items()})


@pytest.fixture(params=["folder", "archive", "archive with a folder around"])
def divided(request, tmp_path):
    if request.param == "folder":
        return lay(tmp_path / "set")
    return packed(tmp_path / "set.tar.gz", "cifar10/" if "around" in request.param else "")


def test_a_part_is_its_pictures_in_the_order_of_their_names(divided):
    part = folder_per_class(divided, "test")
    assert part.classes == ("cat", "frog")
    assert part.items == (("cat/0000.png", 0), ("frog/0000.png", 1), ("frog/0001.png", 1))
    assert part.read("frog/0001.png") == png(60)
    assert folder_per_class(divided, "train").items[-1] == ("frog/0000.png", 1)


def test_some_are_spread_over_the_set(tmp_path):
    part = folder_per_class(lay(tmp_path, {f"test/{name}/{n}.png": n for name in "ab" for n in range(5)}), "test")
    assert part.some(5).items == (("a/0.png", 0), ("a/2.png", 0), ("a/4.png", 0), ("b/1.png", 1), ("b/3.png", 1))
    assert part.some(99).items == part.items


@pytest.mark.parametrize("kind", ["folder", "archive"])
def test_a_plain_folder_per_class_is_for_testing_only(tmp_path, kind):
    plain = {"cat/a.png": 1, "frog/b.png": 2}
    path = lay(tmp_path / "set", plain) if kind == "folder" else packed(tmp_path / "set.tar.gz", "", plain)
    assert folder_per_class(path, "test").items == (("cat/a.png", 0), ("frog/b.png", 1))
    with pytest.raises(DataError, match="expected train/<class>/ and test/<class>/"):
        folder_per_class(path, "train")


def test_what_is_no_picture_is_passed_over(tmp_path):
    lay(tmp_path)
    (tmp_path / "test/cat/notes.txt").write_text("hello")
    (tmp_path / "test/README.png").write_bytes(png(1))
    assert len(folder_per_class(tmp_path, "test").items) == 3


def test_a_part_that_is_not_there_is_named(tmp_path):
    only = {name: grey for name, grey in PICTURES.items() if name.startswith("train")}
    for path in (lay(tmp_path / "set", only), packed(tmp_path / "set.tar.gz", "", only)):
        with pytest.raises(DataError, match=rf"{path.name}: expected pictures in test/<class>/"):
            folder_per_class(path, "test")
    with pytest.raises(DataError, match="'valid': expected train or test"):
        folder_per_class(tmp_path / "set", "valid")
    with pytest.raises(DataError, match="missing: expected a folder per class or a tar archive"):
        folder_per_class(tmp_path / "missing", "test")


def link(kind):
    member = tarfile.TarInfo("test/cat/0.png")
    member.type, member.linkname = kind, "/etc/passwd"
    return member


@pytest.mark.parametrize(
    "members, told",
    [
        ({"../../test/cat/0.png": b""}, "leads out of the archive"),
        ({"/test/cat/0.png": b""}, "leads out of the archive"),
        ({"test/cat/0.png": link(tarfile.SYMTYPE)}, "neither a file nor a folder"),
        ({"test/cat/0.png": link(tarfile.LNKTYPE)}, "neither a file nor a folder"),
        ({"test/cat/0.png": link(tarfile.CHRTYPE)}, "neither a file nor a folder"),
    ],
)
def test_a_hostile_archive_is_refused(tmp_path, members, told):
    path = pack(tmp_path / "bad.tar.gz", members)
    with pytest.raises(DataError, match=told):
        folder_per_class(path, "test")
    assert [entry.name for entry in tmp_path.iterdir()] == ["bad.tar.gz"]


def test_an_archive_larger_than_memory_allows_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets, "LARGEST", 100)
    with pytest.raises(DataError, match="at most 100 bytes"):
        folder_per_class(packed(tmp_path / "set.tar"), "test")


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x1f\x8b\x08\x00broken"])
def test_what_is_no_archive_is_refused(tmp_path, content):
    path = tmp_path / "set.tar.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match="expected a tar archive of a folder per class"):
        folder_per_class(path, "test")


# --- single samples ---------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["the set", "a folder of sets", "an archive in a folder", "an archive"])
def test_a_sample_is_found_in_every_layout(tmp_path, layout):
    if layout == "the set":
        place = lay(tmp_path)
    elif layout == "a folder of sets":
        place = lay(tmp_path / "cifar10").parent
    else:
        archive = packed(tmp_path / "cifar10-images.tar.gz")
        place = archive if layout == "an archive" else tmp_path
    assert sample(place, "cifar10/test/frog/0001") == png(60)


@pytest.mark.parametrize("name", ["frog", "cifar10/valid/frog/0001", "cifar10/test/../0001", "cifar10/test//0001"])
def test_a_sample_has_four_parts(tmp_path, name):
    with pytest.raises(DataError, match="expected <set>/<train or test>/<class>/<picture>"):
        sample(tmp_path, name)


def test_a_sample_that_is_not_at_hand_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets, "CACHE", tmp_path / "nothing")
    for place in (None, tmp_path):
        with pytest.raises(DataError, match="the set 'cifar10' is not at hand"):
            sample(place, "cifar10/test/frog/0001")
    with pytest.raises(DataError, match="no such picture among its 3 of test"):
        sample(lay(tmp_path / "cifar10"), "cifar10/test/frog/0009")


def test_a_sample_becomes_a_picture_of_the_gallery(tmp_path):
    lay(tmp_path / "data" / "cifar10")
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "images.yml").write_text("images:\n  - source: cifar10/test/frog/0001\n    credit: nobody\n")
    examples, problems = read_images(tmp_path / "images", data=tmp_path / "data", work=tmp_path / "work")
    assert (problems, [example.size for example in examples]) == ([], [(4, 4)])


# --- CIFAR-10 as torchvision has it -----------------------------------------------------------------


def batch(pixels):
    """A batch with labels 1, 0, 1 as Python 2 pickled it: `numpy.core`, and texts where bytes are meant."""
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR"
        b"(K\x01(K\x03M\x00\x0ctcnumpy\ndtype\n(U\x02u1K\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        b"\x89T" + pixels.nbytes.to_bytes(4, "little") + pixels.tobytes() + b"tb"
    )
    return b"\x80\x02}(U\x04data" + array + b"U\x06labels](K\x01K\x00K\x01eu."


@pytest.fixture
def downloaded(tmp_path):
    """Three pictures in the files of the real thing."""
    folder = tmp_path / datasets.CIFAR10_BATCHES
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (3, 3, 32, 32), np.uint8)
    for name in ("test_batch", *(f"data_batch_{number}" for number in range(1, 6))):
        (folder / name).write_bytes(batch(pixels))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": ["cat", "frog"]}, protocol=2))
    return tmp_path, pixels


def test_the_download_is_read_bit_for_bit(downloaded, monkeypatch):
    folder, pixels = downloaded
    part = folder_per_class(folder, "test")
    assert part.items == (("cat/0000.png", 0), ("frog/0000.png", 1), ("frog/0001.png", 1))
    for name, index in (("cat/0000.png", 1), ("frog/0000.png", 0), ("frog/0001.png", 2)):
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(part.read(name)))), pixels[index].transpose(1, 2, 0))
    assert len(folder_per_class(folder, "train").items) == 15
    monkeypatch.setattr(datasets, "CACHE", folder)
    assert downloads.labelled(None, "test").items == part.items
    assert sample(None, "cifar10/test/frog/0001") == part.read("frog/0001.png")


class Hostile:
    def __reduce__(self):
        return eval, ("1 + 1",)


@pytest.mark.parametrize("content", [pickle.dumps(Hostile()), pickle.dumps([1]), b"", b"\x80\x02garbage"])
def test_a_batch_that_is_none_is_refused_and_runs_no_code(downloaded, content):
    folder, _ = downloaded
    (folder / datasets.CIFAR10_BATCHES / "test_batch").write_bytes(content)
    with pytest.raises(DataError, match="test_batch: expected a batch of CIFAR-10"):
        folder_per_class(folder, "test")


def test_imagenette_is_read_where_torchvision_unpacks_it(tmp_path, monkeypatch):
    known = downloads.torchvision.datasets.Imagenette._WNID_TO_CLASS
    assert {wordnet: names[0] for wordnet, names in known.items()} == datasets.WORDNET
    for split, wordnet in (("train", "n01440764"), ("val", "n01440764"), ("val", "n02102040")):
        folder = tmp_path / datasets.IMAGENETTE / split / wordnet
        folder.mkdir(parents=True)
        (folder / "a.JPEG").write_bytes(png(len(split)))
    part = folder_per_class(tmp_path, "test")
    assert (part.classes, part.items) == (
        ("English springer", "tench"),
        (("English springer/a.JPEG", 0), ("tench/a.JPEG", 1)),
    )
    assert part.read("tench/a.JPEG") == png(3)
    monkeypatch.setattr(datasets, "CACHE", tmp_path)
    assert downloads.labelled(None, "train", "imagenette").items == (("tench/a.JPEG", 0),)
    assert sample(None, "imagenette/test/English springer/a") == png(3)


def test_two_data_sets_in_one_folder_are_told_apart(downloaded):
    folder, _ = downloaded
    picture = folder / datasets.IMAGENETTE / "val" / "n03028079" / "b.JPEG"
    picture.parent.mkdir(parents=True)
    picture.write_bytes(png(7))
    assert folder_per_class(folder, "test", "cifar10").classes == ("cat", "frog")
    assert folder_per_class(folder, "test", "imagenette").items == (("church/b.JPEG", 0),)
    assert sample(folder, "imagenette/test/church/b") == png(7)


def test_a_network_without_a_data_set_of_its_own_fetches_none():
    with pytest.raises(DataError, match="no data set belongs to this network: name a folder per class with --data"):
        downloads.labelled(None, "test", "")


@pytest.mark.parametrize("known", downloads.TITLES)
def test_offline_the_message_says_which_file_to_put_where(tmp_path, monkeypatch, known):
    nowhere = "http://127.0.0.1:9/set.tar.gz"  # no one listens there
    sets = downloads.torchvision.datasets
    monkeypatch.setattr(sets.CIFAR10, "url", nowhere)
    monkeypatch.setitem(sets.Imagenette._ARCHIVES, "160px", (nowhere, "0" * 32))
    monkeypatch.setattr(datasets, "CACHE", tmp_path)
    with pytest.raises(DataError) as told:
        downloads.labelled(None, "test", known)
    assert f"unpack {nowhere} into {tmp_path}" in str(told.value)
