"""Whatever is replaced while a build runs, nothing is stored under the key of something else."""

import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import broken_nets
import pytest
import tiny_gallery
import torch
import yaml
from PIL import Image
from repository import ROOT
from safetensors.torch import load_file, save_file

from generator.analysis.probe import jobs
from generator.analysis.probe.tasks import hashed_files
from generator.core import read_once
from generator.core.errors import ImageError, InnerviewError
from generator.core.records import Example, Input, Network
from generator.data import datasets, preprocess
from generator.models import source_files
from generator.models.checkpoints import at_epoch, kernels, known, verify
from generator.models.load import load
from generator.models.specs import file_digest, resolve, weights_file
from generator.pipeline import catalogue
from generator.pipeline.pool import Pool
from generator.pipeline.worker import Worker

BUNDLED = weights_file(resolve("vgg-cifar10"))


def other_weights(path):
    """The same network with other numbers in it."""
    state = load_file(BUNDLED)
    save_file({name: tensor * 0.9 for name, tensor in state.items()}, path)


def payloads(options):
    """What the store holds, by the keys of its records."""
    store = options.store
    keys = [path.stem for path in store.folder.glob("records/??/*.json")]
    return {key: store.get(key)["payloads"] for key in keys}


def swap_after(monkeypatch, method, replace_file, times=1):
    """Have a file replaced when a worker has answered `method`, and the network loaded anew by whoever comes next."""
    original, left = getattr(Worker, method), [times]

    def patched(self, *arguments, **named):
        answer = original(self, *arguments, **named)
        if left[0]:
            left[0] -= 1
            replace_file()
            self._loaded = None
        return answer

    monkeypatch.setattr(Worker, method, patched)


@pytest.fixture
def gallery(tmp_path):
    """A bundled network whose weights lie in a file of the user's."""
    options = tiny_gallery.bundled(tmp_path, models=[{"name": "vgg-cifar10", "weights": "mine.safetensors"}])
    shutil.copyfile(BUNDLED, tmp_path / "mine.safetensors")
    return options


def clean(options, tmp_path_factory):
    """What a build of the same gallery stores elsewhere."""
    folder = tmp_path_factory.mktemp("clean")
    for name in ("gallery.yml", "mine.safetensors"):
        shutil.copyfile(options.root / name, folder / name)
    shutil.copytree(options.root / "images", folder / "images")
    elsewhere = replace(options, root=folder, config=folder / "gallery.yml")
    assert tiny_gallery.run(elsewhere)[0].failures == {}
    return payloads(elsewhere)


@pytest.mark.parametrize("moment", ["describe_files", "_hashed"])
def test_weights_replaced_while_a_build_runs(gallery, tmp_path_factory, monkeypatch, moment):
    """After they were hashed for the key of the card, or after they were described and before they are drawn."""
    first, weights = clean(gallery, tmp_path_factory), gallery.root / "mine.safetensors"
    kept = weights.read_bytes()
    with monkeypatch.context() as patch:
        if moment == "_hashed":
            original = catalogue._hashed
            patch.setattr(catalogue, "_hashed", lambda network: (original(network), other_weights(weights))[0])
        else:
            swap_after(patch, moment, lambda: other_weights(weights))
        try:
            reasons = list(tiny_gallery.run(gallery)[0].failures.values())
        except InnerviewError as error:  # of a single network that cannot be loaded nothing is published
            reasons = [str(error)]
    assert reasons, "a build that saw two files is not a finished one"
    assert all("changed while the gallery was built; build again" in why for why in reasons)
    assert tiny_gallery.run(gallery)[0].failures == {}, "the next build draws with the new ones"
    second = clean(gallery, tmp_path_factory)
    weights.write_bytes(kept)
    assert tiny_gallery.run(gallery)[0].failures == {}
    stored = payloads(gallery)
    for key, expected in (first | second).items():
        assert stored[key] == expected, "each key holds what a build that was left alone gives"


