"""A probe tells of each channel what a search through all images tells, in parts or at once, whatever it is given."""

import json
import tarfile
from dataclasses import replace

import broken_nets
import numpy as np
import pytest
import torch
from PIL import Image

from generator.analysis.probe import jobs, results
from generator.analysis.probe.channel_stats import BINS
from generator.analysis.probe.dataset import from_files
from generator.analysis.probe.forward_pass import look, watched_layers
from generator.analysis.probe.tasks import files, find_source, task_of
from generator.core.errors import ConfigError, NotApplicable
from generator.core.store import Store
from generator.core.tasks import Source
from generator.data import datasets
from generator.data.batches import normalised
from generator.drawing.patches import board, cut, window
from generator.engine.batch_size import batch_size
from generator.engine.capture import Watch
from generator.engine.model_card import describe
from generator.models.specs import file_digest


@pytest.fixture(scope="module")
def net():
    return broken_nets.healthy()


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return broken_nets.folder(tmp_path_factory.mktemp("kinds"))


@pytest.fixture(scope="module")
def card(net):
    return describe(net)


@pytest.fixture(scope="module")
def pictures(images, card):
    return from_files(str(images), "", 0, card.input, card.classes)


@pytest.fixture(scope="module")
def everything(net, card, pictures):
    """What all images do to every layer, at once: {layer: (N, K, h, w)}."""
    crops = np.stack([pictures.read(number) for number in range(len(pictures))])
    x = normalised(torch.from_numpy(crops.transpose(0, 3, 1, 2).copy()), card.input)
    found = {}
    with torch.no_grad(), Watch(net.model, lambda name, type_, kind, tensor: found.update({name: tensor.clone()})):
        found["probabilities"] = net.model(x.clone()).softmax(1)
    return {name: tensor.reshape(*tensor.shape[:2], *(tensor.shape[2:] or (1, 1))) for name, tensor in found.items()}


@pytest.fixture(scope="module")
def seen(net, card, pictures):
    return look(net, card, pictures, range(len(pictures)), 32, 9)


def test_top_images_are_those_of_a_brute_force_search(seen, everything, card):
    for layer in watched_layers(card):
        values = everything[layer.name]
        flat = values.flatten(2)
        peaks, places = flat.amax(2).numpy(), flat.argmax(2).numpy()
        order = np.argsort(-peaks, axis=0, kind="stable")[:9]  # of equals the earlier image
        state = seen[0][layer.name]
        np.testing.assert_allclose(state["top"], np.take_along_axis(peaks, order, 0), rtol=1e-5, atol=1e-6)
        clear = np.diff(np.sort(peaks, axis=0), axis=0).min(0) > 1e-5  # where rounding decides, either may come first
        assert clear.any() or layer.kind == "softmax"
        assert np.array_equal(state["top_image"][:, clear], order[:, clear]), layer.name
        assert np.array_equal(state["top_place"][:, clear], np.take_along_axis(places, order, 0)[:, clear]), layer.name


