"""Whatever stands in a configuration or lies in a work folder: one line at most, and a good site stays as it is."""

import functools
import shutil
from dataclasses import replace

import pytest
import tiny_gallery
import yaml
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from properties import properties

from generator.__main__ import main
from generator.pipeline import manifest_reader

SOME = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("one", properties(), ids=lambda one: one.name)
def test_a_reader_reads_or_says_why_not(one):
    """The short form of `python tests/fuzz.py`."""
    SOME(given(one.given)(lambda value: one(value)))()
    assert one.counts.total() >= 30


@pytest.mark.parametrize("part", [True, 3, "x", {"a": 1}, None, [3], [{"file": 7, "files": 8}]])
def test_a_manifest_of_other_parts_is_told_whole(part):
    names = ("figures", "images", "shares", "pins", "comparisons")
    assert list(manifest_reader.faults(dict.fromkeys(names, part)))


@pytest.mark.parametrize(
    ("manifest", "fault"),
    [
        (7, 'the value is not of type "object"; there is 7'),
        ({"figures": [{"id": "a/b"}]}, 'figures[0].id: the value does not match "'),
        ({"figures": [{"keys": {"a\nb": 3}}]}, "figures[0].keys['a\\nb']: the value is not of type "),
        ({"site": {"title": "\ud800"}}, "a string holds half a character (a lone surrogate)"),
        ({"site": functools.reduce(lambda inner, _: [inner], range(400), 0)}, "nested too deeply for a manifest"),
        ({"pins": [{"file": "../x.png"}]}, "'../x.png' is no place below the manifest"),
    ],
)
def test_a_fault_of_a_manifest_is_named_in_one_line(manifest, fault):
    lines = list(manifest_reader.faults(manifest))
    assert any(line.startswith(fault) for line in lines), lines
    assert all(len(line.splitlines()) == 1 for line in lines)


# --- a good site stays ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    """A built gallery of the bundled network, whose next build need not look at code; and the bytes of its site."""
    options = replace(tiny_gallery.bundled(tmp_path_factory.mktemp("good")), no_site=False)
    report, _ = tiny_gallery.run(options)
    assert report.failures == {}
    return options, tree(options.out)


@pytest.fixture
def call(gallery, monkeypatch, tmp_path):
    """Run a command in a copy of the gallery that `edit` has changed; its exit code, output, and the site as it is."""

    def call(*arguments, edit=lambda root: None):
        root = tmp_path / "copy"
        shutil.copytree(gallery[0].root, root, symlinks=True)
        edit(root)
        monkeypatch.chdir(root)
        result = CliRunner().invoke(main, [*arguments, "--workers", "0", "--device", "cpu"])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.stderr, tree(root / "site")

    return call


def settings_with(**changes):
    """An edit of gallery.yml."""

    def edit(root):
        path = root / "gallery.yml"
        path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **changes}))

    return edit


def listing_with(**changes):
    """An edit of the one entry of images.yml."""

    def edit(root):
        path = root / "images/images.yml"
        path.write_text(yaml.safe_dump({"images": [{"file": "frog.png", "credit": "me", **changes}]}))

    return edit


def text(name, content):
    """An edit that writes a file."""

    def edit(root):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    return edit