def test_code_replaced_between_its_description_and_its_pass(tmp_path, monkeypatch):
    text = tiny_gallery.NETWORK
    options = tiny_gallery.lay(tmp_path, ["one"], module="replaced_in_between", methods=["saliency"], targets=["top"])
    file = tmp_path / "replaced_in_between.py"
    before = file.stat()

    def change():
        file.write_text(text.replace("manual_seed(3)", "manual_seed(4)"))
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))  # as an editor within one second

    with monkeypatch.context() as patch:
        swap_after(patch, "describe_files", change)
        report, _ = tiny_gallery.run(options)
    assert report.failures and all("changed while the gallery" in reason for reason in report.failures.values())
    report, _ = tiny_gallery.run(options)
    assert (report.failures, report.drawn) == ({}, report.figures), "and it is drawn by the next build"


def test_code_is_what_runs_not_what_lies_there(tmp_path):
    """In one process, as `serve --workers 0` and notebooks are: also within the second that compiled copies know."""
    options = tiny_gallery.lay(tmp_path, module="edited_twice")
    file, network = tmp_path / "edited_twice.py", Network("mine", "edited_twice:net", folder=str(tmp_path))
    network = replace(network, input=Input((3, 10, 12), (0.5,) * 3, (0.25,) * 3))
    assert options.root == tmp_path
    found = []
    for seed in (3, 4, 3):
        file.write_text(tiny_gallery.NETWORK.replace("manual_seed(3)", f"manual_seed({seed})"))
        os.utime(file, (1_000_000, 1_000_000))
        found.append(load(network))
    assert found[0].digest == found[2].digest != found[1].digest
    assert found[0].code == found[2].code != found[1].code


def test_what_a_module_imports_late_is_what_was_hashed(tmp_path):
    (tmp_path / "late_part.py").write_text("SCALE = 1.0\n")
    text = "import torch\nfrom torch import nn\n\n\nclass Net(nn.Module):\n    def forward(self, x):\n"
    text += "        from late_part import SCALE\n        return x.mean((2, 3)) * SCALE\n\n\n"
    text += "def net():\n    return Net()\n"
    (tmp_path / "imports_late.py").write_text(text)
    size = Input((3, 4, 4), (0.5,) * 3, (0.5,) * 3)
    network = Network("late", "imports_late:net", folder=str(tmp_path), input=size, classes=("a", "b", "c"))
    source_files.own(tmp_path)
    source_files.content(tmp_path / "late_part.py")  # as hashing does, here before the module is run for the first time
    loaded = load(network)
    (tmp_path / "late_part.py").write_text("SCALE = 2.0\n")
    assert torch.equal(loaded.model(torch.ones(1, 3, 4, 4)), torch.ones(1, 3))


def test_files_of_environments_within_a_gallery_are_not_the_users(tmp_path):
    source_files.own(ROOT)
    assert not source_files._is_own(ROOT / "generator/pipeline/plan.py")
    assert source_files._is_own(ROOT / "tests/support/bad_models.py")


def test_torchvisions_file_replaced_in_torchs_cache(tmp_path, monkeypatch):
    """The key of the card does not know this file; its record does."""
    store, digest = tiny_gallery.bundled(tmp_path).store, file_digest
    hub = tmp_path / "hub.safetensors"
    hub.write_bytes(b"first")
    network, asked = resolve("vgg-cifar10"), []
    card = Worker(tmp_path / "elsewhere").describe(network)

    class Asked:
        def ask(self, questions):
            asked.extend(questions)
            return [(card, {str(hub): digest(hub)}) for _ in questions]

    for content, expected in ((b"first", 1), (b"first", 1), (b"second", 2), (b"second", 2)):
        hub.write_bytes(content)
        assert catalogue.model_cards([network], Asked(), store, digest)[1] == []
        assert len(asked) == expected
    catalogue.forget(network, store)
    catalogue.model_cards([network], Asked(), store, digest)
    assert len(asked) == 3, "as figures of it failed"


