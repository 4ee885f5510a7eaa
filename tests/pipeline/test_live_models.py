"""Which networks visitors may give pictures of their own, and what is said where that cannot be."""

from dataclasses import replace

import pytest

from generator.config.settings import ModelEntry, PruneEntry, Settings
from generator.core.records import Input, ModelCard
from generator.core.store import Store
from generator.live import runtime
from generator.models.specs import network_slug
from generator.pipeline import live_models
from generator.pipeline.options import Progress
from generator.pipeline.selection import networks


class Lines(Progress):
    """Remembers what is said."""

    def __init__(self):
        self.lines = []

    def say(self, line):
        self.lines.append(line)


def card(network):
    slug, seen = network_slug(network), Input((3, 8, 8), (0.5,) * 3, (0.5,) * 3)
    return ModelCard(slug, slug, slug, network.source, "0" * 64, seen, "", ("a",), 1, 1, 1, (), (), "", "")


def live(*entries):
    settings = Settings(models=[*entries])
    chosen = [(network, card(network)) for network in networks(settings)]
    return [task.card.slug for task in live_models.tasks_of(settings, chosen)]


def test_networks_that_come_with_us_are_live_and_their_copies_are_not():
    pruned = ModelEntry(name="vgg-cifar10", prune=[PruneEntry(sparsity=0.5)])
    assert live(pruned, ModelEntry(name="imagenette~random"), ModelEntry(name="alexnet")) == ["vgg-cifar10"]


def test_gallery_yml_has_the_last_word():
    assert live(ModelEntry(name="alexnet", live=True), ModelEntry(name="imagenette", live=False)) == ["alexnet"]
    assert live(ModelEntry(name="imagenette~random", live=True)) == ["imagenette~random"]


@pytest.fixture
def task(tmp_path):
    settings = Settings(models=[ModelEntry(name="vgg-cifar10")])
    (network,) = networks(settings)
    return live_models.tasks_of(settings, [(network, card(network))])[0]


def test_without_a_runtime_the_page_is_left_out_with_a_line(task, tmp_path, monkeypatch):
    store, progress = Store(tmp_path), Lines()
    store.put(task.key, {"reason": ""}, {"script": b"take()"})
    monkeypatch.setattr(runtime.parts, "__defaults__", (tmp_path / "nowhere",))
    assert live_models.published([task], 60, store, progress) == ([], [])
    (line,) = progress.lines
    assert line.startswith("the live page is left out: its runtime is not here") and "innerview live" in line


def test_what_is_published_is_the_runtime_and_the_networks_that_are_ready(task, tmp_path, monkeypatch):
    store, other = Store(tmp_path), replace(task, key="1" * 64)
    store.put(task.key, {"reason": ""}, {"script": b"take()"})
    store.put(other.key, {"reason": "operator aten.erfinv has no counterpart"})
    monkeypatch.setattr(runtime, "parts", lambda: {"script": b"s", "module": b"m", "wasm": b"w"})
    described, files = live_models.published([task, other], 60, store, Lines())
    assert [record["model"] for record in described] == ["", "vgg-cifar10"] and described[1]["bytes"] == 6
    assert [file.path for file in files] == [live_models.RUNTIME, "live/vgg-cifar10.js"]


class Nobody:
    """Workers that nothing may be asked of."""

    def ask(self, questions):
        assert not questions
        return []


def test_without_a_runtime_no_network_is_prepared(task, tmp_path, monkeypatch):
    progress = Lines()
    monkeypatch.setattr(runtime, "is_here", lambda: False)
    live_models.prepare([task], Nobody(), Store(tmp_path), progress)
    assert progress.lines == []


def test_a_network_that_cannot_be_live_is_named_with_the_reason(task, tmp_path, monkeypatch):
    monkeypatch.setattr(runtime, "is_here", lambda: True)
    store, progress = Store(tmp_path), Lines()
    store.put(task.key, {"reason": "operator aten.erfinv has no counterpart"})
    live_models.prepare([task], Nobody(), store, progress)
    assert progress.lines == ["vgg-cifar10: not live: operator aten.erfinv has no counterpart"]


def test_what_would_make_the_site_too_heavy_is_left_out_with_a_line(task, tmp_path, monkeypatch):
    store, progress = Store(tmp_path), Lines()
    store.put(task.key, {"reason": ""}, {"script": b" " * 1_000_000})
    monkeypatch.setattr(runtime, "parts", lambda: {"script": b"s", "module": b"m", "wasm": b"w"})
    assert live_models.published([task], 1, store, progress) == ([], [])
    (line,) = progress.lines
    assert "live_megabytes allows 1" in line
    assert len(live_models.published([task], 2, store, progress)[1]) == 2