def test_statistics_are_those_of_all_values(seen, everything, card):
    for layer in watched_layers(card):
        values, found = everything[layer.name].double(), jobs.channels(seen[0][layer.name])
        np.testing.assert_allclose(found["max"], values.amax((0, 2, 3)), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(found["mean"], values.mean((0, 2, 3)), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(found["best"], values.mean((2, 3)).amax(0), rtol=1e-4, atol=1e-5)
        if layer.kind == "activation":
            np.testing.assert_allclose(found["zeros"], (values == 0).double().mean((0, 2, 3)), atol=1e-4)
        assert (found["histogram"].sum(1) == seen[0][layer.name]["samples"]).all()


def test_a_histogram_has_two_bins_for_each_doubling(seen, everything, card):
    """With as many places sampled as there are, its counts are those of numpy between edges at 1 and 1.5 times 2^n."""
    name = "2"
    state, values = seen[0][name], everything[name].transpose(0, 1).flatten(1).numpy()
    assert int(state["samples"]) == values.shape[1], "few images: every place is sampled"
    unit = float(state["unit"])
    ends = unit * np.array([2.0**-n * m for n in range(8, 0, -1) for m in (1, 1.5)])[1:]
    for channel, counts in enumerate(state["histogram"]):
        inner = np.histogram(values[channel], [*ends[:-1], unit * 0.75, np.inf])[0]
        assert abs(counts[BINS // 2 + 1 :] - inner[-(BINS // 2) :]).sum() <= 4  # values within rounding of an edge


def test_alike_is_the_correlation_of_two_channels(net, card, pictures, everything):
    twins = broken_nets.broken(net, "twins")
    state = look(twins, card, pictures, range(len(pictures)), 32, 9)[0]["2"]
    found = jobs.channels(state)
    assert (found["partner"][0], found["partner"][1]) == (1, 0) and found["alike"][0] > 0.9999
    values = everything["2"].transpose(0, 1).flatten(1).numpy().astype(float)
    sound = jobs.channels(look(net, card, pictures, range(len(pictures)), 32, 9)[0]["2"])
    slow = np.corrcoef(values) - 2 * np.eye(len(values))
    assert np.allclose(sound["alike"], slow.max(1), atol=0.02) and (sound["partner"] == slow.argmax(1)).all()


def test_parts_put_together_are_the_whole(net, card, pictures, seen):
    from generator.analysis.probe.channel_stats import merged

    count = len(pictures)
    parts = [look(net, card, pictures, range(first, min(first + 64, count)), 32, 9) for first in range(0, count, 64)]
    for name, whole in seen[0].items():
        together = parts[0][0][name]
        for part in parts[1:]:
            together = merged(together, part[0][name], 9)
        for key in ("top", "top_image", "top_place", "histogram", "zeros", "max", "best"):
            assert np.array_equal(together[key], whole[key]), (name, key)
        np.testing.assert_allclose(together["second"], whole["second"], rtol=1e-4, atol=1e-3)
    said = np.concatenate([part[1]["said"] for part in parts])
    assert np.array_equal(said, seen[1]["said"])


def test_a_probe_is_done_part_by_part_and_goes_on_where_it_was(net, images, tmp_path, monkeypatch):
    monkeypatch.setattr("generator.core.tasks.PART", 64)
    store = Store(tmp_path)
    task = task_of(net.network, describe(net), Source(str(images)), (), file_digest)
    assert (task.batch, task.part, task.parts(96)) == (64, 64, 2)
    jobs.part(task, 0, net, store)
    monkeypatch.setattr(jobs, "look", lambda *asked: pytest.fail("this part is known"))
    jobs.part(task, 0, net, store)
    monkeypatch.undo()
    monkeypatch.setattr("generator.core.tasks.PART", 64)
    jobs.part(task, 1, net, store)
    jobs.combine(task, net, store)
    summary = results.summary(task, store)
    assert (summary["images"], summary["labelled"]) == (96, 96)
    assert summary["correct"] >= 90, "it has learnt"
    assert not any(store.get(task.part_key(number)) for number in range(2)), "parts are not kept"
    json.dumps(summary, allow_nan=False)


def test_a_patch_is_exactly_what_the_value_saw(net, images, tmp_path):
    """Changing any pixel of the patch may change the value; changing all others does not."""
    task = broken_nets.probed(net, images, Store(tmp_path))
    values = jobs.strongest(task, "2", Store(tmp_path))
    read = jobs.pictures_of(task).read
    number, place = int(values.arrays["images"][0, 2]), divmod(int(values.arrays["places"][0, 2]), 16)
    spot = window(values.meta["field"], place, (16, 16))
    photo = read(number)
    inside = np.zeros((16, 16), bool)
    (top, bottom), (left, right) = spot
    inside[max(0, top) : bottom, max(0, left) : right] = True
    noise = np.random.default_rng(0).integers(0, 256, photo.shape, dtype=np.uint8)

    def value(crop):
        x = normalised(torch.from_numpy(crop.transpose(2, 0, 1).copy())[None], task.card.input)
        return float(net.model[:3](x)[0, 2, place[0], place[1]])

    assert value(photo) == pytest.approx(float(values.arrays["values"][0, 2]), rel=1e-5)
    assert value(np.where(inside[..., None], photo, noise)) == pytest.approx(value(photo), rel=1e-5)
    assert value(np.where(inside[..., None], noise, photo)) != pytest.approx(value(photo), rel=1e-3)
    patch = cut(photo, spot, np.array([1, 2, 3], np.uint8))
    assert patch.shape == (5, 5, 3)
    whole, layout = board(values.arrays, values.meta, read)
    assert (layout["channels"], layout["patches"], layout["lines"]) == (6, 9, 2)
    assert whole.shape[:2] == (
        layout["rows"] * (layout["tile"][1] + 4) - 4,
        layout["columns"] * (layout["tile"][0] + 4) - 4,
    )


def test_beyond_the_edge_a_patch_is_filled():
    photo = np.full((4, 4, 3), 9, np.uint8)
    assert window({"size": [3, 3], "jump": [1, 1], "start": [-1, -1]}, (0, 3), (4, 4)) == [(-1, 2), (2, 5)]
    patch = cut(photo, [(-1, 2), (2, 5)], np.array([1, 2, 3], np.uint8))
    assert (patch[0] == [1, 2, 3]).all() and (patch[:, 2] == [1, 2, 3]).all() and (patch[1:, :2] == 9).all()


def test_what_cannot_be_read_is_left_out_and_told(net, card, images, tmp_path):
    (tmp_path / "a.png").write_bytes(b"no picture")
    for name in ("b", "c"):
        (tmp_path / f"{name}.png").write_bytes(next((images / "snow").iterdir()).read_bytes())
    found = from_files(str(tmp_path), "", 0, card.input, card.classes)
    assert (found.names, set(found.labels)) == (("a.png", "b.png", "c.png"), {-1})
    layers, answers, problems = look(net, card, found, range(3), 2, 9)
    assert answers["number"].tolist() == [1, 2] and len(problems) == 1 and "a.png" in problems[0]
    assert layers["2"]["top_image"][0].min() == 1, "an image keeps its number"


def test_an_archive_and_its_folder_are_the_same_probe(card, images, tmp_path):
    with tarfile.open(tmp_path / "kinds.tar.gz", "w:gz") as archive:
        archive.add(images, "kinds")
    one, other = (
        from_files(str(path), "", 0, card.input, card.classes) for path in (images, tmp_path / "kinds.tar.gz")
    )
    assert (one.names, one.labels) == (other.names, other.labels)
    assert np.array_equal(one.read(7), other.read(7))
    assert len(from_files(str(images), "", 10, card.input, card.classes)) == 10


def test_a_probe_has_the_key_of_its_files_its_network_and_its_input(net, card, images):
    def key(**changes):
        given = {"card": card, "source": Source(str(images)), "digest": lambda file: file.name} | changes
        return task_of(net.network, given["card"], given["source"], (), given["digest"]).key

    other = replace(card, input=replace(card.input, mean=(0.1, 0.2, 0.3)))
    keys = [key(), key(card=other), key(card=replace(card, digest="x")), key(source=Source(str(images), "", 9))]
    keys.append(key(digest=lambda file: file.name + "changed"))
    assert len(set(keys)) == 5 and key() == keys[0]
    assert len(files(Source(str(images)))) == 96
    assert batch_size(card, 2**30) == 64 and batch_size(card, 1) == 1


def test_a_probe_that_is_not_at_hand_is_one_line(tmp_path):
    with pytest.raises(ConfigError, match="gallery.yml: models.0..probe: expected a folder .* there is no 'cifar99'"):
        find_source("cifar99", 0, tmp_path, tmp_path, "gallery.yml: models[0].probe:")
    (tmp_path / "mine").mkdir()
    assert find_source("mine", 5, tmp_path, None, "").path == str(tmp_path / "mine")
    (tmp_path / "sets" / datasets.CIFAR10_BATCHES).mkdir(parents=True)
    found = find_source("cifar10", 0, tmp_path, tmp_path / "sets", "")
    assert (found.path, found.known) == (str(tmp_path / "sets"), "cifar10")


def test_without_a_probe_top_images_say_why(net, card, tmp_path):
    task = task_of(net.network, card, Source(), (), lambda file: "")
    with pytest.raises(NotApplicable, match="the probe failed"):
        jobs.strongest(task, "2", Store(tmp_path))


def test_silent_channels_have_empty_places():
    arrays = {
        "values": np.array([[0.0, 2.0]], np.float32),
        "images": np.zeros((1, 2), int),
        "places": np.zeros((1, 2), int),
    }
    meta = {"field": None, "input": (3, 4, 4), "mean": (0.5,) * 3, "silent": True, "space": [1, 1]}
    drawn, layout = board(arrays, meta, lambda number: np.zeros((4, 4, 3), np.uint8))
    height = layout["tile"][1]
    assert (layout["columns"], layout["rows"]) == (1, 2)
    assert (drawn[:height] == 255).all() and (drawn[-height:] == 0).any()
    assert Image.fromarray(drawn).size == (drawn.shape[1], drawn.shape[0])