def test_a_mask_replaced_after_it_was_read(tmp_path):
    for name in ("photo", "mask"):
        Image.new("RGB", (8, 8), "white" if name == "mask" else "blue").save(tmp_path / f"{name}.png")
    digest = {name: file_digest(tmp_path / f"{name}.png") for name in ("photo", "mask")}
    example = Example("photo", str(tmp_path / "photo.png"), "Photo", digest["photo"], (8, 8))
    example = replace(example, mask=str(tmp_path / "mask.png"), mask_digest=digest["mask"])
    size = Input((3, 8, 8), (0.5,) * 3, (0.5,) * 3)
    assert preprocess.inside(example, size) is None
    Image.new("RGB", (8, 8), "black").save(tmp_path / "mask.png")
    with pytest.raises(ImageError, match="mask.png: it changed while the gallery was built; build again"):
        preprocess.inside(example, size)


@pytest.mark.parametrize("change", ["replaced", "added", "removed"])
def test_images_of_a_probe_that_change_after_the_key_was_made(tmp_path, change):
    images = broken_nets.folder(tmp_path / "kinds", 12)
    net = broken_nets.healthy()
    task = broken_nets.planned(net, images)
    first, *others = sorted(images.rglob("*.png"))
    if change == "replaced":
        shutil.copyfile(others[-1], first)
    elif change == "added":
        shutil.copyfile(first, first.with_name("more.png"))
    else:
        first.unlink()
    worker = Worker(tmp_path / "store")
    worker.preload(replace(net, network=task.network))
    with pytest.raises(read_once.Changed, match="changed while the gallery was built; build again"):
        worker.probe_part(task, 0)
    assert list(worker.store.folder.rglob("*.json")) == []


def test_an_archive_of_a_probe_is_verified_each_time(tmp_path):
    """Also where it is remembered from before, as of the same name, size and time."""
    images = broken_nets.folder(tmp_path / "kinds", 8)
    archive = tmp_path / "kinds.tar"
    shutil.make_archive(str(archive.with_suffix("")), "tar", images)
    net = broken_nets.healthy()
    task = broken_nets.planned(net, archive)
    with read_once.ledger(hashed_files(task), closed=True):
        assert len(jobs.pictures_of(task)) == 8
    with pytest.raises(read_once.Changed), read_once.ledger({str(archive): "0" * 64}, closed=True):
        datasets.folder_per_class(archive, "test")


def test_checkpoints_are_those_that_the_key_was_made_of(tmp_path):
    folder = tmp_path / "made"
    folder.mkdir()
    state = load_file(BUNDLED)
    for epoch in (1, 2):
        save_file({name: tensor * (epoch / 2) for name, tensor in state.items()}, folder / f"epoch-{epoch}.safetensors")
    network = replace(resolve("vgg-cifar10"), folder=str(tmp_path), checkpoints="made")
    loaded = load(network)
    becoming = known(loaded)["becoming"]
    later = load(network)
    verify(later, becoming)
    save_file({name: tensor * 0.7 for name, tensor in state.items()}, folder / "epoch-1.safetensors")
    for read in (lambda: at_epoch(later, folder / "epoch-1.safetensors"), lambda: kernels(later, "backbone.conv0")):
        with pytest.raises(read_once.Changed, match="epoch-1.safetensors changed"):
            read()
    with pytest.raises(read_once.Changed):
        verify(load(network), becoming)


def test_our_own_code_is_what_keys_are_made_of(tmp_path):
    """An update of Innerview in the middle of a build."""
    options = tiny_gallery.lay(tmp_path, ["one"])
    pool = options.pool()
    with Pool(replace(pool.setup, code="another"), 0) as changed:
        with pytest.raises(InnerviewError, match="the code of Innerview .* changed while the gallery was built"):
            changed.ask([("methods", ())])
    with options.pool() as same:
        assert len(same.ask([("methods", ())])[0]) > 30
    assert yaml.safe_load((tmp_path / "gallery.yml").read_text())["preset"] == "quick"


def test_a_changed_file_of_a_network_never_takes_our_modules_along(tmp_path, monkeypatch):
    """A network that lies beside the package, as in a clone, has its files among those that it imports."""
    monkeypatch.setattr(source_files, "_CONTENT", {})
    ours, changed = sys.modules["generator.core.records"], tmp_path / "network.py"
    changed.write_text("size = 3")
    for file in (Path(ours.__file__), changed):
        source_files.content(file)
    changed.write_text("size = 4")
    source_files.forget_changed()
    assert sys.modules.get("generator.core.records") is ours and not source_files._CONTENT
