"""How much memory methods of many passes get on a GPU, as a driver that is played tells it; none is needed here."""

import pytest

from generator.pipeline.memory_budget import LEAST, USUAL, room
from generator.pipeline.options import Options

GIB = 2**30


@pytest.fixture
def driver(tmp_path, monkeypatch):
    """Puts a driver's command in place that answers with these words; returns what it was asked."""
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    asked = tmp_path / "asked"

    def put(words, code=0):
        command = tmp_path / "nvidia-smi"
        command.write_text(f'#!/bin/sh\necho "$@" >> {asked}\necho "{words}"\nexit {code}\n')
        command.chmod(0o755)
        return asked

    return put


def test_workers_share_most_of_what_is_free(driver):
    driver(81_920)  # MiB
    assert [room("cuda", workers) / GIB for workers in (1, 2, 4)] == [64, 32, 16]
    driver(3)
    assert room("cuda", 1) == LEAST


def test_the_card_that_is_asked_is_the_one_that_torch_sees_by_that_number(driver, monkeypatch):
    asked = driver(1000)
    room("cuda:1", 1)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,GPU-beef")
    room("cuda", 1)
    room("cuda:1", 1)
    assert [line.rpartition("--id=")[2] for line in asked.read_text().splitlines()] == ["1", "5", "GPU-beef"]


@pytest.mark.parametrize(("words", "code"), [("[N/A]", 0), ("", 0), ("4096", 9)])
def test_where_the_driver_does_not_tell_the_usual_is_taken(driver, words, code):
    driver(words, code)
    assert room("cuda", 1) == USUAL


def test_on_the_cpu_nobody_is_asked(driver):
    asked = driver(81_920)
    assert room("cpu", 8) == USUAL and not asked.exists()


def test_what_someone_gives_is_what_is_taken(driver):
    driver(81_920)
    assert Options(device="cuda", workers=1).room == 64 * GIB
    assert Options(device="cuda", workers=1, memory=GIB).room == GIB
