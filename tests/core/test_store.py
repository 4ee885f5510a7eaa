"""What is in the store is whole or not there: files half-written or damaged are never taken for results."""

import errno
import os
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from generator.core.atomic_io import create_atomically, write_atomically
from generator.core.store import Damaged, Store, StoreError, key_of, pack, unpack

KEY = key_of("a job")


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def test_what_is_put_is_got(store):
    put = store.put(KEY, {"status": "drawn", "range": [0.0, 1.5]}, {"arrays": b"values"})
    assert store.get(KEY) == put
    assert list(store.get(KEY)) == list(put), "what was just made and what was kept read alike, in order too"
    assert put["range"] == [0.0, 1.5]
    assert store.read(put["payloads"]["arrays"]) == b"values"
    assert store.has_payloads(put) and store.verify(put)


def test_what_was_not_put_is_not_there(store):
    assert store.get(KEY) is None
    assert store.remove_damaged() == []


def test_a_record_exists_only_once_its_payloads_do(store, monkeypatch):
    def interrupted(source, target):
        raise KeyboardInterrupt

    monkeypatch.setattr("generator.core.store.os.replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.put(KEY, {}, {"arrays": b"values"})
    monkeypatch.undo()
    assert store.get(KEY) is None
    assert [path for path in store.folder.rglob("*") if path.is_file()] == []


def test_half_a_file_of_a_killed_process_is_nobodys(store):
    full = store.put(KEY, {}, {"arrays": b"values"})
    store.path(full["payloads"]["arrays"]).with_name(".tmpabc").write_bytes(b"val")
    assert store.remove_damaged() == []
    assert store.verify(store.get(KEY))


def test_a_record_that_is_no_json_number_is_refused(store):
    with pytest.raises(ValueError, match="not JSON compliant"):
        store.put(KEY, {"range": [0.0, float("nan")]})
    assert store.get(KEY) is None


@given(position=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_a_flipped_bit_in_a_payload_is_found(tmp_path_factory, position, bit):
    store = Store(tmp_path_factory.mktemp("store"))
    full = store.put(KEY, {}, {"arrays": bytes(range(256))})
    digest = full["payloads"]["arrays"]
    flip(store.path(digest), position, bit)
    with pytest.raises(Damaged, match=digest[:12]):
        store.read(digest)
    assert not store.has_payloads(full), "what is damaged is removed, so that it will be made again"
    store.put(KEY, {}, {"arrays": bytes(range(256))})
    assert store.read(digest) == bytes(range(256))


@given(position=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_a_flipped_bit_in_a_record_hides_it(tmp_path_factory, position, bit):
    store = Store(tmp_path_factory.mktemp("store"))
    store.put(KEY, {"status": "drawn", "range": [0.0, 1.5]})
    (record,) = store.folder.rglob("*.json")
    flip(record, position, bit)
    assert store.get(KEY) is None


def test_every_damaged_file_is_removed_at_once_and_no_other(store):
    one = store.put(key_of(1), {}, {"arrays": b"one", "frames": b"two"})
    store.put(key_of(2), {"is": "a record alone"})
    store.put(key_of(3), {"is": "whole"}, {"arrays": b"three"})
    flip(store.path(one["payloads"]["arrays"]), 1, 1)
    (record,) = store.folder.rglob(f"{key_of(2)}.json")
    flip(record, 80, 0)
    assert sorted(store.remove_damaged()) == sorted([one["payloads"]["arrays"], record.name])
    assert store.remove_damaged() == []
    assert store.get(key_of(2)) is None and not store.verify(one)
    assert store.verify(store.get(key_of(3)))


def test_a_payload_that_is_gone_is_told(store):
    full = store.put(KEY, {}, {"arrays": b"values"})
    store.path(full["payloads"]["arrays"]).unlink()
    assert not store.has_payloads(full) and not store.verify(full)
    with pytest.raises(Damaged, match="was damaged or is gone; build again"):
        store.read(full["payloads"]["arrays"])


def test_a_store_that_cannot_be_written_is_one_clear_line(store, monkeypatch):
    def refuse(*arguments, **more):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("generator.core.store.os.open", refuse)
    with pytest.raises(StoreError) as told:
        store.put(KEY, {}, {"arrays": b"values"})
    assert str(told.value) == f"{store.folder}: expected a store that can be written: Read-only file system"


def test_a_file_where_the_store_should_be_is_one_clear_line(tmp_path):
    (tmp_path / "store").write_text("not a folder")
    store = Store(tmp_path / "store")
    assert store.get(KEY) is None
    with pytest.raises(StoreError, match="expected a store that can be written"):
        store.put(KEY, {})


def test_many_may_write_the_same_at_once(store):
    errors = []

    def work():
        try:
            for number in range(30):
                full = store.put(key_of(number), {"number": number}, {"arrays": b"same for all" * number})
                assert store.get(key_of(number)) == full
                assert store.verify(full)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert store.remove_damaged() == []


def test_one_process_at_a_time_publishes(store):
    order, inside, waiting = [], threading.Event(), threading.Event()

    def second():
        inside.wait(60)
        with store.alone(waiting=waiting.set):
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with store.alone(waiting=lambda: order.append("waits for nobody")):
        inside.set()
        assert waiting.wait(60), "the second one must be told that it waits"
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_files_are_replaced_whole_also_when_they_may_not_be_written_to(tmp_path):
    write_atomically(tmp_path / "a" / "file", b"old", 0o444)
    write_atomically(tmp_path / "a" / "file", b"new", 0o444)
    assert (tmp_path / "a" / "file").read_bytes() == b"new"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["file"]


def test_a_file_is_whole_or_as_before(tmp_path):
    path = tmp_path / "weights"
    path.write_text("before")

    def fail(file):
        file.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        create_atomically(path, fail)
    assert [file.name for file in tmp_path.iterdir()] == ["weights"] and path.read_text() == "before"


def test_a_file_begins_beside_its_place_also_where_that_is_named_alone(tmp_path, monkeypatch):
    begun, usual = [], os.open
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "open", lambda path, *more: begun.append(Path(path).parent) or usual(path, *more))
    write_atomically(Path("file"), b"new")
    assert begun == [tmp_path] and (tmp_path / "file").read_bytes() == b"new"


SHAPES = array_shapes(min_dims=0, min_side=0, max_side=4)


@given(st.dictionaries(st.text(max_size=5), arrays(st.sampled_from(["f4", "u1", "i8", "?"]), SHAPES), max_size=3))
def test_arrays_are_packed_and_unpacked(plain):
    again = unpack(pack(plain))
    assert list(again) == list(plain)
    for name, array in plain.items():
        assert again[name].dtype == array.dtype and again[name].shape == array.shape
        assert again[name].tobytes() == array.tobytes()


def test_packed_arrays_are_small_and_stable():
    zeros = {"codes": np.zeros((64, 32, 32), np.uint8)}
    assert len(pack(zeros)) < 1000
    assert pack(zeros) == pack({"codes": np.zeros((64, 32, 32), np.uint8)})


def test_keys_are_of_what_is_said_and_not_of_how():
    assert key_of({"a": 1, "b": (2, 3)}) == key_of({"b": [2, 3], "a": 1})
    parts = [(), ("",), ("a", "b"), ("ab",), (["a", "b"],), (1,), ("1",), (1.5,), ({"a": None},)]
    assert len({key_of(*part) for part in parts}) == len(parts)


def flip(path, position, bit):
    """One bit of a file is not what it was."""
    data = bytearray(path.read_bytes())
    data[position % len(data)] ^= 1 << bit
    path.unlink()
    path.write_bytes(bytes(data))