WRONG = {
    "no mapping": (text("gallery.yml", b"- a"), "gallery.yml: expected a mapping of keys; there is ['a']"),
    "bytes": (text("gallery.yml", b"\xff\xfe\x00"), "gallery.yml: expected UTF-8 text, byte 0 is none"),
    "a bomb": (
        text("gallery.yml", b"a: &a [x, x]\n" + b"".join(b"b%d: [*a, *a]\n" % n for n in range(50_000))),
        "gallery.yml: ",
    ),
    "a tag": (text("gallery.yml", b"a: !!python/object/apply:os.system ['touch ran']"), "is not read here"),
    "NaN": (text("gallery.yml", b"models: [{name: a, seed: .nan}]"), "expected a number up to 2^53, there is .nan"),
    "base 60": (text("gallery.yml", b"a: 1" + b":0" * 400_000), "expected a number up to 2^53, there is 1:0:0"),
    "half a sign": (text("gallery.yml", b'site: {title: "\\ud800"}'), "gallery.yml: "),
    "a long key": (text("gallery.yml", b"k" * 300 + b": 1"), "unknown key"),
    "no model": (settings_with(models=["vgg-cifar11"]), "no network is called 'vgg-cifar11'"),
    "the same model": (settings_with(models=["vgg-cifar10", "VGG-cifar10"]), "no network is called 'VGG-cifar10'"),
    "a home of no one": (settings_with(models=[{"name": "vgg-cifar10", "weights": "~nobody-here/w.pt"}]), "weights"),
    "weights of no kind": (settings_with(models=[{"name": "vgg-cifar10", "weights": "w.doc"}]), "expected random or"),
    "an unknown class": (
        settings_with(targets=["class:forg"]),
        "no network here knows this class; did you mean 'frog'",
    ),
    "an unknown contrast": (settings_with(targets=["contrast:frog:shib"]), "did you mean 'ship'"),
    "an unknown method": (settings_with(methods=["grad-kam"]), "unknown method; did you mean 'grad-cam'?"),
    "an unknown parameter": (settings_with(methods={"rise": {"m": 3}}), "methods.rise.m: unknown parameter"),
    "a parameter of words": (settings_with(methods={"smoothgrad": {"n": "many"}}), "methods.smoothgrad.n: expected"),
    "an unknown set": (settings_with(models=[{"name": "vgg-cifar10", "images": ["forg"]}]), "did you mean 'frog'"),
    "no such pair": (settings_with(compare=[["vgg-cifar10", "x"]]), "no network here is called 'x'"),
    "no images folder": (settings_with(images="nowhere"), "folder not found"),
    "a folder for images.yml": (lambda root: swap(root / "images/images.yml"), "expected a file, there is a folder"),
    "two of one id": (
        text("images/images.yml", b"images: [{file: frog.png}, {file: x/frog.png}]"),
        "'frog' is the id of images[0] already",
    ),
    "a picture outside": (listing_with(file="../secret.png"), "expected a path inside the images folder"),
    "a script for a link": (listing_with(source_url="javascript:alert(1)"), "expected an address that begins with"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_one_line_and_the_site_stays(call, gallery, name):
    edit, said = WRONG[name]
    code, told, site = call("build", edit=edit)
    assert code == 2 and len(told.splitlines()) == 1 and len(told) < 800, told[:500]
    assert told.startswith("innerview: ") and said in told
    assert site == gallery[1]


@pytest.mark.parametrize(
    ("template", "said"),
    [
        (b"{{ nothing_of_the_kind }}", "nothing_of_the_kind"),
        (b"{% for %}", "method.md"),
        (b"<div class='page'>\n<img src='https://example.org/x.png' alt=''>\n</div>", "loads https://example.org"),
    ],
)
def test_a_template_that_breaks_the_pages_leaves_the_site(call, gallery, template, said):
    code, told, site = call("build", edit=text("templates/pages/method.md", template))
    assert code == 2 and said in told and "Traceback" not in told
    assert site == gallery[1]


def test_wishes_that_contradict_each_other_are_told(call):
    only_other = settings_with(models=[{"name": "vgg-cifar10", "images": ["other"]}])

    def edit(root):
        tiny_gallery.draw(root / "images/other.png", seed=8)
        only_other(root)

    code, told, _ = call("build", "--no-site", "--image", "frog", edit=edit)
    assert code == 2 and "no network here is given" in told and "frog" in told


def test_a_label_that_no_network_knows_is_told_with_the_nearest(call):
    code, told, _ = call("plan", edit=listing_with(targets={"cifar10": "forg"}))
    assert code == 0
    assert "image frog: targets.cifar10: 'forg' is no class of vgg-cifar10; did you mean 'frog'?" in told


# --- what lies in the work folder and in the site ---------------------------------------------------------

FOREIGN = {"empty": b"", "garbage": b"\x00\xff" * 50, "another's": b'{"format": "x", "figures": 3}', "list": b"[[[1]]]"}
FOREIGN |= {"deep": b"[" * 100_000, "number": b"7", "huge": b"9" * 6000, "not a number": b'{"version": NaN}'}
MEMORY = ["fingerprint.json", "digests.json", "build.json", "manifest.json", "lock"]


@pytest.mark.parametrize("content", FOREIGN)
def test_whatever_is_left_in_the_work_folder_a_build_goes_on(call, gallery, content):
    def edit(root):
        for name in MEMORY:
            (root / ".innerview" / name).write_bytes(FOREIGN[content])
        (root / "site_src/.laid.json").write_bytes(FOREIGN[content])
        for record in list((root / ".innerview/store/records").rglob("*.json"))[::3]:
            record.unlink()
            record.write_bytes(FOREIGN[content])

    code, told, _ = call("build", "--no-site", edit=edit)
    assert code == 0, told


@pytest.mark.parametrize("content", FOREIGN)
def test_a_manifest_that_is_none_is_one_line(call, content):
    edit = text("site/gallery/manifest.json", FOREIGN[content])
    code, told, _ = call("check", edit=edit)
    assert code == 1 and "site/gallery/manifest.json: " in told and "Traceback" not in told
    result = CliRunner().invoke(main, ["embed", "vgg-cifar10/frog/saliency--class-frog", "--url", "https://x.org"])
    assert result.exit_code == 2 and len(result.stderr.splitlines()) == 1


def test_a_damaged_published_manifest_is_mended_by_the_next_build(call, gallery):
    def edit(root):
        text("site/gallery/manifest.json", b"{}")(root)
        text("site_src/new.md", b"# New\n")(root)

    code, told, site = call("build", edit=edit)
    assert code == 0, told
    assert site["gallery/manifest.json"] == gallery[1]["gallery/manifest.json"]


def swap(path):
    """A folder in the place of a file."""
    path.unlink()
    path.mkdir()


def tree(folder):
    """All files below a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
